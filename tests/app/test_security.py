"""Hosts, origins and headers."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router
from starlette.testclient import TestClient

from app.security import Guard, host_name, is_own_origin


def client(**options: object) -> TestClient:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("done", headers={"referrer-policy": "unsafe-url"})

    inner = Starlette(routes=[Route("/", answer, methods=["GET", "POST", "DELETE"])])
    return TestClient(Guard(inner, **options), base_url="http://127.0.0.1:7860")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:7861", "http://127.0.0.1", "file://127.0.0.1:7860", ""],
)
def test_guard_with_a_foreign_origin_refuses_changes(method: str, origin: str) -> None:
    response = client().request(method, "/", headers={"origin": origin})
    assert response.status_code == 403
    assert "done" not in response.text


def test_guard_with_its_own_origin_or_none_lets_changes_pass() -> None:
    assert client().post("/", headers={"origin": "http://127.0.0.1:7860"}).text == "done"
    assert client().post("/").text == "done"


def test_guard_with_a_foreign_origin_still_lets_reading_pass() -> None:
    response = client().get("/", headers={"origin": "http://evil.example"})
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


def test_guard_with_an_allowed_origin_lets_its_changes_pass() -> None:
    guarded = client(allowed_origins=["https://lens.example"])
    assert guarded.post("/", headers={"origin": "https://lens.example"}).text == "done"
    assert guarded.post("/", headers={"origin": "https://lens.example.evil"}).status_code == 403


def test_guard_with_a_rebound_host_name_refuses_even_reading() -> None:
    guarded = client(trusted_hosts=["127.0.0.1", "localhost"])
    assert guarded.get("/", headers={"host": "evil.example:7860"}).status_code == 421
    assert guarded.get("/", headers={"host": "localhost:7860"}).status_code == 200


def test_guard_sets_the_security_headers_once_also_on_refusals() -> None:
    for response in (client().get("/"), client().post("/", headers={"origin": "null"})):
        assert response.headers.get_list("referrer-policy") == ["no-referrer"]
        assert response.headers["x-content-type-options"] == "nosniff"
        policy = response.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "http" not in policy, "nothing outside may be loaded"


def test_guard_when_the_app_fails_answers_one_sentence_with_the_headers() -> None:
    async def fail(request: Request) -> PlainTextResponse:
        raise RuntimeError("a secret path")

    response = TestClient(Guard(Router([Route("/", fail)])), base_url="http://127.0.0.1:7860").get("/")

    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in response.headers["content-security-policy"]


def test_guard_inside_a_space_may_be_framed_by_its_site() -> None:
    response = client(frame_ancestors=["https://frames.example"]).get("/")
    assert "frame-ancestors 'self' https://frames.example" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("header", "name"),
    [("LocalHost:7860", "localhost"), ("127.0.0.1", "127.0.0.1"), ("[::1]:7860", "[::1]"), ("", "")],
)
def test_host_name_drops_the_port_and_the_case(header: str, name: str) -> None:
    assert host_name(header) == name


def test_is_own_origin_compares_scheme_and_port() -> None:
    assert is_own_origin("https://Lens.example", "lens.example")
    assert not is_own_origin("ftp://lens.example", "lens.example")
    assert not is_own_origin("https://lens.example:444", "lens.example")
