"""Write the shipped pipeline folder with its card: source, licence and test figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spacy.language import Language

_ATTRIBUTION = (
    "Trained on UD_English-EWT, the Universal Dependencies English Web Treebank "
    "(Silveira et al. 2014, A Gold Standard Dependency Corpus for English; maintained by the "
    "Universal Dependencies project), CC BY-SA 4.0."
)


def write_card(
    nlp: Language, out: Path, *, figures: dict[str, dict[str, Any]], epoch: int, seed: int
) -> None:
    """Save the pipeline with a `meta.json` and a `README.md` that name the source, the licence and the figures.

    Args:
        nlp: the trained pipeline.
        out: folder to write.
        figures: `tokens`, `tag_accuracy`, `uas` and `las` for `dev`, `test` and `test_own_tokens`.
        epoch: how many epochs the kept weights saw.
        seed: of the training.
    """
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
        notes=f"{_ATTRIBUTION} Seed {seed}, epoch {epoch}.",
    )
    nlp.to_disk(out, exclude=["vocab.lookups", "lookups", "vectors"])
    rows = "\n".join(
        f"| {label} | {figures[key]['tokens']:,} | {figures[key]['tag_accuracy']:.4f} "
        f"| {figures[key]['uas']:.4f} | {figures[key]['las']:.4f} |"
        for key, label in (
            ("dev", "dev, the treebank's tokens"),
            ("test", "test, the treebank's tokens"),
            ("test_own_tokens", "test, tokens of the run-time tokenizer"),
        )
    )
    (out / "README.md").write_text(
        f"""# specs_ewt: tagger and parser of the detail units

{_ATTRIBUTION}
Licence of these weights: **CC BY-SA 4.0** (https://creativecommons.org/licenses/by-sa/4.0/), as the treebank's.
The text of the treebank is not contained.

A spaCy pipeline: hash embeddings and a convolution over four words to each side, shared by a tagger (Penn
Treebank tags) and a transition-based dependency parser (Universal Dependencies relations).

| part | tokens | tag accuracy | UAS | LAS |
| --- | --- | --- | --- | --- |
{rows}

Sentence by sentence, punctuation left out of UAS and LAS. Seed {seed}, {epoch} epochs. Made by

    python -m specs_core.segmentation.train_pipeline EWT_DIR OUT

It knows English of the web (weblogs, mail, newsgroups, reviews, answers). It was not trained on captions.
""",
        encoding="utf-8",
    )
    (out / "meta.json").write_text(
        json.dumps(nlp.meta, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
