import pytest

from specs_core.scenes.world import Scene, SceneObject
from specs_core.training.fact_table import OUTPUTS, Belief, scene_outputs


def believed(belief):
    names = {index: fact for fact, index in OUTPUTS.items()}
    return {names[index]: weight for index, weight in belief.weights().items()}


def test_a_place_is_believed_as_a_row_and_a_column():
    belief = Belief().with_facts((("kind", "car"), ("place", "car", "upper right")))
    assert believed(belief) == {("kind", "car"): 1, ("row", "car", "0"): 1, ("column", "car", "2"): 1}


def test_a_relation_alone_leaves_the_three_possible_pairs_of_lines_equally_likely():
    belief = believed(Belief().with_fact(("relation", "car", "left of", "cat")))
    # (0,1), (0,2), (1,2)
    assert belief == pytest.approx(
        {
            ("column", "car", "0"): 2 / 3,
            ("column", "car", "1"): 1 / 3,
            ("column", "cat", "1"): 1 / 3,
            ("column", "cat", "2"): 2 / 3,
        }
    )


def test_a_relation_to_a_thing_whose_place_is_told_leaves_what_that_place_allows():
    belief = Belief().with_facts((("place", "cat", "middle"), ("relation", "car", "below", "cat")))
    assert believed(belief) == {
        ("row", "cat", "1"): 1,
        ("column", "cat", "1"): 1,
        ("row", "car", "2"): 1,
    }


def test_a_relation_that_contradicts_a_place_is_believed_as_if_it_stood_alone():
    belief = believed(Belief().with_facts((("place", "cat", "left"), ("relation", "car", "left of", "cat"))))
    assert belief["column", "cat", "2"] == pytest.approx(2 / 3)
    assert ("column", "cat", "0") not in belief


def test_a_relation_speaks_for_the_ends_of_its_axis_whatever_was_told_before():
    names = {index: fact for fact, index in OUTPUTS.items()}
    relation = ("relation", "car", "above", "cat")
    for told in ((), (("place", "cat", "top"),)):
        belief = Belief().with_facts((*told, relation))
        assert belief.relations == 1
        assert {names[index]: weight for index, weight in belief.ends.items()} == {
            ("row", "car", "0"): 1,
            ("row", "car", "2"): -1,
            ("row", "cat", "0"): -1,
            ("row", "cat", "2"): 1,
        }
    # A scene agrees by the difference of the rows: 2, where the relation holds; less, where it does not.
    agreed = {}
    for car, cat in (("top", "bottom"), ("top", "middle"), ("left", "right"), ("bottom", "top")):
        scene = Scene(
            "sea", (SceneObject("car", "red", "large", car), SceneObject("cat", "pink", "small", cat)), 0
        )
        agreed[car, cat] = sum(belief.ends.get(index, 0) for index in scene_outputs(scene))
    assert list(agreed.values()) == [2, 1, 0, -2]


def test_a_scene_bears_out_five_outputs_an_object_and_its_background():
    scene = Scene(
        "sea", (SceneObject("car", "red", "large", "left"), SceneObject("cat", "pink", "small", "top")), 0
    )
    outputs = scene_outputs(scene)
    assert len(set(outputs)) == 11
    assert OUTPUTS["row", "car", "1"] in outputs
    assert OUTPUTS["column", "car", "0"] in outputs
