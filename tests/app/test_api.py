"""What the API's endpoints do with arguments of every kind; called as functions, without a server."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from gradio.utils import get_upload_folder

from app import api
from app.context import AppContext
from specs_core.curve import curve_record, score_curve
from specs_core.errors import CaptionError, ConfigError, ImageError, SpecsError
from specs_core.images import read_image

CAPTION = "A drawing of a few things. A red disc floats on the left. A blue square stands on the right."


@pytest.fixture
def uploaded(drawn_image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The drawn image as somebody uploaded it."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = Path(get_upload_folder()) / "abc" / "drawn.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(drawn_image.read_bytes())
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def curve(context: AppContext, image: object, caption: object = CAPTION, **changed: object) -> dict[str, Any]:
    options: dict[str, object] = {
        "model": "default",
        "segmenter": "dependency",
        "threshold": 0.0,
        "leave_one_out": False,
    }
    return api.curve_of(context, image, caption, **{**options, **changed})


def attribution(
    context: AppContext, image: object, caption: object = CAPTION, **changed: object
) -> dict[str, Any]:
    options: dict[str, object] = {
        "model": "default",
        "template": "A photo depicts ",
        "start_layer": -3,
        "epsilon": -5e-5,
        "mode": "threshold",
    }
    return api.attribute_words(context, image, caption, **{**options, **changed})


def test_segment_caption_returns_units_that_are_the_caption(context: AppContext) -> None:
    units = api.segment_caption(context, f"  {CAPTION} ", "dependency")
    assert len(units) > 1
    assert "".join(unit["text"] for unit in units) == CAPTION
    assert all(CAPTION[unit["start"] : unit["end"]] == unit["text"] for unit in units)


def test_curve_returns_what_the_command_line_prints(
    context: AppContext, uploaded: dict[str, Any], drawn_image: Path
) -> None:
    record = curve(context, uploaded, threshold=0.01)
    encoder = context.encoders.get()
    expected = curve_record(score_curve(encoder, read_image(drawn_image), CAPTION), encoder, threshold=0.01)
    assert record == {**expected, "notes": []}
    assert json.loads(json.dumps(record)) == record


def test_curve_with_leave_one_out_says_what_every_unit_adds(
    context: AppContext, uploaded: dict[str, Any]
) -> None:
    units = curve(context, uploaded, leave_one_out=True)["units"]
    assert all(isinstance(unit["leave_one_out"], float) for unit in units)
    assert {unit["uncertain"] for unit in units} <= {True, False}
    assert "leave_one_out" not in curve(context, uploaded)["units"][0]


def test_attribute_returns_the_keys_of_the_command_line(
    context: AppContext, uploaded: dict[str, Any]
) -> None:
    found = attribution(context, uploaded)
    assert [word for word, _ in found["word_attributions"]][:3] == ["A", "drawing", "of"]
    assert {"f_clip_score", "cosine", "clip_score", "provenance", "notes", "negative_words"} <= found.keys()
    lowest = attribution(context, uploaded, mode="most_negative", epsilon=0.0)
    assert len(lowest["negative_words"]) == 1
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"caption": 5}, "caption has to be a text, got a number"),
        ({"caption": None}, "caption has to be a text, got null"),
        ({"caption": " \n "}, "caption is empty"),
        ({"caption": "very " * 3000}, "15,000 characters; at most 10,000"),
        ({"model": "/etc/passwd"}, "model has to be one of default, scenes, .*'/etc/passwd'"),
        ({"model": ["scenes"]}, "model has to be one of"),
        ({"model": "open_clip:ViT-B-32/openai"}, "model has to be one of"),
        ({"segmenter": "given"}, "segmenter has to be one of dependency, grammar, .*, got 'given'"),
        ({"threshold": -0.1}, "threshold has to be 0 or more, got -0.1"),
        ({"threshold": math.nan}, "threshold has to be a number, got nan"),
        ({"threshold": "0"}, "threshold has to be a number, got a text"),
        ({"threshold": True}, "threshold has to be a number, got true or false"),
        ({"leave_one_out": 1}, "leave_one_out has to be true or false, got a number"),
    ],
)
def test_curve_with_a_wrong_argument_names_it(
    context: AppContext, uploaded: dict[str, Any], changed: dict[str, object], words: str
) -> None:
    with pytest.raises(SpecsError, match=words):
        curve(context, uploaded, **changed)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"template": None}, "template has to be a text, got null"),
        ({"template": "x" * 501}, "template has 501 characters; at most 500"),
        ({"start_layer": 0.5}, "start_layer has to be a whole number, got 0.5"),
        ({"start_layer": 99}, "2 text layers; got start layer 99"),
        ({"start_layer": True}, "start_layer has to be a number, got true or false"),
        ({"epsilon": math.inf}, "epsilon has to be a number, got inf"),
        ({"mode": "all"}, "mode has to be one of threshold, most_negative, got 'all'"),
        ({"caption": "word " * 300}, "the caption with its template has"),
    ],
)
def test_attribute_with_a_wrong_argument_names_it(
    context: AppContext, uploaded: dict[str, Any], changed: dict[str, object], words: str
) -> None:
    with pytest.raises(SpecsError, match=words):
        attribution(context, uploaded, **changed)


@pytest.mark.parametrize(
    "image",
    [
        None,
        "drawn.png",
        5,
        {},
        {"path": None},
        {"path": "drawn.png"},
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": "https://example.org/x.png", "url": "https://example.org/x.png"},
    ],
)
def test_image_that_is_not_an_uploaded_file_is_refused(context: AppContext, image: object) -> None:
    with pytest.raises(ImageError, match="image has to be a file that was uploaded here before"):
        curve(context, image)


def test_image_that_has_gone_is_refused_without_its_place(
    context: AppContext, uploaded: dict[str, Any], tmp_path: Path
) -> None:
    Path(uploaded["path"]).write_bytes(b"GIF89a, or so it says")
    with pytest.raises(ImageError, match="not a JPEG, PNG or WEBP image but a GIF file"):
        curve(context, uploaded)
    Path(uploaded["path"]).unlink()
    with pytest.raises(ImageError, match=r"drawn\.png cannot be read") as caught:
        curve(context, uploaded)
    assert str(tmp_path) not in str(caught.value)


def test_wrong_arguments_are_found_before_the_image_is_read(context: AppContext) -> None:
    with pytest.raises(CaptionError, match="caption is empty"):
        curve(context, None, "")
    with pytest.raises(ConfigError, match="threshold"):
        curve(context, None, threshold=-1)
