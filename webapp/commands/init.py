"""`ridgewatch init`: makes an installation, or brings one to this version's schema."""

from typing import BinaryIO

import click


@click.command()
@click.option("--registry", type=click.File("rb"), help="Load this registry file as well.")
def command(registry: BinaryIO | None) -> None:
    """Make the data folder and the database, and say what comes next.

    May be run again: what is there stays, and the schema is brought up to date.
    """
    import os

    from models.installation import COMMAND, made
    from models.registry_file.telling import load_file, remarks, results
    from models.settings import Settings
    from models.words.render import Reader, phrase
    from webapp.cli import language_of

    settings = Settings.read(os.environ, secret_needed=False)
    language = language_of(os.environ)
    reader = Reader(language, "UTC")
    content = registry.read() if registry else None
    with made(settings) as store:
        click.echo(phrase("init.made", reader, data_dir=str(settings.data_dir)), err=True)
        if registry and content is not None:
            changes = load_file(store, content, registry.name, by=COMMAND, prune=False)
            for line in results(changes):
                click.echo(line)
            for line in remarks(changes, registry.name, language):
                click.echo(line, err=True)
    if not settings.secret_key:
        click.echo(phrase("init.needs_secret", reader), err=True)
    click.echo(phrase("init.next", reader), err=True)
