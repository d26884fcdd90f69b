"""Overlap with references: worked by hand, and the libraries' own defaults where they are kept."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs_core.baselines.text_overlap import (
    bleu_4,
    caption_words,
    chrf,
    meteor,
    meteor_stem,
    overlap_version,
    read_wordnet,
    rouge_l,
)
from specs_core.errors import ConfigError

METRICS = (bleu_4, chrf, rouge_l, meteor_stem)
WORDS = st.lists(st.sampled_from("a red car dogs runs on the grass café".split()), min_size=1, max_size=12)


def test_caption_words_are_lower_case_without_punctuation_in_any_script():
    text = "The dog's well-lit CAFÉ: 3.5 m (12,000 ft) - «Привет, мир» it’s_over.Really"
    assert caption_words(text) == [
        *("the", "dog's", "well-lit", "café", "3.5", "m", "12,000", "ft", "привет", "мир", "it’s"),
        *("over", "really"),
    ]
    assert caption_words(" - ... \n") == []


def test_bleu_4_worked_by_hand():
    # 5 of 6 words, 3 of 5 pairs, 2 of 4 triples, 1 of 3 quadruples; as long as the reference
    expected = 100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    assert bleu_4("A red car on the road", ["a red car on a road"]) == pytest.approx(expected)
    # all of 3 words, pairs and triples are there, and the caption is half as long
    assert bleu_4("a red car", ["a red car on the road"]) == pytest.approx(100 * math.exp(-1))


def test_chrf_worked_by_hand():
    # one and two letters count: precision 1 and 1, recall 2/3 and 1/2; F2 of 1 and 7/12
    assert chrf("AB", ["abc"]) == pytest.approx(100 * 5 * (7 / 12) / (4 + 7 / 12))


def test_rouge_l_worked_by_hand():
    assert rouge_l("a red car on the road", ["a red car on a road"]) == pytest.approx(5 / 6)
    # two words of three in order, out of two: precision 2/3, recall 1
    assert rouge_l("Ein RÖTLICHES Café", ["ein café"]) == pytest.approx(0.8)


def test_meteor_stem_worked_by_hand():
    assert meteor_stem("two dogs run", ["Two dogs run."]) == pytest.approx(1 - 0.5 / 3**3)
    assert meteor_stem("dog running", ["dogs run"]) == pytest.approx(1 - 0.5 / 2**3)
    # precision 2/3, recall 1, two chunks of two words
    assert meteor_stem("a red car", ["a car"]) == pytest.approx(0.5 * (2 / 3) / (0.9 * 2 / 3 + 0.1))


def test_every_overlap_of_several_references_is_that_of_the_best_except_for_bleu():
    caption, near, far = "a red car on the road", "a red car on a road", "two dogs sleep here"
    for metric in (chrf, rouge_l, meteor_stem):
        assert metric(caption, [far, near]) == metric(caption, [near]) > metric(caption, [far])
    # BLEU counts an n-gram that any of them has
    assert bleu_4(caption, ["a red car", "on the road"]) > bleu_4(caption, ["a red car"])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("references", [[], [""], [" \n", ""]])
def test_overlap_without_references_is_nan_and_not_zero(metric, references):
    assert math.isnan(metric("a red car", references))


@pytest.mark.parametrize("metric", METRICS)
def test_blank_references_beside_others_do_not_count(metric):
    assert metric("a red car", ["", "a red car on a road"]) == metric("a red car", ["a red car on a road"])


@pytest.mark.parametrize("metric", METRICS)
def test_overlap_of_texts_without_a_word_is_zero(metric):
    assert metric("...", ["a red car"]) == 0


@given(WORDS, st.lists(WORDS, min_size=1, max_size=3))
def test_overlap_stays_within_its_range_and_a_reference_itself_scores_highest(words, references):
    caption, given_references = " ".join(words), [" ".join(each) for each in references]
    for metric, highest in zip(METRICS, (100, 100, 1, 1), strict=True):
        value = metric(caption, given_references)
        assert 0 <= value <= highest
        assert metric(caption, [*given_references, caption]) >= value - 1e-9
    assert bleu_4(caption, [caption]) == pytest.approx(100)
    assert rouge_l(caption, [caption]) == 1


def test_bleu_and_chrf_are_the_librarys_own_on_lower_case_texts():
    from sacrebleu import sentence_bleu, sentence_chrf

    caption, references = "two dogs, one brown.", ["there are two dogs here", "one brown dog, one white"]
    assert bleu_4(caption.upper(), references) == sentence_bleu(caption, references).score
    assert chrf(caption.upper(), references) == sentence_chrf(caption, references).score


@pytest.fixture
def wordnet_folder(tmp_path: Path) -> Path:
    """A WordNet of one entry: car and auto are the same thing."""
    licence = "  1 A WordNet of one entry, made for a test.\n"
    synset = "00000045 06 n 02 car 0 auto 0 000 | a thing with four wheels  \n"
    assert len(licence) == 45
    for pos in ("noun", "verb", "adj", "adv"):
        (tmp_path / f"data.{pos}").write_text(licence + (synset if pos == "noun" else ""))
        (tmp_path / f"index.{pos}").write_text(licence)
        (tmp_path / f"{pos}.exc").write_text("")
    entries = "".join(f"{word} n 1 0 1 0 00000045  \n" for word in ("auto", "car"))
    (tmp_path / "index.noun").write_text(licence + entries)
    (tmp_path / "lexnames").write_text("".join(f"{n:02d}\tnoun.n{n}\t1\n" for n in range(45)))
    return tmp_path


def test_meteor_with_a_folder_of_wordnet_matches_synonyms(wordnet_folder):
    wordnet = read_wordnet(wordnet_folder)
    assert meteor("an auto", ["an auto"], wordnet) == meteor("an auto", ["an car"], wordnet)
    assert meteor("an auto", ["an car"], wordnet) == pytest.approx(1 - 0.5 / 2**3)
    assert meteor_stem("an auto", ["an car"]) < 0.5
    assert math.isnan(meteor("an auto", [], wordnet))


def test_a_folder_without_wordnet_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=rf"{tmp_path.name} holds no WordNet .*SPECS_WORDNET"):
        read_wordnet(tmp_path)


def test_versions_name_the_library_and_differ():
    names = ("bleu_4", "chrf", "rouge_l", "meteor", "meteor_stem")
    assert len({overlap_version(name) for name in names}) == len(names)
    assert overlap_version("bleu_4").startswith("sacrebleu 2.")
