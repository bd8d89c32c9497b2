"""The same messages in a quiet room: what a run must leave behind when nothing befalls it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.message import Message
from ingest.torture.record import Record
from ingest.torture.story import Sent
from ingest.virtual import Runner
from models.clock import HeldClock
from models.people import machine
from models.registry_file.load import load
from models.settings_text import sqlite_url
from models.store import Store
from models.tables import METADATA
from models.times import from_ms

Told = tuple[int, Iterable[Sent]]
"""The end of a step of site time, and what was published in it."""


def undisturbed(
    registry: Mapping[str, Any],
    begins_ms: int,
    step_ms: int,
    told: Sequence[Told],
    folder: Path,
) -> Record:
    """Play the messages through the pipeline in virtual time, in one process, in a fresh folder."""
    folder.mkdir()
    store = Store(sqlite_url(folder / "undisturbed.db"), folder, durable=False)
    try:
        with store.writing() as session:
            METADATA.create_all(session.connection())
            load(session, registry, by=machine("system"), now=from_ms(begins_ms))
        runner = Runner(store, HeldClock(from_ms(begins_ms)))
        until_ms = told[-1][0] if told else begins_ms
        runner.run(_messages(told, step_ms), from_ms(until_ms))
        return Record.of(store, until_ms)
    finally:
        store.close()


def _messages(told: Iterable[Told], step_ms: int) -> Iterator[Message]:
    """A led clock stands at the last watermark while a step's messages come in."""
    for ends_ms, sent in told:
        for one in sent:
            yield Message(one.topic, one.payload, ends_ms - step_ms + 1, qos=1)
