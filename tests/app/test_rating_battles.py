"""Battles through the app's own functions: the sides that a rater sees, and what the store keeps of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from annotations.engine import open_database
from annotations.images import add_image
from annotations.items import add_battle, add_item, get_item
from annotations.revisions import ratings
from app import rating
from app.answers import FormError
from app.context import AppContext
from app.pictures import PictureStore


@pytest.fixture
def context(tmp_path: Path, with_database: Callable[[Path], Path]) -> AppContext:
    return AppContext(
        settings=None,  # type: ignore[arg-type]
        engine=open_database(f"sqlite:///{with_database(tmp_path) / 'specs.sqlite3'}"),
        encoders=None,  # type: ignore[arg-type]
        pictures=PictureStore(tmp_path / "images"),
    )


def battle(context: AppContext) -> tuple[str, str, str]:
    """Two captions of one image against each other: the battle, and the two items as it has them."""
    image_id = add_image(context.engine, sha256="b" * 64, filename="a.png", width=32, height=24)
    pair = [
        add_item(context.engine, image_id=image_id, caption=text, units=None, source=f"captioner-{text}")
        for text in ("one", "two")
    ]
    item = add_battle(context.engine, *pair)
    return item, *get_item(context.engine, item).battle  # type: ignore[misc]


def test_battle_when_shown_sends_two_captions_and_keeps_their_sides(context: AppContext) -> None:
    item, _, _ = battle(context)

    view = rating.open_view(context, "r-07", {"item": item})
    again = rating.open_view(context, "r-07", {"item": item})

    assert sorted(view["sides"]) == ["one", "two"]
    assert again["sides"] == view["sides"]
    assert "captioner" not in json.dumps(view)
    assert "flipped" not in json.dumps(view)


@pytest.mark.parametrize("winner", ["left", "right", "tie"])
def test_battle_when_submitted_names_the_caption_that_won_whatever_its_side(
    context: AppContext, winner: str
) -> None:
    item, first, second = battle(context)
    captions = [get_item(context.engine, one).caption for one in (first, second)]
    shown = {}
    for rater in ("r-07", "r-08"):
        shown[rater] = rating.open_view(context, rater, {"item": item})["sides"]
        content = {
            "item": item,
            "answers": {"winner": winner, "both_poor": True},
            "nonce": f"{rater}-{winner}",
        }
        rating.save_draft(context, rater, {"item": item, "content": content})
        assert rating.open_view(context, rater, {"item": item})["draft"]["answers"]["winner"] == winner
        rating.submit(context, rater, content)

    # The second rater has the sides the other way round.
    assert list(shown["r-07"]) == list(shown["r-08"])[::-1]
    for stored in ratings(context.engine):
        chosen = stored.answers["winner"]
        side = {"left": 0, "right": 1}.get(winner)
        assert chosen == (0 if side is None else 1 + captions.index(shown[stored.rater][side]))
        assert stored.answers["both_poor"] == 1
    assert rating.undo(context, "r-08", {"item": item})["draft"]["answers"] == {
        "winner": winner,
        "both_poor": True,
    }


def test_battle_has_no_curve_to_be_revealed(context: AppContext) -> None:
    item, _, _ = battle(context)

    with pytest.raises(FormError, match="no curve"):
        rating.reveal(context, "r-07", {"item": item})
