"""A part of the analysis as plain data."""

from typing import Any

from annotations.correlation_report import without_nan


def as_record(part: Any) -> Any:
    """Turn a part of the analysis into what JSON can hold.

    Args:
        part: A dataclass of this package.

    Returns:
        Objects, lists, numbers and text; None for NaN and infinity.
    """
    return without_nan(part)
