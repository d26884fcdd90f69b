"""Report pages in a real browser, opened from the file system as their readers do."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from specs_core.curve import curve_of_units
from specs_core.encoder import Encoder, load_encoder
from specs_core.evidence import evidence_record
from specs_core.images import read_image
from specs_core.report.folder import write_reports
from specs_core.report.page import report_page
from specs_core.segmentation.units import cut_at

HOSTILE = "<img src=x onerror=\"window.ran='img'\"></script><script>window.ran='script'</script> "
CAPTION = (
    f"A drawing of a few things. {HOSTILE}A red disc floats on the left, above the green ground. A blue "
    "square stands on the right. To its left there is a large purple dog. A small yellow moon hangs in the "
    "corner. Behind everything is a pale sky. In the middle nothing is to be seen."
)
STARTS = ("<img", "A red", "above", "A blue", "To its", "A small", "Behind", "In the")
# The units as they shall be shown: a dip, an uncertain unit, one that is both.
DELTAS = (None, 0.03, 0.05, -0.04, 0.02, -0.01, 0.02, 0.01, 0.03)
LEFT_OUT = (0.02, 0.01, 0.02, -0.03, -0.02, 0.01, 0.01, 0.01, 0.02)
OpenFile = Callable[..., Page]


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Path) -> Encoder:
    return load_encoder(str(tiny_checkpoint))


@pytest.fixture(scope="module")
def report(encoder: Encoder, drawn_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page whose caption tries to break out of it."""
    image = read_image(drawn_image)
    features = encoder.image_features([image])[0]
    curve = curve_of_units(encoder, features, cut_at(CAPTION, [0, *map(CAPTION.index, STARTS)]))
    record = evidence_record(encoder, features, curve)
    similarity = 0.2
    for unit, delta, gain in zip(record["units"], DELTAS, LEFT_OUT, strict=True):
        similarity += delta or 0
        unit.update(similarity=similarity, delta=delta, dip=(delta or 0) < 0, leave_one_out=gain)
        unit["uncertain"] = delta is not None and (delta < 0) != (gain < 0)
    page = report_page(
        record,
        image,
        made_at=datetime(2025, 3, 4, tzinfo=UTC),
        file_name="<img src=x onerror=\"window.ran='name'\">.png",
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def reports(encoder: Encoder, drawn_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of four reports and of a row that was left out."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "drawn.png").write_bytes(drawn_image.read_bytes())
    captions = (
        CAPTION,
        "A blue square. It has a hat.",
        "A dog sleeps, far away, on ice.",
        "A moon is up. It is old.",
    )
    rows = [
        {"id": f"row-{n}", "image": "drawn.png", "caption": caption} for n, caption in enumerate(captions)
    ]
    rows.append({"id": "<i>gone</i>", "image": "gone.png", "caption": "Nothing."})
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    write_reports(folder / "in.jsonl", folder / "out", encoder)
    return folder / "out/index.html"


@pytest.fixture
def open_file(browser: Browser) -> Iterator[OpenFile]:
    """Open a file; no page may fail, be refused something by its own policy or ask for anything else."""
    pages: list[Page] = []
    faults: list[str] = []

    def only_files(route: Route) -> None:
        if route.request.url.startswith(("file:", "data:")):
            route.continue_()
        else:
            faults.append(f"request: {route.request.url}")
            route.abort()

    def open_it(path: Path, *, width: int = 1280, **options: Any) -> Page:
        viewport = {"width": width, "height": 900}
        page = browser.new_context(viewport=viewport, **options).new_page()
        pages.append(page)
        page.route("**/*", only_files)
        page.on("pageerror", lambda error: faults.append(f"page error: {error}"))
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.goto(path.as_uri())
        return page

    yield open_it
    for page in pages:
        page.context.close()
    assert faults == []


def marked(page: Page, kind: str) -> dict[str, list[str]]:
    """Return which units have a mark in the caption, the table, and the drawing that is in sight."""
    return page.evaluate(
        """(kind) => Object.fromEntries(
          [["caption", "#caption .unit"], ["table", "#units tr"], ["curve", "#curve rect"]].map(
            ([name, what]) => [
            name,
            [...document.querySelectorAll(`${what}.${kind}`)]
              .filter((node) => node.getClientRects().length)
              .map((node) => node.dataset.unit),
          ]))""",
        kind,
    )


def everywhere(*units: int) -> dict[str, list[str]]:
    return {name: [str(unit) for unit in units] for name in ("caption", "table", "curve")}


def colour(page: Page, selector: str, name: str) -> str:
    return page.evaluate(
        "([selector, name]) => getComputedStyle(document.querySelector(selector))[name]", [selector, name]
    )


def test_pointing_at_a_unit_anywhere_marks_it_in_curve_caption_and_table(
    open_file: OpenFile, report: Path
) -> None:
    page = open_file(report)
    page.locator("#curve .wide rect[data-unit='4']").hover()
    assert marked(page, "hovered") == everywhere(4)
    tip = page.locator("#tip")
    expect(tip).to_contain_text("5 · A blue square stands on the right.")
    expect(tip).to_contain_text("delta +0.020")
    expect(tip).to_contain_text("left out −0.020 ? uncertain")
    page.locator("#caption .unit[data-unit='1'] .word").first.hover()
    assert marked(page, "hovered") == everywhere(1)
    expect(tip.locator("b")).to_have_text(re.compile(r"2 · <img src=x onerror="))
    page.locator("#units tr[data-unit='8'] .text").hover()
    assert marked(page, "hovered") == everywhere(8)
    inside = page.locator("#curve .wide svg").bounding_box()
    box = tip.bounding_box()
    # It stands clear of the point that it speaks of.
    point = page.locator("#curve .wide .point[data-unit='8']").bounding_box()
    assert box["y"] > point["y"] + point["height"]
    assert box["y"] + box["height"] <= inside["y"] + inside["height"]
    assert inside["x"] <= box["x"]
    assert box["x"] + box["width"] <= inside["x"] + inside["width"]
    page.locator("h1").hover()
    assert marked(page, "hovered") == everywhere()
    expect(tip).to_be_hidden()


def test_clicks_and_arrow_keys_choose_a_unit_and_show_what_is_known_of_it(
    open_file: OpenFile, report: Path
) -> None:
    page = open_file(report)
    # The deepest dip is chosen first.
    assert marked(page, "chosen") == everywhere(3)
    shown = page.locator("#details .detail:visible")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("▼ −0.040 in order")
    expect(shown).to_contain_text("Both views agree")
    page.keyboard.press("ArrowRight")
    assert marked(page, "chosen") == everywhere(4)
    expect(shown).to_contain_text("Uncertain: the two views disagree")
    page.locator("#units tr[data-unit='7']").click()
    assert marked(page, "chosen") == everywhere(7)
    page.locator("#curve .wide rect[data-unit='1']").click()
    assert marked(page, "chosen") == everywhere(1)
    expect(shown).to_contain_text("</script><script>window.ran='script'</script>")
    page.locator("#caption .unit[data-unit='0']").focus()
    page.keyboard.press("ArrowLeft")  # there is nothing before the first
    assert marked(page, "chosen") == everywhere(0)
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert marked(page, "chosen") == everywhere(8)
    assert page.evaluate("document.activeElement.dataset.unit") == "8"


def test_a_hostile_caption_stays_text(open_file: OpenFile, report: Path) -> None:
    page = open_file(report)
    assert page.evaluate("window.ran") is None
    assert page.locator("img").count() == 1
    text = page.evaluate(
        """() => {
          const copy = document.getElementById("caption").cloneNode(true);
          for (const number of copy.querySelectorAll("sup")) number.remove();
          return copy.textContent;
        }"""
    )
    assert text == CAPTION
    assert page.evaluate("JSON.parse(document.getElementById('report-data').textContent).caption") == CAPTION


def test_the_page_forbids_itself_scripts_and_requests_that_it_does_not_bring_along(
    browser: Browser, report: Path
) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(report.as_uri())
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = 'added'";
          document.body.append(script);
          const image = document.createElement("img");
          image.src = "http://127.0.0.1:9/x.png";
          document.body.append(image);
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert sum("Content Security Policy" in each for each in said) == 2
    page.close()


@pytest.mark.parametrize(
    ("scheme", "paper", "dip", "blue"),
    [
        ("light", "rgb(247, 247, 244)", "rgb(213, 94, 0)", "rgb(0, 114, 178)"),
        ("dark", "rgb(18, 21, 28)", "rgb(255, 138, 61)", "rgb(86, 180, 233)"),
    ],
)
def test_colours_follow_the_scheme_and_a_dip_has_a_second_mark(
    open_file: OpenFile, report: Path, scheme: str, paper: str, dip: str, blue: str
) -> None:
    page = open_file(report, color_scheme=scheme)
    assert colour(page, "body", "backgroundColor") == paper
    assert colour(page, ".curve path.dip", "fill") == dip
    assert colour(page, ".curve .line", "stroke") == blue
    assert colour(page, "#caption .unit.dip", "textDecorationStyle") == "wavy"
    assert colour(page, "#caption .unit.dip", "textDecorationColor") == dip
    assert colour(page, "#caption .unit.uncertain:not(.dip)", "textDecorationStyle") == "dotted"
    assert page.locator("#caption .unit.uncertain .unsure-mark").all_inner_texts() == ["?", "?"]
    shaded = page.locator("#caption .word[class*='for-'], #caption .word[class*='against-']").first
    assert shaded.evaluate("(node) => getComputedStyle(node).backgroundColor") != "rgba(0, 0, 0, 0)"
    page.locator("#shading").uncheck()
    assert shaded.evaluate("(node) => getComputedStyle(node).backgroundColor") == "rgba(0, 0, 0, 0)"


@pytest.mark.parametrize("width", [320, 390, 700, 940, 1280])
def test_no_page_scrolls_sideways(open_file: OpenFile, report: Path, reports: Path, width: int) -> None:
    for path in (report, reports):
        page = open_file(path, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") == width
    # One drawing is in sight, the one that was made for this width.
    page = open_file(report, width=width)
    assert page.locator("#curve .narrow svg").is_visible() is (width <= 390)
    assert page.locator("#curve .wide svg").is_visible() is (width > 390)


def test_without_scripts_everything_is_there(open_file: OpenFile, report: Path, reports: Path) -> None:
    page = open_file(report, java_script_enabled=False)
    expect(page.locator("#details .detail")).to_have_count(9)
    assert all(each.is_visible() for each in page.locator("#details .detail").all())
    assert (
        page.locator("#curve .wide rect title")
        .first.text_content()
        .startswith("1 · A drawing of a few things.")
    )
    expect(page.locator("#curve .wide .dip").first).to_be_visible()
    page = open_file(reports, java_script_enabled=False)
    expect(page.locator("#reports tbody tr")).to_have_count(4)
    expect(page.locator("#filter")).to_be_hidden()


def test_on_paper_the_page_is_light_and_shows_the_wide_curve(open_file: OpenFile, report: Path) -> None:
    page = open_file(report, width=390, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert colour(page, "body", "backgroundColor") == "rgb(255, 255, 255)"
    assert colour(page, "body", "color") == "rgb(29, 35, 48)"
    assert page.locator("#curve .wide svg").is_visible()
    page = open_file(report, width=760)
    page.emulate_media(media="print")
    assert page.locator("#units td.text").first.bounding_box()["width"] > 200


def ids(page: Page) -> list[str]:
    texts = page.locator("#reports tbody tr:visible .text .soft").all_inner_texts()
    return [text.split(" ")[0] for text in texts]


def test_the_index_is_sorted_by_its_heads_filtered_by_words_and_leads_to_the_pages(
    open_file: OpenFile, reports: Path
) -> None:
    page = open_file(reports)
    rows = json.loads(reports.with_suffix(".json").read_text(encoding="utf-8"))["rows"]
    assert ids(page) == [row["id"] for row in rows]
    expect(page.locator("th[aria-sort]")).to_have_text("deepest dip")
    by_score = [row["id"] for row in sorted(rows, key=lambda row: row["score"])]
    page.get_by_role("button", name="SPECS").click()
    assert ids(page) == by_score
    page.get_by_role("button", name="SPECS").press("Enter")
    assert ids(page) == by_score[::-1]
    expect(page.locator("th[aria-sort='descending']")).to_have_text("SPECS")
    page.get_by_role("button", name="dips").last.click()
    expect(page.locator("th[aria-sort='descending']")).to_have_text("dips")
    assert ids(page) == [row["id"] for row in sorted(rows, key=lambda row: -row["dips"])]
    page.locator("#filter").fill("SLEEPS dog")
    assert ids(page) == ["row-2"]
    expect(page.locator("#count")).to_have_text("1 of 4 captions")
    page.locator("#filter").fill("row-0")
    assert page.evaluate("window.ran") is None
    expect(page.locator("#left-out")).to_contain_text("<i>gone</i>")
    expect(page.locator("#left-out")).to_contain_text("gone.png cannot be read")
    page.locator("#reports tbody tr:visible a").click()
    expect(page.locator("h1")).to_have_text("row-0")
    page.get_by_role("link", name="All captions").click()
    expect(page.locator("h1")).to_have_text("in.jsonl")
