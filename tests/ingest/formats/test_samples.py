"""Every sample message gives exactly what its sidecar says; every hostile one a permitted end."""

import pytest

from ingest.formats.decode import BY_NAME
from tests.ingest.formats.sidecars import (
    SAMPLES,
    Sample,
    complaints,
    decoded_in_order,
    samples_in,
)

FOLDERS = [path for path in sorted(SAMPLES.iterdir()) if path.is_dir() and path.name in BY_NAME]
DECODED = {
    sample.id: (sample, decoded)
    for folder in [*FOLDERS, SAMPLES / "bad"]
    for sample, decoded in decoded_in_order(samples_in(folder))
    if sample.meta["format"] in BY_NAME or sample.meta["format"] is None
}
STRANGERS = [
    sample for sample in samples_in(SAMPLES / "bad") if sample.meta["format"] not in BY_NAME
]


@pytest.mark.parametrize("name", DECODED)
def test_a_sample_gives_what_its_sidecar_says(name: str):
    sample, decoded = DECODED[name]

    assert complaints(sample, decoded) == []


@pytest.mark.parametrize("sample", STRANGERS, ids=lambda sample: sample.id)
def test_what_no_format_claims_is_quarantined_without_a_reading(sample: Sample):
    ((_, decoded),) = decoded_in_order([sample])

    assert decoded.outcome == "quarantine"
    assert not [m for m in decoded.measurements if m.value is not None]
