"""Verdicts read on another cut: hand-worked cases, and laws for all cuts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.errors import InvalidRecordError
from annotations.revisions import Verdict
from annotations.verdict_mapping import map_verdicts

S, H, U = "supported", "hallucinated", "unsure"
LENGTH = 40


def cut(*ends):
    return tuple(pairwise((0, *ends)))


def said(ends, verdicts):
    return tuple(
        Verdict(start, end, verdict) for (start, end), verdict in zip(cut(*ends), verdicts, strict=True)
    )


@pytest.mark.parametrize(
    ("old", "verdicts", "new", "expected", "stale"),
    [
        pytest.param((10, 20), (S, H), (10, 20), (S, H), (), id="the same cut"),
        pytest.param((20,), (S,), (8, 20), (S, S), (), id="the image that shows all shows each part"),
        pytest.param((20,), (H,), (8, 20), (None, None), (0,), id="which part is false is not known"),
        pytest.param((20,), (U,), (8, 20), (None, None), (0,), id="which part is unclear is not known"),
        pytest.param((20,), (H,), (17, 20), (None, None), (0,), id="a small part may be the false one"),
        pytest.param((10, 20), (S, S), (20,), (S,), (), id="joined, all shown"),
        pytest.param((10, 20), (S, H), (20,), (H,), (0,), id="joined with something false"),
        pytest.param((10, 20), (U, H), (20,), (H,), (0,), id="joined with something false and unclear"),
        pytest.param((10, 20), (U, S), (20,), (U,), (1,), id="joined with something unclear"),
        pytest.param((10, 20), (U, None), (20,), (None,), (0,), id="joined with something unjudged"),
        pytest.param((18, 20), (S, None), (20,), (None,), (0,), id="joined with a little unjudged"),
        pytest.param((18, 20), (S, H), (20,), (H,), (0,), id="joined with a little that is false"),
        pytest.param((10, 20), (S, H), (12, 20), (S, H), (), id="a boundary moved by a word"),
        pytest.param((10, 20), (H, None), (12, 20), (H, None), (), id="moved into what nobody judged"),
        pytest.param((10, 20), (U, S), (8, 20), (U, S), (), id="moved away from what is unclear"),
        pytest.param((10, 20), (H, S), (3, 20), (None, None), (0, 1), id="moved too far"),
        pytest.param((10, 20), (H, S), (5, 20), (None, S), (0,), id="half is not more than half"),
        pytest.param((10, 14), (S, H), (13, 14), (None, None), (0, 1), id="moved over most of what is false"),
        pytest.param(
            (6, 20), (S, H), (12, 20), (None, H), (0,), id="less than half taken from what is false"
        ),
        pytest.param((10, 20, 30), (S, S, H), (15, 30), (S, H), (), id="across a boundary, all shown"),
        pytest.param((10, 20, 30), (S, H, S), (5, 25, 30), (S, H, S), (), id="parts around something false"),
        pytest.param((10, 20), (None, None), (20,), (None,), (), id="nothing said, nothing stale"),
        pytest.param((), (), (10, 20), (None, None), (), id="the first cut"),
        pytest.param((10, 20), (S, H), (), (), (0, 1), id="no cut at all"),
    ],
)
def test_verdicts_on_another_cut(old, verdicts, new, expected, stale):
    before = said(old, verdicts)
    mapping = map_verdicts(before, cut(*new))
    assert mapping.verdicts == expected
    assert mapping.stale == tuple(before[number] for number in stale)


def test_half_of_what_both_cover_is_not_enough():
    # 10 of 20 characters are shared; 11 of 21 are more than half.
    assert map_verdicts([Verdict(0, 20, H)], [(10, 20)]).verdicts == (None,)
    assert map_verdicts([Verdict(0, 15, H)], [(5, 20)]).verdicts == (None,)
    assert map_verdicts([Verdict(0, 16, H)], [(5, 20)]).verdicts == (H,)


def test_text_that_nobody_judged_is_not_supported_by_what_is_beside_it():
    assert map_verdicts([Verdict(0, 4, S), Verdict(8, 12, S)], [(0, 12)]).verdicts == (None,)


@pytest.mark.parametrize("spans", [[(0, 0)], [(-1, 4)], [(0, 10), (5, 12)], [(10, 20), (0, 10)]])
def test_units_that_are_no_cut_are_refused_in_either_place(spans):
    with pytest.raises(InvalidRecordError):
        map_verdicts([], spans)
    with pytest.raises(InvalidRecordError):
        map_verdicts([Verdict(start, end, S) for start, end in spans], [(0, 20)])


cuts = st.sets(st.integers(1, LENGTH - 1), max_size=8).map(lambda ends: cut(*sorted(ends), LENGTH))


@st.composite
def judged(draw):
    return tuple(Verdict(start, end, draw(st.sampled_from([S, H, U, None]))) for start, end in draw(cuts))


def overlapping(span, before):
    return [one for one in before if one.start < span[1] and span[0] < one.end]


@given(judged())
def test_the_same_cut_gives_the_same_verdicts(before):
    mapping = map_verdicts(before, [(one.start, one.end) for one in before])
    assert mapping.verdicts == tuple(one.verdict for one in before)
    assert mapping.stale == ()


@given(judged(), cuts)
def test_a_verdict_stands_only_where_the_same_was_said_of_text_that_it_overlaps(before, spans):
    mapping = map_verdicts(before, spans)
    assert len(mapping.verdicts) == len(spans)
    for span, verdict in zip(spans, mapping.verdicts, strict=True):
        if verdict is not None:
            assert verdict in {one.verdict for one in overlapping(span, before)}


@given(judged(), cuts)
def test_every_verdict_stands_somewhere_or_is_stale(before, spans):
    mapping = map_verdicts(before, spans)
    placed = list(zip(spans, mapping.verdicts, strict=True))
    for one in before:
        stands = any(
            verdict == one.verdict and span[0] < one.end and one.start < span[1] for span, verdict in placed
        )
        if one.verdict is None:
            assert one not in mapping.stale
        else:
            assert stands or one in mapping.stale
    assert list(mapping.stale) == [one for one in before if one in mapping.stale]


@given(judged(), cuts)
def test_what_holds_something_false_is_never_called_anything_else(before, spans):
    for span, verdict in zip(spans, map_verdicts(before, spans).verdicts, strict=True):
        whole = [one for one in before if span[0] <= one.start and one.end <= span[1]]
        if any(one.verdict == H for one in whole):
            assert verdict == H


@given(judged(), cuts)
def test_a_part_of_a_unit_is_only_ever_supported_by_it(before, spans):
    for span, verdict in zip(spans, map_verdicts(before, spans).verdicts, strict=True):
        around = [one for one in before if one.start <= span[0] and span[1] <= one.end]
        siblings = [one for one in spans if around and around[0].start <= one[0] and one[1] <= around[0].end]
        if around and len(siblings) > 1:
            assert verdict in (S if around[0].verdict == S else None, None)


@given(judged())
def test_cutting_finer_and_back_loses_only_what_cannot_be_divided(before):
    middles = {(one.start + one.end) // 2 for one in before} - {0}
    finer = cut(*sorted({one.end for one in before} | middles))
    there = map_verdicts(before, finer)
    pieces = [Verdict(*span, verdict) for span, verdict in zip(finer, there.verdicts, strict=True)]
    back = map_verdicts(pieces, [(one.start, one.end) for one in before])
    for one, verdict in zip(before, back.verdicts, strict=True):
        if one.end - one.start == 1 or one.verdict == S:
            assert verdict == one.verdict
        else:
            assert verdict is None


@given(judged())
def test_one_unit_for_all_says_what_the_whole_caption_is(before):
    (verdict,) = map_verdicts(before, [(0, LENGTH)]).verdicts
    given_verdicts = [one.verdict for one in before]
    expected = S
    if H in given_verdicts:
        expected = H
    elif None in given_verdicts:
        expected = None
    elif U in given_verdicts:
        expected = U
    assert verdict == expected
