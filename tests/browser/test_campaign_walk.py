"""A walk through a campaign, as the README tells it: the owner, two raters, and the owner again.

With `SPECS_SCREENSHOTS=FOLDER` the pages are also written there as pictures, for the documentation.
"""

import json
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from annotations.cli import main
from annotations.engine import open_database
from annotations.revisions import ratings
from specs_core.scenes.dataset import write_scenes

SCREENSHOTS = os.environ.get("SPECS_SCREENSHOTS")
CODE = re.compile(r"\b[0-9A-Z]{8}(?:-[0-9A-Z]{4}){5}\b")
StartApp = Callable[..., AbstractContextManager[str]]


def picture(page: Page, name: str) -> None:
    if SCREENSHOTS:
        Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


def captions(folder: Path) -> Path:
    """Four drawn scenes, each with a true and a false caption by two captioners."""
    write_scenes(folder, count=4, seed=5)
    rows = [json.loads(line) for line in (folder / "scenes.jsonl").read_text().splitlines()]
    table = folder / "captions.jsonl"
    with table.open("w") as stream:
        for row in rows:
            sources = {"careful": row["caption"], "careless": row["false_caption"]}
            said = [{"caption": text, "source": name} for name, text in sources.items()]
            stream.write(json.dumps({"id": row["id"], "image": row["image"], "captions": said}) + "\n")
    return table


def section(page: Page, name: str) -> None:
    page.locator(f"#admin-nav [data-section={name}]").click()
    expect(page.locator(f"#admin-nav [data-section={name}]")).to_have_attribute("aria-current", "page")
    expect(page.locator("#admin-section[aria-busy]")).to_have_count(0)


def rate_all(page: Page, code: str, verdict: str, scale: str, shot: str = "") -> None:
    """Rate what waits, by keyboard: captions and battles, until nothing is left."""
    page.get_by_role("tab", name="Rate").click()
    page.locator("#rate-code").fill(code)
    page.locator("#rate-sign-in").click()
    page.locator("#rate-help-done").click()
    seen = set()
    while True:
        expect(page.locator("#rate-submit").or_(page.get_by_text("All done"))).to_be_visible()
        if not page.locator("#rate-submit").count():
            break
        kind = "battle" if page.locator("#rate-battle").count() else "caption"
        if kind == "battle":
            page.keyboard.press("a")
        else:
            page.locator("#rate-units [data-row] p").first.click()
            for _ in range(page.locator("#rate-units [data-row]").count()):
                page.keyboard.press(verdict)
            for _ in range(3):
                page.keyboard.press(scale)
        if shot and kind not in seen:
            picture(page, f"{shot}-{kind}")
        page.keyboard.press("Enter")
        expect(page.locator("#rate-receipt")).to_contain_text("Saved")
        if kind == "caption":
            expect(page.locator("#rate-curve svg")).to_be_visible()
            if shot and kind not in seen:
                picture(page, f"{shot}-revealed")
        seen.add(kind)
        page.keyboard.press("n")
        expect(page.locator("#rate-receipt")).to_have_count(0)
    assert seen == {"caption", "battle"}


def test_campaign_from_the_first_start_to_the_export(
    browser: Browser, start_app: StartApp, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    table = captions(tmp_path / "scenes")
    # The pictures of the documentation show the model that comes with the app.
    settings = {} if SCREENSHOTS else {"SPECS_MODEL": str(tiny_checkpoint)}
    with start_app(folder, settings) as url:
        owner = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        faults: list[str] = []
        owner.on("pageerror", lambda error: faults.append(str(error)))
        owner.goto(url)
        owner.get_by_role("tab", name="Admin", exact=True).click()
        owner.locator("#admin-code").fill(CODE.search((folder / "server.log").read_text()).group())
        owner.locator("#admin-code").press("Enter")

        section(owner, "new")
        owner.locator("#admin-new-name").fill("Drawn scenes")
        owner.locator("#admin-guideline").fill("# Look twice\n\nJudge what is **drawn**, not what could be.")
        expect(owner.locator("#admin-preview h1")).to_have_text("Look twice")
        owner.locator("#admin-overlap").fill("2")
        owner.get_by_role("button", name="Make the campaign").click()
        expect(owner.locator("#admin-status")).to_contain_text("Made.")

        data = folder / "data"
        arguments = ["import", str(table), "--campaign", "Drawn scenes", "--pairs", "--data", str(data)]
        assert main(arguments) == 0

        codes = {}
        section(owner, "people")
        for name in ("Ada", "Bo"):
            owner.locator("#admin-invite-name").fill(name)
            owner.get_by_role("button", name="Make a code").click()
            expect(owner.locator("#admin-people")).to_contain_text(name)
            codes[name] = owner.locator("#admin-invite-code").inner_text()

        for name, verdict, scale in (("Ada", "s", "5"), ("Bo", "h", "2")):
            rater = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            rater.on("pageerror", lambda error: faults.append(str(error)))
            rater.goto(url)
            rate_all(rater, codes[name], verdict, scale, shot="rate" if name == "Ada" else "")
            rater.context.close()

        section(owner, "progress")
        owner.reload()
        owner.get_by_role("tab", name="Admin", exact=True).click()
        owner.locator("#admin-campaign").select_option(label="Drawn scenes")
        expect(owner.locator(".ad-facts")).to_contain_text("24 of 24")
        picture(owner, "admin-progress")
        section(owner, "queue")
        owner.get_by_role("button", name=re.compile("^Decide on")).first.click()
        expect(owner.locator("#admin-case")).to_be_visible()
        picture(owner, "admin-decide")
        assert faults == []
        owner.context.close()

        engine = open_database(f"sqlite:///{data / 'specs.sqlite3'}")
        stored = list(ratings(engine))
        engine.dispose()
        assert {(one.rater, one.kind) for one in stored} == {
            (name, kind) for name in ("Ada", "Bo") for kind in ("caption", "battle")
        }
        assert len(stored) == 24
        export = tmp_path / "ratings.csv"
        assert main(["export", "--campaign", "Drawn scenes", "-o", str(export), "--data", str(data)]) == 0
        assert export.read_text().count("Drawn scenes") == 24
