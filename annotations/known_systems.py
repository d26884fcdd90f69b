"""Every level of metrics where some items do not name the system that wrote them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from annotations.correlation_levels import IMAGE_LEVELS, SYSTEM_LEVELS, LevelTable, correlate_metrics
from annotations.resampling import Floats


def told_of_unknown(n_unknown: int, n_items: int) -> str:
    """Say how many items the levels over systems leave out.

    Args:
        n_unknown: Items whose system nobody knows.
        n_items: All items.

    Returns:
        One sentence without a full stop.
    """
    return (
        f"{n_unknown:,} of {n_items:,} items do not name the system that wrote them; they are left out of "
        f"the values per system and between systems"
    )


def correlate_known_systems(
    human: Floats,
    metrics: Mapping[str, Floats],
    *,
    groups: Sequence[str],
    systems: Sequence[str],
    levels: Collection[str] = (*IMAGE_LEVELS, *SYSTEM_LEVELS),
    **options: Any,
) -> dict[str, LevelTable]:
    """Compute the levels over images on all items, and those over systems where the system is known.

    Args:
        human: (N,) as in `correlate_metrics`.
        metrics: By name, (N,) scores.
        groups: (N,) the image of each item.
        systems: (N,) what wrote each caption; "" where nobody knows.
        levels: Those to compute.
        **options: The other options of `correlate_metrics`.

    Returns:
        By the name of the metric, what `correlate_metrics` gives; without the levels over systems, and with
        no systems, where none is known. Counts other than that of systems are of all items.

    Raises:
        InvalidScoresError: As in `correlate_metrics`.
    """
    known = np.array([system != "" for system in systems], dtype=bool)
    of_images = [level for level in levels if level in IMAGE_LEVELS]
    of_systems = [level for level in levels if level in SYSTEM_LEVELS] if known.any() else []
    if known.all() and of_systems:
        return correlate_metrics(
            human, metrics, groups=groups, systems=systems, levels=[*of_images, *of_systems], **options
        )
    found = correlate_metrics(human, metrics, groups=groups, levels=of_images, **options)
    if not of_systems:
        return found
    rows = np.flatnonzero(known).tolist()
    others = correlate_metrics(
        human[known],
        {name: scores[known] for name, scores in metrics.items()},
        groups=[groups[row] for row in rows],
        systems=[systems[row] for row in rows],
        levels=of_systems,
        **options,
    )
    return {
        name: replace(
            of,
            n_systems=others[name].n_systems,
            values={each: {**at, **others[name].values[each]} for each, at in of.values.items()},
        )
        for name, of in found.items()
    }
