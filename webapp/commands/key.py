"""`ridgewatch key`: lets devices and networks publish to the receiver."""

from contextlib import contextmanager

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


@command.command()
@click.argument("name")
@click.option(
    "--old-works-for",
    "span",
    metavar="DURATION",
    help="How long the old password works beside the new one, such as 24h or 30d; "
    "without it, until `ridgewatch key retire NAME`.",
)
def rotate(name: str, span: str | None) -> None:
    """Give the key NAME a new password and print it, this once; the old one works on."""
    from datetime import timedelta

    from models.key_use import is_new_secret_used
    from models.keys import rotate_key
    from models.rules.durations import parse_span

    span_ms = None if span is None else parse_span(span)
    if span is not None and span_ms is None:
        raise click.BadParameter(f"{span!r} is not a duration like 24h or 30d.")
    works_for = None if span_ms is None else timedelta(milliseconds=span_ms)
    with _key(name) as (session, key, how):
        used = is_new_secret_used(session, key)
        secret = rotate_key(key, new_is_used=used, old_works_for=works_for, **how)
    click.echo(secret)


@command.command()
@click.argument("name")
def retire(name: str) -> None:
    """End the rotation of the key NAME: its old password works no more."""
    from models.keys import retire_old_secret

    with _key(name) as (_, key, how):
        retire_old_secret(key, **how)


@command.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Make the key NAME useless, for ever; its connections end within seconds."""
    from models.keys import revoke_key

    with _key(name) as (_, key, how):
        revoke_key(key, **how)


@command.command("list")
def list_all() -> None:
    """List the keys, without their passwords: name, state, for whom, last use, topics."""
    import os

    from models.clock import machine_now
    from models.installation import opened
    from models.key_use import uses
    from models.keys import all_keys, state_of
    from models.times import iso

    with opened(os.environ) as (_, store), store.reading() as session:
        now, used = machine_now(), uses(session)
        for key in all_keys(session):
            use = used.get(key.name)
            last = iso(use.used_at.replace(microsecond=0)) if use and use.used_at else "-"
            fields = (key.name, state_of(key, now), key.device or "network", last)
            click.echo("\t".join((*fields, " ".join(key.topics))))


@contextmanager
def _key(name: str):  # type: ignore[no-untyped-def]
    """Yield the session, a key and how to change it; the transaction is committed after that."""
    import os

    from models.clock import site_now
    from models.installation import COMMAND, opened
    from models.keys import key_called

    with opened(os.environ) as (_, store), store.writing() as session:
        yield session, key_called(session, name), {"by": COMMAND, "now": site_now(session)}
