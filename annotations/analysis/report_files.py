"""The report as files: the page, every number as JSON, and the points as CSV."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np

from annotations.analysis.report import Origin, Report, ReportOptions, analysis_report
from annotations.analysis.report_page import report_page, warnings
from annotations.analysis.table import AnalysisTable, BattleTable, UnitTable
from annotations.analysis.thinning import linear_fit
from annotations.resampling import Floats
from annotations.spreadsheet import guarded

KIND: Final = "specs-lens analysis report"
FORMAT: Final = 1
"""Grows when a key of the JSON file comes to mean something else."""


@dataclass(frozen=True)
class ReportTexts:
    """The three files of a report.

    Attributes:
        html: The page.
        json: Every number of it, with null for NaN.
        csv: The captions with their scores and the means of their answers.
    """

    html: str
    json: str
    csv: str


def make_report(
    table: AnalysisTable,
    units: UnitTable,
    battles: BattleTable,
    *,
    question: str | None = None,
    origin: Origin,
    options: ReportOptions,
    tell: Callable[[str], None] = lambda step: None,
) -> ReportTexts:
    """Compute a report and return its three files; the command and the page both call this.

    Args:
        table: As for `report.analysis_report`.
        units: Likewise.
        battles: Likewise.
        question: Likewise.
        origin: Likewise.
        options: Likewise.
        tell: Likewise; "page" is the last step.

    Raises:
        InvalidScoresError: As `report.analysis_report` raises it.
    """
    report = analysis_report(
        table, units, battles, question=question, origin=origin, options=options, tell=tell
    )
    tell("page")
    return report_texts(report)


def report_texts(report: Report) -> ReportTexts:
    """Return the three files of a report.

    Args:
        report: Computed.
    """
    return ReportTexts(report_page(report), report_json(report), points_csv(report))


def report_json(report: Report) -> str:
    """Return every number of a report as JSON, with null where there is none."""
    record = {"kind": KIND, "format": FORMAT, **report_record(report)}
    return json.dumps(record, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def report_record(report: Report) -> dict[str, Any]:
    """Return every number of a report as plain data."""
    of = report.table
    record: dict[str, Any] = plain(
        {
            "made_at": report.made_at.isoformat(timespec="seconds"),
            "seconds": report.seconds,
            "source": report.origin.source,
            "choice": report.origin.choice,
            "question": report.question,
            "metric": report.metric,
            "options": report.options,
            "warnings": warnings(report),
            "data": {
                "n_items": len(of),
                "n_images": len(set(of.images)),
                "n_systems": len(set(of.systems) - {""}),
                "n_raters": len(of.raters) if report.table.knows_raters else None,
                "n_ratings": of.n_ratings,
                "n_blind": of.n_blind if report.origin.knows_blind else None,
                "left_out": of.left_out,
                "questions": {
                    name: {"low": given.low, "high": given.high, "n_answers": len(given.value)}
                    for name, given in of.answers.items()
                },
            },
            "provenance": {
                "model": of.model,
                "metrics": of.provenance,
                "settings": report.settings,
                "versions": report.versions,
                "system": report.system,
            },
            "correlations": report.correlations,
            "fit": _fit(report),
            "lengths": report.lengths,
            "people": report.people,
            "dips": report.dips,
            "calibration": report.calibration,
            "battles": report.battles,
        }
    )
    return record


def points_csv(report: Report) -> str:
    """Return the captions as CSV, a row each, with what the figures are computed from.

    Raters are not in it. Text that a spreadsheet would run as a formula has an apostrophe in front.
    """
    return table_csv(report.table)


def table_csv(of: AnalysisTable) -> str:
    """Return the captions of a table as `points_csv` does, without computing a report."""
    answers = {name: _answer_columns(of, name) for name in of.answers}
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(
        guarded(name)
        for name in (
            *("row", "item", "image", "campaign", "system", "caption", "tokens", "weight"),
            *(f"{what}_{name}" for name in answers for what in ("human", "answers")),
            *of.metrics,
        )
    )
    for row in range(len(of)):
        cells = (
            row,
            *map(guarded, (of.items[row], of.images[row], of.campaigns[row], of.systems[row])),
            guarded(of.captions[row]),
            # No number is guarded: one below 0 would be text to whoever reads the file.
            _cell(of.lengths[row]),
            _cell(of.weights[row]),
            *(_cell(column[row]) for columns in answers.values() for column in columns),
            *(_cell(scores[row]) for scores in of.metrics.values()),
        )
        writer.writerow(cells)
    # Half characters cannot be written to a file.
    return buffer.getvalue().encode("utf-8", "replace").decode("utf-8")


def plain(value: Any) -> Any:
    """Turn results into what JSON can hold.

    Args:
        value: Dataclasses, mappings, sequences, arrays, numbers and text.

    Returns:
        The same with dataclasses as objects, arrays as lists, and None for NaN and infinity.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        # Half characters cannot be written to a file.
        return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
    return str(value)


def _key(key: object) -> str:
    return " | ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _fit(report: Report) -> dict[str, Any] | None:
    if report.drawn is None:
        return None
    human, metric = report.table.human(report.question), report.table.metrics[report.metric]
    known = ~(np.isnan(human) | np.isnan(metric))
    slope, intercept = linear_fit(human[known], metric[known])
    return {
        "metric": report.metric,
        "question": report.question,
        "slope": slope,
        "intercept": intercept,
        "n": report.drawn.n,
        "n_missing": report.drawn.n_missing,
        "n_drawn": len(report.drawn.rows),
    }


def _answer_columns(of: AnalysisTable, name: str) -> tuple[Floats, Floats]:
    counted = np.bincount(of.answers[name].item, minlength=len(of))
    return of.human(name), counted.astype(np.float64)


def _cell(value: float) -> object:
    if math.isnan(value):
        return ""
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
