"""Which items go into the analysis, and what comes out, on a real database."""

import math
import secrets
from pathlib import Path

import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr
from sqlalchemy import Engine

from annotations.engine import open_database
from annotations.images import add_image
from annotations.items import add_item, delete_item
from annotations.reveals import record_reveal
from annotations.scores import save_scores
from annotations.store import NewRating, save_rating
from app.analysis import analyse, unscored_items

SHA = "a" * 64
OTHER_SHA = "b" * 64


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database(f"sqlite:///{tmp_path / 'ratings.sqlite3'}")


def add(engine: Engine, caption: str = "A car.", *, image_id: str | None = None) -> str:
    image_id = image_id or add_image(
        engine, sha256=secrets.token_hex(32), filename="a.png", width=8, height=8
    )
    return add_item(
        engine,
        image_id=image_id,
        caption=caption,
        units=[(caption, 0, len(caption))],
        segmenter_version="test-1",
    )


def rate(engine: Engine, item: str, overall: int, rater: str = "r-01") -> None:
    save_rating(
        engine,
        NewRating(
            item_id=item,
            rater=rater,
            answers={"correctness": 3, "thoroughness": 3, "overall": overall},
            verdicts=("supported",),
            nonce=secrets.token_hex(8),
            guideline_version="1",
            application_version="1",
        ),
    )


def score(engine: Engine, item: str, value: float, *, sha256: str = SHA, model: str = "scenes") -> None:
    save_scores(engine, item, metric="specs", model=model, model_sha256=sha256, score=value)


def rated_and_scored(engine: Engine, pairs: list[tuple[int, float]]) -> list[str]:
    items = []
    for overall, value in pairs:
        item = add(engine)
        rate(engine, item, overall)
        score(engine, item, value)
        items.append(item)
    return items


def test_analysis_when_nothing_is_rated_has_no_model_and_no_points(engine: Engine) -> None:
    found = analyse(engine)

    assert (found.models, found.chosen, found.points, found.coefficients) == ((), None, (), ())
    assert found.counts.captions == found.counts.ratings == found.counts.without_score == 0


def test_analysis_when_four_captions_are_rated_agrees_with_scipy(engine: Engine) -> None:
    pairs = [(1, 0.2), (2, 0.5), (2, 0.4), (5, 0.9), (4, 0.3)]
    rated_and_scored(engine, pairs)
    human, metric = zip(*pairs, strict=True)

    found = analyse(engine)

    values = {row.name: row.value for row in found.coefficients}
    assert values == pytest.approx(
        {
            "pearson_r": pearsonr(human, metric).statistic,
            "spearman_rho": spearmanr(human, metric).statistic,
            "kendall_tau_b": kendalltau(human, metric, variant="b").statistic,
        },
        abs=1e-12,
    )
    assert all(row.n == 5 and row.low <= row.value <= row.high for row in found.coefficients)


def test_analysis_when_two_raters_differ_takes_their_mean_and_counts_both(engine: Engine) -> None:
    item = add(engine)
    rate(engine, item, 2)
    rate(engine, item, 5, rater="r-02")
    score(engine, item, 0.5)

    found = analyse(engine)

    [point] = found.points
    assert (point.human, point.n_ratings) == (3.5, 2)
    assert (found.counts.raters, found.counts.ratings, found.counts.captions) == (2, 2, 1)
    assert found.coefficients == ()


def test_analysis_when_two_sets_of_weights_scored_never_mixes_them(engine: Engine) -> None:
    items = rated_and_scored(engine, [(1, 0.1), (3, 0.2), (5, 0.3)])
    score(engine, items[0], 0.9, sha256=OTHER_SHA)
    score(engine, items[1], 0.8, sha256=OTHER_SHA)

    first, second = analyse(engine), analyse(engine, model_sha256=OTHER_SHA)

    assert [choice.model_sha256 for choice in first.models] == [SHA, OTHER_SHA]
    assert [point.score for point in first.points] == [0.1, 0.2, 0.3]
    assert [point.score for point in second.points] == [0.9, 0.8]
    assert second.counts.without_score == 1
    assert unscored_items(engine, OTHER_SHA) == (items[2],)


def test_analysis_when_the_asked_for_weights_are_unknown_shows_those_with_most_captions(
    engine: Engine,
) -> None:
    rated_and_scored(engine, [(1, 0.1)])

    found = analyse(engine, model_sha256="c" * 64)

    assert found.chosen is not None
    assert found.chosen.model_sha256 == SHA


def test_analysis_when_blind_only_leaves_out_what_was_rated_after_the_reveal(engine: Engine) -> None:
    blind, seen = add(engine), add(engine)
    record_reveal(engine, "r-01", seen)
    for item in (blind, seen):
        rate(engine, item, 4)
        score(engine, item, 0.5)

    everything, only_blind = analyse(engine), analyse(engine, blind_only=True)

    assert (everything.counts.ratings, everything.counts.blind) == (2, 1)
    assert [point.item_id for point in only_blind.points] == [blind]
    assert only_blind.counts.without_score == 0


def test_analysis_when_all_scores_are_equal_says_so_instead_of_a_number(engine: Engine) -> None:
    rated_and_scored(engine, [(1, 0.5), (3, 0.5), (5, 0.5)])

    found = analyse(engine)

    assert all(math.isnan(row.value) and "metric scores are equal" in row.note for row in found.coefficients)


def test_analysis_when_an_item_is_deleted_leaves_it_out(engine: Engine) -> None:
    items = rated_and_scored(engine, [(1, 0.1), (3, 0.2)])
    delete_item(engine, items[0])

    found = analyse(engine)

    assert [point.item_id for point in found.points] == [items[1]]
    assert (found.counts.ratings, found.counts.without_score) == (1, 0)


def test_analysis_when_a_rating_is_revised_counts_the_revision_alone(engine: Engine) -> None:
    [item] = rated_and_scored(engine, [(1, 0.1)])
    rate(engine, item, 5)

    found = analyse(engine)

    assert (found.points[0].human, found.counts.ratings) == (5, 1)
