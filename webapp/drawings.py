"""Elevations as the pages draw them; a plain hall stands in where a site has no drawing yet."""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Drawing:
    """An elevation: its size, and either our own markup or the address of an image."""

    width: int
    height: int
    svg: Markup = Markup("")
    href: str = ""


def _hall() -> Markup:
    """Draw a hall of five bays under one hipped roof, in the classes that app.css colours."""
    parts = ['<path class="ground" d="M20 560H980"/>', _rect("brick", 120, 500, 760, 60)]
    parts += [_rect("brick", 430, 525, 140, 35), _rect("wall", 180, 300, 640, 200)]
    for bay in range(6):
        parts.append(_rect("col", 176 + bay * 126, 300, 12, 200))
    for bay in range(5):
        left = 196 + bay * 126
        parts.append(_rect("win", left, 330, 98, 110 if bay != 2 else 170))
        if bay != 2:
            parts.append(_rect("dado", left, 440, 98, 60))
        parts += [f'<path class="lat" d="M{left + 98 * k / 4:.0f} 330V440"/>' for k in (1, 2, 3)]
    parts.append(_rect("beam", 170, 286, 660, 16))
    parts.append(
        '<path class="roof" d="M90 262Q150 288 210 290H790Q850 288 910 262Q760 236 700 130H300'
        'Q240 236 90 262Z"/>'
    )
    for tile in range(1, 34):
        top, eave = 300 + 400 * tile / 34, 130 + 740 * tile / 34
        parts.append(
            f'<path class="tile" d="M{top:.0f} 134Q{top + (eave - top) * 0.35:.0f} 236 '
            f'{eave:.0f} 286"/>'
        )
    parts.append('<path class="solid" d="M292 118H708V131H292Z"/>')
    parts.append('<path class="solid" d="M292 118c-6-22 4-34 18-38c-2 14 6 16 12 20v18z"/>')
    parts.append('<path class="solid" d="M708 118c6-22-4-34-18-38c2 14-6 16-12 20v18z"/>')
    return Markup("".join(parts))  # our own constant text; nothing from outside is in it


def _rect(kind: str, x: int, y: int, width: int, height: int) -> str:
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"/>'


HALL = Drawing(1000, 580, _hall())
