"""`ridgewatch simulate`: publishes a scenario over MQTT to a running instance."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.settings import Settings
    from models.store import Store
    from sensors_sim.scenario import Scenario


@click.command()
@click.argument("scenario")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True, max=1_000_000),
    help="Site seconds per second; without it the clock's own speed, or life's.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Other weather, same story.")
@click.option("--story", is_flag=True, hidden=True, help="Steer the pace as the demo does.")
def command(scenario: str, speed: float | None, seed: int, story: bool) -> None:
    """Publish SCENARIO, step by step; the site's clock follows what is published and committed.

    Where the instance's database can be reached, its clock row paces the simulator (speed, pause,
    target) and a second start goes on where the first stopped. Otherwise real time does.
    """
    import os

    from ingest.stopping import stop_event
    from models.errors import BadInput, Fault
    from models.reasons import Reason
    from models.settings import Settings
    from sensors_sim.catalogue import UnknownScenario
    from sensors_sim.catalogue import scenario as find

    try:
        found = find(scenario)
    except UnknownScenario as fault:
        raise BadInput([Fault("SCENARIO", Reason(fault.code, fault.values))]) from None
    settings = Settings.read(os.environ, secret_needed=False)
    stop = stop_event()
    store = _store(settings)
    if store is None:
        from ingest.pacing import RealPace

        pace: Any = RealPace(found.begins_ms, speed or 1.0, found.ends_ms, stop.is_set)
    else:
        pace = _row_pace(store, found, speed, story, stop.is_set)
    try:
        _publish(settings, found, seed, pace)
    finally:
        if store is not None:
            store.close()


def _store(settings: "Settings") -> "Store | None":
    """Return the instance's database, where there is one that is set up."""
    from sqlalchemy.exc import OperationalError

    from models.migrate import current, head
    from models.store import Store

    if settings.database_url.startswith("sqlite") and not any(settings.data_dir.glob("*.db")):
        return None
    store = Store(settings.database_url, settings.data_dir)
    try:
        return store if current(store) == head() else None
    except OperationalError:
        return None


def _row_pace(
    store: "Store",
    scenario: "Scenario",
    speed: float | None,
    story: bool,
    stopping: "Callable[[], bool]",
) -> Any:
    from ingest.pacing import RowPace, lead
    from ingest.story import Story
    from models.times import from_ms

    ends = None if scenario.ends_ms is None else from_ms(scenario.ends_ms)
    with store.writing() as session:
        lead(session, from_ms(scenario.begins_ms), ends, speed)
    return RowPace(store, stopping, until_ms=scenario.ends_ms, steer=Story(goes_on=story))


def _publish(settings: "Settings", scenario: "Scenario", seed: int, pace: Any) -> None:
    from models.errors import Refusal
    from models.reasons import Reason
    from sensors_sim.connection import BadAddress, Refused
    from sensors_sim.publisher import Ahead, Publisher, run
    from sensors_sim.stream import packets

    broker = settings.broker_url if settings.receives else None
    try:
        publisher = Publisher(settings.publish_url, broker, since_ms=pace.at_ms)
        ahead = Ahead(packets(scenario, seed, since_ms=pace.at_ms))
        try:
            run(publisher, ahead, pace)
        finally:
            publisher.close()
    except (BadAddress, Refused) as fault:
        raise Refusal(Reason(fault.code, fault.values)) from None
