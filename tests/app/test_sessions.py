"""Signing in and out over HTTP: answers, cookies, limits, and who may do what."""

import http.client
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from annotations import sign_in as sign_in_module
from annotations.accounts import disable, find_person, set_role
from annotations.engine import open_database
from annotations.invites import invite
from app.context import AppContext
from app.rate_limit import RateLimit, RequestLimit
from app.security import Guard
from app.sessions import COOKIE, SignInError, account_of_request, require, session_router
from app.settings import Settings

HOST = "127.0.0.1"


@pytest.fixture
def context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_database: Callable[[Path], Path]
) -> Iterator[AppContext]:
    for name in ("SPACE_ID", "OAUTH_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    engine = open_database(f"sqlite:///{with_database(tmp_path) / 'specs.sqlite3'}")
    yield AppContext(
        settings=Settings(data=tmp_path),
        engine=engine,
        encoders=None,  # type: ignore[arg-type]
        pictures=None,  # type: ignore[arg-type]
    )
    engine.dispose()


@pytest.fixture
def client(context: AppContext) -> TestClient:
    return TestClient(guarded(context), base_url="http://127.0.0.1:7860")


def guarded(context: AppContext) -> Guard:
    app = FastAPI()
    app.include_router(session_router(context))
    return Guard(app)


@pytest.fixture
def port(context: AppContext) -> Iterator[int]:
    """A real server with the routes, for what a client library would smooth over."""
    server = uvicorn.Server(uvicorn.Config(guarded(context), host=HOST, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def raw(
    port: int,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    cookie: str | None = None,
    content_type: str = "application/json",
    **headers: str,
) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent["content-type"] = content_type
    if cookie is not None:
        sent["cookie"] = f"{COOKIE}={cookie}"
    connection.request(method, path, body=body, headers=sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    kind = answer.getheader("content-type", "")
    return answer.status, dict(answer.getheaders()), json.loads(content) if "json" in kind else content


def sign_in(port: int, code: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    return raw(port, "POST", "/session", body=json.dumps({"code": code}).encode(), **headers)


def token_in(headers: dict[str, str]) -> str:
    return SimpleCookie(headers["set-cookie"])[COOKIE].value


def request_with(token: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", f"a=b; {COOKIE}={token}".encode())]})


def wrong(code: str) -> str:
    return code[:-1] + ("0" if code[-1] != "0" else "1")


def test_sign_in_answers_who_it_is_and_a_cookie_that_scripts_and_other_sites_cannot_use(
    context: AppContext, port: int
) -> None:
    code = invite(context.engine, "Ada", role="adjudicator")
    status, headers, content = sign_in(port, code.lower())
    assert (status, content) == (200, {"name": "Ada", "role": "adjudicator"})
    token = token_in(headers)
    assert headers["set-cookie"] == f"{COOKIE}={token}; HttpOnly; Max-Age=2592000; Path=/; SameSite=Lax"
    assert headers["cache-control"] == "no-store"
    who = raw(port, "GET", "/session", cookie=token)
    assert who[2] == {"name": "Ada", "role": "adjudicator", "hub": False}
    assert who[1]["cache-control"] == "no-store"
    assert raw(port, "GET", "/session")[2] == {"name": None, "role": None, "hub": False}
    assert raw(port, "GET", "/session", cookie="made-up")[2]["name"] is None


def test_cookie_over_https_is_for_https_only(context: AppContext) -> None:
    secure = TestClient(guarded(context), base_url="https://lens.example")
    answer = secure.post("/session", json={"code": invite(context.engine, "Ada")})
    assert answer.headers["set-cookie"].endswith("; HttpOnly; Max-Age=2592000; Path=/; SameSite=Lax; Secure")


def test_cookie_in_a_space_works_inside_the_frame_of_another_site_and_only_there(
    context: AppContext, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/lens")
    answer = client.post("/session", json={"code": invite(context.engine, "Ada")})
    flags = "; SameSite=None; Secure; Partitioned"
    assert answer.headers["set-cookie"].endswith(f"; HttpOnly; Max-Age=2592000; Path=/{flags}")
    ended = client.delete("/session").headers["set-cookie"]
    assert ended == f"{COOKIE}=; HttpOnly; Max-Age=0; Path=/{flags}", "another cookie would not be replaced"


def test_sign_in_with_what_does_not_work_gets_the_same_answer_and_no_cookie(
    context: AppContext, port: int
) -> None:
    code = invite(context.engine, "Ada")
    disabled = invite(context.engine, "Bo")
    disable(context.engine, find_person(context.engine, "Bo").id)
    answers = [sign_in(port, attempt) for attempt in (wrong(code), disabled, "0" * 28, "")]
    assert [status for status, _, _ in answers] == [401] * 4
    assert len({json.dumps(content) for _, _, content in answers}) == 1
    sentence = answers[0][2]["problem"]
    assert sentence.startswith("This code does not sign in")
    assert sentence.endswith(".")
    assert not any("set-cookie" in headers for _, headers, _ in answers)


def test_fifth_wrong_code_locks_the_client_out_for_a_quarter_of_an_hour(
    context: AppContext, port: int
) -> None:
    code, other = invite(context.engine, "Ada"), invite(context.engine, "Bo")
    assert [sign_in(port, wrong(code))[0] for _ in range(5)] == [401] * 5
    for attempt in (code, other, wrong(code)):
        status, headers, content = sign_in(port, attempt)
        assert (status, content) == (429, {"problem": "Too many wrong codes; try again in 15 minutes."})
        assert "set-cookie" not in headers


def test_sign_out_everywhere_ends_the_session_of_the_other_browser(context: AppContext, port: int) -> None:
    code = invite(context.engine, "Ada")
    here, there = (token_in(sign_in(port, code)[1]) for _ in range(2))
    bo = token_in(sign_in(port, invite(context.engine, "Bo"))[1])
    status, headers, content = raw(port, "DELETE", "/sessions", cookie=here)
    assert (status, content) == (200, {"ended": 2})
    assert headers["set-cookie"] == f"{COOKIE}=; HttpOnly; Max-Age=0; Path=/; SameSite=Lax"
    assert [raw(port, "GET", "/session", cookie=token)[2]["name"] for token in (here, there, bo)] == [
        None,
        None,
        "Bo",
    ]
    status, _, content = raw(port, "DELETE", "/sessions", cookie=here)
    assert (status, content["problem"][:22]) == (401, "You are not signed in;")


def test_sign_out_ends_the_session_itself_and_not_the_cookie_only(context: AppContext, port: int) -> None:
    code = invite(context.engine, "Ada")
    here, there = (token_in(sign_in(port, code)[1]) for _ in range(2))
    status, headers, _ = raw(port, "DELETE", "/session", cookie=here)
    assert (status, token_in(headers)) == (200, "")
    assert raw(port, "GET", "/session", cookie=here)[2]["name"] is None
    assert raw(port, "GET", "/session", cookie=there)[2]["name"] == "Ada"
    assert raw(port, "DELETE", "/session")[0] == 200


def test_sign_in_of_a_browser_that_is_signed_in_ends_its_earlier_session(
    context: AppContext, port: int
) -> None:
    earlier = token_in(sign_in(port, invite(context.engine, "Ada"))[1])
    code = invite(context.engine, "Bo")
    assert sign_in(port, wrong(code), cookie=earlier)[0] == 401
    assert raw(port, "GET", "/session", cookie=earlier)[2]["name"] == "Ada", "a wrong code changes nothing"
    assert sign_in(port, code, cookie=earlier)[0] == 200
    assert raw(port, "GET", "/session", cookie=earlier)[2]["name"] is None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"code": "%s"}', "text/plain"),
        (b'{"code": "%s"}', "application/x-www-form-urlencoded"),
        (b"code=%s", "application/json"),
        (b'["%s"]', "application/json"),
        (b'{"code": ["%s"]}', "application/json"),
        (b'{"code": null}', "application/json"),
        (b"[" * 4000, "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"", "application/json"),
    ],
)
def test_sign_in_with_a_body_of_another_kind_is_refused(
    context: AppContext, port: int, body: bytes, content_type: str
) -> None:
    code = invite(context.engine, "Ada").encode()
    status, headers, content = raw(
        port,
        "POST",
        "/session",
        body=body % code if b"%s" in body else body,
        content_type=content_type,
    )
    assert status == 400
    assert "JSON" in content["problem"]
    assert "set-cookie" not in headers


def test_sign_in_with_a_body_beyond_four_kilobytes_is_refused(context: AppContext, port: int) -> None:
    code = invite(context.engine, "Ada")
    fitting = json.dumps({"code": code, "more": ""})
    fitting = json.dumps({"code": code, "more": "x" * (4096 - len(fitting))})
    assert raw(port, "POST", "/session", body=fitting.encode())[0] == 200
    status, _, content = raw(port, "POST", "/session", body=fitting.encode() + b" ")
    assert (status, content["problem"][-20:]) == (413, "at most 4,096 bytes.")


def test_code_in_the_address_is_not_looked_at(context: AppContext, port: int) -> None:
    code = invite(context.engine, "Ada")
    assert raw(port, "POST", f"/session?code={code}", body=b"{}")[0] == 400
    assert raw(port, "GET", f"/session?code={code}")[2]["name"] is None


@pytest.mark.parametrize("path", ["/session", "/sessions"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_cannot_sign_anybody_in_or_out_even_without_an_origin(
    context: AppContext, port: int, path: str, site: str
) -> None:
    code = invite(context.engine, "Ada")
    token = token_in(sign_in(port, code)[1])
    method = "POST" if path == "/session" else "DELETE"
    body = json.dumps({"code": code}).encode()
    for headers in ({"sec_fetch_site": site}, {"origin": "https://evil.example"}, {"origin": "null"}):
        status, answered, _ = raw(port, method, path, body=body, cookie=token, **headers)
        assert (status, "set-cookie" in answered) == (403, False)
        assert raw(port, "DELETE", "/session", cookie=token, **headers)[0] == 403
    assert raw(port, "GET", "/session", cookie=token)[2]["name"] == "Ada"
    assert sign_in(port, code, sec_fetch_site="same-origin", origin=f"http://{HOST}:{port}")[0] == 200


def test_codes_are_compared_two_at_a_time(
    context: AppContext, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most, compare = [], [], sign_in_module.matches

    def slow(code_hash: str, secret: str) -> bool:
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.05)
        at_once.pop()
        return compare(code_hash, secret)

    monkeypatch.setattr(sign_in_module, "matches", slow)
    code, answers = invite(context.engine, "Ada"), []
    threads = [threading.Thread(target=lambda: answers.append(sign_in(port, code)[0])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (answers, max(most)) == ([200] * 6, 2)


def test_neither_codes_nor_tokens_are_logged(
    context: AppContext, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = invite(context.engine, "Ada")
    token = token_in(sign_in(port, code)[1])
    raw(port, "DELETE", "/sessions", cookie=token)
    for _ in range(6):
        sign_in(port, wrong(code))
    assert "Ada signed in" in caplog.text
    assert "a code was refused" in caplog.text
    assert "was not looked at" in caplog.text
    for hidden in (code, code[9:], code.replace("-", ""), wrong(code), wrong(code)[9:], token):
        assert hidden not in caplog.text


def test_database_that_fails_is_told_in_a_sentence(context: AppContext, port: int, tmp_path: Path) -> None:
    context.engine.dispose()
    for path in tmp_path.glob("specs.sqlite3*"):
        path.unlink()
    (tmp_path / "specs.sqlite3").mkdir()
    status, _, content = sign_in(port, "0" * 28)
    assert status == 503
    assert "cannot be opened" in content["problem"]
    assert raw(port, "GET", "/session", cookie="x")[0] == 503


def test_limit_of_requests_counts_codes_apart_from_everything_else(context: AppContext) -> None:
    limited = RequestLimit(
        guarded(context), api=None, names=(), events=RateLimit(1), sign_ins=RateLimit(2, clock=lambda: 0.0)
    )
    client = TestClient(limited, base_url="http://127.0.0.1:7860")
    assert [client.post("/session", json={}).status_code for _ in range(3)] == [400, 400, 429]
    refused = client.post("/session/", json={})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
    assert refused.json() == {"problem": "Too many requests from this address; try again in 30 seconds."}
    assert client.get("/session").status_code == 200
    assert client.delete("/session").status_code == 200


# What handlers ask


def test_account_of_request_is_the_same_for_starlette_and_for_gradio(context: AppContext, port: int) -> None:
    token = token_in(sign_in(port, invite(context.engine, "Ada"))[1])
    request = request_with(token)
    queued = gr.Request(cookies={COOKIE: token, "get": "a name that hides a method"})
    for asked in (request, gr.Request(request=request), queued):
        account = account_of_request(context, asked)
        assert account is not None
        assert account.name == "Ada"
    assert account_of_request(context, gr.Request(cookies={})) is None
    assert account_of_request(context, Request({"type": "http", "headers": []})) is None


def test_require_refuses_who_is_signed_out_and_who_has_another_role(context: AppContext, port: int) -> None:
    token = token_in(sign_in(port, invite(context.engine, "Ada"))[1])
    request = request_with(token)
    with pytest.raises(SignInError, match="not signed in"):
        require(context, SimpleNamespace(cookies={}))
    assert require(context, request).name == "Ada"
    assert require(context, request, "rater", "admin").role == "rater"
    with pytest.raises(SignInError, match="adjudicator or admin; Ada is rater"):
        require(context, request, "adjudicator", "admin")
    set_role(context.engine, find_person(context.engine, "Ada").id, "admin")
    assert require(context, request, "adjudicator", "admin").role == "admin"


def test_refusal_of_require_is_shown_on_the_page_as_one_sentence(context: AppContext) -> None:
    from app.problems import shown_on_page

    with pytest.raises(gr.Error, match=r"You are not signed in; .*\."), shown_on_page():
        require(context, SimpleNamespace(cookies={}))
