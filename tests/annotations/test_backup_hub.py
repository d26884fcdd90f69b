"""Snapshots in a private data set, against a small hub on this machine that can be told to fail."""

import base64
import hashlib
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from annotations.backup import Backups, refuse_if_newer_snapshot
from annotations.backup_folder import open_place
from annotations.cli import main
from annotations.engine import open_database, reading
from annotations.errors import StorageError
from annotations.hub_backup import HubDataset
from annotations.schema import items
from annotations.snapshots import read_snapshot

PLACE = "hf://datasets/ada/ratings"
TOKEN = "not-a-real-token"
NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


class Hub(ThreadingHTTPServer):
    """As much of the hub as backups need: data sets that are made, listed, written in commits, and read."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.private: dict[str, bool] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.failing: dict[str, int] = {}  # status by a part of the path
        self.commits: list[str] = []
        self.hidden = False  # from the token, though it is a good one

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def stored(self) -> dict[str, bytes]:
        return self.files["ada/ratings"]


class HubHandler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.handle_request(b"")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.handle_request(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def handle_request(self, body: bytes) -> None:
        path = urlsplit(self.path).path
        for part, status in self.server.failing.items():
            if part in path:
                self.answer({"error": "the hub is having a bad day"}, status=status)
                return
        if path == "/api/whoami-v2":
            self.answer({"name": "ada"}, status=200 if self.authorised else 401)
            return
        if path == "/api/repos/create":
            self.create(json.loads(body))
            return
        # /api/datasets/OWNER/NAME[/...] or /datasets/OWNER/NAME/resolve/main/FILE
        _, owner, name, *rest = path.removeprefix("/api").strip("/").split("/")
        repo = f"{owner}/{name}"
        if (
            repo not in self.server.files
            or (self.server.private[repo] and not self.authorised)
            or self.server.hidden
        ):
            self.answer({"error": "not found"}, status=404, headers={"X-Error-Code": "RepoNotFound"})
        elif not rest:
            self.answer({"id": repo, "private": self.server.private[repo], "siblings": [], "sha": "c" * 40})
        elif rest[0] == "tree":
            files = self.server.files[repo].items()
            self.answer([self.entry(path, content) for path, content in files])
        elif rest[0] == "preupload":
            sent = json.loads(body)["files"]
            self.answer(
                {
                    "files": [
                        {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                        for file in sent
                    ]
                }
            )
        elif rest[0] == "commit":
            self.commit(repo, [json.loads(line) for line in body.splitlines()])
        else:
            self.send_file(self.server.files[repo].get(rest[2]))

    @property
    def authorised(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def create(self, wanted: dict[str, Any]) -> None:
        if not self.authorised:
            self.answer({"error": "Invalid credentials"}, status=401)
            return
        repo = f"{wanted['organization']}/{wanted['name']}"
        assert wanted["type"] == "dataset"
        if repo in self.server.files:
            self.answer({"error": "You already created this dataset repo"}, status=409)
            return
        self.server.private[repo] = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        self.server.files[repo] = {}
        self.answer({"url": f"{self.server.url}/datasets/{repo}"})

    def entry(self, path: str, content: bytes) -> dict[str, Any]:
        return {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def commit(self, repo: str, operations: list[dict[str, Any]]) -> None:
        for operation in operations:
            value = operation["value"]
            if operation["key"] == "file":
                self.server.files[repo][value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "deletedFile":
                del self.server.files[repo][value["path"]]
        self.server.commits.append(operations[0]["value"]["summary"])
        self.answer({"commitUrl": f"{self.server.url}/datasets/{repo}/commit/c", "commitOid": "c" * 40})

    def send_file(self, content: bytes | None) -> None:
        if content is None:
            self.answer({"error": "no such file"}, status=404, headers={"X-Error-Code": "EntryNotFound"})
            return
        headers = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": "c" * 40}
        self.answer(content, headers=headers)

    def answer(self, content: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if not isinstance(content, bytes):
            self.send_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    # The client waits between its tries.
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_first_snapshot_makes_a_private_data_set(hub, engine, make_item, tmp_path):
    make_item()
    backups = Backups(engine, open_place(PLACE))
    assert backups.place.names() == []
    name = backups.save(now=NOON)
    assert name == "specs-20261121T120000Z.sqlite3"
    assert hub.private == {"ada/ratings": True}
    (tmp_path / name).write_bytes(hub.stored[name])
    assert read_snapshot(tmp_path / name).rows["items"] == 1
    assert backups.status().last_saved_at == NOON


def test_snapshot_without_a_change_is_not_uploaded_again_even_by_another_process(hub, engine, make_item):
    make_item()
    name = Backups(engine, open_place(PLACE)).save()
    # One that has just started, with nothing in its memory.
    backups = Backups(engine, open_place(PLACE))
    assert backups.save() == backups.save() == name
    assert hub.commits == [f"Add {name}"]


def test_old_snapshots_are_removed_and_other_files_stay(hub, engine, make_item):
    make_item()
    backups = Backups(engine, open_place(PLACE), keep=2, days=0)
    backups.save(now=NOON)
    hub.stored["README.md"] = b"ours"
    for minute in (5, 10):
        make_item()
        backups.save(now=NOON + timedelta(minutes=minute))
    assert sorted(hub.stored) == [
        "README.md",
        "specs-20261121T120500Z.sqlite3",
        "specs-20261121T121000Z.sqlite3",
    ]


def test_public_data_set_gets_nothing(hub, engine, make_item):
    make_item()
    hub.private["ada/ratings"] = False
    hub.files["ada/ratings"] = {}
    with pytest.raises(StorageError, match=f"{PLACE} is public.*make it private"):
        Backups(engine, open_place(PLACE)).save()
    assert hub.stored == {}


@pytest.mark.parametrize(("part", "status"), [("/tree/", 500), ("/preupload/", 503), ("/commit/", 403)])
def test_hub_that_fails_is_one_sentence_and_tried_again_next_time(
    hub, engine, make_item, caplog, part, status
):
    make_item()
    backups = Backups(engine, open_place(PLACE), keep=1, days=0)
    first = backups.save(now=NOON)
    make_item()
    hub.failing[part] = status
    caplog.clear()
    assert not backups.try_to_save()
    (told,) = [record for record in caplog.records if record.name == "specs_lens"]
    assert told.levelno == logging.WARNING
    sentence = told.getMessage()
    assert sentence.startswith("no backup was made: cannot ")
    assert PLACE in sentence
    assert "\n" not in sentence
    assert TOKEN not in sentence
    assert list(hub.stored) == [first]
    assert backups.status().last_saved_at == NOON
    assert sentence.endswith(backups.status().last_error)
    hub.failing.clear()
    assert backups.try_to_save()
    assert backups.status().last_error is None
    assert backups.status().last_saved_at > NOON
    assert len(hub.stored) == 1
    assert first not in hub.stored


def test_hub_that_cannot_be_reached_is_one_sentence(hub, engine, make_item, monkeypatch):
    make_item()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=f"cannot read {PLACE} .*check the network") as raised:
        Backups(engine, open_place(PLACE)).save()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("token", [None, "another"])
def test_hub_without_the_right_token_is_no_hub_without_snapshots(
    hub, engine, make_item, tmp_path, monkeypatch, capsys, token
):
    make_item()
    Backups(engine, open_place(PLACE)).save()
    if token is None:
        monkeypatch.delenv("HF_TOKEN")
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    else:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(StorageError, match=f"cannot read {PLACE} .*HF_TOKEN may write it"):
        Backups(engine, open_place(PLACE)).save()
    assert main(["snapshots", "--place", PLACE]) == 2
    assert "there are no snapshots" not in capsys.readouterr().err
    empty = open_database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    with pytest.raises(StorageError, match="cannot be told"):
        refuse_if_newer_snapshot(empty, open_place(PLACE))
    empty.dispose()


def test_empty_database_beside_a_data_set_is_refused_and_restored_by_the_command_it_names(
    hub, engine, make_item, tmp_path, capsys
):
    make_item()
    Backups(engine, open_place(PLACE)).save()
    url = f"sqlite:///{tmp_path / 'new' / 'specs.sqlite3'}"
    empty = open_database(url)
    with pytest.raises(StorageError, match=r"restore it with: specs-ratings (.*)   \(or") as raised:
        refuse_if_newer_snapshot(empty, open_place(PLACE))
    empty.dispose()
    command = str(raised.value).split("restore it with: specs-ratings ")[1].split("   (or")[0]
    assert main(command.split()) == 0
    assert "restored: campaigns 2, guidelines 2, images 1, items 1" in capsys.readouterr().err
    restored = open_database(url)
    refuse_if_newer_snapshot(restored, open_place(PLACE))
    with reading(engine) as one, reading(restored) as other:
        assert one.execute(select(items)).all() == other.execute(select(items)).all()
    restored.dispose()
    assert main(["snapshots", "--place", PLACE]) == 0
    assert "items 1" in capsys.readouterr().out


def test_empty_database_beside_a_data_set_that_the_token_may_not_see_is_refused(
    hub, engine, make_item, tmp_path
):
    make_item()
    Backups(engine, open_place(PLACE)).save()
    hub.hidden = True
    empty = open_database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    with pytest.raises(StorageError, match=f"cannot be told: cannot write to {PLACE} .*409"):
        refuse_if_newer_snapshot(empty, open_place(PLACE))
    empty.dispose()
    assert len(hub.stored) == 1


def test_empty_database_beside_a_hub_that_cannot_say_is_refused(hub, tmp_path):
    hub.failing["/tree/"] = 500
    empty = open_database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    with pytest.raises(StorageError, match=r"is empty, and whether there is a backup .* cannot be told"):
        refuse_if_newer_snapshot(empty, open_place(PLACE))
    empty.dispose()


def test_name_that_is_not_there_is_one_sentence(hub, engine, make_item, tmp_path):
    make_item()
    place = HubDataset("ada/ratings")
    Backups(engine, place).save()
    with pytest.raises(StorageError, match=f"cannot download from {PLACE}"):
        place.fetch("specs-20200101T000000Z.sqlite3", Path(tmp_path))
