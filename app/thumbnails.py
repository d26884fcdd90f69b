"""Small versions of the stored images, made on demand, for lists and hover cards."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

from specs_core.errors import ImageError

if TYPE_CHECKING:
    from fastapi import APIRouter

    from app.pictures import PictureStore

SIDE: Final = 480
"""Longest side of a thumbnail in pixels: twice the width at which it is shown, for sharp displays."""


def thumbnail_url(image_id: str) -> str:
    """Return the address under which the server shows the small version of an image."""
    return f"/pictures/{image_id}/thumbnail"


@lru_cache(maxsize=256)
def thumbnail(path: Path) -> bytes:
    """Return the small version of a stored image as WEBP; an image's file never changes, so it is made once.

    Args:
        path: A file of the picture store, which was checked when it was stored.

    Raises:
        OSError: If the file cannot be read.
    """
    with Image.open(path) as image:
        small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, format="WEBP", quality=85)
    return buffer.getvalue()


def thumbnail_router(pictures: PictureStore) -> APIRouter:
    """Return the route that serves thumbnails by image id, and nothing else.

    Args:
        pictures: The stored images.
    """
    from fastapi import APIRouter, HTTPException, Response

    router = APIRouter()

    @router.get("/pictures/{image_id}/thumbnail")
    def serve(image_id: str) -> Response:
        try:
            path = pictures.find(image_id)
        except ImageError as error:
            raise HTTPException(status_code=404, detail=str(error)) from error
        except ValueError:
            path = None
        if path is None:
            raise HTTPException(status_code=404, detail="no such picture")
        headers = {"cache-control": "private, max-age=86400, immutable"}
        return Response(thumbnail(path), media_type="image/webp", headers=headers)

    return router
