"""Verdicts on one cut of a caption, read on another cut of it.

What a rater said of a piece of text may stand on another piece only where it follows for that piece, or where
both are the same unit with other ends. Everything else is stale: it stays where it was said. The reasons for
the rules: docs/ratings.md, "Verdicts after another cut".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from annotations.errors import InvalidRecordError
from annotations.revisions import Verdict

LEAST_OVERLAP: Final = 0.5
"""Half: of what two units cover together, or of one of them. More than that only one other unit can have."""


@dataclass(frozen=True)
class Mapping:
    """Verdicts on another cut.

    Attributes:
        verdicts: One for each unit of that cut: a verdict, or None where none of the old ones holds.
        stale: The old verdicts that stand nowhere in it, in order.
    """

    verdicts: tuple[str | None, ...]
    stale: tuple[Verdict, ...]


def map_verdicts(said: Sequence[Verdict], spans: Sequence[tuple[int, int]]) -> Mapping:
    """Read verdicts on another cut of the same caption.

    Of each new unit the first rule that applies decides:

    1. It holds a whole unit that is hallucinated: it is hallucinated.
    2. Every old unit that it overlaps is supported: it is supported.
    3. It is old units joined, each with a verdict and none hallucinated: it is unsure.
    4. It shares more than half of what both cover together with one old unit, holds no more than half of any
       other old one, and no other new unit lies for more than half in that old one: they are one unit with
       other ends, and its verdict stays.
    5. Nothing is known of it.

    An old verdict is stale if no new unit has it from there. Where nothing was said, nothing is stale.

    Args:
        said: What was said of each unit of the old cut, in order; its ``verdict`` is None where nothing was.
        spans: Start and end of each unit of the new cut, in order, offsets into the same caption.

    Returns:
        The verdicts on the new cut, and what is stale.

    Raises:
        InvalidRecordError: If the units of either cut are empty, overlap or are out of order.
    """
    old = [(verdict.start, verdict.end) for verdict in said]
    for cut in (old, spans):
        _check_order(cut)
    found: list[str | None] = []
    kept: set[int] = set()
    for span in spans:
        verdict, sources = _of_span(span, said, spans)
        found.append(verdict)
        kept.update(sources)
    stale = (one for number, one in enumerate(said) if one.verdict is not None and number not in kept)
    return Mapping(tuple(found), tuple(stale))


def _of_span(
    span: tuple[int, int], said: Sequence[Verdict], spans: Sequence[tuple[int, int]]
) -> tuple[str | None, list[int]]:
    """Return the verdict on one new unit, and the places of the old ones that it comes from."""
    start, end = span
    touched = [number for number, one in enumerate(said) if one.start < end and start < one.end]
    whole = [number for number in touched if start <= said[number].start and said[number].end <= end]

    def places(verdict: str, among: Sequence[int]) -> list[int]:
        return [number for number in among if said[number].verdict == verdict]

    if hallucinated := places("hallucinated", whole):
        return "hallucinated", hallucinated
    covered = sum(_shared(span, (said[number].start, said[number].end)) for number in touched)
    if covered == end - start and len(places("supported", touched)) == len(touched):
        return "supported", touched
    unsure = places("unsure", whole)
    is_joined = len(whole) == len(touched) and covered == end - start
    if is_joined and unsure and len(unsure) + len(places("supported", whole)) == len(whole):
        return "unsure", unsure
    for number in touched:
        if said[number].verdict is not None and _has_moved_ends(number, span, said, spans):
            return said[number].verdict, [number]
    return None, []


def _has_moved_ends(
    number: int, span: tuple[int, int], said: Sequence[Verdict], spans: Sequence[tuple[int, int]]
) -> bool:
    """Tell whether a new unit is an old one of which only the ends have moved (rule 4)."""
    mine = (said[number].start, said[number].end)
    together = max(mine[1], span[1]) - min(mine[0], span[0])
    others = [(one.start, one.end) for place, one in enumerate(said) if place != number]
    siblings = [other for other in spans if other != span]
    return (
        _shared(mine, span) > LEAST_OVERLAP * together
        and not any(_lies_mostly_in(other, span) for other in others)
        and not any(_lies_mostly_in(sibling, mine) for sibling in siblings)
    )


def _lies_mostly_in(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    return _shared(inner, outer) > LEAST_OVERLAP * (inner[1] - inner[0])


def _shared(first: tuple[int, int], second: tuple[int, int]) -> int:
    return max(0, min(first[1], second[1]) - max(first[0], second[0]))


def _check_order(cut: Sequence[tuple[int, int]]) -> None:
    for start, end in cut:
        if not 0 <= start < end:
            raise InvalidRecordError(f"a unit from {start} to {end} holds no text")
    for before, after in pairwise(cut):
        if after[0] < before[1]:
            raise InvalidRecordError(
                f"units are in order and apart; {after[0]}:{after[1]} stands behind {before[0]}:{before[1]}"
            )
