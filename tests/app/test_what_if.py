"""What if: units switched off, edited or added, and which to drop."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.answers import FormError
from app.context import AppContext
from app.heat import heat_answer
from app.inspection import Inspection
from app.views.curve import curve_figure
from app.views.what_if import correction_view, what_if_view
from app.what_if import changed_units, correct, kept, merged_record, read_rows, what_if
from specs_core.errors import CaptionError
from specs_core.scoring import cosine

CAPTION = "A drawing of a few things.  A red disc floats on the left. A blue square stands on the right"


def rows(shown: Inspection, *changes: dict[str, Any], add: dict[int, str] | None = None) -> dict[str, Any]:
    """All units as a request, some changed, with units added behind some."""
    changed = {change["unit"]: change for change in changes}
    made: list[dict[str, Any]] = []
    for unit in range(len(shown.record["units"])):
        made.append(changed.get(unit, {"unit": unit, "text": None, "off": False}))
        if add and unit in add:
            made.append({"unit": None, "text": add[unit], "off": False})
    return {"serial": str(shown.serial), "rows": made}


def test_what_if_without_a_unit_is_the_curve_of_the_caption_without_it(
    context: AppContext, shown: Inspection
) -> None:
    texts = [unit["text"] for unit in shown.record["units"]]
    assert len(texts) >= 3
    found = what_if(context, shown, rows(shown, {"unit": 1, "off": True}))
    expected = texts[0] + "".join(texts[2:])
    assert found.caption == expected
    encoder = context.encoders.get(shown.model)
    alone = cosine(shown.image_features, encoder.text_features([expected]))
    assert found.record["similarity"] == pytest.approx(alone[0], abs=2e-6)
    assert [unit["text"] for unit in found.record["units"]] == [texts[0], *texts[2:]]


def test_what_if_with_nothing_changed_is_the_scored_curve(context: AppContext, shown: Inspection) -> None:
    found = what_if(context, shown, rows(shown))
    assert found.caption == CAPTION
    np.testing.assert_allclose(
        [unit["similarity"] for unit in found.record["units"]],
        [unit["similarity"] for unit in shown.record["units"]],
        atol=2e-6,
    )


def test_changed_units_are_put_together_with_the_white_space_that_they_had(
    context: AppContext, shown: Inspection
) -> None:
    last = len(shown.record["units"]) - 1
    payload = rows(shown, {"unit": 0, "text": "  A sketch. ", "off": False}, add={last: "under a cloud."})
    units = changed_units(read_rows(payload, shown), shown, context.settings)
    assert (
        "".join(unit.text for unit in units)
        == CAPTION.replace("A drawing of a few things.", "A sketch.") + " under a cloud."
    )
    assert all(unit.start == before.end for before, unit in itertools.pairwise(units))


def test_the_last_unit_switched_off_leaves_no_space_at_the_end(
    context: AppContext, shown: Inspection
) -> None:
    last = len(shown.record["units"]) - 1
    units = changed_units(read_rows(rows(shown, {"unit": last, "off": True}), shown), shown, context.settings)
    assert not units[-1].text[-1].isspace()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({}, "cannot be read"),
        ({"rows": "all"}, "cannot be read"),
        ({"rows": [1]}, "cannot be read"),
        ({"rows": []}, "units and 0 came"),
        ({"rows": [{"unit": 1}]}, "not those of this caption"),
        ({"rows": [{"unit": True}]}, "not those of this caption"),
        ({"rows": [{"unit": 0, "text": 3}]}, "needs words"),
        ({"rows": [{"unit": 0, "text": "  "}]}, "needs words"),
        ({"rows": [{"unit": None, "text": None}]}, "needs words"),
        ({"rows": [{"unit": None, "text": "x"}] * 99}, "At most 50 units"),
    ],
)
def test_rows_that_no_page_sends_are_refused_in_words(
    shown: Inspection, payload: dict[str, Any], message: str
) -> None:
    with pytest.raises(FormError, match=message):
        read_rows(payload, shown)


def test_all_units_off_and_too_long_a_caption_are_refused(context: AppContext, shown: Inspection) -> None:
    every = [{"unit": unit, "off": True} for unit in range(len(shown.record["units"]))]
    with pytest.raises(FormError, match="All units are off"):
        what_if(context, shown, rows(shown, *every))
    with pytest.raises(FormError, match="All units are off"):
        correct(context, shown, rows(shown, *every), threshold=0)
    with pytest.raises(CaptionError, match="at most 1,000"):
        what_if(context, shown, rows(shown, {"unit": 0, "text": "a " * 1001}))
    with pytest.raises(CaptionError, match="control characters"):
        what_if(context, shown, rows(shown, {"unit": 0, "text": "a\x00b"}))


def test_model_whose_file_has_changed_is_told(context: AppContext, shown: Inspection) -> None:
    with pytest.raises(FormError, match="file has changed"):
        what_if(context, replace(shown, weights_sha256="0" * 64), rows(shown))


def test_merged_record_has_a_unit_for_every_row_and_the_view_says_what_changed(
    context: AppContext, shown: Inspection
) -> None:
    payload = rows(
        shown,
        {"unit": 0, "text": "A sketch.", "off": False},
        {"unit": 1, "off": True},
        add={1: "A cat sleeps."},
    )
    found = what_if(context, shown, payload)
    merged = merged_record(shown, found)
    assert len(merged["units"]) == len(shown.record["units"]) + 1
    assert [unit["change"] for unit in merged["units"][:3]] == ["edited", "", "added"]
    assert [unit["off"] for unit in merged["units"][:3]] == [False, True, False]
    assert merged["units"][1]["similarity"] is None
    assert merged["units"][1]["before"] == shown.record["units"][1]["similarity"]
    assert merged["units"][2]["before"] is None
    view = what_if_view(shown, found, threshold=0)
    assert view["units"][1]["explanation"].startswith("Switched off")
    assert not view["units"][1]["beyond"]
    assert not view["units"][1]["dip"]
    assert view["change"][0] in "+−"
    assert found.caption.split(".")[0] == "A sketch"
    assert len(view["csv"].splitlines()) == len(found.record["units"]) + 1
    figure = curve_figure(merged)
    assert len(figure.data) == 3
    assert list(figure.data[2].y)[:3] == [merged["units"][0]["before"], merged["units"][1]["before"], None]
    assert figure.data[0].connectgaps
    assert not figure.layout.annotations


def test_a_what_if_of_an_earlier_scoring_is_not_kept(context: AppContext, shown: Inspection) -> None:
    found = what_if(context, shown, rows(shown))
    assert kept(found, shown) is found
    assert kept(found, replace(shown, serial=shown.serial + 1)) is None
    assert kept(None, shown) is None
    assert kept(found, None) is None


def test_best_correction_proposes_rows_that_raise_the_score(context: AppContext, shown: Inspection) -> None:
    # Of the changed caption: its units are counted without the one that is off.
    payload = rows(shown, {"unit": 0, "off": True})
    seen: list[tuple[int, int]] = []
    found, read, places = correct(
        context, shown, payload, threshold=0, on_progress=lambda *step: seen.append(step)
    )
    view = correction_view(found, read, places, shown.serial)
    assert places == tuple(range(1, len(shown.record["units"])))
    assert seen
    assert view["rows"][0]["off"]
    assert [drop["row"] for drop in view["drops"]] == [one.unit + 1 for one in found.removals]
    taken = what_if(context, shown, {"rows": view["rows"]})
    assert taken.record["similarity"] == pytest.approx(found.after, abs=4e-6)
    # No unit is flagged where a fall has to be deeper than any can be.
    none = correct(context, shown, payload, threshold=2)[0]
    assert none.removals == ()


def test_words_that_are_too_many_are_refused_before_any_work(context: AppContext, shown: Inspection) -> None:
    payload = {**rows(shown, {"unit": 0, "text": "x" * 20_000}), "unit": 0}
    with pytest.raises(CaptionError, match="at most 10,000"):
        correct(context, shown, payload, threshold=0)
    with pytest.raises(CaptionError, match="at most 10,000"):
        heat_answer(context, shown, payload)
