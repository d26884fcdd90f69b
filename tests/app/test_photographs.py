"""Telling drawn scenes from photographs."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from app.examples import load_examples
from app.photographs import flat_share, looks_like_a_drawn_scene


def test_looks_like_a_drawn_scene_of_every_example_is_true() -> None:
    for example in load_examples():
        with Image.open(example.path) as opened:
            assert looks_like_a_drawn_scene(opened.convert("RGB")), example.image


def test_looks_like_a_drawn_scene_of_grain_is_false() -> None:
    rng = np.random.default_rng(11)
    grain = Image.fromarray(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8))
    for radius in (0, 1, 2):
        assert not looks_like_a_drawn_scene(grain.filter(ImageFilter.GaussianBlur(radius)))


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (5000, 60), (300, 300)])
def test_flat_share_of_one_colour_is_one_at_any_size(size: tuple[int, int]) -> None:
    assert flat_share(Image.new("RGB", size, "#123456")) == 1.0
