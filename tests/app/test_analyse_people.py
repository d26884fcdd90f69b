"""What people say among themselves: numbers first, then their intervals, which another choice ends."""

import secrets
from collections.abc import Iterator

import gradio as gr
import pytest

from annotations.analysis.table import Choice
from annotations.campaigns import create_campaign
from annotations.images import add_image
from annotations.items import add_item
from annotations.stopping import Stopped
from annotations.store import NewRating, save_rating
from app.analysis import Readings, reading_of, shown_of
from app.analysis_parts import Asked, Part
from app.context import AppContext, open_context
from app.pages import analyse_people
from app.pages.analyse_turn import Turn
from app.settings import Settings

ASKED = Asked(Choice(), "overall", "specs", "kendall_tau_b", "pooled")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    """An app with forty ratings: two people on twenty captions."""
    folder = tmp_path_factory.mktemp("people")
    opened = open_context(Settings(data=folder / "data", backup_minutes=0))
    campaign = create_campaign(opened.engine, "study", asks_verdicts=False)
    for number in range(20):
        image = add_image(opened.engine, sha256=secrets.token_hex(32), filename="a.png", width=8, height=8)
        item = add_item(
            opened.engine, image_id=image, caption=f"Caption {number}.", units=None, campaign_id=campaign
        )
        for at, name in enumerate(("Ada", "Ben <b>")):
            given = 1 + (number + at * (number % 3 == 0)) % 5
            save_rating(
                opened.engine,
                NewRating(
                    item_id=item,
                    rater=name,
                    answers={"correctness": given, "thoroughness": given, "overall": given},
                    verdicts=(),
                    nonce=secrets.token_hex(8),
                    guideline_version="1",
                    application_version="1",
                ),
            )
    yield opened
    opened.engine.dispose()


@pytest.fixture
def part(context: AppContext) -> Part:
    with gr.Blocks():
        return analyse_people.build(context)


def test_people_when_shown_have_numbers_at_once_and_intervals_later(context, part) -> None:
    reading = reading_of(*shown_of(context.readings, ASKED))
    values = part.show(reading)
    assert len(values) == len(part.outputs) == len(part.blank)
    first = values[1]
    assert "2 people · 40 ratings of 20 captions and battles" in first
    assert "Intervals are on their way" in first
    assert " to 0." not in first
    second = part.later(reading)[1]
    assert "2,000 resamples, seed 0" in second
    assert " to 0." in second
    assert "Ben &lt;b&gt;" in second


def test_intervals_that_nobody_waits_for_end_and_are_worked_out_for_whoever_comes_next(context, part) -> None:
    # Ratings read anew, of which nothing is kept.
    reading = reading_of(*shown_of(Readings(context.engine), ASKED))
    page = Turn()
    mine = page.begin()
    page.begin()
    with page.kept_to(mine), pytest.raises(Stopped):
        part.later(reading)
    with page.kept_to(page.number):
        assert "2,000 resamples" in part.later(reading)[1]
