"""Read an image that somebody else made: safely, upright, as plain RGB.

The format and the size are taken from the file's first bytes, before any decoder runs: a PNG of 20 KB can
unpack to a gigabyte. What comes back holds pixels and nothing else (no GPS position, no comment, no colour
profile).
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from specs_core.errors import ConfigError, ImageError

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 40_000_000
MAX_BYTES = 256 * 2**20
# Preprocessing scales the shorter side to some 224 pixels, so a hair-thin image would grow without bound.
MAX_SIDE_RATIO = 100

# What Pillow's decoders raise on damaged files.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    OverflowError,
    AttributeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
_OTHER_FORMATS = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"<?xml": "XML",
    b"8BPS": "Photoshop",
    b"\x00\x00\x01\x00": "icon",
    b"PK\x03\x04": "ZIP",
}
# JPEG start-of-frame markers: C0..CF without the tables C4, C8 and CC.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class LoadedImage:
    """An image as the metric sees it, and what was done to it.

    Attributes:
        image: Mode RGB, upright, first frame, without metadata.
        format: "JPEG", "PNG" or "WEBP", told from the content.
        notes: Plain sentences for the user, such as that only the first frame is used.
    """

    image: Image.Image
    format: str
    notes: tuple[str, ...] = ()


def read_image(source: str | os.PathLike[str] | bytes) -> Image.Image:
    """Read a JPEG, PNG or WEBP as upright RGB without metadata.

    Args:
        source: A path, or the file's bytes.

    Returns:
        An image of mode RGB. Transparent parts lie on white.

    Raises:
        ImageError: The file is missing, empty, damaged, of another format, over 40 megapixels or hair-thin.
    """
    return load_image(source).image


def load_image(source: str | os.PathLike[str] | bytes) -> LoadedImage:
    """Read a JPEG, PNG or WEBP as upright RGB without metadata, and tell what was done to it.

    Args:
        source: A path, or the file's bytes.

    Returns:
        The image with notes on what the user might not expect.

    Raises:
        ImageError: The file is missing, empty, damaged, of another format, over 40 megapixels or hair-thin.
    """
    data = source if isinstance(source, bytes) else _read_bytes(Path(source))
    if not data:
        raise ImageError("The image file is empty (0 bytes).")
    image_format = _format_of(data)
    if image_format is None:
        raise ImageError(f"The file is not a JPEG, PNG or WEBP image{_what_it_is(data)}.")
    try:
        size = _SIZE_READERS[image_format](data)
    except (struct.error, IndexError):
        size = None
    if size is None:
        raise ImageError(f"The {image_format} image is damaged: its header ends before it gives a size.")
    _check_size(*size)
    try:
        return _decode(data, image_format)
    except MemoryError as error:
        raise ImageError(
            f"There is too little memory for an image of {size[0]} x {size[1]} pixels."
        ) from error
    except _DECODER_ERRORS as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"The {image_format} image is damaged or cut short and cannot be read.") from error


def _read_bytes(path: Path) -> bytes:
    if "\x00" in str(path):
        raise ImageError("The image's file name holds the character NUL.")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ImageError(f"The image file has {size:,} bytes; at most {MAX_BYTES:,} are read.")
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImageError(f"The image file {path.name} cannot be read: {reason}.") from error


def _format_of(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def _what_it_is(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return " but an HEIC, AVIF or video file"
    for start, name in _OTHER_FORMATS.items():
        if data.lstrip()[: len(start)] == start:
            return f" but {'an' if name[0] in 'AEIO' or name in {'SVG', 'XML'} else 'a'} {name} file"
    return ""


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at < len(data):
        if data[at] != 0xFF:
            return None
        while data[at] == 0xFF:  # any number of fill bytes may precede a marker
            at += 1
        marker = data[at]
        at += 1
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these stand alone, without a length
            continue
        if marker in (0xD9, 0xDA):  # end of image, or pixels before any frame
            return None
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
        at += struct.unpack_from(">H", data, at)[0]
    return None


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _webp_size(data: bytes) -> tuple[int, int] | None:
    chunk = data[12:16]
    if chunk == b"VP8X":
        if len(data) < 30:
            return None
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


_SIZE_READERS = {"JPEG": _jpeg_size, "PNG": _png_size, "WEBP": _webp_size}


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"The image has no pixels: its header says {width} x {height}.")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"The image has {width} x {height} pixels ({width * height / 1e6:.1f} megapixels); "
            f"at most {MAX_PIXELS // 1_000_000} megapixels are read."
        )
    if max(width, height) > MAX_SIDE_RATIO * min(width, height):
        raise ImageError(
            f"The image has {width} x {height} pixels; "
            f"one side may be at most {MAX_SIDE_RATIO} times the other."
        )


def _decode(data: bytes, image_format: str) -> LoadedImage:
    notes: list[str] = []
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        _check_size(*opened.size)  # the decoder's own idea of the size, should it differ from the header's
        frames = getattr(opened, "n_frames", 1)
        # A JPEG with several pictures (a phone's depth map or preview) is not an animation.
        if frames > 1 and image_format != "JPEG":
            notes.append(f"The image is an animation of {frames} frames; only the first is used.")
        opened.load()
        upright, turned = _upright(opened)
        if not turned:
            notes.append("The image's orientation tag is damaged and was not used.")
        rgb = _to_rgb(upright)
    plain = Image.new("RGB", rgb.size)
    plain.paste(rgb)
    return LoadedImage(image=plain, format=image_format, notes=tuple(notes))


def _upright(image: Image.Image) -> tuple[Image.Image, bool]:
    try:
        return ImageOps.exif_transpose(image), True
    except _DECODER_ERRORS:
        return image, False


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow clips 16-bit grey at 255 when it converts; its upper byte is the 8-bit value.
        values = np.clip(np.asarray(image, dtype=np.int64), 0, 65535)
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        colours = image.convert("RGBA")
        # Differs from the published code: that drops the alpha channel, which brings out whatever colours lie
        # under transparent pixels. White is what a viewer shows.
        paper = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(paper, colours).convert("RGB")
    return image.convert("RGB")


def seen_region(
    size: tuple[int, int], image_size: int, *, resize_mode: str = "shortest"
) -> tuple[float, float, float, float]:
    """Return which part of an image a model reads, after its scaling and cropping.

    Args:
        size: Width and height of the image, in pixels.
        image_size: Side of the model's square input, in pixels.
        resize_mode: open_clip's: "shortest" scales the shorter side to the square and crops the other in its
            middle, "longest" scales the longer one and pads, "squash" scales each by itself.

    Returns:
        (left, top, right, bottom) of the square in pixels of the image; with "longest" it reaches beyond the
        image, where the padding is.

    Raises:
        ConfigError: No such mode.
    """
    if resize_mode == "squash":
        return 0.0, 0.0, float(size[0]), float(size[1])
    if resize_mode == "shortest":
        scaled = [int(image_size * side / min(size)) for side in size]
        before = [round((side - image_size) / 2) for side in scaled]
    elif resize_mode == "longest":
        scaled = [round(side * image_size / max(size)) for side in size]
        before = [-((image_size - side) // 2) for side in scaled]
    else:
        raise ConfigError(f"unknown resize mode {resize_mode!r}: choose shortest, longest or squash")
    per_pixel = [side / after for side, after in zip(size, scaled, strict=True)]
    left, top = (start * step for start, step in zip(before, per_pixel, strict=True))
    right, bottom = ((start + image_size) * step for start, step in zip(before, per_pixel, strict=True))
    return left, top, right, bottom
