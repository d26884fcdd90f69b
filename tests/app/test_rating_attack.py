"""What somebody can do who speaks to the routes directly instead of through the page: nothing of others."""

import csv
import io
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from annotations.accounts import people
from annotations.campaign_tables import LINKS_CAMPAIGN
from annotations.campaigns import create_campaign, delete_campaign, pause_campaign
from annotations.engine import open_database, reading
from annotations.exporting import export_ratings
from annotations.images import add_image
from annotations.invites import invite
from annotations.items import add_battle, add_item, delete_item
from annotations.revisions import ratings
from annotations.schema import drafts, items, revisions
from annotations.scores import save_scores
from app.admin_api import _ACTS, _READS, admin_router
from app.context import AppContext
from app.rating_api import rating_router
from app.security import Guard
from app.sessions import session_router
from app.settings import Settings
from specs_core.errors import UnknownModelError

CAPTION = "A red car is parked. A blue kite flies."
UNITS = (("A red car is parked. ", 0, 21), ("A blue kite flies.", 21, 39))
SECRETS = ("captioner-x", "0.777", "0.123", "Ada's own words", "Ada")
ACTIONS = ("next", "open", "draft", "submit", "skip", "undo", "reveal")
ADDRESS = "http://127.0.0.1:7860"


@dataclass
class Site:
    """The routes, with Ada and Bo signed in and one campaign."""

    context: AppContext
    app: Guard
    campaign: str
    ada: TestClient
    bo: TestClient
    visitor: TestClient

    def add(self, *, campaign: str | None = None, caption: str = CAPTION, **options: Any) -> str:
        image = add_image(
            self.context.engine, sha256=secrets.token_hex(32), filename="a.png", width=4, height=4
        )
        options = {"units": UNITS, "segmenter_version": "test-1"} | options
        return add_item(
            self.context.engine,
            image_id=image,
            caption=caption,
            source="captioner-x",
            campaign_id=campaign or self.campaign,
            **options,
        )

    def count(self, table: Any) -> int:
        with reading(self.context.engine) as connection:
            return len(connection.execute(table.select()).all())


@pytest.fixture
def site(tmp_path: Path, with_database: Callable[[Path], Path]) -> Iterator[Site]:
    context = AppContext(
        settings=Settings(data=tmp_path),
        engine=open_database(f"sqlite:///{with_database(tmp_path) / 'specs.sqlite3'}"),
        encoders=NoEncoders(),  # type: ignore[arg-type]
        pictures=StandInPictures(),  # type: ignore[arg-type]
    )
    inner = FastAPI()
    inner.include_router(session_router(context))
    inner.include_router(rating_router(context))
    inner.include_router(admin_router(context))
    app = Guard(inner)
    people = [TestClient(app, base_url=ADDRESS) for _ in range(3)]
    for client, name in zip(people, ("Ada", "Bo"), strict=False):
        signed = client.post("/session", json={"code": invite(context.engine, name)})
        assert signed.status_code == 200
    campaign = create_campaign(context.engine, "Attacked", overlap=1)
    yield Site(context, app, campaign, *people)
    context.engine.dispose()


class NoEncoders:
    """Has no model: whoever has rated an item and asks for its curve is told so."""

    default_name = "scenes"

    def get(self) -> None:
        raise UnknownModelError("there is no model here")


class StandInPictures:
    """Names an address for every image."""

    def url(self, image_id: str) -> str:
        return f"/pictures/{image_id}"


def form(item: str, **changes: Any) -> dict[str, Any]:
    return {
        "item": item,
        "verdicts": ["supported", "hallucinated"],
        "answers": {"correctness": 2, "thoroughness": 4, "overall": 3},
        "comment": "Ada's own words",
        "nonce": "a-nonce-of-this-form",
        **changes,
    }


def is_plain_refusal(answer: Any) -> bool:
    """Whether an answer is a refusal in one sentence."""
    said = answer.json()
    return 400 <= answer.status_code < 500 and set(said) == {"problem"} and said["problem"].endswith(".")


def rated_by_ada(site: Site) -> str:
    """An item that Ada has rated and somebody has scored, with room for one more."""
    item = site.add(overlap=2)
    save_scores(
        site.context.engine,
        item,
        metric="specs",
        model="scenes",
        model_sha256="7" * 64,
        score=0.777,
        similarity=0.123,
        curve={"score": 0.777},
    )
    assert site.ada.post("/rating/submit", json=form(item)).status_code == 200
    return item


@pytest.mark.parametrize("action", ACTIONS)
def test_visitor_who_calls_any_route_is_told_to_sign_in_and_changes_nothing(site: Site, action: str) -> None:
    item = rated_by_ada(site)

    answer = site.visitor.post(f"/rating/{action}", json=form(item, content={}, reason="x", campaign=None))

    assert (answer.status_code, is_plain_refusal(answer)) == (401, True)
    assert (site.count(revisions), site.count(drafts)) == (1, 0)
    for path in ("campaigns", "history", "progress"):
        assert site.visitor.get(f"/rating/{path}").status_code == 401


def test_rater_who_asks_for_another_ones_item_is_sent_nothing_that_the_other_said(site: Site) -> None:
    item = rated_by_ada(site)
    site.ada.post("/rating/open", json={"item": item})
    site.ada.post("/rating/draft", json={"item": item, "content": form(item, comment="Ada's own words")})

    said = [site.bo.post(f"/rating/{one}", json={"item": item, "campaign": None}) for one in ACTIONS]
    said += [site.bo.get(f"/rating/{one}") for one in ("campaigns", "history", "progress")]

    assert not [word for word in SECRETS for answer in said if word in answer.text]
    assert site.bo.post("/rating/open", json={"item": item}).json()["draft"] is None


def test_rater_who_asks_for_the_curve_before_submitting_is_refused_however_the_item_is_held(
    site: Site,
) -> None:
    item = rated_by_ada(site)
    assert is_plain_refusal(site.bo.post("/rating/reveal", json={"item": item}))
    site.bo.post("/rating/open", json={"item": item})
    site.bo.post("/rating/draft", json={"item": item, "content": form(item)})
    assert is_plain_refusal(site.bo.post("/rating/reveal", json={"item": item}))
    site.bo.post("/rating/submit", json=form(item))
    site.bo.post("/rating/undo", json={"item": item})
    assert is_plain_refusal(site.bo.post("/rating/reveal", json={"item": item}))


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", name) for name in (*_READS, "export")] + [("POST", name) for name in (*_ACTS, "import")],
)
def test_owners_route_is_refused_to_a_rater_and_to_a_visitor_and_tells_nothing(
    site: Site, method: str, path: str
) -> None:
    item = rated_by_ada(site)
    sent = {"item": item, "campaign": site.campaign, "name": "Bo", "role": "admin"}
    for client, status in ((site.bo, 403), (site.visitor, 401)):
        answer = client.request(method, f"/admin/{path}", params={"item": item}, json=sent)
        assert (answer.status_code, is_plain_refusal(answer)) == (status, True)
        assert not [word for word in SECRETS if word in answer.text]
    assert {one.name: one.role for one in people(site.context.engine)} == {"Ada": "rater", "Bo": "rater"}


def test_rater_who_names_another_one_in_the_form_cannot_rate_in_their_name(site: Site) -> None:
    item = site.add()
    named = {"name": "Ada", "rater_id": "Ada", "role": "admin"}

    refused = site.bo.post("/rating/submit", json=form(item) | named | {"rater": "Ada"})
    assert (refused.status_code, is_plain_refusal(refused)) == (401, True)
    assert site.bo.post("/rating/submit", json=form(item) | named).status_code == 200

    assert [one.rater for one in ratings(site.context.engine)] == ["Bo"]


def test_rater_who_sends_another_ones_nonce_learns_nothing_and_changes_nothing(site: Site) -> None:
    first, item = site.add(), rated_by_ada(site)
    assert (
        site.ada.post("/rating/submit", json=form(first, nonce="the-second-of-hers")).json()["receipt"] == 2
    )

    same = site.bo.post("/rating/submit", json=form(item, nonce="the-second-of-hers"))
    fresh = site.bo.post("/rating/submit", json=form(site.add(), nonce="one-that-is-fresh"))

    assert (same.json()["receipt"], fresh.json()["receipt"]) == (1, 2)
    assert same.json().keys() == fresh.json().keys()
    assert len([one for one in ratings(site.context.engine) if one.rater == "Ada"]) == 2


def test_rater_who_submits_or_opens_beyond_the_overlap_is_refused(site: Site) -> None:
    item = site.add(overlap=1)
    site.ada.post("/rating/open", json={"item": item})

    for action in ("open", "submit"):
        answer = site.bo.post(f"/rating/{action}", json=form(item))
        assert (answer.status_code, is_plain_refusal(answer)) == (409, True)

    assert site.count(revisions) == 0
    assert site.ada.post("/rating/submit", json=form(item)).status_code == 200


def test_rater_who_skips_or_undoes_another_ones_item_changes_nothing_of_it(site: Site) -> None:
    item = site.add(overlap=1)
    site.ada.post("/rating/open", json={"item": item})
    site.bo.post("/rating/skip", json={"item": item, "reason": "go away"})
    assert site.ada.post("/rating/submit", json=form(item)).status_code == 200
    assert site.bo.post("/rating/undo", json={"item": item}).status_code == 404
    assert [one.withdrawn for one in ratings(site.context.engine)] == [False]


@pytest.mark.parametrize("closed", ["item", "campaign", "paused", "links"])
@pytest.mark.parametrize("action", ["open", "draft", "submit"])
def test_rater_who_knows_the_id_of_an_item_that_is_not_handed_out_cannot_rate_it(
    site: Site, closed: str, action: str
) -> None:
    item = site.add(campaign=LINKS_CAMPAIGN if closed == "links" else None)
    if closed == "item":
        delete_item(site.context.engine, item)
    elif closed == "campaign":
        delete_campaign(site.context.engine, site.campaign)
    elif closed == "paused":
        pause_campaign(site.context.engine, site.campaign, paused=True)

    assert is_plain_refusal(site.bo.post(f"/rating/{action}", json={**form(item), "content": form(item)}))

    assert (site.count(revisions), site.count(drafts)) == (0, 0)


def test_rater_who_holds_an_item_when_the_campaign_is_paused_can_still_submit_it(site: Site) -> None:
    item = site.add()
    site.bo.post("/rating/open", json={"item": item})
    pause_campaign(site.context.engine, site.campaign, paused=True)
    assert site.bo.post("/rating/draft", json={"item": item, "content": form(item)}).status_code == 200
    assert site.bo.post("/rating/submit", json=form(item)).status_code == 200


def test_rater_who_submits_a_battle_before_its_sides_are_drawn_is_refused(site: Site) -> None:
    first = site.add(caption=CAPTION)
    with reading(site.context.engine) as connection:
        image = connection.scalar(items.select().with_only_columns(items.c.image_id))
    second = add_item(
        site.context.engine, image_id=image, caption="A car.", units=None, campaign_id=site.campaign
    )
    battle = add_battle(site.context.engine, first, second)
    answers = {"winner": "left", "both_poor": False}
    sent = form(battle, verdicts=[], answers=answers)
    assert is_plain_refusal(site.bo.post("/rating/submit", json=sent))
    site.bo.post("/rating/open", json={"item": battle})
    assert site.bo.post("/rating/submit", json=sent).status_code == 200


@pytest.mark.parametrize("value", [0, 6, -1, 2.5, "3", True, 10**400, [3], {"$gt": 0}])
def test_rater_who_answers_off_the_scale_is_refused_and_nothing_is_stored(site: Site, value: object) -> None:
    item = site.add()
    sent = form(item, answers={"correctness": value, "thoroughness": 4, "overall": 3})
    assert is_plain_refusal(site.bo.post("/rating/submit", json=sent))
    assert site.count(revisions) == 0


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400)])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\x00", "\ud800", "supported", "' OR 1=1 --"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = tuple("item nonce verdicts answers comment seconds content reason campaign zoom".split())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(action=st.sampled_from(ACTIONS), body=JSON, changed=st.dictionaries(st.sampled_from(FIELDS), JSON))
@example(action="submit", body=None, changed={"seconds": 10**400, "zoom": {"scale": -(10**400)}})
@example(action="next", body={"campaign": "\ud800"}, changed={})
def test_body_of_any_shape_is_answered_with_a_page_or_one_sentence_and_never_breaks_the_server(
    site: Site, action: str, body: object, changed: dict[str, object]
) -> None:
    item = site.add() if site.count(items) == 0 else None
    with reading(site.context.engine) as connection:
        item = item or connection.scalar(items.select().with_only_columns(items.c.id))
    whole = form(item, content=form(item, cursor=1, zoom={"scale": 1}), reason="x", campaign=None)
    inner = {**whole, "content": {**whole["content"], **changed}}
    for sent in (body, {**whole, **changed}, inner):
        text = json.dumps(sent).encode()
        answer = site.bo.post(f"/rating/{action}", content=text, headers={"content-type": "application/json"})
        assert answer.status_code == 200 or is_plain_refusal(answer), (answer.status_code, answer.text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"NaN",
        b"9" * 10_000,
        '{"item": "\ud83d'.encode("utf-16", "replace"),
    ],
    ids=["empty", "open", "bytes", "deep", "nan", "digits", "utf-16"],
)
def test_body_that_is_no_form_is_refused_in_one_sentence(site: Site, text: bytes) -> None:
    answer = site.bo.post("/rating/submit", content=text, headers={"content-type": "application/json"})
    assert (answer.status_code, is_plain_refusal(answer)) == (400, True)


def test_body_that_is_huge_or_of_another_type_or_from_another_site_is_refused(site: Site) -> None:
    item = site.add()
    huge = form(item, comment="x" * 2**20)
    assert (answer := site.bo.post("/rating/submit", json=huge)).status_code == 413
    assert is_plain_refusal(answer)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        sent = site.bo.post("/rating/submit", content=json.dumps(form(item)), headers={"content-type": kind})
        assert (sent.status_code, is_plain_refusal(sent)) == (400, True)
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        sent = site.bo.post("/rating/submit", json=form(item), headers={"origin": origin})
        assert sent.status_code == 403
    assert site.count(revisions) == 0


@pytest.mark.parametrize("campaign", ["' OR 1=1 --", "\x00", "%00", "x" * 10_000, "../../etc"])
def test_campaign_that_is_no_name_of_one_is_refused_or_empty(site: Site, campaign: str) -> None:
    assert is_plain_refusal(site.bo.post("/rating/next", json={"campaign": campaign}))
    for path in ("history", "progress"):
        answer = site.bo.get(f"/rating/{path}", params={"campaign": campaign})
        assert answer.status_code == 200
        assert answer.json() in ({"items": []}, {"done": 0, "left": 0, "today": 0, "median_seconds": None})


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE revisions; --",
        '=HYPERLINK("http://evil.example","x")',
        "@SUM(1)",
        "-1+1",
        "\t=1",
        "<script>alert(1)</script>",
        '"></textarea><img src=x onerror=alert(1)>',
        "{{7*7}}${7*7}",
    ],
)
def test_text_that_another_program_would_run_is_stored_and_returned_as_text_and_quoted_in_csv(
    site: Site, text: str
) -> None:
    item = site.add(caption=f"{text} ends.", units=((f"{text} ends.", 0, len(text) + 6),))
    code = invite(site.context.engine, name := text.strip()[:40])
    site.visitor.post("/session", json={"code": code})
    sent = form(item, verdicts=["unsure"], comment=text)

    assert site.visitor.post("/rating/skip", json={"item": item, "reason": text}).json() == {}
    site.visitor.post("/rating/draft", json={"item": item, "content": sent})
    view = site.visitor.post("/rating/open", json={"item": item})
    assert view.headers["content-type"] == "application/json"
    assert (view.json()["caption"], view.json()["draft"]["comment"]) == (f"{text} ends.", text)
    assert site.visitor.post("/rating/submit", json=sent).status_code == 200

    stored = list(ratings(site.context.engine))
    assert [(one.rater, one.comment, one.caption) for one in stored] == [(name, text, f"{text} ends.")]
    export_ratings(site.context.engine, out := io.StringIO(newline=""), format="csv")
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    for column, value in (("rater", name), ("comment", text), ("caption", f"{text} ends.")):
        assert rows[0][column] == (f"'{value}" if value[0] in "=+-@\t" else value)
