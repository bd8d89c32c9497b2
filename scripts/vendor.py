"""Copies the few browser files that we do not write ourselves, and locks their hashes.

Run `python scripts/vendor.py` after changing a version in static/vendor/package.json; it needs
npm once. The files are committed, so neither running nor testing needs npm or a network.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
LOCK = VENDOR / "vendor.lock.json"
SPRITE = ROOT / "static" / "icons" / "sprite.svg"
ICONS = ROOT / "static" / "icons" / "icons.txt"

# package, file inside the package, where it goes
COPIES = (
    ("uplot", "dist/uPlot.iife.min.js", "static/vendor/uplot/uPlot.iife.min.js"),
    ("uplot", "dist/uPlot.min.css", "static/vendor/uplot/uPlot.min.css"),
    ("uplot", "LICENSE", "static/vendor/uplot/LICENSE"),
    ("@tabler/icons", "LICENSE", "static/icons/LICENSE"),
    ("axe-core", "axe.min.js", "tests/vendor/axe.min.js"),
    ("axe-core", "LICENSE", "tests/vendor/axe-LICENSE.txt"),
)


def sha384(path: Path) -> str:
    """Return the hash of a file in the form that browsers and npm write it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


def symbol(name: str, svg: str) -> str:
    """Return an icon as a symbol of the sprite, without its invisible frame."""
    inner = re.sub(r"^.*?<svg[^>]*>|</svg>\s*$", "", svg, flags=re.DOTALL)
    inner = re.sub(r'<path stroke="none"[^>]*/>', "", inner)
    inner = re.sub(r"\s+", " ", inner).strip().replace(" />", "/>").replace("> <", "><")
    return f'<symbol id="i-{name}" viewBox="0 0 24 24">{inner}</symbol>'


def build_sprite(icons: Path) -> None:
    """Write the sprite of the icons that icons.txt names."""
    names = sorted(ICONS.read_text().split())
    body = "\n".join(symbol(name, (icons / f"{name}.svg").read_text()) for name in names)
    SPRITE.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>\n')


def entry(package: dict[str, str], path: Path) -> dict[str, object]:
    """Return the line of the lock file for one file."""
    return {
        "name": package["name"],
        "version": package["version"],
        "licence": package["license"],
        "file": str(path.relative_to(ROOT)),
        "bytes": path.stat().st_size,
        "sha384": sha384(path),
    }


def main() -> None:
    """Install the pinned packages in a throw-away folder, copy, and write the lock."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(VENDOR / "package.json", folder)
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit"], cwd=folder, check=True)
        modules = Path(folder) / "node_modules"
        build_sprite(modules / "@tabler" / "icons" / "icons" / "outline")
        packages = {
            name: json.loads((modules / name / "package.json").read_text())
            for name in {copy[0] for copy in COPIES}
        }
        for name, source, target in COPIES:
            (ROOT / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(modules / name / source, ROOT / target)
    lines = [entry(packages[name], ROOT / target) for name, _, target in COPIES]
    lines.append(entry(packages["@tabler/icons"], SPRITE))
    LOCK.write_text(json.dumps(lines, indent=2) + "\n")


if __name__ == "__main__":
    main()
