"""`ridgewatch key`: lets devices and networks publish to the receiver."""

import click


@click.group()
def command() -> None:
    """Keys for devices and networks that publish over MQTT."""


@command.command()
@click.argument("name")
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--topics",
    multiple=True,
    metavar="FILTER…",
    help="What it may publish under; "
    "several follow each other. A device needs none: its own topic is meant.",
)
@click.option("--device", metavar="ID", help="It may publish only as this device.")
@click.option("--network", is_flag=True, help="It may publish for any device under its topics.")
def add(
    name: str, more: tuple[str, ...], topics: tuple[str, ...], device: str | None, network: bool
) -> None:
    """Make a key and print its password, this once; NAME is the user name in MQTT."""
    import os

    from models.clock import site_now
    from models.errors import BadInput, Fault
    from models.installation import COMMAND, opened
    from models.keys import add_key
    from models.reasons import reason

    if device is not None and network:
        raise BadInput([Fault("--network", reason("key.device_or_network"))])
    if more and not topics:
        raise click.UsageError(f"Got unexpected extra arguments ({' '.join(more)})")
    with opened(os.environ) as (_, store), store.writing() as session:
        secret, _ = add_key(
            session, name, topics + more, device=device, by=COMMAND, now=site_now(session)
        )
    click.echo(secret)
