import math

import numpy as np
import pytest

from specs_core.attribution import TEMPLATE, attribute
from specs_core.datasets.hallucinations import word_spans
from specs_core.encoder import load_encoder
from specs_core.errors import AttributionError
from specs_core.evaluation import word_evidence as module
from specs_core.evaluation.word_evidence import SIGNALS, f_clip_score, ref_clip_score, word_evidence
from specs_core.images import read_image
from specs_core.scoring import cosine
from specs_core.segmentation.units import cut_at

CAPTION = "A red disc lies left, above green ground. A 1.5 m blue square!"


@pytest.fixture(scope="module")
def image(tiny_encoder, drawn_image):
    return tiny_encoder.image_features([read_image(drawn_image)])[0]


@pytest.fixture
def evidence(tiny_encoder, image):
    return word_evidence(tiny_encoder, image, CAPTION, units())


def units(caption=CAPTION):
    return tuple(cut_at(caption, [0, caption.index("above"), caption.index("A 1.5")]))


def similarity(encoder, image, text):
    return float(cosine(image, encoder.text_features([text])[0]))


def test_word_signals_equal_those_of_separate_texts(tiny_encoder, image, evidence):
    starts = [start for start, _ in word_spans(CAPTION)]
    assert evidence.words == len(starts) == 14  # "1.5" is two words, as in word attribution
    whole = similarity(tiny_encoder, image, CAPTION)
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(CAPTION)], strict=True)):
        gain = whole - similarity(tiny_encoder, image, CAPTION[:start] + CAPTION[end:])
        assert evidence.suspicion["word_leave_one_out"][number] == pytest.approx(-gain, abs=2e-6)
        if number:
            step = similarity(tiny_encoder, image, CAPTION[:end]) - similarity(
                tiny_encoder, image, CAPTION[:start]
            )
            assert evidence.suspicion["word_delta"][number] == pytest.approx(-step, abs=2e-6)
    assert math.isnan(evidence.suspicion["word_delta"][0])


def test_a_word_has_the_delta_and_the_gain_of_its_unit(tiny_encoder, image, evidence):
    edges = [CAPTION.index("above"), CAPTION.index("A 1.5"), len(CAPTION)]
    known = [similarity(tiny_encoder, image, CAPTION[:edge]) for edge in edges]
    texts = [unit.text for unit in units()]
    gains = [known[-1] - similarity(tiny_encoder, image, CAPTION.replace(text, "")) for text in texts]
    assert evidence.unit.tolist() == [0] * 5 + [1] * 3 + [2] * 6
    delta = -evidence.suspicion["unit_delta"]
    assert np.isnan(delta[:5]).all()
    assert delta[5:8] == pytest.approx([known[1] - known[0]] * 3, abs=2e-6)
    assert -evidence.suspicion["unit_leave_one_out"][[0, 5, 8]] == pytest.approx(gains, abs=2e-6)
    assert evidence.lowest_delta == pytest.approx(np.diff(known).min(), abs=2e-6)
    assert evidence.lowest_leave_one_out == pytest.approx(min(gains), abs=2e-6)


def test_attribution_and_clip_score_are_those_of_the_caption(tiny_encoder, image, evidence):
    found = attribute(tiny_encoder, image, CAPTION)
    assert (-evidence.suspicion["attribution"]).tolist() == [word.attribution for word in found.words]
    assert (evidence.cosine, evidence.clip_score) == (found.cosine, found.clip_score)
    assert evidence.attributed == evidence.read == evidence.words
    below = sum(word.attribution for word in found.words if word.misaligned)
    assert f_clip_score(evidence, below) == pytest.approx(found.f_clip_score)


def test_words_past_the_context_have_no_signal(tiny_encoder, image, monkeypatch):
    shorter = tiny_encoder.count_tokens(CAPTION[: CAPTION.index("A 1.5")])
    monkeypatch.setattr(tiny_encoder.texts, "context_length", shorter)
    evidence = word_evidence(tiny_encoder, image, CAPTION, units())
    assert evidence.read == 8
    template = tiny_encoder.count_tokens(TEMPLATE) - 2
    assert 8 - template <= evidence.attributed < 8
    for name in SIGNALS:
        assert np.isnan(evidence.suspicion[name][8:]).all(), name
    assert not np.isnan(evidence.suspicion["word_leave_one_out"][:8]).any()
    # Without the words past the context, as if the caption ended there.
    text = CAPTION[: CAPTION.index("A 1.5")]
    first = word_evidence(tiny_encoder, image, text, units()[:2])
    assert evidence.suspicion["word_leave_one_out"][:8] == pytest.approx(
        first.suspicion["word_leave_one_out"], abs=1e-6
    )
    assert math.isnan(evidence.cosine)
    assert math.isnan(evidence.clip_score)


def test_an_only_word_has_an_attribution_alone(tiny_encoder, image):
    evidence = word_evidence(tiny_encoder, image, "Square.", tuple(cut_at("Square.", [0])))
    known = [name for name in SIGNALS if not np.isnan(evidence.suspicion[name]).any()]
    assert known == ["attribution"]
    assert math.isnan(evidence.lowest_delta)
    assert math.isnan(evidence.lowest_leave_one_out)


def test_a_text_tower_that_is_not_causal_gives_no_attribution_but_a_clip_score(
    tiny_checkpoint, image, monkeypatch
):
    encoder = load_encoder(str(tiny_checkpoint))
    encoder.one_pass = False
    evidence = word_evidence(encoder, image, CAPTION, units())
    assert evidence.attributed == 0
    assert evidence.cosine == pytest.approx(similarity(encoder, image, TEMPLATE + CAPTION), abs=1e-6)
    assert not np.isnan(evidence.suspicion["word_leave_one_out"]).any()


def test_weights_that_cannot_be_attributed_stay_an_error(tiny_encoder, image, monkeypatch):
    def fail(*args, **options):
        raise AttributionError("not finite")

    monkeypatch.setattr(module, "attribute", fail)
    with pytest.raises(AttributionError, match="not finite"):
        word_evidence(tiny_encoder, image, CAPTION, units())


def test_ref_clip_score_is_the_harmonic_mean_with_the_nearest_of_all_references(
    tiny_encoder, image, evidence
):
    references = ("Green ground.", CAPTION.replace("red", "dark red"), "A bus.")
    texts = tiny_encoder.text_features([TEMPLATE + text for text in (CAPTION, *references)])
    nearest = max(float(cosine(texts[0], text)) for text in texts[1:])
    score = evidence.clip_score
    expected = 0.0 if score <= 0 else 2 * score * nearest / (score + nearest)
    found = ref_clip_score(tiny_encoder, evidence, CAPTION, references)
    assert found == pytest.approx(expected)
    # The nearest may be any of them.
    assert found == pytest.approx(ref_clip_score(tiny_encoder, evidence, CAPTION, references[1:2]))
    assert math.isnan(ref_clip_score(tiny_encoder, evidence, CAPTION, ()))
