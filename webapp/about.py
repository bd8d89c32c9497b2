"""The living style page: every component as the pages use it, in one place."""

import random
from datetime import timedelta
from types import SimpleNamespace as Part
from urllib.parse import quote

from flask import Blueprint, render_template

from webapp.db import site_now
from webapp.drawings import HALL
from webapp.filters import t
from webapp.policies import signed_in

pages = Blueprint("about", __name__, url_prefix="/about")


@pages.get("/style")
@signed_in
def style() -> str:
    """Show every component, with invented values."""
    now = site_now()
    return render_template(
        "about/style.html",
        now=now,
        ago=lambda minutes: now - timedelta(minutes=minutes),
        later=lambda minutes: now + timedelta(minutes=minutes),
        line=[3.2, 3.21, 3.2, 3.22, 3.21, None, None, 3.3, 3.36, 3.5, 3.62, 3.71],
        pins=_pins(),
        drawing=HALL,
        chart=_chart(int(now.timestamp())),
        blockers=[
            Part(text=t("style.blocker_alert"), href="#levels", met=False),
            Part(text=t("style.blocker_silent"), href="", met=False),
            Part(text=t("style.blocker_met"), href="", met=True),
        ],
        actions=[
            Part(name="acknowledge", label=t("style.acknowledge"), primary=True, icon="check"),
            Part(name="assign", label=t("style.send"), icon="user"),
            Part(name="lift", label=t("style.lift"), why_not=t("style.blocker_silent")),
        ],
    )


@pages.get("/style/phone")
@signed_in
def phone() -> str:
    """Show the components of a contractor's page."""
    before, after = (
        Part(
            src=_picture(ground), href="#photos-h", alt=t(word), caption=t(word), kind="", state=""
        )
        for ground, word in (("8a8478", "photo.before"), ("b9b09a", "photo.after"))
    )
    waiting = Part(**{**vars(after), "state": "wait", "caption": t("photo.waiting")})
    failed = Part(**{**vars(before), "state": "failed", "caption": t("photo.failed")})
    return render_template(
        "about/phone.html",
        now=site_now(),
        drawing=HALL,
        pins=_pins(),
        before=before,
        after=after,
        gallery=[before, waiting, failed],
    )


def _picture(ground: str) -> str:
    """Return a small picture of a cracked wall, drawn on the spot."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 48"><rect width="64" height="48" '
        f'fill="#{ground}"/><path d="M34 0l-3 12 5 9-6 14 3 13" fill="none" stroke="#222"/></svg>'
    )
    return "data:image/svg+xml," + quote(svg)


def _pins() -> list[Part]:
    return [
        Part(x=0.66, y=0.42, code="C-07", level="critical", value="3.71 mm", href="#c", left=True),
        Part(x=0.22, y=0.66, code="M-02", level="high", value="31.5 %", href="#m", left=False),
        Part(x=0.5, y=0.28, code="T-02", level="medium", value="0.12°", href="#t", left=False),
        Part(x=0.78, y=0.72, code="C-04", level="normal", value="1.28 mm", href="#n", left=True),
        Part(x=0.36, y=0.5, code="C-11", level="unknown", value="—", href="#u", left=False),
    ]


def _chart(end: int) -> dict[str, object]:
    """Invent 30 days of a crack that opens in the rain, with a gap."""
    chance = random.Random(7)
    hours = list(range(end - 30 * 86_400, end + 1, 3600))
    values = [_crack(i, len(hours), chance) for i in range(len(hours))]
    rain = [
        [at, round(abs(chance.gauss(0, 1)) * (9 if i > 660 else 1.5), 1)]
        for i, at in enumerate(hours)
        if i % 24 == 12
    ]
    return {
        "t": hours,
        "v": values,
        "rain": rain,
        "rain_width_s": 86_400,
        "thresholds": [
            {"severity": "low", "value": 3.4},
            {"severity": "medium", "value": 3.5},
            {"severity": "high", "value": 3.6},
            {"severity": "critical", "value": 3.8},
        ],
        "alerts": [
            {"t": end - 30 * 3600, "severity": "medium"},
            {"t": end - 14 * 3600, "severity": "high"},
        ],
        "change": {"from": end - 24 * 3600, "to": end, "text": "+0.42 mm / 24 h"},
        "decimals": 2,
    }


def _crack(i: int, count: int, chance: random.Random) -> float | None:
    if 300 < i < 340:
        return None
    opening = max(0, i - (count - 60)) ** 1.6 * 0.0008
    return round(3.26 + opening + chance.gauss(0, 0.006), 3)
