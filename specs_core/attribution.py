"""Which words of a caption the image speaks for and which against: CLIP4DM word attribution."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from specs_core.encoder import Encoder
from specs_core.errors import AttributionError, CaptionError
from specs_core.prefix_tree import PrefixTree, encode_trees, shared_length, text_tower
from specs_core.scoring import clip_score

FloatArray = npt.NDArray[np.float64]
Mode = Literal["threshold", "most_negative"]

TEMPLATE = "A photo depicts "
START_LAYER = -3
EPSILON = -5e-5

_WORD = re.compile(r"[^\s.,]+")


@dataclass(frozen=True)
class WordAttribution:
    """One word.

    Attributes:
        text: As it stands in the caption.
        start: Offset of its first character in the caption.
        end: Offset behind its last one.
        attribution: The mean over its tokens; NaN for a word without a token of its own.
        misaligned: Whether the image speaks against it.
    """

    text: str
    start: int
    end: int
    attribution: float
    misaligned: bool


@dataclass(frozen=True, eq=False)
class CaptionAttribution:
    """The words of a caption and what follows from them (T tokens, template included).

    Attributes:
        cosine: Similarity of the image and the caption behind its template.
        token_attributions: (T,) float64, without start- and end-of-text.
        words: The caption's words in order.
        template, start_layer, epsilon, mode: As asked for.
    """

    cosine: float
    token_attributions: FloatArray
    words: tuple[WordAttribution, ...]
    template: str
    start_layer: int
    epsilon: float
    mode: Mode

    @property
    def clip_score(self) -> float:
        """CLIPScore of the caption behind its template, in [0, 2.5]."""
        return float(clip_score(self.cosine))

    @property
    def sum_negative_attribution(self) -> float:
        """The sum of the misaligned words' attributions, at most 0."""
        return sum(word.attribution for word in self.words if word.misaligned)

    @property
    def f_clip_score(self) -> float:
        """F-CLIPScore, at most 0; higher is better.

        Source: CLIP4DM: (1 - cos) times the sum of the misaligned words' attributions, a cosine below 0
            counting as 0.
        """
        return (1 - max(0.0, self.cosine)) * self.sum_negative_attribution

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; negative words with the lowest first, named by place and text."""
        negative = sorted(
            (word.attribution, number) for number, word in enumerate(self.words) if word.misaligned
        )
        return {
            "template": self.template,
            "start_layer_text": self.start_layer,
            "epsilon": self.epsilon,
            "mode": self.mode,
            "cosine": self.cosine,
            "clip_score": self.clip_score,
            "token_attributions": self.token_attributions.tolist(),
            "word_attributions": [
                [word.text, None if np.isnan(word.attribution) else word.attribution] for word in self.words
            ],
            "negative_words": [[f"{number}_{self.words[number].text}", value] for value, number in negative],
            "sum_negative_attribution": self.sum_negative_attribution,
            "f_clip_score": self.f_clip_score,
        }


def attribute(
    encoder: Encoder,
    image_features: npt.ArrayLike,
    caption: str,
    *,
    template: str = TEMPLATE,
    start_layer: int = START_LAYER,
    epsilon: float = EPSILON,
    mode: Mode = "threshold",
) -> CaptionAttribution:
    """Attribute the similarity of an image and a caption to the caption's words.

    Args:
        encoder: A model with a causal text tower.
        image_features: (D,) features of the image.
        caption: The caption, which has to fit the model's context together with the template.
        template: Put before the caption; its own words are not reported.
        start_layer: The first text layer that counts: -3 for the last three (all, where there are fewer), 0
            for all.
        epsilon: A word below this is misaligned.
        mode: "threshold" marks every word below `epsilon`, "most_negative" only the lowest of them.

    Returns:
        The attributions. Every token of the caption takes part, on models of any context length.

    Raises:
        CaptionError: The caption is blank or longer than the model reads.
        AttributionError: The model's text tower is not causal, it has no such layer, or its weights lead to
            numbers that are not finite.

    Source: CLIP4DM: sum over the last layers of attention times its gradient, in the end-of-text token's
        row; docs/metrics.md, "Word attribution".
    """
    if not caption.strip():
        raise CaptionError("the caption is empty")
    text = template + caption
    ids = encoder.texts.tokens(text)
    if not encoder.texts.fits(ids):
        raise CaptionError(
            f"the caption with its template has {encoder.texts.positions(ids)} tokens and "
            f"model {encoder.checkpoint.label} reads {encoder.context_length}"
        )
    cosine, tokens = _attribute_tokens(
        encoder, np.asarray(image_features, dtype=np.float32), ids, start_layer
    )
    found = [
        (match, _mean(tokens[slice(*_tokens_of(encoder, text, ids, len(template), match))]))
        for match in _WORD.finditer(caption)
    ]
    below = [value for _, value in found if value < epsilon]
    limit = epsilon if mode == "threshold" else min(below, default=-np.inf)
    words = tuple(
        WordAttribution(
            match.group(),
            match.start(),
            match.end(),
            value,
            value < epsilon if mode == "threshold" else value <= limit,
        )
        for match, value in found
    )
    return CaptionAttribution(cosine, tokens, words, template, start_layer, epsilon, mode)


def _attribute_tokens(
    encoder: Encoder, image: npt.NDArray[np.float32], ids: Sequence[int], start_layer: int
) -> tuple[float, FloatArray]:
    """Return the cosine and the (T,) attributions of the tokens."""
    if not encoder.one_pass:
        raise AttributionError(
            f"words can be attributed on models with a causal text tower; that of "
            f"{encoder.checkpoint.label} is not"
        )
    layers = len(text_tower(encoder.model).transformer.resblocks)
    if start_layer >= layers:
        raise AttributionError(
            f"model {encoder.checkpoint.label} has {layers} text layers; got start layer {start_layer}"
        )
    first = start_layer if start_layer >= 0 else max(0, layers + start_layer)
    batch = encoder.texts.lay_out([PrefixTree(tuple(ids), (len(ids),))], device=encoder.device)
    attention: list[torch.Tensor] = []
    with torch.enable_grad():
        features = encode_trees(encoder.model, batch, attention=attention, first_layer=first)[0]
        target = torch.from_numpy(image).to(encoder.device)
        similarity = F.cosine_similarity(features.float(), target, dim=-1)
        gradients = torch.autograd.grad(similarity, attention)
    end = int(batch.ends[0, 0])
    rows = []
    for weights, gradient in zip(attention, gradients, strict=True):
        relevance = (weights * gradient)[0].mean(0)  # (nodes, T); the last layer has the end node alone
        rows.append(relevance[0 if len(relevance) == 1 else end])
    row = torch.stack(rows).mean(0)[1 : len(ids) + 1]  # (T,)
    if not bool(torch.isfinite(row).all() and torch.isfinite(similarity)):
        raise AttributionError(f"model {encoder.checkpoint.label} gives attributions that are not finite")
    return float(similarity.detach()), row.detach().double().cpu().numpy()


def _tokens_of(
    encoder: Encoder, text: str, ids: Sequence[int], offset: int, match: re.Match[str]
) -> tuple[int, int]:
    """Return [first, last) of a word's tokens: those of the text to its end beyond those to its start."""
    first, last = (
        shared_length(encoder.texts.tokens(text[: offset + place]), ids)
        for place in (match.start(), match.end())
    )
    return first, last


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else float("nan")
