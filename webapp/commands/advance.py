"""`ridgewatch advance`: moves site time on, where it is not the real one."""

import click


@click.command()
@click.argument("duration")
def command(duration: str) -> int:
    """Move site time on by DURATION, such as 90m, 36h or 2d, and wait until that is done.

    A running simulator publishes what happens meanwhile; every role passes each minute. Prints
    the site's new time.
    """
    import os

    from ingest.advancing import advance
    from ingest.stopping import stop_event
    from models.installation import opened
    from models.times import iso

    by = _length(duration)
    stop = stop_event()
    with opened(os.environ) as (_, store):
        at = advance(store, by, stop.is_set)
    click.echo(iso(at.replace(microsecond=0)))
    return 130 if stop.is_set() else 0


def _length(text: str):  # type: ignore[no-untyped-def]
    import re
    from datetime import timedelta

    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise click.BadParameter(f"{text!r} is not a duration like 90m, 36h or 2d.")
    words = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    try:
        found = sum((timedelta(**{words[u]: float(n)}) for n, u in parts), timedelta())
    except OverflowError:
        raise click.BadParameter(f"{text!r} is too long.") from None
    if not timedelta(0) < found <= timedelta(days=3660):
        raise click.BadParameter("A duration is longer than nothing and at most ten years.")
    return found
