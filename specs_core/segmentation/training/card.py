"""Write the pipeline folder with its card: source, licence, training and test figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language

_ATTRIBUTION = (
    "Trained on UD_English-EWT, the Universal Dependencies English Web Treebank "
    "(Silveira et al. 2014, A Gold Standard Dependency Corpus for English; maintained by the "
    "Universal Dependencies project), CC BY-SA 4.0"
)
_README = """# specs_ewt: tagger and parser of the detail units

{attribution},
and on sentences in the manner of image captions that a grammar of this project generates with
their trees (`specs_core/segmentation/training/`).
Licence of these weights: **CC BY-SA 4.0** (https://creativecommons.org/licenses/by-sa/4.0/), the treebank's.
The text of the treebank is not contained.

A spaCy pipeline: hash embeddings and a convolution over four words to each side, shared by a tagger (Penn
Treebank tags) and a transition-based dependency parser (Universal Dependencies relations).

| part of the treebank | tokens | tag accuracy | UAS | LAS |
| --- | --- | --- | --- | --- |
{rows}

Sentence by sentence; punctuation is left out of UAS and LAS. Made by

    python -m specs_core.segmentation.training EWT_DIR OUT

in these stages, each going on from the one before (`--start-from`):

| stage | epochs | generated sentences an epoch | learning rate | seed |
| --- | --- | --- | --- | --- |
{stages}

The treebank is English of the web (weblogs, mail, newsgroups, reviews, answers). No real image caption was
trained on, and other languages are not known.
"""


def write_card(
    nlp: Language, out: Path, *, figures: dict[str, dict[str, Any]], stage: dict[str, float]
) -> None:
    """Save the pipeline with a `meta.json` and a `README.md`: source, licence, training and figures.

    Args:
        nlp: the trained pipeline.
        out: folder to write.
        figures: `tokens`, `tag_accuracy`, `uas` and `las` for `dev`, `test` and `test_own_tokens`.
        stage: `epochs`, `generated_sentences_per_epoch`, `learn_rate` and `seed` of this run; it joins the
            stages of the pipeline that the run went on from.
    """
    stages = [*nlp.meta.get("training", []), stage]
    nlp.meta.update(
        name="specs_ewt",
        version="1.0.0",
        description="Penn tags and dependency trees for the detail units of long image captions.",
        author="SPECS Lens",
        license="CC-BY-SA-4.0",
        sources=[
            {
                "name": "UD_English-EWT",
                "url": "https://universaldependencies.org/treebanks/en_ewt/",
                "license": "CC BY-SA 4.0",
                "author": "Silveira et al. 2014; Universal Dependencies project",
            }
        ],
        performance=figures,
        training=stages,
        notes=_ATTRIBUTION + ".",
    )
    nlp.to_disk(out)
    _drop_words(nlp, out)
    rows = "\n".join(
        f"| {label} | {figures[key]['tokens']:,} | {figures[key]['tag_accuracy']:.4f} "
        f"| {figures[key]['uas']:.4f} | {figures[key]['las']:.4f} |"
        for key, label in (
            ("dev", "dev, its own tokens"),
            ("test", "test, its own tokens"),
            ("test_own_tokens", "test, tokens of the run-time tokenizer"),
        )
    )
    table = "\n".join(
        f"| {number} | {row['epochs']} | {row['generated_sentences_per_epoch']:,} | {row['learn_rate']} "
        f"| {row['seed']} |"
        for number, row in enumerate(stages, start=1)
    )
    (out / "README.md").write_text(
        _README.format(attribution=_ATTRIBUTION, rows=rows, stages=table), encoding="utf-8"
    )
    (out / "meta.json").write_text(
        json.dumps(nlp.meta, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _drop_words(nlp: Language, out: Path) -> None:
    """Leave only the strings that the pipeline needs: the words of the treebank reach it as hashes."""
    needed = set(spacy.blank(nlp.lang or "en").vocab.strings)
    for name in nlp.pipe_names:
        needed.update(getattr(nlp.get_pipe(name), "labels", ()))
    path = out / "vocab" / "strings.json"
    path.write_text(json.dumps(sorted(needed), ensure_ascii=False) + "\n", encoding="utf-8")
