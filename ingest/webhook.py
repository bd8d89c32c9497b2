"""Posts a notice to an address of somebody's own, signed; never to a place inside our network."""

from __future__ import annotations

import hmac
import json
import socket
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from ingest.failing import NoticeFailed
from ingest.letters import Letter, message
from models.clock import machine_now
from models.reasons import reason

TIMEOUT_S = 5.0
# These say "not now"; of the other 4xx the receiver says "not so", and would say it again.
PASSING = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Posts JSON. `private`: addresses that aren't on the open internet are allowed."""

    private: bool = False

    def send(self, letter: Letter) -> None:
        """Post the letter; any 2xx is a yes. Raises NoticeFailed."""
        target = self._pinned(letter.address)
        body = json.dumps(message(letter), ensure_ascii=False, separators=(",", ":")).encode()
        headers = signed(letter.key, letter.secret, body, str(int(machine_now().timestamp())))
        try:
            status = self._post(target, body, headers)
        except httpx.HTTPError as fault:
            why = reason("notice.webhook_unreachable", why=(str(fault) or type(fault).__name__))
            raise NoticeFailed(why, permanent=False) from fault
        if not 200 <= status < 300:
            permanent = 300 <= status < 500 and status not in PASSING
            raise NoticeFailed(reason("notice.webhook_refused", status=status), permanent=permanent)

    def _post(self, target: Target, body: bytes, headers: dict[str, str]) -> int:
        """Return the status; what else the receiver answers is not read."""
        # trust_env: a proxy of our surroundings would resolve the name anew.
        with (
            httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST",
                target.url,
                content=body,
                headers={**headers, "Host": target.host},
                extensions={"sni_hostname": target.name},
            ) as answer,
        ):
            return answer.status_code

    def _pinned(self, url: str) -> Target:
        """Resolve the name once and connect to exactly that address: it may answer otherwise
        the second time."""
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise NoticeFailed(reason("notice.webhook_address", url=url[:200]), permanent=True)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except OSError as fault:
            why = reason("notice.webhook_unreachable", why=str(fault))
            raise NoticeFailed(why, permanent=False) from fault
        addresses = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        if not self.private and not all(is_public(str(one)) for one in addresses):
            raise NoticeFailed(reason("notice.webhook_private", url=url[:200]), permanent=True)
        address = addresses[0]
        host = f"[{address}]" if address.version == 6 else str(address)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(f"{parts.scheme}://{host}:{port}{path}", parts.netloc, parts.hostname)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, and under which name."""

    url: str
    host: str
    name: str


def is_public(address: str) -> bool:
    """Say whether an address is on the open internet; an IPv4 one in IPv6 clothes counts as it."""
    found = ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    one = mapped or found
    return one.is_global and not one.is_multicast


def signed(key: str, secret: str, body: bytes, timestamp: str) -> dict[str, str]:
    """Return the headers by which a receiver knows us, and drops what comes twice or too late."""
    told = f"{timestamp}.".encode() + body
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Ridgewatch",
        "X-Ridgewatch-Id": _ascii(key),
        "X-Ridgewatch-Timestamp": timestamp,
        "X-Ridgewatch-Signature": hmac.new(secret.encode(), told, sha256).hexdigest(),
    }


def _ascii(key: str) -> str:
    """A header carries no Chinese; such a key is told by its digest (the body has it whole)."""
    return key if key.isascii() else sha256(key.encode()).hexdigest()
