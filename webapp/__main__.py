"""Lets `python -m webapp` be the `ridgewatch` command, for children that need no script."""

from webapp.cli import main

main()
