#!/bin/sh
# Prints the newest Python from 3.11 on that really runs and can make virtual environments.
# (A shim of pyenv answers to a name whose Python is switched off, and Debian ships venv apart.)
for name in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}; do
    path=$(command -v "$name") || continue
    if "$path" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$path"
        exit 0
    fi
done
echo "Ridgewatch needs Python 3.11 or newer with venv: sudo apt-get install -y python3 python3-venv" >&2
exit 1
