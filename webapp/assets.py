"""Static files: read once, compressed once, served for ever under the hash of them all."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, request

from webapp.policies import public

pages = Blueprint("static_files", __name__)

STATIC = Path(__file__).resolve().parent.parent / "static"
COMPRESSIBLE = {".css", ".js", ".svg", ".json", ".txt"}
FOR_EVER = "public, max-age=31536000, immutable"

mimetypes.add_type("text/javascript", ".js")


@dataclass(frozen=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    zipped: bytes | None
    mimetype: str


class Assets:
    """All static files of this version of Ridgewatch."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        self.files = {path.relative_to(folder).as_posix(): _load(path) for path in paths}
        # One hash for all: modules import each other by relative address, so that a change in
        # one of them must change the address of every one.
        digest = hashlib.sha256()
        for name, asset in self.files.items():
            digest.update(name.encode() + b"\0" + hashlib.sha256(asset.body).digest())
        self.digest = digest.hexdigest()[:16]

    def url(self, name: str) -> str:
        """Return the address of a file. Raises KeyError where there is none."""
        if name not in self.files:
            raise KeyError(f"no static file {name}")
        return f"/static/{self.digest}/{name}"


def _load(path: Path) -> Asset:
    body = path.read_bytes()
    zipped = gzip.compress(body, 9, mtime=0) if path.suffix in COMPRESSIBLE else None
    return Asset(body, zipped, mimetypes.guess_type(path.name)[0] or "application/octet-stream")


def load_assets(app: Flask) -> None:
    """Read the static files and give templates `asset(name)`."""
    assets = Assets(STATIC)
    app.extensions["assets"] = assets
    app.jinja_env.globals["asset"] = assets.url


@pages.get("/static/<digest>/<path:name>")
@public
def file(digest: str, name: str) -> Response:
    """Send one file; an address of another version is not to be kept."""
    assets: Assets = current_app.extensions["assets"]
    asset = assets.files.get(name)
    if asset is None:
        abort(404)
    answer = Response(asset.body, mimetype=asset.mimetype)
    if asset.zipped is not None:
        answer.headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.accept_encodings:
            answer.set_data(asset.zipped)
            answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Cache-Control"] = FOR_EVER if digest == assets.digest else "no-cache"
    return answer
