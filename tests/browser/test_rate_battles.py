"""Battles on the Rate page: two captions of one image, chosen by key, with the flag that both are poor."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from annotations.assignment import own_place
from annotations.items import get_item
from annotations.revisions import ratings

OpenPage = Callable[..., Page]
Rate = Any  # RatePage of conftest.py

FIRST = "A noisy picture with a great many grey dots in every corner."
SECOND = "A purple dog sleeps under a tree. <img src=x onerror=window.pwned=1>"


def first_and_second(rate: Rate, battle: str) -> tuple[str, ...]:
    """Return the two captions in the order in which the store has them."""
    both = get_item(rate.engine, battle).battle
    assert both is not None
    return tuple(get_item(rate.engine, one).caption for one in both)


def test_battle_when_answered_by_key_stores_the_better_caption_whatever_the_side(
    open_rate: OpenPage, rate: Rate
) -> None:
    for winner in (FIRST, SECOND):
        campaign = rate.campaign(captions=0)
        battle = rate.battle(campaign, FIRST, SECOND)
        page = open_rate()
        rater = rate.begin(page, campaign)
        sides = page.locator(".ra-side-text").all_inner_texts()
        assert sorted(sides) == sorted((FIRST, SECOND))
        assert page.evaluate("window.pwned === undefined")

        page.keyboard.press("ab"[sides.index(winner)])
        page.keyboard.press("p")
        expect(page.locator("#rate-poor")).to_be_checked()
        page.keyboard.press("Enter")

        expect(page.locator("#rate-receipt")).to_contain_text("receipt 1")
        expect(page.locator("#rate-curve")).to_have_count(0)
        [stored] = ratings(rate.engine, rater=rater)
        assert stored.item_id == battle
        first, second = first_and_second(rate, battle)
        assert dict(stored.answers) == {"winner": 1 + (first, second).index(winner), "both_poor": 1}


def test_battle_when_reopened_on_another_device_has_its_sides_and_answers(
    open_rate: OpenPage, rate: Rate
) -> None:
    campaign = rate.campaign(captions=0)
    battle = rate.battle(campaign, FIRST, SECOND)
    page = open_rate()
    rater = rate.begin(page, campaign)
    sides = page.locator(".ra-side-text").all_inner_texts()
    flipped = own_place(rate.engine, rater, battle).flipped
    assert tuple(reversed(sides) if flipped else sides) == first_and_second(rate, battle)
    page.keyboard.press("p")
    page.keyboard.press("b")
    rate.wait_for_draft(page)

    other = open_rate(width=390, height=844)
    rate.begin(other, campaign, rater)

    assert other.locator(".ra-side-text").all_inner_texts() == sides
    expect(other.locator("input[data-answer=right]")).to_be_checked()
    expect(other.locator("#rate-poor")).to_be_checked()
    first, second = (other.locator(".ra-side-card").nth(at).bounding_box() for at in (0, 1))
    assert first is not None
    assert second is not None
    assert second["y"] >= first["y"] + first["height"]
    assert other.evaluate("document.documentElement.scrollWidth") <= 390


def test_battle_when_a_step_is_undone_goes_back_one_at_a_time(open_rate: OpenPage, rate: Rate) -> None:
    campaign = rate.campaign(captions=0)
    rate.battle(campaign, FIRST, SECOND)
    page = open_rate()
    rate.begin(page, campaign)
    for key in "atp":
        page.keyboard.press(key)
    expect(page.locator("input[data-answer=tie]")).to_be_checked()

    page.keyboard.press("z")
    expect(page.locator("#rate-poor")).not_to_be_checked()
    page.keyboard.press("z")
    expect(page.locator("input[data-answer=left]")).to_be_checked()
    page.keyboard.press("z")
    expect(page.locator("#rate-battle input:checked")).to_have_count(0)

    page.keyboard.press("Enter")
    expect(page.locator("#rate-status")).to_have_text("Still open: which caption is better.")
