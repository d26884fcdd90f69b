"""Overlap of a caption with reference captions: BLEU-4, chrF, ROUGE-L and METEOR, through libraries.

Each needs references; without one there is nothing to compute, which is NaN and never 0.
"""

from __future__ import annotations

import functools
import math
import re
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from specs_core.errors import ConfigError

WORDNET_VARIABLE = "SPECS_WORDNET"

# Numbers with their point or comma, words with inner hyphens and apostrophes.
_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:['’-][^\W_]+)*")


def caption_words(text: str) -> list[str]:
    """Split a text into the words that ROUGE-L, METEOR and CIDEr-D compare.

    Args:
        text: Any text.

    Returns:
        Lower-case words, digits and letters of any script, without punctuation.

    Source: ours: docs/metrics.md, "Overlap with references".
    """
    return _WORD.findall(text.lower())


def bleu_4(caption: str, references: Sequence[str]) -> float:
    """Return sentence-level BLEU-4: n-gram precisions up to 4 with a brevity penalty.

    Args:
        caption: The caption.
        references: True captions of the image; blank ones do not count.

    Returns:
        In [0, 100], higher is better; NaN without references.

    Source: Papineni et al. 2002, BLEU; Post 2018, sacreBLEU. Lower case, tokenizer 13a, exponential
        smoothing, effective order.
    """
    return _sacrebleu_score("bleu", caption, references)


def chrf(caption: str, references: Sequence[str]) -> float:
    """Return sentence-level chrF: F2 of character n-grams up to 6, the best of the references.

    Args:
        caption: The caption.
        references: True captions of the image; blank ones do not count.

    Returns:
        In [0, 100], higher is better; NaN without references.

    Source: Popović 2015, chrF; Post 2018, sacreBLEU. Lower case, beta 2, no word n-grams, without
        white space.
    """
    return _sacrebleu_score("chrf", caption, references)


def rouge_l(caption: str, references: Sequence[str]) -> float:
    """Return ROUGE-L: F1 of the longest common subsequence of words, the best of the references.

    Args:
        caption: The caption.
        references: True captions of the image; blank ones do not count.

    Returns:
        In [0, 1], higher is better; NaN without references.

    Source: Lin 2004, ROUGE, section 3, through rouge-score without stemming.
    """
    given = said(references)
    if not given:
        return math.nan
    # Differs from the library's default: its own tokenizer drops letters beyond a to z.
    return float(_rouge().score_multi(given, caption)["rougeL"].fmeasure)


def meteor_stem(caption: str, references: Sequence[str]) -> float:
    """Return METEOR without synonyms: words match as they are or by stem, the best of the references.

    Args:
        caption: The caption.
        references: True captions of the image; blank ones do not count.

    Returns:
        In [0, 1), higher is better; NaN without references.

    Source: Lavie and Agarwal 2007, METEOR, modules "exact" and "porter stem", through nltk.
    """
    return _meteor(caption, references, _NoSynonyms())


def meteor(caption: str, references: Sequence[str], wordnet: Any) -> float:
    """Return METEOR: words match as they are, by stem or as synonyms, the best of the references.

    Args:
        caption: The caption.
        references: True captions of the image; blank ones do not count.
        wordnet: From `read_wordnet`.

    Returns:
        In [0, 1), higher is better; NaN without references.

    Source: Lavie and Agarwal 2007, METEOR, modules "exact", "porter stem" and "WordNet synonymy", through
        nltk. The Java METEOR 1.5 has other weights and paraphrases, so its numbers differ.
    """
    return _meteor(caption, references, wordnet)


def read_wordnet(folder: str | Path) -> Any:
    """Open a folder of WordNet files for `meteor`.

    Args:
        folder: With `index.noun`, `data.noun` and the others of WordNet 3, such as nltk's `corpora/wordnet`.

    Returns:
        A reader of the folder.

    Raises:
        ConfigError: It holds no WordNet.
    """
    import nltk.data
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class OneWordNet(WordNetCorpusReader):  # type: ignore[misc]
        def map_wn(self, version: str = "wordnet") -> None:
            """Map no synsets of other languages, which would take a second WordNet in nltk's own place."""

    root = str(Path(folder).resolve())
    if root not in nltk.data.path:
        nltk.data.path.append(root)  # nltk reads within these folders only
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there are no other languages
            return OneWordNet(nltk.data.FileSystemPathPointer(root), None)
    except (OSError, ValueError, LookupError) as error:
        raise ConfigError(
            f"{folder} holds no WordNet ({' '.join(str(error).split())}); METEOR needs the folder that holds "
            f"index.noun and data.noun, named with {WORDNET_VARIABLE}. meteor_stem needs none."
        ) from error


def overlap_version(name: str) -> str:
    """Return what a number of this module depends on besides the texts: library, version and settings.

    Args:
        name: "bleu_4", "chrf", "rouge_l", "meteor" or "meteor_stem".

    Raises:
        LookupError: No such metric.
    """
    words = "words as caption_words"
    return {
        "bleu_4": f"sacrebleu {version('sacrebleu')}, lower case, 13a, exp, effective order",
        "chrf": f"sacrebleu {version('sacrebleu')}, lower case, nc 6, nw 0, beta 2",
        "rouge_l": f"rouge-score {version('rouge-score')}, F1, {words}",
        "meteor": f"nltk {version('nltk')}, exact, stem, WordNet, {words}",
        "meteor_stem": f"nltk {version('nltk')}, exact, stem, {words}",
    }[name]


def said(references: Sequence[str]) -> list[str]:
    """Return the references that say something."""
    return [text for text in references if text.strip()]


class _NoSynonyms:
    """Stands for a WordNet that knows no word."""

    def synsets(self, word: str) -> list[Any]:
        return []


def _meteor(caption: str, references: Sequence[str], wordnet: Any) -> float:
    from nltk.translate.meteor_score import meteor_score

    given = said(references)
    if not given:
        return math.nan
    words = [caption_words(text) for text in given]
    return float(meteor_score(words, caption_words(caption), preprocess=str, wordnet=wordnet))


def _sacrebleu_score(name: str, caption: str, references: Sequence[str]) -> float:
    given = said(references)
    if not given:
        return math.nan
    score: Callable[[str, list[str]], Any] = _sacrebleu(name).sentence_score
    # Sums of floats can end a hair above the bound.
    return min(100.0, float(score(caption, given).score))


@functools.cache
def _sacrebleu(name: str) -> Any:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return BLEU(lowercase=True, effective_order=True) if name == "bleu" else CHRF(lowercase=True)


@functools.cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return caption_words(text)

    return RougeScorer(["rougeL"], tokenizer=Words())
