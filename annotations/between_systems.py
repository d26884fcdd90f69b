"""Coefficients between systems: how the metric's mean scores of systems go with people's.

In comments: B resamples, C images, N items, S systems.
"""

from typing import Final

import numpy as np
from scipy import sparse

from annotations.resampling import Counts, Floats

MIN_SYSTEMS: Final = 3
"""Two systems always agree or disagree perfectly."""


def system_means(values: Floats, draws: Counts, image: Counts, system: Counts, n_systems: int) -> Floats:
    """Average each system's items on each resample.

    Args:
        values: (N,) finite scores.
        draws: (B, C) how often each image was drawn.
        image: (N,) the image of each item, from 0 to C - 1.
        system: (N,) the system of each item, from 0 to S - 1.
        n_systems: S.

    Returns:
        (B, S) means; NaN where a resample holds no item of the system.
    """
    shape = (draws.shape[1], n_systems)
    times = draws.astype(np.float64)
    total = np.asarray(times @ sparse.csr_array((values, (image, system)), shape=shape))
    n = np.asarray(times @ sparse.csr_array((np.ones(len(values)), (image, system)), shape=shape))
    means = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    # Means that are equal on paper may differ in their last digit, and would no longer tie.
    scale = max(float(np.abs(values).max(initial=0)), np.finfo(np.float64).tiny)
    return np.asarray(np.round(means / scale, 12) * scale)


def between_systems(human: Floats, metric: Floats) -> dict[str, Floats]:
    """Compute the coefficients over systems, row by row.

    Args:
        human: (B, S) mean human scores; NaN leaves the row without a value.
        metric: (B, S) mean scores of the metric.

    Returns:
        By name, (B,) values; NaN where one side is constant (but for pairwise accuracy), below three systems,
        and where a system is missing. Pairwise accuracy takes equal means as ties.
    """
    n_systems = human.shape[1]
    present = ~np.isnan(human).any(axis=1) & ~np.isnan(metric).any(axis=1) & (n_systems >= MIN_SYSTEMS)
    x, y = np.where(present[:, None], human, 0), np.where(present[:, None], metric, 0)
    order_x, order_y = (np.sign(side[:, :, None] - side[:, None, :]) for side in (x, y))  # (B, S, S)
    balance = (order_x * order_y).sum(axis=(1, 2))
    untied = np.sqrt(np.abs(order_x).sum(axis=(1, 2)) * np.abs(order_y).sum(axis=(1, 2)))
    fewer = np.minimum(_distinct(x), _distinct(y))
    n_pairs = max(1, n_systems * (n_systems - 1))
    same = (order_x == order_y).sum(axis=(1, 2)) - n_systems  # a system with itself is no pair
    found = {
        "pearson_r": _pearson(x, y),
        # How many systems a system beats, less those that beat it, is its mean rank, stretched.
        "spearman_rho": _pearson(order_x.sum(axis=2), order_y.sum(axis=2)),
        "kendall_tau_b": _divide(balance, untied),
        "kendall_tau_c": _divide(balance, n_systems**2 * (fewer - 1) / np.maximum(fewer, 1)),
        "pairwise_accuracy": same / n_pairs,
    }
    return {name: np.where(present, values, np.nan) for name, values in found.items()}


def _distinct(values: Floats) -> Floats:
    ordered = np.sort(values, axis=1)
    return np.asarray(1.0 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1))


def _pearson(x: Floats, y: Floats) -> Floats:
    constant = (np.ptp(x, axis=1) == 0) | (np.ptp(y, axis=1) == 0) if x.shape[1] else np.ones(len(x), bool)
    x, y = (side - side.mean(axis=1, keepdims=True) if side.shape[1] else side for side in (x, y))
    spread = np.sqrt((x * x).sum(axis=1)) * np.sqrt((y * y).sum(axis=1))
    return np.where(constant, np.nan, _divide((x * y).sum(axis=1), spread))


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    result = np.full(len(numerator), np.nan)
    defined = denominator > 0
    result[defined] = np.clip(numerator[defined] / denominator[defined], -1, 1)
    return result
