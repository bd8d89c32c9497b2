"""The whole reference corpus, where `make test-long CORPUS=path` names it."""

from pathlib import Path

import pytest

from tests.ingest.formats.sidecars import complaints, decoded_in_order, samples_in

pytestmark = pytest.mark.long


def test_every_message_of_the_corpus_gives_what_its_sidecar_says(corpus: Path):
    folders = sorted(path for path in (corpus / "payloads" / "messages").iterdir())

    wrong = {
        sample.id: complaints(sample, decoded)
        for folder in folders
        for sample, decoded in decoded_in_order(samples_in(folder))
    }

    assert {name: found for name, found in wrong.items() if found} == {}


def test_every_hostile_message_of_the_corpus_has_a_permitted_outcome(corpus: Path):
    samples = samples_in(corpus / "payloads" / "bad")

    wrong = {
        sample.id: complaints(sample, decoded) for sample, decoded in decoded_in_order(samples)
    }

    assert {name: found for name, found in wrong.items() if found} == {}
