#!/bin/sh
# Runs pytest and leaves its exit code in build/test-exit-code (make turns every failure into 2).
cd "$(dirname "$0")/.." || exit
mkdir -p build
unset PYTHONDONTWRITEBYTECODE  # some hundred processes start, and each would compile everything
.venv/bin/python -m pytest "$@"
code=$?
echo "$code" >build/test-exit-code
exit "$code"
