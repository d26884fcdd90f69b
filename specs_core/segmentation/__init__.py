"""Cut captions into detail units, the steps of the SPECS curve.

`dependency` (ours, the default) reads a dependency parse; `grammar` is the paper's chunk grammar over Penn
tags. `sentences` is coarser and `word_groups` finer than either. All run on the spaCy pipeline that ships in
this package, so nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from specs_core.errors import CaptionError, ConfigError
from specs_core.segmentation.units import DetailUnit

__all__ = ["SEGMENTERS", "DetailUnit", "segment", "segment_many", "segmenter_version"]

SEGMENTERS = ("dependency", "grammar", "sentences", "word_groups")  # each is a module of this package

_READ_TREES = ("dependency", "word_groups")


def segment(
    caption: str, *, segmenter: str = "dependency", pipeline: str | None = None
) -> tuple[DetailUnit, ...]:
    """Cut one caption into detail units.

    Args:
        caption: the caption; any Unicode text.
        segmenter: one of `SEGMENTERS`.
        pipeline: name or path of another spaCy pipeline with a tagger and a parser, such as
            `en_core_web_sm`; without it `$SPECS_PIPELINE`, and without that the shipped one.

    Returns:
        The units in order. Their texts joined are the caption, exactly.

    Raises:
        CaptionError: the caption is empty or white space only.
        ConfigError: the segmenter is unknown, or the pipeline cannot be loaded.

    Source: ours: docs/units.md.
    """
    return next(segment_many([caption], segmenter=segmenter, pipeline=pipeline))


def segment_many(
    captions: Iterable[str],
    *,
    segmenter: str = "dependency",
    batch_size: int = 64,
    pipeline: str | None = None,
    processes: int = 1,
) -> Iterator[tuple[DetailUnit, ...]]:
    """Cut many captions into detail units, in batches.

    Args:
        captions: captions; any Unicode text.
        segmenter: one of `SEGMENTERS`.
        batch_size: captions that go through the pipeline together; it moves the speed, not the units.
        pipeline: as in `segment`.
        processes: how many processes share the work; they move the speed, not the units or their order. A
            script that asks for more than one starts under `if __name__ == "__main__":`.

    Yields:
        The units of each caption, in the order of the captions.

    Raises:
        CaptionError: a caption is empty or white space only.
        ConfigError: the segmenter is unknown, the pipeline cannot be loaded, there is less than one process,
            or one was killed.

    Source: ours: docs/units.md.
    """
    _check(segmenter)
    if processes < 1:
        raise ConfigError(f"{processes} processes cannot cut captions: give 1 or more")
    if processes > 1:
        from specs_core.segmentation.workers import cut_in_processes

        yield from cut_in_processes(
            _checked(captions),
            segmenter=segmenter,
            batch_size=batch_size,
            pipeline=pipeline,
            processes=processes,
        )
        return
    from specs_core.segmentation.parsing import parse_many
    from specs_core.segmentation.units import cut_at

    rules = _rules(segmenter)
    parsed = parse_many(
        _checked(captions), trees=segmenter in _READ_TREES, batch_size=batch_size, pipeline=pipeline
    )
    for caption in parsed:
        yield cut_at(caption.text, caption.offsets(rules.unit_starts(caption.doc)))


def segmenter_version(segmenter: str, *, pipeline: str | None = None) -> str:
    """Name a segmenter with the versions of its rules and of its pipeline, as stored beside ratings.

    Args:
        segmenter: one of `SEGMENTERS`.
        pipeline: as in `segment`.

    Returns:
        Such as `dependency-2+specs_ewt-1.0.0`. Units may differ wherever this differs.

    Raises:
        ConfigError: the segmenter is unknown, or the pipeline cannot be loaded.
    """
    _check(segmenter)
    from specs_core.segmentation.parsing import pipeline_version

    return f"{segmenter}-{_rules(segmenter).RULES_VERSION}+{pipeline_version(pipeline)}"


def _rules(segmenter: str) -> Any:
    """Return the module with the segmenter's `unit_starts` and `RULES_VERSION`."""
    return import_module(f"specs_core.segmentation.{segmenter}")


def _check(segmenter: str) -> None:
    if segmenter not in SEGMENTERS:
        raise ConfigError(f"unknown segmenter {segmenter!r}: choose one of {', '.join(SEGMENTERS)}")


def _checked(captions: Iterable[str]) -> Iterator[str]:
    for index, caption in enumerate(captions):
        if not caption or caption.isspace():
            raise CaptionError(f"caption {index} is empty: write at least one word")
        yield caption
