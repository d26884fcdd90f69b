"""The routes of the Analyse page: who gets what, and what is in it."""

import csv
import io
import json
import secrets
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from annotations.images import add_image
from annotations.invites import invite
from annotations.items import add_item, delete_item
from annotations.scores import save_scores
from annotations.store import NewRating, save_rating
from app import server
from app.context import AppContext, open_context
from app.settings import Settings

EVIL = "=cmd() <img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
FILES = ("items.csv", "report.html", "report.json")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    context = open_context(Settings(data=tmp_path_factory.mktemp("data"), backup_minutes=0))
    yield context
    context.engine.dispose()


@pytest.fixture(scope="module")
def items(context: AppContext) -> list[str]:
    """Eight captions of four images, rated by two people and scored; the first one is markup."""
    made = []
    for number in range(8):
        if number % 2 == 0:
            image = add_image(
                context.engine, sha256=secrets.token_hex(32), filename="a.png", width=8, height=8
            )
        caption = EVIL if number == 0 else f"Caption {number}. It says more."
        item = add_item(
            context.engine,
            image_id=image,
            caption=caption,
            units=[(caption, 0, len(caption))],
            segmenter_version="test-1",
            source=EVIL if number == 0 else "captioner",
        )
        for rater in ("Ada", "Ben"):
            save_rating(
                context.engine,
                NewRating(
                    item_id=item,
                    rater=rater,
                    answers={"correctness": 3, "thoroughness": 3, "overall": 1 + number % 5},
                    verdicts=("supported",),
                    nonce=secrets.token_hex(8),
                    guideline_version="1",
                    application_version="1",
                ),
            )
        save_scores(
            context.engine, item, metric="specs", model="scenes", model_sha256="a" * 64, score=number / 10
        )
        made.append(item)
    return made


@pytest.fixture(scope="module")
def client(context: AppContext, items: list[str]) -> Iterator[TestClient]:
    with TestClient(server.create_app(context), base_url="http://127.0.0.1:7860") as client:
        yield client


def be(client: TestClient, context: AppContext, role: str | None) -> None:
    client.cookies.clear()
    if role is not None:
        code = invite(context.engine, f"{role}-{secrets.token_hex(3)}", role=role)
        assert client.post("/session", json={"code": code}).status_code == 200


@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("rater", 403), ("adjudicator", 200), ("admin", 200)]
)
def test_routes_are_for_adjudicators_and_admins(
    client: TestClient, context: AppContext, items: list[str], role: str | None, status: int
) -> None:
    be(client, context, role)
    for path in (f"items/{items[1]}", *FILES):
        answer = client.get(f"/analysis/{path}")
        assert answer.status_code == status, path
        assert answer.headers["cache-control"] == "no-store"
        if status != 200:
            assert list(answer.json()) == ["problem"]
            assert "Caption 1" not in answer.text


def test_caption_is_told_with_its_image_and_not_once_it_is_deleted(
    client: TestClient, context: AppContext, items: list[str]
) -> None:
    be(client, context, "adjudicator")

    told = client.get(f"/analysis/items/{items[0]}").json()
    assert (told["caption"], told["system"]) == (EVIL, EVIL)
    assert told["image"].startswith("/pictures/")

    for wrong in ("0" * 32, "..%2F..%2Fetc", "x"):
        assert client.get(f"/analysis/items/{wrong}").status_code in (400, 404)
    image = add_image(context.engine, sha256=secrets.token_hex(32), filename="a.png", width=8, height=8)
    gone = add_item(
        context.engine, image_id=image, caption="Gone.", units=[("Gone.", 0, 5)], segmenter_version="t"
    )
    delete_item(context.engine, gone)
    answer = client.get(f"/analysis/items/{gone}")
    assert (answer.status_code, "Gone." in answer.text) == (404, False)


def test_items_are_csv_that_a_spreadsheet_does_not_run_and_follow_the_filters(
    client: TestClient, context: AppContext, items: list[str]
) -> None:
    be(client, context, "admin")

    everything = client.get("/analysis/items.csv")
    some = client.get("/analysis/items.csv", params={"systems": "captioner"})

    assert everything.headers["content-disposition"] == 'attachment; filename="specs-lens-items.csv"'
    rows = list(csv.DictReader(io.StringIO(everything.content.decode("utf-8-sig"))))
    assert len(rows) == 8
    by_item = {row["item"]: row for row in rows}
    assert by_item[items[0]]["caption"] == f"'{EVIL}"
    assert [float(by_item[item]["specs"]) for item in items] == [number / 10 for number in range(8)]
    assert [float(by_item[item]["human_overall"]) for item in items] == [1 + n % 5 for n in range(8)]
    assert len(list(csv.DictReader(io.StringIO(some.content.decode("utf-8-sig"))))) == 7


def test_report_is_one_page_and_the_same_numbers_as_json(client: TestClient, context: AppContext) -> None:
    be(client, context, "admin")
    asked = {"coefficient": "pearson_r", "level": "pooled"}

    page, numbers = (
        client.get("/analysis/report.html", params=asked),
        client.get("/analysis/report.json", params=asked),
    )

    assert page.headers["content-type"].startswith("text/html")
    assert "attachment" in page.headers["content-disposition"]
    assert EVIL not in page.text
    record = json.loads(numbers.text)
    assert record["kind"] == "specs-lens analysis report"
    assert record["correlations"]["coefficient"] == "pearson_r"


def test_choice_that_cannot_be_or_fits_nothing_is_refused_in_a_sentence(
    client: TestClient, context: AppContext
) -> None:
    be(client, context, "admin")
    for params in ({"since": "yesterday"}, {"until": "2001-01-01"}, {"coefficient": "magic"}):
        answer = client.get("/analysis/report.html", params=params)
        assert answer.status_code == 400, params
        assert answer.json()["problem"].endswith(".")
