"""`ridgewatch user`: lets the first people in."""

import click


@click.group()
def command() -> None:
    """Accounts of people."""


@command.command()
@click.argument("email")
@click.option(
    "--role",
    required=True,
    help="admin, manager, duty, keeper, engineer, supervisor, designer, contractor or viewer.",
)
@click.option("--org", help="Code of the organisation; without it, the only authority.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(email: str, role: str, org: str | None, password_stdin: bool) -> None:
    """Give EMAIL a role: with a password at once, else by a link that is printed.

    The link lets one person in once, within 72 hours, and asks for the password.
    """
    import os
    import sys

    from models.accounts import add_user, invite, prepare_password
    from models.clock import site_now
    from models.installation import COMMAND, opened, organisation_of

    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    password_hash = None if password is None else prepare_password(password, email=email)
    with opened(os.environ) as (settings, store), store.writing() as session:
        organisation, now = organisation_of(session, org), site_now(session)
        if password_hash is not None:
            user = add_user(
                session,
                email=email,
                name="",
                password_hash=password_hash,
                role=role,
                organisation=organisation,
                by=COMMAND,
                now=now,
            )
            result = user.email
        else:
            token, _ = invite(
                session,
                email=email,
                role=role,
                organisation=organisation,
                site_ids=None,
                by=COMMAND,
                now=now,
            )
            result = f"{settings.public_url}/invitations/{token}"
    click.echo(result)
