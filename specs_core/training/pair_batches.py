"""Batches of images with captions: prefix trees with false units, a function of configuration and index."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from specs_core.datasets.facts import certainly_false
from specs_core.datasets.pairs import CaptionedImage
from specs_core.errors import DataError, ImageError
from specs_core.images import read_image
from specs_core.prefix_tree import PrefixTree, TreeBatch, share_trunk
from specs_core.text_input import TextInput
from specs_core.training.finetune_config import FinetuneConfig
from specs_core.training.pair_file import PairFile, order_of_epoch

#: What is counted on the way; none of it is dropped in silence.
COUNTS = (
    "captions",
    "captions cut by the context",
    "captions without a unit in the context",
    "units beyond the context",
    "false units beyond the context",
    "units without a false one",
    "false facts in several units",
)

#: Captions laid out together, by length, so that little is padding.
_PART = 16
# Units of other pairs that are tried before a unit goes without a false one.
_TRIES = 10


@dataclass(frozen=True)
class PairBatch:
    """The captions of one process in a forward pass (N captions, R texts).

    Attributes:
        images: (N, 3, H, W) float32, preprocessed.
        trees: The captions laid out, a few a part; none where `token_ids` stands.
        token_ids: (R, context_length) int64, every text by itself, for text towers without one pass.
        caption: (R,) the caption of each text.
        last: (N,) the text that is the whole caption, or as much of it as whole units fit the context.
        rises: (P, 2) texts: a prefix, and the prefix with its true unit.
        falls: (B, 3) texts: a prefix, the prefix with a false unit, and with the true one.
        kinds: Of each false unit: "other pair", "shuffled", or the type of its false fact.
        counts: (len(COUNTS),) int64.
    """

    images: Tensor
    trees: tuple[TreeBatch, ...]
    token_ids: Tensor | None
    caption: Tensor
    last: Tensor
    rises: Tensor
    falls: Tensor
    kinds: tuple[str, ...]
    counts: Tensor


@dataclass(frozen=True)
class _Texts:
    """The texts of one caption: strings with their ids, and which of them belong together."""

    texts: list[str]
    ids: list[list[int]]
    last: int
    rises: list[tuple[int, int]]
    falls: list[tuple[int, int, int]]
    kinds: list[str]


class PairBatches(Dataset[PairBatch]):
    """The batch of every forward pass; each process gets its share of the captions.

    Negatives are drawn from the captions of all processes, and a caption's draw depends on its place in the
    whole batch alone. So the batch is the same for any number of processes, and a resumed run sees the same.
    An epoch takes whole batches. Texts that no term of the loss asks for are left out. With `looked_at`, for
    figures on held-out data, an epoch takes so many captions, the last batch being the shorter, and all
    texts of them.
    """

    def __init__(
        self,
        pairs: PairFile,
        config: FinetuneConfig,
        texts: TextInput,
        preprocess: Callable[[Image.Image], Tensor],
        *,
        rank: int = 0,
        processes: int = 1,
        looked_at: int | None = None,
    ) -> None:
        self.pairs = pairs
        self.config = config
        self.texts = texts
        self.preprocess = preprocess
        self.rank = rank
        self.processes = processes
        self.looked_at = looked_at
        self.per_epoch = -(-looked_at // config.batch) if looked_at else len(pairs) // config.batch
        if not self.per_epoch:
            raise DataError(f"{pairs.path} has {len(pairs)} captions and a batch takes {config.batch}.")
        if config.batch < processes:
            raise DataError(f"a batch of {config.batch} cannot be shared by {processes} processes.")
        loss = config.loss
        self._draws_false = looked_at is not None or loss.negative > 0 or loss.pairwise > 0
        self._reads_prefixes = self._draws_false or loss.positive > 0
        self._order = (-1, order_of_epoch(0, seed=0, epoch=0))

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        if self.config.steps is not None:
            return self.config.steps
        assert self.config.epochs is not None
        return max(1, self.config.epochs * self.per_epoch // self.config.accumulation)

    def __len__(self) -> int:
        return self.steps * self.config.accumulation

    def __getitem__(self, index: int) -> PairBatch:
        epoch, place = divmod(index, self.per_epoch)
        if self._order[0] != epoch:
            self._order = (epoch, order_of_epoch(len(self.pairs), seed=self.config.seed, epoch=epoch))
        lines = self._order[1][: self.looked_at][place * self.config.batch :][: self.config.batch]
        pairs = [self.pairs[int(line)] for line in lines]
        fitting = [row for row, pair in enumerate(pairs) if self._fits_a_unit(pair)]
        # Shares of those that can be used, so that no process is left without a caption where there is one.
        first, behind = (len(fitting) * (self.rank + i) // self.processes for i in (0, 1))
        if first == behind:
            raise DataError(
                f"of {len(pairs)} captions of {self.pairs.path}, such as {pairs[0].id}, {len(fitting)} begin "
                f"with a unit that fits the {self.texts.context_length} tokens which the model reads, and "
                f"{self.processes} are needed: one a process."
            )
        counts: Counter[str] = Counter()
        if self.rank == 0:
            for row in {*range(len(pairs))} - {*fitting}:
                counts["captions"] += 1
                counts["captions cut by the context"] += 1
                counts["captions without a unit in the context"] += 1
                counts["units beyond the context"] += len(pairs[row].units or ())
        found = []
        for row in fitting[first:behind]:
            rng = random.Random(f"{self.config.seed}-{index}-{row}")
            found.append((pairs[row], self._texts(pairs[row], pairs, rng, counts)))
        return self._assemble(found, counts)

    def _fits_a_unit(self, pair: CaptionedImage) -> bool:
        assert pair.units is not None
        return self.texts.fits(self.texts.tokens(pair.caption[: pair.units[0][1]]))

    def _texts(
        self, pair: CaptionedImage, pairs: Sequence[CaptionedImage], rng: random.Random, counts: Counter[str]
    ) -> _Texts:
        counts["captions"] += 1
        assert pair.units is not None
        units = [pair.caption[start:end] for start, end in pair.units]
        prefixes = list(accumulate(units))
        ids: list[list[int]] = []
        for prefix in prefixes:
            tokens = self.texts.tokens(prefix)
            if not self.texts.fits(tokens):
                break
            ids.append(tokens)
        fit = len(ids)
        counts["units beyond the context"] += len(units) - fit
        counts["captions cut by the context"] += fit < len(units)
        inside = (
            any(start <= fact.start and fact.end <= end for start, end in pair.units)
            for fact in pair.false_facts
        )
        counts["false facts in several units"] += sum(not whole for whole in inside)
        triplets = list(range(1, fit)) if self._reads_prefixes else []
        if self.config.prefixes == "one" and triplets:
            triplets = [rng.choice(triplets)]
        read = sorted({*triplets, *(unit - 1 for unit in triplets), fit - 1})
        place = {unit: text for text, unit in enumerate(read)}
        found = _Texts(
            texts=[prefixes[unit] for unit in read],
            ids=[ids[unit] for unit in read],
            last=place[fit - 1],
            rises=[(place[unit - 1], place[unit]) for unit in triplets],
            falls=[],
            kinds=[],
        )
        wanted = self.config.negatives.per_caption
        chosen = triplets if not wanted else sorted(rng.sample(triplets, min(wanted, len(triplets))))
        chosen = chosen if self._draws_false else []
        for unit in chosen:
            false = self._false_unit(pair, unit, pairs, rng)
            if false is None:
                counts["units without a false one"] += 1
                continue
            text = prefixes[unit - 1] + false[0]
            tokens = self.texts.tokens(text)
            if not self.texts.fits(tokens):
                counts["false units beyond the context"] += 1
                continue
            found.falls.append((place[unit - 1], len(found.texts), place[unit]))
            found.kinds.append(false[1])
            found.texts.append(text)
            found.ids.append(tokens)
        return found

    def _false_unit(
        self, pair: CaptionedImage, unit: int, pairs: Sequence[CaptionedImage], rng: random.Random
    ) -> tuple[str, str] | None:
        """Return a false unit's text and kind; None where none can be had."""
        assert pair.units is not None
        start, end = pair.units[unit]
        facts = [fact for fact in pair.false_facts if start <= fact.start and fact.end <= end]
        if facts and rng.random() < self.config.negatives.hard:
            fact = rng.choice(facts)
            return pair.caption[start : fact.start] + fact.text + pair.caption[fact.end : end], fact.type
        for _ in range(_TRIES):
            text = _borrow(pair, rng.choice(pairs), rng)
            if text is not None:
                if rng.random() < self.config.negatives.shuffled:
                    words = text.split()
                    rng.shuffle(words)
                    return " ".join(words), "shuffled"
                return text, "other pair"
        return None

    def _assemble(self, found: list[tuple[CaptionedImage, _Texts]], counts: Counter[str]) -> PairBatch:
        found.sort(key=lambda entry: len(entry[1].ids[entry[1].last]))
        trees: list[PrefixTree] = []
        caption: list[int] = []
        last: list[int] = []
        rises: list[tuple[int, ...]] = []
        falls: list[tuple[int, ...]] = []
        for row, (_, texts) in enumerate(found):
            order = list(range(len(texts.texts)))
            if self.texts.one_pass:
                tree, order = share_trunk(texts.ids, texts.ids[texts.last])
                trees.append(tree)
            place = [len(caption) + text for text in order]
            last.append(place[texts.last])
            rises += [tuple(place[text] for text in pair) for pair in texts.rises]
            falls += [tuple(place[text] for text in triplet) for triplet in texts.falls]
            caption += [row] * len(order)
        every = [text for _, texts in found for text in texts.texts]
        return PairBatch(
            images=torch.stack([self._image(pair) for pair, _ in found]),
            trees=tuple(self.texts.lay_out(trees[i : i + _PART]) for i in range(0, len(trees), _PART)),
            token_ids=None if self.texts.one_pass else self.texts.padded(every),
            caption=torch.tensor(caption, dtype=torch.long),
            last=torch.tensor(last, dtype=torch.long),
            rises=torch.tensor(rises, dtype=torch.long).reshape(-1, 2),
            falls=torch.tensor(falls, dtype=torch.long).reshape(-1, 3),
            kinds=tuple(kind for _, texts in found for kind in texts.kinds),
            counts=torch.tensor([counts[name] for name in COUNTS]),
        )

    def _image(self, pair: CaptionedImage) -> Tensor:
        try:
            return self.preprocess(read_image(pair.image))
        except ImageError as error:
            raise DataError(
                f"the image of {pair.id} in {self.pairs.path} cannot be used: {error} "
                "(`specs data` lists such images beforehand)"
            ) from error


def _borrow(pair: CaptionedImage, other: CaptionedImage, rng: random.Random) -> str | None:
    """Return a unit of another pair, one that is not known to be true of this one; None where it may be."""
    assert other.units is not None
    if other.image == pair.image:
        return None
    # A caption's first unit opens it; in the middle of another it would stand out by that alone.
    start, end = other.units[rng.randrange(1, len(other.units)) if len(other.units) > 1 else 0]
    text = other.caption[start:end]
    if " ".join(text.split()).rstrip(".,;").casefold() in " ".join(pair.caption.split()).casefold():
        return None
    if pair.facts is not None:
        told = [each.fact for each in other.told if start <= each.start and each.end <= end]
        if not certainly_false(told, text, pair.facts):
            return None
    return text
