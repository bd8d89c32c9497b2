"""Turns the settings of the built-in receiver into values: where it listens, and how."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from models.settings_text import Address, Wrong, address_of

_SCHEMES = {"mqtt": 1883, "mqtts": 8883}
MOST_PER_S = 1_000_000
RATE_IN_THE_OPEN = 2_000


@dataclass(frozen=True, slots=True)
class Listener:
    """One address of the receiver, in the clear or with TLS."""

    address: Address
    tls: bool = False

    def __str__(self) -> str:
        return f"mqtts://{self.address}" if self.tls else str(self.address)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate's chain and its private key, both PEM."""

    chain: Path
    key: Path


def listeners_of(text: str) -> tuple[Listener, ...]:
    """Read `127.0.0.1:1883, mqtts://0.0.0.0:8883`: addresses separated by commas."""
    found = [_listener_of(part.strip()) for part in text.split(",")]
    for at, one in enumerate(found):
        if one.address in (other.address for other in found[:at]):
            raise Wrong("settings.address_twice", value=str(one.address))
    return tuple(found)


def _listener_of(text: str) -> Listener:
    if "://" not in text:
        return Listener(address_of(text))
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise Wrong("settings.address_unreadable", value=text) from None
    more = url.path.strip("/") or url.query or url.fragment or url.username is not None
    if url.scheme not in _SCHEMES or not host or port == 0 or more:
        raise Wrong("settings.address_unreadable", value=text)
    return Listener(Address(host, port or _SCHEMES[url.scheme]), url.scheme == "mqtts")


def file_of(text: str) -> Path:
    """Return a file that is there and can be read."""
    path = Path(text).expanduser().absolute()
    try:
        with path.open("rb"):
            return path
    except OSError as fault:
        raise Wrong("settings.file_unreadable", file=str(path), why=fault.strerror) from None


def rate_of(text: str) -> int:
    """Read messages per second; 0 is no limit."""
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_PER_S):
        raise Wrong("settings.rate_unreadable", value=text, most=MOST_PER_S)
    return int(text)
