"""Correcting units: the curve over them, what is stored, and requests that will not do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from annotations.campaign_tables import INSPECT_CAMPAIGN
from annotations.engine import reading
from annotations.errors import InvalidRecordError
from annotations.items import get_item
from annotations.segmentations import read_segmentations
from app.answers import FormError
from app.context import AppContext
from app.inspection import Inspection, store_item
from app.shown import current
from app.unit_editing import apply_units, choose_version, read_firsts, save_units
from app.views.inspection import inspection_view
from app.views.units import editing_view
from specs_core.errors import CaptionError, ImageError

InspectIt = Callable[..., Inspection]
CAPTION = "A drawing. A red disc floats on the left, and a blue \U0001f697 square stands on the right."


@pytest.fixture
def context(own_context: AppContext) -> AppContext:
    """What a test stores is in no other test's way."""
    return own_context


@pytest.fixture
def shown(context: AppContext, drawn_image: Path, inspect_it: InspectIt) -> Inspection:
    return inspect_it(context, drawn_image)


def unit_texts(shown: Inspection) -> list[str]:
    return [unit["text"] for unit in shown.record["units"]]


def rows(context: AppContext) -> dict[str, int]:
    with reading(context.engine) as connection:
        return {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in ("segmentations", "units", "raters", "items", "images")
        }


# ---------------------------------------------------------------- the curve follows


def test_apply_units_draws_the_curve_over_them_with_the_last_value_unchanged(
    context: AppContext, shown: Inspection
) -> None:
    changed = apply_units(context, shown, {"firsts": [2, 5]})
    assert unit_texts(changed) == ["A drawing. ", "A red disc ", CAPTION[22:]]
    assert "".join(unit_texts(changed)) == CAPTION
    # The same words in the same order: the whole caption has the score that it had.
    assert changed.record["score"] == pytest.approx(shown.record["score"], abs=1e-6)
    provenance = changed.record["provenance"]
    assert provenance["segmenter"] == "corrected"
    assert provenance["segmenter_version"] == changed.cut.version
    assert provenance["based_on"] == shown.automatic.version
    assert "corrected_by" not in provenance
    assert changed.serial != shown.serial
    assert rows(context)["units"] == 0


def test_apply_units_of_the_automatic_cut_is_the_automatic_version_again(
    context: AppContext, shown: Inspection
) -> None:
    changed = apply_units(context, shown, {"firsts": []})
    assert unit_texts(changed) == [CAPTION]
    back = apply_units(context, changed, {"firsts": editing_view(shown)["firsts"]})
    assert back.cut == shown.automatic
    assert back.record == shown.record


def test_apply_units_twice_in_a_row_stays_based_on_the_automatic_cut(
    context: AppContext, shown: Inspection
) -> None:
    changed = apply_units(context, apply_units(context, shown, {"firsts": [3]}), {"firsts": [4]})
    assert changed.cut.based_on == shown.automatic.version


def test_editing_view_counts_words_and_not_characters(shown: Inspection) -> None:
    view = editing_view(shown)
    assert "".join(view["words"]) == CAPTION
    units = [
        "".join(view["words"][first:last])
        for first, last in zip([0, *view["firsts"]], [*view["firsts"], len(view["words"])], strict=True)
    ]
    assert units == unit_texts(shown)
    assert (view["version"], [one["key"] for one in view["versions"]]) == ("automatic", ["automatic"])
    assert json.loads(json.dumps(view)) == view


# ---------------------------------------------------------------- requests that will not do


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (None, "cannot be read"),
        ([1], "cannot be read"),
        ({}, "boundaries cannot be read"),
        ({"firsts": "3"}, "boundaries cannot be read"),
        ({"firsts": {"0": 1}}, "boundaries cannot be read"),
        ({"firsts": [0]}, "Boundary 1 does not stand before a word of this caption, which has 9"),
        ({"firsts": [3, 9]}, "Boundary 2 does not stand before a word"),
        ({"firsts": [-1]}, "Boundary 1 does not stand before a word"),
        ({"firsts": [10**30]}, "Boundary 1 does not stand before a word"),
        ({"firsts": [2.0]}, "Boundary 1 does not stand before a word"),
        ({"firsts": [True]}, "Boundary 1 does not stand before a word"),
        ({"firsts": [None]}, "Boundary 1 does not stand before a word"),
        ({"firsts": [[1]]}, "Boundary 1 does not stand before a word"),
        ({"firsts": [3, 2]}, "Boundary 2 does not stand behind the one before it"),
        ({"firsts": [3, 3]}, "Boundary 2 does not stand behind the one before it"),
        ({"firsts": list(range(1, 10))}, "9 boundaries are too many for a caption of 9 words"),
        ({"firsts": [1] * 100_000}, "100000 boundaries are too many"),
    ],
)
def test_read_firsts_of_a_bad_request_gives_one_sentence(payload: object, sentence: str) -> None:
    with pytest.raises(FormError, match=sentence):
        read_firsts(payload, word_count=9)


def test_current_of_another_scoring_or_of_none_says_what_to_do(shown: Inspection) -> None:
    assert current(shown, {"serial": str(shown.serial)}) is shown
    with pytest.raises(FormError, match="scored anew"):
        current(shown, {"serial": "7"})
    with pytest.raises(FormError, match="scored anew"):
        current(shown, {})
    with pytest.raises(FormError, match="no longer knows this page"):
        current(None, {"serial": "7"})
    with pytest.raises(FormError, match="has to be text"):
        current(shown, {"serial": 7})


# ---------------------------------------------------------------- saving


def test_save_units_keeps_a_version_that_the_next_scoring_offers(
    context: AppContext, shown: Inspection, drawn_image: Path, inspect_it: InspectIt
) -> None:
    changed = apply_units(context, shown, {"firsts": [2, 5]})
    saved = save_units(context, changed, " Ada ")
    (stored,) = read_segmentations(context.engine)
    assert (stored.rater, stored.based_on) == ("Ada", shown.automatic.version)
    assert [unit.text for unit in stored.units] == unit_texts(changed)
    assert saved.record["provenance"]["corrected_by"] == "Ada"
    assert saved.record["provenance"]["corrected_at"] == stored.saved_at
    assert saved.serial == changed.serial

    again = inspect_it(context, drawn_image)
    assert again.cut == again.automatic
    view = editing_view(again)
    assert [(one["key"], one["by"]) for one in view["versions"]] == [("automatic", ""), (stored.id, "Ada")]
    restored = choose_version(context, again, {"version": stored.id})
    assert unit_texts(restored) == unit_texts(changed)
    assert restored.record == saved.record
    back = choose_version(context, restored, {"version": "automatic"})
    assert unit_texts(back) == unit_texts(shown)
    # Another caption of the image, and the caption in front of another image, are offered nothing.
    assert inspect_it(context, drawn_image, "Another caption here.").saved == ()


def test_save_units_twice_is_one_version(context: AppContext, shown: Inspection) -> None:
    changed = apply_units(context, shown, {"firsts": [2, 5]})
    saved = save_units(context, changed, "Ada")
    before = rows(context)
    assert save_units(context, saved, "Ada") == saved
    # A second click whose request left before the first answer came.
    assert save_units(context, changed, "Ada").cut == saved.cut
    assert rows(context) == before
    assert before["segmentations"] == 1


def test_save_units_of_a_corrected_version_is_based_on_that(context: AppContext, shown: Inspection) -> None:
    first = save_units(context, apply_units(context, shown, {"firsts": [2, 5]}), "Ada")
    second = save_units(context, apply_units(context, first, {"firsts": [2]}), "Bo")
    assert second.cut.based_on == first.cut.version
    assert [cut.saved_by for cut in second.saved] == ["Ada", "Bo"]
    assert apply_units(context, second, {"firsts": [2, 5]}).cut == first.cut


@pytest.mark.parametrize("name", ["", "   ", "A" * 81, "A\x1b[31m", "\ud800", "A\x00"])
def test_save_units_under_a_name_that_will_not_do_keeps_nothing(
    context: AppContext, shown: Inspection, name: str
) -> None:
    changed = apply_units(context, shown, {"firsts": [2]})
    with pytest.raises(InvalidRecordError, match="rater"):
        save_units(context, changed, name)
    assert rows(context) == dict.fromkeys(rows(context), 0)


def test_save_units_that_are_automatic_says_so(context: AppContext, shown: Inspection) -> None:
    with pytest.raises(FormError, match="automatic units, which need no saving"):
        save_units(context, shown, "Ada")


def test_save_units_when_the_image_has_gone_keeps_nothing(
    context: AppContext, drawn_image: Path, tmp_path: Path, inspect_it: InspectIt
) -> None:
    path = tmp_path / "upload.png"
    path.write_bytes(drawn_image.read_bytes())
    changed = apply_units(context, inspect_it(context, path), {"firsts": [2]})
    path.unlink()
    with pytest.raises(ImageError, match="cannot be read"):
        save_units(context, changed, "Ada")
    assert rows(context)["segmentations"] == 0


def test_choose_version_that_is_not_there_says_so(context: AppContext, shown: Inspection) -> None:
    for payload in ({}, {"version": "f" * 32}, {"version": "unsaved"}):
        with pytest.raises(FormError, match="no such version"):
            choose_version(context, shown, payload)


# ---------------------------------------------------------------- rating and exporting


def test_store_item_of_unsaved_units_asks_to_save_them(context: AppContext, shown: Inspection) -> None:
    changed = apply_units(context, shown, {"firsts": [2]})
    with pytest.raises(CaptionError, match="not saved yet"):
        store_item(context, changed, campaign_id=INSPECT_CAMPAIGN)
    assert rows(context)["items"] == 0


def test_store_item_of_a_saved_version_is_an_item_of_its_own(context: AppContext, shown: Inspection) -> None:
    automatic = store_item(context, shown, campaign_id=INSPECT_CAMPAIGN)
    saved = save_units(context, apply_units(context, shown, {"firsts": [2]}), "Ada")
    corrected = store_item(context, saved, campaign_id=INSPECT_CAMPAIGN)
    assert corrected != automatic
    assert get_item(context.engine, corrected).segmenter_version == saved.cut.version
    assert [unit.text for unit in get_item(context.engine, automatic).units] == unit_texts(shown)


def test_exports_name_the_version_of_the_units(context: AppContext, shown: Inspection) -> None:
    saved = save_units(context, apply_units(context, shown, {"firsts": [2]}), "=Ada")
    view = inspection_view(saved.record, context_length=saved.context_length)
    header, *lines = view["csv"].splitlines()
    assert header.endswith(",segmentation")
    assert all(line.endswith(f",{saved.cut.version}") for line in lines)
    provenance = json.loads(view["json"])["provenance"]
    assert (provenance["segmenter_version"], provenance["corrected_by"]) == (saved.cut.version, "=Ada")
    automatic = inspection_view(shown.record, context_length=shown.context_length)["csv"]
    assert automatic.splitlines()[1].endswith(f",{shown.automatic.version}")
