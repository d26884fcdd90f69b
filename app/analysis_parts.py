"""What the parts of the Analyse page have in common: what is asked, what was read, what each part fills."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from annotations.analysis.table import AnalysisTable, BattleTable, Choice, UnitTable

N_RESAMPLES: Final = 2000
SEED: Final = 0


@dataclass(frozen=True)
class Asked:
    """What the page asks for.

    Attributes:
        choice: What of the ratings goes in.
        question: The scale that metrics are held against, for example ``overall``.
        metric: The metric of the plots of one metric, for example ``specs``.
        coefficient: For example ``kendall_tau_b``.
        level: ``pooled``, ``per_image``, ``per_image_zero``, ``per_system``, ``per_system_zero`` or
            ``between_systems``.
    """

    choice: Choice
    question: str
    metric: str
    coefficient: str
    level: str


def _make(_key: Hashable, make: Callable[[], Any]) -> Any:
    return make()


@dataclass(frozen=True)
class Reading:
    """What was read for the page; units and battles are read when a part asks for them, and kept.

    Attributes:
        asked: What the page asks for.
        table: The rated captions.
        units: Reads their units.
        battles: Reads the battles.
        once: Returns what was worked out of this reading under a key, or makes it; a part that takes long
            is then worked out once for everybody who looks at the same.
    """

    asked: Asked
    table: AnalysisTable
    units: Callable[[], UnitTable]
    battles: Callable[[], BattleTable]
    once: Callable[[Hashable, Callable[[], Any]], Any] = _make


@dataclass(frozen=True)
class Part:
    """One part of the page, laid out already.

    The page calls `show` whenever the ratings are read anew, in a thread of its own and after it has checked
    who asks. Handlers of a part's own (a slider, a button) check that themselves: every endpoint can be
    called by itself.

    Attributes:
        outputs: The components that it fills.
        show: Values for them.
        blank: Values for them while there is nothing to show.
        later: Values for them once more, with what takes long; called when every part is shown, and again
            where another choice ended it.
        turn: Holds the `Turn` of what the part's own handlers work out; filling the part anew ends that.
    """

    outputs: Sequence[Any]
    show: Callable[[Reading], tuple[Any, ...]]
    blank: tuple[Any, ...]
    later: Callable[[Reading], tuple[Any, ...]] | None = None
    turn: Any = None
