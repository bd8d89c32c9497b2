"""What a notice says in one language, for the public page and for the sheet at the gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import segno
from flask import current_app
from markupsafe import Markup

from models.public_notice import PublicNotice
from models.reasons import Reason
from models.times import iso
from models.words.render import Reader, name_of, number, phrase, text

QUIET_MODULES = 4  # ISO 18004: the white margin without which many phones find nothing


@dataclass(frozen=True)
class Poster:
    """A notice in one language: a heading, its standing, and lines of (label, text)."""

    language: str
    title: str
    place: str
    standing: str
    rows: tuple[tuple[str, str], ...]
    route: tuple[str, str]
    basis: str
    issuer: str
    signer: str
    updated: str
    ended: str
    rectification: str
    override: str

    @property
    def length(self) -> int:
        """How much there is to read; the sheet's type gets smaller with it."""
        told = [text for _, text in (*self.rows, self.route)]
        return sum(map(len, (self.title, self.basis, self.rectification, self.override, *told)))


@dataclass(frozen=True)
class _Voice:
    """Says a notice to one reader."""

    reader: Reader

    def say(self, code: str, **values: Any) -> str:
        return phrase(code, self.reader, **values)

    def tell(self, why: Reason | None) -> str:
        return "" if why is None else text(why, self.reader)

    def name(self, value: Any) -> str:
        return name_of(value, self.reader.language)

    def at(self, moment: datetime | None, code: str) -> str:
        return "" if moment is None else self.say(code, at=iso(moment))


def poster(notice: PublicNotice, language: str) -> Poster:
    """Return a notice in a language, its times on the site's clock."""
    voice = _Voice(Reader(language, notice.site.timezone))
    zone = voice.name(notice.zone)
    level = voice.say(f"public.protection.{notice.site.protection_level}")
    heading = "closed" if notice.standing in ("in_force", "past_end") else notice.standing
    return Poster(
        language=language,
        title=voice.say(f"public.title_{heading}", zone=zone),
        place=voice.say("public.place", site=voice.name(notice.site.name), level=level),
        standing=voice.say(f"closure.standing.{notice.standing}"),
        rows=tuple(row for row in _rows(notice, voice) if row[1]),
        route=(voice.say("public.route"), voice.tell(notice.alternative_route)),
        basis=voice.tell(notice.legal_basis),
        issuer=voice.name(notice.issuer),
        signer=_signer(notice.signer, voice),
        updated=voice.say("public.updated", at=iso(notice.updated_at)),
        ended=voice.at(notice.ended_at, "closure.lifted_on"),
        rectification=voice.tell(notice.rectification),
        override=voice.tell(notice.override),
    )


def _rows(notice: PublicNotice, voice: _Voice) -> list[tuple[str, str]]:
    return [
        (voice.say("public.closed_parts"), _parts(notice, voice)),
        (voice.say("public.why"), voice.tell(notice.why)),
        (voice.say("public.hazard"), voice.tell(notice.hazard)),
        (voice.say("public.since"), voice.at(notice.since, "public.at")),
        (voice.say("public.until"), _until(notice, voice)),
        (voice.say("public.entry"), voice.tell(notice.permitted_entry)),
    ]


def _parts(notice: PublicNotice, voice: _Voice) -> str:
    parts = voice.tell(notice.closed_parts)
    if not notice.radius_m:
        return parts
    radius = number(notice.radius_m, "m", voice.reader)
    return voice.say("public.with_radius", parts=parts, radius=radius)


def _until(notice: PublicNotice, voice: _Voice) -> str:
    until = voice.at(notice.until, "public.until_at") or voice.say("public.until_notice")
    update = voice.at(notice.next_update_at, "public.next_update")
    return voice.say("shell.comma").join(part for part in (until, update) if part)


def _signer(signer: Mapping[str, Any] | None, voice: _Voice) -> str:
    if not signer:
        return ""
    return " ".join(filter(None, (voice.name(signer.get("title")), voice.name(signer.get("name")))))


def public_address(token: str) -> str:
    """Return the address behind the QR code."""
    return urljoin(f"{current_app.config['PUBLIC_URL'].rstrip('/')}/", f"n/{token}")


def qr_code(address: str) -> Markup:
    """Return a QR code as SVG; a quarter of it may be torn or wet and it still reads."""
    code = segno.make(address, error="q", boost_error=False, micro=False)
    drawn = code.svg_inline(border=QUIET_MODULES, omitsize=True, svgclass="qr-code", lineclass=None)
    return Markup(drawn)  # noqa: S704  (made of numbers alone)


def dial(phone: str) -> str:
    """Return a number as a tel: link wants it."""
    return "".join(letter for letter in phone if letter.isdigit() or letter == "+")
