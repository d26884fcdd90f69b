from itertools import pairwise

import pytest
import spacy
from spacy.tokens import Doc

from specs_core.segmentation import segment
from specs_core.segmentation.grammar import unit_starts


def _units(tagged):
    """Cut "word/TAG word/TAG" as one sentence."""
    words, tags = zip(*(pair.rsplit("/", 1) for pair in tagged.split()), strict=True)
    doc = Doc(
        spacy.blank("en").vocab, words=words, tags=tags, sent_starts=[i == 0 for i in range(len(words))]
    )
    starts = [*unit_starts(doc), len(words)]
    return [" ".join(words[a:b]) for a, b in pairwise(starts)]


def test_unit_starts_loose_words_go_with_the_chunk_behind_them():
    assert _units("A/DT dog/NN is/VBZ happily/RB on/IN a/DT mat/NN") == ["A dog", "is happily on a mat"]


def test_unit_starts_initial_the_stays_with_what_follows():
    assert _units("The/DT red/JJ car/NN is/VBZ in/IN the/DT street/NN") == ["The red car is in the street"]


def test_unit_starts_phrase_behind_a_noun_stays_with_it():
    assert _units("A/DT view/NN of/IN a/DT statue/NN on/IN cement/NN in/IN a/DT park/NN") == [
        "A view of a statue on cement",
        "in a park",
    ]


def test_unit_starts_leading_phrase_stays_with_its_clause():
    assert _units("To/IN the/DT left/NN of/IN the/DT car/NN there/EX is/VBZ a/DT box/NN") == [
        "To the left of the car there is a box"
    ]


def test_unit_starts_conjunction_opens_a_unit():
    assert _units("There/EX is/VBZ a/DT red/JJ car/NN and/CC a/DT tree/NN")[-1] == "and a tree"


@pytest.mark.parametrize("caption", ["A front view of a statue on cement in a park."])
def test_segment_by_grammar_paper_example_cuts_as_in_the_paper(caption):
    assert [unit.text for unit in segment(caption, segmenter="grammar")] == [
        "A front view of a statue on cement ",
        "in a park.",
    ]
