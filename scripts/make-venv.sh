#!/bin/sh
# Makes or mends .venv and installs a requirements file and Ridgewatch itself into it.
# Usage: scripts/make-venv.sh REQUIREMENTS. Never touches the system's Python (PEP 668).
set -e
cd "$(dirname "$0")/.."
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(sh scripts/find-python.sh)
    echo "Making .venv with $python" >&2
    "$python" -m venv --clear .venv
fi
pip() {
    .venv/bin/python -m pip --disable-pip-version-check --quiet "$@" >&2
}
pip install -r "$1"
# What it needs was installed just now, pinned; the second line only links this folder.
pip install --no-deps --editable .
