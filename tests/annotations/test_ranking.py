"""Strengths from battles: hand-worked cases, a slow plain version, laws, undefined cases, simulations."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_interval import plain_ends
from scipy import optimize

from annotations.bradley_terry import count_battles, fit_strengths
from annotations.errors import InvalidScoresError
from annotations.ranking import rank_systems
from annotations.resampling import draw_blocks

BATTLES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 4), st.sampled_from(["a", "b", "tie"])), min_size=1
).map(lambda rows: [(a, (a + step) % 5, winner) for a, step, winner in rows])


def ranked(rows, **options):
    return rank_systems(*zip(*rows, strict=True), **{"n_resamples": 0, **options})


def strengths(result):
    return {name: system.strength.value for name, system in result.systems.items()}


def simulated(truth, n_images, generator, *, per_image=3, shared=0.0):
    """Battles of random systems; `shared` is how much the systems' fortunes on one image vary together."""
    rows, images = [], []
    for image in range(n_images):
        luck = generator.normal(0, shared, len(truth)) if shared else np.zeros(len(truth))
        for _ in range(per_image):
            a, b = generator.choice(len(truth), 2, replace=False)
            lead = truth[a] + luck[a] - truth[b] - luck[b]
            rows.append((int(a), int(b), "a" if generator.random() < 1 / (1 + math.exp(-lead)) else "b"))
            images.append(image)
    return rows, images


def plain_strengths(rows, ridge):
    """Maximise the penalised likelihood battle by battle with scipy; a tie is half of either result."""
    names = sorted({name for row in rows for name in row[:2]})
    place = {name: number for number, name in enumerate(names)}

    def loss(values):
        total = ridge / 2 * float(values @ values)
        for a, b, winner in rows:
            lead = values[place[a]] - values[place[b]]
            share = {"a": 1.0, "b": 0.0, "tie": 0.5}[winner]
            total += share * np.logaddexp(0, -lead) + (1 - share) * np.logaddexp(0, lead)
        return total

    found = optimize.minimize(loss, np.zeros(len(names)), method="BFGS", options={"gtol": 1e-7})
    return dict(zip(names, found.x, strict=True))


def test_strengths_of_two_systems_are_the_log_odds_of_their_battles():
    rows = [("x", "y", "a")] * 6 + [("y", "x", "a")] * 2 + [("x", "y", "tie")] * 2
    result = ranked(rows, ridge=1e-9)
    # Seven wins of ten, with half a win per tie.
    assert strengths(result)["x"] - strengths(result)["y"] == pytest.approx(math.log(7 / 3), abs=1e-6)
    assert sum(strengths(result).values()) == pytest.approx(0, abs=1e-9)
    system = result.systems["x"]
    assert (system.wins, system.losses, system.ties, system.strength.n) == (6, 2, 2, 10)
    assert list(result.systems) == ["x", "y"]
    assert (result.n_battles, result.n_ties, result.components) == (10, 2, (("x", "y"),))


def test_ridge_pulls_to_the_value_that_its_equation_has():
    # With one win of one battle, 1 - expit(2 s) = ridge * s.
    root = optimize.brentq(lambda s: 1 - 1 / (1 + math.exp(-2 * s)) - 0.5 * s, 0, 5)
    assert strengths(ranked([("x", "y", "a")], ridge=0.5)) == pytest.approx({"x": root, "y": -root}, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(rows=BATTLES, ridge=st.sampled_from([0.01, 0.3]))
def test_strengths_are_those_of_the_slow_plain_version(rows, ridge):
    assert strengths(ranked(rows, ridge=ridge)) == pytest.approx(plain_strengths(rows, ridge), abs=2e-3)


@given(rows=BATTLES)
def test_strengths_make_the_expected_wins_equal_the_wins_but_for_the_ridge(rows):
    result = ranked(rows, ridge=0.01)
    values = strengths(result)
    for name, system in result.systems.items():
        met = [b if a == name else a for a, b, _ in rows if name in (a, b)]
        expected = sum(1 / (1 + math.exp(values[other] - values[name])) for other in met)
        wins = system.wins + system.ties / 2
        assert wins - expected == pytest.approx(0.01 * values[name], abs=1e-6)


@given(rows=BATTLES, seed=st.integers(0, 9))
def test_strengths_when_sides_and_order_are_swapped_stay(rows, seed):
    other = {"a": "b", "b": "a", "tie": "tie"}
    swapped = [(b, a, other[winner]) for a, b, winner in rows]
    swapped = [swapped[row] for row in np.random.default_rng(seed).permutation(len(rows))]
    assert strengths(ranked(swapped)) == pytest.approx(strengths(ranked(rows)), abs=1e-6)


@given(rows=BATTLES)
def test_strengths_of_any_battles_are_finite_ordered_and_centred_in_each_component(rows):
    result = ranked(rows, n_resamples=15)
    values = strengths(result)
    assert all(math.isfinite(value) for value in values.values())
    for names in result.components:
        assert sum(values[name] for name in names) == pytest.approx(0, abs=1e-6)
        of = [values[name] for name in names]
        assert of == sorted(of, reverse=True)
        clusters = [result.systems[name].cluster for name in names]
        assert None in clusters or (clusters[0] == 1 and set(np.diff(clusters)) <= {0, 1})
    for name in result.undefeated:
        assert values[name] > 0
        assert result.systems[name].losses + result.systems[name].ties == 0
    for system in result.systems.values():
        assert math.isnan(system.strength.low) or system.strength.low <= system.strength.high
        assert system.strength.note or not math.isnan(system.strength.low)


def test_undefeated_and_winless_systems_are_named_and_finite():
    rows = [("x", "y", "a"), ("x", "z", "a"), ("y", "z", "a"), ("z", "y", "a")]
    result = ranked(rows)
    assert (result.undefeated, result.winless) == (("x",), ())
    assert 0 < result.systems["x"].strength.value < 20
    note = "won all of its 2 battles: only the ridge keeps its strength finite"
    assert result.systems["x"].strength.note == f"{note}; no resamples drawn"
    assert "never lost to some others" in result.note
    mirrored = ranked([(b, a, winner) for a, b, winner in rows])
    assert mirrored.winless == ("x",)
    assert mirrored.systems["x"].strength.note.startswith("lost all of its 2 battles")


def test_system_that_won_five_battles_is_not_told_apart_and_one_that_won_sixty_is():
    three = ranked([("x", "y", "a")] * 3, n_resamples=2000)
    few = ranked([("x", "y", "a")] * 5, n_resamples=2000)
    many = ranked([("x", "y", "a")] * 60, n_resamples=2000)
    assert [system.cluster for system in three.systems.values()] == [1, 1]
    assert [system.cluster for system in few.systems.values()] == [1, 1]
    assert [system.cluster for system in many.systems.values()] == [1, 2]
    # Without the imagined loss the interval would be of next to no width.
    assert few.systems["x"].strength.low < 0 < few.systems["x"].strength.value
    assert many.systems["x"].strength.low > 1


def test_battles_that_fall_apart_say_into_what_and_compare_within_one_only():
    rows = [("x", "y", "a"), ("y", "x", "a"), ("p", "q", "a"), ("q", "p", "tie")]
    result = ranked(rows)
    assert result.components == (("x", "y"), ("p", "q"))
    assert [system.component for system in result.systems.values()] == [0, 0, 1, 1]
    assert "2 components x, y | p, q: strengths compare within one only" in result.note
    assert strengths(result)["x"] == pytest.approx(0, abs=1e-9)


def test_resamples_in_which_the_battles_fall_apart_are_counted():
    rows = [("x", "y", w) for w in "abababab"] + [("y", "z", w) for w in "ab"]
    result = ranked(rows, groups=[*range(8), 8, 8], n_resamples=1000)
    # The image with the only battles of z is missed by (8/9)**9 = .346 of the resamples.
    note = result.systems["z"].strength.note
    assert "of 1,000 resamples have a value; in the others the battles fall apart" in note
    assert int(note.split(" of ")[0]) / 1000 == pytest.approx(1 - (8 / 9) ** 9, abs=0.05)


def test_intervals_are_those_of_a_slow_plain_bootstrap():
    rows, images = simulated([0.5, 0, -0.5], 12, np.random.default_rng(3))
    result = ranked(rows, groups=images, n_resamples=20, confidence=0.8, seed=4, ridge=0.1)
    assert "never lost" not in result.note  # nothing imagined
    draws = np.concatenate(list(draw_blocks(12, n_resamples=20, seed=4)))[1:]
    values = []
    for draw in draws:
        copies = [row for row, image in zip(rows, images, strict=True) for _ in range(draw[image])]
        values.append([plain_strengths(copies, 0.1)[name] for name in range(3)])
    for name in range(3):
        low, high = plain_ends([row[name] for row in values], 0.8, 12)
        found = result.systems[name].strength
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_strengths_in_small_chunks_are_the_same(monkeypatch):
    rows, images = simulated([0.5, 0, -0.5], 20, np.random.default_rng(5))
    whole = ranked(rows, groups=images, n_resamples=50)
    for module in ("bradley_terry", "resampling"):
        monkeypatch.setattr(f"annotations.{module}._CELLS_AT_ONCE", 40)
    chunks = ranked(rows, groups=images, n_resamples=50)
    assert chunks.systems[0].strength.low == pytest.approx(whole.systems[0].strength.low, abs=1e-8)


def test_newton_steps_reach_the_top_with_extreme_battles_too():
    rows = [("x", "y", "a")] * 100_000 + [("y", "z", "a")] * 100_000 + [("z", "x", "a")]
    battles = count_battles(*zip(*rows, strict=True), groups=["one"] * len(rows))
    found = fit_strengths(battles, battles.on_the_data, ridge=1e-6)[0]
    assert np.diff(found).max() < 0
    chance = 1 / (1 + np.exp(found[None, :] - found[:, None]))
    wins = np.asarray(battles.wins.sum(axis=0)).reshape(3, 3)
    slope = (wins - (wins + wins.T) * chance).sum(axis=1) - 1e-6 * found
    assert np.abs(slope).max() < 1e-4


def test_equal_systems_of_ties_only_share_a_cluster():
    rows = [(a, b, "tie") for a, b in itertools.combinations(range(4), 2)] * 3
    result = ranked(rows, n_resamples=100)
    assert [system.cluster for system in result.systems.values()] == [1, 1, 1, 1]
    assert result.undefeated == result.winless == ()


def test_systems_that_are_equal_on_paper_share_a_cluster_whatever_the_rounding():
    # In every image both have the same battles with the same others, so that no resample tells them apart.
    met = {"v": "baaaab", "w": "aab", "x": "tab", "y": "tbbtab", "z": "bbbtab"}  # t is a tie
    image = [(name, other, winner) for other, of in met.items() for name in "pq" for winner in of]
    image = [(a, b, "tie" if winner == "t" else winner) for a, b, winner in image]
    groups = [row // len(image) for row in range(7 * len(image))]
    result = ranked(image * 7, groups=groups, n_resamples=100)
    assert result.systems["p"].cluster == result.systems["q"].cluster
    assert result.systems["z"].cluster == 1
    assert result.systems["v"].cluster > result.systems["p"].cluster


def test_unanswered_battles_are_counted_and_one_image_has_no_interval():
    rows = [("x", "y", "a"), ("x", "y", None), ("x", "y", "b")]
    result = ranked(rows, groups=["one"] * 3, n_resamples=10)
    assert (result.n_battles, result.n_unanswered, result.n_groups) == (2, 1, 1)
    assert result.systems["x"].strength.note == "all items are of one image: no interval over images"
    assert result.systems["x"].cluster is None
    assert "as if they were independent" in ranked(rows).note


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        ([("x", "x", "a")], {}, "battle 0 is of 'x' against itself"),
        ([("x", "y", "c")], {}, "the winner of battle 0 is 'c'"),
        ([("x", "y", None)], {}, "none of the 1 battles has an answer"),
        ([("x", "y", "a")], {"groups": []}, "1 winners and 0 groups"),
        ([("x", "y", "a")], {"ridge": 0}, "above 0 and finite; got 0"),
        ([("x", "y", "a")], {"confidence": 1}, "got 0, 1"),
    ],
)
def test_battles_that_will_not_do_say_what_is_wrong(rows, options, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        ranked(rows, **options)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_intervals_cover_the_truth_and_clusters_keep_their_level(shared):
    generator = np.random.default_rng(11)
    truth = np.array([0.9, 0.3, 0.0, -0.4, -0.8])
    reference, images = simulated(truth, 60_000, generator, shared=shared)
    centre = strengths(ranked(reference, groups=images))
    covered, total, clean = 0, 0, 0
    for _ in range(200):
        rows, images = simulated(truth, 80, generator, shared=shared)
        result = ranked(rows, groups=images, n_resamples=400)
        for name, system in result.systems.items():
            covered += system.strength.low <= centre[name] <= system.strength.high
            total += 1
        rows, images = simulated(np.zeros(5), 80, generator, shared=shared)
        level = ranked(rows, groups=images, n_resamples=400)
        clean += all(system.cluster == 1 for system in level.systems.values())
    # The figures of docs/analysis.md; pytest -s shows them.
    print(
        f"shared luck {shared}: covered {covered / total:.3f}, equal systems in one cluster {clean / 200:.3f}"
    )
    assert 0.92 <= covered / total <= 0.98
    assert clean / 200 >= 0.91
