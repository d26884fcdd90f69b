from specs_core.datasets.facts import Fact, certainly_false

#: A red car to the left of a small tree on a beach.
IMAGE = frozenset(
    {
        Fact("kind", "car"),
        Fact("kind", "tree"),
        Fact("tint", "red", ("car",)),
        Fact("size", "small", ("tree",)),
        Fact("relation", "left of", ("car", "tree")),
        Fact("background", "beach"),
    }
)


def test_words_that_tell_nothing_are_not_false():
    assert not certainly_false([], "This is a drawing. ", IMAGE)


def test_words_whose_facts_all_fail_are_false_and_one_fact_that_holds_saves_them():
    told = [Fact("kind", "bus"), Fact("tint", "red", ("bus",))]
    assert certainly_false(told, "A red bus ", IMAGE)
    assert not certainly_false([*told, Fact("background", "beach")], "A red bus on a sandy beach ", IMAGE)


def test_a_name_that_does_not_stand_in_the_words_may_be_any():
    red_bus = [Fact("tint", "red", ("bus",))]
    assert certainly_false(red_bus, "The bus is red. ", IMAGE)
    assert not certainly_false(red_bus, "It is red. ", IMAGE)
    assert certainly_false([Fact("tint", "blue", ("bus",))], "It is blue. ", IMAGE)


def test_a_name_is_a_word_of_its_own_in_any_case():
    assert certainly_false([Fact("tint", "red", ("bus",))], "Bus, red. ", IMAGE)
    assert not certainly_false([Fact("tint", "red", ("bus",))], "It is a robust red. ", IMAGE)


def test_a_relation_is_compared_name_by_name():
    to_the_tree = [Fact("relation", "left of", ("bus", "tree"))]
    assert not certainly_false(to_the_tree, "to the left of the tree. ", IMAGE)
    assert certainly_false(to_the_tree, "a bus is to the left of the tree. ", IMAGE)
    assert certainly_false([Fact("relation", "left of", ("bus", "cat"))], "left of the cat. ", IMAGE)


def test_the_type_and_the_number_of_names_count():
    assert certainly_false([Fact("size", "red", ("car",))], "The car is red. ", IMAGE)
    assert certainly_false([Fact("tint", "red")], "Red. ", IMAGE)
