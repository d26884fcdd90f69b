"""What the Inspect page shows of one caption."""

import csv
import io
import json
from typing import Any

import pytest

from app.views.inspection import inspection_view, record_csv, with_threshold


def record(tokens: int = 80) -> dict[str, Any]:
    rows = [
        ("=A car ", 0.20, None),
        ("with a balloon ", 0.15, -0.05),
        ("in red. ", 0.16, 0.01),
        ("More.", None, None),
    ]
    units, start = [], 0
    for text, similarity, delta in rows:
        units.append(
            {
                "text": text,
                "start": start,
                "end": start + len(text),
                "tokens": 3,
                "similarity": similarity,
                "score": None if similarity is None else (similarity + 1) / 2,
                "delta": delta,
                "dip": delta is not None and delta < 0,
            }
        )
        start += len(text)
    return {
        "model": "tiny",
        "provenance": {"dip_threshold": 0.0, "segmenter_version": "dependency-1"},
        "score": 0.58,
        "similarity": 0.16,
        "tokens": tokens,
        "units": units,
    }


def test_inspection_view_names_score_tokens_and_dips() -> None:
    view = inspection_view(record(), context_length=248)
    assert (view["score"], view["cosine"], view["tokens"], view["dips"]) == (
        "0.580",
        "0.160",
        "80 / 248",
        "▼ 1 dip",
    )
    assert [unit["delta"] for unit in view["units"]] == ["—", "−0.050", "+0.010", "—"]
    assert [unit["dip"] for unit in view["units"]] == [False, True, False, False]
    assert [unit["bar"] for unit in view["units"]] == [0, 1.0, 0.2, 0]


def test_inspection_view_with_a_threshold_tells_the_same_numbers_with_other_dips() -> None:
    loose, strict = (inspection_view(record(), context_length=248, threshold=cut) for cut in (0.0, 0.06))
    assert strict["dips"] == "no dips"
    assert [unit["cosine"] for unit in loose["units"]] == [unit["cosine"] for unit in strict["units"]]
    assert "within the threshold" in strict["units"][1]["explanation"]
    assert json.loads(strict["json"])["provenance"]["dip_threshold"] == 0.06


def test_inspection_view_says_what_each_units_numbers_mean() -> None:
    explanations = [unit["explanation"] for unit in inspection_view(record(), context_length=248)["units"]]
    for words, text in zip(
        ("starts here", "a dip", "raises", "beyond the model's 248"),
        explanations,
        strict=True,
    ):
        assert words in text


@pytest.mark.parametrize(("tokens", "warned"), [(59, True), (60, False)])
def test_inspection_view_of_a_short_caption_recommends_clip(tokens: int, warned: bool) -> None:
    notices = inspection_view(record(tokens), context_length=248)["notices"]
    assert any("clip-b32" in notice for notice in notices) is warned


def test_inspection_view_of_a_long_caption_counts_what_was_not_read() -> None:
    view = inspection_view(record(300), context_length=248)
    assert view["over"]
    assert any(
        "300 tokens" in notice and "beyond the model's 248 tokens" in notice for notice in view["notices"]
    )


def test_with_threshold_leaves_the_record_itself_alone() -> None:
    original = record()
    with_threshold(original, 1.0)
    assert original == record()


def test_record_csv_can_be_read_again_and_runs_nothing_in_a_spreadsheet() -> None:
    rows = list(csv.DictReader(io.StringIO(record_csv(record()))))
    assert [row["text"] for row in rows] == ["'=A car ", "with a balloon ", "in red. ", "More."]
    assert float(rows[1]["delta"]) == -0.05
    assert rows[3]["similarity"] == ""
