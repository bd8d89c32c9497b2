"""`ridgewatch rehearse`: runs a scenario or a replay file in virtual time and checks it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.message import Message
    from ingest.rehearsal import Rehearsal
    from sensors_sim.packet import Packet
    from sensors_sim.replay import Row
    from sensors_sim.scenario import Scenario

ENDLESS_DAYS = 14
EXPECTATION_FAILED = 1


@click.command()
@click.argument("source")
@click.option(
    "--registry",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The registry file; needed for a replay file, in place of its own for a scenario.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Other weather, same story.")
@click.option("--expect", is_flag=True, help="Check what the scenario must cause; exit code 1.")
@click.option(
    "--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write the checks as JUnit."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write what happened as JSON ('-': standard output).",
)
def command(
    source: str,
    registry: Path | None,
    seed: int,
    expect: bool,
    junit: Path | None,
    out: Path | None,
) -> int:
    """Run SOURCE, a scenario's name or a replay file (CSV), as fast as the machine can.

    Needs no configuration. The same seed gives the same bytes. An endless scenario is run for
    14 days. Without --out or --expect, prints a line for each thing that happened.
    """
    import os

    from sensors_sim.expect import check
    from sensors_sim.expect import junit as junit_of
    from webapp.cli import language_of

    scenario = None if _is_file(source) else _scenario(source)
    if (expect or junit) and (scenario is None or not scenario.expect):
        raise click.UsageError("--expect and --junit need a scenario that states what it causes.")
    truths: list[dict[str, Any]] = []
    if scenario is not None:
        rehearsal = _of_scenario(scenario, _document(registry), seed, truths)
    else:
        rehearsal = _of_file(Path(source), registry)
    rows = _ordered([*rehearsal.run(), *truths])
    _write(out, rows)
    if not (expect or junit):
        if out is None:
            _print(rows)
        return 0
    assert scenario is not None
    outcomes = check(scenario.expect, rows)
    if junit is not None:
        junit.write_text(junit_of(outcomes, f"rehearse.{scenario.name}"), encoding="utf-8")
    language = language_of(os.environ)
    for outcome in outcomes:
        sign = "ok  " if outcome.met else "FAIL"
        click.echo(f"{sign} {outcome.name[language]}: {outcome.explanation[language]}")
    return 0 if all(one.met for one in outcomes) or not expect else EXPECTATION_FAILED


def _is_file(source: str) -> bool:
    return source.endswith(".csv") or "/" in source or Path(source).is_file()


def _scenario(name: str) -> "Scenario":
    from models.errors import BadInput, Fault
    from models.reasons import Reason
    from sensors_sim.catalogue import UnknownScenario, scenario

    try:
        return scenario(name)
    except UnknownScenario as fault:
        raise BadInput([Fault("SOURCE", Reason(fault.code, fault.values))]) from None


def _document(path: Path | None) -> Mapping[str, Any] | None:
    """Read a registry file; what is wrong with it is told when it is loaded."""
    from models.registry_file.positions import parse

    return None if path is None else parse(path.read_bytes())


def _of_scenario(
    scenario: "Scenario",
    registry: Mapping[str, Any] | None,
    seed: int,
    truths: list[dict[str, Any]],
) -> "Rehearsal":
    from functools import partial

    from ingest.rehearsal import Planned, Rehearsal, stand_scaffold
    from models.times import from_ms
    from sensors_sim.stream import packets
    from sensors_sim.times import DAY_MS

    ends_ms = scenario.ends_ms or scenario.begins_ms + ENDLESS_DAYS * DAY_MS
    planned = [
        Planned(
            from_ms(one.since_ms),
            partial(_stand, stand_scaffold, one.site, one.zone, one.code),
        )
        for one in scenario.scaffolds
    ]
    return Rehearsal(
        registry=registry or scenario.registry,
        messages=lambda _: _messages(packets(scenario, seed, until_ms=ends_ms), truths),
        begins=from_ms(scenario.begins_ms),
        until=from_ms(ends_ms),
        planned=planned,
    )


def _stand(stand: Any, site: str, zone: str, code: str, session: Any, now: "datetime") -> None:
    stand(session, site, zone, code, now)


def _of_file(path: Path, registry: Path | None) -> "Rehearsal":
    from datetime import timedelta

    from ingest.rehearsal import Rehearsal
    from models.times import from_ms

    if registry is None:
        raise click.UsageError("A replay file needs --registry FILE.")
    document = _document(registry)
    assert document is not None
    rows = _rows(path)
    minute = timedelta(minutes=1)
    begins = from_ms(rows[0].at_ms).replace(second=0, microsecond=0) - minute
    until = from_ms(rows[-1].at_ms).replace(second=0, microsecond=0) + minute
    return Rehearsal(document, lambda session: _replayed(session, path, rows), begins, until)


def _rows(path: Path) -> list["Row"]:
    from models.errors import BadInput, Fault
    from models.reasons import Reason
    from sensors_sim import replay

    if not path.is_file():
        raise click.BadParameter(f"there is no file {path}", param_hint="SOURCE")
    try:
        rows = list(replay.read(path))
    except replay.ReplayFault as fault:
        raise BadInput([Fault(path.name, Reason(fault.code, fault.values))]) from None
    if not rows:
        raise click.BadParameter(f"{path} holds no readings", param_hint="SOURCE")
    return rows


def _replayed(session: Any, path: Path, rows: list["Row"]) -> Iterator["Message"]:
    """Turn rows into messages; a sensor that the registry lacks stops it before anything ran."""
    from models.channels import sources
    from models.errors import BadInput, Fault
    from models.reasons import Reason
    from sensors_sim.replay import Binding, ReplayFault, packets

    bindings = {
        name: Binding(source.device, source.channel, source.unit)
        for name, source in sources(session).items()
        if source.device is not None
    }
    try:
        return _messages(iter(list(packets(rows, bindings))), [])
    except ReplayFault as fault:
        raise BadInput([Fault(path.name, Reason(fault.code, fault.values))]) from None


def _messages(packets: Iterator["Packet"], truths: list[dict[str, Any]]) -> Iterator["Message"]:
    """Turn packets into messages; what really happened is noted on the side."""
    from ingest.message import Message
    from models.times import iso

    for packet in packets:
        if packet.event is not None:
            truths.append({"at": iso(packet.at_ms), "kind": "truth", "event": packet.event})
            continue
        yield Message(
            packet.topic,
            packet.payload,
            packet.at_ms,
            qos=1,
            retain=packet.retain,
            dup=packet.dup,
        )


def _ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from models.happenings import ordered

    return ordered(rows)


def _write(out: Path | None, rows: Sequence[Mapping[str, Any]]) -> None:
    import json

    if out is not None:
        with click.open_file(str(out), "w", encoding="utf-8") as file:
            json.dump(rows, file, ensure_ascii=False, indent=1)
            file.write("\n")


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        told = (row.get(name) for name in ("at", "kind", "rule", "subject", "severity", "to"))
        more = (row.get(name) for name in ("channel", "person", "scaffold", "task", "event"))
        click.echo("  ".join(str(one) for one in (*told, *more) if one))
