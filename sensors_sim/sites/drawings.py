"""Plain elevations of the three sites, drawn for the demo; none of them is a survey."""

from typing import Any

Shape = list[Any]
Pin = dict[str, Any]

WIDTH, HEIGHT = 760, 420
GROUND = 380
WAVES = range(180, 741, 80)


def tianning() -> dict[str, Any]:
    """Return Jingang Hall from the north: five bays under a tiled slope and two ridges."""
    columns = [_rect("col", x, 250, 12, 124) for x in (120, 222, 324, 424, 526, 628)]
    doors = [_rect("win", x + 14, 268, 82, 106) for x in (120, 222, 324, 424, 526)]
    tiles = [_tile_course(x) for x in range(180, 600, 20)]
    shapes = [
        _ground(),
        _rect("dado", 90, 374, 580, 6),
        _rect("wall", 110, 240, 540, 134),
        *doors,
        *columns,
        _rect("beam", 100, 236, 560, 12),
        _path(
            "roof", "M180 126 L580 126 Q620 190 712 216 L700 230 L60 230 L48 216 Q140 190 180 126 Z"
        ),
        *tiles,
        _rect("beam", 172, 112, 416, 14),
        _path("thin", "M172 112 Q164 88 150 84 M588 112 Q596 88 610 84"),
        _path("course", "M190 160 L570 160 L574 176 L186 176 Z"),
        _path("thick", "M200 168 H560"),
    ]
    pins = [
        _element("jingang/ridge", 300, 168),
        _element("jingang/main-ridge", 380, 118),
        _sensor("C-07", 250, 168),
        _sensor("M-05", 340, 168),
        _sensor("C-08", 470, 118),
        _sensor("M-03", 200, 208),
        _sensor("M-04", 560, 208),
        _sensor("T-03", 380, 208),
        _sensor("I-01", 228, 310),
        _sensor("R-01", 700, 360),
        _sensor("W-01", 728, 320),
    ]
    return _elevation("jingang-north", "N", "金刚殿北立面", "Jingang Hall, north", shapes, pins)


def pagoda() -> dict[str, Any]:
    """Return the pagoda from the south: seven storeys, each narrower than the one below."""
    shapes = [_ground(), _rect("dado", 260, 368, 240, 12)]
    pins = [
        _sensor("C-01", 362, 300),
        _sensor("I-01", 420, 330),
        _sensor("C-02", 380, 178),
        _sensor("M-01", 326, 119),
        _sensor("R-01", 640, 360),
        _sensor("T-01", 672, 330),
        _element("pagoda/shaft", 330, 330),
        _element("pagoda/finial", 380, 36),
    ]
    for storey in range(7):
        half, top = 92 - storey * 8, 324 - storey * 42
        left, eaves = 380 - half, half + 16
        shapes += [
            _rect("brick", left, top + 8, 2 * half, 36),
            _path(
                "arch",
                f"M368 {top + 44} V{top + 24} Q380 {top + 12} 392 {top + 24} V{top + 44} Z",
            ),
            _path(
                "roof",
                f"M{380 - eaves} {top + 8} L{left} {top} H{380 + half} L{380 + eaves} {top + 8} Z",
            ),
        ]
    shapes.append(_path("thick", "M380 72 V24"))
    shapes.append(_path("thin", "M370 60 H390 M372 50 H388 M374 40 H386"))
    return _elevation("pagoda-south", "S", "砖塔南立面", "Pagoda, south", shapes, pins)


def bridge() -> dict[str, Any]:
    """Return the bridge from the east: three arches over the water."""
    courses = [
        _path("course", f"M{left} {y} H{WIDTH - left}")
        for left, y in ((136, 284), (184, 266), (242, 248))
    ]
    shapes = [
        _path(
            "brick",
            "M40 330 Q380 130 720 330 V350 H640 A58 58 0 0 0 524 350 H486 "
            "A106 106 0 0 0 274 350 H236 A58 58 0 0 0 120 350 H40 Z",
        ),
        *courses,
        _path("arch", "M274 350 A106 106 0 0 1 486 350"),
        _path("thin", "M120 350 A58 58 0 0 1 236 350 M524 350 A58 58 0 0 1 640 350"),
        _path("thick", "M40 318 Q380 118 720 318"),
        _path("thin", "M20 372 Q60 366 100 372 " + " ".join(f"T{x} 372" for x in WAVES)),
        _rect("dado", 236, 350, 38, 22),
        _rect("dado", 486, 350, 38, 22),
    ]
    pins = [
        _sensor("C-01", 380, 236),
        _sensor("C-02", 550, 272),
        _sensor("I-01", 505, 352),
        _sensor("R-01", 60, 300),
        _sensor("T-01", 92, 268),
        _element("bridge/main-arch", 340, 252),
        _element("bridge/pier", 255, 352),
    ]
    return _elevation("bridge-east", "E", "石桥东立面", "Bridge, east", shapes, pins)


def _elevation(
    code: str, orientation: str, zh: str, en: str, shapes: list[Shape], pins: list[Pin]
) -> dict[str, Any]:
    return {
        "code": code,
        "kind": "elevation",
        "orientation": orientation,
        "name": {"zh": zh, "en": en},
        "width": WIDTH,
        "height": HEIGHT,
        "shapes": shapes,
        "pins": pins,
    }


def _tile_course(x: int) -> Shape:
    """A line down the slope, which widens towards the eaves."""
    return _path("tile", f"M{x} 128 L{x + (x - 380) * 0.5:.0f} 226")


def _ground() -> Shape:
    return _path("ground", f"M10 {GROUND} H{WIDTH - 10}")


def _path(kind: str, d: str) -> Shape:
    return ["path", {"class": kind, "d": d}]


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Shape:
    return ["rect", {"class": kind, "x": x, "y": y, "width": width, "height": height}]


def _sensor(code: str, x: float, y: float) -> Pin:
    return {"sensor": code, **_place(x, y)}


def _element(reference: str, x: float, y: float) -> Pin:
    return {"element": reference, **_place(x, y)}


def _place(x: float, y: float) -> Pin:
    return {"x": round(x / WIDTH, 4), "y": round(y / HEIGHT, 4)}
