"""Opens one photo in a process of its own, under limits, and writes copies made of pixels alone.

Run as a script, `python -I photo_decoder.py ORIGINAL LARGE SMALL`; it prints one JSON object. What
the picture tells of time, camera and position goes there, and into no copy.
"""

import json
import math
import resource
import sys
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

from pi_heif import register_heif_opener
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

MOST_PIXELS = 40_000_000
LARGE_PX = 1600
SMALL_PX = 400
QUALITY = 82
MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 10
COPY_BYTES = 32 * 1024 * 1024
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
MIMES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a phone's JPEG with a second picture behind it
    "PNG": "image/png",
    "WEBP": "image/webp",
    "HEIF": "image/heic",
}
# How a picture is turned upright, by the camera's note of how it was held (EXIF 0x0112).
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)
EIGHT_OF_16_BITS = 1 / 256


def main(original: str, large: str, small: str) -> dict[str, Any]:
    """Return what the picture tells, or `{"refused": code}`; write its two copies."""
    _limit()
    register_heif_opener(thumbnails=False)
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(original, formats=FORMATS) as image:
            return _open(image, Path(large), Path(small))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        return {"refused": "photo.too_many_pixels"}
    except UnidentifiedImageError:
        return {"refused": "photo.not_a_picture"}
    except MemoryError:
        return {"refused": "photo.too_hard"}
    except Exception as error:
        # Broken files make decoders raise nearly anything; this process ends here anyway.
        print(f"photo.broken error={error!r}", file=sys.stderr)
        return {"refused": "photo.broken"}


def _limit() -> None:
    """Bound what a hostile picture can use up; only this process feels it."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, COPY_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _open(image: Image.Image, large: Path, small: Path) -> dict[str, Any]:
    told = notes_of(image)
    turn = told.pop("orientation")
    width, height = image.size
    if turn in SIDEWAYS:
        width, height = height, width
    pixels = _pixels(image, turn)
    _write(pixels, large)
    pixels.thumbnail((SMALL_PX, SMALL_PX), Image.Resampling.LANCZOS)
    _write(pixels, small)
    return {"mime": MIMES[image.format or ""], "width": width, "height": height, **told}


def _pixels(image: Image.Image, turn: int) -> Image.Image:
    """Return a small, upright, plain RGB picture that has nothing but its pixels."""
    profile = image.info.get("icc_profile")
    shown = image
    if image.mode in ("1", "P", "PA") or "transparency" in image.info:
        shown = image.convert("RGBA" if _is_seen_through(image) else "RGB")
    if image.mode.startswith("I"):  # 16 bits of grey
        shown = image.convert("F").point(lambda value: value * EIGHT_OF_16_BITS + 0)
    shown.thumbnail((LARGE_PX, LARGE_PX), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if turn in UPRIGHT:
        shown = shown.transpose(UPRIGHT[turn])
    plain = Image.new("RGB", shown.size, "white")
    plain.paste(_in_srgb(shown, profile), mask=_mask(shown))
    return plain


def _is_seen_through(image: Image.Image) -> bool:
    return "transparency" in image.info or image.mode in ("PA", "LA", "RGBA")


def _mask(image: Image.Image) -> Image.Image | None:
    return image.getchannel("A") if image.mode in ("RGBA", "LA") else None


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the colours as browsers take them without a profile; phones write Display P3."""
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, source, target, outputMode="RGB") or image
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a broken profile: the colours are then as good as they are
    return image.convert("RGB")


def _write(pixels: Image.Image, path: Path) -> None:
    fresh = Image.new("RGB", pixels.size)  # without any info that `save` would carry over
    fresh.paste(pixels)
    fresh.save(path, "JPEG", quality=QUALITY, optimize=True, progressive=True)


def notes_of(image: Image.Image) -> dict[str, Any]:
    """Return orientation, time, camera and position; None for what the file doesn't tell."""
    nothing = {"orientation": 1, "taken": None, "offset": None, "camera": None}
    nothing |= {"latitude": None, "longitude": None}
    try:
        return nothing | _notes(image.getexif())
    except MemoryError:
        raise
    except Exception as error:
        # The notes of a hostile or half-written file raise nearly anything; the picture counts.
        print(f"photo.notes_unread error={error!r}", file=sys.stderr)
        return nothing


def _notes(exif: Image.Exif) -> dict[str, Any]:
    more = exif.get_ifd(ExifTags.IFD.Exif)
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    names = [_words(exif.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model)]
    taken = ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized
    latitude = _degrees(place.get(2), place.get(1), 90)
    longitude = _degrees(place.get(4), place.get(3), 180)
    known = latitude is not None and longitude is not None and (latitude, longitude) != (0, 0)
    return {
        "orientation": orientation if orientation in UPRIGHT else 1,
        "taken": next((_words(more[tag]) for tag in taken if _words(more.get(tag))), None),
        "offset": _words(more.get(ExifTags.Base.OffsetTimeOriginal)) or None,
        "camera": " ".join(dict.fromkeys(" ".join(names).split()))[:80] or None,
        "latitude": latitude if known else None,
        "longitude": longitude if known else None,
    }


def _words(value: Any) -> str:
    """Return a text of the notes, without what cannot be printed."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return "".join(one for one in str(value or "") if one.isprintable()).strip()[:80]


def _degrees(parts: Any, side: Any, most: int) -> float | None:
    """Return signed degrees of (degrees, minutes, seconds); None where they can't be."""
    if not parts or len(parts) != 3:
        return None
    degrees, minutes, seconds = (float(part) for part in parts)
    found = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(found) or not 0 <= found <= most:
        return None
    return round(-found if _words(side).upper() in ("S", "W") else found, 7)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:4])))
