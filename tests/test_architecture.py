"""Who may import what: the table of the house, held by reading every file's imports."""

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.harness.source import ROOT, Import, imports_of, modules, tracked_files, tree

NETWORK_CLIENTS = frozenset({"httpx", "requests", "urllib.request", "http.client", "smtplib"})
RULES_MAY = ("models.rules", "models.units", "models.errors", "models.reasons")


@dataclass(frozen=True)
class House:
    """What a folder may import of ours, and which libraries never."""

    folder: str
    ours: tuple[str, ...]
    never: frozenset[str] = field(default_factory=frozenset)
    standard_library_only: bool = False


# The longest folder that fits a module decides.
HOUSES = [
    House("models.rules", RULES_MAY, standard_library_only=True),
    House(
        "models",
        ("models",),
        frozenset({"flask", "flask_sqlalchemy", "paho", "apscheduler", "PIL", "pi_heif", "socket"})
        | NETWORK_CLIENTS,
    ),
    House(
        "ingest", ("ingest", "models"), frozenset({"flask", "flask_sqlalchemy", "PIL", "pi_heif"})
    ),
    House("webapp", ("webapp", "models"), frozenset({"paho", "apscheduler"})),
    House("sensors_sim", ("sensors_sim",), frozenset({"flask", "flask_sqlalchemy", "sqlalchemy"})),
    House("webapp.commands", ("webapp", "models", "ingest", "sensors_sim")),
]


def _is_in(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}.")


def house_of(name: str) -> House:
    """Return the house that a module lives in."""
    return max(
        (house for house in HOUSES if _is_in(name, house.folder)), key=lambda one: len(one.folder)
    )


def why_not_import(one: Import) -> str | None:
    """Say why an import is against the table, or None."""
    house = house_of(one.importer)
    top = one.imported.partition(".")[0]
    if one.imported.startswith("."):
        return f"{one}: imports are absolute"
    if top in {"models", "ingest", "webapp", "sensors_sim"}:
        if not any(_is_in(one.imported, folder) for folder in house.ours):
            return f"{one}: {house.folder} may import only {', '.join(house.ours)}"
        return None
    if top == "tests":
        return f"{one}: nothing of ours needs the tests"
    if any(_is_in(one.imported, library) for library in house.never):
        return f"{one}: never in {house.folder}"
    if house.standard_library_only and top not in sys.stdlib_module_names:
        return f"{one}: {house.folder} is pure"
    return None


ALL_IMPORTS = [one for name in sorted(modules()) for one in imports_of(name)]


def test_every_import_keeps_to_the_table() -> None:
    assert [why for one in ALL_IMPORTS if (why := why_not_import(one))] == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("models.rules.threshold", "models.alert"),
        ("models.rules.threshold", "sqlalchemy"),
        ("models.alert", "flask"),
        ("models.alert", "ingest.pipeline"),
        ("models.alert", "urllib.request"),
        ("ingest.pipeline", "webapp.app"),
        ("ingest.pipeline", "PIL.Image"),
        ("ingest.pipeline", "sensors_sim.storm"),
        ("webapp.alerts", "ingest.pipeline"),
        ("webapp.alerts", "paho.mqtt.client"),
        ("sensors_sim.storm", "models.units"),
        ("sensors_sim.storm", "sqlalchemy.orm"),
        ("webapp.alerts", ".desk"),
    ],
)
def test_the_table_forbids_what_it_should(importer: str, imported: str) -> None:
    assert why_not_import(Import(importer, imported, 1, True)) is not None


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("models.rules.threshold", "models.units"),
        ("models.rules.threshold", "dataclasses"),
        ("models.alert", "sqlalchemy.orm"),
        ("models.alert", "urllib.parse"),
        ("ingest.notices", "smtplib"),
        ("webapp.photos", "PIL"),
        ("webapp.commands.rehearse", "sensors_sim.storm"),
    ],
)
def test_the_table_allows_what_it_should(importer: str, imported: str) -> None:
    assert why_not_import(Import(importer, imported, 1, True)) is None


def test_rules_read_no_clock_and_open_nothing() -> None:
    forbidden = re.compile(r"\b(datetime\.now|time\.time|time\.monotonic|open)\(")
    impure = [
        f"{name}: {found.group()}"
        for name, path in modules().items()
        if _is_in(name, "models.rules")
        for found in forbidden.finditer(path.read_text(encoding="utf-8"))
    ]

    assert impure == []


def test_nobody_imports_a_command() -> None:
    assert [str(one) for one in ALL_IMPORTS if _is_in(one.imported, "webapp.commands")] == []


def test_commands_import_the_house_inside_their_functions() -> None:
    early = [
        str(one)
        for one in ALL_IMPORTS
        if _is_in(one.importer, "webapp.commands")
        and one.at_top
        and one.imported.partition(".")[0] not in sys.stdlib_module_names | {"click"}
    ]

    assert early == []


def test_package_files_are_empty() -> None:
    full = [
        name for name, path in modules().items() if path.name == "__init__.py" and tree(path).body
    ]

    assert full == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    above = {
        name: {one.imported for one in imports_of(name) if one.at_top and one.imported in modules()}
        for name in modules()
    }

    assert circles(above) == []


def circles(above: dict[str, set[str]]) -> list[str]:
    """Return what is left when every module that imports none of the rest is taken away."""
    left = {name: set(imported) - {name} for name, imported in above.items()}
    while free := [name for name, imported in left.items() if not imported & left.keys()]:
        for name in free:
            del left[name]
    # Modules that only lead to a circle, but are not of it, are taken away from the other end.
    while unused := [name for name in left if not any(name in other for other in left.values())]:
        for name in unused:
            del left[name]
    return sorted(left)


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c"]


def test_every_module_says_what_it_is_for() -> None:
    import ast

    silent = [
        name
        for name, path in modules().items()
        if path.name != "__init__.py" and not ast.get_docstring(tree(path))
    ]

    assert [name for name in silent if "migrations.versions" not in name] == []


def test_a_running_ingester_has_no_flask() -> None:
    parts = [name for name in sorted(modules()) if _is_in(name, "ingest")]
    script = (
        "import importlib, sys\n"
        f"for name in {parts}: importlib.import_module(name)\n"
        "print([name for name in ('flask', 'PIL', 'webapp') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)

    assert (done.stdout, done.stderr) == ("[]\n", "")


def _requirements(name: str) -> set[str]:
    lines = (ROOT / name).read_text().splitlines()
    return {
        re.split(r"[=\[]", line)[0].lower().replace("_", "-")
        for line in lines
        if line and not line.startswith(("#", "-r"))
    }


_COMES_AS = {
    "pil": "pillow",
    "argon2": "argon2-cffi",
    "paho": "paho-mqtt",
    "google": "protobuf",
    "yaml": "pyyaml",
}


def test_every_library_that_is_imported_is_pinned() -> None:
    pinned = _requirements("requirements.txt")
    strange = [
        str(one)
        for one in ALL_IMPORTS
        if not one.imported.startswith(".")
        and (top := one.imported.partition(".")[0]) not in sys.stdlib_module_names
        and top not in {"models", "ingest", "webapp", "sensors_sim"}
        and _COMES_AS.get(top.lower(), top.lower().replace("_", "-")) not in pinned
    ]

    assert strange == []


def test_every_requirement_is_pinned_to_one_version() -> None:
    loose = [
        line
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text().splitlines()
        if line and not line.startswith(("#", "-r")) and not re.match(r"[\w.\[\]-]+==[\w.]+$", line)
    ]

    assert loose == []


def test_no_test_skips_itself() -> None:
    """What a machine lacks is settled before the tests start, aloud: tests/harness/needs.py."""
    skips = re.compile(r"pytest\.(mark\.)?(skip|skipif|importorskip)\b")
    quiet = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path.suffix == ".py" and skips.search(path.read_text(encoding="utf-8"))
    ]

    assert sorted(set(quiet) - {"tests/harness/selection.py"}) == []


# Written so that this file does not contain what it looks for.
_ELSEWHERE = re.compile(
    "|".join(
        (
            r"\bpypi\." + "org",
            "pythonhosted" + r"\.org",
            r"registry\.npmjs" + r"\.org",
            r"\bnpmjs\." + "com",
            "proxy" + r"\.golang\.org",
            r"(?<![\w.])/work/(main|shared|\.lib)",
            r"(?<![\w.])/tmp/" + "rw",
            "/opt/" + "(pypi|wheels)",
        )
    )
)


def test_no_tracked_file_names_a_package_registry_or_a_builders_folder() -> None:
    assert [found for path in tracked_files() for found in _places_elsewhere(path)] == []


def _places_elsewhere(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    return [f"{path.relative_to(ROOT)}: {found.group()}" for found in _ELSEWHERE.finditer(text)]
