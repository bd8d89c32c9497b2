"""A full disk is said on every page and to load balancers, by a look that writes nothing."""

import shutil
from pathlib import Path

import pytest

from models.store import Store
from tests.ingest.feeding import fill
from tests.webapp.cast import make_cast
from tests.webapp.conftest import app_on


@pytest.mark.long
def test_pages_and_readiness_say_that_the_disk_is_full(
    sqlite_template: Path, small_disk: Path
) -> None:
    shutil.copyfile(sqlite_template, small_disk / "ridgewatch.db")
    store = Store(f"sqlite+pysqlite:///{small_disk}/ridgewatch.db", small_disk)
    duty = make_cast(app_on(store), store).signed_in("duty")
    assert "Disk full" not in duty.get("/?lang=en").text

    filler = small_disk / "filler"
    fill(filler)
    page, ready = duty.get("/?lang=en").text, duty.get("/readyz")
    filler.unlink()
    store.close()

    assert "Disk full:" in page
    assert (ready.status_code, ready.json["checks"]["disk"]) == (503, False)


def test_a_disk_with_room_is_not_mentioned(cast) -> None:
    duty = cast.signed_in("duty")

    assert 'class="disk-full"' not in duty.get("/").text
    assert duty.get("/readyz").json["checks"]["disk"] is True
