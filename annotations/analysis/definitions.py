"""What every number of the report is, in a sentence, and where its definition comes from."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Definition:
    """What one number is.

    Attributes:
        text: One sentence.
        source: Where the definition comes from.
    """

    text: str
    source: str


_OURS: Final = "ours: docs/analysis.md"
_BATTLES: Final = "Bradley and Terry 1952; docs/analysis.md, Battles"
_DIPS: Final = "docs/analysis.md, Dips as a detector"
_CONFORMAL: Final = "Angelopoulos et al., Learn then Test, 2021; docs/analysis.md, A threshold with a promise"
_LEVELS: Final = "mt-metrics-eval; docs/analysis.md, Levels and missing groups"
_RATERS: Final = "docs/ratings.md, Agreement between raters"

DEFINITIONS: Final = {
    "n": Definition("Items that a number rests on, unless its column says what else it counts.", _OURS),
    "interval": Definition(
        "The middle share, 95 % unless said otherwise, of the values on resamples of images drawn with "
        "replacement, all items of an image together; a little more than that share where images are few. "
        "A resample without a value is counted in the note.",
        "expanded percentile bootstrap, Efron 1979 and Hesterberg 2015; docs/analysis.md, Intervals",
    ),
    "human": Definition("Mean of the raters' answers to the question on one item.", _OURS),
    "pearson_r": Definition(
        "Covariance of both sides over the product of their standard deviations.", "Pearson 1895"
    ),
    "spearman_rho": Definition("pearson_r of the ranks.", "Spearman 1904"),
    "kendall_tau_b": Definition(
        "Pairs in the same order less pairs in opposite order, over the geometric mean of the pairs that "
        "each side does not tie.",
        "Kendall 1945",
    ),
    "kendall_tau_c": Definition(
        "Twice the pairs in the same order less those in opposite order, over n²(m − 1)/m, m the levels of "
        "the side with fewer.",
        "Stuart 1953",
    ),
    "inverse_r_squared": Definition(
        "1 / pearson_r²; smaller is better. The SPECS paper's column 1-R^2 holds this in its own rows and "
        "something else in others.",
        "docs/analysis.md, Coefficients",
    ),
    "pairwise_accuracy": Definition(
        "Share of all pairs that the metric orders, or ties, as people do.",
        "Deutsch, Foster and Freitag 2023, acc_eq",
    ),
    "tie threshold": Definition(
        "Two scores that differ by no more than this are tied; calibrated on images other than those judged, "
        "and 0 between systems.",
        "Deutsch, Foster and Freitag 2023, cross-fitted as in docs/analysis.md, Coefficients",
    ),
    "pooled": Definition("One value over all items.", _LEVELS),
    "per_image": Definition(
        "Mean of the values inside images; images where one side is constant are dropped.", _LEVELS
    ),
    "per_image_zero": Definition("The same, with 0 for images where one side is constant.", _LEVELS),
    "per_system": Definition(
        "Mean of the values inside systems; systems where one side is constant are dropped.", _LEVELS
    ),
    "per_system_zero": Definition("The same, with 0 for systems where one side is constant.", _LEVELS),
    "between_systems": Definition("One value over the systems' mean scores.", _LEVELS),
    "undefined": Definition(
        "Images or systems with two items or more and no value, because one side is constant in them.",
        _LEVELS,
    ),
    "short": Definition("Images or systems with one item, which no policy counts.", _LEVELS),
    "weighted value": Definition(
        "The coefficient over all items in which each counts with its sampling weight and each pair with the "
        "product of two, for items drawn with unequal chances.",
        "docs/analysis.md, Which items next",
    ),
    "effective n": Definition(
        "Items of equal weight that would say as much about a mean as the weighted ones.", "Kish 1965"
    ),
    "human ceiling": Definition(
        "Mean over raters of how far each one agrees with the mean of the others, in the metrics' own "
        "coefficient. A metric is held against the mean of all, so it may exceed this without being better "
        "than people.",
        f"ours: {_RATERS}; docs/analysis.md",
    ),
    "sentinel": Definition(
        "A metric that means nothing by itself, such as the length of the caption; a metric that does not "
        "beat it has shown nothing.",
        _OURS,
    ),
    "rank group": Definition(
        "From the best metric down, a new group begins at the first one that is significantly worse than one "
        "of the current group.",
        "Freitag et al. 2023, with Holm's correction; docs/analysis.md, Is one metric better than another?",
    ),
    "permutation p": Definition(
        "Share of random swaps of the two metrics' z-scores that give at least as large a difference.",
        "PERM-BOTH: Deutsch, Dror and Roth 2021; early stopping: Besag and Clifford 1991",
    ),
    "adjusted p": Definition("p after Holm's correction over all pairs of metrics.", "Holm 1979"),
    "Williams' t": Definition(
        "Test of two correlations that share the human side; holds for independent items only.",
        "Williams 1959; Steiger 1980, equation 7",
    ),
    "residual": Definition(
        "The metric less its least-squares line in people's scores; above 0 the metric gives more than "
        "people do.",
        _OURS,
    ),
    "length bucket": Definition(
        "Captions of similar length in tokens; buckets meet at the quartiles unless edges are given.",
        "the question of the SPECS paper's figure 3; docs/analysis.md, Length of captions",
    ),
    "partial correlation": Definition(
        "What is left of the agreement after straight lines in length.", "Fisher 1924"
    ),
    "advice by length": Definition(
        "One metric less the other, below and above a length: borne out where both intervals lie on the "
        "advised side of zero, contradicted where one lies on the wrong side, otherwise undecided.",
        "the SPECS paper's advice; docs/analysis.md, Length of captions",
    ),
    "alpha": Definition(
        "1 less the disagreement within items over that between any two ratings; 1 is perfect, 0 is chance.",
        f"Krippendorff 2011; {_RATERS}",
    ),
    "kappa": Definition(
        "Agreement of two raters beyond chance, with quadratic weights on scales.", f"Cohen 1968; {_RATERS}"
    ),
    "rater against others": Definition(
        "spearman_rho of one rater's answers with the mean of the others'; accuracy for verdicts.", _RATERS
    ),
    "verdicts against scale": Definition(
        "spearman_rho of the share of hallucinated units of an item with the answer; −1 is perfect.",
        "ours: docs/analysis.md, Consistency of a rater",
    ),
    "battles against scale": Definition(
        "Of one rater's battles with a winner, the share in which the winner stands higher on the scale; 1 "
        "is perfect.",
        "ours: docs/analysis.md, Consistency of a rater",
    ),
    "battles against verdicts": Definition(
        "The same, where the winner has the lower share of hallucinated units.",
        "ours: docs/analysis.md, Consistency of a rater",
    ),
    "delta": Definition(
        "Similarity of this prefix of the caption minus that of the one before.", "SPECS paper"
    ),
    "threshold": Definition("A unit is flagged where its delta is below minus this, in cosine.", _DIPS),
    "precision": Definition("Of the flagged units, the share that the majority calls hallucinated.", _DIPS),
    "recall": Definition("Of the hallucinated units, the share that is flagged.", _DIPS),
    "f1": Definition("Harmonic mean of precision and recall.", _DIPS),
    "auroc": Definition(
        "Chance that a hallucinated unit has a lower delta than a supported one; ties count one half.", _DIPS
    ),
    "average_precision": Definition(
        "Mean, over the hallucinated units, of the precision at the threshold that just reaches each.", _DIPS
    ),
    "prevalence": Definition(
        "Share of hallucinated units, which is what average_precision is by chance.", _DIPS
    ),
    "promised threshold": Definition(
        "The lowest threshold whose mean share of wrong flags on an image is promised to stay below a rate.",
        _CONFORMAL,
    ),
    "realised rate": Definition(
        "Mean share of wrong flags on the images that were not calibrated on.", _CONFORMAL
    ),
    "strength": Definition("Log-odds of beating a system of strength 0, the mean.", _BATTLES),
    "cluster": Definition(
        "Systems in one cluster are not told apart, all pairs together at the level of the intervals.",
        "Romano and Wolf 2005, single step; docs/analysis.md, Battles",
    ),
    "accuracy": Definition(
        "Of the battles with a winner, the share in which the winner has the higher score; tied scores count "
        "one half.",
        "docs/analysis.md, Battles",
    ),
    "accuracy_with_ties": Definition(
        "Of all battles, the share in which the metric says what people say: the same winner, or a tie.",
        "Deutsch, Foster and Freitag 2023, acc_eq",
    ),
    "model level": Definition(
        "Coefficient of the systems' strengths with their mean scores; n counts systems.",
        "docs/analysis.md, Battles",
    ),
}
"""By the name under which the number stands in the report."""
