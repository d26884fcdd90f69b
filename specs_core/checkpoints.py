"""The models that can be loaded, as data: where each comes from, what it is for, under which licence."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from specs_core.errors import CheckpointError, UnknownModelError

DEFAULT_MODEL = "scenes"
MODEL_VARIABLE = "SPECS_MODEL"
OPEN_CLIP_PREFIX = "open_clip:"
OPEN_CLIP_CONFIG = "open_clip_config.json"
BUNDLED_FOLDER = Path(__file__).parent / "weights"

DRAWN_SCENES = "drawn scenes"
PHOTOGRAPHS = "photographs"
UNKNOWN_DOMAIN = "unknown"

# What open_clip's repositories on the hub call their weights, the preferred one first.
OPEN_CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")

Progress = Callable[[int, int], None]

_SHA256 = re.compile(r"[0-9a-f]{64}")

_SHAREGPT4V_LICENCE = "trained on ShareGPT4V, CC BY-NC 4.0: not for commercial use"


@dataclass(frozen=True)
class Checkpoint:
    """One model that can be loaded.

    Attributes:
        name: What the user types and the record says.
        source: "bundled" with the package, on the "hub", through "open_clip"'s list (on the hub as well),
            or a "file" of the user's.
        repo_id: Hub repository; None for bundled and local files.
        filename: File name within the repository or the weights folder; the path for a local file.
        sha256: Checksum of the file where it is known for certain. Where it is None, the one that the hub
            states when the file is downloaded is used.
        format: "longclip" (the published LongCLIP and SPECS state dicts) or "open_clip".
        architecture: Short name of the architecture; for open_clip sources its name there.
        context_length: Tokens that the model reads, start- and end-of-text included; None where only the
            file says.
        domain: What pictures the model knows: "drawn scenes", "photographs" or "unknown".
        trained_on: The training data.
        licence: Licence of the weights and the condition that the training data put on them.
        size_bytes: Size of the file; None before it has been downloaded.
        parameters: Number of weights; None where only the file says.
        tag: open_clip's tag of the weights; None for other sources.
        note: One sentence that helps to choose.
    """

    name: str
    source: Literal["bundled", "hub", "open_clip", "file"]
    repo_id: str | None
    filename: str
    sha256: str | None
    format: Literal["longclip", "open_clip"]
    architecture: str
    context_length: int | None
    domain: str
    trained_on: str
    licence: str
    size_bytes: int | None = None
    parameters: int | None = None
    tag: str | None = None
    note: str = ""

    @property
    def label(self) -> str:
        """The name for records and pages: of a local file its name without the folders."""
        return Path(self.filename).name if self.source == "file" else self.name


def _longclip(
    name: str, repo_id: str, filename: str, architecture: str, parameters: int, licence: str, note: str
) -> Checkpoint:
    return Checkpoint(
        name=name,
        source="hub",
        repo_id=repo_id,
        filename=filename,
        sha256=None,
        format="longclip",
        architecture=architecture,
        context_length=248,
        domain=PHOTOGRAPHS,
        trained_on="ShareGPT4V long captions, from OpenAI's CLIP",
        licence=licence,
        parameters=parameters,
        note=note,
    )


# Parameter counts are those of the open_clip models that the files load into (248 positions).
_KNOWN = (
    Checkpoint(
        name="scenes",
        source="bundled",
        repo_id=None,
        filename="scenes.safetensors",
        sha256=None,
        format="open_clip",
        architecture="small CLIP",
        context_length=248,
        domain=DRAWN_SCENES,
        trained_on="drawn scenes of Noto Color Emoji glyphs, made by this package",
        licence="Apache-2.0",
        parameters=16_965_145,  # as loaded, with zero rows for the tokens that it does not know
        note="Comes with the package and works offline; knows drawn scenes only, not photographs.",
    ),
    _longclip(
        "specs",
        "Xiaohud/SPECS",
        "spec.pt",
        "ViT-B/32",
        151_364_865,
        f"Apache-2.0; {_SHAREGPT4V_LICENCE}",
        "The published SPECS metric: use this one for long captions of photographs.",
    ),
    _longclip(
        "longclip-b32",
        "Xiaohud/SPECS",
        "openai_b32_longclip.pt",
        "ViT-B/32",
        151_364_865,
        f"Apache-2.0; {_SHAREGPT4V_LICENCE}",
        "LongCLIP* of the SPECS paper, what SPECS started from.",
    ),
    _longclip(
        "longclip-b",
        "BeichenZhang/LongCLIP-B",
        "longclip-B.pt",
        "ViT-B/16",
        149_708_289,
        f"see the hub's card; {_SHAREGPT4V_LICENCE}",
        "LongCLIP as its authors published it.",
    ),
    _longclip(
        "longclip-l",
        "BeichenZhang/LongCLIP-L",
        "longclip-L.pt",
        "ViT-L/14",
        427_747_841,
        f"see the hub's card; {_SHAREGPT4V_LICENCE}",
        "The larger LongCLIP; the slowest here.",
    ),
    Checkpoint(
        name="clip-b32",
        source="open_clip",
        repo_id="timm/vit_base_patch32_clip_224.openai",
        filename=OPEN_CLIP_WEIGHTS[0],
        sha256=None,
        format="open_clip",
        architecture="ViT-B-32-quickgelu",
        tag="openai",
        context_length=77,
        domain=PHOTOGRAPHS,
        trained_on="OpenAI's 400 million image-text pairs from the web",
        licence="MIT",
        parameters=151_277_313,
        note="OpenAI's CLIP, which the paper recommends for captions under 60 tokens.",
    ),
)
CHECKPOINTS: Mapping[str, Checkpoint] = MappingProxyType({known.name: known for known in _KNOWN})


def default_name() -> str:
    """Return the model that is used where the user names none: $SPECS_MODEL, or the bundled one."""
    return os.environ.get(MODEL_VARIABLE) or DEFAULT_MODEL


def resolve(name: str | None = None) -> Checkpoint:
    """Find the checkpoint that a name stands for.

    Args:
        name: A known name, "open_clip:ARCH/TAG", or the path of a local file; None for $SPECS_MODEL, and
            for the bundled model where that is unset too.

    Returns:
        The checkpoint; nothing is downloaded or read beyond a configuration file.

    Raises:
        UnknownModelError: No such name, architecture, tag or file.
        CheckpointError: The configuration beside a local file cannot be read.
    """
    if name is None:
        name = default_name()
    if name in CHECKPOINTS:
        known = CHECKPOINTS[name]
        return replace(known, size_bytes=size_on_disk(known))
    if name.startswith(OPEN_CLIP_PREFIX):
        # open_clip's own list comes with torch, so it is read only where the user names one of its models.
        from specs_core.longclip import open_clip_checkpoint

        return open_clip_checkpoint(name)
    path = Path(name).expanduser()
    if path.is_file():
        return _file_checkpoint(name, path)
    raise UnknownModelError(
        f"there is no model or file {name!r}: use one of {', '.join(CHECKPOINTS)}, "
        f"{OPEN_CLIP_PREFIX}ARCH/TAG or the path of a checkpoint file"
    )


def local_path(checkpoint: Checkpoint) -> Path | None:
    """Return where the checkpoint's file lies on this machine, or None where it has to be downloaded."""
    if checkpoint.source == "bundled":
        path = BUNDLED_FOLDER / checkpoint.filename
        return path if path.is_file() else None
    if checkpoint.source == "file":
        return Path(checkpoint.filename)
    from huggingface_hub import try_to_load_from_cache

    for filename in filenames(checkpoint):
        cached = try_to_load_from_cache(checkpoint.repo_id or "", filename)
        if isinstance(cached, str):
            return Path(cached)
    return None


def filenames(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return the names that the checkpoint's file may have on the hub, the preferred one first."""
    if checkpoint.source == "open_clip" and checkpoint.filename == OPEN_CLIP_WEIGHTS[0]:
        return OPEN_CLIP_WEIGHTS
    return (checkpoint.filename,)


def fetch(checkpoint: Checkpoint, *, on_progress: Progress | None = None) -> Path:
    """Return the checkpoint's file, downloading it first where it is not here yet.

    A file from the hub is checked against the sha256 that the checkpoint states or, where it states none,
    against the one that the hub gives with the file. The hub's cache names the file by that checksum, so a
    later load can check it again without a network; a cached file that has changed since is downloaded again.

    Args:
        checkpoint: From `resolve`.
        on_progress: Called with (bytes so far, bytes in all) while a download runs; 0 in all means unknown.

    Returns:
        Path of the file.

    Raises:
        DownloadError: No network, no such file, too little came, or its checksum is wrong; nothing wrong
            is kept.
        CheckpointError: The bundled file is missing, or a file of the user's is gone.
    """
    path = local_path(checkpoint)
    if checkpoint.source in ("bundled", "file"):
        if path is None or not path.is_file():
            raise CheckpointError(
                f"the file {checkpoint.filename} of model {checkpoint.name} is missing"
                + ("; install the package again" if checkpoint.source == "bundled" else "")
            )
        return path
    if path is not None and expected_sha256(checkpoint, path) in (None, file_sha256(path)):
        return path
    from specs_core.downloads import download

    return download(checkpoint, on_progress=on_progress, replace_cached=path is not None)


def expected_sha256(checkpoint: Checkpoint, path: Path) -> str | None:
    """Return the checksum that a checkpoint's file should have, or None where nobody has stated one.

    Args:
        checkpoint: The checkpoint.
        path: Its file; in the hub's cache that is a link to a blob that is named by its sha256.
    """
    if checkpoint.sha256 is not None or not path.is_symlink():
        return checkpoint.sha256
    # One link only: the blob itself may be a link into a store that goes by other hashes.
    blob = path.readlink().name
    return blob if _SHA256.fullmatch(blob) else None


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal; computed again only when the file has changed."""
    status = path.stat()
    return _sha256_of(path.resolve(), status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=32)
def _sha256_of(path: Path, size: int, modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def config_beside(path: Path) -> dict[str, Any] | None:
    """Return the open_clip configuration that lies beside a checkpoint file, or None where there is none.

    It is `open_clip_config.json` in the same folder, or the key `open_clip_config` of the JSON file with
    the same stem. Either holds the model's configuration itself or open_clip's {"model_cfg": ...,
    "preprocess_cfg": ...}.

    Raises:
        CheckpointError: The file is not JSON, or not an object.
    """
    beside, same_stem = path.with_name(OPEN_CLIP_CONFIG), path.with_suffix(".json")
    if same_stem.is_file():
        content = _read_json(same_stem)
        if "open_clip_config" in content:
            return _as_config(content["open_clip_config"], same_stem)
    if beside.is_file():
        return _as_config(_read_json(beside), beside)
    return None


def _origin_beside(path: Path) -> dict[str, str]:
    """Return what the JSON file with a checkpoint's stem says of its origin; `specs train` writes it."""
    same_stem = path.with_suffix(".json")
    origin = _read_json(same_stem).get("checkpoint") if same_stem.is_file() else None
    if not isinstance(origin, dict):
        return {}
    return {key: value for key, value in origin.items() if isinstance(value, str)}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"the configuration {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"the configuration {path} holds a {type(content).__name__}, not an object")
    return content


def _as_config(content: Any, path: Path) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise CheckpointError(f"open_clip_config in {path} is a {type(content).__name__}, not an object")
    config = content if "model_cfg" in content else {"model_cfg": content}
    model = config["model_cfg"]
    missing = [
        key
        for key in ("embed_dim", "vision_cfg", "text_cfg")
        if not isinstance(model, dict) or key not in model
    ]
    if missing:
        raise CheckpointError(f"the configuration {path} lacks {', '.join(missing)}")
    return config


def _file_checkpoint(name: str, path: Path) -> Checkpoint:
    config = config_beside(path)
    text = config["model_cfg"]["text_cfg"] if config else {}
    origin = _origin_beside(path)
    return Checkpoint(
        name=name,
        source="file",
        repo_id=None,
        filename=str(path),
        sha256=None,
        format="open_clip" if config else "longclip",
        architecture=path.stem,
        context_length=text.get("context_length", 77) if config else None,
        domain=origin.get("domain", UNKNOWN_DOMAIN),
        trained_on=origin.get("trained_on", "unknown"),
        licence=origin.get("licence", "unknown"),
        size_bytes=path.stat().st_size,
        note="A checkpoint file of your own.",
    )


def size_on_disk(checkpoint: Checkpoint) -> int | None:
    """Return the size of the checkpoint's file in bytes, or None where it is not on this machine."""
    path = local_path(checkpoint)
    return path.stat().st_size if path else None
