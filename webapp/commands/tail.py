"""`ridgewatch tail`: follows what happens, as lines of text."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from models.event import Event
    from models.words.render import Reader

LOOKS_EVERY_S = 0.5
AT_ONCE = 500


@click.command()
@click.option("-n", "--last", default=10, show_default=True, help="Begin with the last N events.")
@click.option("--once", is_flag=True, help="Print those and stop.")
def command(last: int, once: bool) -> None:
    """Print each event as a line: site time, what, action, state, who, why."""
    import os

    from sqlalchemy import func, select

    from ingest.stopping import stop_event
    from models.event import Event
    from models.installation import opened
    from models.words.render import Reader
    from webapp.cli import language_of

    stop = stop_event()
    reader = Reader(language_of(os.environ), "UTC")
    with opened(os.environ) as (_, store):
        with store.reading() as session:
            seen = (session.scalar(select(func.max(Event.number))) or 0) - max(last, 0)
        while not stop.is_set():
            newer = select(Event).where(Event.number > seen).order_by(Event.number).limit(AT_ONCE)
            with store.reading() as session:
                found = session.scalars(newer).all()
            for event in found:
                click.echo(_line(event, reader))
                seen = event.number
            if len(found) < AT_ONCE and (once or stop.wait(LOOKS_EVERY_S)):
                return


def _line(event: "Event", reader: "Reader") -> str:
    from models.reasons import Reason
    from models.times import iso
    from models.words.render import catalogue, text

    why = ""
    if event.reason is not None:
        told = Reason.from_json(event.reason)
        known = told.code in catalogue(reader.language)
        try:
            why = text(told, reader) if known else told.code
        except (KeyError, ValueError, TypeError):
            why = told.code  # written by another version, with other values
    state = " > ".join(one for one in (event.before, event.after) if one)
    parts = (iso(event.at), f"{event.kind}:{event.subject_code}", event.action, state)
    return "  ".join(one for one in (*parts, f"({event.by_kind})", why) if one)
