"""What if, in a real browser: units off, edited and added, undone, corrected and scored."""

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
CAPTION = (
    "A drawing of a few things. A red disc floats on the left, above the green ground. A blue square stands "
    "on the right. To its left there is a large purple dog."
)


def score_of(page: Page) -> str:
    return page.locator("#headline .lens-big").inner_text()


def test_a_unit_is_switched_off_and_on_and_the_new_curve_lies_over_the_old(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    before = score_of(page)
    page.locator("#units .lens-u").nth(1).click()
    page.locator("#unit-toggle").click()
    expect(page.locator("#score-before")).to_contain_text(f"was {before}")
    expect(page.locator("#curve .scatterlayer .js-line")).to_have_count(2)
    expect(page.locator("#units .lens-u").nth(1)).to_have_class("lens-u lens-u-off lens-chosen")
    expect(page.locator("#units-table tr[data-unit='1']")).to_contain_text("off")
    expect(page.locator("#what-if-says")).to_contain_text("1 off")
    changed = score_of(page)
    assert changed != before
    with page.expect_download() as caught:
        page.locator("#download-json").click()
    texts = [unit["text"] for unit in json.loads(Path(caught.value.path()).read_text())["units"]]
    assert len(texts) == page.locator("#units .lens-u").count() - 1
    page.locator("#unit-toggle").click()
    expect(page.locator("#score-before")).to_have_count(0)
    expect(page.locator("#curve .scatterlayer .js-line")).to_have_count(1)
    assert score_of(page) == before
    # The evidence of the scored caption is there again.
    expect(page.locator("#f-clip-score")).to_be_visible()


def test_a_unit_is_edited_in_place_and_undone_and_done_again_by_keyboard(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    before = score_of(page)
    page.locator("#units .lens-u").nth(1).dblclick()
    field = page.locator("#unit-text")
    expect(field).to_be_focused()
    field.fill("A green disc <b>floats</b>")
    page.keyboard.press("Enter")
    expect(page.locator("#score-before")).to_be_visible()
    edited = page.locator("#units .lens-u").nth(1)
    expect(edited).to_contain_text("A green disc <b>floats</b>")
    expect(page.locator("#what-if-says")).to_contain_text("1 edited")
    after = score_of(page)
    page.locator("#headline").click()
    page.keyboard.press("Control+z")
    expect(page.locator("#score-before")).to_have_count(0)
    assert score_of(page) == before
    page.keyboard.press("Control+Shift+Z")
    expect(page.locator("#score-before")).to_be_visible()
    assert score_of(page) == after
    page.keyboard.press("F2")
    page.keyboard.press("Escape")
    expect(page.locator("#unit-text")).to_have_count(0)
    assert score_of(page) == after
    page.locator("#what-if-reset").click()
    expect(page.locator("#score-before")).to_have_count(0)


def test_a_unit_is_added_and_removed(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    count = page.locator("#units .lens-u").count()
    page.locator("#units .lens-u").last.click()
    page.keyboard.press("Insert")
    page.keyboard.type("Nothing else is there.")
    page.keyboard.press("Enter")
    expect(page.locator("#units .lens-u")).to_have_count(count + 1)
    expect(page.locator("#units .lens-u").last).to_contain_text("Nothing else is there.")
    expect(page.locator("#what-if-says")).to_contain_text("1 added")
    page.locator("#unit-remove").click()
    expect(page.locator("#units .lens-u")).to_have_count(count)
    expect(page.locator("#score-before")).to_have_count(0)


def test_the_last_unit_that_is_on_stays_on_and_the_page_says_why(open_scored: OpenPage) -> None:
    page = open_scored("A red disc floats on the left. A blue square stands on the right.")
    count = page.locator("#units .lens-u").count()
    for index in range(count):
        page.locator("#units .lens-u").nth(index).click()
        page.keyboard.press("Delete")
        if index < count - 1:
            expect(page.locator("#what-if-says")).to_contain_text(f"{index + 1} off")
    expect(page.locator("#what-if-says")).to_contain_text("One unit has to stay on")


def test_best_correction_proposes_what_to_drop_and_scoring_takes_it_up(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    expect(page.locator("#units .lens-u-dip").first).to_be_visible()
    page.locator("#best-correction").click()
    expect(page.locator("#take-correction")).to_be_visible()
    drops = page.locator("#correction li").count()
    expect(page.locator("#correction")).to_contain_text("cosine")
    page.locator("#take-correction").click()
    expect(page.locator("#units .lens-u-off")).to_have_count(drops)
    expect(page.locator("#score-before")).to_contain_text("(+")
    left = page.locator("#units .lens-u").count() - drops
    taken = score_of(page)
    page.locator("#what-if-adopt").click()
    expect(page.locator("#units .lens-u-off")).to_have_count(0)
    expect(page.locator("#units-table tbody tr")).not_to_have_count(left + drops)
    caption = page.locator("#caption textarea").input_value()
    assert caption != CAPTION
    assert score_of(page) == taken


def test_a_new_scoring_forgets_the_changes(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    page.locator("#unit-toggle").click()
    expect(page.locator("#score-before")).to_be_visible()
    page.locator("#caption textarea").fill(
        "A red disc floats on the left. A blue square stands on the right."
    )
    page.locator("#score-button").click()
    expect(page.locator("#score-before")).to_have_count(0)
    expect(page.locator("#curve .scatterlayer .js-line")).to_have_count(1)
    expect(page.locator("#what-if-undo")).to_be_disabled()


def test_the_threshold_redraws_a_changed_caption_as_it_is(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    page.locator("#unit-toggle").click()
    expect(page.locator("#score-before")).to_be_visible()
    off = page.locator("#units .lens-u-off").count()
    page.locator("#threshold input[type=number]").fill("0.2")
    page.locator("#threshold input[type=number]").press("Enter")
    expect(page.locator("#headline")).to_contain_text("no dips")
    expect(page.locator("#score-before")).to_be_visible()
    assert page.locator("#units .lens-u-off").count() == off
    expect(page.locator("#curve .scatterlayer .js-line")).to_have_count(2)


def test_what_is_being_written_survives_the_evidence_that_comes_in(
    open_page: OpenPage, drawn_image: Path
) -> None:
    page = open_page()
    page.locator("#image input[type=file]").set_input_files(drawn_image)
    expect(page.locator("#image img")).to_be_visible()
    page.locator("#caption textarea").fill(CAPTION)
    page.locator("#score-button").click()
    page.locator("#units .lens-u").nth(1).dblclick()
    field = page.locator("#unit-text")
    field.fill("A green disc")
    expect(page.locator("#evidence-step")).to_have_text("")
    expect(field).to_be_focused()
    expect(field).to_have_value("A green disc")
    page.keyboard.press("Escape")
    # What came meanwhile is shown once the field is closed.
    expect(page.locator("#f-clip-score")).to_be_visible()
    assert "…" not in page.locator("#units-table td:nth-child(5)").all_inner_texts()


def test_a_scoring_that_fails_leaves_the_page_with_all_its_evidence(
    open_page: OpenPage, drawn_image: Path
) -> None:
    page = open_page()
    page.locator("#image input[type=file]").set_input_files(drawn_image)
    expect(page.locator("#image img")).to_be_visible()
    page.locator("#caption textarea").fill(CAPTION)
    page.locator("#score-button").click()
    expect(page.locator("#units .lens-u").first).to_be_visible()
    page.locator("#caption textarea").fill("  ")
    page.locator("#score-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("no caption yet")
    expect(page.locator("#f-clip-score")).to_be_visible()
    expect(page.locator("#evidence-step")).to_have_text("")


def test_delete_on_a_button_changes_no_unit(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    page.locator("#score-button").focus()
    page.keyboard.press("Delete")
    page.locator("#units .lens-u").first.click()
    page.keyboard.press("Shift+Delete")
    page.wait_for_timeout(300)
    expect(page.locator("#what-if-undo")).to_be_disabled()


def test_a_refused_change_leaves_the_page_as_it_was(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    page.locator("#units .lens-u").first.click()
    page.locator("#unit-toggle").click()
    expect(page.locator("#score-before")).to_be_visible()
    before = score_of(page)
    page.locator("#units .lens-u").nth(1).dblclick()
    page.evaluate("document.getElementById('unit-text').removeAttribute('maxlength')")
    page.locator("#unit-text").fill("a " * 1001)
    page.keyboard.press("Enter")
    expect(page.locator("#what-if-says")).to_contain_text("at most 1,000")
    assert score_of(page) == before
    # The next change is one of what is shown.
    page.locator("#units .lens-u").nth(2).click()
    page.locator("#unit-toggle").click()
    expect(page.locator("#what-if-says")).to_contain_text("2 off")


def test_a_refusal_for_another_threshold_keeps_the_change_that_is_shown(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    page.evaluate(
        "document.addEventListener('lens-answer-what-if', (event) => { window.lastAnswer = event.detail; })"
    )
    page.locator("#unit-toggle").click()
    expect(page.locator("#score-before")).to_be_visible()
    expect(page.locator("#what-if-undo")).to_be_enabled()
    # The same caption drawn for a threshold that is no longer set: the page asks again, and is refused.
    page.evaluate(
        """() => {
          const answer = (detail) =>
            document.dispatchEvent(new CustomEvent('lens-answer-what-if', { detail }));
          addEventListener('lens-ask-what-if', (event) => {
            event.stopImmediatePropagation();
            const refused = { view: 'problem', problem: 'Not now.', ask: event.detail.ask };
            setTimeout(() => answer(refused));
          }, { capture: true, once: true });
          answer({ ...window.lastAnswer, ask: null, threshold: 0.123 });
        }"""
    )
    expect(page.locator("#what-if-says")).to_have_text("Not now.")
    expect(page.locator("#score-before")).to_be_visible()
    expect(page.locator("#what-if-undo")).to_be_enabled()
    page.locator("#what-if-undo").click()
    expect(page.locator("#score-before")).to_have_count(0)


def test_scoring_a_changed_caption_waits_for_no_answer_on_its_line(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    page.locator("#unit-toggle").click()
    expect(page.locator("#what-if-adopt")).to_be_enabled()
    started = page.evaluate(
        """() => {
          const setIt = window.setTimeout;
          const started = [];
          window.setTimeout = (act, wait) => { started.push(wait); return setIt(act, wait); };
          document.getElementById('what-if-adopt').click();
          window.setTimeout = setIt;
          return started;
        }"""
    )
    assert 60_000 not in started
    expect(page.locator("#units .lens-u-off")).to_have_count(0)
