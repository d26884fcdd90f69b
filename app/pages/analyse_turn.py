"""Which of several choices that somebody made in quick succession is the last one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Turn:
    """The number of the choice that a page was asked for last; one for each open page.

    Attributes:
        number: It grows with each choice.
    """

    number: int = 0

    def begin(self) -> int:
        """Begin another choice and return its number."""
        self.number += 1
        return self.number

    def is_at(self, number: int) -> bool:
        """Tell whether a choice is still the last one."""
        return self.number == number
