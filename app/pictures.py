"""The images that belong to stored items: one file per image id, without metadata.

What an import brings lies under ``originals`` until somebody wants to see it. Only the file that is made from
it is ever served: upright, and without position, camera and comments.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

ORIGINALS = "originals"
"""Folder beside the images in which imported files lie as they came, named by their image id alone."""

_LOG = logging.getLogger("specs_lens")
_IMAGE_ID = re.compile(r"[0-9a-f]{8,64}")
# Above this many pixels a lossless file would be tens of megabytes; at quality 95 the eye sees no difference.
_LOSSLESS_PIXELS = 2_000_000


def pixel_sha256(image: Image.Image) -> str:
    """Return the SHA-256 of an image's mode, size and pixels; re-encoding without loss does not change it."""
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height} ".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


class PictureStore:
    """Image files in one folder, named by the random id that the database gave them.

    Args:
        folder: Where the files lie; made on the first save.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, image_id: str, image: Image.Image) -> Path:
        """Write an image under its id unless it is there already; a crash never leaves half a file.

        Raises:
            ValueError: If ``image_id`` is not lower-case hexadecimal.
            OSError: If the folder cannot be written.
        """
        existing = self._stored(image_id)
        if existing is not None:
            return existing
        lossless = image.width * image.height <= _LOSSLESS_PIXELS
        path = self._folder / f"{image_id}.{'png' if lossless else 'jpg'}"
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self._folder, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                if lossless:
                    image.convert("RGB").save(file, format="PNG")
                else:
                    image.convert("RGB").save(file, format="JPEG", quality=95)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        return path

    def find(self, image_id: str) -> Path | None:
        """Return the file of an image, or None where there is none.

        An imported image is made into one here, the first time that it is asked for; then the original goes.

        Raises:
            ValueError: If ``image_id`` is not lower-case hexadecimal.
            ImageError: If the original is damaged or no picture that can be read; it stays where it is.
            OSError: If the file cannot be written.
        """
        return self._stored(image_id) or self._from_original(image_id)

    def _stored(self, image_id: str) -> Path | None:
        if not _IMAGE_ID.fullmatch(image_id):
            raise ValueError(f"not an image id: {image_id!r}; expected 8 to 64 hexadecimal digits")
        for suffix in ("png", "jpg"):
            path = self._folder / f"{image_id}.{suffix}"
            if path.is_file():
                return path
        return None

    def _from_original(self, image_id: str) -> Path | None:
        original = self._folder / ORIGINALS / image_id
        if original.is_file():
            from specs_core.errors import ImageError
            from specs_core.images import read_image

            try:
                image = read_image(original)
            except ImageError:
                # Two may ask at once: then the other one has made the file and taken the original away.
                if (made := self._stored(image_id)) is None:
                    raise
                return made
            path = self.save(image_id, image)
            try:
                original.unlink(missing_ok=True)
            except OSError as error:
                _LOG.warning("the original of image %s cannot be removed: %s", image_id, error.strerror)
            return path
        # Taken away between the two looks.
        return self._stored(image_id)

    @staticmethod
    def url(image_id: str) -> str:
        """Return the address under which the server shows an image to a browser."""
        return f"/pictures/{image_id}"
