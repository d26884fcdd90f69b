"""The Analyse page in a real browser: filters, statistic, the card of a point, the way to Inspect."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from annotations.campaigns import delete_campaign
from annotations.scores import save_scores
from annotations.store import NewRating, save_rating

OpenPage = Callable[..., Page]
Rate = Any  # RatePage of conftest.py

# Weights that no page scores with: these points are a set of their own.
SHA = "d" * 64
CAPTIONS = 36
EVIL = "<img src=x onerror=window.pwned=1>"
# In every frame: whether intervals are on their way, where the plot stands, whether the notes are there.
WATCH = """() => {
  const [plot, notes] = ["#analyse-plot", "#analyse-notes"].map((id) => document.querySelector(id));
  window.seen = [];
  const look = () => {
    const top = plot.getBoundingClientRect().top + scrollY;
    seen.push([Boolean(document.querySelector("#analyse-computing")), top, notes.offsetHeight > 0]);
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.fixture(scope="module")
def campaign(rate: Rate) -> Iterator[str]:
    """A campaign of 36 captions of 18 images, rated by two people and scored by two metrics."""
    made = rate.campaign(captions=0)
    for number in range(CAPTIONS):
        if number % 2 == 0:
            image = rate.image()
        text = f"Grey noise, picture {number} of its kind, {EVIL if number == 5 else 'plain'}."
        item = rate.item(made, text, image=image)
        grade = 1 + (number * 7) % 5
        for at, rater in enumerate(("Ada <b>", "Ben")):
            answers = {
                "correctness": grade,
                "thoroughness": 6 - grade,
                "overall": min(5, max(1, grade + at * (number % 3 - 1))),
            }
            save_rating(
                rate.engine,
                NewRating(
                    item_id=item, rater=rater, answers=answers,
                    verdicts=("supported", "hallucinated" if number % 4 else "supported"),
                    nonce=secrets.token_hex(8), guideline_version="1", application_version="1",
                ),
            )  # fmt: skip
        for metric, score in (
            ("specs", 0.1 * grade + 0.01 * (number % 4)),
            ("bleu_4", (number * 5 % 11) / 11),
            ("length_tokens", 10 + number),
        ):
            save_scores(rate.engine, item, metric=metric, model="noisy", model_sha256=SHA, score=score)
    yield made
    # Other files' tests look at what has the most captions.
    delete_campaign(rate.engine, made)


@pytest.fixture
def analyse(open_rate: OpenPage, rate: Rate, campaign: str) -> Callable[..., Page]:
    """Open the page of the campaign as an adjudicator, as in `analyse(width=390, systems="nobody")`."""

    def open_it(*, ready: bool = True, query: str = "", **options: Any) -> Page:
        page = open_rate(**options)
        rate.be(page, "adjudicator")
        theme = options.get("theme", "light")
        choice = f"campaigns={campaign}&model={SHA}{query}".replace("=", "%3D").replace("&", "%26")
        # An address with a choice opens on Analyse, on a phone as well.
        page.goto(f"/?__theme={theme}&analyse={choice}")
        if ready:
            expect(page.locator("#analyse-plot .scatterlayer .point")).to_have_count(CAPTIONS)
        return page

    return open_it


def choose_tab(page: Page, name: str) -> None:
    tab = page.get_by_role("tab", name=name)
    expect(page.get_by_role("tab", name="Inspect")).to_be_visible()
    if not tab.is_visible():  # five tabs do not fit on a phone: some stand in the menu
        page.locator(".overflow-menu > button").first.click()
        tab = page.locator(".overflow-dropdown button", has_text=name)
    tab.click()


def value_of(page: Page, metric: str = "specs") -> str:
    return page.locator(f'.an-agreement tr:has([data-metric="{metric}"]) td b').first.inner_text()


def test_values_come_at_once_and_intervals_and_rank_groups_in_their_places(
    analyse: Callable[..., Page],
) -> None:
    page = analyse()
    rows = page.locator("#analyse-table tbody tr")
    expect(page.locator("#analyse-groups")).to_contain_text("Metrics in one rank group are not told apart")
    height = page.locator("#analyse-table table").bounding_box()["height"]

    # Two metrics, four sentinels of which one has no scores, and the human ceiling.
    expect(rows).to_have_count(6)
    expect(page.locator("#analyse-table .an-metric .an-interval")).to_have_count(2)
    expect(page.locator("#analyse-table tr.an-metric").first.locator(".an-group")).to_have_text("A")
    expect(page.locator("#analyse-table tr.an-ceiling .an-value")).to_have_count(1)
    expect(page.locator("#analyse-notes")).to_contain_text("18 images are few")
    page.evaluate(WATCH)
    page.locator("#analyse-refresh").click()
    page.wait_for_function("seen.some(([computing]) => computing)")
    expect(page.locator("#analyse-groups")).to_be_visible()
    assert abs(page.locator("#analyse-table table").bounding_box()["height"] - height) < 2
    seen = page.evaluate("seen")
    tops = [top for _, top, _ in seen]
    assert max(tops) - min(tops) < 2, "the plot moves under the pointer"
    assert all(told for _, _, told in seen), (
        "the notes leave their place while the next ones are on their way"
    )


def test_number_tells_its_n_and_definition_at_the_pointer_and_at_the_keyboard(
    analyse: Callable[..., Page],
) -> None:
    page = analyse()
    expect(page.locator("#analyse-groups")).to_be_visible()
    number = page.locator("#analyse-table tr.an-metric .an-tip").first
    note = page.locator("#analyse-note")

    number.hover()
    expect(note).to_be_visible()
    expect(note).to_contain_text(f"n = {CAPTIONS} captions, 18 images")
    page.mouse.move(0, 0)
    expect(note).to_be_hidden()
    number.focus()
    expect(note).to_be_visible()
    assert number.get_attribute("aria-describedby") == "analyse-note"
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()


def test_statistic_when_changed_changes_value_definition_and_address(analyse: Callable[..., Page]) -> None:
    page = analyse()
    before = value_of(page)

    page.locator("#analyse-coefficient").select_option("pearson_r")

    expect(page.locator("#analyse-table thead")).to_contain_text("pearson_r")
    expect(page.locator("#analyse-definition")).to_contain_text("Covariance")
    assert value_of(page) != before
    page.locator("#analyse-level").select_option("per_image")
    expect(page.locator("#analyse-definition")).to_contain_text("Mean of the values inside images")
    expect(page.locator("#analyse-definition")).to_contain_text("Ties: takes the values as they are")
    kept = parse_qs(parse_qs(urlsplit(page.url).query)["analyse"][0])
    assert (kept["coefficient"], kept["level"]) == (["pearson_r"], ["per_image"])


def test_axes_carry_the_questions_whole_scale_and_the_metrics_values(analyse: Callable[..., Page]) -> None:
    page = analyse()

    ticks = page.locator("#analyse-plot .xtick text").all_text_contents()
    assert ticks == ["1", "2", "3", "4", "5"]
    values = [
        float(text.replace("−", "-"))
        for text in page.locator("#analyse-plot .ytick text").all_text_contents()
    ]
    assert min(values) <= 0.2
    assert max(values) >= 0.5
    expect(page.locator("#analyse-plot .xtitle")).to_have_text("human overall (mean of raters)")
    expect(page.locator("#analyse-plot .ytitle")).to_have_text("SPECS")


def test_filter_narrows_all_of_the_page_and_survives_a_reload(analyse: Callable[..., Page]) -> None:
    page = analyse()
    page.locator("#analyse-shortest").fill("28")
    page.locator("#analyse-shortest").press("Enter")

    expect(page.locator("#analyse-plot .scatterlayer .point")).to_have_count(18)
    expect(page.locator("#analyse-counts")).to_contain_text("9 · 18 · 2")
    expect(page.locator("#analyse-counts")).to_contain_text("fewer than 28 tokens")

    page.reload()
    expect(page.locator("#analyse-plot .scatterlayer .point")).to_have_count(18)
    expect(page.locator("#analyse-shortest")).to_have_value("28")


def test_rater_with_markup_in_the_name_is_text_and_can_be_chosen(analyse: Callable[..., Page]) -> None:
    page = analyse()
    page.locator("#analyse-raters summary").click()
    page.locator("#analyse-raters label", has_text="Ada <b>").first.locator("input").check()

    expect(page.locator("#analyse-counts")).to_contain_text(f"18 · {CAPTIONS} · 1")
    expect(page.locator("#analyse-raters .an-said")).to_have_text("Ada <b>")
    assert page.evaluate("window.pwned === undefined")


def test_filter_that_fits_nothing_says_so_and_can_be_cleared(analyse: Callable[..., Page]) -> None:
    page = analyse(ready=False, query="&shortest=99999")

    expect(page.locator("#analyse-table h2")).to_have_text("Nothing fits these filters")
    expect(page.locator("#analyse-scatter")).to_be_hidden()
    # With neither a question nor scored weights to choose, nothing stands in their places.
    expect(page.locator("#analyse-clear")).to_be_visible()
    expect(page.locator("#analyse-form")).not_to_contain_text("null")
    page.locator('#analyse-table [data-analyse="clear"]').click()
    expect(page.locator("#analyse-plot .scatterlayer .point").first).to_be_visible()
    expect(page.locator("#analyse-shortest")).to_have_value("")


@pytest.mark.parametrize("mistake", ["coefficient=nonsense", "level=above", "shortest=1e999", "model=xyz"])
def test_address_that_cannot_be_read_says_so_and_one_click_leads_out(
    open_rate: OpenPage, rate: Rate, campaign: str, mistake: str
) -> None:
    page = open_rate()
    rate.be(page, "adjudicator")
    page.goto(f"/?analyse={mistake.replace('=', '%3D')}")

    expect(page.locator("#analyse-table h2")).to_have_text("This choice cannot be read")
    # Nothing is on its way any more, and nothing stands there that belongs to another choice.
    expect(page.locator("#analyse-main")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#analyse-part-dips")).to_be_hidden()
    page.locator('#analyse-table [data-analyse="reset"]').click()
    expect(page.locator("#analyse-table")).to_contain_text("Agreement with people")
    assert "analyse" not in parse_qs(urlsplit(page.url).query)


def test_point_under_the_mouse_shows_its_image_and_a_click_opens_it_on_inspect(
    analyse: Callable[..., Page],
) -> None:
    page = analyse()
    page.locator("#analyse-plot .scatterlayer .point").first.hover(force=True)
    expect(page.locator("#analyse-card-body img")).to_be_visible()
    caption = page.locator("#analyse-card-body .ra-caption").inner_text()
    assert caption.startswith("Grey noise, picture")

    page.locator("#analyse-plot .scatterlayer .point").first.click(force=True)

    expect(page.get_by_role("tab", name="Inspect")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#caption textarea")).to_have_value(caption)
    expect(page.locator("#units .lens-u").first).to_be_visible()


def test_row_of_the_table_shows_markup_as_text_and_opens_by_the_keyboard(
    analyse: Callable[..., Page],
) -> None:
    page = analyse()
    page.locator(".an-more summary").click()
    expect(page.locator(".an-point:not(.an-point-head)")).to_have_count(CAPTIONS)
    row = page.locator(".an-point", has_text="onerror")
    row.focus()
    expect(page.locator("#analyse-card-body .ra-caption")).to_contain_text(EVIL)
    assert page.evaluate("window.pwned === undefined")

    page.keyboard.press("Enter")

    expect(page.locator("#caption textarea")).to_have_value(f"Grey noise, picture 5 of its kind, {EVIL}.")


def test_metric_and_view_of_the_plot_can_be_changed(analyse: Callable[..., Page]) -> None:
    page = analyse()
    page.locator('.an-pick[data-metric="bleu_4"]').click()
    expect(page.locator("#analyse-plot .ytitle")).to_have_text("BLEU-4")
    expect(page.locator("#analyse-metric")).to_have_value("bleu_4")

    page.get_by_role("radio", name="Residuals").check()
    expect(page.locator("#analyse-plot .ytitle")).to_have_text("residual of BLEU-4")
    page.get_by_role("radio", name="Histograms").check()
    expect(page.locator("#analyse-plot-2 .barlayer .point").first).to_be_visible()
    expect(page.locator("#analyse-card-body")).to_be_hidden()


def test_report_of_what_is_chosen_is_saved_as_one_page(analyse: Callable[..., Page]) -> None:
    page = analyse()
    with page.expect_download() as started:
        page.locator("#analyse-report").click()

    text = started.value.path().read_text(encoding="utf-8")
    assert started.value.suggested_filename == "specs-lens-analysis.html"
    assert text.lower().startswith("<!doctype html")
    assert EVIL not in text
    expect(page.locator("#analyse-told")).to_have_text("Saved as specs-lens-analysis.html.")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_on_a_phone_does_not_scroll_sideways_and_a_tap_keeps_the_card(
    analyse: Callable[..., Page], theme: str
) -> None:
    page = analyse(width=390, height=844, theme=theme, touch=True)
    expect(page.locator("#analyse-groups")).to_be_visible()
    for part in ("dips", "lengths", "battles", "people", "next"):
        expect(page.locator(f"#analyse-part-{part} .an-computing")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # Nor does a table in it, with the words above it.
    assert page.locator(".an-wide:has(.an-tasks)").count() == 1
    wide = "all => all.filter((one) => one.scrollWidth > one.clientWidth).length"
    assert page.locator(".an-wide").evaluate_all(wide) == 0

    page.locator("#analyse-plot .scatterlayer .point").first.tap(force=True)

    expect(page.locator("#analyse-open")).to_be_visible()
    expect(page.get_by_role("tab", name="Inspect")).not_to_have_attribute("aria-selected", "true")


def test_page_is_not_for_raters_and_asks_a_visitor_to_sign_in(
    open_rate: OpenPage, rate: Rate, campaign: str
) -> None:
    page = open_rate()
    choose_tab(page, "Analyse")
    expect(page.locator("#analyse-counts")).to_contain_text("sign in with your code")
    rate.be(page, "rater")
    with page.expect_response("**/session"):
        page.goto("/?analyse=level%3Dbetween_systems")
    page.wait_for_timeout(500)
    expect(page.get_by_role("tab", name="Inspect")).to_have_attribute("aria-selected", "true")
    choose_tab(page, "Analyse")
    expect(page.locator("#analyse-counts")).to_contain_text(
        "this is for the role adjudicator or admin", ignore_case=True
    )
    expect(page.locator("#analyse-filters-card")).to_have_count(0)
    expect(page.locator("#analyse-table")).not_to_contain_text("SPECS")
