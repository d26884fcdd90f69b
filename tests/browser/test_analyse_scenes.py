"""The analysis of drawn scenes: real scores of the bundled model, raters who are simulated from the facts.

With `SPECS_SCREENSHOTS=FOLDER` the page is also written there as a picture, for the documentation.
"""

import json
import os
import random
import secrets
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, select

from annotations.cli import main
from annotations.engine import open_database
from annotations.forms import NewRating
from annotations.invites import invite
from annotations.items import get_item
from annotations.schema import items
from annotations.store import save_rating
from specs_core.scenes.dataset import write_scenes

pytestmark = pytest.mark.slow

StartApp = Callable[..., AbstractContextManager[str]]
REPOSITORY = Path(__file__).resolve().parents[2]
SCREENSHOTS = os.environ.get("SPECS_SCREENSHOTS")
SCENES = 120
# How many of a caption's facts each captioner gets wrong.
CAPTIONERS = {"captioner-a": (0, 0, 0, 1), "captioner-b": (0, 1, 1, 2), "captioner-c": (1, 2, 3, 4)}
# Chance of a wrong verdict, spread on the scales, and how kind somebody is.
RATERS = {
    "ada": (0.04, 0.5, 0.0),
    "grace": (0.06, 0.6, -0.3),
    "alan": (0.08, 0.7, 0.2),
    "mary": (0.12, 0.9, -0.1),
}
Spans = list[tuple[int, int]]


def falsified(caption: str, facts: list[dict]) -> tuple[str, Spans]:
    """Put false facts, none of which overlap, into a caption, and say where they stand in it."""
    spans: Spans = []
    shift = 0
    for fact in sorted(facts, key=lambda fact: fact["span"]):
        start, end = (place + shift for place in fact["span"])
        caption = caption[:start] + fact["text"] + caption[end:]
        spans.append((start, start + len(fact["text"])))
        shift += len(fact["text"]) - (end - start)
    return caption, spans


def write_captions(folder: Path) -> dict[str, Spans]:
    """Write three captions of each scene for `specs-ratings import`, and return what is false in each."""
    draw = random.Random(5)
    write_scenes(folder, count=SCENES, seed=7)
    truth, lines = {}, []
    for line in (folder / "scenes.jsonl").read_text(encoding="utf-8").splitlines():
        scene = json.loads(line)
        apart: list[dict] = []
        for fact in sorted(scene["false_facts"], key=lambda fact: fact["span"]):
            if not apart or fact["span"][0] >= apart[-1]["span"][1]:
                apart.append(fact)
        for captioner, numbers in CAPTIONERS.items():
            name = f"{scene['id']}-{captioner}"
            wrong = draw.sample(apart, min(len(apart), draw.choice(numbers)))
            text, truth[name] = falsified(scene["caption"], wrong)
            lines.append({"id": name, "image": scene["image"], "caption": text, "source": captioner})
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return truth


def rate(engine: Engine, truth: dict[str, Spans]) -> None:
    """Have three of the raters judge each caption, and two each battle."""
    draw = random.Random(3)
    with engine.connect() as connection:
        columns = (items.c.id, items.c.external_id, items.c.kind, items.c.first_id, items.c.second_id)
        rows = connection.execute(select(*columns).order_by(items.c.external_id, items.c.id)).all()
    names = {row.id: row.external_id for row in rows}
    for row in rows:
        for rater in draw.sample(sorted(RATERS), 3 if row.kind == "caption" else 2):
            slip, spread, kindness = RATERS[rater]
            verdicts: list[str] = []
            if row.kind == "caption":
                for unit in get_item(engine, row.id).units:
                    is_false = any(
                        start < unit.end and end > unit.start for start, end in truth[names[row.id]]
                    )
                    said = "hallucinated" if is_false != (draw.random() < slip) else "supported"
                    verdicts.append("unsure" if draw.random() < 0.04 else said)
                wrong, many = verdicts.count("hallucinated"), len(verdicts)
                means = {
                    "correctness": 5 - 1.1 * wrong,
                    "thoroughness": 1.2 + 0.35 * many,
                    "overall": 4.7 - 0.9 * wrong,
                }
                answers = {
                    name: max(1, min(5, round(mean + kindness + draw.gauss(0, spread))))
                    for name, mean in means.items()
                }
            else:
                first, second = (len(truth[names[side]]) for side in (row.first_id, row.second_id))
                lead = second - first + draw.gauss(0, 0.8)
                winner = 1 if lead > 0.5 else 2 if lead < -0.5 else 0
                answers = {"winner": winner, "both_poor": int(min(first, second) >= 3)}
            form = NewRating(
                item_id=row.id,
                rater=rater,
                answers=answers,
                verdicts=tuple(verdicts),
                nonce=secrets.token_hex(8),
                guideline_version="1",
                application_version="1",
            )
            save_rating(engine, form)


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder with rated and scored scenes, and a code to sign in with."""
    data, scenes = tmp_path_factory.mktemp("analysed") / "data", tmp_path_factory.mktemp("scenes")
    truth = write_captions(scenes)
    taken = ["import", str(scenes / "captions.jsonl"), "--campaign", "Drawn scenes", "--create", "--pairs"]
    assert main([*taken, "--overlap", "3", "--data", str(data)]) == 0
    environment = {**os.environ, "SPECS_DATA": str(data)}
    environment.pop("SPECS_MODEL", None)
    command = [sys.executable, "-m", "app.score_items", "--all-metrics"]
    subprocess.run(command, env=environment, cwd=REPOSITORY, check=True, timeout=1800)
    engine = open_database(f"sqlite:///{data / 'specs.sqlite3'}")
    rate(engine, truth)
    code = invite(engine, "owner", role="admin")
    engine.dispose()
    return data, code


def open_analysis(browser: Browser, url: str, code: str, **options: object) -> Page:
    page = browser.new_context(base_url=url, viewport={"width": 1280, "height": 1190}, **options).new_page()
    assert page.request.post("/session", data={"code": code}).ok
    page.goto(f"{url}/?__theme=light")
    page.get_by_role("tab", name="Analyse").click()
    expect(page.locator("#analyse-plot .scatterlayer .point").first).to_be_visible()
    return page


def test_real_scores_of_drawn_scenes_are_told_from_sentinels_and_captioners_from_each_other(
    browser: Browser, start_app: StartApp, analysed: tuple[Path, str]
) -> None:
    data, code = analysed
    with start_app(data.parent, {}) as url:
        page = open_analysis(browser, url, code)
        groups = page.locator("#analyse-table .an-group")
        expect(groups.filter(has_text="A").first).to_be_visible()
        rows = [text.split("\n")[0] for text in page.locator("#analyse-table tbody tr").all_inner_texts()]
        metrics = [row for row in rows if "—" not in row.split("\t")[0]]
        # Every metric stands above every sentinel.
        assert rows[: len(metrics)] == metrics
        assert any("SPECS" in row for row in metrics)
        battles = page.locator("#analyse-battles tbody tr")
        expect(battles.first).to_contain_text("captioner-a")
        if SCREENSHOTS:
            # A point in the middle, so that its card stands beside the plot.
            points = page.locator("#analyse-plot .scatterlayer .point")
            points.nth(points.count() // 2).hover(force=True)
            expect(page.locator("#analyse-card img")).to_be_visible()
            page.evaluate("window.scrollTo(0, 0)")
            page.screenshot(path=Path(SCREENSHOTS) / "analyse.png")
        page.context.close()
