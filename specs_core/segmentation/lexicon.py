"""Closed lists of English words that the dependency rules know."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: A phrase with one of these completes the word before it instead of adding to it.
COMPLETING_PREPOSITIONS = _words("of than as for to into onto out")
#: These too, unless a comma stands before them.
BOUND_PREPOSITIONS = _words("by like about through per via upon toward towards")
#: What stands behind "at" belongs to these.
LOOKING = _words(
    "look looks looking stare stares staring gaze gazes gazing glance glances glancing peer peers peering "
    "point points pointing aim aims aiming smile smiles smiling"
)
#: "To the left" places; "to the wall" completes.
SIDES = _words("left right side rear front back top bottom north south east west")
#: What stands behind these belongs to them: "a focus on sounds", "takes place in front of a field".
RELATIONAL_NOUNS = _words(
    "focus emphasis glimpse look interest effect impact attention access addition contrast connection "
    "resemblance sense hint interaction relationship place"
)
#: "Is captured" needs nothing behind it, other passives do.
PICTURING_PARTICIPLES = _words("captured depicted pictured photographed portrayed")
#: Words that can open an adverbial clause.
ADVERBIAL_MARKS = _words(
    "while where when whereas although though because since as so until unless after before if even"
)
#: "Possibly a church": a second guess at what was named.
HEDGES = _words("possibly perhaps likely maybe probably presumably apparently")
COMPARATIVES = _words("further farther closer nearer higher lower")
COMPARATIVE_COMPLETIONS = _words("back to up down away from")
#: Verbs that place an object; what follows them says where.
PLACING_VERBS = _words(
    "is are was were can be stand stands sit sits lie lies hang hangs appear appears rest rests seen found "
    "placed parked located situated positioned shown visible standing sitting lying hanging resting"
)
#: "Among its peers" hardly places, "on his shoulders" does.
PLACE_PREPOSITIONS = _words(
    "in on above below under underneath beneath behind beside near around inside outside over across along"
)
#: Words that do not name what a phrase behind them would describe; "sits" may be mistagged as a noun.
UNNAMED = PLACING_VERBS | _words("one ones")
STAND_INS = _words("one another others")
QUANTITIES = _words("various several many few other more numerous")
#: A bare colour behind "in" is a detail of its own: "letters | in black".
COLOURS = _words(
    "black white red green blue yellow orange brown purple pink gray grey gold silver beige tan teal maroon"
)
#: A bare time of day is one too: "a cabin | at dusk".
TIMES = _words("dusk dawn night nighttime daytime noon midday midnight twilight sunset sunrise")
#: With one of these a participle is an adjective: "is quite elongated | in the light".
DEGREES = _words("very quite rather somewhat fairly extremely so too")
#: What "with" completes: "level with", "along with", "crowded with".
ACCOMPANIED = _words(
    "along together consistent level flush parallel complete alive thick heavy busy familiar full rich"
)

#: Abbreviations whose stop does not end a sentence.
ABBREVIATIONS = _words(
    "mr. mrs. ms. dr. st. mt. ft. jr. sr. no. vs. e.g. i.e. etc. approx. ca. inc. ltd. co. prof. rev. gen. "
    "sgt. capt. lt. col. ave. blvd. rd. fig. est. dept. vol. pp. sq. u.s. u.k. a.m. p.m."
)
#: Behind these the stop may end the sentence as well; the next word's capital decides.
ENDING_ABBREVIATIONS = _words("etc. inc. ltd. co. jr. sr. ave. blvd. rd. u.s. u.k. a.m. p.m.")
#: Words that hardly stand capitalised inside a sentence.
SENTENCE_STARTERS = _words(
    "The A An There It In On At To This That These Those He She They His Her Its Their"
)
