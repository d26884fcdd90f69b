import random
from pathlib import Path

import pytest

from specs_core.datasets.facts import Fact, ToldFact
from specs_core.datasets.pairs import CaptionedImage, FalseFact
from specs_core.errors import ConfigError, DataError
from specs_core.evaluation.negatives import make_negatives, shuffle_words
from specs_core.segmentation.units import DetailUnit, cut_at


def pair(caption, *, image="a.png", **more):
    return CaptionedImage(id=caption, image=Path(image), caption=caption, **more)


def cut(caption, *words):
    """Units that start with the given words."""
    return cut_at(caption, [caption.index(word) for word in words])


def texts(false, kind):
    return [each.text for each in false if each.kind == kind]


CAR = "A car is red, on the left."
DOG = "A dog sleeps near a car."


def test_negatives_of_another_image_come_for_every_unit_after_the_first_and_never_from_the_same_image():
    pairs = [pair(CAR), pair("A car stands there.", image="a.png"), pair(DOG, image="b.png")]
    units = [cut(CAR, "is", "on"), cut(pairs[1].caption, "stands"), cut(DOG, "sleeps", "near")]
    for seed in range(20):
        found = make_negatives(pairs, units, kinds=["in_batch"], seed=seed)
        assert [[each.unit for each in false] for false in found.units] == [[1, 2], [1], [1, 2]]
        for false in found.units[:2]:
            assert set(texts(false, "in_batch")) <= {"A dog ", "sleeps ", "near a car."}
        assert found.not_found == 0
        assert found.checked == 0


def test_negatives_never_repeat_words_that_stand_in_the_caption_whatever_capitals_and_commas():
    pairs = [pair(DOG), pair("Sleeps, a cat. Near a car! A dog", image="b.png")]
    units = [cut(DOG, "sleeps", "near"), cut(pairs[1].caption, "a cat", "Near", "A dog")]
    for seed in range(20):
        found = make_negatives(pairs, units, kinds=["in_batch"], seed=seed)
        assert set(texts(found.units[0], "in_batch")) == {"a cat. "}


def test_a_unit_without_any_false_one_is_counted_and_left_without():
    pairs = [pair(DOG), pair("Near a car.", image="b.png")]
    found = make_negatives(pairs, [cut(DOG, "near"), cut("Near a car.")], kinds=["in_batch", "shuffled"])
    assert found.units[0] == ()
    assert found.not_found == 1


def test_where_the_truth_is_known_only_units_that_are_surely_false_are_taken():
    car = pair(
        CAR,
        facts=frozenset({Fact("kind", "car"), Fact("tint", "red", ("car",))}),
    )
    other = "A drawing. A bus is red. It is red. It is blue, on the left."
    told = tuple(
        ToldFact(other.index(words), other.index(words) + len(words), fact)
        for words, fact in (
            ("bus", Fact("kind", "bus")),
            ("red. It is red", Fact("tint", "red", ("bus",))),  # its words lie in two units
            ("blue", Fact("tint", "blue", ("bus",))),
        )
    )
    bus = pair(other, image="b.png", told=told)
    units = [cut(CAR, "is", "on"), cut(other, "A bus", "is red. It", "It is red", "It is blue", "on the")]
    taken = {
        text
        for seed in range(40)
        for text in texts(
            make_negatives([car, bus], units, kinds=["in_batch"], seed=seed).units[0], "in_batch"
        )
    }
    assert taken == {"A bus ", "It is blue, "}
    assert make_negatives([car, bus], units).checked == 1


def test_units_of_other_images_are_the_same_whichever_kinds_are_asked_for():
    caption = "One two three. Four five six. Seven eight nine. Ten eleven twelve."
    pairs = [pair(f"{n} {caption}", image=f"{n}.png") for n in range(6)]
    units = [cut(each.caption, "Four", "Seven", "Ten") for each in pairs]
    for seed in range(5):
        both = make_negatives(pairs, units, kinds=["in_batch", "shuffled"], seed=seed)
        alone = make_negatives(pairs, units, kinds=["in_batch"], seed=seed)
        for one, other in zip(both.units, alone.units, strict=True):
            assert texts(one, "in_batch") == texts(other, "in_batch")


def test_shuffled_negatives_are_the_words_of_the_same_unit_of_another_image():
    caption = "One two three four five six. Seven eight nine ten."
    pairs = [pair(caption), pair("a b c d e f. g h i j k l. m n o p q r.", image="b.png")]
    units = [cut(caption, "three", "Seven"), cut(pairs[1].caption, "g", "m")]
    moved = 0
    for seed in range(200):
        found = make_negatives(pairs, units, kinds=["in_batch", "shuffled"], seed=seed)
        for false in found.units:
            for whole, shuffled in zip(texts(false, "in_batch"), texts(false, "shuffled"), strict=True):
                assert sorted(whole.split()) == sorted(shuffled.split())
                assert whole.endswith(" ") == shuffled.endswith(" ")
                moved += whole != shuffled
    # 800 units, 9 of 10 shuffled; most orders of words are new ones.
    assert 640 < moved < 760


def test_shuffle_words_keeps_the_space_behind():
    assert shuffle_words("red ", random.Random(0)) == "red "
    assert shuffle_words("", random.Random(0)) == ""


def test_hard_negatives_are_the_unit_with_the_false_words_and_those_without_a_prefix_are_counted():
    false_facts = (
        FalseFact(2, 5, "bus", "kind"),  # in the first unit
        FalseFact(9, 12, "blue", "tint"),
        FalseFact(10, 16, "d and up", "unknown"),  # in two units
    )
    units = cut(CAR, "is", "on")
    found = make_negatives([pair(CAR, false_facts=false_facts)], [units], kinds=["hard"])
    assert [(each.unit, each.kind, each.text) for each in found.units[0]] == [
        (1, "hard:tint", "is blue, "),
        (1, "hard:unknown", "is rd and up the left."),
    ]
    assert (found.first_unit, found.several_units) == (1, 1)


def test_negatives_are_a_function_of_the_seed_and_come_in_the_order_of_the_units():
    false_facts = (FalseFact(9, 12, "blue", "tint"),)
    pairs = [pair(CAR, false_facts=false_facts), pair(DOG, image="b.png")]
    units = [cut(CAR, "is", "on"), cut(DOG, "sleeps", "near")]
    assert make_negatives(pairs, units, seed=3) == make_negatives(pairs, units, seed=3)
    assert len({make_negatives(pairs, units, seed=seed).units for seed in range(9)}) > 1
    order = [each.unit for each in make_negatives(pairs, units).units[0]]
    assert order == sorted(order)


def test_negatives_of_one_image_or_of_no_known_kind_say_what_to_do():
    units = [[DetailUnit(CAR, 0, len(CAR))]]
    with pytest.raises(DataError, match="need at least two images, the data have one: ask for hard"):
        make_negatives([pair(CAR)], units)
    with pytest.raises(ConfigError, match="negatives are in_batch, shuffled, hard; got soft"):
        make_negatives([pair(CAR)], units, kinds=["soft", "hard"])
    with pytest.raises(ConfigError, match="got none"):
        make_negatives([pair(CAR)], units, kinds=[])
