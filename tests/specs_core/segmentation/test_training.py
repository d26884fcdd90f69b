import gzip
import random

import spacy

from specs_core.segmentation.training.__main__ import draw_examples, evaluate, gold_doc
from specs_core.segmentation.training.caption_treebank import draw_caption_sentences
from specs_core.segmentation.training.treebank import TreebankToken, read_sentences

CONLLU = """# newdoc id = one
# text = Don't run.
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\t_\t3\taux\t_\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_
3\trun\trun\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No
3.1\tgone\t_\t_\t_\t_\t_\t_\t_\t_
4\t.\t.\tPUNCT\t.\t_\t3\tpunct\t_\t_

# newdoc id = two
1\tGo\tgo\tVERB\tVB\t_\t0\troot\t_\t_

"""


def test_read_sentences_splits_multiword_tokens_and_drops_empty_nodes(tmp_path):
    path = tmp_path / "part.conllu.gz"
    path.write_bytes(gzip.compress(CONLLU.encode()))
    first, second = read_sentences(path)
    assert first.tokens == (
        TreebankToken("Do", "VB", 2, "aux", False),
        TreebankToken("n't", "RB", 2, "advmod", True),
        TreebankToken("run", "VB", -1, "root", False),
        TreebankToken(".", ".", 2, "punct", True),
    )
    assert (first.document, second.document) == ("one", "two")
    assert gold_doc(spacy.blank("en"), [first]).text.strip() == "Don't run."


def test_draw_caption_sentences_gives_one_tree_each_and_repeats_with_the_seed():
    sentences = draw_caption_sentences(300, random.Random(5))
    assert sentences == draw_caption_sentences(300, random.Random(5))
    for sentence in sentences:
        heads = [token.head for token in sentence.tokens]
        assert heads.count(-1) == 1
        for index in range(len(heads)):
            seen = set()
            while heads[index] != -1:
                assert index not in seen
                seen.add(index)
                index = heads[index]


def test_draw_caption_sentences_texts_are_tokenized_as_they_were_built():
    nlp = spacy.blank("en")
    for sentence in draw_caption_sentences(300, random.Random(6)):
        doc = gold_doc(nlp, [sentence])
        assert [token.text for token in nlp.make_doc(doc.text)] == [token.text for token in sentence.tokens]


def test_draw_examples_keeps_every_sentence_and_lower_cases_some():
    nlp = spacy.blank("en")
    sentences = draw_caption_sentences(200, random.Random(7))
    examples = draw_examples(nlp, sentences, random.Random(0))
    assert sum(len(example.reference) for example in examples) == sum(len(s.tokens) for s in sentences)
    lower = [example for example in examples if example.reference.text == example.reference.text.lower()]
    assert 0 < len(lower) < len(examples) / 2


def test_evaluate_shipped_pipeline_on_generated_captions_is_mostly_right():
    from specs_core.segmentation.parsing import SHIPPED_PIPELINE

    figures = evaluate(
        spacy.load(SHIPPED_PIPELINE), draw_caption_sentences(60, random.Random(8)), gold_tokens=False
    )
    assert figures.tag_accuracy > 0.9
    assert figures.uas > 0.8
    assert figures.las <= figures.uas
