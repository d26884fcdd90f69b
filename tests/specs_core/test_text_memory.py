import numpy as np
import pytest

from specs_core.encoder import load_encoder
from specs_core.segmentation.units import DetailUnit, cut_at
from specs_core.text_memory import TextMemory

CAPTION = "A red disc lies on the left, above green ground. A blue square stands beside it. The sky is pale."
STARTS = ("above", "A blue", "stands", "The sky")


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint):
    return load_encoder(str(tiny_checkpoint))


def cut(text: str) -> list[DetailUnit]:
    return list(cut_at(text, [0, *(text.index(start) for start in STARTS if start in text)]))


@pytest.mark.parametrize(
    "edited",
    [
        CAPTION,
        CAPTION.replace("A blue square stands beside it. ", ""),
        CAPTION.replace("A red disc", "A tiny red disc"),
        CAPTION + " A duck swims.",
        "above green ground. The sky is pale.",
    ],
)
def test_an_edited_caption_has_the_features_that_it_has_without_a_memory(encoder, edited):
    memory = TextMemory()
    encoder.prefix_features(cut(CAPTION), memory=memory)
    found = encoder.prefix_features(cut(edited), memory=memory)
    plain = encoder.prefix_features(cut(edited))
    np.testing.assert_allclose(found.features, plain.features, atol=2e-6)
    assert found.tokens.tolist() == plain.tokens.tolist()
    # What was kept of the edited caption is as good as what was kept of the first one.
    again = encoder.prefix_features(cut(edited + " It rains."), memory=memory)
    np.testing.assert_allclose(
        again.features, encoder.prefix_features(cut(edited + " It rains.")).features, atol=2e-6
    )


def test_a_unit_that_ends_within_a_token_is_encoded_beside_the_trunk_from_memory_too(encoder):
    text = "A red discus lies there."
    units = cut_at(text, [0, text.index("us")])
    memory = TextMemory()
    encoder.prefix_features(cut_at("A red discus.", [0]), memory=memory)
    found = encoder.prefix_features(units, memory=memory)
    np.testing.assert_allclose(found.features, encoder.prefix_features(units).features, atol=2e-6)


def test_only_what_differs_is_encoded(encoder, monkeypatch):
    seen = []
    embedding = encoder.model.token_embedding
    monkeypatch.setattr(embedding, "forward", _counting(embedding.forward, seen))
    memory = TextMemory()
    units = cut(CAPTION)
    encoder.prefix_features(units, memory=memory)
    assert seen == [encoder.count_tokens(CAPTION) - 1 + len(units)]
    encoder.prefix_features(units[:-1], memory=memory)  # every prefix is known
    assert len(seen) == 1
    without = cut(CAPTION.replace("A blue square ", ""))
    encoder.prefix_features(without, memory=memory)
    rest = encoder.count_tokens(CAPTION[CAPTION.index("stands") :]) - 2
    assert seen[1] == rest + 2  # two prefixes are new, each with an end-of-text token


def test_a_score_does_not_depend_on_what_was_asked_before_where_nothing_is_recalled(encoder, monkeypatch):
    memory = TextMemory()
    encoder.prefix_features(cut(CAPTION.replace("pale", "dark")), memory=memory)
    plain = encoder.prefix_features(cut(CAPTION)).features
    monkeypatch.setattr(memory, "recall", lambda ids: pytest.fail("recalled"))
    monkeypatch.setattr(memory, "feature", lambda ids: pytest.fail("recalled"))
    found = encoder.prefix_features(cut(CAPTION), memory=memory.only_kept()).features
    assert (found == plain).all()
    assert len(memory) == len(memory.only_kept()) == 2


def test_the_oldest_captions_are_dropped_where_they_take_too_much(encoder):
    memory = TextMemory(megabytes=0)
    for text in (CAPTION, "The sky is pale.", "Another."):
        encoder.prefix_features(cut(text), memory=memory)
        assert len(memory) == 1
    roomy = TextMemory()
    for text in (CAPTION, "The sky is pale.", CAPTION):
        encoder.prefix_features(cut(text), memory=roomy)
    assert len(roomy) == 2


def test_a_feature_that_was_longest_not_asked_for_is_forgotten_first(encoder, monkeypatch):
    monkeypatch.setattr("specs_core.text_memory.MOST_FEATURES", 2)
    memory = TextMemory()
    texts = ["A cat.", "A dog.", "A hen."]
    first, second, third = [encoder.texts.tokens(text) for text in texts]
    for text in texts[:2]:
        encoder.prefix_features(cut_at(text, [0]), memory=memory)
    assert memory.feature(first) is not None
    encoder.prefix_features(cut_at(texts[2], [0]), memory=memory)
    assert memory.feature(second) is None
    assert memory.feature(first) is not None
    assert memory.feature(third) is not None


def _counting(forward, seen):
    def counted(ids):
        seen.append(ids.numel())
        return forward(ids)

    return counted
