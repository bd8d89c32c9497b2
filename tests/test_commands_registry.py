"""Setting up an installation from the command line: init, registry, user, token, key."""

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ingest.keys import StoredKeys
from models.accounts import find_invitation
from models.clock import machine_now, site_clock
from models.event import Event
from models.passwords import is_password
from models.people import DeviceKey, Invitation, User
from models.store import Store
from models.tokens import find_token
from tests.models.registry_example import EXAMPLE, example, gauge
from webapp import cli


@dataclass
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(
    empty_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run a command against an installation of the test's own, at first without any table."""
    for name in [name for name in os.environ if name.startswith("RIDGEWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RIDGEWATCH_DATA_DIR", str(tmp_path / "installation"))
    monkeypatch.setenv("RIDGEWATCH_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("RIDGEWATCH_LANGUAGE", "en")

    def run(*arguments: str, given: str = "", environ: Mapping[str, str] | None = None) -> Result:
        for name, value in (environ or {}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(given.encode()), "utf-8"))
        code = cli.run(list(arguments))
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return run


@pytest.fixture
def ready(run: Run) -> Run:
    """The same, after `init`."""
    assert run("init").code == 0
    return run


@pytest.fixture
def opened(empty_database_url: str, tmp_path: Path) -> Iterator[Store]:
    """The installation's store."""
    store = Store(empty_database_url, tmp_path / "installation")
    yield store
    store.close()


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Any], str]:
    """Write a document and return its path."""

    def write(document: Any) -> str:
        path = tmp_path / "sites.json"
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
        return str(path)

    return write


def test_init_makes_everything_and_says_what_comes_next(run: Run, tmp_path: Path) -> None:
    made = run("init")

    assert (made.code, made.out) == (0, "")
    assert "RIDGEWATCH_SECRET_KEY" in made.err and "ridgewatch user add" in made.err
    folder = tmp_path / "installation"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_init_again_changes_nothing(ready: Run, opened: Store) -> None:
    with opened.reading() as session:
        clock = site_clock(session)
        events = session.scalars(select(Event)).all()

    assert ready("init").code == 0

    with opened.reading() as session:
        again = site_clock(session)
        assert clock is not None and again is not None
        assert (again.mode, again.since) == ("real", clock.since)
        assert len(session.scalars(select(Event)).all()) == len(events) == 1


def test_init_fills_the_clock_as_the_environment_says(run: Run, opened: Store) -> None:
    run("init", environ={"RIDGEWATCH_CLOCK": "2022-03-14T00:00:00+08:00*300"})

    with opened.reading() as session:
        clock = site_clock(session)
        assert clock is not None
        assert (clock.mode, clock.speed, clock.site_at.isoformat()) == (
            "running",
            300.0,
            "2022-03-13T16:00:00+00:00",
        )


def test_init_can_load_a_registry_file(run: Run, file: Callable[[Any], str]) -> None:
    made = run("init", "--registry", file(EXAMPLE))

    assert made.code == 0
    assert "added sensor:tianning/C-07" in made.out.splitlines()


@pytest.mark.parametrize(
    "command",
    [
        ("registry", "dump"),
        ("registry", "load", "-"),
        ("token", "add", "n", "--scope", "read"),
        ("key", "add", "n", "--topics", "a/#"),
        ("user", "add", "a@b.c", "--role", "admin"),
    ],
)
def test_before_init_a_command_says_what_to_do(run: Run, command: tuple[str, ...]) -> None:
    refused = run(*command, given="{}")

    assert (refused.code, refused.out) == (2, "")
    assert "Run: ridgewatch init" in refused.err


def test_what_is_loaded_is_told_line_by_line(ready: Run, file: Callable[[Any], str]) -> None:
    path = file(EXAMPLE)

    first = ready("registry", "load", path)
    again = ready("registry", "load", path)

    assert first.code == 0
    assert "added rule:CRACK" in first.out.splitlines()
    assert "7 added, 0 changed, 0 retired." in first.err
    assert (again.code, again.out) == (0, "")


def test_a_dump_loads_to_no_change_through_pipes(ready: Run, file: Callable[[Any], str]) -> None:
    ready("registry", "load", file(EXAMPLE))

    whole = ready("registry", "dump", "-")
    again = ready("registry", "load", "--prune", "-", given=whole.out)

    assert json.loads(whole.out)["sites"][0]["name"]["zh"] == "天宁寺"
    assert (again.code, again.out) == (0, "")


def test_a_dump_goes_into_a_file(ready: Run, tmp_path: Path) -> None:
    path = tmp_path / "out.json"

    dumped = ready("registry", "dump", str(path))

    assert (dumped.code, dumped.out) == (0, "")
    assert json.loads(path.read_text())["organisations"][0]["code"] == "authority"


@pytest.mark.parametrize(("language", "said"), [("en", "Did you mean unit?"), ("zh", "是否应为")])
def test_faults_are_listed_with_file_line_and_path(
    ready: Run, file: Callable[[Any], str], language: str, said: str
) -> None:
    path = file(example(lambda d: gauge(d).update(unnit="mm", quantity="cracks")))

    refused = ready("registry", "load", path, environ={"RIDGEWATCH_LANGUAGE": language})

    assert (refused.code, refused.out) == (2, "")
    lines = refused.err.splitlines()
    place = "sites[0].buildings[0].sensors[0]"
    typo = next(line for line in lines if f"{place}.unnit" in line)
    assert said in typo
    number = int(typo.removeprefix(f"  {path}:").split(":")[0])
    assert '"unnit"' in Path(path).read_text().splitlines()[number - 1]
    assert any(f"{place}.quantity" in line for line in lines)


def test_broken_json_is_told_with_its_line(ready: Run) -> None:
    refused = ready("registry", "load", "-", given='{"sites": [\n  {"code" "a"}]}')

    assert refused.code == 2
    assert "line 2, column 11" in refused.err


def test_a_file_that_is_not_there_is_refused(ready: Run) -> None:
    assert ready("registry", "load", "/nowhere/sites.json").code == 2


def test_pruning_is_told(ready: Run, file: Callable[[Any], str]) -> None:
    ready("registry", "load", file(EXAMPLE))

    pruned = ready("registry", "load", "--prune", file({"sites": [{"code": "tianning"}]}))

    assert "retired sensor:tianning/C-07" in pruned.out.splitlines()


def test_a_user_with_a_password_can_sign_in_at_once(ready: Run, opened: Store) -> None:
    added = ready(
        "user", "add", "Ana@Example.org", "--role", "admin", "--password-stdin",
        given="a long enough secret\n",
    )  # fmt: skip

    assert (added.code, added.out) == (0, "ana@example.org\n")
    with opened.reading() as session:
        ana = session.scalars(select(User)).one()
        assert is_password(ana.password_hash, "a long enough secret")
        assert ana.password_hash is not None and ana.password_hash.startswith("$argon2id$")
        assert [membership.role for membership in ana.memberships] == ["admin"]


def test_a_user_without_a_password_gets_a_link(ready: Run, opened: Store) -> None:
    added = ready("user", "add", "ben@example.org", "--role", "manager", "--org", "authority")

    address, _, token = added.out.strip().rpartition("/")
    assert (added.code, address) == (0, "http://127.0.0.1:8000/invitations")
    with opened.reading() as session:
        invitation = find_invitation(session, token, machine_now())
        assert (invitation.email, invitation.role) == ("ben@example.org", "manager")
        assert session.scalars(select(User)).all() == []


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (["cara@example.org", "--role", "king"], "", "king"),
        (["not-an-address", "--role", "admin"], "", "not-an-address"),
        (["cara@example.org", "--role", "duty", "--org", "nobody"], "", "There are: authority"),
        (["cara@example.org", "--role", "admin", "--password-stdin"], "short\n", "password"),
        (["cara@example.org", "--role", "admin", "--password-stdin"], "", "password"),
    ],
)
def test_a_user_who_can_not_be_is_refused(
    ready: Run, opened: Store, arguments: list[str], given: str, said: str
) -> None:
    refused = ready("user", "add", *arguments, given=given)

    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    with opened.reading() as session:
        assert session.scalars(select(User)).all() == []
        assert session.scalars(select(Invitation)).all() == []


def test_a_token_is_printed_alone_and_this_once(ready: Run, opened: Store) -> None:
    added = ready("token", "add", "ci", "--scope", "write")

    assert added.code == 0 and added.err == ""
    with opened.reading() as session:
        row = find_token(session, added.out.strip(), machine_now())
        assert row is not None and (row.name, row.scope) == ("ci", "write")
    assert ready("token", "add", "ci", "--scope", "all").code == 2


def test_a_key_takes_several_topics_after_one_option(ready: Run, opened: Store) -> None:
    added = ready("key", "add", "gateway", "--topics", "v3/#", "zigbee2mqtt/#", "--network")

    assert added.code == 0 and len(added.out.strip()) >= 40
    with opened.reading() as session:
        key = session.scalars(select(DeviceKey)).one()
        assert (key.name, key.device, key.topics) == ("gateway", None, ["v3/#", "zigbee2mqtt/#"])


def test_a_key_of_a_device_is_for_that_device(ready: Run, opened: Store) -> None:
    ready("key", "add", "n3", "--topics", "ridgewatch/tianning/#", "--device", "tn-node-3")

    with opened.reading() as session:
        assert session.scalars(select(DeviceKey.device)).one() == "tn-node-3"


@pytest.mark.parametrize(
    "arguments",
    [
        ["n"],
        ["n", "--topics", "a/#/b"],
        ["n", "--topics", "a/#", "--device", "x", "--network"],
        ["n", "stray", "--device", "x"],
        ["a/#", "--topics", "n"],
    ],
)
def test_a_key_that_makes_no_sense_is_refused(ready: Run, arguments: list[str]) -> None:
    refused = ready("key", "add", *arguments)

    assert (refused.code, refused.out) == (2, "")
    assert refused.err


def test_a_key_is_rotated_retired_and_revoked(ready: Run, opened: Store) -> None:
    first = ready("key", "add", "n", "--device", "node-1").out.strip()

    second = ready("key", "rotate", "n").out.strip()

    keys = StoredKeys(opened)
    assert first != second
    assert keys.check("", "n", first.encode()) and keys.check("", "n", second.encode())
    third = ready("key", "rotate", "n").out.strip()  # the second was lost before anybody used it
    keys = StoredKeys(opened)
    assert keys.check("", "n", first.encode()) and keys.check("", "n", third.encode())
    assert not keys.check("", "n", second.encode())
    assert ready("key", "retire", "n").code == 0
    keys = StoredKeys(opened)
    assert not keys.check("", "n", first.encode()) and keys.check("", "n", third.encode())
    assert ready("key", "revoke", "n").code == 0
    assert not StoredKeys(opened).check("", "n", third.encode())
    for what in ("rotate", "retire", "revoke"):
        assert ready("key", what, "n").code == 2
        assert "no-such-key" in ready("key", what, "no-such-key").err


def test_an_old_password_can_be_given_an_end(ready: Run, opened: Store) -> None:
    first = ready("key", "add", "n", "--device", "node-1").out.strip()

    assert ready("key", "rotate", "n", "--old-works-for", "1ms").code == 0

    assert not StoredKeys(opened).check("", "n", first.encode())
    assert ready("key", "rotate", "n", "--old-works-for", "soon").code == 2


def test_keys_are_listed_without_their_passwords(ready: Run) -> None:
    secret = ready("key", "add", "b", "--device", "node-1").out.strip()
    ready("key", "add", "a", "--topics", "v3/#", "x/#", "--network")
    ready("key", "rotate", "a")
    ready("key", "revoke", "b")

    listed = ready("key", "list").out

    assert listed.splitlines() == [
        "a\trotating\tnetwork\t-\tv3/# x/#",
        "b\trevoked\tnode-1\t-\tridgewatch/+/node-1/senml",
    ]
    assert secret not in listed
