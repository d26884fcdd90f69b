"""What a reader of the correlations has to know, in plain sentences."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from annotations.analysis.correlation_rows import MetricRow, merit
from annotations.analysis.metric_names import metric_name
from annotations.analysis.table import SENTINELS
from annotations.correlation_levels import FEW_GROUPS, INVERSE_NOTE, SYSTEM_LEVELS
from annotations.known_systems import told_of_unknown
from annotations.level_values import too_few

if TYPE_CHECKING:
    from annotations.analysis.correlations import Correlations


def notices(part: "Correlations") -> tuple[str, ...]:
    """Say what has to be known before the figures are trusted.

    Args:
        part: The figures.

    Returns:
        Sentences; none where there is nothing to say.
    """
    return tuple(
        sentence
        for found in (
            _data(part),
            _without_value(part),
            _spanning_zero(part),
            _constant_groups(part),
            _sentinels(part),
            _tests(part),
            _weights(part),
        )
        for sentence in found
    )


def _data(part: "Correlations") -> list[str]:
    counted = part.counted
    found = []
    if not part.rows:
        found.append("No metric has scores here: import a file of scores, or let the captions be scored.")
    if few := too_few(counted.n_images):
        found.append(f"{few}.")
    on_few = [row.chosen for row in part.rows if row.chosen.n_groups < FEW_GROUPS]
    if part.level in SYSTEM_LEVELS and on_few:
        n = max(value.n_groups for value in on_few)
        found.append(
            f"{n} systems are few: a value of the level {part.level} rests on so many "
            f"{'points' if part.level == 'between_systems' else 'coefficients'}, and its interval takes the "
            f"systems as given and draws images only."
        )
    missing = [row for row in part.rows if row.n_missing]
    if missing:
        found.append(
            f"Items without a score are left out of that metric's figures, out of {counted.n_items:,}: "
            + ", ".join(f"{metric_name(row.name)} {row.n_missing:,}" for row in missing)
            + "."
        )
    if 0 < counted.n_without_system < counted.n_items or (
        part.level in SYSTEM_LEVELS and counted.n_without_system
    ):
        found.append(f"{told_of_unknown(counted.n_without_system, counted.n_items)}.")
    if counted.knows_blind and counted.n_blind < counted.n_ratings:
        found.append(
            f"{counted.n_ratings - counted.n_blind:,} of {counted.n_ratings:,} ratings were given after the "
            f"rater had seen the metric; the choice can leave them out."
        )
    return found


def _without_value(part: "Correlations") -> list[str]:
    found = [
        f"{metric_name(row.name)} has no {part.coefficient} ({part.level}): "
        f"{row.chosen.note.removeprefix(f'{INVERSE_NOTE}; ')}."
        for row in part.rows
        if math.isnan(row.chosen.value)
    ]
    ceiling = part.ceiling.statistic
    if math.isnan(ceiling.value):
        found.append(f"There is no human ceiling: {ceiling.note}.")
    return found


def _spanning_zero(part: "Correlations") -> list[str]:
    if part.coefficient == "inverse_r_squared":
        return _of_inverse(part)
    spanning = [row for row in part.rows if not row.sentinel and row.chosen.low <= 0 <= row.chosen.high]
    if not spanning:
        return []
    return [
        f"The interval of {part.coefficient} ({part.level}) spans zero for {_named(spanning)}: the "
        f"data do not show that it agrees with people at all."
    ]


def _of_inverse(part: "Correlations") -> list[str]:
    """Say what a square hides: an interval of pearson_r that spans zero, and its sign."""
    rows = [row for row in part.rows if not row.sentinel]
    # Of an interval that spans zero only the upper end is missing.
    open_ended = [row for row in rows if row.chosen.low > 0 and math.isnan(row.chosen.high)]
    against = [row for row in rows if _pearson(row) < 0]
    found = []
    if open_ended:
        found.append(
            f"The interval of pearson_r spans zero for {_named(open_ended)}: the data do not show that it "
            f"agrees with people at all."
        )
    if against:
        found.append(
            f"inverse_r_squared does not tell the sign: pearson_r is below 0 for {_named(against)}, which "
            f"goes against people however small the value is."
        )
    return found


def _pearson(row: MetricRow) -> float:
    found = row.values.get("pearson_r", {}).get("pooled")
    return math.nan if found is None else found.value


def _constant_groups(part: "Correlations") -> list[str]:
    """Show both policies where groups have no value."""
    level = part.level.removesuffix("_zero")
    of = {"per_image": "images", "per_system": "systems"}.get(level)
    if of is None:
        return []
    parts = []
    for row in part.rows:
        values = row.values.get(part.coefficient, {})
        dropped, zero = values.get(level), values.get(f"{level}_zero")
        if dropped is not None and zero is not None and dropped.n_undefined:
            parts.append(
                f"{metric_name(row.name)} {dropped.n_undefined:,} of "
                f"{dropped.n_undefined + dropped.n_groups:,}, {_figure(dropped.value)} or "
                f"{_figure(zero.value)}"
            )
    if not parts:
        return []
    return [
        f"Some {of} have no {part.coefficient} because people's answers or the metric's scores are all equal "
        f"in them. How many, and the mean with them dropped or counted as 0: {'; '.join(parts)}."
    ]


def _sentinels(part: "Correlations") -> list[str]:
    found = []
    absent = [f"“{metric_name(name)}”" for name in SENTINELS if name not in {row.name for row in part.rows}]
    if absent and part.rows:
        found.append(f"There are no scores of the sentinels {', '.join(absent)} to compare with.")
    known = [row for row in part.rows if not math.isnan(row.chosen.value)]

    def reached(row: MetricRow) -> float:
        return merit(row.chosen.value, part.coefficient)

    best = max((row for row in known if row.sentinel), key=reached, default=None)
    if best is not None:
        below = [row for row in known if not row.sentinel and reached(row) <= reached(best)]
        if below:
            verb = "is" if len(below) == 1 else "are"
            found.append(
                f"The sentinel “{metric_name(best.name)}”, which means nothing by itself, reaches "
                f"{_figure(best.chosen.value)}: {_listed(below)} {verb} not above it."
            )
    return found


def _tests(part: "Correlations") -> list[str]:
    found = []
    if part.no_ranking and not part.quick:
        found.append(f"Metrics are not put in clusters: {part.no_ranking}.")
    ranking = part.ranking
    if ranking is not None:
        if ranking.n_items < part.counted.n_items:
            found.append(
                f"Clusters compare the metrics on the {ranking.n_items:,} of {part.counted.n_items:,} items "
                f"that all of them have scored, so they may stand in another order than the table."
            )
        left = [
            row
            for row in part.rows
            if not row.sentinel and row.name not in ranking.values and not math.isnan(row.chosen.value)
        ]
        if left:
            found.append(f"Not compared, because fewer than half of the items have a score: {_named(left)}.")
        if part.coefficient == "inverse_r_squared":
            found.append("Clusters compare pearson_r, which inverse_r_squared is made of.")
        if part.level == "per_image_zero":
            found.append("Clusters compare means in which images without a value are dropped.")
    return found


def _weights(part: "Correlations") -> list[str]:
    if part.effective_n is None:
        return []
    return [
        f"Items were drawn with unequal chances. {part.weighted_coefficient} with weights stands for the "
        f"whole pool; it says as much as {part.effective_n:,.0f} items of equal weight. The other values are "
        f"not weighted and stand for the drawn items only."
    ]


def _named(rows: Sequence[MetricRow]) -> str:
    return ", ".join(metric_name(row.name) for row in rows)


def _listed(rows: Sequence[MetricRow]) -> str:
    return ", ".join(f"{metric_name(row.name)} ({_figure(row.chosen.value)})" for row in rows)


def _figure(value: float) -> str:
    return "no value" if math.isnan(value) else f"{value:.3f}"
