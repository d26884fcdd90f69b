"""The evidence on the Inspect page, as it is gathered and as it is shown."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.context import AppContext
from app.evidence import Evidence, gather, kept
from app.inspection import Inspection
from app.reporting import Step
from app.views.evidence import evidence_view
from specs_core.evidence import evidence_record
from specs_core.leave_one_out import LeaveOneOut

CAPTION = "A drawing of a few things. A red disc floats, on the left. A blue 🚗 square stands on the right."


def test_words_come_first_and_the_last_step_is_the_whole_evidence(
    context: AppContext, shown: Inspection
) -> None:
    steps = list(gather(context, shown))
    assert steps[0].step == Step(0, len(shown.record["units"]))
    first = steps[0].record(shown.record, threshold=0)
    assert first["attribution"]["words"]
    assert "leave_one_out" not in first["units"][0]
    encoder = context.encoders.get(shown.model)
    assert steps[-1].step is None
    whole = evidence_record(encoder, shown.image_features, shown.curve)
    assert steps[-1].record(shown.record, threshold=0) == whole


def test_pieces_of_a_unit_are_its_text_and_its_words_carry_their_value(
    context: AppContext, shown: Inspection
) -> None:
    last = list(gather(context, shown))[-1]
    view = evidence_view(last, shown.record, threshold=0)
    words = last.record(shown.record, threshold=0)["attribution"]["words"]
    for unit, row in zip(shown.record["units"], view["units"], strict=True):
        assert "".join(piece[0] for piece in row["pieces"]) == unit["text"]
    shaded = [piece for row in view["units"] for piece in row["pieces"] if piece[1] is not None]
    assert [piece[0] for piece in shaded] == [word["text"] for word in words]
    assert max(abs(piece[1]) for piece in shaded) == 1
    assert [piece[2] for piece in shaded] == [word["misaligned"] for word in words]


def view(delta: float | None, gain: float | None, threshold: float = 0) -> dict[str, Any]:
    unit = {"text": "A cat.", "start": 0, "end": 6, "tokens": 2, "similarity": 0.2, "score": 0.6}
    record = {
        "provenance": {"segmenter_version": "v", "dip_threshold": 0.0},
        "units": [{**unit, "delta": delta, "dip": False}],
    }
    without = np.array([np.nan if gain is None else 0.2 - gain])
    return evidence_view(made(LeaveOneOut(0.2, without)), record, threshold=threshold)


def made(leave_one_out: LeaveOneOut | None) -> Evidence:
    step = Step(3, 9) if leave_one_out is None else None
    return Evidence(7, None, "Words are not attributed.", leave_one_out, step)


@pytest.mark.parametrize(
    ("delta", "gain", "threshold", "uncertain", "words"),
    [
        (-0.05, -0.04, 0.0, False, "Both views agree: the whole caption scores 0.040 higher without it"),
        (0.05, 0.04, 0.0, False, "Both views agree: the whole caption scores 0.040 lower"),
        (-0.05, 0.04, 0.0, True, "Uncertain: the two views disagree"),
        (0.05, -0.04, 0.0, True, "Uncertain: the two views disagree"),
        (-0.05, -0.04, 0.045, True, "Uncertain: the two views disagree"),
        (None, -0.04, 0.0, False, ""),
    ],
)
def test_the_two_views_are_told_with_what_they_say_together(
    delta: float | None, gain: float, threshold: float, uncertain: bool, words: str
) -> None:
    [unit] = view(delta, gain, threshold)["units"]
    assert unit["uncertain"] is uncertain
    assert words in unit["sentence"]


def test_evidence_that_is_still_gathered_says_how_far_it_is(shown: Inspection) -> None:
    found = evidence_view(made(None), shown.record, threshold=0)
    assert found["step"] == [3, 9]
    assert found["units"][0]["gain"] == "…"
    assert "still being worked out" in found["units"][0]["sentence"]
    assert found["note"] == "Words are not attributed."
    assert found["f_clip_score"] == ""
    assert view(-0.05, None)["units"][0]["gain"] == "—"


def test_evidence_of_an_earlier_scoring_is_not_kept(shown: Inspection) -> None:
    assert kept(made(None), shown) is None
    assert kept(made(None), replace(shown, serial=7)) == made(None)
