"""Scenes drawn with Pillow from tinted glyphs of Noto Color Emoji."""

from __future__ import annotations

import os
import random
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from specs_core.errors import ConfigError
from specs_core.scenes.world import KINDS, PLACES, TINTS, Scene, SceneObject

Box = tuple[int, int, int, int]

_GLYPH_SIZE = 109  # the only size at which the font's bitmaps exist
_FONT_PLACES = (
    "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
    "/usr/share/fonts/noto/NotoColorEmoji.ttf",
    "/usr/share/fonts/google-noto-emoji/NotoColorEmoji.ttf",
    "/usr/local/share/fonts/NotoColorEmoji.ttf",
    "~/Library/Fonts/NotoColorEmoji.ttf",
    "~/.local/share/fonts/NotoColorEmoji.ttf",
)
#: Share of the image's width that an object takes, by size; varied by a tenth either way.
_EXTENT = {"small": 0.17, "large": 0.30}


def emoji_font_path() -> Path:
    """Return where Noto Color Emoji is installed.

    `SPECS_EMOJI_FONT` names the file where it lies elsewhere.

    Raises:
        ConfigError: It is not found.
    """
    named = os.environ.get("SPECS_EMOJI_FONT")
    for candidate in [named] if named else _FONT_PLACES:
        path = Path(candidate).expanduser()
        if path.is_file():
            return path
    raise ConfigError(
        f"The font Noto Color Emoji is not at {named}; correct SPECS_EMOJI_FONT."
        if named
        else "Drawing scenes needs the font Noto Color Emoji: install the package fonts-noto-color-emoji, "
        "or name the file NotoColorEmoji.ttf in SPECS_EMOJI_FONT."
    )


@lru_cache(maxsize=len(KINDS))
def _glyph(kind: str) -> tuple[np.ndarray, Image.Image]:
    """Return the glyph's light (H, W) in [0, 1] and its alpha, cropped to the drawn part and made square."""
    font = ImageFont.truetype(str(emoji_font_path()), _GLYPH_SIZE)
    canvas = Image.new("RGBA", (160, 160))
    # The variation selector asks for the coloured form of characters that also have a plain one.
    ImageDraw.Draw(canvas).text((12, 12), KINDS[kind] + "\ufe0f", font=font, embedded_color=True)
    box = canvas.getchannel("A").getbbox()
    if box is None:
        raise ConfigError(
            f"The font {emoji_font_path()} has no picture for {kind!r}; use a newer Noto Color Emoji."
        )
    glyph = canvas.crop(box)
    side = max(glyph.size)
    square = Image.new("RGBA", (side, side))
    square.paste(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
    light = np.asarray(square.convert("RGB").convert("L"), dtype=np.float32) / 255.0
    alpha = square.getchannel("A")
    inside = np.asarray(alpha) > 128
    low, high = np.percentile(light[inside], [2, 98])
    # Every glyph uses the same range of light, so that a dark glyph shows its tint as well as a bright one.
    return np.clip((light - low) / max(high - low, 0.05), 0.0, 1.0), alpha


@lru_cache(maxsize=len(KINDS) * len(TINTS))
def _sprite(kind: str, tint: str) -> Image.Image:
    """Return the glyph in one tint with a thin dark outline, RGBA, at the font's own size."""
    light, alpha = _glyph(kind)
    colour = np.array(TINTS[tint], dtype=np.float32)
    level = light[..., None]
    # Dark parts keep half of the tint, bright parts go a little way to white: shading without losing the
    # tint.
    rgb = colour * (0.5 + 0.5 * level) + (255.0 - colour) * 0.25 * np.maximum(level - 0.7, 0.0) / 0.3
    outline = alpha.filter(ImageFilter.MaxFilter(5))
    body = Image.fromarray(rgb.clip(0, 255).astype(np.uint8), "RGB").convert("RGBA")
    body.putalpha(alpha)
    sprite = Image.new("RGBA", alpha.size, (30, 30, 36, 0))
    sprite.paste((30, 30, 36, 255), (0, 0), outline)
    sprite.alpha_composite(body)
    return sprite


def draw_scene(scene: Scene, *, size: int = 384) -> Image.Image:
    """Draw a scene.

    Args:
        scene: What to draw. Its seed fixes the small variations, so equal scenes give equal pictures.
        size: Width and height in pixels.

    Returns:
        An RGB image of `size` x `size` pixels.

    Raises:
        ConfigError: The emoji font is missing or too old.
    """
    rng = random.Random(scene.seed)
    image = _draw_background(scene.background, size, rng)
    for thing in scene.objects:
        (left, upper, right, _), mirrored = _lay(thing, size, rng)
        pixels = right - left
        sprite = _sprite(thing.kind, thing.tint).resize((pixels, pixels), Image.Resampling.BICUBIC)
        if mirrored:
            sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image.paste(sprite, (left, upper), sprite)
    return image


def object_boxes(scene: Scene, *, size: int = 384) -> dict[str, Box]:
    """Return where `draw_scene` puts each object of a scene, by its kind.

    Args:
        scene: What is drawn.
        size: Width and height of the drawing in pixels.

    Returns:
        Kind -> (left, upper, right, lower) in pixels, the square that the object's picture is fitted into.
    """
    rng = random.Random(scene.seed)
    _draw_background(scene.background, size, rng)  # takes the first of the seed's numbers
    return {thing.kind: _lay(thing, size, rng)[0] for thing in scene.objects}


def _lay(thing: SceneObject, size: int, rng: random.Random) -> tuple[Box, bool]:
    """Return the square that an object is drawn into, and whether it is mirrored."""
    row, column = PLACES[thing.place]
    pixels = round(size * _EXTENT[thing.size] * rng.uniform(0.9, 1.1))
    mirrored = rng.random() < 0.5
    slack = max(0.0, size / 3 - pixels) / 2
    centre_x = size * (column + 0.5) / 3 + rng.uniform(-slack, slack) * 0.7
    centre_y = size * (row + 0.5) / 3 + rng.uniform(-slack, slack) * 0.7
    left = min(max(round(centre_x - pixels / 2), 0), size - pixels)
    upper = min(max(round(centre_y - pixels / 2), 0), size - pixels)
    return (left, upper, left + pixels, upper + pixels), mirrored


#: Background -> colours of the upper and the lower part.
_GROUNDS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "meadow": ((158, 204, 255), (112, 180, 96)),
    "beach": ((188, 226, 250), (238, 216, 160)),
    "snow": ((186, 196, 212), (246, 248, 252)),
    "night": ((18, 22, 58), (40, 44, 52)),
    "room": ((232, 214, 184), (150, 104, 70)),
    "sea": ((150, 210, 236), (28, 96, 150)),
}


def _draw_background(name: str, size: int, rng: random.Random) -> Image.Image:
    upper, lower = (_shade(colour, rng) for colour in _GROUNDS[name])
    image = Image.new("RGB", (size, size), upper)
    pen = ImageDraw.Draw(image)
    horizon = round(size * rng.uniform(0.5, 0.65))
    if name == "beach":
        pen.rectangle((0, horizon - size // 9, size, horizon), fill=_shade((60, 140, 190), rng))
    pen.rectangle((0, horizon, size, size), fill=lower)
    unit = size / 96
    for _ in range(14):
        x, y = rng.uniform(0, size), rng.uniform(0, 1)
        if name == "night":
            _dot(pen, x, y * horizon, 0.7 * unit, (240, 240, 210))
        elif name == "snow":
            _dot(pen, x, y * size, 0.9 * unit, (255, 255, 255))
        elif name == "sea":
            wave = horizon + y * (size - horizon)
            pen.line((x, wave, x + 7 * unit, wave), fill=(120, 180, 220), width=max(1, round(unit)))
    return image


def _dot(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _shade(colour: tuple[int, int, int], rng: random.Random) -> tuple[int, int, int]:
    """Return the colour a little lighter or darker."""
    factor = rng.uniform(0.94, 1.05)
    red, green, blue = (min(255, round(channel * factor)) for channel in colour)
    return red, green, blue
