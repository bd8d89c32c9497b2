"""`ridgewatch up`: all roles with one command."""

import click


@click.command()
def command() -> int:
    """Run ingest, clock, work and web; start again what dies; stop all on SIGTERM or Ctrl-C."""
    import os

    from ingest.stopping import stop_event
    from ingest.supervisor import Supervisor, own
    from models.installation import opened

    stop = stop_event()
    with opened(os.environ, secret_needed=True) as (settings, _):
        address = settings.public_url
    supervisor = Supervisor([own(role) for role in ("ingest", "clock", "work", "web")])
    supervisor.start()
    click.echo(address)
    try:
        return supervisor.watch(stop)
    finally:
        supervisor.stop()
