"""`ridgewatch registry`: loads sites, buildings, sensors and rules from a file, or writes it."""

from typing import BinaryIO

import click


@click.group()
def command() -> None:
    """Load or write the registry file: sites, buildings, zones, sensors, rules.

    docs/registry.md describes it.
    """


@command.command()
@click.argument("file", type=click.File("rb"))
@click.option("--prune", is_flag=True, help="Retire what the file lacks; nothing is deleted.")
def load(file: BinaryIO, prune: bool) -> None:
    """Add and change what FILE names ('-' reads standard input): all of it or nothing.

    What FILE lacks stays as it is. Each change is a line: 'added sensor:tianning/C-07'.
    """
    import os

    from models.installation import COMMAND, opened
    from models.registry_file.telling import load_file, remarks, results
    from webapp.cli import language_of

    content, name = file.read(), str(getattr(file, "name", "<stdin>"))
    with opened(os.environ) as (_, store):
        changes = load_file(store, content, name, by=COMMAND, prune=prune)
    for line in results(changes):
        click.echo(line)
    for line in remarks(changes, name, language_of(os.environ)):
        click.echo(line, err=True)


@command.command()
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
def dump(file: str) -> None:
    """Write the registry to FILE ('-', the default, is standard output)."""
    import json
    import os
    from pathlib import Path

    from models.installation import opened
    from models.registry_file.dump import dump as dump_registry

    with opened(os.environ) as (_, store), store.reading() as session:
        document = dump_registry(session)
    text = json.dumps(document, ensure_ascii=False, indent=1)
    # Opened only now, and put in place when it is whole: no good file is lost to a bad moment.
    whole = not Path(file).exists() or Path(file).is_file()
    with click.open_file(file, "w", encoding="utf-8", atomic=file != "-" and whole) as out:
        out.write(text + "\n")
