"""Draw the phrases of generated captions: noun phrases, prepositional phrases and participial clauses."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from specs_core.segmentation.training import caption_words as words
from specs_core.segmentation.training.inflection import ing_form, plural


@dataclass
class Node:
    """A word with its dependants: `left` stand before it in order, `right` behind it."""

    text: str
    tag: str
    relation: str = "root"
    left: list[Node] = field(default_factory=list)
    right: list[Node] = field(default_factory=list)

    def as_(self, relation: str) -> Node:
        """Set the relation to the head and return the node."""
        self.relation = relation
        return self


class PhraseGrammar:
    """Draws phrases as trees; `rng` is the only state."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def maybe(self, chance: float) -> bool:
        """Return True with the given chance."""
        return self.rng.random() < chance

    # Noun phrases

    def adjective(self) -> list[Node]:
        """Draw one attribute of a noun: a quality, a colour, a participle or a material."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.4:
            return self.hyphenated(rng.choice(words.QUALITIES), "amod")
        if kind < 0.75:
            colour = Node(rng.choice(words.COLOURS), "JJ", "amod")
            if self.maybe(0.2):
                colour.left.append(
                    Node(rng.choice(["dark", "light", "bright", "deep", "pale"]), "JJ", "amod")
                )
            elif self.maybe(0.15):
                colour.right += [
                    Node(rng.choice(words.COLOURS), "JJ", "conj", left=[Node("and", "CC", "cc")])
                ]
            return [colour]
        if kind < 0.87:
            return [Node(rng.choice(words.PARTICIPLE_QUALITIES), "VBN", "amod")]
        if kind < 0.94:
            return [
                Node(
                    rng.choice(["colored", "covered", "shaped", "filled", "lined"]),
                    "VBN",
                    "amod",
                    left=[
                        Node(
                            rng.choice(words.COVERINGS), "NN", "compound", right=[Node("-", "HYPH", "punct")]
                        )
                    ],
                )
            ]
        material = rng.choice(words.MATERIALS)
        return [
            Node(
                material,
                "JJ" if material == "wooden" else "NN",
                "amod" if material == "wooden" else "compound",
            )
        ]

    def hyphenated(self, text: str, relation: str) -> list[Node]:
        """Build the tree of a word that may have hyphens; the tokenizer cuts at them."""
        if "-" not in text:
            return [Node(text, "JJ", relation)]
        *before, last = text.split("-")
        tag = {
            "and": "CC",
            "black": "JJ",
            "high": "JJ",
            "low": "JJ",
            "large": "JJ",
            "wide": "JJ",
            "close": "JJ",
        }
        head = Node(last, "JJ" if last == "white" else "RP" if last == "up" else "NN", relation)
        if "and" in before:
            head = Node(before[0], "JJ", relation, right=[Node("-", "HYPH", "punct")])
            head.right.append(
                Node(last, "JJ", "conj", left=[Node("and", "CC", "cc", right=[Node("-", "HYPH", "punct")])])
            )
            return [head]
        for part in before:
            node = Node(part, tag.get(part, "NN"), "amod" if part in tag else "compound")
            node.right.append(Node("-", "HYPH", "punct"))
            head.left.append(node)
        return [head]

    def adjectives(self, level: float) -> list[Node]:
        """Draw up to three attributes, with commas at times."""
        found: list[Node] = []
        while self.maybe(level) and len(found) < 3:
            if found and self.maybe(0.35):
                found[-1].right.append(Node(",", ",", "punct"))
            new = self.adjective()
            if self.maybe(0.12):
                new[0].left.insert(0, Node(self.rng.choice(["very", "slightly", "quite"]), "RB", "advmod"))
            found += new
            level *= 0.5
        return found

    def noun(
        self, *, bare: bool = False, level: float = 0.6, plain: bool = False, definite: float = 0.4
    ) -> Node:
        """Draw a noun phrase without what follows its noun, unless not `plain`."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.15:
            node = Node(rng.choice(words.MASSES), "NN")
            node.left += [] if self.maybe(0.5) else [Node(rng.choice(["the", "some"]), "DT", "det")]
            node.left += self.adjectives(level)
        elif kind < 0.42:
            singular = rng.choice(words.OBJECTS)
            node = Node(plural(singular), "NNS")
            start = rng.random()
            if start < 0.3:
                node.left.append(Node(rng.choice(words.NUMBERS), "CD", "nummod"))
            elif start < 0.6:
                text, tag, relation = rng.choice(words.PLURAL_DETERMINERS)
                node.left.append(Node(text, tag, relation))
            node.left += self.adjectives(level)
        else:
            node = Node(rng.choice(words.OBJECTS), "NN")
            adjectives = self.adjectives(level)
            if self.maybe(0.15):
                adjectives.append(Node(rng.choice(words.OBJECTS), "NN", "compound"))
            if self.maybe(definite):
                text, tag, relation = rng.choice(
                    [("the", "DT", "det")] * 5 + [("its", "PRP$", "nmod:poss"), ("his", "PRP$", "nmod:poss"),
                                                  ("her", "PRP$", "nmod:poss"), ("this", "DT", "det")]
                )  # fmt: skip
                if self.maybe(0.06):
                    owner = Node(
                        rng.choice(words.OBJECTS), "NN", "nmod:poss", left=[Node("the", "DT", "det")]
                    )
                    owner.right.append(Node("'s", "POS", "case"))
                    node.left.append(owner)
                else:
                    node.left.append(Node(text, tag, relation))
            else:
                nearest = adjectives[0] if adjectives else node
                while nearest.left:
                    nearest = nearest.left[0]
                node.left.append(Node("an" if nearest.text[0] in "aeiou" else "a", "DT", "det"))
            node.left += adjectives
        if plain:
            return node
        if self.maybe(0.1):
            group = Node(rng.choice(words.GROUPS), "NN", left=[Node("a", "DT", "det")])
            inner = self.noun(plain=True, definite=0.2).as_("nmod")
            inner.left.insert(0, Node("of", "IN", "case"))
            group.right.append(inner)
            return group
        return node

    def conjuncts(self, draw: Callable[[], Node]) -> list[Node]:
        """Draw one or two conjuncts with their comma and conjunction."""
        found = []
        if self.maybe(0.25):
            found.append(draw().as_("conj"))
            found[-1].left.insert(0, Node(",", ",", "punct"))
        last = draw().as_("conj")
        last.left.insert(0, Node(self.rng.choice(["and"] * 6 + ["or"]), "CC", "cc"))
        if found or self.maybe(0.2):
            last.left.insert(0, Node(",", ",", "punct"))
        return [*found, last]

    # Phrases

    def phrase(self, relation: str, depth: int = 1) -> Node:
        """Draw a prepositional phrase."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.3:
            return self.place(relation)
        node = self.noun(plain=depth > 1)
        if kind < 0.5:
            node.left.insert(0, Node("with", "IN", "case"))
            if depth < 2 and self.maybe(0.3):
                node.right += self.conjuncts(lambda: self.noun(definite=0.1, plain=True))
        elif kind < 0.6 and relation == "nmod":
            node.left.insert(0, Node("of", "IN", "case"))
        else:
            node.left.insert(0, Node(rng.choice(words.PREPOSITIONS), "IN", "case"))
            if self.maybe(0.1):
                node.left.insert(
                    0, Node(rng.choice(["directly", "just", "partially", "right"]), "RB", "advmod")
                )
        if depth < 2 and self.maybe(0.25):
            node.right.append(self.phrase("nmod", depth + 1))
        return node.as_(relation)

    def place(self, relation: str) -> Node:
        """Draw "to the left of X", "in the upper left corner", "in front of X", "on its right"."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.3:
            node = Node(rng.choice(["left", "right", "left", "right", "side", "top", "bottom"]), "NN")
            owner = rng.random()
            if owner < 0.3:
                node.left.append(Node(rng.choice(["its", "his", "her", "their"]), "PRP$", "nmod:poss"))
            else:
                node.left.append(Node("the", "DT", "det"))
            node.left.insert(
                0, Node(rng.choice(["to", "on"] if node.text != "top" else ["at", "on"]), "IN", "case")
            )
            if owner > 0.45:
                node.right.append(self.of_phrase())
        elif kind < 0.5:
            side = rng.choice(words.CORNERS).split()
            if self.maybe(0.5):
                node = Node(
                    "corner", "NN", left=[Node("the", "DT", "det"), *(Node(w, "JJ", "amod") for w in side)]
                )
            else:
                node = Node(side[1], "NN", left=[Node("the", "DT", "det"), Node(side[0], "JJ", "amod")])
            node.left.insert(0, Node("in", "IN", "case"))
            if self.maybe(0.3):
                node.right.append(self.of_phrase())
        elif kind < 0.7:
            node = Node(
                rng.choice(words.REGIONS), "NN", left=[Node("in", "IN", "case"), Node("the", "DT", "det")]
            )
            if self.maybe(0.2):
                node.right.append(self.of_phrase())
        elif kind < 0.82:
            text, head = rng.choice([("in", "front"), ("on", "top"), ("at", "top"), ("on", "side")])
            node = Node(head, "NN", left=[Node(text, "IN", "case")])
            if text == "at" or head == "side":
                node.left.append(Node("the", "DT", "det"))
            node.right.append(self.of_phrase())
        else:
            node = Node(rng.choice(["it", "them", "him", "her"]), "PRP")
            node.left.append(
                Node(rng.choice(["above", "below", "behind", "beneath", "beside", "around"]), "IN", "case")
            )
        return node.as_(relation)

    def of_phrase(self) -> Node:
        """Draw "of" with a noun phrase."""
        if self.maybe(0.3):
            noun = Node(
                self.rng.choice(["image", "photo", "frame", "picture"]), "NN", left=[Node("the", "DT", "det")]
            )
        else:
            noun = self.noun(plain=True, definite=0.9, level=0.3)
        noun.left.insert(0, Node("of", "IN", "case"))
        return noun.as_("nmod")

    def participle(self, depth: int) -> Node:
        """Draw a participial clause that modifies a noun or a clause."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.4:
            node = Node(rng.choice(words.PARTICIPLES), "VBN", "acl")
            node.right.append(self.phrase("obl", depth + 1))
        elif kind < 0.75:
            node = Node(ing_form(rng.choice(words.INTRANSITIVE)), "VBG", "acl")
            if self.maybe(0.25):
                node.right.append(Node(rng.choice(words.PLACE_ADVERBS), "RB", "advmod"))
            node.right.append(self.phrase("obl", depth + 1))
        elif kind < 0.82:
            node = Node(rng.choice(["reading", "saying"]), "VBG", "acl")
            quoted = Node(rng.choice(["STOP", "OPEN", "EXIT", "SALE", "LOVE", "HOTEL"]), "NNP", "obj")
            quoted.left.append(Node(rng.choice(['"', "“"]), "``", "punct"))
            quoted.right.append(Node('"' if quoted.left[0].text == '"' else "”", "''", "punct"))
            node.right.append(quoted)
        else:
            node = Node(ing_form(rng.choice(words.TRANSITIVE)), "VBG", "acl")
            node.right.append(self.noun(plain=depth > 1).as_("obj"))
        if node.tag == "VBN" and self.maybe(0.15):
            node.left.append(
                Node(
                    rng.choice(["partially", "vertically", "slightly", "neatly", "brightly"]), "RB", "advmod"
                )
            )
        return node
