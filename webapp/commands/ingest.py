"""`ridgewatch ingest`: takes messages in, judges them, and only then acknowledges."""

import click


@click.command()
def command() -> None:
    """Take MQTT messages in: as a receiver, or from the broker of RIDGEWATCH_MQTT_URL.

    Without a broker, devices publish straight to this process (RIDGEWATCH_MQTT_LISTEN). A message
    is acknowledged only when its readings are on disk and judged.
    """
    import os

    from ingest import ingest_role
    from ingest.reserve import Reserve, make_room
    from ingest.stopping import stop_event
    from models.installation import opened
    from models.settings import Settings

    stop = stop_event()
    asked = Settings.read(os.environ, secret_needed=False)
    make_room(Reserve(asked.data_dir, asked.reserve_bytes))
    with opened(os.environ) as (settings, store):
        ingest_role.run(settings, store, stop)
