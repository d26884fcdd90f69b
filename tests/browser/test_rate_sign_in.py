"""Who rates: codes, invitations in an address, signing out, and signing in again over the form."""

import secrets
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import delete

from annotations.revisions import ratings
from annotations.schema import client_locks

OpenPage = Callable[..., Page]
Rate = Any  # RatePage of conftest.py


def test_code_when_wrong_is_refused_with_a_sentence_and_too_many_lock_the_client(
    open_rate: OpenPage, rate: Rate
) -> None:
    page = open_rate()
    page.get_by_role("tab", name="Rate").click()
    trouble = page.locator("#rate-sign-problem")
    try:
        for _ in range(5):
            with page.expect_response("**/session"):
                page.locator("#rate-code").fill("WRONGWRO-NGWR-ONGW-RONG-WRON-GWRO")
                page.locator("#rate-sign-in").click()
            expect(trouble).to_contain_text("This code does not sign in")
        rate.sign_in(page, f"r-{secrets.token_hex(4)}")
        expect(trouble).to_contain_text("minutes")
        expect(page.locator("#rate-submit")).to_have_count(0)
    finally:
        with rate.engine.begin() as connection:
            connection.execute(delete(client_locks))


def test_invitation_in_the_address_signs_in_and_is_taken_out_of_it(open_rate: OpenPage, rate: Rate) -> None:
    rater = f"r-{secrets.token_hex(4)}"
    rate.campaign()
    page = open_rate()
    page.evaluate("code => { location.hash = `invite=${code}`; }", rate.code(rater))

    expect(page.locator("#rate-who")).to_have_text(rater)
    assert "invite" not in page.url

    other = f"r-{secrets.token_hex(4)}"
    page.goto("about:blank")
    page.goto(f"/?__theme=light#invite={rate.code(other)}")
    expect(page.locator("#rate-who")).to_have_text(other)
    assert rate.code(other) not in page.url


def test_sign_out_when_pressed_ends_the_session_here_or_everywhere(open_rate: OpenPage, rate: Rate) -> None:
    campaign = rate.campaign()
    page, other = open_rate(), open_rate()
    rater = rate.begin(page, campaign)
    rate.begin(other, campaign, rater)

    page.locator("#rate-sign-out").click()
    expect(page.locator("#rate-code")).to_be_visible()
    assert page.request.get("/session").json()["name"] is None
    assert other.request.get("/session").json()["name"] == rater

    rate.sign_in(page, rater)
    page.locator("#rate-sign-out-everywhere").click()
    expect(page.locator("#rate-code")).to_be_visible()
    assert other.request.get("/session").json()["name"] is None


def test_form_when_signed_out_elsewhere_goes_on_after_signing_in_over_it(
    open_rate: OpenPage, rate: Rate
) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign())
    rate.fill_in(page, 4)
    rate.wait_for_draft(page)
    page.request.delete("/session")
    page.locator("#rate-comment").fill("still here")

    expect(page.locator("#rate-over")).to_contain_text(f"Sign in again as {rater}")
    page.keyboard.press("Escape")
    expect(page.locator("#rate-over")).to_be_visible()
    rate.sign_in(page, rater)
    rate.wait_for_draft(page)
    expect(page.locator("#rate-over")).to_have_count(0)
    expect(page.locator("#rate-comment")).to_have_value("still here")
    page.request.delete("/session")
    page.locator("#rate-submit").click()
    rate.sign_in(page, rater)

    expect(page.locator("#rate-receipt")).to_contain_text("receipt 1")
    assert [stored.comment for stored in ratings(rate.engine, rater=rater)] == ["still here"]


def test_form_when_somebody_else_signs_in_is_not_sent_under_their_name(
    open_rate: OpenPage, rate: Rate
) -> None:
    campaign = rate.campaign()
    page = open_rate()
    rater = rate.begin(page, campaign)
    rate.fill_in(page, 4)
    rate.wait_for_draft(page)
    # Another tab of this browser.
    other = rate.be(page, "rater")
    page.locator("#rate-submit").click()

    expect(page.locator("#rate-over")).to_contain_text(f"This browser is signed in as {other} now")
    rate.sign_in(page, other)

    expect(page.locator("#rate-who")).to_have_text(other)
    expect(page.locator("#rate-status")).to_contain_text(f"nothing of {rater} was sent")
    assert rate.verdicts(page) == []
    assert list(ratings(rate.engine, rater=rater)) == []
    assert list(ratings(rate.engine, rater=other)) == []
