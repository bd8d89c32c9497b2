"""Reads the environment once: what an installation decides, checked before anything starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from models.clock import ClockStart
from models.disk import RESERVE_BYTES
from models.errors import BadInput, Fault
from models.settings_mqtt import (
    RATE_IN_THE_OPEN,
    CertificateFiles,
    Listener,
    file_of,
    listeners_of,
    rate_of,
)
from models.settings_text import (
    Address,
    Remote,
    Wrong,
    broker_of,
    clock_of,
    database_of,
    filters_of,
    folder_of,
    host_of,
    mail_address_of,
    mail_server_of,
    megabytes_of,
    port_of,
    proxies_of,
    shares_of,
    sqlite_url,
    web_address_of,
    yes_or_no_of,
)

PREFIX = "RIDGEWATCH_"
MQTT_LISTEN = "127.0.0.1:1883"
MQTT_TOPICS = "ridgewatch/#"
MAIL_FROM = "ridgewatch@localhost"
PORT = 8000
# RIDGEWATCH_LANGUAGE is read by the command line, which speaks before there are settings.
NAMES = (
    "DATA_DIR",
    "DATABASE_URL",
    "MQTT_URL",
    "MQTT_CA",
    "MQTT_LISTEN",
    "MQTT_TLS_CERT",
    "MQTT_TLS_KEY",
    "MQTT_RATE",
    "MQTT_TOPICS",
    "ANONYMOUS_MQTT",
    "SECRET_KEY",
    "HOST",
    "PORT",
    "PUBLIC_URL",
    "CLOCK",
    "SHARES",
    "SMTP_URL",
    "MAIL_FROM",
    "WEBHOOK_PRIVATE",
    "TRUSTED_PROXIES",
    "DISK_RESERVE",
    "LANGUAGE",
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. `None` is "not set" and means what the field's comment says."""

    data_dir: Path
    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)  # "" only where `read` was told that none is needed
    mqtt: Remote | None = None  # None: the built-in receiver
    mqtt_ca: Path | None = None  # None: the system's authorities vouch for the broker
    mqtt_listeners: tuple[Listener, ...] = (Listener(Address("127.0.0.1", 1883)),)
    mqtt_certificate: CertificateFiles | None = None  # None: no listener speaks TLS
    mqtt_rate: int | None = None  # messages per second; None: as `rate_at` says
    receives: bool = True  # no broker is named, or where to listen is said as well
    mqtt_topics: tuple[str, ...] = (MQTT_TOPICS,)
    anonymous_mqtt: bool = True
    host: str = "127.0.0.1"
    port: int = PORT
    public_url: str = f"http://127.0.0.1:{PORT}"
    clock: ClockStart | None = None  # None: real time
    smtp: Remote | None = None  # None: no e-mail
    mail_from: str = MAIL_FROM
    reserve_bytes: int = RESERVE_BYTES  # of disk, for the day that it is full
    webhook_private: bool = False  # may a webhook's address be on a private network?
    shares: int = 1  # into which devices are dealt, where several ingesters work
    trusted_proxies: int = 0  # of our own, whose word about who asks is taken

    @property
    def mqtt_listen(self) -> Address:
        """Where programs on this machine find the receiver: in the clear, if there is a choice."""
        return self._nearest.address

    @property
    def _nearest(self) -> Listener:
        return min(self.mqtt_listeners, key=lambda one: (one.tls, not one.address.is_loopback))

    def takes_anonymous(self, listener: Listener) -> bool:
        """Whether publishers need no credentials there: only on this machine, ever."""
        return self.anonymous_mqtt and listener.address.is_loopback

    def rate_at(self, listener: Listener) -> int:
        """Return how many messages a second one sender may send there; 0 is without limit."""
        if self.mqtt_rate is not None:
            return self.mqtt_rate
        return 0 if listener.address.is_loopback else RATE_IN_THE_OPEN

    @property
    def broker_url(self) -> str | None:
        """The address of the broker, where there is one."""
        return None if self.mqtt is None else self.mqtt.url("mqtt")

    @property
    def publish_url(self) -> str:
        """Where simulator and replay publish: the receiver on this machine, else the broker."""
        if self.receives or self.mqtt is None:
            return f"mqtt{'s' if self._nearest.tls else ''}://{self.mqtt_listen}"
        return self.mqtt.url("mqtt")

    @classmethod
    def read(
        cls, environ: Mapping[str, str], *, demo: bool = False, secret_needed: bool = True
    ) -> "Settings":
        """Return the settings of an environment. Raises BadInput with every fault at once.

        The demo brings a secret key of its own and keeps its data apart; a command that serves
        nobody (`registry load`, `user add`) says that it needs no secret.
        """
        reader = _Reader(environ)
        settings = _read(cls, reader, demo=demo, secret_needed=secret_needed and not demo)
        if reader.faults:
            raise BadInput(reader.faults)
        return settings


def _read(cls: type[Settings], reader: "_Reader", *, demo: bool, secret_needed: bool) -> Settings:
    reader.refuse_misspelt()
    data_dir = reader.get("DATA_DIR", _default_data_dir(reader.environ, demo), folder_of)
    listeners = reader.get("MQTT_LISTEN", MQTT_LISTEN, listeners_of)
    host = reader.get("HOST", "127.0.0.1", host_of)
    port = reader.get("PORT", str(PORT), port_of)
    return cls(
        data_dir=data_dir,
        database_url=reader.optional("DATABASE_URL", database_of)
        or sqlite_url(data_dir / "ridgewatch.db"),
        secret_key=reader.secret(secret_needed),
        mqtt=reader.optional("MQTT_URL", broker_of),
        mqtt_ca=reader.optional("MQTT_CA", file_of),
        mqtt_listeners=listeners,
        mqtt_certificate=reader.certificate(listeners),
        mqtt_rate=reader.optional("MQTT_RATE", rate_of),
        receives=not reader.value("MQTT_URL") or bool(reader.value("MQTT_LISTEN")),
        mqtt_topics=reader.get("MQTT_TOPICS", MQTT_TOPICS, filters_of),
        anonymous_mqtt=reader.anonymous(listeners),
        host=host,
        port=port,
        public_url=reader.get("PUBLIC_URL", _own_url(host, port), web_address_of),
        clock=reader.optional("CLOCK", clock_of),
        smtp=reader.optional("SMTP_URL", mail_server_of),
        mail_from=reader.get("MAIL_FROM", MAIL_FROM, mail_address_of),
        reserve_bytes=reader.get("DISK_RESERVE", str(RESERVE_BYTES >> 20), megabytes_of) << 20,
        webhook_private=reader.get("WEBHOOK_PRIVATE", "no", yes_or_no_of),
        shares=reader.shares(),
        trusted_proxies=reader.get("TRUSTED_PROXIES", "0", proxies_of),
    )


class _Reader:
    """Reads variables and gathers the faults; a faulty one reads as its default meanwhile."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.faults: list[Fault] = []

    def value(self, name: str) -> str:
        """Return what is set; blank is the same as not set."""
        return self.environ.get(PREFIX + name, "").strip()

    def fault(self, name: str, wrong: Wrong) -> None:
        """Note a fault."""
        self.faults.append(Fault(PREFIX + name, wrong.reason))

    def get(self, name: str, default: str, parse: Callable[[str], T]) -> T:
        """Return a value, or its default where nothing (or nothing right) is set."""
        found = self.optional(name, parse)
        return parse(default) if found is None else found

    def optional(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Return a value, or None where nothing (or nothing right) is set."""
        text = self.value(name)
        if not text:
            return None
        try:
            return parse(text)
        except Wrong as wrong:
            self.fault(name, wrong)
            return None

    def secret(self, needed: bool) -> str:
        """Return the key that signs sessions; its absence is a fault where it is needed."""
        key = self.value("SECRET_KEY")
        if needed and not key:
            self.fault("SECRET_KEY", Wrong("settings.no_secret"))
        return key

    def anonymous(self, listeners: tuple[Listener, ...]) -> bool:
        """Return whether this machine's publishers need no credentials; by default they don't."""
        asked = self.optional("ANONYMOUS_MQTT", yes_or_no_of)
        in_the_open = [one for one in listeners if not one.address.is_loopback]
        if asked and in_the_open:
            listen = str(in_the_open[0])
            self.fault("ANONYMOUS_MQTT", Wrong("settings.anonymous_in_the_open", listen=listen))
        if asked is None:
            return len(in_the_open) < len(listeners)
        return asked

    def certificate(self, listeners: tuple[Listener, ...]) -> CertificateFiles | None:
        """Return the certificate for TLS: needed with a `mqtts://` listener, and only there."""
        wanted = any(one.tls for one in listeners)
        files = {}
        for name in ("MQTT_TLS_CERT", "MQTT_TLS_KEY"):
            if wanted and not self.value(name):
                self.fault(name, Wrong("settings.tls_without_certificate"))
            elif self.value(name) and not wanted:
                self.fault(name, Wrong("settings.certificate_unused"))
            else:
                files[name] = self.optional(name, file_of)
        chain, key = files.get("MQTT_TLS_CERT"), files.get("MQTT_TLS_KEY")
        return CertificateFiles(chain, key) if chain and key else None

    def shares(self) -> int:
        """Return into how many shares devices are dealt; several need PostgreSQL and a broker."""
        number = self.get("SHARES", "1", shares_of)
        if number > 1:
            database = self.optional("DATABASE_URL", database_of)
            if database is None or database.startswith("sqlite"):
                self.fault("SHARES", Wrong("settings.shares_on_sqlite"))
            if not self.value("MQTT_URL") or self.value("MQTT_LISTEN"):
                self.fault("SHARES", Wrong("settings.shares_without_broker"))
        return number

    def refuse_misspelt(self) -> None:
        """Refuse `RIDGEWATCH_DATABASE_URI`: it would quietly mean another database."""
        for variable in sorted(self.environ):
            name = variable.removeprefix(PREFIX)
            if name == variable or name in NAMES:
                continue
            for meant in get_close_matches(name, NAMES, n=1, cutoff=0.8):
                self.fault(name, Wrong("settings.misspelt", meant=PREFIX + meant))


def _default_data_dir(environ: Mapping[str, str], demo: bool) -> str:
    kept = environ.get("XDG_DATA_HOME") or f"{environ.get('HOME') or Path.home()}/.local/share"
    return f"{kept}/ridgewatch{'-demo' if demo else ''}"


def _own_url(host: str, port: int) -> str:
    try:
        everywhere = ip_address(host).is_unspecified
    except ValueError:
        everywhere = False
    return f"http://{Address('localhost' if everywhere else host, port)}"
