import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr

from specs_core.specificity import (
    cluster_bootstrap,
    himo_at_k,
    margin_sweep,
    published_rates,
    sr_neg,
    sr_pos,
)

NAN = math.nan

pairs = st.lists(
    st.tuples(st.one_of(st.just(NAN), st.floats(-2, 2, allow_nan=False, width=32)), st.integers(0, 5)),
    min_size=1,
    max_size=40,
).map(lambda rows: (np.array([gap for gap, _ in rows]), np.array([caption for _, caption in rows])))


def slow_rates(gap, caption, counts):
    """Micro and macro, pair by pair."""
    by_caption = {}
    for value, owner in zip(gap, caption, strict=True):
        if not math.isnan(value):
            by_caption.setdefault(int(owner), []).append(counts(value))
    everything = [hit for hits in by_caption.values() for hit in hits]
    if not everything:
        return NAN, NAN
    shares = [sum(hits) / len(hits) for hits in by_caption.values()]
    return sum(everything) / len(everything), sum(shares) / len(shares)


# Rates


def test_sr_pos_of_hand_worked_pairs_is_the_share_that_rises():
    # Caption 0: up, up, down. Caption 1: level (does not count as up), beyond the context.
    rate = sr_pos([0.1, 0.2, -0.1, 0.0, NAN], [0, 0, 0, 1, 1])
    assert rate.micro == 2 / 4
    assert rate.macro == pytest.approx((2 / 3 + 0) / 2)
    assert (rate.pairs, rate.captions, rate.left_out) == (4, 2, 1)


def test_sr_neg_of_hand_worked_pairs_is_the_share_that_falls_and_a_level_pair_does_not():
    rate = sr_neg([-0.1, 0.2, 0.0, -0.3, -0.3], [7, 7, 7, 3, 3])
    assert rate.micro == 3 / 5
    assert rate.macro == pytest.approx((1 / 3 + 1) / 2)


def test_rates_without_a_scored_pair_are_nan_with_their_counts():
    for rate in (sr_pos([NAN, NAN], [0, 1]), sr_neg([NAN, NAN], [0, 1])):
        assert math.isnan(rate.micro)
        assert math.isnan(rate.macro)
        assert math.isnan(rate.micro_interval.low)
        assert (rate.pairs, rate.captions, rate.left_out) == (0, 0, 2)


def test_rates_when_shapes_differ_or_a_caption_has_two_clusters_say_so():
    with pytest.raises(ValueError, match=r"gap \(2,\) and caption \(3,\)"):
        sr_pos([0.1, 0.2], [0, 0, 1])
    with pytest.raises(ValueError, match="caption 4 belongs to more than one cluster"):
        sr_pos([0.1, 0.2], [4, 4], cluster=[0, 1])


@given(pairs)
def test_rates_equal_those_of_a_slow_plain_version(drawn):
    gap, caption = drawn
    for rate, counts in ((sr_pos, lambda v: v > 0), (sr_neg, lambda v: v < 0)):
        found = rate(gap, caption, resamples=3)
        np.testing.assert_allclose((found.micro, found.macro), slow_rates(gap, caption, counts))


@given(pairs)
def test_rates_are_mirrored_with_the_gaps_and_leave_room_for_each_other(drawn):
    gap, caption = drawn
    risen, fallen = sr_pos(gap, caption, resamples=3), sr_neg(-gap, caption, resamples=3)
    np.testing.assert_equal((risen.micro, risen.macro), (fallen.micro, fallen.macro))
    up, down = sr_pos(gap, caption, resamples=3), sr_neg(gap, caption, resamples=3)
    if up.pairs:
        assert up.micro + down.micro == pytest.approx(1 - np.mean(gap[~np.isnan(gap)] == 0))


@given(pairs, st.randoms(use_true_random=False))
def test_rates_do_not_depend_on_the_order_of_the_pairs(drawn, random):
    gap, caption = drawn
    order = list(range(len(gap)))
    random.shuffle(order)
    one, other = sr_pos(gap, caption, resamples=9), sr_pos(gap[order], caption[order], resamples=9)
    np.testing.assert_allclose(
        [one.micro, one.macro, one.micro_interval.low], [other.micro, other.macro, other.micro_interval.low]
    )


# The margin


def test_margin_sweep_of_hand_worked_pairs_needs_more_than_the_margin():
    micro, macro = margin_sweep([0.1, 0.2, -0.1, 0.0], [0, 0, 0, 1], [0.0, 0.1, 0.2], rising=True)
    np.testing.assert_allclose(micro, [2 / 4, 1 / 4, 0])
    np.testing.assert_allclose(macro, [1 / 3, 1 / 6, 0])
    micro, _ = margin_sweep([0.1, 0.2, -0.1, 0.0], [0, 0, 0, 1], [0.0, 0.1], rising=False)
    np.testing.assert_allclose(micro, [1 / 4, 0])


@given(pairs, st.lists(st.floats(0, 2, width=32), min_size=1, max_size=5))
def test_margin_sweep_equals_the_slow_version_falls_with_the_margin_and_begins_at_the_rate(drawn, margins):
    gap, caption = drawn
    margins = [0.0, *sorted(margins)]
    for rising, rate, sign in ((True, sr_pos, 1), (False, sr_neg, -1)):
        micro, macro = margin_sweep(gap, caption, margins, rising=rising)
        for column, margin in enumerate(margins):
            expected = slow_rates(gap, caption, lambda v, m=margin, s=sign: s * v > m)
            np.testing.assert_allclose((micro[column], macro[column]), expected, atol=1e-12)
        assert not (np.diff(micro) > 0).any()
        found = rate(gap, caption, resamples=3)
        np.testing.assert_allclose((micro[0], macro[0]), (found.micro, found.macro), atol=1e-12)


def test_margin_sweep_when_a_margin_is_negative_is_an_error():
    with pytest.raises(ValueError, match=r"margins have to be 0 or more, got -0\.1"):
        margin_sweep([0.1], [0], [0.0, -0.1], rising=True)


# HiMo@K


def test_himo_of_a_rising_line_is_one_and_of_hand_worked_values_is_pearson():
    assert himo_at_k([0.1, 0.2, 0.3]).value == pytest.approx(1.0)
    # index 1 2 3, similarity 1 3 2: r = 1 / sqrt(2 * 2) = .5
    assert himo_at_k([0.1, 0.3, 0.2]).value == pytest.approx(0.5)
    assert himo_at_k([0.3, 0.2, 0.1, NAN]).value == pytest.approx(-1.0)


def test_himo_at_k_spreads_the_prefixes_evenly_and_ends_with_the_whole_caption():
    # K = 3 of 7 prefixes: those that end with units 3, 5 and 7.
    similarity = [9.0, 9.0, 0.1, 9.0, 0.3, 9.0, 0.2]
    assert himo_at_k(similarity, 3).value == pytest.approx(0.5)
    assert himo_at_k(similarity, 7) == himo_at_k(similarity)


@pytest.mark.parametrize(
    ("similarity", "k", "reason"),
    [
        ([0.1, 0.2], 3, "too few prefixes"),
        ([0.1], None, "too few prefixes"),
        ([], None, "too few prefixes"),
        ([0.2, 0.3, NAN], 3, "too few prefixes"),
        ([0.2, 0.2, 0.2], 3, "constant similarity"),
    ],
)
def test_himo_without_a_value_is_nan_and_says_why(similarity, k, reason):
    result = himo_at_k(similarity, k)
    assert math.isnan(result.value)
    assert result.reason == reason


def test_himo_at_one_prefix_is_an_error():
    with pytest.raises(ValueError, match="K = 1"):
        himo_at_k([0.1, 0.2], 1)


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30), st.floats(0.01, 10))
def test_himo_equals_scipy_and_turns_with_the_sign_and_not_with_the_scale(values, scale):
    similarity = np.array(values) / 1000
    result = himo_at_k(similarity)
    if len(set(values)) == 1:
        assert result.reason == "constant similarity"
        return
    expected = pearsonr(np.arange(len(values)), similarity).statistic
    assert result.value == pytest.approx(expected, abs=1e-9)
    assert himo_at_k(scale * similarity + 0.3).value == pytest.approx(result.value, abs=1e-6)
    assert himo_at_k(-similarity).value == pytest.approx(-result.value, abs=1e-9)


# Intervals


def test_cluster_bootstrap_of_fewer_than_two_clusters_is_nan():
    assert math.isnan(cluster_bootstrap([3.0], [4.0]).low)


def test_cluster_bootstrap_of_equal_clusters_has_no_width():
    interval = cluster_bootstrap([1.0] * 9, [2.0] * 9)
    assert (interval.low, interval.high) == (0.5, 0.5)


def test_cluster_bootstrap_equals_one_that_draws_clusters_one_by_one():
    rng = np.random.default_rng(3)
    total, count = rng.integers(0, 5, 40), rng.integers(5, 9, 40)
    interval = cluster_bootstrap(total, count, resamples=6000)
    draws = rng.integers(0, 40, (6000, 40))
    values = total[draws].sum(1) / count[draws].sum(1)
    np.testing.assert_allclose((interval.low, interval.high), np.quantile(values, [0.025, 0.975]), atol=0.005)


def test_cluster_bootstrap_when_done_in_blocks_gives_the_same_kind_of_interval(monkeypatch):
    total, count = np.arange(50.0) % 3, np.full(50, 3.0)
    whole = cluster_bootstrap(total, count)
    monkeypatch.setattr("specs_core.specificity._BLOCK", 500)
    parts = cluster_bootstrap(total, count)
    assert (whole.low, whole.high) == (parts.low, parts.high)


def test_intervals_of_dependent_pairs_are_wider_by_cluster_than_by_caption():
    rng = np.random.default_rng(0)
    captions = np.repeat(np.arange(200), 5)
    image = captions // 10
    gap = rng.normal(size=20)[image] + 0.1 * rng.normal(size=1000)
    by_image, by_caption = sr_pos(gap, captions, cluster=image), sr_pos(gap, captions)
    assert (by_image.micro, by_image.macro) == (by_caption.micro, by_caption.macro)
    width = by_image.micro_interval.high - by_image.micro_interval.low
    assert width > 2 * (by_caption.micro_interval.high - by_caption.micro_interval.low)
    assert by_image.macro_interval.low < by_image.macro < by_image.macro_interval.high


# The published computation


def slow_published(prefixes, false):
    """The published computation on padded arrays: columns 0 (true) and 1 (false) of the prefixes that a false
    unit follows, zeros behind them, the sign of column 0 as mask."""
    longest = max(map(len, false))
    table = np.zeros((len(prefixes), longest, 2))
    for row, (true_row, false_row) in enumerate(zip(prefixes, false, strict=True)):
        table[row, : len(true_row) - 1, 0] = true_row[:-1]
        table[row, : len(false_row), 1] = false_row
    rising, falling = [], []
    for true_row, false_row in zip(table[:, :, 0], table[:, :, 1], strict=True):
        n = int((true_row > 0).sum()) - 1
        if n > 1:
            rising.append(((true_row[1:] - true_row[:-1]) > 0)[:n].mean())
            falling.append(((true_row - false_row) > 0)[:n].mean())
    return np.mean(rising), np.mean(falling)


def test_published_rates_of_hand_worked_captions_lose_the_last_unit_and_negative_captions():
    prefixes = [
        [0.1, 0.2, 0.3, 0.2],  # bases .1 .2 .3: two pairs read, the falling last one is not
        [-0.4, -0.3, -0.2, -0.1, 0.1],  # no base above zero: dropped
        [0.1, 0.2, 0.3],  # too short: dropped, whatever its signs
        [0.1, 0.1, 0.2, 0.1],  # a level pair neither rises nor falls
    ]
    false = [[0.0, 0.3, 0.9], [-0.5, -0.5, -0.5, -0.5], [0.0, 0.0], [0.1, 0.0, 0.9]]
    found = published_rates(prefixes, false)
    assert (found.sr_pos, found.sr_neg) == ((1.0 + 0.5) / 2, 0.5)
    assert (found.captions, found.captions_lost, found.captions_lost_by_sign) == (4, 2, 1)
    assert (found.pairs, found.pairs_lost) == (3 + 4 + 2 + 3, 12 - 4)


def test_published_rates_equal_the_computation_on_padded_arrays():
    rng = np.random.default_rng(1)
    prefixes = [rng.normal(0.05, 0.1, rng.integers(4, 12)) for _ in range(60)]
    false = [row[:-1] - rng.normal(0.02, 0.05, len(row) - 1) for row in prefixes]
    found = published_rates(prefixes, false)
    # Zeros behind a caption are only read where a mask with gaps lets them be: not with n counted below U.
    np.testing.assert_allclose((found.sr_pos, found.sr_neg), slow_published(prefixes, false))
    assert found.captions_lost > 0


def test_published_rates_when_a_prefix_lies_beyond_the_context_end_the_caption_there():
    whole = published_rates([[0.1, 0.2, 0.3, 0.2, NAN]], [[0.0, 0.3, 0.9, NAN]])
    cut = published_rates([[0.1, 0.2, 0.3, 0.2]], [[0.0, 0.3, 0.9]])
    assert whole == cut


def test_published_rates_that_keep_nothing_are_nan_and_lengths_that_do_not_fit_an_error():
    found = published_rates([[-0.1, -0.2]], [[-0.3]])
    assert math.isnan(found.sr_pos)
    assert math.isnan(found.sr_neg)
    with pytest.raises(ValueError, match="caption 0 has 3 prefixes and 1 with a false unit; it needs 2"):
        published_rates([[0.1, 0.2, 0.3]], [[0.1]])
