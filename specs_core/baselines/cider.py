"""CIDEr-D: cosines of tf-idf vectors of n-grams, weighed by how rare an n-gram is among the references."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from specs_core.baselines.text_overlap import caption_words, said

LONGEST = 4
SIGMA = 6.0

NGram = tuple[str, ...]


class DocumentFrequencies:
    """In how many documents each n-gram stands; a document is the set of references of an image.

    Attributes:
        documents: How many there are.
    """

    def __init__(self, documents: Iterable[Sequence[str]] = ()) -> None:
        self.documents = 0
        self._counts: Counter[NGram] = Counter()
        self._seen: set[bytes] = set()
        self._digest = 0
        for references in documents:
            self.add(references)

    def add(self, references: Sequence[str]) -> None:
        """Count a document, once, however many captions share these references.

        Args:
            references: R captions; where none says anything, there is no document.
        """
        given = sorted(said(references))
        if not given:
            return
        key = hashlib.sha256("\0".join(given).encode("utf-8", "surrogatepass")).digest()
        if key in self._seen:
            return
        self._seen.add(key)
        # A sum, so that the order of the documents does not matter.
        self._digest = (self._digest + int.from_bytes(key)) % 2**256
        self.documents += 1
        self._counts.update({ngram for text in given for ngram in _ngrams(caption_words(text))})

    def weight(self, ngram: NGram) -> float:
        """Return the inverse document frequency log(documents / max(1, documents with it)), at least 0."""
        return math.log(self.documents / max(1, self._counts[ngram]))

    @property
    def sha256(self) -> str:
        """Of the documents, in any order."""
        return hashlib.sha256(f"{self.documents} {self._digest:x}".encode()).hexdigest()


def cider_d(caption: str, references: Sequence[str], frequencies: DocumentFrequencies) -> float:
    """Return CIDEr-D of a caption.

    For n = 1 to 4 the cosine of the tf-idf vectors of caption and reference, the caption's entries clipped at
    the reference's, times exp(-d^2 / 72) with d the difference of their lengths in words; the mean over n
    and over references, times 10.

    Args:
        caption: The caption.
        references: True captions of the image; blank ones do not count.
        frequencies: Of the references of the whole data set.

    Returns:
        In [0, 10], higher is better. NaN without references, and with fewer than two documents, where every
        weight is zero.

    Source: Vedantam et al. 2015, CIDEr, equations 1 to 4.
    """
    given = said(references)
    if not given or frequencies.documents < 2:
        return math.nan
    words = caption_words(caption)
    vectors = _vectors(words, frequencies)
    total = 0.0
    for reference in given:
        other = caption_words(reference)
        penalty = math.exp(-((len(words) - len(other)) ** 2) / (2 * SIGMA**2))
        pairs = zip(vectors, _vectors(other, frequencies), strict=True)
        total += penalty * sum(_clipped_cosine(mine, theirs) for mine, theirs in pairs) / LONGEST
    return min(10.0, 10.0 * total / len(given))  # rounding can end a hair above


def _ngrams(words: Sequence[str]) -> list[NGram]:
    return [
        tuple(words[start : start + n]) for n in range(1, LONGEST + 1) for start in range(len(words) - n + 1)
    ]


def _vectors(words: Sequence[str], frequencies: DocumentFrequencies) -> list[dict[NGram, float]]:
    """Return for n = 1 to 4 the n-grams with their counts times their weights."""
    vectors: list[dict[NGram, float]] = [{} for _ in range(LONGEST)]
    for ngram, count in Counter(_ngrams(words)).items():
        vectors[len(ngram) - 1][ngram] = count * frequencies.weight(ngram)
    return vectors


def _clipped_cosine(caption: dict[NGram, float], reference: dict[NGram, float]) -> float:
    norms = math.hypot(*caption.values()) * math.hypot(*reference.values())
    dot = sum(
        min(value, reference[ngram]) * reference[ngram]
        for ngram, value in caption.items()
        if ngram in reference
    )
    return dot / norms if norms else 0.0
