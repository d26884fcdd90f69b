"""What a rating form may hold, whoever sent it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.questions import CRITERIA
from app.answers import Answers, FormError, read_answers, read_item_id, read_nonce, read_text

FORM: dict[str, Any] = {
    "verdicts": ["supported", None, "unsure"],
    "answers": {"correctness": 1, "thoroughness": 5, "overall": None},
    "comment": "small",
}
ASKED = CRITERIA["correctness"]


def test_answers_when_the_form_is_half_filled_keep_what_is_there() -> None:
    answers = read_answers(FORM, questions=ASKED, unit_count=3)

    assert answers == Answers(("supported", None, "unsure"), {"correctness": 1, "thoroughness": 5}, "small")


def test_answers_when_the_place_on_the_page_makes_no_sense_begin_anew() -> None:
    kept = read_answers(
        {**FORM, "cursor": 2, "zoom": {"scale": 2.5, "x": -3, "y": 4}, "seconds": 12.5},
        questions=ASKED,
        unit_count=3,
    )
    lost = read_answers(
        {**FORM, "cursor": "x", "zoom": {"scale": float("nan"), "x": True}, "seconds": -1},
        questions=ASKED,
        unit_count=3,
    )

    assert (kept.cursor, kept.zoom, kept.seconds) == (2, (2.5, -3.0, 4.0), 12.5)
    assert (lost.cursor, lost.zoom, lost.seconds) == (0, (1.0, 0.0, 0.0), 0.0)


def test_answers_written_as_json_read_back_the_same() -> None:
    answers = read_answers(FORM, questions=ASKED, unit_count=3)

    assert read_answers(json.loads(json.dumps(answers.to_json())), questions=ASKED, unit_count=3) == answers


@pytest.mark.parametrize("value", [0, 6, -1, 2.5, True, "3", [3], {"a": 1}, 10**30])
@pytest.mark.parametrize("scale", ["correctness", "thoroughness", "overall"])
def test_answers_when_a_scale_is_off_its_range_are_refused_by_name(scale: str, value: object) -> None:
    with pytest.raises(FormError, match=scale.capitalize()):
        read_answers({**FORM, "answers": {scale: value}}, questions=ASKED, unit_count=3)


@pytest.mark.parametrize("verdict", ["yes", "", 1, True, ["supported"], {}])
def test_answers_when_a_verdict_is_unknown_name_the_unit(verdict: object) -> None:
    with pytest.raises(FormError, match="unit 2"):
        read_answers({**FORM, "verdicts": ["supported", verdict, None]}, questions=ASKED, unit_count=3)


@pytest.mark.parametrize("verdicts", [[], ["supported"], ["supported"] * 4, "sss", None, {"0": "supported"}])
def test_answers_when_the_verdicts_do_not_fit_the_units_are_refused(verdicts: object) -> None:
    with pytest.raises(FormError, match="3 units"):
        read_answers({**FORM, "verdicts": verdicts}, questions=ASKED, unit_count=3)


def test_answers_when_the_comment_is_too_long_say_both_lengths() -> None:
    with pytest.raises(FormError, match=r"2001 characters; at most 2000"):
        read_answers({**FORM, "comment": "x" * 2001}, questions=ASKED, unit_count=3)


def test_answers_when_the_comment_holds_half_an_emoji_or_nul_keep_the_rest() -> None:
    answers = read_answers(
        {**FORM, "comment": "a\ud83d \x00 \N{GRINNING FACE}"}, questions=ASKED, unit_count=3
    )

    assert answers.comment == "a\ufffd \ufffd \N{GRINNING FACE}"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=12,
    )
)
def test_a_form_of_any_shape_gives_answers_or_one_plain_sentence(payload: object) -> None:
    told: list[str] = []
    for read in (lambda: read_answers(payload, questions=ASKED, unit_count=2), lambda: read_item_id(payload)):
        try:
            read()
        except FormError as error:
            told.append(str(error))
    assert all(sentence.endswith(".") for sentence in told)


@pytest.mark.parametrize("item", ["", "x", "A" * 32, "a" * 31, "a" * 33, "../" + "a" * 29, None, 7])
def test_item_id_when_it_is_not_32_hexadecimal_digits_is_refused(item: object) -> None:
    with pytest.raises(FormError):
        read_item_id({"item": item})


@pytest.mark.parametrize("nonce", ["", "short", "x" * 121, "has a blank", "ünïcode-nonce", None])
def test_nonce_when_it_is_malformed_is_refused(nonce: object) -> None:
    with pytest.raises(FormError, match="number"):
        read_nonce({"nonce": nonce})


def test_text_when_the_field_is_missing_is_empty_and_a_number_is_refused() -> None:
    assert read_text({}, "rater") == ""
    with pytest.raises(FormError, match="'rater'"):
        read_text({"rater": 5}, "rater")
