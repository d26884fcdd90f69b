"""Gradio's own endpoints, which anybody can call with anything: they hand out nothing of what is rated."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from annotations.campaigns import create_campaign
from annotations.images import add_image
from annotations.invites import invite
from annotations.items import add_item
from annotations.scores import save_scores
from annotations.store import NewRating, save_rating
from app import server
from app.context import AppContext, open_context
from app.settings import Settings

CAPTION = "A heron stands. A blue kite flies."
SECRETS = ("captioner-x", "0.7770777", "0.1231123", "what Ada thinks", "heron", "Ada Lovelace")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    context = open_context(Settings(data=tmp_path_factory.mktemp("data"), backup_minutes=0))
    yield context
    context.engine.dispose()


@pytest.fixture(scope="module")
def item(context: AppContext) -> str:
    """An item of a blind campaign, scored and rated by Ada."""
    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    image = add_image(context.engine, sha256=secrets.token_hex(32), filename="a.png", width=32, height=24)
    context.pictures.save(image, Image.fromarray(noise))
    item = add_item(
        context.engine,
        image_id=image,
        caption=CAPTION,
        units=((CAPTION[:16], 0, 16), (CAPTION[16:], 16, len(CAPTION))),
        segmenter_version="test-1",
        source="captioner-x",
        campaign_id=create_campaign(context.engine, "Unseen"),
    )
    save_scores(
        context.engine,
        item,
        metric="specs",
        model="scenes",
        model_sha256="7" * 64,
        score=0.7770777,
        similarity=0.1231123,
        curve={"score": 0.7770777},
    )
    rating = NewRating(
        item_id=item,
        rater="Ada Lovelace",
        answers={"correctness": 2, "thoroughness": 4, "overall": 3},
        verdicts=("unsure", "unsure"),
        nonce=secrets.token_hex(8),
        guideline_version="1",
        application_version="1",
        comment="what Ada thinks",
    )
    save_rating(context.engine, rating)
    return item


@pytest.fixture(scope="module")
def client(context: AppContext) -> Iterator[TestClient]:
    with TestClient(server.create_app(context), base_url="http://127.0.0.1:7860") as client:
        yield client


@pytest.fixture(params=["visitor", "rater"])
def caller(request: pytest.FixtureRequest, client: TestClient, context: AppContext) -> TestClient:
    client.cookies.clear()
    if request.param == "rater":
        code = invite(context.engine, "Bo")
        assert client.post("/session", json={"code": code}).status_code == 200
    return client


def said_by(client: TestClient, calls: list[dict[str, Any]]) -> str:
    """Put events into the queue under a guessed session, and return all that comes out of it."""
    session = secrets.token_hex(4)
    joined = [client.post("/gradio_api/queue/join", json={**call, "session_hash": session}) for call in calls]
    said = [answer.text for answer in joined]
    if any(answer.status_code == 200 for answer in joined):
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                said.append(line)
                if "close_stream" in line:
                    break
    return "\n".join(said)


def test_every_event_of_the_page_called_with_an_items_id_sends_nothing_of_the_item(
    caller: TestClient, item: str
) -> None:
    events = caller.get("/config").json()["dependencies"]
    asked: list[object] = [item, {"item": item}, None]
    calls = [
        {"fn_index": event["id"], "data": [value] * len(event["inputs"]), "event_data": {"item": item}}
        for event in events
        if event["backend_fn"]
        for value in asked
    ]
    assert len(calls) > 60
    answers = [said_by(caller, calls[first : first + 30]) for first in range(0, len(calls), 30)]
    assert sum(answer.count("process_completed") for answer in answers) > 60
    assert [word for word in SECRETS if any(word in answer for answer in answers)] == []


def test_address_of_a_blind_item_does_not_open_for_whoever_has_not_rated_it(
    caller: TestClient, item: str
) -> None:
    events = caller.get("/config").json()["dependencies"]
    opening = next(event["id"] for event in events if event["api_name"] == "open_address")
    wanted = {"item": item, "model": "", "units": "", "threshold": ""}
    said = said_by(caller, [{"fn_index": opening, "data": [], "event_data": wanted}])
    assert "rated unseen" in said
    assert [word for word in SECRETS if word in said] == []


@pytest.mark.parametrize("way", ["run", "api", "call"])
def test_endpoint_called_by_its_name_sends_nothing_of_an_item(
    caller: TestClient, item: str, way: str
) -> None:
    for event in caller.get("/config").json()["dependencies"]:
        body = {"data": [item] * len(event["inputs"]), "event_data": {"item": item}, "fn_index": event["id"]}
        answer = caller.post(f"/gradio_api/{way}/{event['api_name']}", json=body)
        assert [word for word in SECRETS if word in answer.text] == [], event["api_name"]
    assert [word for word in SECRETS if word in json.dumps(caller.get("/gradio_api/info").json())] == []


def test_files_of_the_data_folder_are_not_handed_out(caller: TestClient, context: AppContext) -> None:
    for path in (context.settings.data / "specs.sqlite3", Path("/etc/passwd")):
        assert caller.get(f"/gradio_api/file={path}").status_code in (403, 404)


def events_named(client: TestClient, *names: str) -> list[dict[str, Any]]:
    """Return calls of events by their names, with nothing in them."""
    return [
        {"fn_index": event["id"], "data": [None] * len(event["inputs"]), "event_data": {}}
        for event in client.get("/config").json()["dependencies"]
        if event["api_name"] in names
    ]


def test_analysis_asked_for_directly_is_refused_to_whoever_may_not_see_it(
    caller: TestClient, item: str
) -> None:
    names = ("ask_analysis", "fill_intervals", "fill_parts", "fill_later", "redraw_points", "score_rest")
    for name in names:
        [call, *_] = events_named(caller, name)
        said = said_by(caller, [call])
        assert "process_completed" in said, name
        assert "sign in with your code" in said or "this is for the role" in said.lower(), name
        assert [word for word in SECRETS if word in said] == []


def test_analysis_asked_for_directly_is_told_to_an_adjudicator(
    client: TestClient, context: AppContext, item: str
) -> None:
    client.cookies.clear()
    code = invite(context.engine, "Judge", role="adjudicator")
    assert client.post("/session", json={"code": code}).status_code == 200

    said = said_by(client, events_named(client, "ask_analysis"))

    # Otherwise the refusals above would say nothing.
    assert CAPTION in said
    assert "Ada Lovelace" in said
