"""The list of models, and downloads by the real hub client from a small local server."""

import dataclasses
import hashlib
import json
import os
import pickle
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from specs_core import checkpoints
from specs_core.checkpoints import CHECKPOINTS, Checkpoint, expected_sha256, fetch, local_path, resolve
from specs_core.errors import CheckpointError, DownloadError, UnknownModelError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
COMMIT = "c0ffee" + "0" * 34


class Hub(ThreadingHTTPServer):
    """As much of the hub as a download needs: one file, its size, its sha256, and ranges of it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.content = CONTENT
        self.sha256: str | None = hashlib.sha256(CONTENT).hexdigest()
        self.size = len(CONTENT)
        self.names = {"spec.pt", "open_clip_model.safetensors"}
        self.break_after: int | None = None  # bytes after which the first connection is dropped
        self.requests: list[tuple[str, str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class HubHandler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        hub = self.server
        requested = self.headers.get("Range")
        hub.requests.append((self.command, self.path, requested))
        if self.path.rsplit("/", 1)[-1] not in hub.names:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(requested.removeprefix("bytes=").rstrip("-")) if requested else 0
        part = hub.content[start:]
        self.send_response(206 if requested else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", '"0123456789abcdef0123456789abcdef01234567"')
        if hub.sha256 is not None:
            self.send_header("X-Linked-ETag", f'"{hub.sha256}"')
            self.send_header("X-Linked-Size", str(hub.size))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if requested:
            self.send_header("Content-Range", f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}")
        self.end_headers()
        if not body:
            return
        if hub.break_after is not None:
            self.wfile.write(part[: hub.break_after])
            self.wfile.flush()
            hub.break_after = None
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.wfile.write(part)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty hub cache of the test's own."""
    import huggingface_hub.constants

    folder = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    return folder


def blobs(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file() and "blobs" in path.parts]


def test_fetch_of_a_model_downloads_it_with_progress_and_records_its_checksum(hub: Hub) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch(resolve("specs"), on_progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert expected_sha256(resolve("specs"), path) == hashlib.sha256(CONTENT).hexdigest()
    assert hub.requests[0][1] == "/Xiaohud/SPECS/resolve/main/spec.pt"


def test_fetch_of_a_model_that_is_here_asks_nobody(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_path(resolve("specs")) is None
    first = fetch(resolve("specs"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert fetch(resolve("specs")) == first == local_path(resolve("specs"))
    assert resolve("specs").size_bytes == len(CONTENT)


def test_fetch_with_a_checksum_that_fails_keeps_nothing_and_says_both(hub: Hub, cache: Path) -> None:
    hub.content = CONTENT[:-1] + b"!"
    came = hashlib.sha256(hub.content).hexdigest()
    with pytest.raises(
        DownloadError, match=rf"spec\.pt of model specs.*{came}.*{hub.sha256}.*specs download"
    ):
        fetch(resolve("specs"))
    assert blobs(cache) == []
    assert local_path(resolve("specs")) is None
    hub.content = CONTENT
    assert fetch(resolve("specs")).read_bytes() == CONTENT


def test_fetch_with_a_checksum_of_ours_that_fails_keeps_nothing(hub: Hub, cache: Path) -> None:
    pinned = dataclasses.replace(resolve("specs"), sha256="0" * 64)
    with pytest.raises(DownloadError, match=r"0{64} was promised"):
        fetch(pinned)
    assert blobs(cache) == []


def test_fetch_of_a_small_file_without_a_sha256_takes_it_as_it_comes(hub: Hub) -> None:
    hub.sha256 = None
    path = fetch(resolve("specs"))
    assert path.read_bytes() == CONTENT
    assert expected_sha256(resolve("specs"), path) is None


def test_fetch_over_a_connection_that_breaks_takes_up_where_it_broke(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 65_536)
    hub.break_after = 300_000
    seen: list[int] = []
    path = fetch(resolve("specs"), on_progress=lambda done, total: seen.append(done))
    assert path.read_bytes() == CONTENT
    resumed = [request for request in hub.requests if request[2] is not None]
    assert len(resumed) == 1
    assert seen[-1] == len(CONTENT)


def test_fetch_of_a_file_that_comes_short_keeps_nothing(hub: Hub, cache: Path) -> None:
    hub.content = CONTENT[:500_000]
    with pytest.raises(
        DownloadError, match=r"spec\.pt of model specs.*should be of size 1048576 but has size 500000"
    ):
        fetch(resolve("specs"))
    assert blobs(cache) == []


def test_fetch_with_a_refused_connection_names_model_file_and_command_at_once(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: a connection is refused
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        with pytest.raises(DownloadError) as caught:
            fetch(resolve("longclip-l"))
    message = str(caught.value)
    for part in (
        "longclip-l",
        "longclip-L.pt",
        "BeichenZhang/LongCLIP-L",
        endpoint,
        "run: specs download longclip-l",
    ):
        assert part in message
    assert "\n" not in message
    assert isinstance(caught.value, OSError)


def test_fetch_of_a_file_that_the_hub_has_not_says_so(hub: Hub) -> None:
    hub.names = set()
    with pytest.raises(DownloadError, match=r"longclip-B\.pt of model longclip-b .* is not on the hub"):
        fetch(resolve("longclip-b"))


def test_fetch_of_an_open_clip_model_takes_the_older_file_where_the_newer_is_missing(hub: Hub) -> None:
    hub.names = {"open_clip_pytorch_model.bin"}
    path = fetch(resolve("clip-b32"))
    assert path.name == "open_clip_pytorch_model.bin"
    assert local_path(resolve("clip-b32")) == path


def test_fetch_of_a_cached_file_that_has_changed_downloads_it_again(hub: Hub) -> None:
    path = fetch(resolve("specs"))
    path.resolve().write_bytes(b"damaged")
    assert fetch(resolve("specs")).read_bytes() == CONTENT


def test_load_encoder_of_a_download_that_is_no_model_is_one_clear_error(hub: Hub) -> None:
    from specs_core.encoder import load_encoder

    with pytest.raises(CheckpointError, match=r"spec\.pt is not a readable checkpoint"):
        load_encoder("specs")


def test_fetch_of_a_missing_bundled_file_says_to_install_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checkpoints, "BUNDLED_FOLDER", tmp_path)
    assert local_path(resolve("scenes")) is None
    with pytest.raises(CheckpointError, match=r"scenes\.safetensors of model scenes is missing; install"):
        fetch(resolve("scenes"))


def test_resolve_without_a_name_takes_the_environments_model_or_the_bundled_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SPECS_MODEL", raising=False)
    assert resolve().name == "scenes"
    monkeypatch.setenv("SPECS_MODEL", "longclip-b")
    assert resolve().name == "longclip-b"


def test_resolve_of_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        UnknownModelError, match="no model or file 'spec': use one of scenes, specs, longclip-b32"
    ):
        resolve("spec")


def test_resolve_of_a_file_tells_its_format_by_the_config_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(b"12345")
    assert (resolve(str(path)).format, resolve(str(path)).context_length) == ("longclip", None)
    config = {"embed_dim": 1, "vision_cfg": {}, "text_cfg": {"context_length": 99}}
    path.with_suffix(".json").write_text(json.dumps({"open_clip_config": config}))
    mine = resolve(str(path))
    assert (mine.format, mine.context_length) == ("open_clip", 99)
    assert (mine.source, mine.size_bytes, mine.label, mine.domain) == ("file", 5, "mine.pt", "unknown")


def test_fetch_of_a_local_file_that_has_gone_names_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.touch()
    checkpoint = resolve(str(path))
    os.unlink(path)
    with pytest.raises(CheckpointError, match=r"mine\.pt.*is missing$"):
        fetch(checkpoint)


@pytest.mark.parametrize("checkpoint", CHECKPOINTS.values(), ids=lambda checkpoint: checkpoint.name)
def test_known_model_states_everything_a_user_chooses_by(checkpoint: Checkpoint) -> None:
    assert CHECKPOINTS[checkpoint.name] is checkpoint
    assert checkpoint.domain in ("drawn scenes", "photographs")
    assert checkpoint.context_length in (77, 248)
    assert checkpoint.licence
    assert checkpoint.trained_on
    assert checkpoint.note.endswith(".")
    assert (checkpoint.repo_id is None) == (checkpoint.source == "bundled")


def test_bundled_model_is_what_the_list_says() -> None:
    from specs_core.encoder import load_encoder

    encoder = load_encoder("scenes")
    listed = encoder.checkpoint
    assert listed.parameters == sum(weight.numel() for weight in encoder.model.parameters())
    assert (encoder.context_length, encoder.image_size, encoder.one_pass) == (listed.context_length, 96, True)
    assert listed.size_bytes is not None
    assert listed.size_bytes <= 20_000_000


def test_models_trained_on_sharegpt4v_name_its_licence() -> None:
    named = {name for name, each in CHECKPOINTS.items() if "CC BY-NC 4.0" in each.licence}
    assert named == {"specs", "longclip-b32", "longclip-b", "longclip-l"}


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(DownloadError("no network")))
    assert (type(error), str(error)) == (DownloadError, "no network")
