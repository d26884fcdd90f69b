"""How long a client waits before it asks again."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 60.0  # seconds


def seconds_to_wait(attempt: int, retry_after: str | None = None) -> float:
    """Return what the endpoint asks for, or a time that doubles and that no two clients share.

    Args:
        attempt: How many attempts there were before the one that failed.
        retry_after: The header of that name, seconds or a date.

    Returns:
        At most `LONGEST_WAIT` seconds.
    """
    asked = _seconds(retry_after) if retry_after else None
    if asked is not None:
        return min(max(asked, 0.0), LONGEST_WAIT)
    return float(min(2.0**attempt, LONGEST_WAIT) * random.uniform(0.5, 1.0))


def _seconds(retry_after: str) -> float | None:
    try:
        return float(retry_after)
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
