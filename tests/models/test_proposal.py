"""What a channel is likely to be: nothing is guessed of a bare number."""

import uuid

import pytest

from models.proposal import LETTERS, Proposal, propose
from models.reading import Channel
from models.registry import Site
from models.sensor import Epoch, Sensor
from models.units import QUANTITIES

HILL = Site(id=uuid.uuid4(), code="hill", name={}, timezone="UTC")
TOWER = Site(id=uuid.uuid4(), code="tower", name={}, timezone="UTC")
MINUTE = 60_000


def channel(name: str = "crack", **more) -> Channel:
    how = {
        "device": "node-9", "quantity": "crack_width", "unit": "mm", "topic": "ridgewatch/hill/x",
        "first_ms": 0, "last_ms": 0, "count": 1,
    } | more  # fmt: skip
    return Channel(channel=name, **how)


def sensor(code: str, device: str | None = "node-1", site: Site = HILL, **more) -> Sensor:
    how = {"quantity": "crack_width", "unit": "mm", "interval_s": 900} | more
    one = Sensor(id=uuid.uuid4(), key=1, site=site, site_id=site.id, code=code, serves=[], **how)
    one.epochs = [Epoch(kind="install", device=device, channel="crack")]
    return one


def asked(row: Channel, *sensors: Sensor, sites=(HILL, TOWER), taken=()) -> Proposal:
    return propose(row, sensors, list(sites), taken)


def test_the_topic_tells_the_site_and_the_next_number_the_code():
    found = asked(channel(), sensor("C-01"), sensor("C-03"), sensor("C-02", site=TOWER))

    assert found.is_whole
    assert (found.site, found.code, found.quantity, found.unit) == (
        HILL,
        "C-02",
        "crack_width",
        "mm",
    )


def test_the_letter_is_the_one_that_the_site_uses():
    assert asked(channel(), sensor("Gap-07")).code == "Gap-01"


def test_a_sensor_that_waits_for_its_channel_is_proposed():
    waits = sensor("C-05", device=None)

    assert asked(channel(), sensor("C-01"), waits).sensor is waits
    assert asked(channel(), waits, sensor("C-06", device=None)).sensor is None  # which of the two?
    assert asked(channel(), waits, taken=[("hill", "C-05")]).sensor is None


def test_other_sensors_of_the_device_tell_the_site_before_its_topic():
    assert asked(channel(), sensor("C-01", device="node-9", site=TOWER)).site is TOWER


@pytest.mark.parametrize(
    ("row", "sites", "site"),
    [
        (channel(topic="v3/a/devices/x/up", device="tower-3"), (HILL, TOWER), TOWER),
        (channel(topic="v3/a/devices/x/up"), (HILL, TOWER), None),
        (channel(topic="v3/a/devices/x/up"), (HILL,), HILL),
    ],
)
def test_the_name_or_the_only_site_tells_too(row, sites, site):
    assert asked(row, sites=sites).site is site


def test_a_unit_alone_tells_the_likely_quantity_and_nothing_tells_none():
    assert asked(channel("ch1", quantity=None, unit="cm")).quantity == "crack_width"
    bare = asked(channel("ch1", quantity=None, unit=None))
    assert bare.quantity is None and not bare.is_whole


@pytest.mark.parametrize(
    ("count", "minutes", "interval_s"), [(2, 15, 900), (11, 10, 60), (5, 61, 900), (3, 200, 7200)]
)
def test_how_often_it_speaks_is_taken_from_what_was_heard(count, minutes, interval_s):
    row = channel(count=count, last_ms=minutes * MINUTE)

    assert asked(row).interval_s == interval_s


def test_two_channels_of_one_page_get_two_codes():
    first = asked(channel())
    second = asked(channel("other"), taken=[("hill", first.code)])

    assert (first.code, second.code) == ("C-01", "C-02")


def test_every_quantity_has_its_letter():
    assert LETTERS.keys() == QUANTITIES.keys()
