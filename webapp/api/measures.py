"""What Ridgewatch measures of itself, in Prometheus' text format, all from the database."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.alert import Alert
from models.closure import IN_FORCE, Closure
from models.heartbeat import DEAD_AFTER, Heartbeat
from models.idempotency import FirstAnswer
from models.job import Job
from models.key_use import KeyUse
from models.notice import Notice
from models.reading import Channel, Quarantined, SensorState
from models.registry import Site
from models.scaffold import STANDING, Scaffold
from models.sensor import Sensor
from models.turned_away import turned_away_in_all

_COUNTED = {
    "received": "Messages since the receiver started.",
    "refused": "Messages under a topic that their key does not cover.",
    "oversize": "Messages too large to keep.",
    "turned_away": "Connections with wrong or no credentials.",
    "faults": "Connections closed for what is not MQTT, or not allowed.",
    "slowed": "Times that a connection had to wait, because it sent too fast.",
}
MOST_SENSORS = 2000  # each is a series of its own; more would be another program's work
Samples = Iterable[tuple[Mapping[str, str], float]]
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def exposition(session: Session, now: datetime, machine_now: datetime) -> str:
    """Return all figures; `now` is site time. A fixed number of queries."""
    lines: list[str] = []
    for name, kind, about, samples in _all(session, now, machine_now):
        lines += [f"# HELP ridgewatch_{name} {about}", f"# TYPE ridgewatch_{name} {kind}"]
        lines += [f"ridgewatch_{name}{_labels(of)} {_number(value)}" for of, value in samples]
    return "\n".join(lines) + "\n"


def _all(
    session: Session, now: datetime, machine_now: datetime
) -> Iterator[tuple[str, str, str, Samples]]:
    yield "build_info", "gauge", "The version that runs.", [({"version": _version()}, 1)]
    yield (
        "site_time_timestamp_seconds",
        "gauge",
        "Site time; a demo's is not real time.",
        [({}, now.timestamp())],
    )
    yield "alerts", "gauge", "Live alerts by state and severity.", _alerts(session, now)
    yield "closures_active", "gauge", "Zones that are shut.", [({}, _closures(session))]
    yield (
        "scaffolds",
        "gauge",
        "Standing scaffolds by the colour of their tag.",
        _scaffolds(session, now),
    )
    yield (
        "last_observation_timestamp_seconds",
        "gauge",
        "When the newest reading of a sensor was measured.",
        _observations(session),
    )
    yield "sensors_silent", "gauge", "Sensors that are not heard.", [({}, _silent(session))]
    yield "channels_unclaimed", "gauge", "Channels that wait.", [({}, _unclaimed(session))]
    names, readings = turned_away_in_all(session)
    yield (
        "names_turned_away_total",
        "counter",
        "Invented devices and channels that were not written down.",
        [({}, names)],
    )
    yield (
        "readings_turned_away_total",
        "counter",
        "Readings of such channels, which were not kept.",
        [({}, readings)],
    )
    yield (
        "quarantined_messages",
        "gauge",
        "Messages kept aside.",
        [({}, _count(session, Quarantined.id))],
    )
    beats = session.scalars(select(Heartbeat).order_by(Heartbeat.role)).all()
    living = [one for one in beats if machine_now - one.beat_at <= DEAD_AFTER]
    yield from _receiver(living)
    yield (
        "receiver_waited_seconds_total",
        "counter",
        "Time for which senders with a key had to wait.",
        [({}, (session.scalar(select(func.sum(KeyUse.slowed_ms))) or 0) / 1000)],
    )
    yield "notices", "gauge", "Notices by channel and state.", _notices(session)
    yield "jobs", "gauge", "Jobs by kind and state.", _jobs(session)
    yield (
        "idempotency_keys",
        "gauge",
        "Kept first answers.",
        [({}, _count(session, FirstAnswer.call))],
    )
    yield (
        "role_heartbeat_age_seconds",
        "gauge",
        "Since a role last turned.",
        [({"role": one.role}, (machine_now - one.beat_at).total_seconds()) for one in beats],
    )
    yield (
        "scheduler_last_tick_timestamp_seconds",
        "gauge",
        "Site time up to which a role has done what fell due.",
        [({"role": one.role}, one.done_until.timestamp()) for one in beats if one.done_until],
    )


def _receiver(beats: Iterable[Heartbeat]) -> Iterator[tuple[str, str, str, Samples]]:
    """Yield what the receiver has counted since it started; each key's own is on its page."""
    told = [one.facts["receiver"] for one in beats if one.facts and "receiver" in one.facts]
    connected = [({}, one.get("connections", 0)) for one in told]
    yield "receiver_connections", "gauge", "Connections to the receiver.", connected
    for name, about in _COUNTED.items():
        yield f"receiver_{name}_total", "counter", about, [({}, one.get(name, 0)) for one in told]


def _alerts(session: Session, now: datetime) -> Samples:
    live = session.scalars(select(Alert).where(Alert.live))
    counted = Counter((alert.state(now), alert.severity) for alert in live)
    return [
        ({"state": state, "severity": severity}, count)
        for (state, severity), count in sorted(counted.items())
    ]


def _closures(session: Session) -> int:
    shut = select(func.count()).select_from(Closure).where(Closure.state.in_(IN_FORCE))
    return session.scalar(shut) or 0


def _scaffolds(session: Session, now: datetime) -> Samples:
    standing = session.scalars(select(Scaffold).where(Scaffold.state.in_(STANDING)))
    colours = Counter(scaffold.tag(now).colour for scaffold in standing)
    return [({"tag": colour}, colours[colour]) for colour in ("green", "amber", "red")]


def _observations(session: Session) -> Samples:
    found = session.execute(
        select(Site.code, Sensor.code, SensorState.at_ms)
        .join(Sensor.site)
        .join(SensorState, SensorState.sensor == Sensor.key)
        .where(Sensor.retired_at.is_(None), SensorState.at_ms.is_not(None))
        .order_by(Site.code, Sensor.code)
        .limit(MOST_SENSORS)
    )
    return [({"sensor": f"{site}/{code}"}, at_ms / 1000) for site, code, at_ms in found]


def _silent(session: Session) -> int:
    silent = (
        select(func.count())
        .select_from(SensorState)
        .join(Sensor, Sensor.key == SensorState.sensor)
        .where(SensorState.silent_since_ms.is_not(None), Sensor.retired_at.is_(None))
    )
    return session.scalar(silent) or 0


def _unclaimed(session: Session) -> int:
    waiting = select(func.count()).select_from(Channel).where(Channel.claimed.is_(False))
    return session.scalar(waiting) or 0


def _count(session: Session, column: object) -> int:
    return session.scalar(select(func.count(column))) or 0  # type: ignore[arg-type]


def _notices(session: Session) -> Samples:
    counted = session.execute(
        select(Notice.channel, Notice.state, func.count())
        .group_by(Notice.channel, Notice.state)
        .order_by(Notice.channel, Notice.state)
    )
    return [({"channel": channel, "state": state}, n) for channel, state, n in counted]


def _jobs(session: Session) -> Samples:
    counted = session.execute(
        select(Job.kind, Job.state, func.count())
        .group_by(Job.kind, Job.state)
        .order_by(Job.kind, Job.state)
    )
    return [({"kind": kind, "state": state}, n) for kind, state, n in counted]


def _labels(of: Mapping[str, str]) -> str:
    if not of:
        return ""
    told = ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in of.items())
    return f"{{{told}}}"


def _number(value: float) -> str:
    return repr(float(value)) if value != int(value) else str(int(value))


def _version() -> str:
    try:
        return version("ridgewatch")
    except PackageNotFoundError:
        return "unknown"  # run from a folder that was never installed
