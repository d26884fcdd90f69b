"""A table of scores of a data set: one row for each item and metric, as JSON Lines or CSV.

A run that was stopped goes on where it was; memory grows with the ids, the images' names and, for CIDEr-D,
the references' n-grams, not with the rows.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from specs_core.baselines.sentinels import ImageCircle
from specs_core.baselines.text_overlap import WORDNET_VARIABLE, read_wordnet
from specs_core.batch import CHUNK, Message, RememberedImages, Row, read_rows
from specs_core.curve import DEFAULT_SEGMENTER, number_or_none
from specs_core.errors import ConfigError, DataError
from specs_core.journal import Journal
from specs_core.metrics.inputs import Chunk, Inputs, Value
from specs_core.metrics.survey import Survey, survey
from specs_core.metrics.table import Metric, Version, chosen

if TYPE_CHECKING:
    from specs_core.encoder import Encoder
    from specs_core.judge import Judge

COLUMNS = ("id", "metric", "score", "model", "model_sha256", "note")
FORMATS = (".jsonl", ".csv")

# Spreadsheets take a cell that begins like this for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class ScoresReport:
    """How a run went.

    Attributes:
        rows: Rows scored, those of an earlier run that was stopped included.
        kept: How many of them an earlier run had scored.
        left_out: Lines that are no rows, or have the id of an earlier one.
        unscored: Metric -> rows without a score.
    """

    rows: int
    kept: int
    left_out: int
    unscored: dict[str, int]


def write_metric_scores(
    source: Path,
    target: Path,
    names: Sequence[str],
    *,
    encoder: Encoder | None = None,
    judge: Judge | None = None,
    wordnet: Path | None = None,
    segmenter: str = DEFAULT_SEGMENTER,
    seed: int = 0,
    on_message: Callable[[Message], None] | None = None,
    on_row: Callable[[], None] | None = None,
) -> ScoresReport:
    """Score every row under every metric: `id`, `metric`, `score`, `model`, `model_sha256` and `note`.

    A score that cannot be computed is null (an empty cell), and the note says why.

    Args:
        source: JSON Lines with `id`, `image`, `caption` and, for the metrics that need them, `references`.
        target: A .jsonl or .csv to write; it appears when all is done.
        names: Of `specs_core.metrics.table.METRICS` or `GROUPS`.
        encoder: A loaded model, for the metrics that need one.
        judge: For the metrics that need one.
        wordnet: Folder of WordNet, for METEOR.
        segmenter: Cuts captions for the number of units, and those beyond the model's context.
        seed: Of the sentinels.
        on_message: Told of every row that is left out or not scored whole.
        on_row: Called after each row, and once for each that a stopped run had done.

    Returns:
        How it went.

    Raises:
        ConfigError: No such metric, or something that a metric needs is missing.
        DataError: The input cannot be read, the output cannot be written, or a stopped run had other
            settings.
        JudgeError: The judge does not answer; what was scored before is kept, and another run goes on there.

    Source: ours: docs/metrics.md, "Metrics side by side".
    """
    metrics = chosen(names)
    if target.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"{target} ends in neither {' nor '.join(FORMATS)}; name the output so that it does"
        )
    if source.resolve() == target.resolve():
        raise DataError(f"{target} is the input as well; name another file for the output")
    needs = {need for metric in metrics for need in metric.needs}
    found = survey(source, count_ngrams="all references" in needs)
    _check(metrics, found, source, encoder, judge, wordnet)
    inputs = Inputs(
        encoder=encoder,
        images=None if encoder is None else RememberedImages(encoder),
        segmenter=segmenter,
        seed=seed,
        frequencies=found.frequencies,
        circle=_circle(found, source, seed) if "all images" in needs else None,
        wordnet=None if wordnet is None or "WordNet" not in needs else read_wordnet(wordnet),
        judge=judge,
    )
    versions = {metric.name: metric.version(inputs) for metric in metrics}
    settings = {
        "source_sha256": found.sha256,
        "metrics": [[name, version.model, version.sha256] for name, version in versions.items()],
        "segmenter": segmenter,
        "seed": seed,
    }
    write = _Writer(target, versions, found, on_message)
    try:
        with Journal(target.with_name(f"{target.name}.progress"), {"scores": target}, settings) as journal:
            kept = journal.counts["rows"]
            if journal.entries == 0 and target.suffix.lower() == ".csv":
                journal.write("scores", _csv_line(COLUMNS), count_as="header")
            entries = read_rows(source, references=True)
            for _ in islice(entries, journal.entries):
                if on_row is not None:
                    on_row()
            while chunk := list(islice(entries, CHUNK)):
                rows = list(write.rows(chunk, journal))
                if rows:
                    write.scores(Chunk(rows, inputs), metrics, journal)
                journal.entries += len(chunk)
                journal.save()
                for _ in chunk:
                    if on_row is not None:
                        on_row()
            journal.finish()
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from error
    counts = journal.counts
    unscored = {name: counts[f"unscored {name}"] for name in versions if counts[f"unscored {name}"]}
    return ScoresReport(counts["rows"], kept, counts["left out"], unscored)


def _check(
    metrics: Sequence[Metric],
    found: Survey,
    source: Path,
    encoder: Encoder | None,
    judge: Judge | None,
    wordnet: Path | None,
) -> None:
    """Refuse a run that lacks what a metric needs, before anything is scored."""
    for metric in metrics:
        if "references" in metric.needs and not found.with_references:
            raise ConfigError(
                f"metric {metric.name} needs references, and none of the {found.rows} rows of {source} has "
                f"any: add `references`, a list of captions of the same image"
            )
        if "model" in metric.needs and encoder is None:
            raise ConfigError(f"metric {metric.name} needs a model; name it with --model")
        if metric.name == "f_clip_score" and encoder is not None and not encoder.one_pass:
            raise ConfigError(
                f"metric f_clip_score needs a causal text tower; that of {encoder.checkpoint.label} is not"
            )
        if "WordNet" in metric.needs and wordnet is None:
            raise ConfigError(
                f"metric {metric.name} needs WordNet: name its folder with {WORDNET_VARIABLE}, or take "
                f"meteor_stem, which matches words and stems only"
            )
        if "judge" in metric.needs and judge is None:
            raise ConfigError(
                f"metric {metric.name} needs a judge: set SPECS_JUDGE_URL and SPECS_JUDGE_MODEL (and "
                f"SPECS_JUDGE_KEY where the endpoint asks for one)"
            )


def _circle(found: Survey, source: Path, seed: int) -> ImageCircle:
    return ImageCircle(found.images, folder=source.parent, seed=seed)


class _Writer:
    """Writes the lines of chunks, and tells of what is left out."""

    def __init__(
        self,
        target: Path,
        versions: dict[str, Version],
        found: Survey,
        on_message: Callable[[Message], None] | None,
    ) -> None:
        self._line = _csv_line if target.suffix.lower() == ".csv" else _json_line
        self._versions = versions
        self._doubled = found.doubled
        self._tell = on_message or (lambda message: None)

    def rows(self, chunk: Sequence[Row | Message], journal: Journal) -> Iterator[Row]:
        """Yield the rows of a chunk; tell of the other entries."""
        for entry in chunk:
            problem = entry if isinstance(entry, Message) else None
            if isinstance(entry, Row) and entry.number in self._doubled:
                first = self._doubled[entry.number]
                problem = Message(entry.number, entry.id, f"line {first} has the same id; ids name one item")
            if problem is not None:
                journal.counts["left out"] += 1
                self._tell(problem)
            elif isinstance(entry, Row):
                yield entry

    def scores(self, chunk: Chunk, metrics: Sequence[Metric], journal: Journal) -> None:
        """Score a chunk and write it, row by row."""
        columns = [metric.compute(chunk) for metric in metrics]
        for place, row in enumerate(chunk.rows):
            said: Counter[str] = Counter()
            for metric, column in zip(metrics, columns, strict=True):
                value = column[place]
                self._write(row, metric, value, journal)
                said[value.note] += 1
            for note in filter(None, said):
                self._tell(Message(row.number, row.id, note, left_out=False))
            journal.counts["rows"] += 1

    def _write(self, row: Row, metric: Metric, value: Value, journal: Journal) -> None:
        version = self._versions[metric.name]
        if math.isnan(value.score):
            journal.counts[f"unscored {metric.name}"] += 1
        cells = (row.id, metric.name, number_or_none(value.score), version.model, version.sha256)
        journal.write("scores", self._line((*cells, value.note or value.reason or None)))


def _json_line(cells: Sequence[str | int | float | None]) -> str:
    return json.dumps(dict(zip(COLUMNS, cells, strict=True)), ensure_ascii=False, allow_nan=False)


def _csv_line(cells: Sequence[str | int | float | None]) -> str:
    text = io.StringIO()
    safe = [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in cells]
    csv.writer(text, lineterminator="").writerow(safe)
    return text.getvalue()
