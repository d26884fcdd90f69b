"""Stored images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.pictures import PictureStore, pixel_sha256

IMAGE_ID = "0123456789abcdef0123456789abcdef"


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_save_of_a_small_image_keeps_every_pixel_and_no_metadata(tmp_path: Path) -> None:
    image = noise(40, 30)
    image.info["comment"] = "where it was taken"
    path = PictureStore(tmp_path / "images").save(IMAGE_ID, image)
    with Image.open(path) as stored:
        assert np.array_equal(np.asarray(stored), np.asarray(image))
        assert "comment" not in stored.info
    assert [each.name for each in (tmp_path / "images").iterdir()] == [f"{IMAGE_ID}.png"]


def test_save_of_a_large_photograph_is_a_jpeg(tmp_path: Path) -> None:
    assert PictureStore(tmp_path).save(IMAGE_ID, noise(2000, 1001)).suffix == ".jpg"


def test_save_twice_leaves_the_first_file(tmp_path: Path) -> None:
    store = PictureStore(tmp_path)
    first = store.save(IMAGE_ID, noise(8, 8)).read_bytes()
    assert store.save(IMAGE_ID, noise(9, 9)).read_bytes() == first


def test_save_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    class Broken(Image.Image):
        def convert(self, *args: object, **options: object) -> Image.Image:
            raise OSError("the disk is full")

    broken = Broken()
    broken._size = (4, 4)
    with pytest.raises(OSError, match="full"):
        PictureStore(tmp_path).save(IMAGE_ID, broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0123ABCD", "a" * 65, "0123456789abcdef/..", "abc"])
def test_find_of_what_is_not_an_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not an image id"):
        PictureStore(tmp_path).find(name)


def test_find_of_an_unknown_id_is_none(tmp_path: Path) -> None:
    assert PictureStore(tmp_path).find(IMAGE_ID) is None


def test_pixel_sha256_sees_pixels_and_shape() -> None:
    flat = Image.new("RGB", (6, 4), "red")
    assert pixel_sha256(flat) == pixel_sha256(flat.copy())
    assert pixel_sha256(flat) != pixel_sha256(Image.new("RGB", (4, 6), "red"))
    assert pixel_sha256(flat) != pixel_sha256(Image.new("RGB", (6, 4), "blue"))
