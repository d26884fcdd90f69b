"""Expected answers: how they are read, and how a rating is held against them."""

import json

import pytest

from annotations.errors import InvalidRecordError
from annotations.gold import Gold, check_gold, parse_gold
from annotations.items import Unit

UNITS = (Unit("A red car.", 0, 10), Unit(" Above it flies a kite,", 10, 33), Unit(" blue and small.", 33, 49))


def span(start: int, end: int, verdict: str) -> dict[str, object]:
    return {"start": start, "end": end, "verdict": verdict}


def test_parse_gold_reads_what_it_wrote():
    gold = parse_gold(
        {
            "verdicts": [
                {"start": 33, "end": 49, "verdict": "supported"},
                {"start": 0, "end": 10, "verdict": "unsure"},
            ],
            "answers": {"overall": [1, 2], "correctness": 5},
            "feedback": "There is no kite.",
        },
        length=49,
    )
    assert gold.verdicts == ((0, 10, "unsure"), (33, 49, "supported"))
    assert gold.answers == {"overall": (1, 2), "correctness": (5, 5)}
    again = parse_gold(json.loads(gold.to_json()), length=49)
    assert again == gold


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "an object with"),
        ({"verdict": []}, "an object with"),
        ({"verdicts": "x"}, "a list"),
        ({"verdicts": ["x"]}, "'start', 'end' and 'verdict'"),
        ({"verdicts": [{"start": True, "end": 2, "verdict": "unsure"}]}, "whole numbers"),
        ({"verdicts": [{"start": 0, "end": 50, "verdict": "unsure"}]}, "0:50 .* 49 characters"),
        ({"verdicts": [{"start": 3, "end": 3, "verdict": "unsure"}]}, "3:3"),
        (
            {
                "verdicts": [
                    {"start": 0, "end": 9, "verdict": "unsure"},
                    {"start": 8, "end": 12, "verdict": "unsure"},
                ]
            },
            "8:12 overlaps",
        ),
        ({"verdicts": [{"start": 0, "end": 9, "verdict": "wrong"}]}, "got 'wrong'"),
        ({"answers": [1]}, "by the questions' names"),
        ({"answers": {"overall": [3, 1]}}, "'overall'"),
        ({"answers": {"overall": 2.5}}, "'overall'"),
        ({"feedback": 3}, "at most 2,000"),
    ],
)
def test_parse_gold_of_what_will_not_do_says_why(value, sentence):
    with pytest.raises(InvalidRecordError, match=sentence):
        parse_gold(value, length=49)


def test_check_gold_matches_pieces_to_the_units_that_they_share_most_with():
    gold = Gold(((18, 33, "hallucinated"), (34, 38, "supported")), {"overall": (1, 2)})
    checks = check_gold(
        gold, UNITS, verdicts=("supported", "hallucinated", "unsure"), answers={"overall": 3, "mood": 1}
    )
    assert [(one.unit, one.question, one.given, one.expected, one.right) for one in checks] == [
        (1, None, "hallucinated", "hallucinated", True),
        (2, None, "unsure", "supported", False),
        (None, "overall", 3, (1, 2), False),
    ]


def test_check_gold_of_a_piece_that_is_split_by_the_cut_expects_it_of_both_halves():
    gold = Gold(((0, 33, "hallucinated"),))
    checks = check_gold(gold, UNITS, verdicts=("hallucinated", "supported", None), answers={})
    assert [(one.unit, one.right) for one in checks] == [(0, True), (1, False)]


def test_check_gold_of_nothing_said_is_not_right():
    gold = Gold(((0, 10, "supported"),), {"overall": (1, 5)})
    checks = check_gold(gold, UNITS, verdicts=(None, None, None), answers={})
    assert [one.right for one in checks] == [False, False]
