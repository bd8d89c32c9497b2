"""Keeps photos: originals byte for byte under their digest, upright copies without metadata."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from werkzeug.datastructures import FileStorage

from models.errors import BadInput, Fault
from models.photo import Picture
from models.reasons import reason

LARGEST_BYTES = 25 * 1024 * 1024
WAIT_S = 30  # of real time; the decoder's own limit is 10 s of computing
LEFT_BEHIND_S = 24 * 3600  # what a killed process left half received
SIZES = ("large", "small")
DECODER = Path(__file__).with_name("photo_decoder.py")
CHUNK_BYTES = 1024 * 1024
_AT_ONCE = threading.BoundedSemaphore(2)  # decoders of up to 512 MB each
_log = logging.getLogger("ridgewatch.photos")


@dataclass(frozen=True)
class Received:
    """A photo that has been read and opened, and waits in a folder of its own to be kept."""

    picture: Picture
    folder: Path

    def keep(self) -> None:
        """Put original and copies in their places. A file is there before a row names it."""
        digest = self.picture.sha256
        for size in SIZES:
            _move(self.folder / size, copy_path(digest, size))
        _move(self.folder / "original", original_path(digest))


def original_path(digest: str) -> Path:
    """Return where the bytes of a photo lie, exactly as they came."""
    return _photos() / digest[:2] / digest


def copy_path(digest: str, size: str) -> Path:
    """Return where the copy for the pages lies; size is `large` or `small`."""
    return _photos() / "copies" / digest[:2] / f"{digest}-{size}.jpg"


def _photos() -> Path:
    return Path(current_app.config["DATA_DIR"]) / "photos"


@contextlib.contextmanager
def receiving(files: Sequence[FileStorage], zone: str) -> Iterator[list[Received]]:
    """Read and open photos, before any write begins. Raises BadInput with every bad one.

    What was not kept when the block ends is gone. `zone` is the clock on the camera's wall.
    """
    incoming = _photos() / "incoming"
    incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(incoming)
    folder = Path(tempfile.mkdtemp(dir=incoming))
    try:
        yield _receive_all(files, folder, zone)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _receive_all(files: Sequence[FileStorage], folder: Path, zone: str) -> list[Received]:
    received, faults = [], []
    for number, file in enumerate(files):
        mine = folder / str(number)
        mine.mkdir(mode=0o700)
        try:
            received.append(_receive(file, mine, zone))
        except BadInput as bad:
            faults += bad.faults
    if faults:
        raise BadInput(faults)
    return received


def _receive(file: FileStorage, folder: Path, zone: str) -> Received:
    name = _shown(file.filename or "")
    digest, size = _save(file, folder / "original", name)
    told = _decode(folder, name)
    picture = Picture(
        sha256=digest,
        bytes=size,
        mime=told["mime"],
        width=told["width"],
        height=told["height"],
        original_name=name,
        taken_at=taken_at(told["taken"], told["offset"], zone),
        camera=told["camera"],
        latitude=told["latitude"],
        longitude=told["longitude"],
    )
    return Received(picture, folder)


def _shown(filename: str) -> str:
    """Return a file's name as it may be shown: no folders, nothing unprintable."""
    last = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:120]


def _save(file: FileStorage, path: Path, name: str) -> tuple[str, int]:
    """Write the bytes to disk as they come; return their digest and number."""
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as target:
        while chunk := file.stream.read(CHUNK_BYTES):
            size += len(chunk)
            if size > LARGEST_BYTES:
                raise _bad("photo.too_large", name)
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    if not size:
        raise _bad("photo.empty", name)
    return digest.hexdigest(), size


def _bad(code: str, name: str) -> BadInput:
    limits = {"mb": LARGEST_BYTES // 1024**2, "megapixels": 40}
    return BadInput([Fault("photo", reason(code, name=name or "?", **limits))])


def _decode(folder: Path, name: str) -> dict[str, Any]:
    """Open the picture in a process of its own, so that a bomb harms nobody else."""
    command = [sys.executable, "-I", str(DECODER)]
    command += [str(folder / part) for part in ("original", *SIZES)]
    # One arena: every other would reserve 64 MB of the address space that is limited.
    environment = {"MALLOC_ARENA_MAX": "1", "PATH": os.environ.get("PATH", "")}
    with _AT_ONCE:
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=WAIT_S, env=environment, check=False
            )
        except subprocess.TimeoutExpired:
            raise _bad("photo.too_hard", name) from None
    if done.returncode != 0:
        _log.warning("photo.decoder_ended code=%s said=%r", done.returncode, done.stderr[-400:])
        raise _bad("photo.too_hard", name)
    told = json.loads(done.stdout)
    if "refused" in told:
        raise _bad(told["refused"], name)
    return told


def taken_at(told: str | None, offset: str | None, zone: str) -> datetime | None:
    """Return when a camera says that it took a picture; None where it tells nothing believable."""
    if not told:
        return None
    try:
        wall = datetime.strptime(told, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    if not 1990 <= wall.year <= 2100:
        return None
    return wall.replace(tzinfo=_offset(offset) or ZoneInfo(zone))


def _offset(told: str | None) -> timezone | None:
    """Return the zone of `+08:00`."""
    try:
        sign, hours, minutes = (told or "")[:1], int((told or "")[1:3]), int((told or "")[4:6])
    except ValueError:
        return None
    if sign not in ("+", "-") or hours > 14 or minutes > 59:
        return None
    length = timedelta(hours=hours, minutes=minutes)
    return timezone(length if sign == "+" else -length)


def _move(source: Path, target: Path) -> None:
    """Put a file in its place so that a crash leaves all of it there, or none."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with source.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(source, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(incoming: Path) -> None:
    """Throw away what was left half received more than a day ago."""
    for folder in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > LEFT_BEHIND_S:
                shutil.rmtree(folder, ignore_errors=True)
