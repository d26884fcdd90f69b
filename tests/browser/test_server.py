"""The real server, asked over plain HTTP."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def ask(
    url: str, *, method: str = "GET", origin: str | None = None, body: bytes | None = None
) -> tuple[int, dict]:
    request = urllib.request.Request(
        url, method=method, data=body, headers={"content-type": "application/json"}
    )
    if origin is not None:
        request.add_header("Origin", origin)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, {**dict(response.headers), "body": response.read()}
    except urllib.error.HTTPError as error:
        return error.code, {**dict(error.headers), "body": error.read()}


def test_healthz_says_that_the_database_answers(server: str) -> None:
    status, answer = ask(f"{server}/healthz")
    assert status == 200
    assert json.loads(answer["body"]) == {"status": "ok", "database": "ok"}


def test_page_has_the_security_headers_and_names_no_outside_script(server: str) -> None:
    status, answer = ask(server)
    assert status == 200
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["referrer-policy"] == "no-referrer"
    assert "default-src 'self'" in answer["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/component_server"]
)
def test_post_from_a_foreign_page_is_refused(server: str, path: str) -> None:
    status, answer = ask(server + path, method="POST", origin="http://evil.example", body=b"{}")
    assert status == 403
    assert "access-control-allow-origin" not in {name.lower() for name in answer}


def test_get_from_a_foreign_page_may_not_be_read_by_it(server: str) -> None:
    _, answer = ask(f"{server}/config", origin="http://evil.example")
    assert "access-control-allow-origin" not in {name.lower() for name in answer}


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc", "/monitoring"])
def test_pages_that_tell_about_the_server_are_closed(server: str, path: str) -> None:
    status, answer = ask(server + path)
    assert status != 200 or b"openapi" not in answer["body"].lower()


@pytest.mark.parametrize("file", ["pyproject.toml", "app/settings.py"])
def test_files_of_the_machine_are_not_served(server: str, file: str) -> None:
    status, _ = ask(f"{server}/gradio_api/file={REPOSITORY / file}")
    assert status in (403, 404)


@pytest.mark.parametrize("image_id", ["0" * 32, "..%2F..%2Fetc%2Fpasswd", "specs.sqlite3"])
def test_pictures_that_do_not_exist_are_not_found(server: str, image_id: str) -> None:
    assert ask(f"{server}/pictures/{image_id}")[0] == 404
