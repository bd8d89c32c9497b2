"""`ridgewatch token`: lets programs use the API."""

import click


@click.group()
def command() -> None:
    """Tokens for the API."""


@command.command()
@click.argument("name")
@click.option("--scope", required=True, help="read, write or admin.")
def add(name: str, scope: str) -> None:
    """Make a token called NAME and print it, this once: only its hash is kept."""
    import os

    from models.clock import machine_now, site_now
    from models.event import record
    from models.installation import COMMAND, opened
    from models.reasons import reason
    from models.tokens import issue_token

    with opened(os.environ) as (_, store), store.writing() as session:
        token, row = issue_token(session, name, scope, machine_now())
        why = reason("token.issued", name=row.name, scope=row.scope)
        record(row, "issue", by=COMMAND, now=site_now(session), why=why)
    click.echo(token)
