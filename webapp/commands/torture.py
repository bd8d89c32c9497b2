"""`ridgewatch torture`: lets faults befall a throw-away installation, and counts what is lost."""

from pathlib import Path

import click

FOUND_A_FAULT = 3


@click.command()
@click.option(
    "--nemesis", default="all", show_default=True, help="Names separated by commas, or all."
)
@click.option(
    "--seconds",
    type=click.FloatRange(3, 86_400),
    default=120,
    show_default=True,
    help="How long faults go on; start and comparison come on top.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Other values, other faults.")
@click.option("--url", help="Use this empty PostgreSQL database instead of SQLite.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write the result as JSON ('-': standard output, in place of the report).",
)
@click.option(
    "--record", is_flag=True, help="Keep the result for the page of checks of this installation."
)
@click.option("--list", "listed", is_flag=True, help="List the nemeses, and what each lacks here.")
def command(
    nemesis: str, seconds: float, seed: int, url: str | None, out: Path | None, record: bool,
    listed: bool,
) -> int:  # fmt: skip
    """Torture a throw-away installation and compare what was acknowledged with what is stored.

    Seeded devices publish while processes are killed or stopped, disks fill, fsync fails, clocks
    step and the network misbehaves: each alone, then in pairs. What is left is compared with an
    undisturbed run of the same messages. The installation that is configured is never touched.

    The same seed gives the same messages and the same plan of faults. Exit code 3: a check found
    a fault.
    """
    import json
    import os

    from ingest.torture.report import lines
    from ingest.torture.torture import Asked, left_out, nemeses_of, torture
    from models.check_results import keep
    from models.settings import Settings
    from webapp.cli import language_of

    language = language_of(os.environ)
    asked = Asked(nemeses_of(nemesis), seconds, seed, _database(url))
    if listed:
        _list(asked.nemeses, dict(left_out(asked)), language)
        return 0
    data_dir = Settings.read(os.environ, secret_needed=False).data_dir if record else None
    result = torture(asked)
    if out is not None:
        with click.open_file(str(out), "w", encoding="utf-8") as file:
            json.dump(result, file, ensure_ascii=False, indent=1)
            file.write("\n")
    if str(out) != "-":
        for line in lines(result, language):
            click.echo(line)
    if data_dir is not None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        keep(data_dir, "torture", result)
    return 0 if result["held"] else FOUND_A_FAULT


def _database(url: str | None) -> str | None:
    from models.errors import BadInput, Fault
    from models.reasons import reason
    from models.settings_text import Wrong, database_of

    if url is None:
        return None
    try:
        found = database_of(url)
    except Wrong as wrong:
        raise BadInput([Fault("--url", wrong.reason)]) from None
    if found.startswith("sqlite"):
        raise BadInput([Fault("--url", reason("torture.sqlite_is_made"))])
    return found


def _list(nemeses, lacking, language: str) -> None:  # type: ignore[no-untyped-def]
    from models.words.render import Reader, phrase, text

    reader = Reader(language, "UTC")
    for one in nemeses:
        what = phrase(f"torture.nemesis.{one.name}", reader)
        why = f" [{text(lacking[one.name], reader)}]" if one.name in lacking else ""
        click.echo(f"{one.name:<14} {what}{why}")
