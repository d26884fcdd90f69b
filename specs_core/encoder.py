"""Images and captions into unit-length features, with one text pass for all prefixes of a caption."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from open_clip import SimpleTokenizer
from PIL import Image
from torch import Tensor, nn

import specs_core
from specs_core.checkpoints import Checkpoint, Progress, expected_sha256, fetch, file_sha256, resolve
from specs_core.errors import CaptionError, CheckpointError, ConfigError
from specs_core.longclip import LoadedModel, load_model
from specs_core.prefix_tree import (
    Branch,
    PrefixTree,
    encode_trees,
    lay_out,
    supports_prefix_trees,
    text_tower,
)

if TYPE_CHECKING:
    from specs_core.segmentation.units import DetailUnit

FloatArray = npt.NDArray[np.float32]
T = TypeVar("T")

# Rows that go through a tower together; more gains nothing on a CPU and costs memory.
BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class PrefixFeatures:
    """Features of every prefix of a caption (U units).

    Attributes:
        features: (U, D) float32 of unit length; NaN for a prefix that is longer than the model reads.
        tokens: (U,) int64, the tokens that each unit adds.
        total_tokens: Tokens of the whole caption, start- and end-of-text included.
    """

    features: FloatArray
    tokens: npt.NDArray[np.int64]
    total_tokens: int


class Encoder:
    """A loaded model.

    Attributes:
        checkpoint: What was loaded.
        weights_sha256: Checksum of the file that was loaded.
        context_length: The most tokens that it reads, start- and end-of-text included.
        image_size: Side of the square that images are scaled and cropped to, in pixels.
        device: Where it runs, such as "cpu".
        dtype: "float32".
        one_pass: Whether all prefixes of a caption share one text pass. A text tower that is not causal
            encodes them one by one.
    """

    def __init__(
        self, loaded: LoadedModel, *, checkpoint: Checkpoint, weights_sha256: str, device: str = "cpu"
    ) -> None:
        try:
            self._model: Any = loaded.model.to(device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"there is no usable device {device!r}: {str(error).splitlines()[0]}"
            ) from error
        self._preprocess = loaded.preprocess
        self._tokenizer = loaded.tokenizer
        self.checkpoint = checkpoint
        self.weights_sha256 = weights_sha256
        self.context_length = loaded.context_length
        self.image_size = loaded.image_size
        self.device = device
        self.dtype = "float32"
        self._byte_pairs = isinstance(loaded.tokenizer, SimpleTokenizer)
        # open_clip's own tokenizer leaves start- and end-of-text to its caller; others put theirs in.
        self._added_tokens = 2 if self._byte_pairs else 0
        self._width = loaded.embed_dim
        self.one_pass = self._byte_pairs and _is_causal(loaded.model)

    def image_features(self, images: Sequence[Image.Image]) -> FloatArray:
        """Encode images.

        Args:
            images: N images, of mode RGB as `specs_core.images.read_image` returns them.

        Returns:
            (N, D) float32 of unit length.

        Raises:
            CheckpointError: The model gives numbers that are not finite.
        """
        with torch.inference_mode():
            parts = [
                self._model.encode_image(
                    torch.stack([self._preprocess(image) for image in batch]).to(self.device)
                )
                for batch in _batches(images)
            ]
        return self._unit_length(parts)

    def text_features(self, captions: Sequence[str]) -> FloatArray:
        """Encode whole captions.

        Args:
            captions: N captions that each fit the context; nothing is cut in silence.

        Returns:
            (N, D) float32 of unit length.

        Raises:
            CaptionError: A caption is blank, or has more tokens than the model reads.
            CheckpointError: The model gives numbers that are not finite.
        """
        tokens = [self._encode(caption) for caption in captions]
        for caption, ids in zip(captions, tokens, strict=True):
            if not caption.strip():
                raise CaptionError("the caption is empty")
            if not self._fits(ids):
                raise CaptionError(
                    f"the caption has {len(ids) + self._added_tokens} tokens and "
                    f"model {self.checkpoint.label} reads {self.context_length}"
                )
        # Captions of similar length share a batch, so that little is spent on padding.
        order = sorted(range(len(captions)), key=lambda index: len(tokens[index]))
        with torch.inference_mode():
            if self.one_pass:
                trees = [PrefixTree(tuple(tokens[index]), (len(tokens[index]),)) for index in order]
                parts = [self._encode_trees(batch) for batch in _batches(trees)]
            else:
                parts = [
                    self._encode_padded(batch) for batch in _batches([captions[index] for index in order])
                ]
        features = self._unit_length(parts)
        return features[np.argsort(order)] if order else features

    def prefix_features(self, units: Sequence[DetailUnit]) -> PrefixFeatures:
        """Encode every prefix of a caption: unit 0, units 0 and 1, and so on.

        Each prefix is encoded as it would be alone. A causal text tower does it in one pass: the longest
        prefix is the trunk that the others share. Where a prefix has other tokens than the trunk begins with
        (a boundary within a word, a character that the tokenizer's cleaning joins), it branches off with
        tokens of its own.

        Args:
            units: U units, at least one; joined they are the caption.

        Returns:
            Features, NaN for prefixes beyond the context, and the numbers of tokens.

        Raises:
            CaptionError: There are no units, or they are blank.
            CheckpointError: The model gives numbers that are not finite.

        Source: ours: docs/metrics.md, "The whole curve in one text pass".
        """
        caption = "".join(unit.text for unit in units)
        if not caption.strip():
            raise CaptionError("the caption is empty")
        prefixes: list[list[int]] = []
        text = ""
        for unit in units:
            text += unit.text
            ids = self._encode(text)
            if not self._fits(ids):
                break
            prefixes.append(ids)
        lengths = [0, *map(len, prefixes)]
        # Past the context only the count matters, and a unit's own tokens are counted in linear time.
        beyond = [len(self._encode(unit.text)) for unit in units[len(prefixes) :]]
        features = np.full((len(units), self._width), np.nan, dtype=np.float32)
        if prefixes:
            features[: len(prefixes)] = self._encode_prefixes(prefixes, units[: len(prefixes)])
        return PrefixFeatures(
            features=features,
            tokens=np.array([*np.diff(lengths), *beyond], dtype=np.int64),
            total_tokens=self.count_tokens(caption),
        )

    def count_tokens(self, caption: str) -> int:
        """Return the number of tokens of a caption, start- and end-of-text included."""
        return len(self._encode(caption)) + self._added_tokens

    def provenance(self) -> dict[str, Any]:
        """Return what a score depends on besides image and caption: versions, weights, preprocessing."""
        return {
            "specs_version": specs_core.__version__,
            "model": self.checkpoint.label,
            "weights_sha256": self.weights_sha256,
            "context_length": self.context_length,
            "image_size": self.image_size,
            "dtype": self.dtype,
            "device": self.device,
            "torch_version": torch.__version__,
            "open_clip_version": version("open_clip_torch"),
        }

    def _encode(self, caption: str) -> list[int]:
        """Return a caption's token ids; for open_clip's tokenizer without start- and end-of-text."""
        if self._byte_pairs:
            return _plain_tokens(self._tokenizer, caption)
        clean = self._tokenizer.clean_fn(caption) if self._tokenizer.clean_fn else caption
        return list(self._tokenizer.tokenizer(clean)["input_ids"])

    def _fits(self, ids: Sequence[int]) -> bool:
        return len(ids) + self._added_tokens <= self.context_length

    def _encode_prefixes(self, prefixes: Sequence[list[int]], units: Sequence[DetailUnit]) -> FloatArray:
        with torch.inference_mode():
            if not self.one_pass:
                texts = ["".join(unit.text for unit in units[: u + 1]) for u in range(len(units))]
                return self._unit_length([self._encode_padded(batch) for batch in _batches(texts)])
            trunk = prefixes[-1]
            shared = [_shared_length(ids, trunk) for ids in prefixes]
            on_trunk = [u for u, ids in enumerate(prefixes) if shared[u] == len(ids)]
            off_trunk = [u for u, ids in enumerate(prefixes) if shared[u] < len(ids)]
            tree = PrefixTree(
                trunk=tuple(trunk),
                prefixes=tuple(shared[u] for u in on_trunk),
                branches=tuple(Branch(shared[u], tuple(prefixes[u][shared[u] :])) for u in off_trunk),
            )
            features = self._unit_length([self._encode_trees([tree])])
        return features[np.argsort(on_trunk + off_trunk)]

    def _encode_trees(self, trees: Sequence[PrefixTree]) -> Tensor:
        batch = lay_out(
            trees,
            context_length=self.context_length,
            sot_token=self._tokenizer.sot_token_id,
            eot_token=self._tokenizer.eot_token_id,
            device=self.device,
        )
        return encode_trees(self._model, batch)

    def _encode_padded(self, captions: Sequence[str]) -> Tensor:
        if not self._byte_pairs:
            ids: Tensor = self._tokenizer(list(captions))
        else:
            ids = torch.zeros(len(captions), self.context_length, dtype=torch.long)  # (N, P)
            for row, caption in zip(ids, captions, strict=True):
                tokens = [self._tokenizer.sot_token_id, *self._encode(caption), self._tokenizer.eot_token_id]
                row[: len(tokens)] = torch.tensor(tokens)
        features: Tensor = self._model.encode_text(ids.to(self.device))
        return features

    def _unit_length(self, parts: Sequence[Tensor]) -> FloatArray:
        if not parts:
            return np.empty((0, self._width), dtype=np.float32)
        features = F.normalize(torch.cat(list(parts)).float(), dim=-1)  # (N, D)
        if not bool(torch.isfinite(features).all()):
            raise CheckpointError(f"model {self.checkpoint.label} gives features that are not finite")
        array: FloatArray = features.cpu().numpy()
        return array


def load_encoder(
    name: str | None = None, *, device: str = "cpu", on_progress: Progress | None = None
) -> Encoder:
    """Load a model, downloading it first where it is not on this machine.

    Args:
        name: A known model, "open_clip:ARCH/TAG" or the path of a checkpoint file; None for the default.
        device: Where to run it, such as "cpu", "cuda" or "mps".
        on_progress: Called with (bytes so far, bytes in all) while a download runs.

    Returns:
        The encoder, in float32.

    Raises:
        UnknownModelError: No such model.
        DownloadError: It could not be downloaded.
        CheckpointError: Its file is damaged, foreign or of the wrong shape.
        ConfigError: No such device.
    """
    checkpoint = resolve(name)
    path = fetch(checkpoint, on_progress=on_progress)
    sha256 = file_sha256(path)
    expected = expected_sha256(checkpoint, path)
    if expected not in (None, sha256):
        raise CheckpointError(
            f"{path.name} of model {checkpoint.label} has sha256 {sha256}, expected {expected}"
        )
    return Encoder(load_model(checkpoint, path), checkpoint=checkpoint, weights_sha256=sha256, device=device)


def _plain_tokens(tokenizer: SimpleTokenizer, caption: str) -> list[int]:
    """Tokenise a caption in which the names of special tokens are words like any other.

    The tokenizer reads a literal "<end_of_text>" as the end of the text, after which the model would read
    nothing. A space behind the bracket keeps it apart and yields the tokens that the bare characters have.
    """
    special = set(tokenizer.all_special_ids)
    names = re.compile("|".join(re.escape(tokenizer.decoder[i]) for i in special), re.IGNORECASE)
    ids: list[int] = tokenizer.encode(caption)
    while not special.isdisjoint(ids):
        # Cleaning undoes HTML entities, so the names are looked for in the cleaned text.
        caption = names.sub(lambda found: f"{found[0][0]} {found[0][1:]}", tokenizer.clean_fn(caption))
        ids = tokenizer.encode(caption)
    return ids


def _is_causal(model: nn.Module) -> bool:
    return supports_prefix_trees(model) and all(
        isinstance(block.attn, nn.MultiheadAttention) for block in text_tower(model).transformer.resblocks
    )


def _shared_length(ids: Sequence[int], trunk: Sequence[int]) -> int:
    shared = 0
    while shared < min(len(ids), len(trunk)) and ids[shared] == trunk[shared]:
        shared += 1
    return shared


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH_SIZE):
        yield items[start : start + BATCH_SIZE]
