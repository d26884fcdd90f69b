"""How each rater does against expected answers, and how fast.

Gold items are items with answers that are beyond dispute, mixed in with the others.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

from annotations.errors import InvalidScoresError
from annotations.long_form import Value, is_missing
from annotations.resampling import check_options

Expected = str | tuple[float, float]
"""A verdict to be given, or the lowest and the highest answer that will do on a scale."""


@dataclass(frozen=True)
class GoldAccuracy:
    """How many of the expected answers one rater gave.

    Attributes:
        value: n_met / n, in [0, 1]; NaN where the rater answered none.
        low: Lower end of the Wilson interval, or NaN.
        high: Upper end of the Wilson interval, or NaN.
        n: Expected answers that the rater answered.
        n_met: Those that were as expected.
        n_unanswered: Expected answers that the rater gave no answer to.
        note: Why the value is NaN; otherwise empty.
    """

    value: float
    low: float
    high: float
    n: int
    n_met: int
    n_unanswered: int
    note: str


@dataclass(frozen=True)
class Pace:
    """How long one rater takes for an item.

    Attributes:
        median_seconds: At least 0; NaN without any time.
        n: Ratings with a time.
    """

    median_seconds: float
    n: int


def meets(answer: str | float, expected: Expected) -> bool:
    """Tell whether an answer is as expected.

    Args:
        answer: A verdict, or a number on a scale.
        expected: The verdict that it must equal, or the range, ends included, that it must lie in.

    Returns:
        Whether it is.

    Raises:
        InvalidScoresError: If one is a verdict and the other is about a scale, or the range is empty.
    """
    if isinstance(expected, str) or isinstance(answer, str):
        if isinstance(expected, str) and isinstance(answer, str):
            return answer == expected
        raise InvalidScoresError(
            f"the answer {answer!r} cannot be held against {expected!r}: one is a verdict, the other a number"
        )
    low, high = expected
    if not low <= high:
        raise InvalidScoresError(f"no answer lies between {low} and {high}; give the lower end first")
    return low <= answer <= high


def gold_accuracy(
    raters: Sequence[Hashable],
    answers: Sequence[Value],
    expected: Sequence[Expected],
    *,
    confidence: float = 0.95,
) -> dict[Hashable, GoldAccuracy]:
    """Count for each rater how many expected answers were given.

    Args:
        raters: (N,) who answered.
        answers: (N,) a verdict or a number; None and NaN are no answer, which is counted apart.
        expected: (N,) what the answer should have been, as for `meets`.
        confidence: Of the Wilson intervals, between 0 and 1.

    Returns:
        The accuracy of each rater, in the order in which they first come.

    Raises:
        InvalidScoresError: If the lengths differ, an answer and its expected answer are of different kinds,
            or the confidence is out of range.

    Source:
        ours: docs/ratings.md, Agreement between raters.
    """
    if not len(raters) == len(answers) == len(expected):
        raise InvalidScoresError(
            f"there are {len(raters)} raters, {len(answers)} answers and {len(expected)} expected answers; "
            f"they must be as many"
        )
    check_options(0, confidence)
    counts: dict[Hashable, list[int]] = {}
    for rater, answer, wanted in zip(raters, answers, expected, strict=True):
        of_rater = counts.setdefault(rater, [0, 0, 0])  # as expected, otherwise, unanswered
        of_rater[2 if answer is None or is_missing(answer) else int(not meets(answer, wanted))] += 1
    result: dict[Hashable, GoldAccuracy] = {}
    for rater, (n_met, n_missed, n_unanswered) in counts.items():
        n = n_met + n_missed
        low, high = wilson_interval(n_met, n, confidence=confidence)
        note = "" if n else f"none of the {n_unanswered} expected answers was given an answer"
        value = n_met / n if n else math.nan
        result[rater] = GoldAccuracy(value, low, high, n, n_met, n_unanswered, note)
    return result


def wilson_interval(n_met: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Compute Wilson's score interval of a share.

    Args:
        n_met: How many of them, from 0 to n.
        n: Of how many independent ones.
        confidence: Between 0 and 1.

    Returns:
        Low and high, in [0, 1]; both NaN where n is 0.

    Raises:
        InvalidScoresError: If the counts are impossible or the confidence is out of range.

    Source:
        Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    check_options(0, confidence)
    if not 0 <= n_met <= n:
        raise InvalidScoresError(f"{n_met} of {n} is no share")
    if n == 0:
        return math.nan, math.nan
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (n_met + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(n_met * (n - n_met) / n + z * z / 4)
    # At either end the interval ends there exactly; rounding must not lead past it.
    return (0.0 if n_met == 0 else max(0.0, centre - half)), (1.0 if n_met == n else min(1.0, centre + half))


def median_pace(raters: Sequence[Hashable], seconds: Sequence[float | None]) -> dict[Hashable, Pace]:
    """Compute each rater's median time for an item; breaks do not move a median much.

    Args:
        raters: (N,) who rated.
        seconds: (N,) from opening the item to submitting it; None and NaN are unknown and left out.

    Returns:
        The pace of each rater, in the order in which they first come.

    Raises:
        InvalidScoresError: If the lengths differ, or a time is negative or infinite.
    """
    if len(raters) != len(seconds):
        raise InvalidScoresError(
            f"there are {len(raters)} raters and {len(seconds)} times; they must be as many"
        )
    times: dict[Hashable, list[float]] = {}
    for rater, time in zip(raters, seconds, strict=True):
        of_rater = times.setdefault(rater, [])
        if time is None or math.isnan(time):
            continue
        if not 0 <= time < math.inf:
            raise InvalidScoresError(f"rater {rater!r} took {time} seconds; a time is at least 0 and finite")
        of_rater.append(time)
    return {
        rater: Pace(float(median(known)) if known else math.nan, len(known)) for rater, known in times.items()
    }
