"""Which of several choices that somebody made in quick succession is the last one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from annotations.stopping import stopped_when


@dataclass
class Turn:
    """The number of the choice that a page was asked for last; one for each open page.

    Attributes:
        number: It grows with each choice.
        touches: How often somebody has moved something that ends nothing.
    """

    number: int = 0
    touches: int = 0

    def begin(self) -> int:
        """Begin another choice and return its number."""
        self.number += 1
        return self.number

    def touch(self) -> None:
        """Remember that something was moved, so that what was sent before is not sent again."""
        self.touches += 1

    def is_at(self, number: int) -> bool:
        """Tell whether a choice is still the last one."""
        return self.number == number

    def kept_to(self, number: int) -> AbstractContextManager[None]:
        """Let what is worked out inside end with `Stopped` once another choice has begun.

        Args:
            number: Of the choice that it is worked out for.
        """
        return stopped_when(lambda: not self.is_at(number))
