"""The table of metrics: what each computes, its range and direction, what it needs and where it is from."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from specs_core.baselines.text_overlap import overlap_version
from specs_core.errors import ConfigError
from specs_core.metrics import functions
from specs_core.metrics.inputs import Chunk, Inputs, Value

Need = Literal["model", "image", "references", "all images", "all references", "WordNet", "judge"]


@dataclass(frozen=True)
class Version:
    """What a score depends on besides the item: the columns `model` and `model_sha256` of a table of scores.

    Attributes:
        model: Name of the model, or library, version and settings where there is none.
        sha256: Of the model's weights, or of `model`.
    """

    model: str
    sha256: str


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: In tables of scores.
        label: As people write it.
        definition: In a few words; docs/metrics.md has the rest.
        low: Lowest value that it can take.
        high: Highest one.
        better: "higher", or "neither" for a sentinel, which means nothing by itself.
        needs: What has to be there.
        source: Paper, or "ours".
        compute: Rows to values.
        version: Of the numbers.
    """

    name: str
    label: str
    definition: str
    low: float
    high: float
    better: Literal["higher", "neither"]
    needs: frozenset[Need]
    source: str
    compute: Callable[[Chunk], list[Value]]
    version: Callable[[Inputs], Version]


def _by_model(inputs: Inputs) -> Version:
    assert inputs.encoder is not None
    return Version(inputs.encoder.checkpoint.label, inputs.encoder.weights_sha256)


def _said(text: str) -> Version:
    return Version(text, hashlib.sha256(text.encode()).hexdigest())


def _overlap(name: str) -> Callable[[Inputs], Version]:
    return lambda inputs: _said(overlap_version(name))


def _cider(inputs: Inputs) -> Version:
    assert inputs.frequencies is not None
    documents = f"{inputs.frequencies.documents} documents {inputs.frequencies.sha256[:16]}"
    return _said(f"CIDEr-D 1, words as caption_words, {documents}")


def _units(inputs: Inputs) -> Version:
    from specs_core.segmentation import segmenter_version

    return _said(segmenter_version(inputs.segmenter))


def _judge(kind: Literal["fleur", "clair"]) -> Callable[[Inputs], Version]:
    def version(inputs: Inputs) -> Version:
        assert inputs.judge is not None
        return _said(inputs.judge.version(kind))

    return version


def _metric(
    name: str,
    label: str,
    definition: str,
    bounds: tuple[float, float],
    needs: Iterable[Need],
    source: str,
    compute: Callable[[Chunk], list[Value]],
    version: Callable[[Inputs], Version] = _by_model,
    better: Literal["higher", "neither"] = "higher",
) -> Metric:
    return Metric(name, label, definition, *bounds, better, frozenset(needs), source, compute, version)


_IMAGE: tuple[Need, ...] = ("model", "image")
_OVERLAP: tuple[Need, ...] = ("references",)

#: Every metric by its name.
METRICS = {
    metric.name: metric
    for metric in (
        _metric(
            "specs", "SPECS", "max(0, (cos + 1) / 2)", (0, 1), _IMAGE, "Chen et al. 2025", functions.specs
        ),
        _metric(
            "cosine",
            "cosine",
            "of image and caption",
            (-1, 1),
            _IMAGE,
            "Radford et al. 2021",
            functions.cosine,
        ),
        _metric(
            "clip_score",
            "CLIPScore",
            "2.5 max(cos, 0) behind a prompt",
            (0, 2.5),
            _IMAGE,
            "Hessel et al. 2021",
            functions.clip_score,
        ),
        _metric(
            "ref_clip_score",
            "RefCLIPScore",
            "harmonic mean of CLIPScore and the nearest reference",
            (0, 10 / 7),
            (*_IMAGE, "references"),
            "Hessel et al. 2021",
            functions.ref_clip_score,
        ),
        _metric(
            "f_clip_score",
            "F-CLIPScore",
            "(1 - cos) times the misaligned words' attributions",
            (-math.inf, 0),
            _IMAGE,
            "CLIP4DM",
            functions.f_clip_score,
        ),
        _metric(
            "bleu_4",
            "BLEU-4",
            "n-gram precision, sentence level",
            (0, 100),
            _OVERLAP,
            "Papineni et al. 2002; sacreBLEU",
            functions.bleu_4,
            _overlap("bleu_4"),
        ),
        _metric(
            "chrf",
            "chrF",
            "F2 of character n-grams",
            (0, 100),
            _OVERLAP,
            "Popović 2015; sacreBLEU",
            functions.chrf,
            _overlap("chrf"),
        ),
        _metric(
            "rouge_l",
            "ROUGE-L",
            "F1 of the longest common subsequence",
            (0, 1),
            _OVERLAP,
            "Lin 2004; rouge-score",
            functions.rouge_l,
            _overlap("rouge_l"),
        ),
        _metric(
            "meteor",
            "METEOR",
            "words, stems and synonyms in order",
            (0, 1),
            (*_OVERLAP, "WordNet"),
            "Lavie and Agarwal 2007; nltk",
            functions.meteor,
            _overlap("meteor"),
        ),
        _metric(
            "meteor_stem",
            "METEOR without synonyms",
            "words and stems in order",
            (0, 1),
            _OVERLAP,
            "Lavie and Agarwal 2007; nltk",
            functions.meteor_stem,
            _overlap("meteor_stem"),
        ),
        _metric(
            "cider_d",
            "CIDEr-D",
            "tf-idf cosine of n-grams",
            (0, 10),
            (*_OVERLAP, "all references"),
            "Vedantam et al. 2015",
            functions.cider_d,
            _cider,
        ),
        _metric(
            "length_tokens",
            "length",
            "tokens of the caption",
            (0, math.inf),
            ("model",),
            "sentinel",
            functions.length_tokens,
            better="neither",
        ),
        _metric(
            "unit_count",
            "units",
            "detail units of the caption",
            (1, math.inf),
            (),
            "sentinel",
            functions.unit_count,
            _units,
            better="neither",
        ),
        _metric(
            "text_only",
            "text only",
            "SPECS against another image of the set",
            (0, 1),
            ("model", "all images"),
            "sentinel",
            functions.text_only,
            better="neither",
        ),
        _metric(
            "random",
            "random",
            "a number drawn for the id",
            (0, 1),
            (),
            "sentinel",
            functions.random,
            lambda inputs: _said(f"random, seed {inputs.seed}"),
            better="neither",
        ),
        _metric(
            "judge_fleur",
            "LLM judge (FLEUR)",
            "0 to 1, smoothed over the tokens' probabilities",
            (0, 1),
            ("image", "judge"),
            "Lee et al. 2024; our prompt",
            functions.judge_fleur,
            _judge("fleur"),
        ),
        _metric(
            "judge_clair",
            "LLM judge (CLAIR)",
            "0 to 1, with a reason",
            (0, 1),
            (*_OVERLAP, "judge"),
            "Chan et al. 2023; our prompt",
            functions.judge_clair,
            _judge("clair"),
        ),
    )
}

#: Names that stand for several metrics.
GROUPS = {
    "overlap": ("bleu_4", "chrf", "rouge_l", "meteor_stem", "cider_d"),
    "sentinels": ("length_tokens", "unit_count", "text_only", "random"),
}


def chosen(names: Iterable[str]) -> tuple[Metric, ...]:
    """Return metrics by their names, each once, in the order given.

    Args:
        names: Of `METRICS` or `GROUPS`.

    Raises:
        ConfigError: There is none of that name, or none at all.
    """
    found = [each for name in names for each in GROUPS.get(name, (name,))]
    for name in found:
        if name not in METRICS:
            known = ", ".join((*METRICS, *GROUPS))
            raise ConfigError(f"there is no metric {name!r}; known are {known}")
    if not found:
        raise ConfigError("name at least one metric with --metric; `specs metrics --list` shows them")
    return tuple(METRICS[name] for name in dict.fromkeys(found))
