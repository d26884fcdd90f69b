"""Images: what the store knows of them. Their pixels lie in files beside the database."""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select

from annotations.cuts import checked_text
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.schema import images, new_id, timestamp


@dataclass(frozen=True)
class Image:
    """An image as the store knows it; its pixels stand in a file named after the id.

    Attributes:
        id: 32 hexadecimal digits, drawn at random.
        sha256: Of the file's bytes, 64 lower-case hexadecimal digits.
        filename: As it was uploaded.
        width: In pixels.
        height: In pixels.
    """

    id: str
    sha256: str
    filename: str
    width: int
    height: int


def add_image(engine: Engine, *, sha256: str, filename: str, width: int, height: int) -> str:
    """Write an image down; the same bytes are one image, however often they come.

    Args:
        engine: From `open_database`.
        sha256: Of the file's bytes, 64 lower-case hexadecimal digits.
        filename: As it was uploaded.
        width: In pixels, at least 1.
        height: In pixels, at least 1.

    Returns:
        The image's id.

    Raises:
        InvalidRecordError: If the checksum or a size is malformed.
        StorageError: If the database fails.
    """
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise InvalidRecordError(f"an image's sha256 has 64 lower-case hexadecimal digits; got {sha256!r}")
    if width < 1 or height < 1:
        raise InvalidRecordError(f"an image is at least 1 x 1 pixels; got {width} x {height}")
    with writing(engine) as connection:
        image_id = connection.scalar(select(images.c.id).where(images.c.sha256 == sha256))
        if image_id is None:
            image_id = new_id()
            connection.execute(
                insert(images).values(
                    id=image_id,
                    sha256=sha256,
                    filename=checked_text("file name", filename),
                    width=width,
                    height=height,
                    created_at=timestamp(),
                )
            )
    return image_id


def get_image(engine: Engine, image_id: str) -> Image:
    """Read one image.

    Args:
        engine: From `open_database`.
        image_id: From `add_image`.

    Returns:
        The image.

    Raises:
        UnknownRecordError: If there is no such image.
        StorageError: If the database fails.
    """
    columns = (images.c.id, images.c.sha256, images.c.filename, images.c.width, images.c.height)
    with reading(engine) as connection:
        row = connection.execute(select(*columns).where(images.c.id == image_id)).one_or_none()
    if row is None:
        raise UnknownRecordError(f"there is no image {image_id!r}")
    return Image(*row)


def require_image(connection: Connection, image_id: str) -> None:
    """Refuse an id that no image has.

    Raises:
        UnknownRecordError: If there is no such image.
    """
    if connection.scalar(select(images.c.id).where(images.c.id == image_id)) is None:
        raise UnknownRecordError(f"there is no image {image_id!r}")
