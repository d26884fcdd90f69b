import io

import numpy as np
import pytest
from PIL import Image

from specs_core.heat_map import HeatMap
from specs_core.heat_overlay import AGAINST, FOR, UNREAD, WEAK_STRIPE, overlay_png, smooth


def drawn(values, region, size):
    heat = HeatMap(values=np.array(values, dtype=np.float32), region=region, delta=0.1, method="by hand")
    with Image.open(io.BytesIO(overlay_png(heat, size))) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGBA")
        return np.asarray(picture)


def test_overlay_is_blue_where_the_map_is_positive_and_striped_purple_where_negative():
    picture = drawn([[2, 0], [0, -1]], (0, 0, 200, 200), (200, 200))
    assert picture.shape == (200, 200, 4)
    assert tuple(picture[10, 10]) == (*FOR, 255)
    against = picture[170:194, 180]
    assert {tuple(pixel[:3]) for pixel in against} == {AGAINST}
    strong, weak = int(against[:, 3].max()), int(against[:, 3].min())
    assert strong == pytest.approx(128, abs=20)  # half of the largest value, but for the scaling's ripple
    assert weak == pytest.approx(WEAK_STRIPE * strong, abs=2)
    assert picture[10, 190, 3] < 20


def test_overlay_is_transparent_where_the_map_says_nothing():
    assert not drawn(np.zeros((3, 3)), (0, 0, 50, 50), (50, 50))[..., 3].any()


def test_overlay_of_a_wide_image_hatches_what_the_model_did_not_read():
    picture = drawn([[1]], (100, 0, 200, 100), (300, 100))
    assert picture.shape == (100, 300, 4)
    assert {tuple(pixel) for pixel in picture[:, 100:200].reshape(-1, 4)} == {(*FOR, 255)}
    margins = np.concatenate([picture[:, :100], picture[:, 200:]], axis=1).reshape(-1, 4)
    assert {tuple(pixel[:3]) for pixel in margins} == {UNREAD}
    assert len(set(margins[:, 3].tolist())) == 2


def test_overlay_of_a_padded_image_leaves_the_padding_out():
    # The square reaches 50 pixels beyond the image above and below; the map's middle row is what it shows.
    picture = drawn([[-1], [1], [-1]], (0, -50, 150, 100), (150, 50))
    assert picture.shape == (50, 150, 4)
    assert tuple(picture[25, 75]) == (*FOR, 255)
    assert tuple(UNREAD) not in {tuple(pixel[:3]) for pixel in picture.reshape(-1, 4)}


def test_overlay_keeps_the_proportions_and_is_at_most_768_pixels_long():
    assert drawn([[1, -1]], (500, 0, 1500, 1000), (2000, 1000)).shape == (384, 768, 4)
    assert drawn([[1, -1]], (0, 0, 20, 30), (20, 30)).shape == (30, 20, 4)
    assert drawn([[1]], (0, 49, 2, 51), (1, 100)).shape == (100, 1, 4)


def test_overlay_of_an_image_without_pixels_is_an_error():
    with pytest.raises(ValueError, match="0 x 5 pixels has no place"):
        drawn([[1]], (0, 0, 1, 1), (0, 5))


def test_smooth_keeps_signs_and_peaks_in_place_and_shows_no_edges_of_cells():
    values = np.array([[0, 0, 0], [0, 0, 4], [-2, 0, 0]], dtype=np.float32)
    fine = smooth(values, (90, 60))
    assert fine.shape == (60, 90)
    row, column = np.unravel_index(fine.argmax(), fine.shape)
    assert (row // 20, column // 30) == (1, 2)
    assert fine.max() == pytest.approx(1, abs=0.02)
    row, column = np.unravel_index(fine.argmin(), fine.shape)
    assert (row // 20, column // 30) == (2, 0)
    assert np.abs(np.diff(fine, axis=0)).max() < 0.1
    np.testing.assert_array_equal(smooth(-values, (90, 60)), -fine)
