"""The numbers and sentences about a scored caption that the report and the app's page share.

All of it is plain text: whoever puts it into a page escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs_core.curve import SHORT_CAPTION_TOKENS


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign, a real minus and a fixed number of decimals.

    A number that would round to nothing keeps one decimal more, so that a small dip is not a dip of 0.
    """
    if value != 0 and abs(value) < 0.5 * 10**-digits:
        sign, smallest = "−" if value < 0 else "+", 10 ** -(digits + 1)
        return (
            f"{sign}{abs(value):.{digits + 1}f}"
            if abs(value) >= smallest
            else f"{sign}<{smallest:.{digits + 1}f}"
        )
    return f"{value:+.{digits}f}".replace("-", "−")


def unsigned(value: float, digits: int = 3) -> str:
    """Return a number with a real minus where it is negative, and a fixed number of decimals."""
    return f"{value:.{digits}f}".replace("-", "−")


def scientific(value: float, *, sign: bool = False) -> str:
    """Return a small number with two decimals and a power of ten, "0" for nothing, with a real minus.

    Args:
        value: Any finite number.
        sign: Whether a positive one gets a plus.
    """
    if value == 0:
        return "0"
    digits, power = f"{value:.2e}".split("e")
    plus = "+" if sign and value > 0 else ""
    return f"{plus}{digits}e{int(power)}".replace("-", "−")


def counted(number: int, noun: str) -> str:
    """Return "no dips", "1 dip", "2 dips" for a noun that takes an s."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def explain_unit(unit: Mapping[str, Any], *, number: int, context_length: int) -> str:
    """Return one or two sentences on what a unit's numbers say, and what they do not.

    Args:
        unit: One of a record's units, as `specs_core.curve.curve_record` gives them.
        number: Which one it is, from 1.
        context_length: Tokens that the model reads, start and end included.
    """
    similarity, delta = unit["similarity"], unit["delta"]
    if similarity is None:
        return (
            f"This unit lies beyond the model's {context_length} tokens. It was not read, so it carries no "
            "score: nothing is said of it, good or bad."
        )
    if delta is None:
        if number == 1:
            return "The curve starts here. The first unit has nothing before it to be compared with."
        return "The unit before this one has no score, so there is nothing to compare this one with."
    if unit["dip"]:
        return (
            f"Read in order, this unit lowers the similarity from {unsigned(similarity - delta)} to "
            f"{unsigned(similarity)}: a dip. The model finds less of it in the image than of what stands "
            "before it."
        )
    if delta < 0:
        return (
            f"This unit lowers the similarity by {unsigned(-delta)}, which is within the threshold and so "
            "not counted as a dip."
        )
    return (
        f"This unit raises the similarity from {unsigned(similarity - delta)} to {unsigned(similarity)}: the "
        "model finds it in the image. A rise is no proof either; a wrong detail can hide among right ones."
    )


def explain_left_out(unit: Mapping[str, Any]) -> str:
    """Return a sentence on whether the caption without a unit agrees with its delta, "" for not known.

    Args:
        unit: One of a record's units, as `specs_core.evidence.evidence_record` gives them.
    """
    gain = unit.get("leave_one_out")
    if gain is None or unit["delta"] is None:
        return ""
    side = f"the whole caption scores {unsigned(abs(gain))} {'higher' if gain < 0 else 'lower'} without it"
    if unit["uncertain"]:
        return f"Uncertain: the two views disagree, so believe neither alone: {side}."
    return f"Both views agree: {side}."


def notices(record: Mapping[str, Any], *, context_length: int) -> list[str]:
    """Return what has to be known of a curve before its numbers are read: units without a score, few tokens.

    Args:
        record: As `specs_core.curve.curve_record` gives it.
        context_length: Tokens that the model reads, start and end included.
    """
    said = []
    beyond = sum(unit["similarity"] is None for unit in record["units"])
    if beyond:
        units = "unit lies" if beyond == 1 else "units lie"
        said.append(
            f"The caption has {record['tokens']} tokens; {record['model']} reads {context_length}. The last "
            f"{beyond} {units} beyond the model's {context_length} tokens and carr"
            f"{'ies' if beyond == 1 else 'y'} no score."
        )
    if record["tokens"] < SHORT_CAPTION_TOKENS:
        said.append(
            f"The caption has {record['tokens']} tokens. Below {SHORT_CAPTION_TOKENS} the authors of SPECS "
            "recommend plain CLIP (choose clip-b32); from there on, SPECS."
        )
    return said
