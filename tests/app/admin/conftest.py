"""People with a session who ask the owner's routes on a real server, and an item that was rated."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from fastapi import FastAPI

from annotations.accounts import find_person
from annotations.engine import open_database
from annotations.images import add_image
from annotations.invites import invite
from annotations.items import add_item
from annotations.sessions import sign_in_as
from annotations.store import NewRating, save_rating
from app.admin_api import admin_router
from app.context import AppContext
from app.pictures import PictureStore
from app.security import Guard
from app.settings import Settings

HOST = "127.0.0.1"
HOSTILE = "<img src=x onerror=alert(1)> & ${1}"


@dataclass
class Person:
    """Somebody with a session, and a way to ask."""

    name: str
    id: str
    port: int
    cookie: str | None

    def ask(
        self, method: str, path: str, body: object = None, *, kind: str = "application/json", **headers: str
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        sent = {"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookie is not None:
            sent["cookie"] = f"specs_session={self.cookie}"
        given = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        connection.request(method, f"/admin/{path}", body=given, headers=sent)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        assert answer.getheader("cache-control") == "no-store"
        connection.close()
        return answer.status, content

    def get(self, path: str, **query: object) -> Any:
        status, content = self.ask("GET", f"{path}?{urlencode(query)}")
        assert status == 200, content
        return content

    def post(self, path: str, **body: object) -> Any:
        status, content = self.ask("POST", path, body)
        assert status == 200, content
        return content

    def refused(self, path: str, body: object, **options: Any) -> tuple[int, str]:
        status, content = self.ask("POST", path, body, **options)
        assert content.keys() == {"problem"}
        return status, content["problem"]


@pytest.fixture
def context(tmp_path: Path, with_database: Callable[[Path], Path]) -> Iterator[AppContext]:
    engine = open_database(f"sqlite:///{with_database(tmp_path) / 'specs.sqlite3'}")
    yield AppContext(
        settings=Settings(data=tmp_path),
        engine=engine,
        encoders=None,  # type: ignore[arg-type]
        pictures=PictureStore(tmp_path / "images"),
    )
    engine.dispose()


@pytest.fixture
def port(context: AppContext) -> Iterator[int]:
    app = FastAPI()
    app.include_router(admin_router(context))
    server = uvicorn.Server(uvicorn.Config(Guard(app), host=HOST, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def person(context: AppContext, port: int) -> Callable[..., Person]:
    def make(name: str | None, role: str = "rater") -> Person:
        if name is None:
            return Person("", "", port, None)
        invite(context.engine, name, role=role)
        known = find_person(context.engine, name)
        return Person(name, known.id, port, sign_in_as(context.engine, known.id))

    return make


@pytest.fixture
def owner(person: Callable[..., Person]) -> Person:
    return person("Olga", "admin")


@pytest.fixture
def rated(context: AppContext) -> str:
    """An item with two ratings."""
    image_id = add_image(context.engine, sha256="a" * 64, filename=HOSTILE, width=4, height=3)
    caption = f"A red car. {HOSTILE}"
    item_id = add_item(
        context.engine,
        image_id=image_id,
        caption=caption,
        units=[(caption[:11], 0, 11), (caption[11:], 11, len(caption))],
        segmenter_version="test-1",
        source="captioner-x",
    )
    for rater, grade in (("Ada", 1), ("Bo", 5)):
        save_rating(
            context.engine,
            NewRating(
                item_id=item_id,
                rater=rater,
                answers=dict.fromkeys(("correctness", "thoroughness", "overall"), grade),
                verdicts=("supported", "hallucinated" if grade == 1 else "supported"),
                nonce=f"nonce-{rater}",
                guideline_version="1",
                application_version="1",
                comment=HOSTILE,
            ),
        )
    return item_id
