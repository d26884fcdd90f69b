"""The true values of `known_process`, in closed form: moments of normal mixtures, and orthants of them.

Kendall's tau is the mean product of the signs of two differences, Spearman's rho three times such a mean over
three captions (Kruskal, Ordinal measures of association, 1958); both are sums over systems and over short and
long captions of the chance that a normal pair lies in an orthant. Values over all items are those of
infinitely many images, where captions of one image meet so seldom that they do not count.
"""

import itertools
import math

import numpy as np
from known_process import Metric, Process
from scipy import stats


def truth(process: Process, metric: str, coefficient: str, level: str) -> float:
    """The true coefficient of a metric with the mean answer on the fine scale."""
    noise = process.rater_noise**2 / process.n_raters
    return _value(process, process.metrics[metric], noise, coefficient, level)


def ceiling(process: Process, coefficient: str, level: str) -> float:
    """The true coefficient of one rater with the mean of the others."""
    others = Metric(loading=1.0, noise=process.rater_noise / math.sqrt(process.n_raters - 1))
    return _value(process, others, process.rater_noise**2, coefficient, level)


def tau_of_length(process: Process, metric: str, *, long: bool) -> float:
    """The true kendall_tau_b over all short, or all long, captions."""
    noise = process.rater_noise**2 / process.n_raters
    return _tau(process, process.metrics[metric], noise, "pooled", lengths=(long,))


def partial_pearson(process: Process, metric: str) -> float:
    """The true pearson_r with length partialled out: that of the process without length."""
    noise = process.rater_noise**2 / process.n_raters
    hm, hh, mm = _moments(process, process.metrics[metric], noise, "pooled", with_length=False)
    return hm / math.sqrt(hh * mm)


def accuracy_of_battles(process: Process, metric: str, *, with_ties: bool = False) -> float:
    """The true share of battles that a metric gets right, whose scores are never equal."""
    of = process.metrics[metric]
    right = decided = battles = 0.0
    n_systems = len(process.systems)
    for a, b in itertools.combinations(range(n_systems), 2):
        beats = 1 / (1 + math.exp(process.strengths[b] - process.strengths[a]))
        tie = process.tied * min(beats, 1 - beats)
        ahead = _adds(process, of, a) - _adds(process, of, b)
        higher = np.mean(
            [
                stats.norm.cdf(
                    ahead
                    / math.sqrt(
                        2 * (of.loading * process.of_caption) ** 2
                        + _noise(of, one) ** 2
                        + _noise(of, other) ** 2
                    )
                )
                for one, other in itertools.product((False, True), repeat=2)
            ]
        )
        right += (beats - tie / 2) * higher + (1 - beats - tie / 2) * (1 - higher)
        decided += 1 - tie
        battles += 1
    return float(right / (battles if with_ties else decided))


def label_chances(process: Process) -> tuple[tuple[float, float], tuple[float, float]]:
    """Chances of a majority for hallucinated and for supported: of a false unit, and of a true one."""
    found = []
    for false in (True, False):
        says = process.slip if not false else 1 - process.slip
        chances = ((1 - process.unsure) * says, (1 - process.unsure) * (1 - says), process.unsure)
        labels = [0.0, 0.0]
        for verdicts in itertools.product(range(3), repeat=process.n_raters):
            chance = math.prod(chances[verdict] for verdict in verdicts)
            balance = verdicts.count(0) - verdicts.count(1)
            if balance:
                labels[0 if balance > 0 else 1] += chance
        found.append((labels[0], labels[1]))
    return found[0], found[1]


def detection(process: Process, threshold: float) -> dict[str, float]:
    """The true precision, recall, F1, prevalence and AUROC of dips against majorities, "unsure" left out."""
    false, true = label_chances(process)
    shares = {
        label: (process.hallucinated * false[place], (1 - process.hallucinated) * true[place])
        for place, label in enumerate(("hallucinated", "supported"))
    }
    dips = (process.hallucinated_dip, process.supported_dip)
    below = [stats.norm.cdf((-threshold - mean) / spread) for mean, spread in dips]
    flagged = {label: sum(s * b for s, b in zip(of, below, strict=True)) for label, of in shares.items()}
    totals = {label: sum(of) for label, of in shares.items()}
    auroc = sum(
        share * other * stats.norm.cdf((dip_b[0] - dip_a[0]) / math.hypot(dip_a[1], dip_b[1]))
        for share, dip_a in zip(shares["hallucinated"], dips, strict=True)
        for other, dip_b in zip(shares["supported"], dips, strict=True)
    )
    precision = flagged["hallucinated"] / sum(flagged.values())
    recall = flagged["hallucinated"] / totals["hallucinated"]
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(2 * precision * recall / (precision + recall)),
        "prevalence": totals["hallucinated"] / sum(totals.values()),
        "auroc": float(auroc / math.prod(totals.values())),
    }


def alpha_of_answers(process: Process) -> float:
    """The true alpha of the fine scale at the interval level: the variance that raters have in common."""
    shared = np.var(process.quality) + process.of_image**2 + process.of_caption**2 + process.of_length**2
    return float(shared / (shared + process.rater_noise**2))


def alpha_of_verdicts(process: Process) -> float:
    """The true nominal alpha of verdicts, "unsure" being an answer like any other."""
    sure = 1 - process.unsure
    of_false = np.array([sure * (1 - process.slip), sure * process.slip, process.unsure])
    of_true = of_false[[1, 0, 2]]
    share = process.hallucinated
    differ = 1 - share * (of_false**2).sum() - (1 - share) * (of_true**2).sum()
    return float(1 - differ / (1 - ((share * of_false + (1 - share) * of_true) ** 2).sum()))


def _noise(metric: Metric, long: bool) -> float:
    return metric.noise_long if long and metric.noise_long is not None else metric.noise


def _adds(process: Process, metric: Metric, system: int) -> float:
    """What the metric's scores of a system have for their mean."""
    own = metric.of_system[system] if metric.of_system else 0.0
    return metric.loading * process.quality[system] + own


def _value(process: Process, metric: Metric, noise: float, coefficient: str, level: str) -> float:
    if coefficient == "pearson_r":
        hm, hh, mm = _moments(process, metric, noise, level)
        return hm / math.sqrt(hh * mm)
    if coefficient == "spearman_rho":
        return _rho(process, metric, noise, level)
    tau = _tau(process, metric, noise, level)
    return (1 + tau) / 2 if coefficient == "pairwise_accuracy" else tau


def _moments(
    process: Process, metric: Metric, noise: float, level: str, *, with_length: bool = True
) -> tuple[float, float, float]:
    """Covariance, variance of the human scores, and variance of the metric's."""
    people = np.array(process.quality)
    scores = np.array([_adds(process, metric, system) for system in range(len(people))])
    if level == "between_systems":
        return float(np.cov(people, scores)[0, 1]), float(people.var(ddof=1)), float(scores.var(ddof=1))
    own = process.of_image**2 + process.of_caption**2
    hm, hh = metric.loading * own, own + noise
    mm = metric.loading**2 * own + metric.of_image**2
    mm += (_noise(metric, False) ** 2 + _noise(metric, True) ** 2) / 2
    if with_length:
        hm += process.of_length * metric.of_length
        hh, mm = hh + process.of_length**2, mm + metric.of_length**2
    if level == "pooled":
        hm += float(np.cov(people, scores, ddof=0)[0, 1])
        hh, mm = hh + float(people.var()), mm + float(scores.var())
    return hm, hh, mm


def _signs(mean_x: float, mean_y: float, var_x: float, var_y: float, cov: float) -> float:
    """The mean product of the signs of a normal pair."""
    x, y = mean_x / math.sqrt(var_x), mean_y / math.sqrt(var_y)
    r = cov / math.sqrt(var_x * var_y)
    both = stats.multivariate_normal.cdf([x, y], mean=[0, 0], cov=[[1, r], [r, 1]])
    neither = stats.multivariate_normal.cdf([-x, -y], mean=[0, 0], cov=[[1, r], [r, 1]])
    return float(2 * (both + neither) - 1)


def _tau(
    process: Process, metric: Metric, noise: float, level: str, lengths: tuple[bool, ...] = (False, True)
) -> float:
    assert process.of_length == metric.of_length == 0, "no closed form with an effect of length"
    # What two captions do not share: inside an image only what is their own.
    own = process.of_caption**2 + (0 if level == "per_image" else process.of_image**2)
    of_image = 0 if level == "per_image" else metric.of_image**2
    systems = range(len(process.systems))
    pairs = {
        "pooled": list(itertools.product(systems, repeat=2)),
        "per_image": list(itertools.permutations(systems, 2)),
        "per_system": [(0, 0)],
    }[level]
    return float(
        np.mean(
            [
                _signs(
                    process.quality[a] - process.quality[b],
                    _adds(process, metric, a) - _adds(process, metric, b),
                    2 * (own + noise),
                    2 * (metric.loading**2 * own + of_image)
                    + _noise(metric, one) ** 2
                    + _noise(metric, other) ** 2,
                    2 * metric.loading * own,
                )
                for a, b in pairs
                for one, other in itertools.product(lengths, repeat=2)
            ]
        )
    )


def _rho(process: Process, metric: Metric, noise: float, level: str) -> float:
    assert process.of_length == metric.of_length == 0, "no closed form with an effect of length"
    assert level in ("pooled", "per_system"), "no closed form on few captions"
    own = process.of_image**2 + process.of_caption**2
    systems = range(len(process.systems)) if level == "pooled" else [0]
    return 3 * float(
        np.mean(
            [
                _signs(
                    process.quality[a] - process.quality[b],
                    _adds(process, metric, a) - _adds(process, metric, c),
                    2 * (own + noise),
                    2 * (metric.loading**2 * own + metric.of_image**2)
                    + _noise(metric, one) ** 2
                    + _noise(metric, other) ** 2,
                    metric.loading * own,
                )
                for a, b, c in itertools.product(systems, repeat=3)
                for one, other in itertools.product((False, True), repeat=2)
            ]
        )
    )
