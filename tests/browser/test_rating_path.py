"""The whole way in a real browser: upload, curve, a dip, the rating, the analysis."""

import csv
import math
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Response, Route, expect
from sqlalchemy import Engine

from annotations.analysis.reading import read_table
from annotations.analysis.table import Choice
from annotations.assignment import next_item
from annotations.reveals import revealed_at
from annotations.revisions import ratings
from annotations.scores import save_scores
from annotations.store import NewRating, save_rating

OpenPage = Callable[..., Page]
Rate = Any  # RatePage of conftest.py

CAPTIONS = (
    "A drawing of a few things. A red disc floats on the left. A blue square stands on the right, above the "
    "green ground. A purple dog sleeps in the middle.",
    "The picture shows green ground. A large yellow moon shines above it. A blue square is at the edge.",
    "A red disc and a blue square. Between them there is nothing. The ground is of grass.",
)
HOSTILE = "=cmd() <img src=x onerror=window.pwned=1><script>window.pwned=1</script> ${window.pwned=1}"


@pytest.fixture(scope="module")
def engine(rate: Rate) -> Engine:
    """The running app's own database."""
    return rate.engine


@pytest.fixture
def queued(rate: Rate) -> str:
    """A campaign of two captions."""
    return rate.campaign(captions=2)


@pytest.fixture(scope="module")
def scored(engine: Engine, rate: Rate) -> None:
    """Thirty rated and scored items, more than the tests make; the caption of the last one is markup."""
    captions = [f"Grey noise, the {number}th picture of its kind." for number in range(29)]
    for number, caption in enumerate([*captions, HOSTILE]):
        item = rate.item(None, caption)
        grade = 1 + number % 5
        save_rating(
            engine,
            NewRating(
                item_id=item,
                rater="r-direct",
                answers={"correctness": grade, "thoroughness": grade, "overall": grade},
                verdicts=("supported", "supported"),
                nonce=secrets.token_hex(8),
                guideline_version="1",
                application_version="1",
            ),
        )
        # Weights that no page scores with: these points are a set of their own.
        save_scores(
            engine, item, metric="specs", model="another", model_sha256="e" * 64, score=0.2 + 0.02 * number
        )


def score(page: Page, image: Path, caption: str) -> None:
    """Upload an image, write a caption and wait for the curve."""
    page.get_by_role("tab", name="Inspect").click()
    if page.locator("#image input[type=file]").count():
        page.locator("#image input[type=file]").set_input_files(image)
        expect(page.locator("#image img").first).to_be_visible()
    page.locator("#caption textarea").fill(caption)
    page.locator("#score-button").click()
    last_word = caption.removesuffix(".").split()[-1]
    expect(page.locator("#units")).to_contain_text(last_word)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_upload_curve_dip_rating_and_analysis_when_done_in_order_agree(
    open_page: OpenPage, rate: Rate, engine: Engine, drawn_image: Path, theme: str
) -> None:
    page, rater = open_page(theme=theme), f"r-{theme}-{secrets.token_hex(3)}"
    # A campaign of one's own, so that nothing but what Inspect sends is at hand.
    # What people said is shown to adjudicators and admins.
    rate.code(rater, "adjudicator")
    rate.begin(page, rate.campaign(), rater)
    for number, caption in enumerate(CAPTIONS):
        score(page, drawn_image, caption)
        if number == 0:
            page.locator("#units .lens-u-dip").first.click()
            expect(page.locator("#details")).to_contain_text("a dip")
        page.locator("#rate-button").click()
        expect(page.locator("#rate-caption")).to_have_text(caption)
        if number == 0:
            page.locator("#rate-help-done").click()
        units = rate.fill_in(page, 5 - number)
        page.keyboard.press("Enter")
        expect(page.locator("#rate-receipt")).to_contain_text(f"receipt {number + 1}")
        expect(page.locator("#rate-curve svg")).to_be_visible()
        expect(page.locator("#rate-units .ra-verdict")).to_have_count(units)

    page.get_by_role("tab", name="Analyse").click()

    expect(page.locator('#analyse-table tr.an-metric [data-metric="specs"]')).to_be_visible()
    tiny = next(one for one in read_table(engine).models if one.model == "tiny.safetensors")
    table = read_table(engine, Choice(model_sha256=tiny.sha256))
    scored = zip(table.captions, table.metrics["specs"].tolist(), strict=True)
    shown = [caption for caption, score in scored if not math.isnan(score)]
    assert len(shown) >= 3
    expect(page.locator("#analyse-plot .scatterlayer .point")).to_have_count(len(shown))
    assert set(CAPTIONS) <= set(shown)
    mine = list(ratings(engine, rater=rater))
    assert [stored.answers["overall"] for stored in mine] == [5, 4, 3]
    assert all(stored.verdicts[0].verdict == "hallucinated" for stored in mine)
    # Sent from Inspect, where the curve had been seen.
    assert all(stored.metric_revealed_at is not None for stored in mine)
    # The intervals bring notes with them that move the plot away from under the mouse.
    expect(page.locator("#analyse-table")).to_contain_text("expanded percentile bootstrap over images")
    page.locator("#analyse-plot .scatterlayer .point").first.hover(force=True)
    expect(page.locator("#analyse-card-body img")).to_be_visible()
    expect(page.locator("#analyse-card-body .ra-caption")).not_to_be_empty()


def test_draft_when_the_page_is_reloaded_comes_back_from_the_database(
    open_page: OpenPage, rate: Rate, queued: str
) -> None:
    page = open_page()
    rate.begin(page, queued)
    caption = page.locator("#rate-caption").inner_text()
    page.keyboard.press("h")
    page.keyboard.press("u")
    with page.expect_response("**/rating/draft"):
        page.locator("#rate-comment").fill("half done")
    expect(page.locator("#rate-status")).to_contain_text("draft saved")

    page.reload()
    page.get_by_role("tab", name="Rate").click()

    expect(page.locator("#rate-caption")).to_have_text(caption)
    expect(page.locator("#rate-status")).to_contain_text("resumed")
    expect(page.locator("#rate-comment")).to_have_value("half done")
    assert rate.verdicts(page) == ["hallucinated", "unsure"]


def test_curve_when_the_rating_is_not_submitted_never_reaches_the_browser(
    open_page: OpenPage, rate: Rate, engine: Engine, queued: str
) -> None:
    page = open_page()
    bodies: list[str] = []
    page.on("response", lambda answer: bodies.append(text_of(answer)))
    rater = rate.begin(page, queued)
    units = rate.fill_in(page, 3)
    expect(page.locator("#rate-status")).to_contain_text("draft saved")
    held = next_item(engine, rater)
    assert held is not None
    assert not [body for body in bodies if "similarity" in body or "delta" in body]
    assert revealed_at(engine, rater, held.item_id) is None

    page.locator("#rate-submit").dblclick()

    expect(page.locator("#rate-receipt")).to_contain_text("receipt 1")
    expect(page.locator("#rate-curve svg")).to_be_visible()
    expect(page.locator("#rate-units .ra-verdict")).to_have_count(units)
    [stored] = ratings(engine, rater=rater, all_revisions=True)
    assert stored.metric_revealed_at is None
    assert revealed_at(engine, rater, held.item_id) is not None


def test_submit_when_something_is_open_says_what_and_saves_nothing(
    open_page: OpenPage, rate: Rate, engine: Engine, queued: str
) -> None:
    page = open_page()
    rater = rate.begin(page, queued)
    units = page.locator("#rate-units [data-row]").count()
    page.keyboard.press("s")

    page.locator("#rate-submit").click()

    left = units - 1
    told = f"Still open: {left} {'unit' if left == 1 else 'units'} and 3 scales."
    expect(page.locator("#rate-status")).to_have_text(told)
    assert list(ratings(engine, rater=rater)) == []


def test_submit_when_the_server_cannot_be_reached_is_tried_again_by_itself_with_the_same_nonce(
    open_page: OpenPage, rate: Rate, engine: Engine, queued: str
) -> None:
    page = open_page()
    rater = rate.begin(page, queued)
    rate.fill_in(page, 4)
    nonces: list[str] = []

    def lose(route: Route) -> None:
        nonces.append(route.request.post_data_json["nonce"])
        if len(nonces) == 1:
            route.abort()
        elif len(nonces) == 2:
            # The rating arrives and its receipt does not.
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/rating/submit", lose)
    page.locator("#rate-submit").click()
    expect(page.locator("#rate-status")).to_contain_text("Not saved yet: the server does not answer")
    expect(page.locator("#rate-receipt")).to_have_count(0)
    assert rate.verdicts(page) == ["hallucinated", "supported"]

    expect(page.locator("#rate-receipt")).to_contain_text("receipt 1")
    assert len(nonces) == 3
    assert len(set(nonces)) == 1
    assert [stored.answers["overall"] for stored in ratings(engine, rater=rater, all_revisions=True)] == [4]


def test_skip_when_confirmed_hands_out_another_caption(open_page: OpenPage, rate: Rate, queued: str) -> None:
    page = open_page()
    rate.begin(page, queued)
    image = page.locator(".ra-zoom img").get_attribute("src")
    assert image is not None
    page.locator("#rate-skip").click()
    page.locator("#rate-skip-reason").fill("too small")
    page.get_by_role("button", name="Skip this one").click()

    expect(page.locator(".ra-zoom img")).not_to_have_attribute("src", image)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_rate_and_analyse_when_the_window_is_narrow_do_not_scroll_sideways(
    open_page: OpenPage, rate: Rate, queued: str, scored: None, theme: str
) -> None:
    page = open_page(theme=theme, width=390, height=844)
    rater = f"r-{secrets.token_hex(4)}"
    rate.code(rater, "adjudicator")
    rate.begin(page, queued, rater)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#rate-submit").scroll_into_view_if_needed()
    page.locator("#rate-scales [data-row]").first.scroll_into_view_if_needed()
    # The picture and the caption stay in sight while the units go by.
    expect(page.locator(".ra-zoom img")).to_be_in_viewport()
    expect(page.locator("#rate-caption")).to_be_in_viewport()

    tab = page.get_by_role("tab", name="Analyse")
    if not tab.is_visible():  # five tabs do not fit: some stand in the menu
        page.locator(".overflow-menu > button").first.click()
        tab = page.locator(".overflow-dropdown button", has_text="Analyse")
    tab.click()
    expect(page.locator("#analyse-plot .scatterlayer .point")).to_have_count(30)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_points_when_downloaded_are_csv_that_a_spreadsheet_does_not_run(
    open_page: OpenPage, rate: Rate, scored: None
) -> None:
    page = open_page()
    rate.be(page, "adjudicator")
    page.get_by_role("tab", name="Analyse").click()
    expect(page.locator("#analyse-csv")).to_be_visible()

    with page.expect_download() as started:
        page.locator("#analyse-csv").click()

    rows = list(csv.DictReader(started.value.path().read_text(encoding="utf-8-sig").splitlines()))
    # Captions that these weights have not scored are there without a score.
    scored_rows = [row for row in rows if row["specs"]]
    assert sorted(float(row["specs"]) for row in scored_rows) == pytest.approx(
        [0.2 + 0.02 * number for number in range(30)]
    )
    assert [row["caption"] for row in rows if "cmd()" in row["caption"]] == [f"'{HOSTILE}"]
    assert all(1 <= float(row["human_overall"]) <= 5 for row in scored_rows)


def test_caption_when_it_is_markup_is_shown_as_text_and_never_run(
    open_page: OpenPage, rate: Rate, scored: None
) -> None:
    page = open_page()
    rate.be(page, "adjudicator")
    page.get_by_role("tab", name="Analyse").click()
    page.locator(".an-more summary").click()
    page.locator(".an-point", has_text="onerror").first.focus()

    expect(page.locator("#analyse-card-body .ra-caption")).to_have_text(HOSTILE)
    assert page.evaluate("window.pwned === undefined")


def text_of(answer: Response) -> str:
    """Return what the server sent, if it is data; a stream that was closed has no body any more."""
    kind = answer.headers.get("content-type", "")
    try:
        return answer.text() if "json" in kind or "event-stream" in kind else ""
    except PlaywrightError:
        return ""
