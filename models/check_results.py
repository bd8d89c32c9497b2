"""The last results of torture and doctor: files in the data folder, for the page of checks."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHECKS = ("doctor", "torture")
_FOLDER = "checks"


def keep(data_dir: Path, check: str, result: Mapping[str, Any]) -> None:
    """Keep a result in place of the last one; a reader finds the old or the new, never half."""
    folder = data_dir / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    writing = folder / f"{check}.writing"
    writing.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    os.replace(writing, folder / f"{check}.json")


def last(data_dir: Path, check: str) -> dict[str, Any] | None:
    """Return the last result, or None where there is none that can be read."""
    try:
        found = json.loads((data_dir / _FOLDER / f"{check}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
