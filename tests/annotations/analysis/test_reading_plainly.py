"""The table of an analysis against a plain reading of random stores, rating by rating."""

import math
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import select

from annotations.analysis.reading import read_table
from annotations.analysis.table import Choice
from annotations.campaigns import create_campaign, list_campaigns
from annotations.engine import reading
from annotations.items import delete_item
from annotations.reveals import record_reveal
from annotations.revisions import ratings
from annotations.schema import scores
from annotations.scores import save_scores
from annotations.store import save_rating, withdraw_rating

SHA, OTHER = "f" * 64, "e" * 64
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
SYSTEMS = ("", "a", "b")


def overall(table) -> list[tuple[str, str, float]]:
    given = table.answers["overall"]
    rows = zip(given.item.tolist(), given.rater.tolist(), given.value.tolist(), strict=True)
    return [(table.items[item], table.names[rater], value) for item, rater, value in rows]


def fill_at_random(engine, make_item, make_rating, draw: random.Random) -> list[str]:
    """Write items of two campaigns, with revisions, withdrawals, reveals, deletions and scores."""
    campaigns = [list_campaigns(engine)[0].id, create_campaign(engine, "Other")]
    ids = [
        make_item(image=n // 2, source=draw.choice(SYSTEMS), campaign_id=draw.choice(campaigns), caption=text,
                  units=[(text, 0, len(text))])
        for n, text in enumerate(f"Caption {number}." for number in range(14))
    ]  # fmt: skip
    for item_id in ids:
        for sha256 in (SHA, OTHER):
            if draw.random() < 0.7:
                save_scores(engine, item_id, metric="specs", model=sha256[:1], model_sha256=sha256,
                            score=draw.random(), similarity=draw.random() * 2 - 1)  # fmt: skip
                save_scores(engine, item_id, metric="length_tokens", model=sha256[:1], model_sha256=sha256,
                            score=draw.randint(5, 30))  # fmt: skip
    for _ in range(60):
        item_id, rater = draw.choice(ids), draw.choice(("Ada", "Bo", "Cy"))
        if draw.random() < 0.1:
            record_reveal(engine, rater, item_id)
        moment = NOON + timedelta(days=draw.randint(-2, 2))
        form = make_rating(item_id, rater, overall=draw.randint(1, 5), verdicts=("supported",))
        save_rating(engine, form, now=moment)
        if draw.random() < 0.1:
            withdraw_rating(engine, rater, item_id, application_version="1", now=moment)
    delete_item(engine, ids[0])
    return campaigns


def plain_reading(engine, choice: Choice) -> tuple[list, dict]:
    """Read answers and scores rating by rating: (item, rater, answer) and the scores of each item."""
    given = []
    with reading(engine) as connection:
        stored = {
            (row.item_id, row.metric): row.score
            for row in connection.execute(select(scores).where(scores.c.model_sha256 == choice.model_sha256))
        }
    for rating in ratings(engine):
        length = stored.get((rating.item_id, "length_tokens"), math.nan)
        day = rating.saved_at[:10]
        if (
            (not choice.campaigns or rating.campaign_id in choice.campaigns)
            and (not choice.systems or (rating.source or "") in choice.systems)
            and (not choice.raters or rating.rater_id in choice.raters)
            and (choice.since is None or day >= choice.since)
            and (choice.until is None or day <= choice.until)
            and (not choice.blind_only or rating.metric_revealed_at is None)
            and (choice.shortest is None or length >= choice.shortest)
            and (choice.longest is None or length <= choice.longest)
        ):
            given.append((rating.item_id, rating.rater, rating.answers["overall"]))
    return sorted(given), stored


@pytest.mark.parametrize("seed", range(4))
def test_table_of_a_random_store_is_what_a_plain_reading_gives(engine, make_item, make_rating, seed):
    draw = random.Random(seed)
    campaigns = fill_at_random(engine, make_item, make_rating, draw)
    people = read_table(engine).raters
    for _ in range(12):
        choice = Choice(
            campaigns=draw.choice([(), (campaigns[0],), (campaigns[1],), tuple(campaigns)]),
            raters=draw.choice([(), people[:1], people[1:]]),
            systems=draw.choice([(), ("a",), ("", "b")]),
            shortest=draw.choice([None, None, 10.0]),
            longest=draw.choice([None, None, 20.0]),
            since=draw.choice([None, "2026-03-14"]),
            until=draw.choice([None, "2026-03-15"]),
            blind_only=draw.random() < 0.3,
            model_sha256=draw.choice([SHA, OTHER]),
        )
        table = read_table(engine, choice)
        if table.model is None or table.model.sha256 != choice.model_sha256:
            continue
        given, stored = plain_reading(engine, choice)
        assert sorted(overall(table)) == given if given else len(table) == 0
        assert table.n_ratings == len(given)
        assert set(table.items) == {item_id for item_id, _, _ in given}
        for metric in ("specs", "length_tokens"):
            expected = [stored.get((item_id, metric), math.nan) for item_id in table.items]
            np.testing.assert_array_equal(table.metrics.get(metric, np.full(len(table), math.nan)), expected)
