"""The metrics as functions of a chunk of rows, each with one value for every row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from specs_core.baselines import text_overlap
from specs_core.baselines.cider import cider_d as cider_d_of
from specs_core.baselines.sentinels import random_score
from specs_core.batch import Row
from specs_core.metrics.inputs import TEMPLATE, Chunk, Value
from specs_core.scoring import clip_score as clip_score_of
from specs_core.scoring import cosine as cosine_of
from specs_core.scoring import ref_clip_score as ref_clip_score_of
from specs_core.scoring import specs_score

NO_REFERENCES = "no references"


def specs(chunk: Chunk) -> list[Value]:
    """Return SPECS of every row."""
    return chunk.noted(specs_score(chunk.similarity(chunk.plain)), chunk.plain)


def cosine(chunk: Chunk) -> list[Value]:
    """Return the cosine of image and caption."""
    return chunk.noted(chunk.similarity(chunk.plain), chunk.plain)


def clip_score(chunk: Chunk) -> list[Value]:
    """Return CLIPScore, the caption behind "A photo depicts "."""
    return chunk.noted(clip_score_of(chunk.similarity(chunk.prompted)), chunk.prompted)


def ref_clip_score(chunk: Chunk) -> list[Value]:
    """Return RefCLIPScore; references that do not fit the context are passed over and counted in the note."""
    texts = chunk.encoder.texts
    given = [[TEMPLATE + text for text in text_overlap.said(row.references)] for row in chunk.rows]
    fitting = [[text for text in each if texts.fits(texts.tokens(text))] for each in given]
    every = list(dict.fromkeys(text for each in fitting for text in each))
    features = dict(zip(every, chunk.encoder.text_features(every), strict=True))
    nearest = np.full(len(chunk.rows), np.nan)
    for place, each in enumerate(fitting):
        if each:
            nearest[place] = cosine_of(
                chunk.prompted.features[place], np.stack([features[text] for text in each])
            ).max()
    scores = ref_clip_score_of(clip_score_of(chunk.similarity(chunk.prompted)), nearest)
    values = chunk.noted(scores, chunk.prompted)
    for place, (all_of_them, inside) in enumerate(zip(given, fitting, strict=True)):
        beyond = len(all_of_them) - len(inside)
        note = f"{beyond} of {len(all_of_them)} references do not fit the context" if beyond else ""
        if not all_of_them:
            note = NO_REFERENCES
        if note and not (math.isnan(values[place].score) and chunk.image_problems[place]):
            values[place] = Value(values[place].score, "; ".join(filter(None, (values[place].note, note))))
    return values


def f_clip_score(chunk: Chunk) -> list[Value]:
    """Return F-CLIPScore of as much of the caption as fits behind the template."""
    from specs_core.attribution import attribute

    scores = np.full(len(chunk.rows), np.nan)
    for place, text in enumerate(chunk.prompted.read):
        if text and not chunk.image_problems[place]:
            found = attribute(chunk.encoder, chunk.image_features[place], text, template=TEMPLATE)
            scores[place] = found.f_clip_score
    return chunk.noted(scores, chunk.prompted)


def bleu_4(chunk: Chunk) -> list[Value]:
    """Return BLEU-4 against the references."""
    return _against_references(chunk, text_overlap.bleu_4)


def chrf(chunk: Chunk) -> list[Value]:
    """Return chrF against the references."""
    return _against_references(chunk, text_overlap.chrf)


def rouge_l(chunk: Chunk) -> list[Value]:
    """Return ROUGE-L against the references."""
    return _against_references(chunk, text_overlap.rouge_l)


def meteor(chunk: Chunk) -> list[Value]:
    """Return METEOR with synonyms against the references."""
    wordnet = chunk.inputs.wordnet
    return _against_references(
        chunk, lambda caption, references: text_overlap.meteor(caption, references, wordnet)
    )


def meteor_stem(chunk: Chunk) -> list[Value]:
    """Return METEOR without synonyms against the references."""
    return _against_references(chunk, text_overlap.meteor_stem)


def cider_d(chunk: Chunk) -> list[Value]:
    """Return CIDEr-D against the references, weighed by those of the whole data set."""
    frequencies = chunk.inputs.frequencies
    assert frequencies is not None
    values = _against_references(
        chunk, lambda caption, references: cider_d_of(caption, references, frequencies)
    )
    if frequencies.documents > 1:
        return values
    few = "the data set has only one set of references, so no n-gram is rarer than another"
    return [Value(value.score, value.note or few) for value in values]


def length_tokens(chunk: Chunk) -> list[Value]:
    """Return the caption's length in the model's tokens, start- and end-of-text included."""
    return [Value(float(chunk.encoder.count_tokens(row.caption))) for row in chunk.rows]


def unit_count(chunk: Chunk) -> list[Value]:
    """Return the number of the caption's detail units."""
    return [Value(float(len(units))) for units in chunk.units]


def text_only(chunk: Chunk) -> list[Value]:
    """Return SPECS of every caption against the image after its own in the circle of all images."""
    images, circle = chunk.inputs.images, chunk.inputs.circle
    assert images is not None
    assert circle is not None
    scores = np.full(len(chunk.rows), np.nan)
    notes = []
    first = [next(circle.after(row.image), None) for row in chunk.rows]
    images.features(path for path in first if path is not None)  # in one batch; they are remembered
    for place, row in enumerate(chunk.rows):
        note = "no other image of the set can be read"
        for other in circle.after(row.image):
            found, _ = images.features([other])
            if found:
                similarity = cosine_of(found[other], chunk.plain.features[place])
                scores[place], note = specs_score(similarity), chunk.plain.notes[place]
                break
        notes.append(note)
    return [Value(float(score), note) for score, note in zip(scores, notes, strict=True)]


def random(chunk: Chunk) -> list[Value]:
    """Return a random number for every id."""
    return [Value(random_score(row.id, seed=chunk.inputs.seed)) for row in chunk.rows]


def judge_fleur(chunk: Chunk) -> list[Value]:
    """Return what a language model that sees the image says, from 0 to 1."""
    judge = chunk.inputs.judge
    assert judge is not None
    return judge.map(lambda row: judge.fleur(row.image, row.caption), chunk.rows)


def judge_clair(chunk: Chunk) -> list[Value]:
    """Return what a language model that reads the references says, from 0 to 1."""
    judge = chunk.inputs.judge
    assert judge is not None

    def ask(row: Row) -> Value:
        references = text_overlap.said(row.references)
        return judge.clair(row.caption, references) if references else Value(math.nan, NO_REFERENCES)

    return judge.map(ask, chunk.rows)


def _against_references(chunk: Chunk, score: Callable[[str, Sequence[str]], float]) -> list[Value]:
    values = []
    for row in chunk.rows:
        if text_overlap.said(row.references):
            values.append(Value(score(row.caption, row.references)))
        else:
            values.append(Value(math.nan, NO_REFERENCES))
    return values
