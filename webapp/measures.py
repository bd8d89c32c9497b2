"""How pages write what a sensor measures: as finely as it can be read, with its unit."""

from markupsafe import Markup, escape

from models.units import QUANTITIES, symbol
from webapp.filters import NBSP

DASH = "—"


def digits(value: float | None, quantity: str | None, signed: bool = False) -> str:
    """3.71, +0.42, −0.01; — where there is none."""
    if value is None:
        return DASH
    known = QUANTITIES.get(quantity or "")
    decimals = known.decimals if known else 2
    shown = f"{abs(value):,.{decimals}f}"
    is_zero = float(shown.replace(",", "")) == 0
    sign = "−" if value < 0 and not is_zero else ("+" if signed and not is_zero else "")
    return sign + shown


def measure(value: float | None, quantity: str | None, signed: bool = False) -> str:
    """3.71 mm, 0.12°."""
    if value is None:
        return DASH
    unit = symbol(quantity)
    return f"{digits(value, quantity, signed)}{'' if unit in ('', '°') else NBSP}{unit}"


def measured(value: float | None, quantity: str | None, signed: bool = False) -> Markup:
    """Return a value with its unit in a lighter face, as a page shows it."""
    number = escape(digits(value, quantity, signed))
    unit = symbol(quantity)
    if value is None or not unit:
        return Markup('<span class="num">{}</span>').format(number)
    gap = "" if unit == "°" else NBSP
    return Markup('<span class="num">{}{}<small>{}</small></span>').format(number, gap, unit)
