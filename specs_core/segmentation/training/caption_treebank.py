"""Generate sentences in the manner of image captions, with their trees.

The web treebank hardly has the sentences that captions are made of ("To its left stands a small horse.",
"Above the wall is an embankment filled with trees."), so a grammar of our own writes them, with Penn tags and
Universal Dependencies relations known by construction. Words: `caption_words.py`.
"""

from __future__ import annotations

import random

from specs_core.segmentation.training import caption_words as words
from specs_core.segmentation.training.caption_phrases import Node, PhraseGrammar
from specs_core.segmentation.training.inflection import ing_form, third_person
from specs_core.segmentation.training.treebank import Sentence, TreebankToken


def draw_caption_sentences(count: int, rng: random.Random) -> list[Sentence]:
    """Draw sentences of generated captions.

    Args:
        count: how many sentences.
        rng: source of chance.

    Returns:
        Sentences, six in a row with the same document name.
    """
    grammar = ClauseGrammar(rng)
    return [Sentence(f"caption-{i // 6}", _tokens(grammar.sentence())) for i in range(count)]


def _tokens(root: Node) -> tuple[TreebankToken, ...]:
    order: list[tuple[Node, Node | None]] = []

    def walk(node: Node, head: Node | None) -> None:
        for child in node.left:
            walk(child, node)
        order.append((node, head))
        for child in node.right:
            walk(child, node)

    walk(root, None)
    index = {id(node): i for i, (node, _) in enumerate(order)}
    first = order[0][0]
    if first.text[0].islower():
        first.text = first.text[0].upper() + first.text[1:]
    tokens = []
    for i, (node, head) in enumerate(order):
        following = order[i + 1][0].text if i + 1 < len(order) else ""
        glued = following in {",", ".", ";", ":", "'s", "”"} or node.tag in {"HYPH", "``"} or following == "-"
        closing = following == '"' and i + 1 < len(order) and order[i + 1][0].tag == "''"
        tokens.append(
            TreebankToken(
                node.text,
                node.tag,
                -1 if head is None else index[id(head)],
                node.relation,
                not (glued or closing),
            )
        )
    return tuple(tokens)


class ClauseGrammar(PhraseGrammar):
    """Draws clauses and sentences as trees."""

    def full_noun(self, depth: int = 0) -> Node:
        """Draw a noun phrase with what may follow: phrases, participles, relative clauses, conjuncts."""
        node = self.noun()
        chance = 0.45 if depth == 0 else 0.2
        if self.maybe(chance):
            node.right.append(self.phrase("nmod", depth + 1))
        if self.maybe(chance * 0.6):
            node.right.append(self.participle(depth + 1))
        if depth < 2 and self.maybe(chance * 0.3):
            comma = self.maybe(0.4)
            clause = self.relative(depth + 1, comma)
            if comma:
                clause.left.insert(0, Node(",", ",", "punct"))
            node.right.append(clause)
        elif depth < 2 and self.maybe(chance * 0.5):
            node.right += self.conjuncts(lambda: self.noun(definite=0.2))
        return node

    def relative(self, depth: int, comma: bool) -> Node:
        """Draw a relative clause with "which", "that", "some of which" or "where"."""
        if self.maybe(0.15):
            subject = self.noun(plain=True, definite=0.8)
            node = self.predicate(plural=subject.tag == "NNS", depth=depth)
            passive = any(child.relation == "aux:pass" for child in node.left)
            node.left = [
                Node("where", "WRB", "advmod"),
                subject.as_("nsubj:pass" if passive else "nsubj"),
                *node.left,
            ]
            return node.as_("acl:relcl")
        pronoun = Node("which" if comma or self.maybe(0.4) else "that", "WDT", "nsubj")
        node = self.predicate(plural=self.maybe(0.3), depth=depth)
        pronoun.relation = "nsubj:pass" if any(c.relation == "aux:pass" for c in node.left) else "nsubj"
        if comma and self.maybe(0.2):
            some = Node(self.rng.choice(["some", "two", "one"]), "DT", pronoun.relation)
            some.tag = "DT" if some.text == "some" else "CD"
            pronoun.left.append(Node("of", "IN", "case"))
            some.right.append(pronoun.as_("nmod"))
            pronoun.text, pronoun = "which", some
        node.left.insert(0, pronoun)
        return node.as_("acl:relcl")

    # Clauses

    def predicate(self, *, plural: bool, depth: int = 0) -> Node:
        """Draw a finite verb or a copula with what follows; the subject is still to come."""
        rng = self.rng
        be = Node("are", "VBP") if plural else Node("is", "VBZ")
        kind = rng.random()
        adverb = [
            Node(rng.choice(["slightly", "also", "partially", "only", "mostly", "clearly"]), "RB", "advmod")
        ]
        adverb = adverb if self.maybe(0.12) else []
        if kind < 0.3:
            plain = rng.choice(words.INTRANSITIVE)
            node = Node(plain if plural else third_person(plain), "VBP" if plural else "VBZ", left=adverb)
            if self.maybe(0.15):
                node.right.append(Node(rng.choice(words.PLACE_ADVERBS), "RB", "advmod"))
            if self.maybe(0.9):
                node.right.append(self.phrase("obl", depth + 1))
        elif kind < 0.55:
            plain = rng.choice(words.TRANSITIVE)
            node = Node(plain if plural else third_person(plain), "VBP" if plural else "VBZ", left=adverb)
            node.right.append(self.full_noun(depth + 1).as_("obj"))
            if self.maybe(0.3):
                node.right.append(self.phrase("obl", depth + 1))
        elif kind < 0.72:
            node = Node(rng.choice(words.PARTICIPLES), "VBN", left=[be.as_("aux:pass"), *adverb])
            if self.maybe(0.15):
                node.left = [Node("can", "MD", "aux"), Node("be", "VB", "aux:pass")]
                node.text = "seen"
            node.right.append(self.phrase("obl", depth + 1))
        elif kind < 0.8:
            node = Node(ing_form(rng.choice(words.INTRANSITIVE)), "VBG", left=[be.as_("aux"), *adverb])
            node.right.append(self.phrase("obl", depth + 1))
        elif kind < 0.9:
            adjective = self.adjective()
            node = adjective[0].as_("root")
            if node.tag == "NN":
                node = Node(rng.choice(words.QUALITIES).split("-")[0], "JJ")
            node.left = [be.as_("cop"), *node.left]
            if self.maybe(0.3):
                second = Node(rng.choice(words.COLOURS), "JJ", "conj", left=[Node("and", "CC", "cc")])
                node.right.append(second)
            elif self.maybe(0.3):
                node.right.append(self.phrase("obl", depth + 1))
        elif kind < 0.95:
            node = self.place("root")
            node.left.insert(0, be.as_("cop"))
        else:
            verb = rng.choice([("appear", "appears"), ("seem", "seems")])
            node = Node(verb[0] if plural else verb[1], "VBP" if plural else "VBZ")
            inner = Node(rng.choice(words.PARTICIPLES), "VBN", "xcomp",
                         left=[Node("to", "TO", "mark"), Node("be", "VB", "aux:pass")])  # fmt: skip
            inner.right.append(self.phrase("obl", depth + 1))
            node.right.append(inner)
        return node

    def clause(self) -> Node:
        """Draw a main clause without its full stop."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.5:
            subject = self.noun() if self.maybe(0.75) else self.full_noun(1)
            if self.maybe(0.12):
                subject = Node(rng.choice(["it", "he", "she"]), "PRP")
            node = self.predicate(plural=subject.tag == "NNS")
            passive = any(child.relation == "aux:pass" for child in node.left)
            node.left.insert(0, subject.as_("nsubj:pass" if passive else "nsubj"))
            if self.maybe(0.2):
                self.front(node)
        elif kind < 0.68:
            subject = self.full_noun()
            node = Node("are" if subject.tag == "NNS" else "is", "VBP" if subject.tag == "NNS" else "VBZ")
            node.left.append(Node("there", "EX", "expl"))
            node.right.append(subject.as_("nsubj"))
            if self.maybe(0.35):
                self.front(node)
            elif self.maybe(0.3):
                node.right.append(self.place("obl"))
        elif kind < 0.8:
            subject = self.full_noun()
            if self.maybe(0.5):
                node = self.place("root") if self.maybe(0.7) else self.phrase("root", 2)
                node.right.append(
                    Node(
                        "are" if subject.tag == "NNS" else "is",
                        "VBP" if subject.tag == "NNS" else "VBZ",
                        "cop",
                    )
                )
            else:
                plain = rng.choice(words.INTRANSITIVE[:12])
                node = Node(
                    plain if subject.tag == "NNS" else third_person(plain),
                    "VBP" if subject.tag == "NNS" else "VBZ",
                )
                node.left.append(self.place("obl"))
            node.right.append(subject.as_("nsubj"))
        elif kind < 0.9:
            node = self.picture()
            verb = Node(
                rng.choice(["shows", "captures", "features", "displays", "depicts", "reveals"]), "VBZ"
            )
            verb.left.append(node.as_("nsubj"))
            verb.right.append(self.full_noun().as_("obj"))
            if self.maybe(0.3):
                verb.right.append(self.phrase("obl", 1))
            node = verb
        else:
            node = self.picture()
            inner = self.full_noun().as_("nmod")
            inner.left.insert(0, Node("of", "IN", "case"))
            node.right.append(inner)
        return node

    def picture(self) -> Node:
        """Draw "an eye-level, outdoor shot"."""
        head = self.hyphenated(self.rng.choice(words.PICTURES), "root")[0]
        head.tag = "NN"
        modifiers: list[Node] = []
        for _ in range(self.rng.choice([0, 1, 1, 2])):
            if modifiers:
                modifiers[-1].right.append(Node(",", ",", "punct"))
            modifiers += self.hyphenated(self.rng.choice(words.PICTURE_QUALITIES), "amod")
            if modifiers[-1].tag == "NN":
                modifiers[-1].relation = "compound"
        nearest = modifiers[0] if modifiers else head
        while nearest.left:
            nearest = nearest.left[0]
        article = Node("an" if nearest.text[0] in "aeiou" else "a", "DT", "det")
        head.left = [article, *modifiers, *head.left]
        return head

    def front(self, node: Node) -> None:
        """Put a prepositional phrase before the subject."""
        phrase = self.place("obl") if self.maybe(0.75) else self.phrase("obl", 2)
        comma = [Node(",", ",", "punct")] if self.maybe(0.7) else []
        node.left = [phrase, *comma, *node.left]

    def sentence(self) -> Node:
        """Draw a sentence: a clause, at times with a second one or a participle."""
        node = self.clause()
        extra = self.rng.random()
        if extra < 0.15:
            second = self.clause() if self.maybe(0.5) else self.predicate(plural=False)
            second.left.insert(0, Node(self.rng.choice(["and", "and", "and", "but"]), "CC", "cc"))
            if self.maybe(0.6):
                second.left.insert(0, Node(",", ",", "punct"))
            node.right.append(second.as_("conj"))
        elif extra < 0.24:
            second = self.clause()
            second.left.insert(0, Node(self.rng.choice(["while", "as", "while", "although"]), "IN", "mark"))
            if self.maybe(0.6):
                second.left.insert(0, Node(",", ",", "punct"))
            node.right.append(second.as_("advcl"))
        elif extra < 0.36:
            second = self.participle(1)
            second.left.insert(0, Node(",", ",", "punct"))
            node.right.append(second.as_("advcl"))
        elif extra < 0.42:
            second = self.participle(2)
            owner = self.noun(plain=True, definite=1.0).as_("nsubj")
            second.left.insert(0, owner)
            marked = self.maybe(0.6)
            if marked:
                second.left.insert(0, Node("with", "IN", "mark"))
            if not marked or self.maybe(0.6):
                second.left.insert(0, Node(",", ",", "punct"))
            node.right.append(second.as_("advcl"))
        elif extra < 0.47:
            second = self.clause()
            second.left.insert(0, Node(";", ":", "punct"))
            node.right.append(second.as_("parataxis"))
        elif extra < 0.5 and node.tag.startswith("VB"):
            second = self.phrase("obl", 1)
            second.left.insert(0, Node(",", ",", "punct"))
            node.right.append(second)
        node.right.append(Node(".", ".", "punct"))
        return node
