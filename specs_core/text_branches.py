"""Texts that share much of their beginning with a caption, without encoding the beginning again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from specs_core.encoder import Encoder
from specs_core.errors import CaptionError
from specs_core.prefix_tree import KeysAndValues, PrefixTree, encode_after, encode_trees, share_trunk
from specs_core.text_features import FloatArray

if TYPE_CHECKING:
    from specs_core.segmentation.units import DetailUnit

# Branches of similar length share a batch, so that little of it is padding: the more texts in a batch, the
# more padding, and a caption's branches are of every length.
TOGETHER = 2


def features_without(
    encoder: Encoder,
    units: Sequence[DetailUnit],
    *,
    chosen: Sequence[int] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> FloatArray:
    """Encode a caption without each of its units in turn.

    The caption is its longest run of units from the first on that fits the context. On a causal text tower
    what stands before the removed unit is not encoded again.

    Args:
        encoder: The model.
        units: U units, at least one; joined they are the caption.
        chosen: Only these units are removed; None for all.
        on_progress: Called with the texts encoded so far and those in all.

    Returns:
        (U, D) float32 of unit length; NaN for units beyond the context, not chosen, and for an only unit.

    Raises:
        CaptionError: There are no units, or they are blank.
        CheckpointError: The model gives numbers that are not finite.

    Source: ours: docs/metrics.md, "Leave one out".
    """
    texts = [unit.text for unit in units]
    if not "".join(texts).strip():
        raise CaptionError("the caption is empty")
    fit = len(texts)
    while fit and not encoder.texts.fits(encoder.texts.tokens("".join(texts[:fit]))):
        fit -= 1
    wanted = range(fit) if chosen is None else [u for u in chosen if u < fit]
    without = {u: "".join(texts[:u] + texts[u + 1 : fit]) for u in wanted}
    kept = [u for u in wanted if without[u].strip()]
    features = np.full((len(units), encoder.width), np.nan, dtype=np.float32)
    if kept:
        beside = [without[u] for u in kept]
        features[kept] = features_beside(encoder, "".join(texts[:fit]), beside, on_progress=on_progress)
    return features


def features_beside(
    encoder: Encoder,
    text: str,
    others: Sequence[str],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> FloatArray:
    """Encode texts that share much of their beginning with another.

    Args:
        encoder: The model.
        text: What they share their beginning with; it fits the context.
        others: N texts that fit the context.
        on_progress: Called with the texts encoded so far and those in all.

    Returns:
        (N, D) float32 of unit length.

    Raises:
        CheckpointError: The model gives numbers that are not finite.

    Source: ours: docs/metrics.md, "Leave one out".
    """
    tell = on_progress or (lambda done, total: None)
    if not encoder.one_pass:
        rows = []
        for other in others:
            rows.append(encoder.text_features([other])[0])
            tell(len(rows), len(others))
        return np.stack(rows)
    trunk = encoder.texts.tokens(text)
    tree, order = share_trunk([encoder.texts.tokens(other) for other in others], trunk)
    with torch.inference_mode():
        kept: KeysAndValues = []
        whole = PrefixTree(tree.trunk, (*tree.prefixes, len(trunk)))
        ends = encode_trees(encoder.model, encoder.texts.lay_out([whole], device=encoder.device), kept=kept)
        nodes = len(trunk) + 1
        past = [(keys[:, :, :nodes], values[:, :, :nodes]) for keys, values in kept]
        found = torch.empty(len(others), ends.shape[1], device=ends.device)
        done = len(tree.prefixes)
        found[:done] = ends[:-1].float()
        longest_first = sorted(range(len(tree.branches)), key=lambda b: -len(tree.branches[b].tokens))
        for start in range(0, len(longest_first), TOGETHER):
            batch = longest_first[start : start + TOGETHER]
            encoded = encode_after(encoder.model, past, [tree.branches[b] for b in batch])
            found[[len(tree.prefixes) + b for b in batch]] = encoded.float()
            done += len(batch)
            tell(done, len(others))
    features: FloatArray = encoder.unit_length([found])[order]
    return features
