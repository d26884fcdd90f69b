"""The real server, asked over plain HTTP."""

import json
import secrets
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


def send_event(server: str, name: str, data: list) -> str:
    """Call a handler past the page, as anybody can, and return all that the server streams back."""
    config = json.loads(ask(f"{server}/config")[1]["body"])
    number = next(event["id"] for event in config["dependencies"] if event["api_name"] == name)
    session = secrets.token_hex(8)
    body = json.dumps({"fn_index": number, "data": data, "session_hash": session}).encode()
    assert ask(f"{server}/gradio_api/queue/join", method="POST", body=body)[0] == 200
    return ask(f"{server}/gradio_api/queue/data?session_hash={session}")[1]["body"].decode()


def test_healthz_says_that_the_database_answers(server: str) -> None:
    status, answer = ask(f"{server}/healthz")
    assert status == 200
    said = json.loads(answer["body"])
    assert (said["status"], said["database"], said["backup"]["status"]) == ("ok", "ok", "ok")


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


@pytest.mark.parametrize("place", [0, 1], ids=["image", "caption"])
def test_event_that_names_a_file_of_the_server_is_refused(server: str, tmp_path: Path, place: int) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("for nobody's eyes")
    data: list[object] = [None, "A red car.", "default", "dependency", 0, False, None]
    data[place] = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}

    answer = send_event(server, "score", data)

    assert "Only a file that was uploaded here can be used" in answer
    assert "secret.txt" not in answer


@pytest.mark.parametrize(
    "data",
    [
        ["text", "A red car.", "scenes", "dependency", 0, False, None],
        [{"path": 5}, "A red car.", "scenes", "dependency", 0, False, None],
        [None, "A red car.", "scenes", "dependency", None, False, None],
        [None, "A red car."],
    ],
)
def test_event_with_data_of_other_types_is_answered_with_one_sentence(server: str, data: list) -> None:
    answer = send_event(server, "score", data)
    assert "The page sent something that cannot be read" in answer
    assert "Traceback" not in answer


def test_event_with_a_list_for_the_model_is_answered_with_one_sentence(server: str) -> None:
    assert "There is no model" in send_event(
        server, "score", [None, "A red car.", ["scenes"], "dependency", 0, False, None]
    )
    assert "There is no model" in send_event(server, "tell_model", [["scenes"], False])


def test_server_does_not_fetch_addresses_for_a_visitor(server: str) -> None:
    assert ask(f"{server}/gradio_api/file=https://example.org/")[0] == 404
    assert ask(f"{server}/gradio_api/file=http%3A//127.0.0.1:9/", method="HEAD")[0] == 404
