import spacy
from spacy.tokens import Doc

from specs_core.segmentation.dependency import unit_starts
from specs_core.segmentation.universal import needs_conversion, universal


def _doc(rows):
    """Build a document of one sentence from (word, tag, head, ClearNLP relation)."""
    words, tags, heads, relations = zip(*rows, strict=True)
    return Doc(spacy.blank("en").vocab, words=words, tags=tags, heads=heads, deps=relations)


def _arcs(doc):
    return {token.text: (token.dep_, token.head.text) for token in universal(doc)}


def test_universal_prepositions_hang_on_their_nouns():
    doc = _doc(
        [
            ("cats", "NNS", 1, "nsubj"),
            ("sit", "VBP", 1, "ROOT"),
            ("in", "IN", 1, "prep"),
            ("front", "NN", 2, "pobj"),
            ("of", "IN", 3, "prep"),
            ("walls", "NNS", 4, "pobj"),
        ]
    )
    arcs = _arcs(doc)
    assert arcs["front"] == ("obl", "sit")
    assert arcs["in"] == ("case", "front")
    assert arcs["walls"] == ("nmod", "front")
    assert arcs["of"] == ("case", "walls")


def test_universal_predicates_head_their_copula():
    doc = _doc([("walls", "NNS", 1, "nsubj"), ("are", "VBP", 1, "ROOT"), ("red", "JJ", 1, "acomp")])
    assert _arcs(doc) == {"walls": ("nsubj", "red"), "are": ("cop", "red"), "red": ("ROOT", "red")}


def test_universal_there_is_keeps_its_verb():
    doc = _doc([("there", "EX", 1, "expl"), ("is", "VBZ", 1, "ROOT"), ("water", "NN", 1, "attr")])
    assert _arcs(doc) == {"there": ("expl", "is"), "is": ("ROOT", "is"), "water": ("nsubj", "is")}


def test_universal_conjuncts_hang_on_the_first_with_their_conjunction():
    doc = _doc(
        [
            ("cats", "NNS", 0, "ROOT"),
            (",", ",", 0, "punct"),
            ("dogs", "NNS", 0, "conj"),
            ("and", "CC", 2, "cc"),
            ("birds", "NNS", 2, "conj"),
        ]
    )
    arcs = _arcs(doc)
    assert arcs["dogs"] == ("conj", "cats")
    assert arcs["birds"] == ("conj", "cats")
    assert arcs["and"] == ("cc", "birds")


def test_unit_starts_turned_parse_cuts_as_the_shipped_parse_does():
    doc = _doc(
        [
            ("The", "DT", 1, "det"),
            ("wall", "NN", 2, "nsubj"),
            ("holds", "VBZ", 2, "ROOT"),
            ("a", "DT", 5, "det"),
            ("large", "JJ", 5, "amod"),
            ("painting", "NN", 2, "dobj"),
            ("near", "IN", 5, "prep"),
            ("the", "DT", 8, "det"),
            ("door", "NN", 6, "pobj"),
            ("and", "CC", 5, "cc"),
            ("a", "DT", 12, "det"),
            ("small", "JJ", 12, "amod"),
            ("mirror", "NN", 5, "conj"),
            ("that", "WDT", 14, "nsubj"),
            ("hangs", "VBZ", 12, "relcl"),
            ("low", "RB", 14, "advmod"),
        ]
    )
    turned = universal(doc)
    assert [turned[i].text for i in unit_starts(turned)] == ["The", "near", "and", "that"]
    assert [token.is_sent_start for token in turned].count(True) == 1


def test_needs_conversion_shipped_pipeline_does_not():
    from specs_core.segmentation.parsing import SHIPPED_PIPELINE

    assert not needs_conversion(spacy.load(SHIPPED_PIPELINE))
    other = spacy.blank("en")
    other.add_pipe("parser").add_label("pobj")
    assert needs_conversion(other)
