import json
import math

import numpy as np
import pytest

from specs_core.attribution import TEMPLATE, attribute
from specs_core.curve import curve_of_units, curve_record
from specs_core.encoder import load_encoder
from specs_core.evidence import (
    attribute_units,
    evidence_record,
    is_uncertain,
    with_attribution,
    with_leave_one_out,
)
from specs_core.images import read_image
from specs_core.leave_one_out import leave_one_out
from specs_core.segmentation.units import cut_at

CAPTION = "A red disc lies on the left, above green ground. A blue square stands beside it. The sky is pale."


@pytest.fixture(scope="module")
def scored(tiny_checkpoint, drawn_image):
    encoder = load_encoder(str(tiny_checkpoint))
    image = encoder.image_features([read_image(drawn_image)])[0]
    starts = [0, *(CAPTION.index(start) for start in ("above", "A blue", "The sky"))]
    return encoder, image, curve_of_units(encoder, image, cut_at(CAPTION, starts))


def test_the_evidence_is_the_curve_with_both_other_views(scored):
    encoder, image, curve = scored
    seen = []
    record = evidence_record(encoder, image, curve, on_progress=lambda *step: seen.append(step))
    plain = curve_record(curve, encoder)
    gains = [unit.pop("leave_one_out") for unit in record["units"]]
    uncertain = [unit.pop("uncertain") for unit in record["units"]]
    expected = leave_one_out(encoder, image, curve)
    np.testing.assert_allclose(gains, expected.gain)
    assert uncertain == expected.disagrees(curve).tolist()
    words = record.pop("attribution")
    found = attribute(encoder, image, CAPTION)
    assert words["f_clip_score"] == found.f_clip_score
    assert [word["text"] for word in words["words"]] == [word.text for word in found.words]
    assert all(CAPTION[word["start"] : word["end"]] == word["text"] for word in words["words"])
    assert record.pop("attribution_note") == ""
    assert record == plain
    assert seen[-1] == (4, 4)
    json.dumps(record, allow_nan=False)


@pytest.mark.parametrize(
    ("delta", "gain", "threshold", "expected"),
    [
        (-0.02, 0.01, 0.0, True),
        (0.02, -0.01, 0.0, True),
        (-0.02, -0.01, 0.0, False),
        (-0.02, -0.01, 0.015, True),
        (None, -0.01, 0.0, False),
        (-0.02, None, 0.0, False),
    ],
)
def test_a_unit_is_uncertain_where_one_view_alone_calls_it_wrong(delta, gain, threshold, expected):
    assert is_uncertain(delta, gain, threshold) is expected


def test_words_past_the_context_have_no_attribution_and_that_is_said(scored):
    encoder, image, _ = scored
    text = "A red disc. " * 80
    units = cut_at(text, list(range(0, len(text), 12)))
    found, note = attribute_units(encoder, image, units)
    read = found.words[-1].end
    assert encoder.count_tokens(TEMPLATE + text[: read + 2]) <= encoder.context_length
    left = sum(unit.start >= read for unit in units)
    assert note.startswith(f"The last {left} units lie beyond")


def test_a_model_without_causal_text_gives_no_attribution_and_says_why(tiny_checkpoint, scored):
    _, image, curve = scored
    encoder = load_encoder(str(tiny_checkpoint))
    encoder.one_pass = False
    found, note = attribute_units(encoder, image, curve.units)
    assert found is None
    assert "causal" in note
    record = with_attribution(curve_record(curve, encoder), found, note)
    assert record["attribution"] is None
    assert record["attribution_note"] == note


def test_leave_one_out_of_units_without_a_value_is_none_in_the_record(tiny_checkpoint, scored):
    encoder, image, _ = scored
    curve = curve_of_units(encoder, image, cut_at("A red disc.", [0]))
    record = with_leave_one_out(curve_record(curve, encoder), leave_one_out(encoder, image, curve))
    assert record["units"][0]["leave_one_out"] is None
    assert not record["units"][0]["uncertain"]
    assert math.isfinite(record["similarity"])
