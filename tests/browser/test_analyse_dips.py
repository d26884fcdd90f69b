"""From judged units to a default threshold, in a real browser: figures, slider, promise, two steps."""

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from annotations.campaigns import create_campaign, delete_campaign
from annotations.items import add_item
from annotations.scores import save_scores
from annotations.store import NewRating, save_rating
from annotations.thresholds import current_threshold, threshold_history, withdraw_threshold
from specs_core.checkpoints import file_sha256

OpenPage = Callable[..., Page]
UNITS = ("A red disc.", " A blue square.", " A purple dog.", " A green tree.", " A grey stone.")
CAPTION = "".join(UNITS)


@pytest.fixture
def judged(rate, tiny_checkpoint: Path) -> Iterator[tuple[str, str]]:
    """Sixty images whose hallucinated units dip, scored by the tiny model: its SHA-256, their campaign."""
    sha256, generator = file_sha256(tiny_checkpoint), np.random.default_rng(0)
    campaign = create_campaign(rate.engine, f"Dips {secrets.token_hex(3)}")
    ends = np.cumsum([len(unit) for unit in UNITS]).tolist()
    spans = [(unit, end - len(unit), end) for unit, end in zip(UNITS, ends, strict=True)]
    for number in range(60):
        item = add_item(
            rate.engine,
            image_id=rate.image(),
            caption=CAPTION,
            units=spans,
            segmenter_version="test-1",
            campaign_id=campaign,
        )
        false = [False, *(generator.random(4) < 0.3)]
        deltas = [None, *(generator.normal(0.02, 0.01, 4) - 0.06 * np.array(false[1:])).tolist()]
        units = [
            {"text": text, "start": start, "end": end, "tokens": 4, "similarity": 0.2, "delta": delta}
            for (text, start, end), delta in zip(spans, deltas, strict=True)
        ]
        provenance = {"segmenter": "test", "segmenter_version": "test-1", "weights_sha256": sha256}
        curve = {"score": 0.5, "similarity": 0.2, "provenance": provenance, "units": units}
        save_scores(
            rate.engine,
            item,
            metric="specs",
            model="tiny.safetensors",
            model_sha256=sha256,
            score=0.5 + number / 1000,
            similarity=0.2,
            curve=curve,
        )
        rating = NewRating(
            item_id=item,
            rater="Ada",
            answers={"correctness": 3, "thoroughness": 3, "overall": 1 + number % 5},
            verdicts=tuple("hallucinated" if each else "supported" for each in false),
            nonce=secrets.token_hex(8),
            guideline_version="1",
            application_version="1",
        )
        save_rating(rate.engine, rating)
    yield sha256, campaign
    # Other files' tests look at everything that is there.
    delete_campaign(rate.engine, campaign)


def rest(page: Page) -> None:
    """Wait until every part is filled: what is sent again with the next one would move the slider back."""
    expect(page.locator("#dips-figures")).to_contain_text("AUROC")
    expect(page.locator(".an-part .an-computing")).to_have_count(0)


def test_an_admin_makes_the_calibrated_threshold_the_default_and_inspect_starts_there(
    judged: tuple[str, str], rate, open_rate: OpenPage
) -> None:
    sha256, campaign = judged
    page = open_rate()
    admin = rate.be(page, "admin")
    page.goto(f"/?analyse=campaigns%3D{campaign}")
    page.get_by_role("tab", name="Analyse").click()
    figures = page.locator("#dips-figures")
    rest(page)
    expect(page.locator("#dips-plot-threshold .main-svg").first).to_be_visible()
    # Another test may have given this model a default and taken it back.
    expect(page.locator("#dips-history")).to_contain_text(re.compile("has no default yet|first0, withdrawn"))
    page.locator("#dips-threshold input[type=number]").fill("0.15")
    page.locator("#dips-threshold input[type=number]").press("Enter")
    expect(figures).to_contain_text("Threshold 0.150")
    expect(figures).to_contain_text("0 of 240 units flagged")
    # What a figure is, at the keyboard.
    page.locator("#dips-figures .an-tip").first.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("Chance that a hallucinated unit has a lower delta")
    page.locator("#dips-use").click()
    expect(figures).not_to_contain_text("Threshold 0.150")
    page.locator("#dips-make").click()
    expect(page.locator("#dips-question")).to_contain_text("It is promised that at most 20% of the flags")
    page.locator("#dips-cancel").click()
    expect(page.locator("#dips-asking")).to_be_hidden()
    assert current_threshold(rate.engine, sha256) is None
    page.locator("#dips-make").click()
    page.locator("#dips-confirm").click()
    expect(page.locator("#dips-history")).to_contain_text("≤ 0.20 from 30 images")
    expect(page.locator("#dips-history")).to_contain_text(admin)
    stored = current_threshold(rate.engine, sha256)
    assert (stored.set_by, stored.n_images) == (admin, 30)

    page.goto(f"/?analyse=campaigns%3D{campaign}")
    expect(page.locator("#threshold-note .lens-host")).to_contain_text("calibrated on 30 images on 20")
    assert float(page.locator("#threshold input[type=number]").input_value()) == stored.threshold

    page.get_by_role("tab", name="Analyse").click()
    page.locator("#dips-withdraw").click()
    page.locator("#dips-confirm").click()
    expect(page.locator("#dips-history")).to_contain_text("0, withdrawn")
    assert current_threshold(rate.engine, sha256) is None


def test_of_two_defaults_set_at_once_the_later_counts_and_both_pages_come_to_tell_of_it(
    judged: tuple[str, str], rate, open_rate: OpenPage
) -> None:
    sha256, campaign = judged
    pages, admins = [open_rate(), open_rate()], []
    for page, threshold in zip(pages, ("0.011", "0.022"), strict=True):
        admins.append(rate.be(page, "admin"))
        page.goto(f"/?analyse=campaigns%3D{campaign}")
        page.get_by_role("tab", name="Analyse").click()
        rest(page)
        page.locator("#dips-threshold input[type=number]").fill(threshold)
        page.locator("#dips-threshold input[type=number]").press("Enter")
        expect(page.locator("#dips-figures")).to_contain_text(f"Threshold {threshold}")
        page.locator("#dips-make").click()
        expect(page.locator("#dips-question")).to_contain_text(f"Make {threshold} the default")
    before = len(threshold_history(rate.engine, sha256))
    try:
        for page in pages:
            page.locator("#dips-confirm").click()
        for page, admin in zip(pages, admins, strict=True):
            expect(page.locator("#dips-history")).to_contain_text(admin)
            expect(page.locator("#dips-asking")).to_be_hidden()

        history = threshold_history(rate.engine, sha256)
        assert len(history) == before + 2, "both are kept"
        assert {row.set_by: row.threshold for row in history[:2]} == dict(
            zip(admins, (0.011, 0.022), strict=True)
        )
        assert current_threshold(rate.engine, sha256) == history[0]
        earlier = pages[admins.index(history[1].set_by)]
        earlier.locator("#dips-make").click()
        # Who asks for the next one reads first what counts by now.
        expect(earlier.locator("#dips-history .dips-default").first).to_contain_text(history[0].set_by)
        for page in pages:
            expect(page.locator(".toast-body.error")).to_have_count(0)
    finally:
        withdraw_threshold(rate.engine, sha256, actor=admins[0], application_version="1")


def test_an_adjudicator_sees_the_figures_and_no_button(
    judged: tuple[str, str], rate, open_rate: OpenPage
) -> None:
    page = open_rate(width=390)
    rate.be(page, "adjudicator")
    page.goto(f"/?__theme=dark&analyse=campaigns%3D{judged[1]}")
    expect(page.locator("#dips-figures")).to_contain_text("AUROC")
    expect(page.locator("#dips-only-admins")).to_be_visible()
    expect(page.locator("#dips-make")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
