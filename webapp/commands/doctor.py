"""`ridgewatch doctor`: looks the installation over, and says what is wrong and how to cure it."""

from pathlib import Path

import click

FOUND_A_FAULT = 3


@click.command()
@click.option(
    "--broker-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read this mosquitto.conf as well.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(broker_config: Path | None, as_json: bool) -> int:
    """Check database, disk, time, secrets, roles, mail and broker of this installation.

    Nothing is changed, but that the result is kept for the page of checks; a broker is tried with
    a session and a topic of the doctor's own. Exit code 3: a fault was found (a warning is none).
    """
    import json
    import os

    from sqlalchemy.engine import make_url

    from ingest.doctor.doctor import examine
    from ingest.doctor.report import lines
    from models.check_results import keep
    from models.errors import Refusal
    from models.reasons import reason
    from models.settings import Settings
    from models.store import Store
    from webapp.cli import language_of

    settings = Settings.read(os.environ, secret_needed=False)
    file = make_url(settings.database_url).database or ""
    if settings.database_url.startswith("sqlite") and not Path(file).exists():
        # Opening it would make an empty one.
        raise Refusal(reason("installation.not_set_up", data_dir=str(settings.data_dir)))
    store = Store(settings.database_url, settings.data_dir)
    try:
        result = examine(settings, store, broker_config)
    finally:
        store.close()
    keep(settings.data_dir, "doctor", result)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=1))
    else:
        for line in lines(result, language_of(os.environ)):
            click.echo(line)
    faults = [one for one in result["findings"] if one["severity"] == "fault"]
    return FOUND_A_FAULT if faults else 0
