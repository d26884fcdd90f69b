"""Train the shipped tagger and parser on a treebank in CoNLL-U.

    python -m specs_core.segmentation.training EWT_DIR OUT

`EWT_DIR` holds `train.conllu.gz`, `dev.conllu.gz` and `test.conllu.gz` of UD_English-EWT; `OUT` becomes a
spaCy pipeline folder with its card. The text of the treebank is not kept in the pipeline.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.batchers import minibatch_by_words
from thinc.api import Adam, Config, fix_random_seed, use_ops
from tqdm import tqdm

from specs_core.segmentation.training.caption_treebank import draw_caption_sentences
from specs_core.segmentation.training.card import write_card
from specs_core.segmentation.training.treebank import Sentence, read_sentences

_CONFIG = """
[nlp]
lang = "en"
pipeline = ["tok2vec", "tagger", "parser"]

[components]

[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
@architectures = "spacy.Tok2Vec.v2"

[components.tok2vec.model.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 96
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [6000, 1000, 2500, 1500]
include_static_vectors = false

[components.tok2vec.model.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = 96
depth = 4
window_size = 1
maxout_pieces = 3

[components.tagger]
factory = "tagger"

[components.tagger.model]
@architectures = "spacy.Tagger.v2"

[components.tagger.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 96

[components.parser]
factory = "parser"
min_action_freq = 20

[components.parser.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "parser"
extra_state_tokens = false
hidden_width = 128
maxout_pieces = 2
use_upper = true

[components.parser.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 96
"""


@dataclass(frozen=True)
class Figures:
    """Accuracy on one part of the treebank, each in [0, 1]."""

    tokens: int
    tag_accuracy: float
    uas: float
    las: float


def gold_doc(nlp: Language, sentences: Sequence[Sentence], *, lower: bool = False) -> Doc:
    """Build the gold document of consecutive sentences.

    Args:
        nlp: the pipeline whose vocabulary the document uses.
        sentences: at least one sentence, in order.
        lower: lower-case every word, as in captions typed without capitals.

    Returns:
        A document with tags, heads, relations and sentence starts.
    """
    words: list[str] = []
    spaces: list[bool] = []
    tags: list[str] = []
    heads: list[int] = []
    relations: list[str] = []
    starts: list[bool | int | None] = []
    for sentence in sentences:
        offset = len(words)
        for i, token in enumerate(sentence.tokens):
            words.append(token.text.lower() if lower else token.text)
            spaces.append(token.space_after)
            tags.append(token.tag)
            heads.append(offset + (i if token.head < 0 else token.head))
            relations.append("ROOT" if token.head < 0 else token.relation)
            starts.append(i == 0)
        spaces[-1] = True
    return Doc(
        nlp.vocab, words=words, spaces=spaces, tags=tags, heads=heads, deps=relations, sent_starts=starts
    )


def draw_examples(nlp: Language, sentences: Sequence[Sentence], rng: random.Random) -> list[Example]:
    """Cut the treebank into documents of one to four sentences, a tenth of them in lower case.

    Captions are several sentences long, and the convolution sees words of the neighbouring sentences, so
    single sentences alone would leave every sentence edge unseen in training.
    """
    examples = []
    start = 0
    while start < len(sentences):
        size = rng.choice((1, 1, 2, 3, 4))
        end = start + 1
        while (
            end < min(start + size, len(sentences)) and sentences[end].document == sentences[start].document
        ):
            end += 1
        reference = gold_doc(nlp, sentences[start:end], lower=rng.random() < 0.1)
        examples.append(Example(_bare(nlp, reference), reference))
        start = end
    rng.shuffle(examples)
    return examples


def _bare(nlp: Language, reference: Doc, *, sentence_starts: bool = False) -> Doc:
    return Doc(
        nlp.vocab,
        words=[token.text for token in reference],
        spaces=[bool(token.whitespace_) for token in reference],
        sent_starts=[bool(token.is_sent_start) for token in reference] if sentence_starts else None,
    )


def evaluate(nlp: Language, sentences: Sequence[Sentence], *, gold_tokens: bool = True) -> Figures:
    """Measure tags and trees, sentence by sentence.

    Args:
        nlp: the pipeline.
        sentences: the gold sentences.
        gold_tokens: parse the treebank's own tokens; otherwise what the tokenizer makes of the text, where
            words that it cuts differently count as wrong.

    Returns:
        Tag accuracy, unlabelled and labelled attachment score (punctuation left out, as spaCy does).
    """
    examples = []
    for sentence in sentences:
        reference = gold_doc(nlp, [sentence])
        bare = _bare(nlp, reference, sentence_starts=True) if gold_tokens else nlp.make_doc(reference.text)
        if not gold_tokens:
            for token in bare:
                token.is_sent_start = token.i == 0
        examples.append(Example(bare, reference))
    for example, doc in zip(examples, nlp.pipe([e.predicted for e in examples], batch_size=256), strict=True):
        example.predicted = doc
    scores: dict[str, Any] = {**Scorer.score_token_attr(examples, "tag")}
    scores |= Scorer.score_deps(
        examples, "dep", ignore_labels=("p", "punct"), getter=lambda token, attr: getattr(token, attr + "_")
    )
    return Figures(
        tokens=sum(len(e.reference) for e in examples),
        tag_accuracy=round(float(scores["tag_acc"]), 4),
        uas=round(float(scores["dep_uas"]), 4),
        las=round(float(scores["dep_las"]), 4),
    )


def _batch_sizes() -> Iterator[int]:
    size = 300.0
    while True:
        yield int(size)
        size = min(size * 1.002, 1200.0)


def train(
    train_part: Sequence[Sentence],
    dev_part: Sequence[Sentence],
    *,
    best: Path,
    seed: int,
    epochs: int,
    captions: int = 0,
    learn_rate: float = 0.001,
    start_from: Path | None = None,
) -> tuple[Language, int]:
    """Train for a number of epochs, and keep the best of them on the dev part.

    Nothing depends on the clock, so the same arguments give the same weights on the same machine.

    Args:
        train_part: sentences to learn from.
        dev_part: sentences that choose the epoch.
        best: folder that holds the best pipeline so far; it survives an interrupted run.
        seed: of the weights, the order and the drawn documents.
        epochs: passes over the training part.
        captions: generated caption sentences mixed into every epoch, drawn anew each time.
        learn_rate: of the first epoch; it falls in a straight line towards a tenth.
        start_from: a pipeline trained earlier to go on from.

    Returns:
        The best pipeline and the number of epochs that it saw.
    """
    fix_random_seed(seed)
    rng = random.Random(seed)
    if start_from is not None:
        nlp = spacy.load(start_from)
    else:
        nlp = spacy.util.load_model_from_config(Config().from_str(_CONFIG), auto_fill=True)
        sample = draw_examples(nlp, train_part, random.Random(seed))
        nlp.initialize(lambda: sample)
    optimizer = Adam(
        learn_rate=learn_rate, L2=0.01, L2_is_weight_decay=True, grad_clip=1.0, use_averages=True
    )
    begun = time.monotonic()
    sizes = _batch_sizes()
    best_score, best_epoch = -1.0, 0
    for epoch in range(1, epochs + 1):
        optimizer.learn_rate = learn_rate * (1.0 - 0.9 * (epoch - 1) / epochs)
        losses: dict[str, float] = {}
        examples = draw_examples(nlp, [*train_part, *draw_caption_sentences(captions, rng)], rng)
        with tqdm(total=len(examples), desc=f"epoch {epoch}", unit="doc", leave=False, disable=None) as bar:
            for batch in minibatch_by_words(examples, size=sizes):  # type: ignore[arg-type]
                nlp.update(batch, drop=0.15, sgd=optimizer, losses=losses)
                bar.update(len(batch))
        with nlp.use_params(optimizer.averages):
            figures = evaluate(nlp, dev_part)
            score = 0.3 * figures.tag_accuracy + 0.7 * figures.las
            if score > best_score:
                best_score, best_epoch = score, epoch
                nlp.to_disk(best)
        seconds = time.monotonic() - begun
        tqdm.write(
            f"epoch {epoch} {seconds:.0f} s loss {sum(losses.values()):.0f} "
            f"tag {figures.tag_accuracy:.4f} uas {figures.uas:.4f} las {figures.las:.4f}"
        )
    return spacy.load(best), best_epoch


def main(argv: Sequence[str] | None = None) -> int:
    """Train, measure on the test part and write the pipeline folder."""
    parser = argparse.ArgumentParser(prog="python -m specs_core.segmentation.training")
    parser.add_argument("treebank", type=Path, help="folder with train, dev and test.conllu.gz")
    parser.add_argument("out", type=Path, help="folder to write the pipeline to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--captions", type=int, default=3000, help="generated caption sentences in an epoch")
    parser.add_argument("--learn-rate", type=float, default=0.001)
    parser.add_argument("--start-from", type=Path, help="pipeline folder to go on from")
    args = parser.parse_args(argv)
    parts = {part: read_sentences(args.treebank / f"{part}.conllu.gz") for part in ("train", "dev", "test")}
    scratch = args.out.with_name(args.out.name + ".best")
    with use_ops("numpy"):
        nlp, epoch = train(
            parts["train"],
            parts["dev"],
            best=scratch,
            seed=args.seed,
            epochs=args.epochs,
            captions=args.captions,
            learn_rate=args.learn_rate,
            start_from=args.start_from,
        )
        figures = {
            "dev": asdict(evaluate(nlp, parts["dev"])),
            "test": asdict(evaluate(nlp, parts["test"])),
            "test_own_tokens": asdict(evaluate(nlp, parts["test"], gold_tokens=False)),
        }
    stage = {
        "epochs": epoch,
        "generated_sentences_per_epoch": args.captions,
        "learn_rate": args.learn_rate,
        "seed": args.seed,
    }
    write_card(nlp, args.out, figures=figures, stage=stage)
    shutil.rmtree(scratch)
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
