"""Turns the texts of settings into values, or says what is wrong with a text and what is right."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from models.clock import ClockStart
from models.reasons import Json, reason

FASTEST = 1_000_000
MOST_MEGABYTES = 100_000
MOST_SHARES = 64
_YES = {"1": True, "yes": True, "true": True, "on": True}
_NO = {"0": False, "no": False, "false": False, "off": False}
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}


class Wrong(ValueError):
    """A text can't be used; the reason says what would be right."""

    def __init__(self, code: str, **values: Json) -> None:
        super().__init__(code)
        self.reason = reason(code, **values)


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Remote:
    """A server to speak to: a broker, or the mail server."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def url(self, scheme: str) -> str:
        """Return it as a URL again: `mqtt` gives `mqtt://…`, or `mqtts://…` with TLS."""
        user = "" if self.username is None else quote(self.username, safe="")
        secret = "" if self.password is None else ":" + quote(self.password, safe="")
        at = "@" if user or secret else ""
        return (
            f"{scheme}{'s' if self.tls else ''}://{user}{secret}{at}{Address(self.host, self.port)}"
        )


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def folder_of(text: str) -> Path:
    """Return the data folder; it need not be there yet."""
    path = Path(text).expanduser().absolute()
    standing = next((one for one in (path, *path.parents) if one.exists()), path)
    if not standing.is_dir():
        raise Wrong("settings.not_a_folder", value=text, file=str(standing))
    return path


def database_of(text: str) -> str:
    """Return the URL in the form that names the driver we ship."""
    try:
        url = make_url(text.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        raise Wrong("settings.database_unreadable") from None
    backend = url.drivername.partition("+")[0]
    if backend not in _DRIVERS or url.drivername not in (backend, _DRIVERS[backend]):
        raise Wrong("settings.database_unknown", scheme=url.drivername)
    if backend == "sqlite":
        return _sqlite(url)
    if not url.database:
        raise Wrong("settings.database_nameless")
    return url.set(drivername=_DRIVERS[backend]).render_as_string(hide_password=False)


def _sqlite(url: URL) -> str:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise Wrong("settings.database_in_memory")
    return sqlite_url(Path(url.database))


def sqlite_url(path: Path) -> str:
    """Return the URL of a file, absolute: every process must open the same one."""
    absolute = str(path.expanduser().absolute())
    return URL.create(_DRIVERS["sqlite"], database=absolute).render_as_string()


def broker_of(text: str) -> Remote:
    """Read `mqtt://user:pass@host:port` or `mqtts://…`."""
    return _remote(text, {"mqtt": 1883, "mqtts": 8883}, "settings.broker_unreadable")


def mail_server_of(text: str) -> Remote:
    """Read `smtp://user:pass@host:port` or `smtps://…`."""
    return _remote(text, {"smtp": 25, "smtps": 465}, "settings.smtp_unreadable")


def _remote(text: str, default_ports: Mapping[str, int], code: str) -> Remote:
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise Wrong(code) from None
    known = url.scheme in default_ports and bool(host) and port != 0
    if not known or url.path.strip("/") or url.query or url.fragment:
        raise Wrong(code)
    return Remote(
        host or "",
        port or default_ports[url.scheme],
        url.scheme.endswith("s"),
        None if url.username is None else unquote(url.username),
        None if url.password is None else unquote(url.password),
    )


def address_of(text: str) -> Address:
    """Read `host:port`, `[::1]:port`."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or (":" in host and not host.startswith("[")):
        raise Wrong("settings.address_unreadable", value=text)
    return Address(host_of(host.removeprefix("[").removesuffix("]")), port_of(port))


def host_of(text: str) -> str:
    """Read a host's name or address, without a port."""
    if not text or any(sign in text for sign in " /@,") or "://" in text:
        raise Wrong("settings.host_unreadable", value=text)
    return text


def port_of(text: str) -> int:
    """Read a port from 1 to 65535."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise Wrong("settings.port_unreadable", value=text)
    return int(text)


def proxies_of(text: str) -> int:
    """Read how many proxies stand between the world and the pages: 0 to 9."""
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        raise Wrong("settings.proxies_unreadable", value=text)
    return int(text)


def megabytes_of(text: str) -> int:
    """Read a number of MiB, nought included."""
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_MEGABYTES):
        raise Wrong("settings.megabytes_unreadable", value=text, most=MOST_MEGABYTES)
    return int(text)


def shares_of(text: str) -> int:
    """Read into how many shares devices are dealt: 1 to 64."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_SHARES):
        raise Wrong("settings.shares_unreadable", value=text, most=MOST_SHARES)
    return int(text)


def filters_of(text: str) -> tuple[str, ...]:
    """Read MQTT topic filters, separated by commas."""
    filters = tuple(part.strip() for part in text.split(",") if part.strip())
    for one in filters or (text,):
        levels = one.split("/")
        hash_inside = "#" in one and not (levels[-1] == "#" and one.count("#") == 1)
        plus_inside = any("+" in level and level != "+" for level in levels)
        if hash_inside or plus_inside or not filters:
            raise Wrong("settings.topics_unreadable", value=one)
    return filters


def yes_or_no_of(text: str) -> bool:
    """Read yes or no, in the usual spellings."""
    try:
        return {**_YES, **_NO}[text.lower()]
    except KeyError:
        raise Wrong("settings.not_yes_or_no", value=text) from None


def web_address_of(text: str) -> str:
    """Read the address of the pages, without its last slash."""
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable or url.query or url.fragment or url.username is not None:
        raise Wrong("settings.public_url_unreadable", value=text)
    return text.rstrip("/")


def clock_of(text: str) -> ClockStart:
    """Read `2022-03-14T00:00:00+08:00*300`; without `*` the speed is life's."""
    instant, star, factor = text.partition("*")
    try:
        at = datetime.fromisoformat(instant.strip())
        speed = float(factor) if star else 1.0
    except ValueError:
        raise Wrong("settings.clock_unreadable", value=text) from None
    if at.tzinfo is None:
        raise Wrong("settings.clock_without_zone", value=text)
    if not 0 < speed <= FASTEST:
        raise Wrong("settings.clock_speed", value=text, most=FASTEST)
    return ClockStart(at.astimezone(UTC), speed)


def mail_address_of(text: str) -> str:
    """Read an e-mail address."""
    name, at, domain = text.rpartition("@")
    if not (name and at and domain) or any(sign.isspace() for sign in text):
        raise Wrong("settings.mail_from_unreadable", value=text)
    return text
