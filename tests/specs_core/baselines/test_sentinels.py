"""Sentinels: another image for every image, and numbers that depend on nothing but id and seed."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from specs_core.baselines.sentinels import ImageCircle, random_score


def pictures(folder: Path, contents: list[bytes]) -> list[Path]:
    paths = [folder / f"{number}.png" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


@given(st.lists(st.binary(max_size=2), min_size=1, max_size=8), st.integers(0, 5))
def test_every_image_is_followed_by_all_images_with_other_bytes_and_no_other(
    tmp_path_factory, contents, seed
):
    folder = tmp_path_factory.mktemp("circle")
    paths = pictures(folder, contents)
    circle = ImageCircle(paths, folder=folder, seed=seed)
    for path, content in zip(paths, contents, strict=True):
        others = [other.read_bytes() for other in circle.after(path)]
        assert len(others) == len(set(others))
        assert set(others) == set(contents) - {content}


def test_the_image_after_each_is_a_derangement_that_depends_on_the_seed_alone(tmp_path):
    paths = pictures(tmp_path, [bytes([number]) for number in range(30)])
    nexts = [next(ImageCircle(paths, folder=tmp_path, seed=1).after(path)) for path in paths]
    assert sorted(nexts) == sorted(paths)
    assert all(path != other for path, other in zip(paths, nexts, strict=True))
    again = ImageCircle([*paths[::-1], *paths], folder=tmp_path, seed=1)
    assert [next(again.after(path)) for path in paths] == nexts
    other_seed = ImageCircle(paths, folder=tmp_path, seed=2)
    assert [next(other_seed.after(path)) for path in paths] != nexts


def test_a_circle_does_not_change_when_the_data_set_moves(tmp_path):
    orders = []
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        paths = pictures(folder, [bytes([number]) for number in range(12)])
        circle = ImageCircle(paths, folder=folder)
        orders.append([other.name for other in circle.after(paths[0])])
    assert orders[0] == orders[1]


def test_missing_images_are_in_no_circle_and_have_none_after_them(tmp_path):
    paths = pictures(tmp_path, [b"a", b"b"])
    circle = ImageCircle([*paths, tmp_path / "gone.png"], folder=tmp_path)
    assert list(circle.after(tmp_path / "gone.png")) == []
    assert list(circle.after(paths[0])) == [paths[1]]
    assert list(ImageCircle(paths[:1], folder=tmp_path).after(paths[0])) == []


def test_random_scores_are_uniform_and_depend_on_id_type_and_seed():
    values = np.array([random_score(number) for number in range(5000)])
    assert kstest(values, "uniform").pvalue > 0.01
    assert ((values >= 0) & (values < 1)).all()
    assert random_score(7) == values[7] != random_score(7, seed=1)
    assert random_score(7) != random_score("7")
