"""Device keys: what a device or a network's gateway signs in to the receiver with."""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.errors import BadInput, Fault, Missing, Refusal
from models.event import record
from models.people import Actor, DeviceKey
from models.reasons import Reason, reason
from models.signin import digest, new_token

_NAME = re.compile(r"[^\W_][\w.\-]{0,63}")
LONGEST_TOPIC_BYTES = 65_535


def add_key(
    session: Session,
    name: str,
    topics: Sequence[str],
    *,
    device: str | None = None,
    by: Actor,
    now: datetime,
) -> tuple[str, DeviceKey]:
    """Make a key; return its secret, which is kept nowhere. The caller commits.

    With a device it may publish only as that device; without, as any under its topics (a
    network's gateway). Raises BadInput, or Refusal where the name is taken.
    """
    topics = tuple(dict.fromkeys(topics)) or _topics_of(device)
    faults = _faults(name, topics, device)
    if faults:
        raise BadInput(faults)
    if session.scalar(select(DeviceKey).where(DeviceKey.name == name)) is not None:
        raise Refusal(reason("key.name_taken", name=name))
    secret = new_token()
    key = DeviceKey(
        name=name,
        secret_hash=digest(secret),
        device=device,
        topics=list(topics),
        created_at=by.machine_now(),
    )
    session.add(key)
    why = reason("key.added", name=name, topics=list(topics))
    record(key, "add", by=by, now=now, why=why)
    return secret, key


def _topics_of(device: str | None) -> tuple[str, ...]:
    """A device's own native topic, at whatever site it stands."""
    return (f"ridgewatch/+/{device}/senml",) if device else ()


def _faults(name: str, topics: Sequence[str], device: str | None) -> list[Fault]:
    faults = []
    if not _NAME.fullmatch(name):
        faults.append(Fault("name", reason("key.bad_name", name=name[:80])))
    if device is not None and (not device.strip() or set(device) & set("\0+#/")):
        faults.append(Fault("device", reason("key.bad_device", device=device[:80])))
    elif not topics:
        faults.append(Fault("topics", reason("key.no_topics")))
    for topic in topics:
        if not is_topic_filter(topic):
            faults.append(Fault("topics", reason("key.bad_topic", topic=topic[:80])))
    return faults


def is_topic_filter(text: str) -> bool:
    """Whether MQTT allows this filter; topics under `$` are a broker's own and no device's."""
    levels = text.split("/")
    return (
        0 < len(text.encode("utf-8", "replace")) <= LONGEST_TOPIC_BYTES
        and "\0" not in text
        and not text.startswith("$")
        and "#" not in levels[:-1]
        and all(level in ("+", "#") or not set(level) & {"+", "#"} for level in levels)
    )


def working_keys(session: Session) -> Sequence[DeviceKey]:
    """Return the keys that aren't revoked."""
    return session.scalars(select(DeviceKey).where(DeviceKey.revoked_at.is_(None))).all()


def keys_version(session: Session) -> tuple[int, int]:
    """Return what changes with every key that is made or changed."""
    count, versions = session.execute(
        select(func.count(), func.coalesce(func.sum(DeviceKey.version), 0)).select_from(DeviceKey)
    ).one()
    return int(count), int(versions)


def all_keys(session: Session) -> Sequence[DeviceKey]:
    """Return every key by name, the revoked ones last."""
    order = DeviceKey.revoked_at.is_not(None), DeviceKey.name
    return session.scalars(select(DeviceKey).order_by(*order)).all()


def state_of(key: DeviceKey, now: datetime) -> str:
    """Return `working`, `rotating` (two passwords open it) or `revoked`; machine time."""
    if key.revoked_at is not None:
        return "revoked"
    return "working" if old_hash(key, now) is None else "rotating"


def key_called(session: Session, name: str) -> DeviceKey:
    """Return the key of this name. Raises Missing."""
    key = session.scalars(select(DeviceKey).where(DeviceKey.name == name)).one_or_none()
    if key is None:
        raise Missing("key", name)
    return key


def old_hash(key: DeviceKey, now: datetime) -> str | None:
    """Return the hash of the secret before the last rotation while it opens; machine time."""
    over = key.old_until is not None and key.old_until <= now
    return None if over else key.old_secret_hash


def is_secret(kept: str, secret: str) -> bool:
    """Whether this is the secret of which `kept` is kept; takes as long when it isn't."""
    return hmac.compare_digest(kept, digest(secret))


def why_not_rotate(key: DeviceKey, now: datetime, *, new_is_used: bool) -> Reason | None:
    """Say why a key can't get a new secret: one that is rotating would cut somebody off.

    While nobody has come with the new secret, it can be replaced: whoever lost it, lost nothing.
    """
    if key.revoked_at is not None:
        return reason("key.revoked_already", name=key.name)
    if old_hash(key, now) is not None and new_is_used:
        return reason("key.rotating_already", name=key.name)
    return None


def why_not_retire(key: DeviceKey, now: datetime) -> Reason | None:
    """Say why there is no old secret to retire."""
    if key.revoked_at is not None:
        return reason("key.revoked_already", name=key.name)
    if old_hash(key, now) is None:
        return reason("key.nothing_to_retire", name=key.name)
    return None


def rotate_key(
    key: DeviceKey,
    *,
    new_is_used: bool,
    old_works_for: timedelta | None = None,
    by: Actor,
    now: datetime,
) -> str:
    """Give a key a new secret and return it; it is kept nowhere. The caller commits.

    The old one opens for `old_works_for`, without it until it is retired.
    """
    at = by.machine_now()
    _refuse(why_not_rotate(key, at, new_is_used=new_is_used))
    secret = new_token()
    if old_hash(key, at) is None:
        key.old_secret_hash = key.secret_hash
    key.secret_hash, key.rotated_at = digest(secret), at
    key.old_until = None if old_works_for is None else at + old_works_for
    record(key, "rotate", by=by, now=now, why=reason("key.rotated", name=key.name))
    return secret


def retire_old_secret(key: DeviceKey, *, by: Actor, now: datetime) -> None:
    """End a rotation: the old secret opens no more, and its connections end. Caller commits."""
    _refuse(why_not_retire(key, by.machine_now()))
    key.old_secret_hash = key.old_until = None
    record(key, "retire", by=by, now=now, why=reason("key.retired", name=key.name))


def revoke_key(key: DeviceKey, *, by: Actor, now: datetime) -> None:
    """Make a key useless; the receiver notices within seconds. The caller commits."""
    if key.revoked_at is not None:
        raise Refusal(reason("key.revoked_already", name=key.name))
    key.revoked_at = by.machine_now()
    key.old_secret_hash = key.old_until = None
    record(key, "revoke", by=by, now=now, why=reason("key.revoked", name=key.name))


def _refuse(why: Reason | None) -> None:
    if why is not None:
        raise Refusal(why)
