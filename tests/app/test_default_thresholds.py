"""The dip threshold that a model starts with: where the app uses it, and what it says of it."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gradio.utils import get_upload_folder

from annotations.invites import invite
from annotations.thresholds import NewThreshold, Promise, set_threshold, withdraw_threshold
from app import api, rating
from app.comparison import compare_captions
from app.context import AppContext
from app.default_thresholds import default_of, default_of_choice, origin, value_of
from app.inspection import MAX_THRESHOLD, Inspection
from app.rating import send_to_be_rated
from app.views.comparison import comparison_view
from specs_core.checkpoints import file_sha256

CAPTION = "A red car. Above it flies a kite, blue and small. A green tree stands on the left of a house."
PROMISE = Promise(0.2, 0.1, 0, 0.5, 0.1, 0.05, 0.2, 40)


@pytest.fixture
def sha256(context: AppContext, shown: Inspection) -> Iterator[str]:
    """The weights, which have no default once the test is over."""
    invite(context.engine, "ada", role="admin")
    yield shown.weights_sha256
    if default_of(context, shown.weights_sha256):
        withdraw_threshold(context.engine, shown.weights_sha256, actor="ada", application_version="1")


def make_default(
    context: AppContext, sha256: str, threshold: float, promise: Promise | None = PROMISE
) -> None:
    new = NewThreshold(
        model_sha256=sha256,
        model="tiny",
        threshold=threshold,
        n_images=120,
        n_units=600,
        unsure="left_out",
        choice={},
        promise=promise,
        application_version="1",
    )
    set_threshold(context.engine, new, actor="ada")


def just_above(shown: Inspection) -> float:
    """A threshold above the shallowest dip of the caption, and below any other."""
    return min(-unit["delta"] for unit in shown.record["units"] if unit["dip"]) + 1e-6


def test_model_without_a_default_starts_at_zero_and_says_nothing(context: AppContext, sha256: str) -> None:
    assert default_of(context, sha256) is None
    assert (value_of(None), origin(None)) == (0.0, "")


def test_default_of_a_model_that_is_not_loaded_is_found_by_its_file(context: AppContext, sha256: str) -> None:
    make_default(context, sha256, 0.031)
    assert file_sha256(Path(context.settings.model)) == sha256
    assert default_of_choice(context, "default").threshold == 0.031
    assert default_of_choice(context, "scenes") is None


def test_sentence_says_what_is_promised_who_set_it_and_how_to_go_back(
    context: AppContext, sha256: str
) -> None:
    make_default(context, sha256, 0.0312345)
    default = default_of(context, sha256)
    assert origin(default) == (
        f"Default of this model: 0.031, calibrated on 120 images on {default.set_at[:10]}; at most "
        "20% of flags wrong is promised on images like those. 0 shows every fall."
    )
    assert "nothing is promised of it" in origin(replace(default, promise=None))
    assert value_of(default) == 0.0312345
    assert value_of(replace(default, threshold=3.0)) == MAX_THRESHOLD


def test_curve_of_the_api_takes_the_default_unless_it_is_told_another(
    context: AppContext, shown: Inspection, sha256: str, drawn_image: Path, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = Path(get_upload_folder()) / "a" / "drawn.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(drawn_image.read_bytes())
    image = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
    options = {"model": "default", "segmenter": "dependency", "leave_one_out": False}
    above = just_above(shown)

    def curve(threshold: float | None) -> tuple[float, int]:
        found = api.curve_of(context, image, CAPTION, threshold=threshold, **options)
        return found["provenance"]["dip_threshold"], sum(unit["dip"] for unit in found["units"])

    every = sum(unit["dip"] for unit in shown.record["units"])
    assert curve(None) == (0.0, every)
    make_default(context, sha256, above)
    assert curve(None) == (above, every - 1)
    assert curve(0.0) == (0.0, every)


def test_comparison_marks_the_dips_of_the_default_and_says_so(
    context: AppContext, shown: Inspection, sha256: str, drawn_image: Path
) -> None:
    def compare() -> tuple[int, dict]:
        found = compare_captions(
            context,
            image_path=str(drawn_image),
            captions=[CAPTION, "A dog."],
            model=context.settings.model,
            segmenter="dependency",
        )
        return len(found.entries[0].dips), comparison_view(found)

    before, view = compare()
    assert view["threshold"] == 0.0
    make_default(context, sha256, just_above(shown))
    after, view = compare()
    assert (after, view["threshold"]) == (before - 1, just_above(shown))


def test_curve_after_a_rating_marks_the_dips_of_the_default(
    context: AppContext, shown: Inspection, sha256: str
) -> None:
    item = send_to_be_rated(context, shown, "Bo")
    payload = {
        "item": item,
        "answers": {"correctness": 3, "thoroughness": 3, "overall": 3},
        "verdicts": ["supported"] * len(shown.record["units"]),
        "nonce": secrets.token_hex(8),
        "guideline_version": "1",
    }
    rating.submit(context, "Bo", payload)
    before = rating.reveal(context, "Bo", {"item": item})
    make_default(context, sha256, just_above(shown))
    after = rating.reveal(context, "Bo", {"item": item})
    assert (before["threshold"], after["threshold"]) == (0.0, just_above(shown))
    assert sum(before["dip"]) - sum(after["dip"]) == 1
    assert before["delta"] == after["delta"]
