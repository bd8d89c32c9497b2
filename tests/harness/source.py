"""The repository as text: its tracked files, and what each Python file imports."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("models", "ingest", "webapp", "sensors_sim")
_NOT_OURS = {".git", ".venv", "data", "build", "node_modules", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import: who imports what, and whether at the top of the file or inside a function."""

    importer: str
    imported: str
    line: int
    at_top: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return the files of the repository, new ones too; all files where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not _NOT_OURS & set(path.parts)]
    return tuple(path for path in paths if path.is_file())


@cache
def modules() -> dict[str, Path]:
    """Return dotted name -> file of every Python module of ours, tests apart."""
    return {
        module_name(path): path
        for path in tracked_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in OURS
    }


def module_name(path: Path) -> str:
    """Return the dotted name of a file of ours."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(name: str) -> Iterator[Import]:
    """Yield every import of a module of ours, those inside functions too."""
    parsed = tree(modules()[name])
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, node.lineno, _at_top(parsed, node))
        elif isinstance(node, ast.ImportFrom):
            yield from _from(name, node, _at_top(parsed, node))


def _from(name: str, node: ast.ImportFrom, at_top: bool) -> Iterator[Import]:
    if node.level:
        yield Import(name, "." * node.level + (node.module or ""), node.lineno, at_top)
        return
    for alias in node.names:
        inner = f"{node.module}.{alias.name}"
        imported = inner if inner in modules() else node.module or ""
        yield Import(name, imported, node.lineno, at_top)


def _at_top(parsed: ast.Module, wanted: ast.stmt) -> bool:
    """Whether an import runs when the module is loaded: not in a function, not for types alone."""
    waiting: list[ast.AST] = list(parsed.body)
    while waiting:
        node = waiting.pop()
        if node is wanted:
            return True
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not for_types and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)
    return False
