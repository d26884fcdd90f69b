"""From an image and a caption to a curve and an item: good input, bad input, and what is stored."""

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from annotations.analysis.reading import database_stamp
from annotations.campaign_tables import INSPECT_CAMPAIGN
from annotations.images import get_image
from annotations.items import get_item
from annotations.scores import load_curve
from app.context import AppContext
from app.inspection import Inspection, checked_caption, inspect_caption, store_item
from app.picture_input import PictureInput
from app.problems import problem, shown_on_page
from app.settings import Settings
from specs_core.errors import CaptionError, ImageError, SpecsError

InspectIt = Callable[..., Inspection]
CAPTION = "A drawing of a few things. A red disc floats on the left. A blue square stands on the right."


def test_inspect_caption_gives_a_record_whose_units_are_the_caption(
    context: AppContext, drawn_image: Path
) -> None:
    stages: list[tuple[float, str]] = []
    shown = inspect_caption(
        context,
        image_path=str(drawn_image),
        caption=CAPTION,
        model=context.settings.model,
        segmenter="grammar",
        on_stage=lambda share, words: stages.append((share, words)),
    )
    assert "".join(unit["text"] for unit in shown.record["units"]) == CAPTION
    assert shown.record["provenance"]["segmenter"] == "grammar"
    assert [share for share, _ in stages] == sorted(share for share, _ in stages)
    assert json.loads(json.dumps(shown.record)) == shown.record


# ---------------------------------------------------------------- bad captions


@pytest.mark.parametrize("caption", [None, "", "   \n\t ", "\x00\x1f"])
def test_inspect_caption_without_words_asks_for_a_caption(
    context: AppContext, drawn_image: Path, caption: str | None, inspect_it: InspectIt
) -> None:
    with pytest.raises(CaptionError, match="no caption yet"):
        inspect_it(context, drawn_image, caption)


def test_inspect_caption_of_five_thousand_words_gives_both_numbers(
    context: AppContext, drawn_image: Path, inspect_it: InspectIt
) -> None:
    with pytest.raises(CaptionError, match=r"24,999 characters; at most 10,000"):
        inspect_it(context, drawn_image, "very " * 4999 + "long")
    with pytest.raises(CaptionError, match=r"5,000 words; at most 1,000"):
        inspect_it(context, drawn_image, "a " * 4999 + "b")


@pytest.mark.parametrize(
    "caption",
    [
        "🚗🌳🦆" * 20,
        "سيارة حمراء كبيرة تقف في الوسط. وعلى يسارها حصان صغير.",
        "<script>alert(1)</script> A red car <img src=x onerror=alert(1)>.",
        "A red\x00 car\x1b[31m stands\u202e in the middle.",
        "A red car \ud83d stands in the middle.",
        "=HYPERLINK(1)",
        "${alert(1)} {{constructor}}",
        "x" * 3000,
        "a red car. " * 300,
    ],
    ids=[
        "emoji",
        "right-to-left",
        "script",
        "control",
        "surrogate",
        "formula",
        "template",
        "one word",
        "long",
    ],
)
def test_inspect_caption_of_odd_text_scores_it_and_stores_it(
    context: AppContext, drawn_image: Path, caption: str, inspect_it: InspectIt
) -> None:
    shown = inspect_it(context, drawn_image, caption)
    assert "".join(unit["text"] for unit in shown.record["units"]) == shown.caption
    assert (
        get_item(context.engine, store_item(context, shown, campaign_id=INSPECT_CAMPAIGN)).caption
        == shown.caption
    )


def test_checked_caption_with_control_characters_says_that_they_were_replaced() -> None:
    assert checked_caption(" A\x00car\r\nin red\t", Settings()) == (
        "A car\nin red",
        ("Control characters in the caption were read as spaces.",),
    )
    assert checked_caption("A car\r\nin red", Settings()) == ("A car\nin red", ())


# ---------------------------------------------------------------- bad images


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def encoded(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def rotated_by_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.new("RGB", (60, 20), "red"), format="JPEG", exif=exif)


def animated() -> bytes:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    return encoded(frames[0], format="WEBP", save_all=True, append_images=frames[1:], lossless=True)


BAD: dict[str, Callable[[], bytes]] = {
    "zero bytes": lambda: b"",
    "truncated": lambda: encoded(Image.new("RGB", (300, 300), "red"), format="JPEG")[:400],
    "renamed text": lambda: b"this is not an image at all",
    "renamed gif": lambda: encoded(Image.new("P", (9, 9)), format="GIF"),
    "400 megapixels": lambda: png_header(20_000, 20_000),
}
ODD: dict[str, Callable[[], bytes]] = {
    "animated": animated,
    "cmyk": lambda: encoded(Image.new("CMYK", (40, 30), (10, 200, 30, 0)), format="JPEG"),
    "16 bit": lambda: encoded(Image.fromarray(np.full((30, 40), 40_000, dtype=np.uint16)), format="PNG"),
    "palette": lambda: encoded(Image.new("P", (40, 30)), format="PNG"),
    "rotated": rotated_by_exif,
    "one pixel": lambda: encoded(Image.new("RGB", (1, 1)), format="PNG"),
}


@pytest.mark.parametrize("kind", BAD)
def test_inspect_caption_of_a_bad_image_gives_one_sentence(
    context: AppContext, tmp_path: Path, kind: str, inspect_it: InspectIt
) -> None:
    path = tmp_path / "upload.png"
    path.write_bytes(BAD[kind]())
    before = database_stamp(context.engine)
    with pytest.raises(ImageError) as caught:
        inspect_it(context, path)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert str(tmp_path) not in sentence
    assert database_stamp(context.engine) == before


@pytest.mark.parametrize("kind", ODD)
def test_inspect_caption_of_an_odd_image_scores_it(
    context: AppContext, tmp_path: Path, kind: str, inspect_it: InspectIt
) -> None:
    path = tmp_path / "upload.png"
    path.write_bytes(ODD[kind]())
    shown = inspect_it(context, path)
    assert shown.record["score"] is not None
    assert bool(shown.notes) == (kind == "animated")


def test_inspect_caption_without_an_image_asks_for_one(context: AppContext, inspect_it: InspectIt) -> None:
    with pytest.raises(ImageError, match="no image yet"):
        inspect_it(context, None)
    with pytest.raises(ImageError, match="cannot be read"):
        inspect_it(context, "gone.png")


def test_picture_input_hands_on_the_path_and_opens_nothing() -> None:
    field = PictureInput(type="filepath")
    assert field.get_block_name() == "image", "the page would not know how to show it"
    assert field.preprocess(None) is None
    assert field.preprocess(gr.components.image.ImageData(path="no/such/file.png")) == "no/such/file.png"
    # An image that is sent as text instead of being uploaded has no path and is not decoded either.
    assert field.preprocess(gr.components.image.ImageData(url="data:image/png;base64,AAAA")) is None


# ---------------------------------------------------------------- storing


def test_store_item_twice_is_one_item_with_its_curve_and_its_picture(
    context: AppContext, drawn_image: Path, inspect_it: InspectIt
) -> None:
    shown = inspect_it(context, drawn_image)
    item_id = store_item(context, shown, campaign_id=INSPECT_CAMPAIGN)
    assert store_item(context, inspect_it(context, drawn_image), campaign_id=INSPECT_CAMPAIGN) == item_id
    item = get_item(context.engine, item_id)
    assert [unit.text for unit in item.units] == [unit["text"] for unit in shown.record["units"]]
    assert item.segmenter_version == shown.cut.version
    image = get_image(context.engine, item.image_id)
    assert (image.width, image.height) == (96, 64)
    assert context.pictures.find(item.image_id) is not None
    curve = load_curve(context.engine, item_id, metric="specs", model_sha256=shown.weights_sha256)
    assert curve == shown.record


def test_store_item_of_an_image_that_has_gone_changes_nothing(
    context: AppContext, drawn_image: Path, tmp_path: Path, inspect_it: InspectIt
) -> None:
    path = tmp_path / "upload.png"
    path.write_bytes(drawn_image.read_bytes())
    shown = inspect_it(context, path, "A picture that is about to go.")
    path.unlink()
    before = database_stamp(context.engine)
    with pytest.raises(SpecsError, match="cannot be read"):
        store_item(context, shown, campaign_id=INSPECT_CAMPAIGN)
    assert database_stamp(context.engine) == before


# ---------------------------------------------------------------- errors on the page


def test_shown_on_page_turns_a_library_error_into_one_escaped_sentence() -> None:
    with pytest.raises(gr.Error) as caught, shown_on_page():
        raise CaptionError("the caption <b>x</b> will not do")
    assert caught.value.message == "The caption &lt;b&gt;x&lt;/b&gt; will not do."


def test_shown_on_page_lets_a_bug_pass() -> None:
    with pytest.raises(ZeroDivisionError), shown_on_page():
        _ = 1 / 0


def test_problem_keeps_a_sentence_as_it_is() -> None:
    assert problem("Really?").message == "Really?"
