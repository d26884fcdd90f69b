"""The API of the real server, asked as gradio_client and as curl ask it."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from specs_core.segmentation import SEGMENTERS

CAPTION = "A drawing of a few things. A red disc floats on the left. A blue square stands on the right."
StartApp = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="module")
def api_server(
    start_app: StartApp, tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of an app whose limit no test reaches by accident."""
    settings = {"SPECS_MODEL": str(tiny_checkpoint), "SPECS_API_PER_MINUTE": "1000"}
    with start_app(tmp_path_factory.mktemp("api"), settings) as url:
        yield url


def post(
    url: str, body: bytes, *, kind: str = "application/json", **headers: str
) -> tuple[int, Any, dict[str, str]]:
    """Send what curl sends: no Origin, no cookie."""
    request = urllib.request.Request(url, data=body, headers={"content-type": kind, **headers})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, json.loads(response.read()), dict(response.headers)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), dict(error.headers)


def call(server: str, name: str, arguments: dict[str, object]) -> tuple[str, Any]:
    """Call an endpoint with named arguments, and return the kind and the data of the event it ends with."""
    status, answer, _ = post(f"{server}/gradio_api/call/v2/{name}", json.dumps(arguments).encode())
    assert status == 200, answer
    with urllib.request.urlopen(
        f"{server}/gradio_api/call/{name}/{answer['event_id']}", timeout=120
    ) as stream:
        lines = stream.read().decode().splitlines()
    kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return kinds[-1], json.loads(data[-1])


def upload(server: str, image: Path) -> dict[str, object]:
    body = (
        b'--sep\r\nContent-Disposition: form-data; name="files"; filename="drawn.png"\r\n\r\n'
        + image.read_bytes()
        + b"\r\n--sep--\r\n"
    )
    status, paths, _ = post(f"{server}/gradio_api/upload", body, kind="multipart/form-data; boundary=sep")
    assert status == 200
    return {"path": paths[0], "meta": {"_type": "gradio.FileData"}}


def test_only_the_three_endpoints_are_described_with_types_and_defaults(api_server: str) -> None:
    with urllib.request.urlopen(f"{api_server}/gradio_api/info", timeout=60) as response:
        named = json.loads(response.read())["named_endpoints"]
    assert set(named) == {"/segment", "/curve", "/attribute"}
    curve = {part["parameter_name"]: part for part in named["/curve"]["parameters"]}
    assert list(curve) == ["image", "caption", "model", "segmenter", "threshold", "leave_one_out"]
    assert curve["segmenter"]["type"] == {"enum": list(SEGMENTERS)}
    assert curve["model"]["type"]["enum"][:2] == ["default", "scenes"]
    assert [part["parameter_has_default"] for part in curve.values()] == [False, False, *[True] * 4]
    assert named["/segment"]["returns"][0]["type"]["type"] == "array"


def test_curl_gets_units_curve_and_attribution(api_server: str, drawn_image: Path) -> None:
    kind, (units,) = call(api_server, "segment", {"caption": CAPTION})
    assert (kind, "".join(unit["text"] for unit in units)) == ("complete", CAPTION)

    image = upload(api_server, drawn_image)
    kind, (record,) = call(
        api_server, "curve", {"image": image, "caption": CAPTION, "leave_one_out": True, "threshold": 0.01}
    )
    assert kind == "complete"
    assert [unit["text"] for unit in record["units"]] == [unit["text"] for unit in units]
    assert record["provenance"]["dip_threshold"] == 0.01
    assert {"leave_one_out", "uncertain", "delta", "dip"} <= record["units"][1].keys()

    kind, (found,) = call(
        api_server, "attribute", {"image": image, "caption": CAPTION, "mode": "most_negative"}
    )
    assert (kind, found["mode"]) == ("complete", "most_negative")
    assert found["f_clip_score"] <= 0


def test_gradio_client_gets_the_same_as_curl(api_server: str, drawn_image: Path) -> None:
    client = Client(api_server, verbose=False, analytics_enabled=False)
    image = handle_file(drawn_image)
    record = client.predict(image=image, caption=CAPTION, api_name="/curve")
    uploaded = upload(api_server, drawn_image)
    assert record == call(api_server, "curve", {"image": uploaded, "caption": CAPTION})[1][0]
    units = client.predict(CAPTION, "grammar", api_name="/segment")
    assert "".join(unit["text"] for unit in units) == CAPTION
    with pytest.raises(AppError, match=r"^Caption has to be a text, got a number\.$"):
        client.predict(5, api_name="/segment")


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("segment", {"caption": ""}, "Caption is empty: write at least one word."),
        (
            "segment",
            {"caption": "A b.", "segmenter": "<i>"},
            "Segmenter has to be one of dependency, grammar",
        ),
        ("curve", {"image": None, "caption": "A b."}, "Image has to be a file that was uploaded here before"),
        (
            "attribute",
            {"image": {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "caption": "A b."},
            "Only a file that was uploaded here can be used",
        ),
        (
            "curve",
            {
                "image": {"path": "http://127.0.0.1:9/x.png", "url": "http://127.0.0.1:9/x.png"},
                "caption": "A",
            },
            "Only a file that was uploaded here can be used",
        ),
    ],
)
def test_call_that_will_not_do_is_answered_with_one_plain_sentence(
    api_server: str, name: str, arguments: dict[str, object], words: str
) -> None:
    kind, answer = call(api_server, name, arguments)
    assert kind == "error"
    assert answer["error"].startswith(words)
    assert "\n" not in answer["error"]
    assert "&" not in answer["error"]


@pytest.mark.parametrize("body", [{}, {"caption": "A b.", "colour": "red"}, {"segmenter": "grammar"}])
def test_call_with_other_arguments_is_told_which_there_are(api_server: str, body: dict[str, str]) -> None:
    status, answer, _ = post(f"{api_server}/gradio_api/call/v2/segment", json.dumps(body).encode())
    assert (status, answer["detail"]) == (
        422,
        "The arguments of segment are: caption, segmenter (optional).",
    )


def test_call_with_too_few_positional_arguments_is_told_which_there_are(api_server: str) -> None:
    _, answer, _ = post(f"{api_server}/gradio_api/call/segment", b'{"data": []}')
    with urllib.request.urlopen(
        f"{api_server}/gradio_api/call/segment/{answer['event_id']}", timeout=60
    ) as stream:
        assert "The data of the call has to be a list of: caption, segmenter." in stream.read().decode()


def test_events_of_the_page_cannot_be_called_by_name(api_server: str) -> None:
    status, answer, _ = post(f"{api_server}/gradio_api/call/score", b'{"data": []}')
    assert (status, answer["detail"]) == (
        404,
        "There is no such endpoint; there are segment, curve, attribute.",
    )


@pytest.mark.parametrize("path", ["run/segment", "api/curve", "run/score"])
def test_queue_cannot_be_skipped(api_server: str, path: str) -> None:
    status, answer, _ = post(f"{api_server}/gradio_api/{path}", b'{"data": ["A b.", "dependency"]}')
    assert status == 404
    assert "does not accept direct HTTP POST requests" in answer["detail"]


def test_call_from_a_foreign_page_is_refused(api_server: str) -> None:
    request = urllib.request.Request(
        f"{api_server}/gradio_api/call/segment",
        data=b'{"data": ["A b.", "dependency"]}',
        headers={"content-type": "application/json", "origin": "http://evil.example"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    assert caught.value.code == 403


def test_limit_is_shared_by_both_ways_to_call_and_no_header_gets_round_it(
    start_app: StartApp, tmp_path: Path
) -> None:
    with start_app(tmp_path, {"SPECS_API_PER_MINUTE": "3"}) as server:
        client = Client(server, verbose=False, analytics_enabled=False)
        begun = time.monotonic()
        assert client.predict("A b.", api_name="/segment")
        assert call(server, "segment", {"caption": "A b."})[0] == "complete"
        assert client.predict("A b.", api_name="/segment")

        with pytest.raises(AppError, match=r"try again in \d+ seconds?\.$") as caught:
            client.predict("A b.", api_name="/segment")
        # Three in a minute: the next one comes 20 seconds after the first.
        passed = time.monotonic() - begun
        assert 20 - passed <= int(re.findall(r"\d+", str(caught.value))[-1]) <= 20
        body = json.dumps({"caption": "A b."}).encode()
        for forged in ({}, {"x-forwarded-for": "192.0.2.1"}, {"forwarded": "for=192.0.2.1"}):
            status, answer, headers = post(f"{server}/gradio_api/call/v2/segment", body, **forged)
            assert status == 429
            assert answer["detail"].startswith("Too many requests from this address; try again in")
            assert 1 <= int(headers["retry-after"]) <= 20
        # The page itself goes on.
        with urllib.request.urlopen(server, timeout=60) as response:
            assert response.status == 200


def test_client_behind_a_trusted_proxy_has_a_limit_of_its_own_and_the_api_can_be_off(
    start_app: StartApp, tmp_path: Path
) -> None:
    (tmp_path / "proxy").mkdir()
    (tmp_path / "off").mkdir()
    body = json.dumps({"caption": "A b."}).encode()
    with start_app(
        tmp_path / "proxy", {"SPECS_API_PER_MINUTE": "1", "SPECS_TRUSTED_PROXIES": "127.0.0.0/8"}
    ) as server:
        url = f"{server}/gradio_api/call/v2/segment"
        # The last address is the one that the proxy has added; those before it are the client's own words.
        seen = [
            post(url, body, **{"x-forwarded-for": chain})[0]
            for chain in ("192.0.2.1", "192.0.2.2", "192.0.2.9, 192.0.2.1", "192.0.2.1")
        ]
        assert seen == [200, 200, 429, 429]
    with start_app(tmp_path / "off", {"SPECS_API_PER_MINUTE": "0"}) as server:
        status, answer, _ = post(f"{server}/gradio_api/call/v2/segment", body)
        assert (status, answer["detail"]) == (404, "The API of this server is turned off.")
        with urllib.request.urlopen(f"{server}/gradio_api/info", timeout=60) as response:
            assert json.loads(response.read())["named_endpoints"] == {}
