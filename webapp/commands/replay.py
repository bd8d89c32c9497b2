"""`ridgewatch replay`: publishes a replay file to a running instance."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from models.settings import Settings
    from sensors_sim.packet import Packet

SAYS_EVERY = 10_000


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--registry",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the sensors' channels from this file and not from the instance's database.",
)
def command(file: Path, registry: Path | None) -> None:
    """Publish FILE (CSV: time,sensor,value) over MQTT, as fast as it is acknowledged.

    What is older than a day when it arrives is history: stored and drawn, and pages nobody. A
    second replay of the same file adds nothing.
    """
    import os

    from models.settings import Settings

    settings = Settings.read(os.environ, secret_needed=False)
    packets = _packets(file, _sources(settings, registry))
    sent = _publish(settings, packets)
    click.echo(sent)


def _sources(settings: "Settings", registry: Path | None) -> dict[str, Any]:
    """Return where each sensor's values come from: as the instance, or as a file has it."""
    import os

    from models.channels import sources
    from models.installation import opened

    if registry is None:
        with opened(os.environ) as (_, store), store.reading() as session:
            return dict(sources(session))
    from ingest.rehearsal import registered

    return registered(registry.read_bytes())


def _packets(file: Path, found: dict[str, Any]) -> "list[Packet]":
    """Read the whole file before anything is sent: a fault in line 9,000 sends nothing."""
    from models.errors import BadInput, Fault
    from models.reasons import Reason
    from sensors_sim import replay

    bindings = {
        name: replay.Binding(source.device, source.channel, source.unit)
        for name, source in found.items()
        if source.device is not None
    }
    try:
        return list(replay.packets(replay.read(file), bindings))
    except replay.ReplayFault as fault:
        raise BadInput([Fault(file.name, Reason(fault.code, fault.values))]) from None


def _publish(settings: "Settings", packets: "list[Packet]") -> int:
    """Publish in order, with QoS 1; returns when all is acknowledged, and so on disk."""
    from models.errors import Refusal
    from models.reasons import Reason
    from sensors_sim.connection import BadAddress, Connection, Refused

    try:
        connection = Connection(settings.publish_url, "ridgewatch-replay")
        try:
            for number, packet in enumerate(packets, start=1):
                connection.publish(packet.topic, packet.payload)
                if number % SAYS_EVERY == 0:
                    click.echo(f"{number} / {len(packets)}", err=True)
            connection.settle()
        finally:
            connection.close()
    except (BadAddress, Refused) as fault:
        raise Refusal(Reason(fault.code, fault.values)) from None
    return len(packets)
