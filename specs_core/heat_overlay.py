"""Draw a heat map as a picture to lay over the image."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    from specs_core.heat_map import HeatMap

# Okabe and Ito's blue and reddish purple, which colour-blind eyes tell apart; vermilion means a dip and
# nothing else. What speaks against is striped as well, so that the colour does not say it alone.
FOR = (0x00, 0x72, 0xB2)
AGAINST = (0xCC, 0x79, 0xA7)
UNREAD = (0x9A, 0x9A, 0x9A)

LONG_SIDE = 768
STRIPE = 6  # pixels from one stripe to the next, and from one line of the hatching to the next
WEAK_STRIPE = 0.55
EDGE = 2  # cells that bicubic scaling looks to either side
UNREAD_ALPHA = (70, 170)  # of the ground and of the lines


def overlay_png(heat: HeatMap, size: tuple[int, int]) -> bytes:
    """Draw a heat map over the whole of an image.

    Args:
        heat: The map.
        size: Width and height of the original image, in pixels.

    Returns:
        An RGBA PNG in the proportions of the original, its longer side at most 768 pixels. Blue where the
        image speaks for the change, striped reddish purple where against, the more opaque the more, with the
        map's largest value at full opacity; grey hatching where the model did not look.

    Raises:
        ValueError: The image has no pixels.

    Source: ours: docs/metrics.md, "Heat map".
    """
    if min(size) < 1:
        raise ValueError(f"an image of {size[0]} x {size[1]} pixels has no place for a heat map")
    scale = min(1.0, LONG_SIDE / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    left, top, right, bottom = (
        round(edge * side / whole)
        for edge, side, whole in zip(heat.region, (width, height) * 2, size * 2, strict=True)
    )
    values = smooth(heat.values, (max(1, right - left), max(1, bottom - top)))
    # What lies beyond the image is padding; what of the image the square does not reach was not read.
    inside = values[max(0, -top) :, max(0, -left) :][: height - max(0, top), : width - max(0, left)]
    rows = slice(max(0, top), max(0, top) + inside.shape[0])
    columns = slice(max(0, left), max(0, left) + inside.shape[1])
    y, x = np.mgrid[:height, :width]
    picture = np.empty((height, width, 4), dtype=np.uint8)
    picture[..., :3] = UNREAD
    picture[..., 3] = np.where((x + y) % (2 * STRIPE) < 2, UNREAD_ALPHA[1], UNREAD_ALPHA[0])
    striped = np.where((y % STRIPE < STRIPE // 2)[rows, columns], 1.0, WEAK_STRIPE)
    against = inside < 0
    picture[rows, columns, :3] = np.where(against[..., None], AGAINST, FOR)
    strength = np.abs(inside) * np.where(against, striped, 1.0)
    picture[rows, columns, 3] = np.round(255 * strength).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(picture, "RGBA").save(out, format="PNG")
    return out.getvalue()


def smooth(values: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Scale a map bicubically, so that none of its cells show.

    Args:
        values: (h, w).
        size: Width and height that it is brought to.

    Returns:
        (height, width) float32 in [-1, 1], the largest of the map's values by size at 1 or -1.
    """
    largest = float(np.abs(values).max())
    if not largest:
        return np.zeros(size[::-1], dtype=np.float32)
    # With its outer cells repeated around it: else those would swell towards the edge of the picture.
    height, width = values.shape
    padded = Image.fromarray(np.pad(np.asarray(values / largest, dtype=np.float32), EDGE, mode="edge"))
    box = (EDGE, EDGE, EDGE + width, EDGE + height)
    scaled = np.asarray(padded.resize(size, Image.Resampling.BICUBIC, box=box), dtype=np.float32)
    return np.clip(scaled, -1.0, 1.0)
