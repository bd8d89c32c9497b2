"""The registry file of the contract (design §6), and short ways to load, change and look."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.errors import BadInput
from models.people import Actor
from models.registry_file.dump import dump
from models.registry_file.ledger import Changes
from models.registry_file.load import load
from models.sensor import Sensor
from models.store import Store

NOW = datetime(2022, 3, 14, tzinfo=UTC)
BY = Actor("system", via="command")

EXAMPLE: dict[str, Any] = {
    "sites": [
        {
            "code": "tianning",
            "name": {"zh": "天宁寺", "en": "Tianning Temple"},
            "protection_level": "national",
            "timezone": "Asia/Shanghai",
            "location": {"lat": 32.01, "lon": 120.86},
            "sensors": [
                {
                    "code": "R-01",
                    "quantity": "rain_total",
                    "unit": "mm",
                    "interval_s": 300,
                    "serves": ["tianning"],
                    "source": {"device": "tn-node-1", "channel": "rain"},
                }
            ],
            "buildings": [
                {
                    "code": "jingang",
                    "name": {"zh": "金刚殿", "en": "Jingang Hall"},
                    "elements": [
                        {
                            "code": "ridge",
                            "type": "RF-RDG-F",
                            "name": {"zh": "花脊", "en": "decorated ridge"},
                            "height_m": 9.2,
                        }
                    ],
                    "sensors": [
                        {
                            "code": "C-07",
                            "quantity": "crack_width",
                            "unit": "mm",
                            "element": "ridge",
                            "interval_s": 900,
                            "source": {"device": "tn-node-3", "channel": "crack"},
                            "compensate_with": "T-03",
                        }
                    ],
                }
            ],
            "zones": [
                {
                    "code": "jingang-north",
                    "name": {"zh": "金刚殿北侧", "en": "Jingang Hall, north"},
                    "buildings": [],
                    "elements": ["jingang/ridge"],
                    "also_affects": [],
                }
            ],
        }
    ],
    "rules": [
        {
            "code": "CRACK",
            "kind": "threshold",
            "where": {"quantity": "crack_width", "sites": ["tianning"], "sensors": None},
            "of": "change",
            "baseline": {"of": "median", "over": "24h"},
            "levels": [
                {"severity": "low", "raise_at": 0.3},
                {"severity": "medium", "raise_at": 1.0},
                {"severity": "high", "raise_at": 2.0, "latch": True},
            ],
            "deadband": 0.2,
            "on_delay": "2 samples",
            "off_delay": "6h",
        }
    ],
}


def example(*changes: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Return the example, each change made to it."""
    document = copy.deepcopy(EXAMPLE)
    for change in changes:
        change(document)
    return document


def site(document: dict[str, Any]) -> dict[str, Any]:
    """Return the temple in a document."""
    found: dict[str, Any] = document["sites"][0]
    return found


def hall(document: dict[str, Any]) -> dict[str, Any]:
    """Return the hall in a document."""
    found: dict[str, Any] = document["sites"][0]["buildings"][0]
    return found


def gauge(document: dict[str, Any]) -> dict[str, Any]:
    """Return the crack gauge in a document."""
    found: dict[str, Any] = hall(document)["sensors"][0]
    return found


def put(store: Store, document: Any, *, days: int = 0, prune: bool = False) -> Changes:
    """Load a document, so many days after NOW, and commit."""
    with store.writing() as session:
        return load(session, document, by=BY, now=NOW + timedelta(days=days), prune=prune)


def dumped(store: Store) -> dict[str, Any]:
    """Return what the store would write."""
    with store.reading() as session:
        return dump(session)


def faults(store: Store, document: Any, *, prune: bool = False) -> dict[str, str]:
    """Return place -> code of what is wrong with a document; nothing may have been stored."""
    before = dumped(store)
    try:
        put(store, document, prune=prune)
    except BadInput as refused:
        assert dumped(store) == before
        return {fault.where: fault.reason.code for fault in refused.faults}
    raise AssertionError("it was loaded")


def sensor(session: Session, code: str) -> Sensor:
    """Return a sensor by its code."""
    return session.scalars(select(Sensor).where(Sensor.code == code)).one()
