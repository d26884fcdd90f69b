"""Sentences, units and word groups nest: each finer cut has every boundary of the coarser one."""

import pytest
import spacy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from specs_core.segmentation import segment
from specs_core.segmentation.word_groups import unit_starts

CAPTION = (
    "A large red car is parked in the middle, under a blue kite. Behind it stands a tall tree with green "
    "leaves, and two men who are looking at them."
)
PIECES = [
    *(
        "a small dog",
        "with a hat,",
        "on the wall",
        "is",
        "which is red",
        "and",
        "the",
        "left-to-right.",
        "it",
    ),
    *("them", "“", "”", '"', "(", ")", "...", ".", "!", "\n\n", "\n- ", "🚗", "\ud83d", "\ufffd", "\u200b"),
    *("the man's", "isn't", "3.5 m", "—", "'", "two cats.", "He sees", "To the left of it", ", green leaves"),
]


def starts(caption, segmenter):
    return {unit.start for unit in segment(caption, segmenter=segmenter)}


def pieces(caption, segmenter):
    return [unit.text.strip() for unit in segment(caption, segmenter=segmenter)]


def test_sentences_are_one_unit_each():
    assert pieces(CAPTION, "sentences") == [
        "A large red car is parked in the middle, under a blue kite.",
        "Behind it stands a tall tree with green leaves, and two men who are looking at them.",
    ]
    assert pieces("Mr. Smith waves! “Stop!” shouts a man.\n\nA 3.5 m wall", "sentences") == [
        "Mr. Smith waves!",
        "“Stop!” shouts a man.",
        "A 3.5 m wall",
    ]


def test_word_groups_are_function_words_with_the_content_words_behind_them():
    assert pieces(CAPTION, "word_groups") == [
        "A large red car",
        "is parked",
        "in the middle,",
        "under a blue kite.",
        "Behind it",
        "stands a tall tree",
        "with green leaves,",
        "and two men",
        "who are looking",
        "at them.",
    ]


@pytest.mark.parametrize(
    ("caption", "groups"),
    [
        ("The man's well-known dog sits back-to-back.", ["The man's well-known dog", "sits back-to-back."]),
        ("A dog (in a hat) is barking.", ["A dog", "(in a hat)", "is barking."]),
        ("A man holds up a “red ball”.", ["A man", "holds up a “red ball”."]),
        ("There is a big box.", ["There is a big box."]),
        ("Cars 🚗 with wheels.", ["Cars 🚗", "with wheels."]),
    ],
)
def test_word_groups_keep_words_with_their_marks_together(caption, groups):
    assert pieces(caption, "word_groups") == groups


def test_word_groups_take_a_pronoun_by_what_it_does():
    def groups(relation):
        doc = Doc(
            spacy.blank("en").vocab,
            words=["Dogs", "see", "it", "there"],
            tags=["NNS", "VBP", "PRP", "RB"],
            deps=["nsubj", "ROOT", relation, "advmod"],
            heads=[1, 1, 1, 1],
            sent_starts=[True, False, False, False],
        )
        return unit_starts(doc)

    assert groups("obj") == [0, 1]
    doc = Doc(
        spacy.blank("en").vocab,
        words=["Near", "dogs", "it", "sits"],
        tags=["IN", "NNS", "PRP", "VBZ"],
        deps=["case", "obl", "nsubj", "ROOT"],
        heads=[1, 3, 3, 3],
        sent_starts=[True, False, False, False],
    )
    assert unit_starts(doc) == [0, 2]


def test_word_groups_never_leave_the_first_mark_of_a_unit_alone(monkeypatch):
    # Alone, it would go to the group before, and the unit's boundary with it.
    monkeypatch.setattr("specs_core.segmentation.dependency.unit_starts", lambda doc: [0, 1])
    doc = Doc(
        spacy.blank("en").vocab,
        words=["Cats", "-", "on", "mats", "with", "hats"],
        tags=["NNS", ":", "IN", "NNS", "IN", "NNS"],
        sent_starts=[True, False, False, False, False, False],
    )
    assert unit_starts(doc) == [0, 1, 4]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@example(["“", "a small dog", "...", "\ufffd", "is", "\ud83d", "and", "two cats."])
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=25))
def test_every_boundary_of_a_coarser_cut_is_one_of_the_finer(words):
    caption = "x " + " ".join(words)
    assert starts(caption, "sentences") <= starts(caption, "dependency") <= starts(caption, "word_groups")


def test_real_captions_have_more_word_groups_than_units_and_more_units_than_sentences(shared):
    import json

    rows = (shared / "data" / "units" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    counts = dict.fromkeys(("sentences", "dependency", "word_groups"), 0)
    for row in rows:
        caption = json.loads(row)["caption"]
        cuts = [starts(caption, name) for name in counts]
        assert cuts[0] <= cuts[1] <= cuts[2]
        for name, cut in zip(counts, cuts, strict=True):
            counts[name] += len(cut)
    assert counts["sentences"] * 1.5 < counts["dependency"] < counts["word_groups"] / 1.5
