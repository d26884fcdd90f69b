"""Short ways to fill a store with ratings and scores."""

from datetime import UTC, datetime, timedelta

import pytest

from annotations.scores import save_scores
from annotations.store import save_rating

SHA = "f" * 64
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture
def score(engine):
    def save(item_id: str, value: float = 0.5, **options: object) -> None:
        values = {"metric": "specs", "model": "scenes", "model_sha256": SHA, **options}
        save_scores(engine, item_id, score=value, **values)

    return save


@pytest.fixture
def rate(engine, make_rating):
    def save(item_id: str, rater: str = "Ada", overall: int = 3, *, days: float = 0, **options) -> None:
        options.setdefault("answers", {"correctness": 2, "thoroughness": 4, "overall": overall})
        save_rating(engine, make_rating(item_id, rater, **options), now=NOON + timedelta(days=days))

    return save
