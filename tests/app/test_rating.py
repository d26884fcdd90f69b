"""Rating through the app's own functions, on a real database with a stand-in for the model."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import update

from annotations.analysis.reading import read_table
from annotations.assignment import next_item
from annotations.campaign_tables import INSPECT_CAMPAIGN
from annotations.campaigns import create_campaign, pause_campaign
from annotations.engine import open_database, writing
from annotations.errors import InvalidRecordError, ItemFullError, NonceReusedError, UnknownRecordError
from annotations.images import add_image
from annotations.items import add_item, get_item
from annotations.questions import Question
from annotations.reveals import record_reveal, revealed_at
from annotations.revisions import ratings
from annotations.schema import items
from annotations.scores import save_scores
from app import rating
from app.answers import FormError
from app.context import AppContext
from app.pictures import PictureStore

CAPTION = "A red car is parked. A blue kite flies."
UNITS = (("A red car is parked. ", 0, 21), ("A blue kite flies.", 21, 39))


class StandInEncoder:
    """Gives every prefix a known similarity: 0.3, then 0.2, so that the second unit dips."""

    context_length = 248
    weights_sha256 = "5" * 64
    checkpoint = SimpleNamespace(name="stand-in", label="stand-in")

    def image_features(self, images: list[Image.Image]) -> Any:
        return np.array([[1.0, 0.0]], dtype=np.float32)

    def prefix_features(self, units: tuple[Any, ...], *, memory: object = None) -> Any:
        cosines = np.linspace(0.3, 0.2, len(units))
        features = np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1).astype(np.float32)
        return SimpleNamespace(features=features, tokens=np.full(len(units), 5), total_tokens=12)

    def provenance(self) -> dict[str, Any]:
        return {"weights_sha256": self.weights_sha256}


class StandInEncoders:
    """Hands out the stand-in and counts how often it was asked for."""

    default_name = "scenes"

    def __init__(self) -> None:
        self.loads = 0

    def get(self, name: str | None = None, **_: Any) -> StandInEncoder:
        self.loads += 1
        return StandInEncoder()


@pytest.fixture
def context(tmp_path: Path, with_database: Callable[[Path], Path]) -> AppContext:
    return AppContext(
        settings=None,  # type: ignore[arg-type]
        engine=open_database(f"sqlite:///{with_database(tmp_path) / 'specs.sqlite3'}"),
        encoders=StandInEncoders(),  # type: ignore[arg-type]
        pictures=PictureStore(tmp_path / "images"),
    )


def add(context: AppContext, colour: str = "red", *, caption: str = CAPTION, **options: Any) -> str:
    image = Image.new("RGB", (32, 24), colour)
    image_id = add_image(
        context.engine, sha256=secrets.token_hex(32), filename="a.png", width=image.width, height=image.height
    )
    context.pictures.save(image_id, image)
    return add_item(
        context.engine,
        image_id=image_id,
        caption=caption,
        units=UNITS,
        segmenter_version="test-1",
        source="captioner-x",
        **options,
    )


def form(item: str, **changes: Any) -> dict[str, Any]:
    answers = {"correctness": 2, "thoroughness": 4, "overall": 3} | changes.pop("answers", {})
    return {
        "item": item,
        "verdicts": ["supported", "hallucinated"],
        "answers": answers,
        "comment": "no kite",
        "nonce": "a-nonce-of-this-form",
        **changes,
    }


def test_next_view_when_nothing_waits_is_empty_and_counts_what_is_done(context: AppContext) -> None:
    view = rating.next_view(context, "r-07", {})

    assert (view["view"], view["progress"]["done"], view["problem"]) == ("empty", 0, "")


def test_next_view_when_an_item_waits_sends_neither_score_nor_source_nor_others(context: AppContext) -> None:
    item = add(context)
    save_scores(
        context.engine,
        item,
        metric="specs",
        model="scenes",
        model_sha256="7" * 64,
        score=0.777,
        similarity=0.123,
        curve={"score": 0.777},
    )
    rating.submit(context, "somebody else", form(item, comment="other opinion"))

    view = rating.next_view(context, "r-07", {})

    sent = json.dumps(view)
    assert view["item"] == item
    assert not [word for word in ("0.777", "0.123", "captioner-x", "other opinion", "777") if word in sent]
    assert revealed_at(context.engine, "r-07", item) is None


def test_draft_when_the_page_is_opened_again_is_there_with_its_time(context: AppContext) -> None:
    item = add(context)
    add(context, "blue")
    first = rating.next_view(context, "r-07", {})
    half = form(first["item"], verdicts=["unsure", None], answers={"overall": None}, cursor=3, seconds=7)

    saved = rating.save_draft(context, "r-07", {"item": first["item"], "content": half})
    again = rating.next_view(context, "r-07", {})

    assert again["item"] == first["item"] == item
    assert again["draft"]["verdicts"] == ["unsure", None]
    assert again["draft"]["answers"] == {"correctness": 2, "thoroughness": 4}
    assert (again["draft"]["cursor"], again["draft"]["seconds"]) == (3, 7)
    assert again["saved_at"] == saved["saved_at"]


def test_draft_of_another_form_when_the_page_is_opened_shows_the_item_empty(context: AppContext) -> None:
    from annotations.drafts import save_draft

    item = add(context)
    save_draft(context.engine, "r-07", item, {"verdicts": ["supported"], "colour": "green"})

    view = rating.next_view(context, "r-07", {})

    assert (view["view"], view["draft"], view["saved_at"]) == ("rate", None, None)


def test_submit_when_the_form_comes_twice_is_one_rating_and_one_receipt(context: AppContext) -> None:
    item = add(context)

    first = rating.submit(context, "r-07", form(item))
    second = rating.submit(context, "r-07", form(item))

    assert first == second
    assert first["receipt"] == 1
    assert len(list(ratings(context.engine, all_revisions=True))) == 1


def test_submit_when_the_nonce_returns_with_other_answers_is_refused(context: AppContext) -> None:
    item = add(context)
    rating.submit(context, "r-07", form(item))

    with pytest.raises(NonceReusedError):
        rating.submit(context, "r-07", form(item, answers={"overall": 5}))
    assert [stored.answers["overall"] for stored in ratings(context.engine)] == [3]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"verdicts": ["supported", None]}, "every unit"),
        ({"answers": {"overall": None}}, "every question"),
        ({"answers": {"overall": 6}}, "Overall"),
        ({"verdicts": ["supported"]}, "2 units"),
        ({"nonce": ""}, "number"),
        ({"item": "nonsense"}, "which caption"),
    ],
)
def test_submit_when_something_is_wrong_says_what_and_stores_nothing(
    context: AppContext, changes: dict[str, Any], told: str
) -> None:
    item = add(context)
    payload = form(**{"item": item, **changes})

    with pytest.raises(FormError, match=told):
        rating.submit(context, "r-07", payload)
    assert list(ratings(context.engine, all_revisions=True)) == []


def test_submit_when_the_item_is_unknown_or_the_name_empty_stores_nothing(context: AppContext) -> None:
    item = add(context)

    with pytest.raises(UnknownRecordError):
        rating.submit(context, "r-07", form("0" * 32))
    with pytest.raises(InvalidRecordError, match="name"):
        rating.submit(context, "   ", form(item))
    assert list(ratings(context.engine)) == []


def test_reveal_when_the_rater_has_not_submitted_is_refused_and_not_recorded(context: AppContext) -> None:
    item = add(context)
    rating.submit(context, "somebody else", form(item))

    with pytest.raises(FormError, match="after its rating"):
        rating.reveal(context, "r-07", {"item": item})
    assert revealed_at(context.engine, "r-07", item) is None
    assert context.encoders.loads == 0  # type: ignore[attr-defined]


def test_reveal_when_the_rating_is_in_computes_the_curve_stores_the_score_and_says_so(
    context: AppContext,
) -> None:
    item = add(context)
    rating.submit(context, "r-07", form(item))

    view = rating.reveal(context, "r-07", {"item": item})

    assert view["similarity"] == pytest.approx([0.3, 0.2], abs=1e-6)
    assert view["dip"] == [False, True]
    assert view["delta"][0] is None
    table = read_table(context.engine)
    assert (table.items, table.model.model, table.metrics["specs"].tolist()) == (
        (item,),
        "stand-in",
        [view["score"]],
    )
    assert table.human("overall").tolist() == [3]
    # The rating itself was blind: the curve came after it.
    assert (table.n_ratings, table.n_blind) == (1, 1)
    assert revealed_at(context.engine, "r-07", item) is not None


def test_reveal_when_a_curve_is_stored_does_not_ask_for_the_model(context: AppContext) -> None:
    item = add(context)
    rating.submit(context, "r-07", form(item))
    first = rating.reveal(context, "r-07", {"item": item})

    second = rating.reveal(context, "r-07", {"item": item})

    assert context.encoders.loads == 1  # type: ignore[attr-defined]
    assert second == first


def test_open_view_after_the_curve_was_seen_on_inspect_makes_a_rating_that_is_not_blind(
    context: AppContext,
) -> None:
    item = add(context)
    record_reveal(context.engine, "r-07", item)

    view = rating.open_view(context, "r-07", {"item": item})
    rating.submit(context, "r-07", form(item))

    assert view["revealed"] is True
    assert [stored.metric_revealed_at is not None for stored in ratings(context.engine)] == [True]


def test_open_view_when_the_item_is_full_is_refused(context: AppContext) -> None:
    item = add(context, overlap=1)
    rating.submit(context, "somebody else", form(item))

    with pytest.raises(ItemFullError):
        rating.open_view(context, "r-07", {"item": item})


def test_open_view_when_rated_before_begins_with_the_earlier_answers(context: AppContext) -> None:
    item = add(context)
    rating.submit(context, "r-07", form(item))

    view = rating.open_view(context, "r-07", {"item": item})

    assert view["finished"] is True
    assert view["draft"]["verdicts"] == ["supported", "hallucinated"]
    assert (view["draft"]["answers"]["overall"], view["draft"]["comment"]) == (3, "no kite")


def test_undo_takes_the_rating_back_and_gives_its_answers_to_go_on_from(
    context: AppContext,
) -> None:
    item = add(context)
    rating.submit(context, "r-07", form(item))

    view = rating.undo(context, "r-07", {"item": item})

    assert (view["item"], view["finished"], view["draft"]["comment"]) == (item, False, "no kite")
    assert view["draft"]["verdicts"] == ["supported", "hallucinated"]
    assert list(ratings(context.engine)) == []
    again = rating.submit(context, "r-07", form(item, nonce="another-nonce"))
    assert [stored.number for stored in ratings(context.engine)] == [3]
    assert again["receipt"] == 3


def test_reveal_when_undone_says_of_the_next_rating_that_it_was_not_blind(context: AppContext) -> None:
    item = add(context)
    rating.submit(context, "r-07", form(item))
    rating.reveal(context, "r-07", {"item": item})

    assert rating.undo(context, "r-07", {"item": item})["revealed"] is True
    rating.submit(context, "r-07", form(item, nonce="another-nonce"))

    assert [stored.metric_revealed_at is not None for stored in ratings(context.engine)] == [True]


def test_campaign_when_paused_hands_nothing_out_and_takes_what_is_in_hand(context: AppContext) -> None:
    first, second = add(context), add(context, "blue")
    rating.open_view(context, "r-07", {"item": first})
    pause_campaign(context.engine, INSPECT_CAMPAIGN, paused=True)

    view = rating.next_view(context, "r-07", {"campaign": INSPECT_CAMPAIGN})
    with pytest.raises(FormError, match="paused"):
        rating.open_view(context, "r-07", {"item": second})

    assert (view["view"], "paused" in view["problem"]) == ("empty", True)
    assert rating.campaign_list(context, "r-07") == []
    assert rating.submit(context, "r-07", form(first))["receipt"] == 1


def test_campaign_with_questions_of_its_own_asks_these_and_no_verdicts(context: AppContext) -> None:
    asked = (Question(name="beauty", label="Beauty", low=0, high=100, labels={0: "plain"}),)
    campaign = create_campaign(context.engine, "Beauty", questions=asked, asks_verdicts=False)
    item = add(context, campaign_id=campaign)

    view = rating.next_view(context, "r-07", {"campaign": campaign})
    with pytest.raises(FormError, match="Beauty is a whole number from 0 to 100"):
        rating.submit(context, "r-07", {**form(item), "verdicts": [], "answers": {"beauty": 101}})
    rating.submit(context, "r-07", {**form(item), "verdicts": [], "answers": {"beauty": 100}})

    assert [(one["name"], one["low"], one["high"], one["labels"]) for one in view["questions"]] == [
        ("beauty", 0, 100, {"0": "plain"})
    ]
    assert (view["units"], view["asks_verdicts"]) == ([], False)
    assert [stored.answers for stored in ratings(context.engine)] == [{"beauty": 100}]


def test_training_item_when_submitted_says_what_was_right(context: AppContext) -> None:
    item = add(context)
    gold = {
        "verdicts": [{"start": 22, "end": 35, "verdict": "hallucinated"}],
        "answers": {"overall": [1, 2]},
        "feedback": "There is no kite.",
    }
    with writing(context.engine) as connection:
        connection.execute(update(items).values(role="training", gold=json.dumps(gold)))

    shown = rating.next_view(context, "r-07", {})
    answer = rating.submit(context, "r-07", form(item))

    assert shown["training"] is True
    assert "no kite" not in json.dumps(shown)
    assert [(one["unit"], one["question"], one["right"]) for one in answer["feedback"]] == [
        (1, None, True),
        (None, "overall", False),
    ]
    assert answer["note"] == "There is no kite."


def test_item_that_is_not_cut_is_cut_when_it_is_handed_out(context: AppContext) -> None:
    image = add_image(context.engine, sha256="c" * 64, filename="a.png", width=32, height=24)
    item = add_item(context.engine, image_id=image, caption=CAPTION, units=None)

    view = rating.next_view(context, "r-07", {})

    assert view["item"] == item
    assert len(view["units"]) >= 2
    assert get_item(context.engine, item).is_cut


def test_skip_when_an_item_is_skipped_hands_out_the_next_one_and_frees_its_place(context: AppContext) -> None:
    first, second = add(context, overlap=1), add(context, "blue", overlap=1)
    assert rating.next_view(context, "r-07", {})["item"] == first

    rating.skip(context, "r-07", {"item": first, "reason": "too small"})

    assert rating.next_view(context, "r-07", {})["item"] == second
    other = next_item(context.engine, "somebody else")
    assert other is not None
    assert other.item_id == first
