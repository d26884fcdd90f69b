"""Images and captions into unit-length features, with one text pass for all prefixes of a caption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import specs_core
from specs_core.checkpoints import Checkpoint, Progress, expected_sha256, fetch, file_sha256, resolve
from specs_core.errors import CaptionError, CheckpointError, ConfigError
from specs_core.longclip import LoadedModel, load_model
from specs_core.prefix_tree import KeysAndValues, PrefixTree, encode_trees, share_trunk
from specs_core.text_features import FloatArray, PrefixFeatures, TextTree, TreeFeatures
from specs_core.text_input import TextInput

if TYPE_CHECKING:
    from specs_core.segmentation.units import DetailUnit
    from specs_core.text_memory import TextMemory

T = TypeVar("T")

# Rows that go through a tower together; more gains nothing on a CPU and costs memory.
BATCH_SIZE = 32
# Nodes of prefix trees that go through the text tower together, padding included.
TREE_NODES = 4096


class Encoder:
    """A loaded model.

    Attributes:
        model: The open_clip model, for what reads more of it than features.
        texts: How texts become its tokens.
        checkpoint: What was loaded.
        weights_sha256: Checksum of the file that was loaded.
        context_length: The most tokens that it reads, start- and end-of-text included.
        width: Numbers in a feature (D).
        image_size: Side of the square that images are scaled and cropped to, in pixels.
        resize_mode: How they are, one of those of `specs_core.images.seen_region`.
        device: Where it runs, such as "cpu".
        dtype: "float32".
        one_pass: Whether all prefixes of a caption share one text pass. A text tower that is not causal
            encodes them one by one.
    """

    def __init__(
        self, loaded: LoadedModel, *, checkpoint: Checkpoint, weights_sha256: str, device: str = "cpu"
    ) -> None:
        try:
            self.model: Any = loaded.model.to(device).requires_grad_(False)
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
        self.resize_mode = loaded.resize_mode
        self.device = device
        self.dtype = "float32"
        self.texts = TextInput(loaded.model, loaded.tokenizer, context_length=loaded.context_length)
        self.width = loaded.embed_dim
        self.one_pass = self.texts.one_pass

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
            parts = [self.model.encode_image(self.pixels(batch)) for batch in _batches(images)]
        return self.unit_length(parts)

    def pixels(self, images: Sequence[Image.Image]) -> Tensor:
        """Return what the vision tower reads of N images: (N, 3, S, S), normalised."""
        return torch.stack([self._preprocess(image) for image in images]).to(self.device)

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
        tokens = [self.texts.tokens(caption) for caption in captions]
        for caption, ids in zip(captions, tokens, strict=True):
            if not caption.strip():
                raise CaptionError("the caption is empty")
            if not self.texts.fits(ids):
                raise CaptionError(
                    f"the caption has {self.texts.positions(ids)} tokens and "
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
        features = self.unit_length(parts)
        return features[np.argsort(order)] if order else features

    def prefix_features(
        self, units: Sequence[DetailUnit], *, memory: TextMemory | None = None
    ) -> PrefixFeatures:
        """Encode every prefix of a caption: unit 0, units 0 and 1, and so on.

        Each prefix is encoded as it would be alone. A causal text tower does it in one pass: the longest
        prefix is the trunk that the others share. Where a prefix has other tokens than the trunk begins with
        (a boundary within a word, a character that the tokenizer's cleaning joins), it branches off with
        tokens of its own.

        Args:
            units: U units, at least one; joined they are the caption.
            memory: Of this model; what it knows of the caption's beginning is not encoded again.

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
        text, ids = "", list[int]()
        for unit in units:
            ids = self.texts.tokens_after(text, ids, unit.text)
            text += unit.text
            if not self.texts.fits(ids):
                break
            prefixes.append(ids)
        lengths = [0, *map(len, prefixes)]
        # Past the context only the count matters, and a unit's own tokens are counted in linear time.
        beyond = [len(self.texts.tokens(unit.text)) for unit in units[len(prefixes) :]]
        features = np.full((len(units), self.width), np.nan, dtype=np.float32)
        if prefixes:
            features[: len(prefixes)] = self._encode_prefixes(prefixes, units[: len(prefixes)], memory)
        return PrefixFeatures(
            features=features,
            tokens=np.array([*np.diff(lengths), *beyond], dtype=np.int64),
            total_tokens=self.count_tokens(caption),
        )

    def tree_features(self, trees: Sequence[TextTree]) -> list[TreeFeatures]:
        """Encode the prefixes of captions and texts that branch off them, one pass for several captions.

        Each text is encoded as it would be alone, as in `prefix_features`; a text tower that is not causal
        encodes them one by one.

        Args:
            trees: N captions with their branches.

        Returns:
            For each its features, NaN for texts beyond the context.

        Raises:
            CaptionError: A caption has no units, or they are blank.
            CheckpointError: The model gives numbers that are not finite.

        Source: ours: docs/metrics.md, "The whole curve in one text pass".
        """
        texts = [tree.texts() for tree in trees]
        for tree, rows in zip(trees, texts, strict=True):
            if not tree.units or not rows[len(tree.units) - 1].strip():
                raise CaptionError("the caption is empty")
        ids = [self._tree_tokens(tree, rows) for tree, rows in zip(trees, texts, strict=True)]
        features = self._encode_texts(texts, ids, [len(tree.units) for tree in trees])
        found = []
        for tree, tokens, values in zip(trees, ids, features, strict=True):
            counts = np.array([self.texts.positions(row) for row in tokens], dtype=np.int64)
            units = len(tree.units)
            found.append(TreeFeatures(values[:units], values[units:], counts[:units], counts[units:]))
        return found

    def count_tokens(self, caption: str) -> int:
        """Return the number of tokens of a caption, start- and end-of-text included."""
        return self.texts.positions(self.texts.tokens(caption))

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

    def _encode_prefixes(
        self, prefixes: Sequence[list[int]], units: Sequence[DetailUnit], memory: TextMemory | None
    ) -> FloatArray:
        with torch.inference_mode():
            if not self.one_pass:
                texts = ["".join(unit.text for unit in units[: u + 1]) for u in range(len(units))]
                return self.unit_length([self._encode_padded(batch) for batch in _batches(texts)])
            if memory is None:
                tree, order = share_trunk(prefixes, prefixes[-1])
                return self.unit_length([self._encode_trees([tree])])[order]
            known = [memory.feature(ids) for ids in prefixes]
            new = [prefix for prefix, feature in zip(prefixes, known, strict=True) if feature is None]
            if new:
                tree, order = share_trunk(new, prefixes[-1])
                past, own = memory.recall(tree.trunk), KeysAndValues()
                batch = self.texts.lay_out([tree], device=self.device)
                encoded = self.unit_length([encode_trees(self.model, batch, past=past, kept=own)])[order]
                memory.keep(tree.trunk, past, own, features=list(zip(new, encoded, strict=True)))
                fresh = iter(encoded)
            features: FloatArray = np.stack([next(fresh) if row is None else row for row in known])
        return features

    def _tree_tokens(self, tree: TextTree, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of a tree's U prefixes and B branches; `texts` are its `texts()`."""
        prefixes: list[list[int]] = [[]]
        before = ""
        for unit, text in zip(tree.units, texts, strict=False):
            prefixes.append(self.texts.tokens_after(before, prefixes[-1], unit.text))
            before = text
        starts = ("", *texts[: len(tree.units)])
        return prefixes[1:] + [
            self.texts.tokens_after(starts[kept], prefixes[kept], words) for kept, words in tree.branches
        ]

    def _encode_texts(
        self, texts: list[list[str]], ids: list[list[list[int]]], units: list[int]
    ) -> list[FloatArray]:
        """Encode N groups of texts, each a caption's prefixes, then its branches; NaN for those too long.

        Returns:
            For each group (R, D).
        """
        features = [np.full((len(rows), self.width), np.nan, dtype=np.float32) for rows in ids]
        fitting = [[r for r, row in enumerate(rows) if self.texts.fits(row)] for rows in ids]
        laid: list[tuple[int, PrefixTree, list[int]]] = []
        with torch.inference_mode():
            for number, (rows, chosen) in enumerate(zip(ids, fitting, strict=True)):
                if not chosen:
                    continue
                if self.one_pass:
                    trunk = max([r for r in chosen if r < units[number]], default=chosen[0])
                    laid.append((number, *share_trunk([rows[r] for r in chosen], rows[trunk])))
                else:
                    wanted = [texts[number][r] for r in chosen]
                    parts = [self._encode_padded(batch) for batch in _batches(wanted)]
                    features[number][chosen] = self.unit_length(parts)
            for group in _of_similar_size(laid):
                encoded = self.unit_length([self._encode_trees([tree for _, tree, _ in group])])
                start = 0
                for number, _, places in group:
                    features[number][fitting[number]] = encoded[start : start + len(places)][places]
                    start += len(places)
        return features

    def _encode_trees(self, trees: Sequence[PrefixTree]) -> Tensor:
        batch = self.texts.lay_out(trees, device=self.device)
        return encode_trees(self.model, batch)

    def _encode_padded(self, captions: Sequence[str]) -> Tensor:
        features: Tensor = self.model.encode_text(self.texts.padded(captions).to(self.device))
        return features

    def unit_length(self, parts: Sequence[Tensor]) -> FloatArray:
        """Return features of unit length, as numpy has them.

        Args:
            parts: Tensors (N_i, D) of the towers.

        Returns:
            (N, D) float32.

        Raises:
            CheckpointError: There are numbers that are not finite.
        """
        if not parts:
            return np.empty((0, self.width), dtype=np.float32)
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


def _of_similar_size(
    laid: Sequence[tuple[int, PrefixTree, list[int]]],
) -> Iterator[list[tuple[int, PrefixTree, list[int]]]]:
    """Group trees of similar size, so that little is padded, of at most `TREE_NODES` nodes with padding."""
    group: list[tuple[int, PrefixTree, list[int]]] = []
    for entry in sorted(laid, key=lambda entry: entry[1].nodes):
        # Sorted: the newest is the largest, to which the others are padded.
        if group and (len(group) + 1) * entry[1].nodes > TREE_NODES:
            yield group
            group = []
        group.append(entry)
    if group:
        yield group


def _batches(items: Sequence[T], *, size: int = BATCH_SIZE) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
