"""Fill the table of an analysis from a CSV file, a row an item or a rating; no database is needed."""

import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from annotations.analysis.chosen_ratings import Flags
from annotations.analysis.metric_columns import RANDOM, random_score
from annotations.analysis.table import SENTINELS, AnalysisTable, Answers, Provenance
from annotations.correlation_report import Scores, average_items
from annotations.csv_columns import Columns, read_columns
from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats, numbered

NOBODY: Final = "somebody"
"""Name of the one rater of a file that does not say who rated."""

_NO_SCALES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType({})


def read_csv_table(
    path: Path,
    *,
    human: str | Sequence[str],
    metrics: Sequence[str],
    group: str,
    item: str | None = None,
    rater: str | None = None,
    system: str | None = None,
    length: str | None = None,
    caption: str | None = None,
    scales: Mapping[str, tuple[float, float]] = _NO_SCALES,
) -> AnalysisTable:
    """Read the columns of a CSV file as the table of an analysis.

    An empty cell or the word nan is a missing score. Scores and lengths of the rows of one item are averaged,
    what is missing passed over. Without a column of raters an item has one answer, the mean of its rows'.

    Args:
        path: The file, in UTF-8, with a heading.
        human: Columns of people's answers, a question each.
        metrics: Columns of scores.
        group: Column of the image of each row.
        item: Column of the item of each row; None where each row is an item, which then has the number of its
            line for an id.
        rater: Column of who rated.
        system: Column of what wrote each caption; an empty cell is an unknown one.
        length: Column of the captions' lengths in tokens; it is the metric ``length_tokens`` as well, unless
            `metrics` names one.
        caption: Column of the captions.
        scales: Lowest and highest answer that a question allows, by its column; what was seen where none is
            named.

    Returns:
        The table. Items without any answer are left out and counted. No file says whether a rating was given
        before the metric had been seen, so `n_blind` is 0 and `knows_blind` is false.

    Raises:
        InvalidScoresError: If a column is missing, named twice or without any number, a cell is no number, an
            answer is outside its scale, the rows of an item differ in image, system or caption, or a rater
            has rated an item twice.
        OSError: If the file cannot be read.
    """
    asked = [human] if isinstance(human, str) else list(human)
    if not asked:
        raise InvalidScoresError("name at least one column of people's scores")
    numeric = [*asked, *metrics]
    for name in numeric:
        if numeric.count(name) > 1:
            raise InvalidScoresError(f"the column {name!r} is named more than once; once is enough")
    others = [name for name in (group, item, rater, system, length, caption) if name]
    columns = read_columns(path, [*numeric, *others])
    values = {name: _numbers(columns, name) for name in numeric}
    _check_scales(columns, asked, values, scales)
    item_names = columns.texts(item) if item else [str(line) for line in columns.lines]
    item_of_row, ids = numbered(item_names)
    means = average_items(
        Scores(
            human=values[asked[0]],
            metrics=values,
            groups=columns.texts(group),
            systems=None,  # some may be unknown
            lengths=np.array(columns.numbers(length)) if length else None,
            n_rows=len(item_names),
        ),
        item_names,
    )
    captions = _texts(columns, caption, item_of_row, ids, "caption", "each caption")
    systems = _texts(columns, system, item_of_row, ids, "system", "the caption of each system")
    if rater:
        is_answer = np.any([~np.isnan(values[name]) for name in asked], axis=0)
        item_of_answer, given = item_of_row[is_answer], {name: values[name][is_answer] for name in asked}
        who = [
            name for name, answered in zip(columns.texts(rater), is_answer.tolist(), strict=True) if answered
        ]
        _refuse_second_rating(columns, is_answer, item_of_answer, who, ids)
    else:
        is_answer = np.any([~np.isnan(means.metrics[name]) for name in asked], axis=0)
        item_of_answer = np.flatnonzero(is_answer)
        given = {name: means.metrics[name][is_answer] for name in asked}
        who = [NOBODY] * len(item_of_answer)
    rater_of_answer, raters = numbered(who)

    numbers = np.unique(item_of_answer)  # the items that stay
    place = np.full(len(ids), -1, dtype=np.int64)
    place[numbers] = np.arange(len(numbers))
    names = [str(ids[number]) for number in numbers.tolist()]
    lengths = np.full(len(ids), math.nan) if means.lengths is None else means.lengths
    found = {name: means.metrics[name][numbers] for name in metrics}
    provenance = {name: Provenance("", "") for name in metrics}
    if length and "length_tokens" not in found:
        found["length_tokens"] = lengths[numbers]
        provenance["length_tokens"] = Provenance(f"the column {length!r}", "")
    if "random" not in found:
        found["random"] = np.array([random_score(name) for name in names])
        provenance["random"] = RANDOM
    present = sorted(
        (name for name, scores in found.items() if not np.isnan(scores).all()),
        key=lambda name: SENTINELS.index(name) if name in SENTINELS else -1,
    )
    n_without = len(ids) - len(numbers)

    def some(texts: Sequence[Hashable]) -> tuple[str, ...]:
        return tuple([str(texts[number]) for number in numbers.tolist()])

    return AnalysisTable(
        items=tuple(names),
        images=some(means.groups),
        captions=some(captions),
        systems=some(systems),
        campaigns=("",) * len(numbers),
        lengths=lengths[numbers],
        weights=np.ones(len(numbers)),
        metrics={name: found[name] for name in present},
        provenance={name: provenance[name] for name in present},
        raters=tuple(map(str, raters)),
        names=tuple(map(str, raters)),
        answers={
            name: _answers(
                given[name], place[item_of_answer], rater_of_answer, scales.get(name), values[name]
            )
            for name in asked
        },
        n_ratings=len(who),
        n_blind=0,
        models=(),
        model=None,
        left_out={"items without an answer": n_without} if n_without else {},
        knows_blind=False,
        knows_raters=bool(rater),
    )


def _numbers(columns: Columns, name: str) -> Floats:
    values = np.array(columns.numbers(name), dtype=np.float64)
    if np.isnan(values).all():
        raise InvalidScoresError(
            f"the column {name!r} of {columns.path} holds no number; there is nothing to compute"
        )
    return values


def _check_scales(
    columns: Columns,
    asked: Sequence[str],
    values: Mapping[str, Floats],
    scales: Mapping[str, tuple[float, float]],
) -> None:
    for name, (low, high) in scales.items():
        if name not in asked:
            raise InvalidScoresError(
                f"a scale is named for {name!r}, which is none of the columns of people's scores: "
                f"{', '.join(asked)}"
            )
        fits = [not (value < low or value > high) for value in values[name].tolist()]
        columns.check(name, fits, f"from {low:g} to {high:g}, the scale that was named, or empty")


def _texts(
    columns: Columns, name: str | None, item_of_row: Counts, ids: list[Hashable], what: str, each: str
) -> list[str]:
    """Return a text of each item, the first that is filled in; "" where none is."""
    found = [""] * len(ids)
    if name is None:
        return found
    texts = columns.texts(name, may_be_empty=True)
    for number, text, line in zip(item_of_row.tolist(), texts, columns.lines, strict=True):
        if text and found[number] not in ("", text):
            raise InvalidScoresError(
                f"{columns.path}, line {line}: item {ids[number]!r} has another {what} than above; give "
                f"{each} a name of its own"
            )
        found[number] = found[number] or text
    return found


def _refuse_second_rating(
    columns: Columns, is_answer: Flags, item_of_answer: Counts, who: Sequence[str], ids: list[Hashable]
) -> None:
    lines = [line for line, answered in zip(columns.lines, is_answer.tolist(), strict=True) if answered]
    first: dict[tuple[int, str], int] = {}
    for number, name, line in zip(item_of_answer.tolist(), who, lines, strict=True):
        before = first.setdefault((number, name), line)
        if before != line:
            raise InvalidScoresError(
                f"{columns.path}, lines {before} and {line}: {name!r} has rated item {ids[number]!r} twice; "
                f"keep the rating that counts"
            )


def _answers(
    given: Floats, item: Counts, rater: Counts, scale: tuple[float, float] | None, seen: Floats
) -> Answers:
    present = ~np.isnan(given)
    low, high = scale or (float(np.nanmin(seen)), float(np.nanmax(seen)))
    return Answers(low, high, item[present], rater[present], given[present])
