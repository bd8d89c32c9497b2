"""One site in motion: sky, roof and instruments, stepped forwards together."""

from random import Random

from sensors_sim.physics import air
from sensors_sim.physics.instruments import Follower
from sensors_sim.physics.rain import Rain
from sensors_sim.physics.roof import Roof
from sensors_sim.physics.sky import Sky
from sensors_sim.scenario import Channel, Node, Place
from sensors_sim.times import HOUR_MS


class World:
    """A site's weather and instruments at one moment."""

    def __init__(self, place: Place, seed: int, begins_ms: int) -> None:
        """Draw every stream from seed and place, so that sites don't disturb each other."""
        self.place = place
        self.at_ms = begins_ms
        self._key = f"{seed}/{place.code}"
        self._rain = Rain(place.climate, self._key, begins_ms, place.storms, place.scripted)
        self._roof = Roof()
        self._followers: dict[tuple[str, str], Follower] = {
            (node.device, channel.name): channel.instrument.put_up()
            for node in place.nodes
            for channel in node.channels
        }
        self._working = list(self._followers.values())

    def step(self, until_ms: int) -> None:
        """Let the time up to `until_ms` pass in one step."""
        sky = self._sky(until_ms)
        for follower in self._working:
            follower.step(sky)
        self.at_ms = until_ms

    def run(self, until_ms: int) -> None:
        """Let hours pass, one by one."""
        while self.at_ms < until_ms:
            self.step(min(until_ms, self.at_ms + HOUR_MS))

    def read(self, node: Node, channel: Channel, random: Random) -> float:
        """Return what an instrument shows now."""
        return self._followers[node.device, channel.name].read(random)

    def _sky(self, until_ms: int) -> Sky:
        step_ms = until_ms - self.at_ms
        rain_mm = self._rain.between(self.at_ms, until_ms)
        air_c = air.temperature_c(self.place.climate, self._key, until_ms, self._roof.wetness)
        self._roof.step(step_ms, rain_mm, air_c)
        wind_m_s = air.wind_m_s(self._key, until_ms, rain_mm * HOUR_MS / step_ms)
        return Sky(until_ms, step_ms, rain_mm, air_c, wind_m_s, self._roof.wetness)
