"""Reads the environment once: what an installation decides, checked before anything starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from models.clock import ClockStart
from models.errors import BadInput, Fault
from models.settings_text import (
    Address,
    Remote,
    Wrong,
    address_of,
    broker_of,
    clock_of,
    database_of,
    filters_of,
    folder_of,
    host_of,
    mail_address_of,
    mail_server_of,
    port_of,
    proxies_of,
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
    "MQTT_LISTEN",
    "MQTT_TOPICS",
    "ANONYMOUS_MQTT",
    "SECRET_KEY",
    "HOST",
    "PORT",
    "PUBLIC_URL",
    "CLOCK",
    "SMTP_URL",
    "MAIL_FROM",
    "WEBHOOK_PRIVATE",
    "TRUSTED_PROXIES",
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
    mqtt_listen: Address = Address("127.0.0.1", 1883)
    receives: bool = True  # no broker is named, or where to listen is said as well
    mqtt_topics: tuple[str, ...] = (MQTT_TOPICS,)
    anonymous_mqtt: bool = True
    host: str = "127.0.0.1"
    port: int = PORT
    public_url: str = f"http://127.0.0.1:{PORT}"
    clock: ClockStart | None = None  # None: real time
    smtp: Remote | None = None  # None: no e-mail
    mail_from: str = MAIL_FROM
    webhook_private: bool = False  # may a webhook's address be on a private network?
    trusted_proxies: int = 0  # of our own, whose word about who asks is taken

    @property
    def broker_url(self) -> str | None:
        """The address of the broker, where there is one."""
        return None if self.mqtt is None else self.mqtt.url("mqtt")

    @property
    def publish_url(self) -> str:
        """Where simulator and replay publish: the receiver on this machine, else the broker."""
        if self.receives or self.mqtt is None:
            return f"mqtt://{self.mqtt_listen}"
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
    listen = reader.get("MQTT_LISTEN", MQTT_LISTEN, address_of)
    host = reader.get("HOST", "127.0.0.1", host_of)
    port = reader.get("PORT", str(PORT), port_of)
    return cls(
        data_dir=data_dir,
        database_url=reader.optional("DATABASE_URL", database_of)
        or sqlite_url(data_dir / "ridgewatch.db"),
        secret_key=reader.secret(secret_needed),
        mqtt=reader.optional("MQTT_URL", broker_of),
        mqtt_listen=listen,
        receives=not reader.value("MQTT_URL") or bool(reader.value("MQTT_LISTEN")),
        mqtt_topics=reader.get("MQTT_TOPICS", MQTT_TOPICS, filters_of),
        anonymous_mqtt=reader.anonymous(listen),
        host=host,
        port=port,
        public_url=reader.get("PUBLIC_URL", _own_url(host, port), web_address_of),
        clock=reader.optional("CLOCK", clock_of),
        smtp=reader.optional("SMTP_URL", mail_server_of),
        mail_from=reader.get("MAIL_FROM", MAIL_FROM, mail_address_of),
        webhook_private=reader.get("WEBHOOK_PRIVATE", "no", yes_or_no_of),
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

    def anonymous(self, listen: Address) -> bool:
        """Return whether publishers need no credentials: only this machine's, and by default."""
        asked = self.optional("ANONYMOUS_MQTT", yes_or_no_of)
        if asked and not listen.is_loopback:
            self.fault(
                "ANONYMOUS_MQTT", Wrong("settings.anonymous_in_the_open", listen=str(listen))
            )
        return listen.is_loopback if asked is None else asked

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
