"""SR_pos, SR_neg and HiMo@K of a model on captions with true and false units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specs_core.datasets.pairs import CaptionedImage
from specs_core.encoder import Encoder
from specs_core.errors import ConfigError, DataError
from specs_core.evaluation.negatives import NEGATIVES, FalseUnit, Negatives, make_negatives
from specs_core.images import read_image
from specs_core.scoring import FloatArray, cosine
from specs_core.segmentation import segment_many
from specs_core.segmentation.units import DetailUnit
from specs_core.specificity import (
    RESAMPLES,
    IntArray,
    Interval,
    PublishedRates,
    Rate,
    cluster_bootstrap,
    himo_at_k,
    margin_sweep,
    published_rates,
    sr_neg,
    sr_pos,
)
from specs_core.text_features import TextTree

TRUE = "true"
HIMO_K = (3, 5, 7, 10)
# The ends of the bins of text length: the positions that LongCLIP leaves as they are, the length up to which
# the paper recommends CLIP, CLIP's context, LongCLIP's.
TOKEN_EDGES = (20, 40, 60, 77, 120, 180, 248)
_MARGINS = 41
# Captions that are read, encoded and compared together.
_CHUNK = 32


@dataclass(frozen=True, eq=False)
class PairTable:
    """All P pairs of a prefix and the prefix with one more unit, true or false.

    Attributes:
        caption: (P,) number of the caption.
        image: (P,) number of the image.
        unit: (P,) number of the unit, from 1.
        kind: (P,) "true" or the kind of the false unit.
        base: (P,) cosine of image and prefix; NaN where the prefix is longer than the model reads.
        extended: (P,) cosine of image and prefix + unit, likewise.
        tokens: (P,) tokens of prefix + unit, start- and end-of-text included.
    """

    caption: IntArray
    image: IntArray
    unit: IntArray
    kind: NDArray[np.str_]
    base: FloatArray
    extended: FloatArray
    tokens: IntArray

    @property
    def gap(self) -> FloatArray:
        """(P,) what the unit adds to the cosine."""
        return self.extended - self.base

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """(P,) bool; "hard" is every kind that begins with "hard:"."""
        return np.char.startswith(self.kind, "hard:") if kind == "hard" else self.kind == kind


@dataclass(frozen=True)
class TokenBin:
    """Rates of the pairs whose text has more than `low` and at most `high` tokens; high None is no end."""

    low: int
    high: int | None
    rates: dict[str, Rate]


@dataclass(frozen=True)
class HiMoSummary:
    """HiMo@K over captions.

    Attributes:
        mean: Mean of Pearson's r over the captions that have one; NaN without any.
        interval: Its cluster bootstrap interval.
        captions: Captions that have one.
        too_few: Captions with fewer than K prefixes within the context.
        constant: Captions whose similarity is constant.
    """

    mean: float
    interval: Interval
    captions: int
    too_few: int
    constant: int


@dataclass(frozen=True)
class Specificity:
    """Specificity of a model on a data set.

    Attributes:
        captions: Captions.
        images: Images.
        units: Detail units in all.
        given: Captions that came with units of their own.
        prefixes_beyond: Prefixes that are longer than the model reads.
        sr_pos: Rate of the pairs with a true unit.
        sr_neg: Rate of each kind of false unit: in_batch, shuffled, hard (all types), hard:TYPE. A kind that
            was asked for and of which there is none has a rate of NaN over 0 pairs.
        margins: (M,) cosine differences.
        sweep: Kind ("true" and the keys of sr_neg) -> micro and macro rates, (M,) each.
        by_tokens: Rates by length of the text, of the kinds without a type.
        himo: "3", "5" ... and "all" -> HiMo@K.
        published: Kind (in_batch, shuffled) -> what the published computation makes of the same cosines.
        negatives: How the false units were made, with what is missing.
        table: Every pair.
    """

    captions: int
    images: int
    units: int
    given: int
    prefixes_beyond: int
    sr_pos: Rate
    sr_neg: dict[str, Rate]
    margins: FloatArray
    sweep: dict[str, tuple[FloatArray, FloatArray]]
    by_tokens: tuple[TokenBin, ...]
    himo: dict[str, HiMoSummary]
    published: dict[str, PublishedRates]
    negatives: Negatives
    table: PairTable


def evaluate_specificity(
    encoder: Encoder,
    pairs: Sequence[CaptionedImage],
    *,
    segmenter: str = "dependency",
    negatives: Sequence[str] = NEGATIVES,
    seed: int = 0,
    resamples: int = RESAMPLES,
    on_item: Callable[[int], None] | None = None,
) -> Specificity:
    """Hold every unit of every caption, and false ones in its place, against the prefix before it.

    Each caption is a tree in one text pass: its prefixes, and behind each prefix the false units.

    Args:
        encoder: The model.
        pairs: From `specs_core.datasets.pairs.read_pairs`.
        segmenter: Cuts the captions that come without units.
        negatives: Some of `specs_core.evaluation.negatives.NEGATIVES`.
        seed: Of the false units and of the bootstrap.
        resamples: Bootstrap resamples.
        on_item: Called with the number of captions done.

    Raises:
        DataError: There are no captions, or negatives of other images and but one image.
        ImageError: An image is missing or unreadable.
        ConfigError: No such segmenter or negative, or a seed below 0.

    Source: Chen et al. 2025, SPECS; ours: docs/specificity.md.
    """
    if seed < 0:
        raise ConfigError(f"the seed has to be 0 or more; got {seed}")
    if not pairs:
        raise DataError("There are no captions to evaluate: the file has no lines.")
    units = list(_units(pairs, segmenter))
    false = make_negatives(pairs, units, kinds=negatives, seed=seed)
    image_number = {path: number for number, path in enumerate(dict.fromkeys(pair.image for pair in pairs))}
    images = np.array([image_number[pair.image] for pair in pairs])
    prefixes, table = _measure(encoder, pairs, units, false, images, on_item)
    options = {"resamples": resamples, "seed": seed}
    kinds = _kinds(table, negatives)

    def rate(kind: str, among: NDArray[np.bool_] | None = None) -> Rate:
        chosen = table.of_kind(kind) if among is None else table.of_kind(kind) & among
        measure = sr_pos if kind == TRUE else sr_neg
        return measure(table.gap[chosen], table.caption[chosen], cluster=table.image[chosen], **options)

    margins = _margin_grid(table.gap)
    sweep = {}
    for kind in (TRUE, *kinds):
        chosen = table.of_kind(kind)
        sweep[kind] = margin_sweep(table.gap[chosen], table.caption[chosen], margins, rising=kind == TRUE)
    bins = []
    for low, high in zip((0, *TOKEN_EDGES), (*TOKEN_EDGES, None), strict=True):
        among = (table.tokens > low) & (table.tokens <= (math.inf if high is None else high))
        among &= ~np.isnan(table.gap)
        if among.any():
            wanted = (TRUE, *(kind for kind in kinds if ":" not in kind))
            bins.append(TokenBin(low, high, {kind: rate(kind, among) for kind in wanted}))
    return Specificity(
        captions=len(pairs),
        images=len(image_number),
        units=sum(map(len, units)),
        given=sum(pair.units is not None for pair in pairs),
        prefixes_beyond=int(sum(np.isnan(row).sum() for row in prefixes)),
        sr_pos=rate(TRUE),
        sr_neg={kind: rate(kind) for kind in kinds},
        margins=margins,
        sweep=sweep,
        by_tokens=tuple(bins),
        himo={"all" if k is None else str(k): _himo(prefixes, images, k, **options) for k in (*HIMO_K, None)},
        published={
            kind: _published(prefixes, table, kind) for kind in kinds if kind in ("in_batch", "shuffled")
        },
        negatives=false,
        table=table,
    )


def _units(pairs: Sequence[CaptionedImage], segmenter: str) -> Iterator[tuple[DetailUnit, ...]]:
    cut = segment_many([pair.caption for pair in pairs if pair.units is None], segmenter=segmenter)
    for pair in pairs:
        if pair.units is None:
            yield next(cut)
        else:
            yield tuple(DetailUnit(pair.caption[start:end], start, end) for start, end in pair.units)


def _measure(
    encoder: Encoder,
    pairs: Sequence[CaptionedImage],
    units: Sequence[Sequence[DetailUnit]],
    false: Negatives,
    images: IntArray,
    on_item: Callable[[int], None] | None,
) -> tuple[list[FloatArray], PairTable]:
    """Return each caption's (U,) cosines of its prefixes, and all pairs."""
    prefixes: list[FloatArray] = []
    columns: list[tuple[int, int, int, str, float, float, int]] = []
    for start in range(0, len(pairs), _CHUNK):
        chunk = range(start, min(start + _CHUNK, len(pairs)))
        seen = _image_features(encoder, [pairs[i].image for i in chunk])
        trees = [TextTree(units[i], [(each.unit, each.text) for each in false.units[i]]) for i in chunk]
        for i, features in zip(chunk, encoder.tree_features(trees), strict=True):
            image = seen[pairs[i].image]
            row = cosine(image, features.prefixes)  # (U,)
            branches = cosine(image, features.branches)  # (B,)
            prefixes.append(row)
            told = [FalseUnit(u, TRUE, "") for u in range(1, len(row))]
            ends = [*row[1:], *branches]
            counts = [*features.prefix_tokens[1:], *features.branch_tokens]
            for each, end, tokens in zip([*told, *false.units[i]], ends, counts, strict=True):
                columns.append((i, images[i], each.unit, each.kind, row[each.unit - 1], end, tokens))
            if on_item is not None:
                on_item(i + 1)
    caption, image_of, unit, kind, base, extended, tokens = (
        zip(*columns, strict=True) if columns else [()] * 7
    )
    table = PairTable(
        caption=np.array(caption, dtype=np.int64),
        image=np.array(image_of, dtype=np.int64),
        unit=np.array(unit, dtype=np.int64),
        kind=np.array(kind, dtype=np.str_),
        base=np.array(base, dtype=np.float64),
        extended=np.array(extended, dtype=np.float64),
        tokens=np.array(tokens, dtype=np.int64),
    )
    return prefixes, table


def _image_features(encoder: Encoder, paths: Sequence[Path]) -> dict[Path, NDArray[np.float32]]:
    different = list(dict.fromkeys(paths))
    features = encoder.image_features([read_image(path) for path in different])
    return dict(zip(different, features, strict=True))


def _kinds(table: PairTable, asked: Sequence[str]) -> list[str]:
    """Return the kinds of false units that were asked for; behind all hard ones the types that there are."""
    hard = sorted(kind for kind in np.unique(table.kind).tolist() if kind.startswith("hard:"))
    return [kind for kind in NEGATIVES if kind in asked] + hard


def _margin_grid(gap: FloatArray) -> FloatArray:
    """Return margins from 0 to a round number that only the largest gaps exceed."""
    sizes = np.abs(gap[~np.isnan(gap)])
    reach = float(np.quantile(sizes, 0.95)) if sizes.size else 0.0
    if reach <= 0:
        return np.zeros(1)
    power = 10.0 ** math.floor(math.log10(reach))
    top = next(step * power for step in (1, 2, 5, 10) if step * power >= reach)
    return np.linspace(0.0, top, _MARGINS)


def _himo(
    prefixes: Sequence[FloatArray], images: IntArray, k: int | None, *, resamples: int, seed: int
) -> HiMoSummary:
    results = [himo_at_k(row, k) for row in prefixes]
    values = np.array([result.value for result in results])
    known = ~np.isnan(values)
    _, owner = np.unique(images[known], return_inverse=True)
    return HiMoSummary(
        mean=float(values[known].mean()) if known.any() else math.nan,
        interval=cluster_bootstrap(
            np.bincount(owner, weights=values[known]), np.bincount(owner), resamples=resamples, seed=seed
        ),
        captions=int(known.sum()),
        too_few=sum(result.reason == "too few prefixes" for result in results),
        constant=sum(result.reason == "constant similarity" for result in results),
    )


def _published(prefixes: Sequence[FloatArray], table: PairTable, kind: str) -> PublishedRates:
    false = [np.full(max(len(row) - 1, 0), np.nan) for row in prefixes]
    chosen = table.of_kind(kind)
    for caption, unit, similarity in zip(
        table.caption[chosen], table.unit[chosen], table.extended[chosen], strict=True
    ):
        false[caption][unit - 1] = similarity
    return published_rates(prefixes, false)
