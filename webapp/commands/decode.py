"""`ridgewatch decode FILE.jsonl`: shows what Ridgewatch makes of messages, and stores nothing."""

from typing import BinaryIO

import click


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--profiles",
    type=click.Path(exists=True, file_okay=False),
    help="A folder with device profiles (*.json), beside those that are shipped.",
)
def command(file: BinaryIO, profiles: str | None) -> None:
    """Decode the messages of FILE ('-' reads standard input), one JSON object a line.

    A line is {"topic", "payload_base64", "received_at", "qos", "retain", "site_timezone"}; for
    each, a line of {"outcome", "reason", "measurements"} is printed. Nothing is stored, and
    nothing but the lines before is known.
    """
    from ingest.formats.lines import results

    for line in results(file, profiles):
        click.echo(line)
