"""Counts rain again where a person says afterwards that another counter has hung there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest import rollups
from ingest.moving import measured
from ingest.work_role import Task
from models.sensor import COUNT_AGAIN


def count_again(task: Task) -> Mapping[str, Any]:
    """Make the hour anew in which the counter's first total lies; an open hour is made anyway."""
    key, since_ms = int(task.arguments["sensor"]), int(task.arguments["since_ms"])
    with task.store.writing() as session:
        hours = rollups.count_again(session, measured(session), key, since_ms)
    return {"hours": hours}


HANDLERS = {COUNT_AGAIN: count_again}
