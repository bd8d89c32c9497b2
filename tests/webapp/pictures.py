"""Photos for tests, made while they run: honest ones, and such as an attacker would send."""

import io
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

MARK = "MARK-OF-THE-CAMERA"
SCRIPT = b"<script>alert('MARK-OF-THE-CAMERA')</script>"


def jpeg(width: int = 640, height: int = 480, **options: Any) -> bytes:
    """Return a plain JPEG; `exif=`, `comment=` and the like are Pillow's own."""
    return _bytes(Image.effect_noise((width, height), 40).convert("RGB"), "JPEG", **options)


def png(mode: str, size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """Return a plain PNG of a mode."""
    return _bytes(Image.new(mode, size), "PNG", **options)


def webp(size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """Return a plain WebP."""
    return _bytes(Image.new("RGB", size, "red"), "WEBP", **options)


def foreign(kind: str) -> bytes:
    """Return a picture of a format that we don't open."""
    return _bytes(Image.new("RGB", (32, 24)), kind)


def notes(orientation: int = 1, place: bool = True) -> Image.Exif:
    """Return a camera's notes with time, model and position."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = MARK
    exif[ExifTags.Base.Model] = "T-1"
    exif[ExifTags.Base.Orientation] = orientation
    more = exif.get_ifd(ExifTags.IFD.Exif)
    more[ExifTags.Base.DateTimeOriginal] = "2022:03:21 09:36:00"
    if place:
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        gps[1], gps[2], gps[3], gps[4] = "S", (32.0, 0.0, 36.0), "E", (120.0, 51.0, 36.0)
    return exif


def marked_jpeg() -> bytes:
    """Return a JPEG whose EXIF, XMP, comment, ICC profile and tail all carry a mark."""
    # A second picture's bytes, an HTML page and a ZIP may all hide behind the end of a JPEG.
    icc = b"\0" * 36 + b"acsp" + SCRIPT * 8
    body = jpeg(exif=notes(), comment=SCRIPT, icc_profile=icc, xmp=b"<x:xmpmeta>" + SCRIPT)
    return body + b"<html>" + SCRIPT + b"</html>"


def marked_png() -> bytes:
    """Return a PNG with a text chunk, and a page behind its end."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", SCRIPT.decode())
    return png("RGB", pnginfo=info) + b"<html>" + SCRIPT


def bomb(side: int = 9000) -> bytes:
    """Return a PNG of some ten kilobytes that opens to 81 or more megapixels."""
    return png("1", (side, side))


def _bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()
