"""Questions to a judge and how its answers are read: worked by hand, and laws."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs_core.judge_prompts import Reply, Token, clair_prompt, fleur_prompt, read_clair, read_fleur


def tokens(*each: tuple[str, dict[str, float]]) -> tuple[Token, ...]:
    return tuple(
        Token(text, tuple((other, math.log(share)) for other, share in others.items()))
        for text, others in each
    )


def smoothed(text: str, *each: tuple[str, dict[str, float]]) -> float:
    judgement = read_fleur(Reply(text, tokens=tokens(*each)))
    assert judgement is not None
    assert judgement.smoothed
    return judgement.score


@pytest.mark.parametrize(
    ("text", "score"),
    [("0.85", 0.85), (" Score: 0.4.\n", 0.4), (".7", 0.7), ("1", 1.0), ("1.00", 1.0), ("0", 0.0)],
)
def test_a_number_without_probabilities_is_read_as_printed_and_says_so(text, score):
    judgement = read_fleur(Reply(text))
    assert judgement is not None
    assert (judgement.score, judgement.smoothed) == (score, False)
    assert "as printed" in judgement.reason


@pytest.mark.parametrize(
    "text", ["", "I cannot say", "8/10", "0.8 out of 1", "1.5", "85", "-", "on a scale from 0 to 1: 0.7"]
)
def test_an_answer_without_exactly_one_number_in_range_has_no_score(text):
    assert read_fleur(Reply(text)) is None


def test_tenths_and_hundredths_are_expectations_over_the_digits():
    value = smoothed(
        "0.85",
        ("0", {"0": 1.0}),
        (".", {".": 1.0}),
        ("8", {"8": 0.6, "7": 0.2, "x": 0.2}),  # the x is no digit: 0.75 and 0.25
        ("5", {"5": 0.5, "0": 0.5}),
    )
    assert value == pytest.approx(0.75 * 0.8 + 0.25 * 0.7 + 0.025)


def test_digits_of_one_token_are_read_together():
    value = smoothed("0.85", ("0", {"0": 1.0}), (".", {".": 1.0}), ("85", {"85": 0.5, "9": 0.25, "75": 0.25}))
    assert value == pytest.approx(0.5 * 0.85 + 0.25 * 0.9 + 0.25 * 0.75)
    assert smoothed("0.85", ("0.85", {"0.85": 0.5, "0.95": 0.5, "1.0": 0.0001})) == pytest.approx(0.9)
    assert smoothed("Score: 0.8", ("Score:", {}), (" 0.", {}), ("8", {"8": 0.5, "6": 0.5})) == 0.7


def test_one_is_smoothed_between_one_and_nine_tenths():
    assert smoothed("1.0", ("1", {"1": 0.6, "0": 0.2}), (".0", {".0": 1.0})) == pytest.approx(
        0.75 + 0.25 * 0.9
    )
    assert smoothed("1.0", ("1.0", {"1.0": 0.5, "0.8": 0.5})) == pytest.approx(0.9)


def test_probabilities_that_hold_no_digit_are_not_used():
    judgement = read_fleur(Reply("0.5", tokens=tokens(("0", {}), (".", {}), ("5", {"x": 0.4}))))
    assert judgement is not None
    assert (judgement.score, judgement.smoothed) == (0.5, False)


@given(
    st.lists(
        st.dictionaries(st.sampled_from("0123456789"), st.floats(0.01, 1), min_size=1), min_size=1, max_size=2
    )
)
def test_a_smoothed_score_lies_between_the_lowest_and_the_highest_number_that_could_stand_there(places):
    digits = [max(each, key=each.get) for each in places]
    value = smoothed(
        f"0.{''.join(digits)}",
        ("0.", {"0.": 1.0}),
        *((d, each) for d, each in zip(digits, places, strict=True)),
    )
    low, high = (sum(int(pick(each)) / 10 ** (n + 1) for n, each in enumerate(places)) for pick in (min, max))
    assert low - 1e-9 <= value <= high + 1e-9


@pytest.mark.parametrize(
    ("text", "score", "reason"),
    [
        ('{"score": 85, "reason": "Both show\\na cat."}', 0.85, "Both show a cat."),
        ('Sure: ```json\n{"reason": "x", "score": 7.5}\n```', 0.075, "x"),
        ('{not json} {"a": 1} {"score": 100}', 1.0, ""),
        ('{"score": 0, "reason": 3}', 0.0, ""),
    ],
)
def test_the_first_object_with_a_score_counts(text, score, reason):
    judgement = read_clair(Reply(text))
    assert judgement is not None
    assert (judgement.score, judgement.reason) == (pytest.approx(score), reason)


@pytest.mark.parametrize(
    "text",
    [
        "85",
        '{"score": 101}',
        '{"score": -1}',
        '{"score": "many"}',
        '{"score": true}',
        '{"score": NaN}',
        "{" * 50,
    ],
)
def test_an_answer_without_a_score_in_range_is_none_and_never_a_guess(text):
    assert read_clair(Reply(text)) is None


@given(st.text())
def test_no_answer_whatever_it_is_breaks_the_reading(text):
    for judgement in (read_fleur(Reply(text)), read_clair(Reply(text))):
        assert judgement is None or 0 <= judgement.score <= 1


def test_prompts_hold_the_captions_as_they_are():
    caption = 'A {red} "car",\nand a dog.'
    assert caption in fleur_prompt(caption)
    assert '"candidate": "A {red} \\"car\\",\\nand a dog."' in clair_prompt(caption, ["one", "zwei ü"])
    assert '"zwei ü"' in clair_prompt(caption, ["one", "zwei ü"])
