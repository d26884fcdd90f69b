"""Imports and downloads over the owner's routes, as raw HTTP."""

import base64
import http.client
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from annotations.campaign_tables import INSPECT_CAMPAIGN
from app.context import AppContext

HOST = "127.0.0.1"
HOSTILE = "<img src=x onerror=alert(1)> & ${1}"


def upload(owner: Any, body: bytes, query: str, *, kind: str = "application/octet-stream") -> Any:
    return owner.ask("POST", f"import?{query}", body, kind=kind)


def table(*captions: str) -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(picture, "PNG")
    image = {"path": "a.png", "bytes": base64.b64encode(picture.getvalue()).decode()}
    return b"".join(json.dumps({"image": image, "caption": caption}).encode() + b"\n" for caption in captions)


def test_table_with_its_images_is_imported_and_stands_in_the_log(owner: Any, context: AppContext) -> None:
    query = f"campaign={INSPECT_CAMPAIGN}&name=mine.jsonl"
    status, found = upload(owner, table("A red field.", f"Red {HOSTILE}"), query)
    assert (status, found["written"]["items"], found["refused"]) == (200, 2, 0)
    assert owner.get("items", text="red")["total"] == 2
    (act,) = owner.get("audit")["acts"]
    assert (act["actor"], act["action"], act["details"]["items"]) == ("Olga", "import items", 2)
    assert list(context.settings.data.glob(".upload-*")) == []


def test_table_that_names_files_of_the_server_gets_none_of_them(
    owner: Any, context: AppContext, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "secret.png")
    query = f"campaign={INSPECT_CAMPAIGN}&name=mine.csv"
    for path in (tmp_path / "secret.png", "../secret.png", "../../secret.png", "upload.csv"):
        status, found = upload(owner, f"image,caption\n{path},A red field.\n".encode(), query)
        assert (status, found["written"], found["refused"]) == (200, None, 1), path
    assert owner.get("items")["total"] == 0


def test_upload_that_will_not_do_is_refused_in_one_sentence(
    owner: Any, person: Callable[..., Any], context: AppContext, rated: str
) -> None:
    good = f"campaign={INSPECT_CAMPAIGN}&name=mine.jsonl"
    limit = context.settings.max_upload_mb * 2**20
    exported = owner_download(owner, f"campaign={INSPECT_CAMPAIGN}&what=items&format=jsonl")[1]
    for body, query, kind, status, says in (
        (b"{", good, "application/octet-stream", 200, None),
        (table("x"), good, "text/plain", 400, "octet-stream"),
        (table("x"), f"campaign={INSPECT_CAMPAIGN}&name=mine.exe", "application/octet-stream", 400, ".jsonl"),
        (table("x"), f"campaign={'0' * 32}&name=mine.jsonl", "application/octet-stream", 404, "no campaign"),
        (b" " * (limit + 1), good, "application/octet-stream", 413, "larger than 25 MB"),
        (exported, good, "application/octet-stream", 400, "an export of this program"),
    ):
        found, content = upload(owner, body, query, kind=kind)
        assert found == status, content
        assert (says or "") in str(content)
    assert upload(person("Rita", "rater"), table("x"), good)[0] == 403
    assert owner.get("items")["total"] == 1
    assert list(context.settings.data.glob(".upload-*")) == []


def owner_download(owner: Any, query: str) -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection(HOST, owner.port, timeout=30)
    connection.request("GET", f"/admin/export?{query}", headers={"cookie": f"specs_session={owner.cookie}"})
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.getheader("content-disposition", "")
    connection.close()
    return found


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("what", ["ratings", "items"])
def test_download_holds_the_campaigns_ratings_or_items(
    owner: Any, person: Callable[..., Any], rated: str, what: str, kind: str
) -> None:
    query = f"campaign={INSPECT_CAMPAIGN}&what={what}&format={kind}"
    status, body, name = owner_download(owner, query)
    assert (status, f"From-Inspect-{what}.{kind}" in name) == (200, True)
    if kind == "jsonl":
        rows = [json.loads(line) for line in body.splitlines()]
        assert {row["item_id"] for row in rows} == {rated}
        assert len(rows) == (2 if what == "ratings" else 1)
    assert body.startswith(b"PAR1") == (kind == "parquet")
    assert owner_download(person("Judy", "adjudicator"), query)[0] == 403
    assert owner_download(person(None), query)[0] == 401
    assert owner_download(owner, query.replace(kind, "exe"))[0] == 400
