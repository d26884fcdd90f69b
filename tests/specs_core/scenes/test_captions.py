import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_clip.tokenizer import SimpleTokenizer

from specs_core.scenes.captions import falsify_caption, write_caption
from specs_core.scenes.dataset import make_scene
from specs_core.scenes.world import (
    BACKGROUNDS,
    FACT_TYPES,
    KINDS,
    PLACES,
    SIZES,
    TINTS,
    Scene,
    SceneObject,
    relation_between,
    sample_scene,
    scene_facts,
)


def test_the_world_is_as_large_as_documented():
    assert len(KINDS) >= 40
    assert (len(TINTS), len(SIZES), len(PLACES), len(BACKGROUNDS)) == (7, 2, 9, 6)


@pytest.mark.parametrize(
    ("first", "second", "relation"),
    [
        ("upper left", "upper right", "left of"),
        ("middle", "left", "right of"),
        ("top", "bottom", "above"),
        ("lower right", "right", "below"),
        ("upper left", "middle", None),
    ],
)
def test_relations_hold_within_a_row_or_a_column_only(first, second, relation):
    a, b = SceneObject("car", "red", "large", first), SceneObject("cat", "blue", "small", second)
    assert relation_between(a, b) == relation


def test_scene_facts_name_each_object_and_both_directions_of_a_relation():
    scene = Scene(
        "sea",
        (SceneObject("car", "red", "large", "top"), SceneObject("cat", "blue", "small", "middle")),
        seed=0,
    )
    assert scene_facts(scene) == {
        ("background", "sea"),
        ("kind", "car"),
        ("tint", "car", "red"),
        ("size", "car", "large"),
        ("place", "car", "top"),
        ("kind", "cat"),
        ("tint", "cat", "blue"),
        ("size", "cat", "small"),
        ("place", "cat", "middle"),
        ("relation", "car", "above", "cat"),
        ("relation", "cat", "below", "car"),
    }


@given(st.integers(0, 10**9))
def test_a_caption_asserts_only_what_the_scene_bears_out_and_names_every_object(seed):
    rng = random.Random(seed)
    scene = sample_scene(rng)
    facts = {fact for phrase in write_caption(scene, rng).phrases for fact in phrase.facts()}
    assert facts <= scene_facts(scene)
    assert {("kind", thing.kind) for thing in scene.objects} <= facts


@given(st.integers(0, 10**9))
def test_a_false_caption_differs_in_its_span_and_in_the_article_before_it_alone(seed):
    rng = random.Random(seed)
    scene = sample_scene(rng)
    caption = write_caption(scene, rng)
    false = falsify_caption(caption, scene, rng)
    start, end = false.span
    tail = len(false.text) - end
    before = caption.text[: len(caption.text) - tail]
    assert false.text != caption.text
    assert caption.text[len(caption.text) - tail :] == false.text[end:]
    common = false.text[:start]
    # "a" may become "an" or lose its n with the word after it.
    assert before.startswith(common.rstrip("an ")) or before.lower().startswith(common.lower().rstrip("an "))
    assert false.fact_type in FACT_TYPES


def test_captions_have_between_30_and_200_tokens():
    tokenizer = SimpleTokenizer()
    lengths = [len(tokenizer.encode(make_scene(3, i)[1])) + 2 for i in range(400)]
    assert min(lengths) >= 30
    assert 120 < max(lengths) <= 200


def test_every_type_of_fact_is_made_false_about_as_often():
    types = [make_scene(5, i)[2].fact_type for i in range(600)]
    assert set(types) == set(FACT_TYPES)
    assert min(types.count(name) for name in FACT_TYPES) > 50


def test_the_opening_carries_no_false_fact():
    for index in range(200):
        _, caption, false = make_scene(11, index)
        assert false.span[0] > caption.index(".")
