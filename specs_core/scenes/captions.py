"""Long captions of drawn scenes, true and with one false fact, in varied wording and order."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from specs_core.datasets.facts import Fact, ToldFact
from specs_core.datasets.pairs import FalseFact
from specs_core.scenes.phrases import ARTICLE, Phrase, Slot, falsify, make_slot
from specs_core.scenes.world import Scene, SceneObject, relation_between, scene_facts

_OPENINGS = (
    "This is a drawing.",
    "This is a simple drawing of a few things.",
    "The picture is a colorful drawing.",
    "The image shows a flat drawing.",
    "This is a cartoon drawing of several things.",
)
_BACKGROUNDS = (
    ("the background is ", "."),
    ("everything is set against ", "."),
    ("the scene takes place in front of ", "."),
    ("behind everything is ", "."),
)
_VERBS = ("is", "stands", "sits", "can be seen", "is placed", "appears")


@dataclass(frozen=True)
class Caption:
    """A caption as phrases; its text is theirs, joined, without the last space."""

    phrases: tuple[Phrase, ...]

    @property
    def text(self) -> str:
        """The whole caption."""
        return "".join(phrase.text for phrase in self.phrases).rstrip()


@dataclass(frozen=True)
class FalseCaption:
    """A caption with one false fact.

    Attributes:
        text: The whole caption.
        span: [start, end) of the false words in `text`.
        fact_type: One of `FACT_TYPES`.
    """

    text: str
    span: tuple[int, int]
    fact_type: str


def write_caption(
    scene: Scene, rng: random.Random, *, detail: tuple[float, float] = (0.3, 1.0), opening: bool = True
) -> Caption:
    """Describe a scene: every object, its place or its relation to another one, and some of its other facts.

    Args:
        scene: What to describe.
        rng: Chooses order, wording and which facts are told. Each fact is told once.
        detail: Range from which the probability that a tint, a size or a relation is told is drawn.
        opening: Whether to begin with a sentence that asserts no fact. The first unit of a caption has no
            delta (nothing stands before it), so a false fact there could not show.
    """
    level = rng.uniform(*detail)
    things = list(scene.objects)
    rng.shuffle(things)
    sentences: list[list[Phrase]] = []
    for position, thing in enumerate(things):
        sentences.append(_describe(thing, things[:position], rng, level))
    sentences.insert(rng.randint(0, len(sentences)), [_background(scene.background, rng)])
    if opening:
        sentences.insert(0, [Phrase((rng.choice(_OPENINGS) + " ",), starts_sentence=True)])
    return Caption(_settle([phrase for sentence in sentences for phrase in sentence]))


def falsify_caption(caption: Caption, scene: Scene, rng: random.Random) -> FalseCaption:
    """Make one fact of a caption false.

    Its type is drawn evenly among those that the caption offers after its opening. A kind is exchanged only
    where nothing later refers to that object, so that exactly one fact becomes false.
    """
    facts = scene_facts(scene)
    offers: dict[str, list[tuple[int, int]]] = {}
    for number, phrase in enumerate(caption.phrases):
        for index in phrase.slots if number else ():
            slot = phrase.pieces[index]
            assert isinstance(slot, Slot)
            if _can_be_falsified(phrase, slot):
                offers.setdefault(slot.type, []).append((number, index))
    fact_type = rng.choice(sorted(offers))
    number, index = rng.choice(offers[fact_type])
    changed = falsify(caption.phrases[number], index, facts, rng)
    phrases = (*caption.phrases[:number], changed, *caption.phrases[number + 1 :])
    before = sum(len(phrase.text) for phrase in phrases[:number])
    start, end = changed.render()[1][index]
    return FalseCaption(Caption(phrases).text, (before + start, before + end), fact_type)


def false_facts(caption: Caption, scene: Scene, rng: random.Random) -> tuple[FalseFact, ...]:
    """Make every fact of a caption false in turn, where that makes no other fact false.

    Returns:
        One for each slot, in order; the words include an article that changes with them ("a bus", "an
        anchor").
    """
    facts = scene_facts(scene)
    found, before = [], 0
    for phrase in caption.phrases:
        text, spans = phrase.render()
        for index, (_, end) in spans.items():
            slot = phrase.pieces[index]
            assert isinstance(slot, Slot)
            if not _can_be_falsified(phrase, slot):
                continue
            false, false_spans = falsify(phrase, index, facts, rng).render()
            start, false_end = false_spans[index]
            if text[:start] != false[:start]:
                start = false.rindex(" ", 0, start - 1) + 1 if " " in false[: start - 1] else 0
            found.append(FalseFact(before + start, before + end, false[start:false_end], slot.type))
        before += len(text)
    return tuple(found)


def told_facts(caption: Caption) -> tuple[ToldFact, ...]:
    """Return what a caption tells, one fact for each slot, in order."""
    told, before = [], 0
    for phrase in caption.phrases:
        text, spans = phrase.render()
        for (start, end), fact in zip(spans.values(), phrase.facts(), strict=True):
            told.append(ToldFact(before + start, before + end, named_fact(fact)))
        before += len(text)
    return tuple(told)


def named_fact(fact: tuple[str, ...]) -> Fact:
    """Return a fact of `scene_facts` in the form that data files have."""
    if fact[0] in ("kind", "background"):
        return Fact(fact[0], fact[1])
    if fact[0] == "relation":
        return Fact(fact[0], fact[2], (fact[1], fact[3]))
    return Fact(fact[0], fact[2], (fact[1],))


def _can_be_falsified(phrase: Phrase, slot: Slot) -> bool:
    return slot.type != "kind" or slot.owner in phrase.settled


def _background(name: str, rng: random.Random) -> Phrase:
    before, after = rng.choice(_BACKGROUNDS)
    slot = make_slot(rng, "background", "noun phrase", name)
    return Phrase((before, slot, after + " "), starts_sentence=True)


def _describe(thing: SceneObject, told: list[SceneObject], rng: random.Random, level: float) -> list[Phrase]:
    """Return the phrases of the sentences about one object; `told` are the objects introduced before it."""
    # Lists: the order of a set of strings changes from one process to the next, and with it what is drawn.
    wanted = [name for name in ("tint", "size") if rng.random() < level]
    inline = [name for name in wanted if rng.random() < 0.75]
    related = [other for other in told if relation_between(thing, other) is not None]
    relate = bool(related) and rng.random() < max(level, 0.5)
    anchor = rng.choice(related) if relate else None
    phrases = _introduce(thing, told, anchor, set(inline), rng)
    phrases += _follow_up(thing, sorted(set(wanted) - set(inline)), rng)
    for other in related:
        if other is not anchor and rng.random() < 0.4 * level:
            phrases.append(_relate(thing, other, rng))
    return phrases


def _introduce(
    thing: SceneObject,
    told: list[SceneObject],
    anchor: SceneObject | None,
    inline: set[str],
    rng: random.Random,
) -> list[Phrase]:
    noun = _noun_phrase(thing, inline, rng)
    place = make_slot(rng, "place", "adverbial", thing.place)
    verb = rng.choice(_VERBS)
    form = rng.random()
    if anchor is not None and form < 0.45:
        if anchor is told[-1] and rng.random() < 0.5:
            return [_relative_to_pronoun(thing, anchor, noun, rng)]
        relation = _relation_slot(thing, anchor, rng)
        there = rng.choice((" there is ", " is ", " stands "))
        other = make_slot(rng, "kind", "noun", anchor.kind, owner=1)
        return [_sentence((relation, " the ", other, there, *noun, ". "), thing, anchor)]
    if anchor is not None and form < 0.7:
        relation = _relation_slot(thing, anchor, rng)
        other = make_slot(rng, "kind", "noun", anchor.kind, owner=1)
        return [
            _sentence((*noun, f" {verb} ", place, ", "), thing),
            Phrase((relation, " the ", other, ". "), owners=(thing.kind, anchor.kind)),
        ]
    if form < 0.8:
        there = rng.choice((" there is ", ", there is ", " is "))
        phrases = [_sentence((place, there, *noun, ". "), thing)]
    elif form < 0.9:
        phrases = [_sentence(("there is ", *noun, " "), thing), Phrase((place, ". "), owners=(thing.kind,))]
    else:
        phrases = [_sentence((*noun, f" {verb} ", place, ". "), thing)]
    if anchor is not None:
        phrases.append(_relate(thing, anchor, rng))
    return phrases


def _relate(thing: SceneObject, anchor: SceneObject, rng: random.Random) -> Phrase:
    """Tell how an object that was just introduced lies to an earlier one."""
    relation = _relation_slot(thing, anchor, rng)
    other = make_slot(rng, "kind", "noun", anchor.kind, owner=1)
    subject = rng.choice(("it", f"the {thing.kind}"))
    return _sentence((f"{subject} is ", relation, " the ", other, ". "), thing, anchor)


def _relative_to_pronoun(
    thing: SceneObject, anchor: SceneObject, noun: tuple[str | Slot, ...], rng: random.Random
) -> Phrase:
    relation = relation_between(thing, anchor)
    assert relation is not None
    slot = make_slot(rng, "relation", "before pronoun", relation)
    return _sentence((slot, rng.choice((" there is ", " is ", " stands ")), *noun, ". "), thing, anchor)


def _relation_slot(thing: SceneObject, anchor: SceneObject, rng: random.Random) -> Slot:
    relation = relation_between(thing, anchor)
    assert relation is not None
    return make_slot(rng, "relation", "before noun", relation)


def _noun_phrase(thing: SceneObject, inline: set[str], rng: random.Random) -> tuple[str | Slot, ...]:
    pieces: list[str | Slot] = [ARTICLE + " "]
    for name in ("size", "tint"):
        if name in inline:
            pieces += [make_slot(rng, name, "adjective", getattr(thing, name)), " "]
    return (*pieces, make_slot(rng, "kind", "noun", thing.kind))


def _follow_up(thing: SceneObject, names: list[str], rng: random.Random) -> list[Phrase]:
    """Tell tint and size in sentences of their own."""
    phrases = []
    rng.shuffle(names)
    for number, name in enumerate(names):
        slot = make_slot(rng, name, "adjective", getattr(thing, name))
        subject = "it" if number or rng.random() < 0.5 else f"the {thing.kind}"
        before = "its color is " if name == "tint" and rng.random() < 0.3 else f"{subject} is "
        phrases.append(_sentence((before, slot, ". "), thing))
    return phrases


def _sentence(pieces: tuple[str | Slot, ...], *things: SceneObject) -> Phrase:
    return Phrase(pieces, owners=tuple(thing.kind for thing in things), starts_sentence=True)


def _settle(phrases: list[Phrase]) -> tuple[Phrase, ...]:
    """Mark in each phrase the owners whose kind can be exchanged without making any later phrase false."""
    settled: list[Phrase] = []
    later: set[str] = set()
    for phrase in reversed(phrases):
        # The second thing of a relation was introduced before; naming another kind there touches nothing
        # else.
        free = {i for i, kind in enumerate(phrase.owners) if i == 1 or kind not in later}
        settled.append(replace(phrase, settled=frozenset(free)))
        later |= set(phrase.owners)
    return tuple(reversed(settled))
