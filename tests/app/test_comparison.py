"""What can be compared, what cannot, and what a comparison holds."""

import json
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio.data_classes import FileData, ListFiles
from PIL import Image

from app.comparison import Comparison, compare_captions, compare_images
from app.context import AppContext, open_context
from app.pages import compare
from app.picture_input import PicturesInput
from app.settings import Settings
from specs_core.curve import score_curve
from specs_core.errors import CaptionError, ImageError
from specs_core.images import read_image

DISC = "A drawing of a few things. A red disc floats on the left. A blue square stands on the right."
DOG = "A drawing of a few things. A purple dog sleeps on the left. A blue square stands on the right."


@pytest.fixture(scope="module")
def other_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("other") / "other.png"
    Image.new("RGB", (80, 60), "#225588").save(path)
    return path


def of_captions(context: AppContext, image: Path | None, *captions: str | None) -> Comparison:
    return compare_captions(
        context,
        image_path=None if image is None else str(image),
        captions=captions,
        model=context.settings.model,
        segmenter="dependency",
    )


def of_images(context: AppContext, caption: str | None, *images: Path) -> Comparison:
    return compare_images(
        context,
        image_paths=[str(image) for image in images],
        caption=caption,
        model=context.settings.model,
        segmenter="dependency",
    )


def test_compare_captions_scores_each_as_it_is_scored_alone(context: AppContext, drawn_image: Path) -> None:
    stages: list[tuple[float, str]] = []
    found = compare_captions(
        context,
        image_path=str(drawn_image),
        captions=[DISC, DOG],
        model=context.settings.model,
        segmenter="grammar",
        on_stage=lambda share, words: stages.append((share, words)),
    )
    assert [entry.letter for entry in found.entries] == ["A", "B"]
    encoder, image = context.encoders.get(), read_image(drawn_image)
    for entry, caption in zip(found.entries, (DISC, DOG), strict=True):
        alone = score_curve(encoder, image, caption, segmenter="grammar")
        assert entry.record["score"] == alone.final_score
        assert [unit["similarity"] for unit in entry.record["units"]] == alone.similarity.tolist()
        assert entry.words == len(caption.split())
        assert entry.f_clip_score is not None
        assert entry.f_clip_score <= 0
    assert [share for share, _ in stages] == sorted(share for share, _ in stages)
    assert stages[-1][1] == "Scoring B"


def test_compare_captions_leaves_out_empty_fields_and_keeps_the_letters(
    context: AppContext, drawn_image: Path
) -> None:
    found = of_captions(context, drawn_image, DISC, "  \n", None, f"  {DOG}  ")
    assert [(entry.letter, entry.caption) for entry in found.entries] == [("A", DISC), ("D", DOG)]


def test_compare_images_scores_one_caption_on_each(
    context: AppContext, drawn_image: Path, other_image: Path
) -> None:
    found = of_images(context, DISC, drawn_image, other_image)
    assert [(entry.letter, entry.filename) for entry in found.entries] == [
        ("A", "drawn.png"),
        ("B", "other.png"),
    ]
    assert found.entries[0].record == of_captions(context, drawn_image, DISC, DOG).entries[0].record
    assert found.entries[0].record["score"] != found.entries[1].record["score"]
    assert all(entry.thumbnail.startswith("data:image/jpeg;base64,") for entry in found.entries)


def test_deepest_dip_is_the_lowest_delta_among_the_dips(context: AppContext, drawn_image: Path) -> None:
    found = of_captions(context, drawn_image, DISC, DOG, "A disc.")
    for entry in found.entries[:2]:
        deltas = [unit["delta"] for unit in entry.record["units"][1:]]
        assert len(entry.dips) == sum(delta < 0 for delta in deltas) > 0
        assert entry.record["units"][entry.deepest_dip]["delta"] == min(deltas)
    assert (found.entries[2].dips, found.entries[2].deepest_dip) == ([], None)


def scored(found: Comparison, scores: list[float | None], words: list[int] | None = None) -> Comparison:
    """Return a comparison with other scores and lengths."""
    entries = [
        replace(
            found.entries[0],
            letter="ABCDE"[index],
            record={**found.entries[0].record, "score": score},
            words=words[index] if words else 5,
        )
        for index, score in enumerate(scores)
    ]
    return replace(found, entries=tuple(entries))


def test_best_when_scores_are_equal_names_both_and_without_a_score_nobody(
    context: AppContext, drawn_image: Path
) -> None:
    found = of_captions(context, drawn_image, DISC, DOG)
    assert scored(found, [0.5, 0.7, 0.7]).best == ("B", "C")
    assert scored(found, [None, 0.0]).best == ("B",)
    assert scored(found, [None, None]).best == ()


def test_length_decides_when_the_order_by_score_is_the_order_by_words(
    context: AppContext, drawn_image: Path
) -> None:
    found = of_captions(context, drawn_image, DISC, DOG)
    assert scored(found, [0.3, 0.5, 0.4], [10, 30, 20]).length_decides
    assert not scored(found, [0.3, 0.5, 0.4], [10, 20, 30]).length_decides
    assert not scored(found, [0.3, 0.5, 0.4], [10, 20, 20]).length_decides
    assert not scored(found, [0.3, None, 0.4], [10, 30, 20]).length_decides
    assert not scored(found, [0.3, 0.5], [10, 20]).length_decides, "two captions always rank by something"


# ---------------------------------------------------------------- what cannot be compared


@pytest.mark.parametrize(
    ("captions", "words"),
    [
        ([DISC], "at least two captions"),
        ([DISC, " ", None], "at least two captions"),
        ([], "at least two captions"),
        ([DISC, DOG, DISC.replace(" ", "  ")], "Captions A and C are the same"),
        ([DISC] * 6, "6 captions are too many to compare; at most 5"),
        ([DISC, "very " * 1500], r"Caption B: The caption has 1,500 words; at most 1,000"),
        ([DISC, "\x00\x1f"], "Caption B: There is no caption yet"),
    ],
)
def test_compare_captions_that_will_not_do_says_why(
    context: AppContext, drawn_image: Path, captions: list[str | None], words: str
) -> None:
    with pytest.raises(CaptionError, match=words):
        of_captions(context, drawn_image, *captions)


def test_compare_captions_without_an_image_asks_for_one(context: AppContext, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no image yet"):
        of_captions(context, None, DISC, DOG)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    with pytest.raises(ImageError, match="not a JPEG, PNG or WEBP"):
        of_captions(context, broken, DISC, DOG)


def test_compare_images_that_will_not_do_says_why(
    context: AppContext, drawn_image: Path, other_image: Path, tmp_path: Path
) -> None:
    with pytest.raises(ImageError, match="at least two images"):
        of_images(context, DISC, drawn_image)
    with pytest.raises(ImageError, match="6 images are too many to compare; at most 5"):
        of_images(context, DISC, *[drawn_image] * 6)
    with pytest.raises(CaptionError, match="no caption yet"):
        of_images(context, " ", drawn_image, other_image)
    same = tmp_path / "renamed.png"
    Image.open(drawn_image).save(same, compress_level=1)
    with pytest.raises(ImageError, match="Images A and C are the same"):
        of_images(context, DISC, drawn_image, other_image, same)
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(ImageError, match="Image B: The image file is empty"):
        of_images(context, DISC, drawn_image, tmp_path / "broken.png")


def test_caption_beyond_the_context_is_scored_on_what_fits(context: AppContext, drawn_image: Path) -> None:
    sentence = "A red disc floats on the left side of a small blue square. "
    found = of_captions(context, drawn_image, DISC, sentence * 25)
    long = found.entries[1]
    assert long.record["provenance"]["units_beyond_context"] > 0
    assert "beyond the model's context" in long.f_clip_note
    assert json.loads(json.dumps(long.record)) == long.record


def test_photograph_under_the_bundled_model_is_told(tmp_path: Path) -> None:
    grain = np.random.default_rng(5).normal(0, 12, (300, 400, 3))
    light = np.linspace(60, 200, 300)[:, None, None]
    photograph = tmp_path / "photograph.jpg"
    Image.fromarray((light + grain).clip(0, 255).astype(np.uint8)).save(photograph)
    opened = open_context(Settings(data=tmp_path / "data"))
    found = compare_captions(
        opened, image_path=str(photograph), captions=[DISC, DOG], model="scenes", segmenter="dependency"
    )
    opened.engine.dispose()
    assert any("knows drawn scenes only" in note for note in found.entries[0].notes)


def test_pictures_input_hands_on_paths_whatever_it_gets() -> None:
    field = PicturesInput(file_count="multiple")
    one = FileData(path="a.png")
    assert field.preprocess(None) == []
    assert field.preprocess(one) == ["a.png"]
    assert field.preprocess(ListFiles(root=[one, FileData(path="b.png")])) == ["a.png", "b.png"]


# ---------------------------------------------------------------- what passes between the pages


def test_entry_to_open_is_the_image_and_the_caption_of_a_letter_that_is_shown(
    context: AppContext, drawn_image: Path
) -> None:
    with gr.Blocks():
        page = compare.build(context)
    found = of_captions(context, drawn_image, DISC, None, DOG)
    assert page.entry_to_open(found, gr.EventData(None, {"letter": "C"})) == (str(drawn_image), DOG)
    for shown, sent in ((found, {"letter": "B"}), (found, {"letter": ["C"]}), (found, "C"), (None, {})):
        with pytest.raises(gr.Error, match="Compare something first"):
            page.entry_to_open(shown, gr.EventData(None, sent))


def test_take_over_makes_an_image_and_a_caption_the_first_of_a_comparison(context: AppContext) -> None:
    with gr.Blocks():
        page = compare.build(context)
    values = dict(
        zip([part.elem_id for part in page.take_over_outputs], page.take_over("scene.png", DISC), strict=True)
    )
    assert values["compare-kind"] == "captions"
    assert (values["compare-image"], values["compare-caption-A"]) == ("scene.png", DISC)
    assert (values["compare-by-caption"].visible, values["compare-by-image"].visible) == (True, False)
