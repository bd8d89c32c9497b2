"""How a role is told to stop: SIGTERM and Ctrl-C set an event that its loop looks at."""

import signal
from threading import Event
from types import FrameType


def stop_event() -> Event:
    """Return an event that is set by SIGTERM or SIGINT; to be called from the main thread."""
    stop = Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    return stop
