"""What to rate next, in a real browser: an admin draws, an adjudicator only looks, and both can read why."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from annotations.campaigns import delete_campaign, get_campaign
from annotations.drawing import DRAWN_PRIORITY
from annotations.engine import reading
from annotations.schema import items
from annotations.scores import save_scores
from annotations.store import NewRating, save_rating

# Weights that no page scores with.
SHA = "a" * 64


@pytest.fixture
def study(rate) -> Iterator[str]:
    """A campaign of eight scored captions, three of them rated by two people."""
    campaign = rate.campaign(captions=8, asks_verdicts=False)
    with reading(rate.engine) as connection:
        query = select(items.c.id).where(items.c.campaign_id == campaign).order_by(items.c.created_at)
        found = connection.scalars(query).all()
    for number, item in enumerate(found):
        save_scores(rate.engine, item, metric="specs", model="m", model_sha256=SHA, score=0.3 + number / 20)
    for number, item in enumerate(found[:3]):
        for name, more in (("Next Ada", 0), ("Next Ben", 1)):
            answers = dict.fromkeys(("correctness", "thoroughness", "overall"), 1 + number + more)
            save_rating(
                rate.engine,
                NewRating(
                    item_id=item,
                    rater=name,
                    answers=answers,
                    verdicts=(),
                    nonce=secrets.token_hex(8),
                    guideline_version="1",
                    application_version="1",
                ),
            )
    yield campaign
    # Other files' tests look at everything that is there.
    delete_campaign(rate.engine, campaign)


def address(campaign: str) -> str:
    """Return where Analyse shows one campaign alone."""
    return f"/?analyse=campaigns%3D{campaign}%26model%3D{SHA}"


def choose(page: Page, campaign: str) -> None:
    """Wait for the list of captions, and choose a campaign where another one's is shown."""
    expect(page.locator(".an-queue li").first).to_be_visible()
    if campaign not in page.locator("#analyse-next-list").inner_text():
        page.locator("#analyse-next-campaign input").click()
        page.get_by_role("option", name=campaign).click()
    expect(page.locator("#analyse-next-list")).to_contain_text(f"8 captions of “{campaign}”: 3 rated")


def ask_to_draw(page: Page, rate, study: str, n: int) -> None:
    """As an admin, ask on Analyse for some captions to be drawn."""
    rate.be(page, "admin")
    page.goto(address(study))
    page.get_by_role("tab", name="Analyse").click()
    choose(page, get_campaign(rate.engine, study).name)
    page.locator("#analyse-next-n input").fill(str(n))
    page.locator("#analyse-next-ask").click()


def weights(rate, campaign: str) -> list[float]:
    with reading(rate.engine) as connection:
        query = select(items.c.weight).where(items.c.campaign_id == campaign)
        return sorted(connection.scalars(query))


def test_a_draw_when_an_admin_says_yes_is_written_and_shown_and_a_change_takes_the_question_back(
    study: str, open_rate: Callable[..., Page], rate
) -> None:
    campaign = get_campaign(rate.engine, study).name
    page = open_rate()
    ask_to_draw(page, rate, study, 3)
    expect(page.locator("#analyse-next-sure")).to_contain_text(f"Draw 3 captions of “{campaign}” by lot")
    page.locator("#analyse-next-n input").fill("8")
    expect(page.locator("#analyse-next-yes")).to_be_hidden()
    assert weights(rate, study) == [1.0] * 8
    page.locator("#analyse-next-ask").click()
    page.locator("#analyse-next-yes").click()
    expect(page.locator("#analyse-next-told")).to_contain_text("Drew 8 of 8 captions")
    expect(page.locator(".an-waits")).to_have_count(8)
    expect(page.locator("#analyse-next-yes")).to_be_hidden()
    # Why a caption stands there is told at the keyboard as well.
    page.locator(".an-queue .an-tip").first.focus()
    expect(page.locator("#analyse-note")).to_contain_text("one more rating lowers the variance")


def test_a_caption_when_drawn_on_analyse_is_the_first_that_a_new_rater_is_handed(
    study: str, open_rate: Callable[..., Page], rate
) -> None:
    page = open_rate()
    # One alone: by the usual order it would be handed out first in one draw of eight.
    ask_to_draw(page, rate, study, 1)
    page.locator("#analyse-next-yes").click()
    expect(page.locator("#analyse-next-told")).to_contain_text("Drew 1 of 8 captions")
    with reading(rate.engine) as connection:
        query = select(items.c.caption).where(
            items.c.campaign_id == study, items.c.priority == DRAWN_PRIORITY
        )
        drawn = connection.scalars(query).one()

    other = open_rate()
    rate.begin(other, study)
    expect(other.locator("#rate-caption")).to_have_text(drawn)


def test_the_list_when_an_adjudicator_looks_has_nothing_to_draw_with_and_shows_the_largest_gap_first(
    study: str, open_rate: Callable[..., Page], rate
) -> None:
    campaign = get_campaign(rate.engine, study).name
    page = open_rate(width=390)
    rate.be(page, "adjudicator")
    page.goto(address(study))
    choose(page, campaign)
    expect(page.locator("#analyse-next-ask")).to_be_hidden()
    page.get_by_label("where metric and people disagree").click()
    expect(page.locator(".an-queue li").first).to_contain_text("% of the list apart")
    expect(page.locator(".an-queue li").last).to_contain_text("nobody disagrees yet")
    # Intervals of people come after their numbers.
    people = page.locator("#analyse-people-body")
    expect(people).to_contain_text("resamples, seed 0")
    expect(people).not_to_contain_text("on their way")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
