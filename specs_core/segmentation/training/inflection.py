"""Regular inflection of the words that the generated caption treebank draws from."""

from __future__ import annotations

_PLURALS = {
    "leaf": "leaves",
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "foot": "feet",
    "goose": "geese",
    "sheep": "sheep",
    "fish": "fish",
    "knife": "knives",
    "shelf": "shelves",
}
# Verbs that double their last letter before "-ing".
_DOUBLING = (
    *(
        "sit",
        "run",
        "swim",
        "jut",
        "cut",
        "drip",
        "hug",
        "grip",
        "clap",
        "chat",
        "wrap",
        "jog",
        "spin",
        "dip",
    ),
    *("top", "sag", "bat", "skip", "squat", "fan", "plan"),
)


def plural(noun: str) -> str:
    """Form the plural of a noun."""
    return _PLURALS.get(noun) or _with_s(noun)


def third_person(verb: str) -> str:
    """Form the third person singular of a verb."""
    return _with_s(verb)


def ing_form(verb: str) -> str:
    """Form the present participle of a verb."""
    if verb in _DOUBLING:
        return verb + verb[-1] + "ing"
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "ye")):
        return verb[:-1] + "ing"
    return verb + "ing"


def _with_s(word: str) -> str:
    if word.endswith(("s", "sh", "ch", "x", "z")):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"
