"""The Compare page in a real browser.

With `SPECS_SCREENSHOTS=FOLDER` its pictures are also written there, wide and narrow, light and dark.
"""

import csv
import io
import json
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
CAPTIONS = (
    "A drawing of a few things. A red disc floats on the left. A blue square stands on the right.",
    "A drawing of a few things. A red disc floats on the left. A green dog sleeps on the right.",
    "A <img src=x onerror=document.title='pwned'> red disc, above the ground.",
    "Behind everything is a pale sky. In the middle nothing is to be seen.",
    "A disc and a square.",
)
VERMILION = {"light": "rgb(213, 94, 0)", "dark": "rgb(255, 138, 61)"}


@pytest.fixture(scope="session")
def screenshots() -> Path | None:
    """Where pictures of the page are wanted, if anywhere; read before tests clear the variables."""
    folder = os.environ.get("SPECS_SCREENSHOTS")
    return Path(folder) if folder else None


@pytest.fixture(scope="session")
def other_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "plain.png"
    Image.new("RGB", (80, 60), "#225588").save(path)
    return path


def go_to_compare(page: Page) -> None:
    page.locator("#pages button[role=tab]", has_text="Compare").click()
    expect(page.locator("#compare-plot .main-svg").first).to_be_visible()


def compare_captions(page: Page, image: Path, captions: tuple[str, ...]) -> None:
    go_to_compare(page)
    page.locator("#compare-image input[type=file]").set_input_files(image)
    expect(page.locator("#compare-image img")).to_be_visible()
    for index, caption in enumerate(captions):
        field = page.locator(f"#compare-caption-{'ABCDE'[index]} textarea")
        if index >= 2:
            page.locator("#compare-add").click()
        expect(field).to_be_visible()
        field.fill(caption)
    page.locator("#compare-button").click()
    expect(page.locator("#compare-table .cmp-entry")).to_have_count(len(captions))
    expect(page.locator("#compare-plot .trace.cmp-s1")).to_have_count(1)


def entry(page: Page, letter: str) -> str:
    return f"#compare-table [data-letter={letter}]"


def opacities(page: Page) -> dict[str, float]:
    """Return how solid each curve is drawn, by its letter."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#compare-plot .scatterlayer .trace")]
            .filter((trace) => !trace.classList.contains("cmp-dips"))
            .map((trace) => [trace.__data__[0].trace.name, Number(getComputedStyle(trace).opacity)]))"""
    )


def sideways(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
def test_five_captions_of_one_image_stand_over_one_another_and_side_by_side(
    open_page: OpenPage, drawn_image: Path, screenshots: Path | None, theme: str, width: int
) -> None:
    page = open_page(theme=theme, width=width)
    compare_captions(page, drawn_image, CAPTIONS)

    # Five curves in five colours, none of them that of a dip, each with its letter.
    colours = page.evaluate(
        """() => [...document.querySelectorAll("#compare-plot .trace[class*=cmp-s] .js-line")]
            .map((line) => getComputedStyle(line).stroke)"""
    )
    assert len(set(colours)) == 5
    assert VERMILION[theme] not in colours
    marks = page.evaluate(
        """() => [...document.querySelectorAll("#compare-plot .cmp-dips .point")]
            .map((mark) => getComputedStyle(mark).fill)"""
    )
    assert set(marks) == {VERMILION[theme]}
    assert page.locator("#compare-plot .annotation-text").all_text_contents() == list("ABCDE")

    # The dips of the table, of the columns and of the curves are the same ones.
    assert page.locator("#compare-dips .cmp-column").count() == 5
    assert page.locator("#compare-dips li").count() == len(marks)
    counts = [int(cell) for cell in page.locator("#compare-table [data-k=dips]").all_inner_texts()]
    assert sum(counts) == len(marks)
    assert page.locator("#compare-table .cmp-best").count() == 1
    words = [int(cell) for cell in page.locator("#compare-table [data-k=words]").all_inner_texts()]
    assert words == [len(caption.split()) for caption in CAPTIONS]

    # What people write stays text.
    assert page.locator("#compare-results img[src=x]").count() == 0
    assert page.title() != "pwned"
    expect(page.locator(f"{entry(page, 'C')} .cmp-text")).to_contain_text("<img src=x")
    assert sideways(page) == 0
    if screenshots is not None:
        screenshots.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(1500)  # the curves fade in
        page.screenshot(path=screenshots / f"compare-{theme}-{width}.png", full_page=True)


def test_row_that_is_pointed_at_or_chosen_keeps_its_curve_in_front(
    open_page: OpenPage, drawn_image: Path
) -> None:
    page = open_page()
    compare_captions(page, drawn_image, CAPTIONS[:3])
    page.mouse.move(2, 2)
    assert set(opacities(page).values()) == {1}

    page.locator(entry(page, "B")).hover()
    assert {letter for letter, value in opacities(page).items() if value == 1} == {"B"}
    page.mouse.move(2, 2)
    assert set(opacities(page).values()) == {1}

    page.locator(f"{entry(page, 'C')} .cmp-key").focus()
    page.keyboard.press("Enter")
    assert {letter for letter, value in opacities(page).items() if value == 1} == {"C"}
    expect(page.locator(f"{entry(page, 'C')} .cmp-key")).to_have_attribute("aria-pressed", "true")
    page.locator("#compare-dips [data-letter=A]").hover()
    assert {letter for letter, value in opacities(page).items() if value == 1} == {"A"}
    page.mouse.move(2, 2)
    assert {letter for letter, value in opacities(page).items() if value == 1} == {"C"}
    page.locator(f"{entry(page, 'C')} .cmp-key").press("Enter")
    assert set(opacities(page).values()) == {1}


def test_hover_on_a_curve_names_letter_unit_and_numbers(open_page: OpenPage, drawn_image: Path) -> None:
    page = open_page()
    compare_captions(page, drawn_image, CAPTIONS[:3])
    page.wait_for_timeout(1000)  # the curves fade in
    point = page.locator("#compare-plot .trace.cmp-s3 .point").first.bounding_box()
    page.mouse.move(point["x"] + point["width"] / 2 - 3, point["y"] + point["height"] / 2)
    page.mouse.move(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
    said = page.locator("#compare-plot .hoverlayer .hovertext")
    expect(said).to_contain_text("C · 1 · A <img src=x")
    expect(said).to_contain_text("cosine")
    expect(page.locator(entry(page, "C"))).to_have_class("cmp-entry cmp-hovered")


def test_one_caption_on_several_images_shows_their_names_and_one_opens_in_inspect(
    open_page: OpenPage, drawn_image: Path, other_image: Path, screenshots: Path | None
) -> None:
    page = open_page(width=390)
    go_to_compare(page)
    page.locator("#compare-kind label", has_text="images of one caption").click()
    page.locator("#compare-images input[type=file]").set_input_files([drawn_image, other_image])
    expect(page.locator("#compare-images")).to_contain_text("plain")
    page.locator("#compare-caption textarea").fill(CAPTIONS[0])
    page.locator("#compare-caption textarea").press("Control+Enter")
    expect(page.locator("#compare-table .cmp-entry")).to_have_count(2)
    assert page.locator("#compare-table .cmp-text").all_inner_texts() == ["drawn.png", "plain.png"]
    expect(page.locator("#compare-table .cmp-thumb")).to_have_count(2)
    assert sideways(page) == 0

    page.locator("[data-open=B]").click()
    expect(page.locator("#units .lens-u").first).to_be_visible()
    expect(page.locator("#caption textarea")).to_have_value(CAPTIONS[0])
    assert "plain.png" in page.locator("#image img").get_attribute("src")
    shown = page.locator("#headline .lens-big").inner_text()
    page.locator("#pages button[role=tab]", has_text="Compare").click()
    assert shown in page.locator(f"{entry(page, 'B')} .cmp-score").inner_text()


def test_fields_are_added_up_to_five_and_removed_down_to_two(open_page: OpenPage) -> None:
    page = open_page()
    go_to_compare(page)
    field = "#compare-caption-{} textarea"
    expect(page.locator("#compare-inputs .cmp-remove:visible")).to_have_count(0)
    for letter in "CDE":
        page.locator("#compare-add").click()
        expect(page.locator(field.format(letter))).to_be_visible()
    expect(page.locator("#compare-add")).to_have_count(0)
    for letter in "ABCDE":
        page.locator(field.format(letter)).fill(f"text {letter}")
    page.locator("#compare-remove-B").click()
    expect(page.locator(field.format("E"))).to_have_count(0)
    assert [page.locator(field.format(letter)).input_value() for letter in "ABCD"] == [
        "text A",
        "text C",
        "text D",
        "text E",
    ]
    for _ in range(2):
        page.locator("#compare-remove-A").click()
        page.wait_for_timeout(600)
    expect(page.locator("#compare-remove-A")).to_have_count(0)
    assert [page.locator(field.format(letter)).input_value() for letter in "AB"] == ["text D", "text E"]
    # A field that comes back is empty.
    page.locator("#compare-add").click()
    expect(page.locator(field.format("C"))).to_have_value("")


def test_comparison_that_cannot_be_made_says_why_and_keeps_the_one_before(
    open_page: OpenPage, drawn_image: Path, tmp_path: Path
) -> None:
    page = open_page()
    go_to_compare(page)
    page.locator("#compare-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("There is no image yet")
    expect(page.locator("#compare-plot")).to_contain_text("The curves appear here")

    compare_captions(page, drawn_image, CAPTIONS[:2])
    page.locator("#compare-caption-B textarea").fill(CAPTIONS[0])
    page.locator("#compare-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("Captions A and B are the same")
    page.locator("#compare-caption-B textarea").fill("")
    page.locator("#compare-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("at least two captions")
    expect(page.locator("#compare-table .cmp-entry")).to_have_count(2)

    text = tmp_path / "broken.png"
    text.write_text("no image")
    page.locator("#compare-kind label", has_text="images of one caption").click()
    page.locator("#compare-images input[type=file]").set_input_files([text, drawn_image])
    expect(page.locator(".toast-body").last).to_contain_text(
        "broken.png: The file is not a JPEG, PNG or WEBP"
    )
    expect(page.locator("#compare-images")).not_to_contain_text("broken")


def test_comparison_tells_how_far_it_is(server: str, drawn_image: Path, other_image: Path) -> None:
    def post(path: str, body: bytes, kind: str) -> Any:
        request = urllib.request.Request(f"{server}{path}", data=body, headers={"content-type": kind})
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.loads(response.read())

    def uploaded(image: Path) -> dict[str, Any]:
        head = b'--sep\r\nContent-Disposition: form-data; name="files"; filename="x.png"\r\n\r\n'
        body = head + image.read_bytes() + b"\r\n--sep--\r\n"
        path = post("/gradio_api/upload", body, "multipart/form-data; boundary=sep")[0]
        return {"path": path, "meta": {"_type": "gradio.FileData"}}

    with urllib.request.urlopen(f"{server}/config", timeout=60) as response:
        events = json.loads(response.read())["dependencies"]
    number = next(event["id"] for event in events if event["api_name"] == "compare")
    images = [uploaded(drawn_image), uploaded(other_image)]
    data = ["images", None, None, images, CAPTIONS[0], "default", "dependency", *[""] * 5]
    body = {"fn_index": number, "data": data, "session_hash": "progressing"}
    post("/gradio_api/queue/join", json.dumps(body).encode(), "application/json")
    with urllib.request.urlopen(
        f"{server}/gradio_api/queue/data?session_hash=progressing", timeout=120
    ) as response:
        told = response.read().decode()
    assert "Scoring A" in told
    assert "Scoring B" in told
    assert '"success":true' in told


def test_downloads_hold_the_whole_comparison(open_page: OpenPage, drawn_image: Path) -> None:
    page = open_page()
    compare_captions(page, drawn_image, CAPTIONS[:3])
    with page.expect_download() as coming:
        page.locator("#compare-json").click()
    record = json.loads(Path(coming.value.path()).read_text(encoding="utf-8"))
    assert [part["caption"] for part in record["entries"]] == list(CAPTIONS[:3])
    assert record["entries"][0]["curve"]["units"][1]["delta"] is not None
    with page.expect_download() as coming:
        page.locator("#compare-csv").click()
    rows = list(csv.DictReader(io.StringIO(Path(coming.value.path()).read_text(encoding="utf-8-sig"))))
    assert [row["letter"] for row in rows] == ["A", "B", "C"]
    assert [float(row["score"]) for row in rows] == [part["curve"]["score"] for part in record["entries"]]
