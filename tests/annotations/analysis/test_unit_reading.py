"""The units of rated captions, with deltas and verdicts."""

import math

import numpy as np
import pytest
from sqlalchemy import update

from annotations.analysis.reading import read_table, read_units
from annotations.analysis.table import Choice
from annotations.detection import detect
from annotations.engine import writing
from annotations.recutting import recut_item
from annotations.reveals import record_reveal
from annotations.schema import scores
from annotations.store import withdraw_rating

OTHER = "e" * 64
SPANS = ((0, 10), (10, 33), (33, 49))
NEW = [("A red car. Above it", 0, 19), (" flies a kite,", 19, 33), (" blue and small.", 33, 49)]
S, H, U = "supported", "hallucinated", "unsure"


def curve(*deltas: float | None, spans=SPANS, version: str = "test-1") -> dict:
    units = [
        {"text": "", "start": start, "end": end, "delta": delta}
        for (start, end), delta in zip(spans, deltas, strict=True)
    ]
    return {"provenance": {"segmenter_version": version}, "units": units}


def rows(units) -> list[tuple]:
    return list(
        zip(
            units.item.tolist(),
            units.start.tolist(),
            units.end.tolist(),
            [None if math.isnan(delta) else delta for delta in units.delta.tolist()],
            units.verdicts,
            units.raters,
            strict=True,
        )
    )


def test_units_of_the_scored_cut_have_deltas_and_the_verdicts_of_each_rater(engine, make_item, rate, score):
    first, second, silent = make_item(), make_item(), make_item()
    score(first, curve=curve(None, -0.2, 0.1))
    score(second, curve=curve(None, 0.3, None))
    score(silent, curve=curve(None, 0.3, 0.2))
    score(first, model="long", model_sha256=OTHER, curve=curve(None, 9, 9))
    score(first, metric="judge", curve=curve(None, 8, 8))
    rate(first, "Bo", verdicts=(S, H, None))
    rate(first, "Ada", verdicts=(S, U, None))
    rate(second, "Ada", verdicts=(None, H, S))
    rate(silent, "Ada", verdicts=(None, None, None))
    table = read_table(engine)
    units = read_units(engine, table)
    assert rows(units) == [
        (0, 0, 10, None, (S, S), (0, 1)),
        (0, 10, 33, -0.2, (U, H), (0, 1)),
        (0, 33, 49, 0.1, (), ()),
        (1, 0, 10, None, (), ()),
        (1, 10, 33, 0.3, (H,), (0,)),
        (1, 33, 49, None, (S,), (0,)),
    ]
    assert (units.n_stale, len(units)) == (0, 6)
    assert units.image == tuple(table.images[item] for item in units.item.tolist())
    found = detect(units.delta, units.verdicts, images=units.image, items=units.item.tolist())
    assert (found.n_units, found.n_hallucinated) == (2, 2)


def test_verdict_on_another_cut_has_no_delta_and_is_counted_as_stale(engine, make_item, rate, score):
    item_id, unscored = make_item(), make_item()
    rate(item_id, "Ada", verdicts=(S, H, U))
    rate(unscored, "Ada", verdicts=(None, H, None))
    recut_item(engine, item_id, NEW, "test-2", actor="Olga")
    rate(item_id, "Bo", verdicts=(S, S, H))
    spans = [(start, end) for _, start, end in NEW]
    score(item_id, curve=curve(None, -0.2, 0.1, spans=spans, version="test-2"))
    units = read_units(engine, read_table(engine))
    assert sorted(rows(units), key=lambda row: row[:3] + row[4]) == [
        (0, 0, 10, None, (S,), (0,)),
        (0, 0, 19, None, (S,), (1,)),
        (0, 10, 33, None, (H,), (0,)),
        (0, 19, 33, -0.2, (S,), (1,)),
        # The same piece of text in either cut: it is judged and scored in one of them.
        (0, 33, 49, 0.1, (H,), (1,)),
        (0, 33, 49, None, (U,), (0,)),
        (1, 10, 33, None, (H,), (0,)),
    ]
    assert units.n_stale == 4


def test_units_follow_the_choice_and_the_current_ratings(engine, make_item, rate, score):
    item_id, other = make_item(source="a"), make_item(source="b")
    for one in (item_id, other):
        score(one, curve=curve(None, 0.1, 0.2))
        rate(one, "Ada", verdicts=(S, S, S))
    rate(item_id, "Ada", verdicts=(H, None, None), days=1)
    rate(item_id, "Bo", verdicts=(U, None, None))
    rate(item_id, "Cy", verdicts=(U, None, None))
    withdraw_rating(engine, "Bo", item_id, application_version="1")
    record_reveal(engine, "Di", item_id)
    rate(item_id, "Di", verdicts=(S, None, None))

    def verdicts(choice: Choice) -> tuple:
        table = read_table(engine, choice)
        units = read_units(engine, table, choice)
        assert set(units.item.tolist()) <= set(range(len(table)))
        return units.verdicts

    assert verdicts(Choice(systems=("a",))) == ((H, U, S), (), ())
    assert verdicts(Choice(systems=("a",), blind_only=True)) == ((H, U), (), ())
    assert verdicts(Choice(systems=("a",), since="2026-03-16")) == ((H,), (), ())
    assert verdicts(Choice(systems=("b",))) == ((S,), (S,), (S,))
    assert verdicts(Choice(systems=("nobody",))) == ()


def test_cut_of_an_old_score_is_known_from_its_curve(engine, make_item, rate, score):
    item_id = make_item()
    score(item_id, curve=curve(None, 0.1, 0.2))
    rate(item_id, verdicts=(None, S, None))
    with writing(engine) as connection:
        connection.execute(update(scores).values(segmenter_version=None))
    units = read_units(engine, read_table(engine))
    np.testing.assert_array_equal(units.delta, [math.nan, 0.1, 0.2])
    assert units.n_stale == 0


@pytest.mark.parametrize("rated", [False, True])
def test_units_without_verdicts_are_none(engine, make_item, rate, rated):
    if rated:
        rate(make_item(), verdicts=(None, None, None))
    units = read_units(engine, read_table(engine))
    assert (len(units), units.n_stale, units.verdicts) == (0, 0, ())
