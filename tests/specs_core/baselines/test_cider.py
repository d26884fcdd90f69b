"""CIDEr-D: worked by hand, against values of the published code, and laws."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs_core.baselines.cider import DocumentFrequencies, cider_d

TWO = DocumentFrequencies([["red car"], ["blue dog"]])
WORDS = st.lists(st.sampled_from("a red car dog runs on".split()), min_size=1, max_size=8).map(" ".join)


def test_cider_d_worked_by_hand():
    # words and pairs agree, and there are neither triples nor quadruples: (1 + 1 + 0 + 0) / 4
    assert cider_d("Red car.", ["red car"], TWO) == pytest.approx(5)
    # one word of two, no pair
    assert cider_d("red dog", ["red car"], TWO) == pytest.approx(10 / 4 * 0.5)
    # one word shorter
    assert cider_d("red", ["red car"], TWO) == pytest.approx(10 / 4 * math.exp(-1 / 72) / math.sqrt(2))
    # the second "red" is clipped: log(2)^2 over 2 log(2) and sqrt(2) log(2)
    assert cider_d("red red", ["red car"], TWO) == pytest.approx(10 / 4 / (2 * math.sqrt(2)))
    # the mean over references
    assert cider_d("red car", ["red car", "blue dog"], TWO) == pytest.approx(2.5)


def test_a_word_of_every_document_weighs_nothing():
    frequencies = DocumentFrequencies([["a car"], ["a dog"]])
    assert frequencies.weight(("a",)) == 0
    assert frequencies.weight(("car",)) == frequencies.weight(("never",)) == pytest.approx(math.log(2))
    assert cider_d("a", ["a car"], frequencies) == 0


def test_cider_d_gives_the_values_of_the_published_code():
    references = [
        ["a red car on a road", "the red car drives on a road"],
        ["a dog runs on the grass", "a brown dog in grass"],
        ["two cats sleep on a sofa", "cats sleeping on the couch"],
    ]
    captions = ["a red car on the road", "a dog sleeps on the grass", "two dogs on a sofa"]
    frequencies = DocumentFrequencies(references)
    found = [cider_d(text, own, frequencies) for text, own in zip(captions, references, strict=True)]
    # pycocoevalcap 1.2, Cider().compute_score, on the same words
    assert found == pytest.approx([4.53335140, 2.50314938, 1.45649666], abs=1e-8)


def test_documents_count_once_in_any_order_and_blank_ones_not_at_all():
    one = DocumentFrequencies([["a car", "my car"], ["a dog"], ["my car", "a car"], [], [" "]])
    other = DocumentFrequencies([["a dog"], ["my car", "a car"]])
    assert one.documents == other.documents == 2
    assert one.weight(("car",)) == pytest.approx(math.log(2))
    assert one.sha256 == other.sha256 != TWO.sha256


@pytest.mark.parametrize("references", [[], [""]])
def test_cider_d_without_references_is_nan(references):
    assert math.isnan(cider_d("red car", references, TWO))


def test_cider_d_of_one_document_is_nan_because_nothing_is_rare():
    assert math.isnan(cider_d("red car", ["red car"], DocumentFrequencies([["red car"]])))


@given(WORDS, st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=2, max_size=4))
def test_cider_d_stays_within_its_range(caption, documents):
    frequencies = DocumentFrequencies(documents)
    value = cider_d(caption, documents[0], frequencies)
    assert math.isnan(value) if frequencies.documents < 2 else 0 <= value <= 10
