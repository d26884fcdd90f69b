"""Image files that come with an import: found safely, checked by their header, and kept as they are."""

import base64
import binascii
import hashlib
import os
import re
import secrets
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from annotations.cuts import checked_text
from annotations.errors import InvalidRecordError

MAX_PIXELS: Final = 40_000_000
"""Most pixels of an image."""

MAX_SIDE_RATIO: Final = 100
"""How many times as long as the short side the long one may be."""

ORIGINALS: Final = "originals"
"""Folder inside that of the images with one file for each imported image, named by its id, as it came."""

_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_COLUMNS: Final = ("image", "file_name", "image_path")
_ORIENTATION: Final = 0x0112
_BLOCK: Final = 1 << 20
# What Pillow raises on headers that lie, beside its own error.
_DAMAGED: Final = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, EOFError),
    *(struct.error, UnidentifiedImageError, PillowImage.DecompressionBombError),
)


@dataclass(frozen=True)
class ImageFile:
    """A checked image, copied to where the import gathers its files.

    Attributes:
        sha256: Of the file's bytes.
        filename: As the table calls it, without folders.
        width: In pixels, the right way up.
        height: In pixels, the right way up.
        path: Of the copy.
    """

    sha256: str
    filename: str
    width: int
    height: int
    path: Path


@dataclass(frozen=True)
class ImageSource:
    """Where a row has its image: in a file, or in the table.

    Attributes:
        path: Of the file, resolved, or None.
        content: The bytes, or None.
        filename: As the table calls it, without folders.
    """

    path: Path | None
    content: bytes | None
    filename: str


def image_source(values: Mapping[str, Any], *, folder: Path) -> ImageSource:
    """Find a row's image, and nothing outside a folder.

    Args:
        values: The row; ``image``, ``file_name`` or ``image_path`` holds a path, or an object with ``path``
            and ``bytes`` (in JSON as base64).
        folder: To which paths are relative, resolved. Links and ``..`` that lead out of it are refused.

    Raises:
        InvalidRecordError: If there is none, or it lies outside the folder.
    """
    given = next((values[name] for name in _COLUMNS if values.get(name) not in (None, "")), None)
    content = None
    if isinstance(given, Mapping):
        content, given = _content(given.get("bytes")), given.get("path")
    if content is not None:
        return ImageSource(None, content, _filename(given if isinstance(given, str) and given else "image"))
    if not isinstance(given, str) or not given:
        raise InvalidRecordError("the row has no image; give a path in image or file_name, or the bytes")
    try:
        path = (folder / given).resolve()
        regular = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # NUL, too long, or a ring of links
        raise InvalidRecordError(f"there can be no file {_named(given)}") from error
    if not path.is_relative_to(folder):
        raise InvalidRecordError(
            f"the image {_named(given)} lies outside the folder; name its folder with --images-from"
        )
    if not regular:
        raise InvalidRecordError(f"there is no image {_named(given)}")
    return ImageSource(path, None, _filename(given))


def gather(source: ImageSource, folder: Path) -> ImageFile:
    """Check an image by its header, without decoding it, and copy its bytes.

    It is copied, not linked: a link would change with its source, and the checksum would no longer be right.

    Args:
        source: From `image_source`.
        folder: For the copy, which gets a random name.

    Returns:
        The image.

    Raises:
        InvalidRecordError: If it cannot be read or is not one that raters can be shown.
        OSError: If the copy cannot be written.
    """
    copy = folder / secrets.token_hex(16)
    digest = hashlib.sha256()
    try:
        with copy.open("xb") as out:
            if source.content is not None:
                digest.update(source.content)
                out.write(source.content)
            else:
                assert source.path is not None
                with _opened(source.path) as stream:
                    while block := stream.read(_BLOCK):
                        digest.update(block)
                        out.write(block)
        width, height = _size(copy, source.filename)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return ImageFile(digest.hexdigest(), source.filename, width, height, copy)


class Originals:
    """Files on their way into the folder of the originals, taken out again unless the import is committed.

    Args:
        images: Folder of the stored images.
    """

    def __init__(self, images: Path) -> None:
        self._folder = images / ORIGINALS
        self._placed: list[Path] = []

    def place(self, image_id: str, copy: Path) -> None:
        """Give a copy its name, unless the whole file is there already.

        Args:
            image_id: 32 hexadecimal digits.
            copy: From `gather`, on the same disk.

        Raises:
            OSError: If the folder cannot be written.
        """
        path = self._folder / image_id
        there = path.exists()
        # A crash of the machine can leave a file with its name and without its end.
        if not there or path.stat().st_size != copy.stat().st_size:
            os.replace(copy, path)
            if not there:
                self._placed.append(path)

    def take_back(self) -> None:
        """Remove the files that were placed."""
        for path in self._placed:
            path.unlink(missing_ok=True)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidRecordError(
            f"the image {_named(path.name)} cannot be opened: {error.strerror}"
        ) from error


def _size(path: Path, name: str) -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            # Pillow warns of many pixels; here they are an error, at a lower number.
            warnings.simplefilter("ignore")
            with PillowImage.open(path, formats=_FORMATS) as image:
                width, height = image.size
                # Only where it stands in the header: PNG files would be decoded in search of it.
                if "exif" in image.info and image.getexif().get(_ORIENTATION) in (5, 6, 7, 8):
                    width, height = height, width
    except _DAMAGED as error:
        raise InvalidRecordError(
            f"the file {_named(name)} is not a JPEG, PNG or WEBP image that can be read"
        ) from error
    if width * height > MAX_PIXELS:
        raise InvalidRecordError(
            f"the image {_named(name)} has {width} x {height} pixels; at most {MAX_PIXELS:,} are allowed"
        )
    if min(width, height) < 1 or max(width, height) > MAX_SIDE_RATIO * min(width, height):
        raise InvalidRecordError(
            f"the image {_named(name)} has {width} x {height} pixels; one side may be at most "
            f"{MAX_SIDE_RATIO} times the other"
        )
    return width, height


def _content(given: Any) -> bytes | None:
    if given is None or given == "":
        return None
    if isinstance(given, bytes):
        return given
    try:
        return base64.b64decode(given, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise InvalidRecordError("the bytes of the image are not base64") from error


def _filename(given: str) -> str:
    """Return the last part of a path, without what could steer a terminal."""
    name = "".join(letter for letter in re.split(r"[/\\]", given)[-1] if letter.isprintable())
    return checked_text("file name", name.strip()[-255:]) or "image"


def _named(given: str) -> str:
    shown = repr(given)
    return shown if len(shown) <= 120 else "..." + shown[-117:]
