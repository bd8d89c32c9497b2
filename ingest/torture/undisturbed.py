"""The same messages in a quiet room: what a run must leave behind when nothing befalls it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.message import Message
from ingest.pipeline import Pipeline
from ingest.torture.record import Record
from ingest.torture.story import MINUTE_MS, Sent
from models.people import machine
from models.registry_file.load import load
from models.settings_text import sqlite_url
from models.store import Store
from models.tables import METADATA
from models.times import from_ms

STEPS_A_COMMIT = 60
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
    pipeline = Pipeline()
    store = Store(sqlite_url(folder / "undisturbed.db"), folder, durable=False)
    try:
        with store.writing() as session:
            METADATA.create_all(session.connection())
            load(session, registry, by=machine("system"), now=from_ms(begins_ms))
        for start in range(0, len(told), STEPS_A_COMMIT):
            _play(store, pipeline, step_ms, told[start : start + STEPS_A_COMMIT])
        return Record.of(store, told[-1][0] if told else begins_ms)
    finally:
        store.close()


def _play(store: Store, pipeline: Pipeline, step_ms: int, told: Sequence[Told]) -> None:
    """While a step's messages come in, a led clock stands where the last watermark has put it."""
    with store.writing() as session:
        pipeline.begin(session)
        for ends_ms, sent in told:
            now_ms = ends_ms - step_ms
            messages = [Message(one.topic, one.payload, now_ms, qos=1) for one in sent]
            pipeline.take(session, pipeline.decode(messages), from_ms(now_ms))
            for minute_ms in range(now_ms + MINUTE_MS, ends_ms + 1, MINUTE_MS):
                pipeline.tick(session, from_ms(minute_ms))
        pipeline.flush(session, from_ms(told[-1][0]))
