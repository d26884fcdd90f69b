"""The report on metrics and people in a real Chromium, opened as the file that somebody was sent."""

import re
from pathlib import Path

import pytest
from small_study import HOSTILE, study, study_battles, study_units

from annotations.analysis.report import Origin, ReportOptions
from annotations.analysis.report_files import make_report

BLUE = {"light": "rgb(0, 114, 178)", "dark": "rgb(86, 180, 233)"}


@pytest.fixture(scope="module")
def sent(tmp_path_factory) -> Path:
    """A report with hostile captions and systems."""
    table = study(hostile=True)
    texts = make_report(
        table,
        study_units(table),
        study_battles(table),
        origin=Origin(HOSTILE),
        options=ReportOptions(n_resamples=60, n_permutations=60),
    )
    path = tmp_path_factory.mktemp("sent") / "report.html"
    path.write_text(texts.html, encoding="utf-8")
    return path


@pytest.fixture
def open_report(browser, sent):
    """Open the report with everything outside blocked; what went wrong is in the page's `told`."""
    contexts = []

    def opened(scheme: str, width: int):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        told: list[str] = []
        page.on("pageerror", lambda error: told.append(f"error: {error}"))
        page.on("dialog", lambda dialog: told.append(f"dialog: {dialog.message}"))
        page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)

        def block(route) -> None:
            if route.request.url == sent.as_uri():
                route.continue_()
            else:
                told.append(f"asked for {route.request.url}")
                route.abort()

        context.route(re.compile("^(?!data:|blob:)"), block)
        page.goto(sent.as_uri())
        page.wait_for_function("document.querySelectorAll('.plot .main-svg').length >= 10")
        return page, told

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_report_when_opened_draws_every_figure_and_asks_for_nothing(open_report, scheme, width):
    page, told = open_report(scheme, width)
    assert page.locator(".plot").count() == 10
    for plot in page.locator(".plot").all():
        assert plot.locator(".main-svg").count() >= 1, plot.get_attribute("id")
        assert plot.locator(".main-svg").first.bounding_box()["width"] <= width
    # The names of the metrics stand above it, on a phone one or two to a line.
    assert page.locator("#buckets .nsewdrag").first.bounding_box()["height"] >= 160
    mark = page.locator("#scatter .scatterlayer path.point").first
    assert mark.evaluate("mark => getComputedStyle(mark).fill") == BLUE[scheme]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("summary").first.click()
    page.locator("details[open] table").first.wait_for()
    assert told == []


def test_report_when_the_reader_turns_to_dark_is_drawn_anew(open_report):
    page, told = open_report("light", 1280)
    page.emulate_media(color_scheme="dark")
    mark = page.locator("#scatter .scatterlayer path.point").first
    page.wait_for_function(
        "([mark, blue]) => getComputedStyle(mark.isConnected ? mark : "
        "document.querySelector('#scatter .scatterlayer path.point')).fill === blue",
        arg=[mark.element_handle(), BLUE["dark"]],
    )
    assert told == []


def test_report_when_printed_from_a_dark_screen_is_light_and_fits_the_paper(open_report):
    page, told = open_report("dark", 1280)
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    mark = page.locator("#scatter .scatterlayer path.point").first
    assert mark.evaluate("mark => getComputedStyle(mark).fill") == BLUE["light"]
    assert page.locator("#scatter .main-svg").first.bounding_box()["width"] == 660
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert mark.evaluate("mark => getComputedStyle(mark).fill") == BLUE["dark"]
    assert len(page.pdf()) > 10_000
    assert told == []


def test_report_when_a_number_is_clicked_leads_to_its_definition(open_report):
    page, told = open_report("light", 1280)
    page.locator("#correlation a.term", has_text="human ceiling").first.click()
    row = page.locator("#def-human-ceiling")
    assert "Mean over raters" in row.inner_text()
    assert row.evaluate("row => row.getBoundingClientRect().top") < 900
    assert told == []
