"""The instruments: each follows the sky with its own lag and speaks as its electronics do."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from random import Random
from typing import Protocol

from sensors_sim.physics.air import season
from sensors_sim.physics.damage import Damage
from sensors_sim.physics.sky import Sky
from sensors_sim.times import HOUR_MS

REFERENCE_C = 15.0
"""The temperature at which a crack or a tilt has its stated size."""


class Follower(Protocol):
    """An instrument at work: it follows the sky step by step and can be read at any time."""

    def step(self, sky: Sky) -> None:
        """Follow one step."""

    def read(self, random: Random) -> float:
        """Return what it shows, with its noise and in its resolution."""


class Instrument(Protocol):
    """An instrument in its box: what it is, before it is put up."""

    def put_up(self) -> Follower:
        """Return a fresh one at work."""


def rounded(value: float, resolution: float) -> float:
    """Round to the resolution without leaving binary dust behind."""
    return round(round(value / resolution) * resolution, 4)


def _towards(value: float, target: float, step_ms: int, lag_h: float) -> float:
    return target + (value - target) * exp(-step_ms / HOUR_MS / lag_h)


@dataclass(frozen=True, slots=True)
class RainGauge:
    """A tipping bucket that counts its tips for ever."""

    tip_mm: float = 0.2

    def put_up(self) -> "_RainGauge":
        """Return one whose counter stands at zero."""
        return _RainGauge(self)


class _RainGauge:
    def __init__(self, instrument: RainGauge) -> None:
        self._tip_mm = instrument.tip_mm
        self._bucket_mm = 0.0
        self._tips = 0

    def step(self, sky: Sky) -> None:
        if sky.rain_mm:
            self._bucket_mm += sky.rain_mm
            tips = int(self._bucket_mm / self._tip_mm)
            self._tips += tips
            self._bucket_mm -= tips * self._tip_mm

    def read(self, random: Random) -> float:
        return round(self._tips * self._tip_mm, 1)


@dataclass(frozen=True, slots=True)
class Thermometer:
    """A temperature probe; under a roof it lags behind the air."""

    lag_h: float = 0.3
    noise_c: float = 0.05

    def put_up(self) -> "_Thermometer":
        """Return one that has not felt anything yet."""
        return _Thermometer(self)


class _Thermometer:
    def __init__(self, instrument: Thermometer) -> None:
        self._instrument = instrument
        self._felt_c = REFERENCE_C

    def step(self, sky: Sky) -> None:
        self._felt_c = _towards(self._felt_c, sky.air_c, sky.step_ms, self._instrument.lag_h)

    def read(self, random: Random) -> float:
        return rounded(self._felt_c + random.gauss(0.0, self._instrument.noise_c), 0.1)


@dataclass(frozen=True, slots=True)
class Leak:
    """From when on how many points of moisture a soaked roof adds, and how fast wood follows."""

    since_ms: int
    points: float
    wets_h: float = 20.0
    dries_h: float = 110.0


@dataclass(frozen=True, slots=True)
class MoistureProbe:
    """Moisture content of timber, in percent: damper in winter, damper under a wet roof."""

    base_pct: float
    leaks: Sequence[Leak]
    season_pct: float = 0.8
    noise_pct: float = 0.06

    def put_up(self) -> "_MoistureProbe":
        """Return one in dry wood."""
        return _MoistureProbe(self)


class _MoistureProbe:
    def __init__(self, instrument: MoistureProbe) -> None:
        self._instrument = instrument
        self._leaks = sorted(instrument.leaks, key=lambda leak: leak.since_ms)
        self._base_pct = instrument.base_pct
        self._excess_pct = 0.0

    def step(self, sky: Sky) -> None:
        while len(self._leaks) > 1 and self._leaks[1].since_ms <= sky.at_ms:
            self._leaks.pop(0)
        leak = self._leaks[0]
        target_pct = leak.points * sky.wetness
        lag_h = leak.wets_h if target_pct > self._excess_pct else leak.dries_h
        self._excess_pct = _towards(self._excess_pct, target_pct, sky.step_ms, lag_h)
        season_pct = -self._instrument.season_pct * season(sky.at_ms)
        self._base_pct = self._instrument.base_pct + season_pct

    def read(self, random: Random) -> float:
        noise_pct = random.gauss(0.0, self._instrument.noise_pct)
        return rounded(self._base_pct + self._excess_pct + noise_pct, 0.1)


@dataclass(frozen=True, slots=True)
class Movement:
    """A crack's width (mm) or a lean (deg): temperature with a lag, wetting, and damage."""

    size: float
    per_kelvin: float
    when_wet: float = 0.0
    lag_h: float = 5.0
    wets_h: float = 9.0
    noise: float = 0.006
    resolution: float = 0.01
    damage: tuple[Damage, ...] = ()

    def put_up(self) -> "_Movement":
        """Return one at its stated size."""
        return _Movement(self)


class _Movement:
    def __init__(self, instrument: Movement) -> None:
        self._instrument = instrument
        self._felt_c = REFERENCE_C
        self._wet = 0.0
        self._damage = 0.0

    def step(self, sky: Sky) -> None:
        instrument = self._instrument
        self._felt_c = _towards(self._felt_c, sky.air_c, sky.step_ms, instrument.lag_h)
        self._wet = _towards(self._wet, sky.wetness, sky.step_ms, instrument.wets_h)
        if instrument.damage:
            self._damage = sum(damage.at(sky.at_ms) for damage in instrument.damage)

    def read(self, random: Random) -> float:
        instrument = self._instrument
        warmth = instrument.per_kelvin * (self._felt_c - REFERENCE_C)
        true = instrument.size + warmth + instrument.when_wet * self._wet + self._damage
        return rounded(true + random.gauss(0.0, instrument.noise), instrument.resolution)


@dataclass(frozen=True, slots=True)
class Anemometer:
    """Mean wind of the interval."""

    def put_up(self) -> "_Anemometer":
        """Return one that has not turned yet."""
        return _Anemometer()


class _Anemometer:
    def __init__(self) -> None:
        self._wind_m_s = 0.0

    def step(self, sky: Sky) -> None:
        self._wind_m_s = sky.wind_m_s

    def read(self, random: Random) -> float:
        return max(0.0, rounded(self._wind_m_s * random.uniform(0.8, 1.2), 0.1))


@dataclass(frozen=True, slots=True)
class Battery:
    """Charge in percent; the keeper changes it before it runs low."""

    full_pct: float = 100.0
    changed_at_pct: float = 45.0
    per_hour_pct: float = 0.004

    def put_up(self) -> "_Battery":
        """Return a full one."""
        return _Battery(self)


class _Battery:
    def __init__(self, instrument: Battery) -> None:
        self._instrument = instrument
        self._charge_pct = instrument.full_pct

    def step(self, sky: Sky) -> None:
        self._charge_pct -= self._instrument.per_hour_pct * sky.step_ms / HOUR_MS
        if self._charge_pct < self._instrument.changed_at_pct:
            self._charge_pct = self._instrument.full_pct

    def read(self, random: Random) -> float:
        return rounded(self._charge_pct, 1.0)
