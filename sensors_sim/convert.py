"""Turns published measurement series into replay files with their registry.

python -m sensors_sim.convert crackmeter SERIES.csv --out replay.csv --registry registry.json
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensors_sim.replay import HEADER
from sensors_sim.times import iso, ms

TIME = "time_utc"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a series and the sensor that it becomes."""

    column: str
    code: str
    quantity: str
    unit: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """A series that we know: which columns are which sensors of which site."""

    site: str
    zh: str
    en: str
    timezone: str
    interval_s: int
    columns: tuple[Column, ...]


CRACKMETER = Recipe(
    "zion",
    "锡安 Pine Creek 岩缝",
    "Zion Pine Creek, rock joints",
    "America/Denver",
    900,
    (
        Column("lower_disp_mm", "C-LO", "crack_width", "mm", "下部裂缝", "lower joint"),
        Column("lower_temp_degC", "T-LO", "temperature", "degC", "下部温度", "lower temperature"),
        Column("upper_disp_mm", "C-UP", "crack_width", "mm", "上部裂缝", "upper joint"),
        Column("upper_temp_degC", "T-UP", "temperature", "degC", "上部温度", "upper temperature"),
        Column("control_disp_mm", "C-CT", "displacement", "mm", "对照位移", "unloaded control"),
        Column("control_temp_degC", "T-CT", "temperature", "degC", "对照温度", "its thermistor"),
        Column("air_temp_degC", "T-AIR", "temperature", "degC", "气温", "air temperature"),
        Column("battery_V", "B-01", "battery_voltage", "V", "电池", "logger's battery"),
    ),
)
"""Geokon 4420 crackmeters, 15 minutes. The control's thermistor is broken (-100 to -170 degC)."""

DWD_RAIN = Recipe(
    "kahler-asten",
    "卡勒阿斯滕雨量站",
    "Kahler Asten rain gauge",
    "Europe/Berlin",
    3600,
    (Column("rain_mm_DE_02483", "R-01", "rain_increment", "mm", "雨量计", "rain gauge"),),
)
"""Hourly rain. Kept as increments: a running total would swallow the no-data code 999.00."""

RECIPES = {"crackmeter": CRACKMETER, "dwd-rain": DWD_RAIN}


class SeriesFault(ValueError):
    """The series is not what the recipe expects; `code` and `values` say why."""

    def __init__(self, code: str, **values: object) -> None:
        self.code, self.values = code, values
        super().__init__(f"{code} " + " ".join(f"{name}={value}" for name, value in values.items()))


def replay_rows(recipe: Recipe, lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the replay file's rows; empty stays empty, and bad values stay to be flagged."""
    table = csv.DictReader(lines)
    missing = {TIME, *(column.column for column in recipe.columns)} - set(table.fieldnames or ())
    if missing:
        raise SeriesFault("series.columns_missing", columns=", ".join(sorted(missing)))
    for line in table:
        try:
            time = iso(ms(line[TIME]))
        except (TypeError, ValueError):
            raise SeriesFault("series.time_unreadable", line=table.line_num) from None
        for column in recipe.columns:
            yield time, f"{recipe.site}/{column.code}", line[column.column] or ""


def registry(recipe: Recipe) -> dict[str, Any]:
    """Return the registry file that goes with the recipe's replay file."""
    sensors = [
        {
            "code": column.code,
            "name": {"zh": column.zh, "en": column.en},
            "quantity": column.quantity,
            "unit": column.unit,
            "interval_s": recipe.interval_s,
            "serves": [recipe.site],
            "source": {"device": f"{recipe.site}-logger", "channel": column.code.lower()},
        }
        for column in recipe.columns
    ]
    return {
        "sites": [
            {
                "code": recipe.site,
                "name": {"zh": recipe.zh, "en": recipe.en},
                "protection_level": "unlisted",
                "timezone": recipe.timezone,
                "sensors": sensors,
                "buildings": [],
                "zones": [],
            }
        ]
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert one series; exit code 2 says why it could not be."""
    parser = argparse.ArgumentParser(prog="python -m sensors_sim.convert", description=__doc__)
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("series", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="the replay file to write")
    parser.add_argument("--registry", type=Path, help="the registry file to write")
    given = parser.parse_args(arguments)
    recipe = RECIPES[given.recipe]
    try:
        _convert(recipe, given.series, given.out)
    except (SeriesFault, OSError, UnicodeDecodeError) as fault:
        print(fault, file=sys.stderr)
        return 2
    if given.registry:
        text = json.dumps(registry(recipe), ensure_ascii=False, indent=1)
        given.registry.write_text(text + "\n", encoding="utf-8")
    return 0


def _convert(recipe: Recipe, series: Path, out: Path) -> None:
    """Write beside and rename, so that a faulty series leaves no half a replay file."""
    beside = out.with_name(f"{out.name}.part")
    try:
        with series.open(encoding="utf-8", newline="") as lines:
            with beside.open("w", encoding="utf-8", newline="") as written:
                table = csv.writer(written, lineterminator="\n")
                table.writerow(HEADER)
                table.writerows(replay_rows(recipe, lines))
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
