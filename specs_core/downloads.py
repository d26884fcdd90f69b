"""Fetch a checkpoint from the Hugging Face hub and prove that what came is what the hub promised."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path
from typing import Any, cast

from specs_core.checkpoints import Checkpoint, Progress, file_sha256, filenames
from specs_core.errors import DownloadError

ENDPOINT_VARIABLE = "HF_ENDPOINT"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_METADATA_TIMEOUT_S = 10.0


def download(
    checkpoint: Checkpoint, *, on_progress: Progress | None = None, replace_cached: bool = False
) -> Path:
    """Download a checkpoint into the hub's cache and check its sha256.

    The endpoint is $HF_ENDPOINT, or the hub's own. A connection that breaks is taken up where it broke.

    Args:
        checkpoint: A checkpoint with source "hub" or "open_clip".
        on_progress: Called with (bytes so far, bytes in all); 0 in all means unknown.
        replace_cached: Whether the cached file, if any, is known to be wrong.

    Returns:
        Path of the file in the cache.

    Raises:
        DownloadError: No network, no such file, too little came, or its checksum is wrong; nothing wrong
            is kept.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError

    # The base of the client's own errors, whichever HTTP library this release of the client is built on.
    http_error = cast(type[Exception], HfHubHTTPError.__mro__[1])
    endpoint = os.environ.get(ENDPOINT_VARIABLE) or None
    try:
        filename, promised = _promise(checkpoint, endpoint)
        path = Path(
            hf_hub_download(
                checkpoint.repo_id or "",
                filename,
                endpoint=endpoint,
                force_download=replace_cached,
                tqdm_class=_progress_class(on_progress),
            )
        )
    except (EntryNotFoundError, RepositoryNotFoundError) as error:
        raise DownloadError(
            f"{_what(checkpoint)} is not on the hub at {_where(endpoint)}, or needs an access token"
        ) from error
    except (OSError, http_error, ValueError) as error:
        raise DownloadError(_advice(checkpoint, endpoint, error)) from error
    expected = checkpoint.sha256 or promised
    found = file_sha256(path)
    if expected is not None and found != expected:
        _discard(path)
        raise DownloadError(
            f"{_what(checkpoint)} came with sha256 {found}, and {expected} was promised; nothing was kept. "
            f"Try again with: specs download {checkpoint.name}"
        )
    return path


def _promise(checkpoint: Checkpoint, endpoint: str | None) -> tuple[str, str | None]:
    """Ask the hub which file it has and with which sha256.

    The checksum is the entity tag of every file large enough to be stored apart. One try, without the
    client's half-minute of retries, so that a machine without a network hears so at once.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError

    names = filenames(checkpoint)
    for name in names:
        url = hf_hub_url(checkpoint.repo_id or "", name, endpoint=endpoint)
        try:
            tag = get_hf_file_metadata(url, timeout=_METADATA_TIMEOUT_S, endpoint=endpoint).etag
        except EntryNotFoundError:
            if name == names[-1]:
                raise
            continue
        return name, tag if tag is not None and _SHA256.fullmatch(tag) else None
    raise DownloadError(f"{_what(checkpoint)} has no name on the hub")


def _discard(path: Path) -> None:
    blob = path.parent / path.readlink() if path.is_symlink() else path
    for each in (path, blob):
        with contextlib.suppress(FileNotFoundError):
            each.unlink()


def _what(checkpoint: Checkpoint) -> str:
    return f"the file {checkpoint.filename} of model {checkpoint.name} ({checkpoint.repo_id})"


def _where(endpoint: str | None) -> str:
    from huggingface_hub.constants import ENDPOINT

    return endpoint or str(ENDPOINT)


def _advice(checkpoint: Checkpoint, endpoint: str | None, error: Exception) -> str:
    lines = str(error).strip().splitlines()
    reason = lines[0].rstrip(".") if lines else type(error).__name__
    return (
        f"{_what(checkpoint)} could not be downloaded from {_where(endpoint)} ({reason}); "
        f"once there is a network, run: specs download {checkpoint.name}"
    )


def _progress_class(on_progress: Progress | None) -> type[Any]:
    """Return a tqdm class that draws nothing and passes its counts on."""
    from tqdm import tqdm

    bars: list[object] = []

    class Reporter(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)  # an argument of the hub client's own bars
            options.update(disable=False, file=io.StringIO())
            bars.append(self)
            super().__init__(*args, **options)
            self._report()

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            self._report()
            return drawn

        def _report(self) -> None:
            # The client may draw a second bar for bytes on the wire; the first counts the file.
            if on_progress is not None and self is bars[0]:
                on_progress(int(self.n), int(self.total or 0))

    return Reporter
