"""An image as a report carries it: small enough for a page, without metadata, inside the page itself."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass

from PIL import Image

# Long enough to fill a large screen, and a page of a photograph stays below some 600 KB.
LONGEST_SIDE = 1600
THUMBNAIL_SIDE = 144  # shown at half of that, so that it is sharp on a phone
# A drawing this small is no larger as PNG, which keeps its colours as they are.
_LOSSLESS_PIXELS = 512 * 512


@dataclass(frozen=True)
class Picture:
    """An image to be shown.

    Attributes:
        uri: `data:image/...;base64,...`.
        width: Of the image inside, in pixels.
        height: Likewise.
        scaled: Whether it is smaller than the image it was made of.
    """

    uri: str
    width: int
    height: int
    scaled: bool


def picture(image: Image.Image, *, longest: int = LONGEST_SIDE) -> Picture:
    """Encode an image anew for a page: at most so large, with its pixels and nothing else.

    Args:
        image: Of any mode without transparency; `specs_core.images.read_image` gives RGB.
        longest: Most pixels of the longer side.

    Returns:
        A PNG where it is small, or else a JPEG.
    """
    share = longest / max(image.size)
    rgb = image.convert("RGB")
    if share < 1:
        size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    # Pillow writes an image's own comment and colour profile again; a new image has neither.
    plain = Image.new("RGB", rgb.size)
    plain.paste(rgb)
    out = io.BytesIO()
    if plain.width * plain.height <= _LOSSLESS_PIXELS and longest > THUMBNAIL_SIDE:
        kind = "png"
        plain.save(out, "PNG", optimize=True)
    else:
        kind = "jpeg"
        plain.save(out, "JPEG", quality=90 if longest > THUMBNAIL_SIDE else 80)
    data = base64.b64encode(out.getvalue()).decode("ascii")
    return Picture(f"data:image/{kind};base64,{data}", plain.width, plain.height, scaled=share < 1)


def pixels_sha256(image: Image.Image) -> str:
    """Return the sha256 of an image's RGB bytes, row by row from the top, as hexadecimal digits."""
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()
