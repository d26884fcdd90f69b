"""One caption a rule: what stands between the bars is one unit."""

import pytest

from specs_core.segmentation import segment

EXPECTED = {
    "sentences": "The bee is in focus. | Outdoors, everything is out-of-focus. | The wall is white.",
    "place behind an object": "The wall holds a large painting | on the left side of the door.",
    "phrase with of": "The picture shows a row of small houses | near a wide river.",
    "phrase that a verb needs": "The tall lamp stands on a wooden table.",
    "leading phrase": "To the left of the car there is a box.",
    "inverted sentence": "Above the house is a completely overcast gray sky.",
    "with": "The room has a long sofa | with two striped cushions.",
    "second phrase": "There is a small dog | on a green lawn | in front of a red house.",
    "bare phrase": "A front view of a statue on cement | in a park.",
    "relative clause": "The tree stands near a pond | that is under a bright blue sky.",
    "relative clause with which": "The pond has a few ripples, | which reflect the clear blue sky above.",
    "relative clause in a subject": "The counter on which it rests is flat.",
    "participle": "Above the wall is an embankment | filled with trees and shrubs.",
    "participle behind a comma": "The clouds hang low, | taking up the top half of the image.",
    "clause of time": "The dog runs along the beach, | while a man watches from the pier.",
    "second clause": "The floor is glossy, | and the bright lighting evokes a museum setting.",
    "second verb": "The bridge is made of steel | and crosses a wide river.",
    "new object": "The table holds a blue vase | and a small wooden box.",
    "two nouns": "The hill is covered with trees and shrubs.",
    "shared article": "The photo shows a black cat or small dog.",
    "guess": "The tower is made of dark stone, | possibly granite.",
    "semicolon": "The light is bright red; | below it are two unlit lights.",
    "absolute": "She sits on a bench, | her hands resting on her knees.",
    "placed subject": "A car is parked in the middle.",
    "picture as subject": "A full shot shows a painted yellow traffic signal.",
    "with behind an adjective": "The trees are leafless | with twisted branches.",
    "picturing passive": "A trio of baboons is captured | against a backdrop of boulders.",
    "comparison of place": "A cable hangs above the bridge | closer to the foreground.",
    "from and to": "A crack runs from the bottom of the photo to the top.",
    "place inside with": "The wall is white, | with a small window near the old door.",
    "one article for two nouns": "She has the broad nose and boxy muzzle.",
    "verb that waits": "The bird is near the lamp, | which illuminates and gives a sheen to its plumage.",
    "hyphens": "The skyline extends from left-to-right.",
    "side behind a comma": "The big car is placed at the top, | left of the kite.",
    "quotation": "The sign reads “Stop and look at the cat on the wall”.",
}


def _cut(caption):
    return [unit.text.strip() for unit in segment(caption)]


@pytest.mark.parametrize("marked", EXPECTED.values(), ids=EXPECTED)
def test_segment_by_dependency_cuts_as_the_rule_says(marked):
    expected = marked.split(" | ")
    assert _cut(" ".join(expected)) == expected


def test_segment_by_dependency_drawn_scene_cuts_every_fact():
    marked = (
        "A large red car is parked in the middle. | To its left stands a small orange horse, | "
        "above a green tree. | In the lower left there is a yellow duck."
    )
    assert _cut(marked.replace("| ", "")) == marked.split(" | ")


def test_segment_by_dependency_paper_examples_cut_as_in_the_paper():
    assert _cut("A front view of a statue on cement in a park.") == [
        "A front view of a statue on cement",
        "in a park.",
    ]
    assert _cut("To the left of the car there is a box.") == ["To the left of the car there is a box."]


def test_segment_by_dependency_line_breaks_do_not_move_the_cuts():
    plain = "A small dog sits on the grass. Behind it there is a red house, with two windows."
    broken = (
        plain.replace(" Behind", "\r\n\r\n  Behind").replace("a red", "a\nred").replace("two ", "two\u00a0")
    )
    assert [unit.text.split() for unit in segment(broken)] == [unit.text.split() for unit in segment(plain)]


def test_segment_by_dependency_no_unit_ends_on_a_word_that_needs_what_follows():
    captions = [
        "A man and a woman are walking along the beach at sunset with their dog, and the sea is calm.",
        "There is a sign on the wall that says no parking, and a car is parked right in front of it.",
        "On the desk, a laptop, a cup of coffee and several papers are arranged around a small lamp.",
    ]
    dangling = {
        "a",
        "an",
        "the",
        "and",
        "or",
        "with",
        "of",
        "is",
        "are",
        "to",
        "its",
        "their",
        "that",
        "on",
        "in",
    }
    for caption in captions:
        for unit in segment(caption)[:-1]:
            assert unit.text.split()[-1].lower() not in dangling, unit
