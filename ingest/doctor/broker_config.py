"""mosquitto.conf, read for the settings that lose messages in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ingest.doctor.finding import Finding, fault, warning
from models.settings_text import is_loopback

# A day of one message a second from a small installation; the default is 1,000.
FEWEST_QUEUED = 100_000
FEWEST_INFLIGHT = 100
LONGEST_AUTOSAVE_S = 60


def look_at_config(path: Path) -> Iterator[Finding]:
    """Look at a configuration, its included files with it. Raises OSError."""
    told = dict(_settings(path))
    name = str(path)
    if not _is_true(told.get("persistence", "false")):
        yield fault("broker_forgets", file=name)
    elif not _is_true(told.get("autosave_on_changes", "false")):
        if _number(told, "autosave_interval", 1800) > LONGEST_AUTOSAVE_S:
            yield fault(
                "broker_saves_seldom", file=name, s=_number(told, "autosave_interval", 1800)
            )
    queued = _number(told, "max_queued_messages", 1000)
    if queued == 0:
        yield fault("broker_queue_nought", file=name)
    elif queued < FEWEST_QUEUED:
        yield fault("broker_queue_short", file=name, most=queued)
    inflight = _number(told, "max_inflight_messages", 20)
    if inflight == 0:
        yield warning("broker_inflight_nought", file=name)
    elif inflight < FEWEST_INFLIGHT:
        yield warning("broker_inflight_small", file=name, most=inflight)
    if "persistent_client_expiration" in told:
        yield warning("broker_expires", file=name, after=told["persistent_client_expiration"])
    if _is_true(told.get("allow_anonymous", "false")) and not _only_here(told):
        yield fault("broker_anonymous", file=name)


def _settings(path: Path) -> Iterator[tuple[str, str]]:
    """Yield every setting, the last of a name counting; listeners are joined."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.strip().partition(" ")
        if not name or name.startswith("#"):
            continue
        if name == "include_dir":
            for more in sorted(Path(value.strip()).glob("*.conf")):
                yield from _settings(more)
        else:
            yield name, value.strip()


def _only_here(told: Mapping[str, str]) -> bool:
    """Without a listener mosquitto 2 listens on the loopback alone."""
    if "listener" not in told:
        return True
    parts = told["listener"].split()
    return len(parts) > 1 and is_loopback(parts[1])


def _is_true(text: str) -> bool:
    return text.lower() in ("true", "1")


def _number(told: Mapping[str, str], name: str, default: int) -> int:
    text = told.get(name, "")
    return int(text) if text.isdigit() else default
