"""The examples that come with the app."""

from app.examples import load_examples


def test_examples_are_six_drawn_scenes_with_images() -> None:
    examples = load_examples()
    assert len(examples) == 6
    for example in examples:
        assert example.path.is_file()


def test_examples_differ_from_their_false_versions_only_in_the_false_part() -> None:
    for example in load_examples():
        before, found, after = example.false_caption.partition(example.false_text)
        assert found
        assert example.caption.startswith(before)
        assert example.caption.endswith(after)
        assert example.caption != example.false_caption
