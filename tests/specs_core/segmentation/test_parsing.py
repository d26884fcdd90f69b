from itertools import pairwise

import pytest

from specs_core.segmentation.parsing import load_pipeline, parse_many, plain_text


def _sentences(caption):
    (parsed,) = parse_many([caption], trees=False)
    starts = [*parsed.offsets(sentence.start for sentence in parsed.doc.sents), len(caption)]
    return [caption[a:b].strip() for a, b in pairwise(starts)]


@pytest.mark.parametrize(
    "marked",
    [
        "A car. | A tree.",
        "A car.\n\n | A tree",
        "a car. | it is red.",
        "The tree.The sky.",
        "St. Louis lies on a river. | Mr. Smith waves.",
        "A sign says “STOP.” | It is red.",
        'The letter "O." | There are screws.',
        "A wall (painted white.) | A door.",
        "It is 3.5 m tall, e.g. like a tree, etc. | The sky is blue.",
        "Wait... what is this? | A cat!",
        "“Stop!” shouts a man.",
        "A car\nand a tree.",
        "A list\n\n | - a car\n | - a tree",
        "Portrait of J. Smith in a garden.",
    ],
)
def test_sentences_of_a_caption_are_found_by_rule(marked):
    expected = [part.strip() for part in marked.split("|")]
    if marked == "The tree.The sky.":
        expected = ["The tree.", "The sky."]
    assert _sentences(marked.replace(" | ", " ").replace("\n |", "\n")) == expected


def test_plain_text_any_white_space_is_one_blank_and_offsets_lead_back():
    caption = "\ta\u00a0 red\r\ncar\u200b!"
    text, characters, breaks = plain_text(caption)
    assert text == "a red car!"
    assert [caption[i] for i, char in zip(characters, text, strict=True) if char != " "] == list("aredcar!")
    assert not breaks


def test_plain_text_blank_line_is_a_break():
    assert plain_text("a\n \nb")[2] == {2}


def test_load_pipeline_twice_gives_the_same_object():
    from specs_core.segmentation.parsing import SHIPPED_PIPELINE

    assert load_pipeline(str(SHIPPED_PIPELINE)) is load_pipeline(str(SHIPPED_PIPELINE))
