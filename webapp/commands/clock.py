"""`ridgewatch clock`: deadlines, escalation, reminders and outgoing notices."""

import click


@click.command()
def command() -> None:
    """Let site time have its effects: deadlines, escalation, ends of shelves, notices out.

    May run several times; one works, the others stand by. What is due is always read from the
    database, so that a stop costs nothing but time.
    """
    import os

    from ingest import clock_role
    from ingest.stopping import stop_event
    from models.installation import opened

    stop = stop_event()
    with opened(os.environ) as (settings, store):
        clock_role.run(settings, store, stop)
