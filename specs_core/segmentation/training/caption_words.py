"""Words that the generated caption treebank draws from."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


OBJECTS = _words(
    "car tree house dog cat bird fence wall bench table chair bottle cup plate lamp window door building "
    "tower bridge road path rock boulder flower bush leaf branch boat ship truck bus bicycle train sign "
    "statue sculpture fountain pole wire cable roof chimney balcony column arch gate screen monitor "
    "keyboard phone book shelf box basket bag hat shirt jacket dress shoe glove scarf ring watch necklace "
    "mug bowl spoon knife candle vase pot plant pillow blanket curtain rug carpet counter sink mirror "
    "frame poster painting banner flag balloon kite ball toy doll puppet horse cow sheep goat duck goose "
    "swan penguin baboon monkey lion tiger elephant giraffe zebra fish shark whale turtle frog lizard "
    "snake spider bee butterfly insect peninsula mountain hill valley river lake pond wave beach shore "
    "island cliff cloud star moon planet field meadow garden lawn trail sidewalk street alley platform "
    "track tunnel station helmet wheel tire engine wing tail beak paw ear eyebrow muzzle eyeball mouth "
    "nose lip cheek arm leg hand foot head neck shoulder knee finger thumb chest body skyline cube circle "
    "rectangle square triangle arrow stripe line dot letter word label sticker logo tag crack stain "
    "shadow reflection light stone brick tile plank post pillar barrier rail railing staircase step "
    "ladder ramp man woman boy girl child person player worker farmer driver rider couple tourist "
    "musician"
)
MASSES = _words(
    "water grass sand snow ice ivy gravel dirt moss smoke steam fog sunlight light shade foliage "
    "vegetation greenery wood metal steel concrete brick glass plastic paint cardboard leather fabric fur "
    "text graffiti sky hair"
)
MATERIALS = _words(
    "wooden metal steel concrete brick glass plastic stone ceramic leather cardboard marble bronze"
)
COLOURS = _words(
    "red blue green yellow orange purple pink brown black white gray grey tan beige golden silver "
    "turquoise maroon crimson teal"
)
QUALITIES = _words(
    "small large big tiny huge tall short long narrow wide thick thin round square rectangular flat shiny "
    "glossy matte dark light bright pale dull old new rusty worn dirty clean empty full wet dry rough "
    "smooth soft fluffy sparse dense lush bare leafless broken cracked curved straight pointed sharp "
    "blurry clear cloudy sunny heavy plain ornate decorative vertical horizontal diagonal open closed low "
    "high upper lower distant nearby central single large-scale various different several-story massive "
    "slender stocky bushy shaggy blank boxy bold faint vivid modern traditional rustic rural urban "
    "outdoor indoor"
)
PARTICIPLE_QUALITIES = _words(
    "rounded painted striped spotted dotted twisted tangled arched pointed stacked scattered weathered "
    "faded polished carved framed fenced wooded shaded parked folded rolled lit raised slanted vegetated"
)
REGIONS = _words("foreground background distance middle center corner")
PICTURES = _words("shot image photo photograph picture view scene close-up painting drawing")
PICTURE_QUALITIES = _words(
    "close-up eye-level high-angle low-angle wide-angle outdoor indoor aerial overhead full medium long "
    "daytime nighttime front side black-and-white vertical horizontal blurry"
)
PREPOSITIONS = _words(
    "on in above below under beneath behind beside near against along across over around between inside "
    "by outside at with within underneath among atop toward towards amid from past"
)
# Plural form, third person, -ing form.
INTRANSITIVE = _words(
    "stand:stands:standing sit:sits:sitting lie:lies:lying hang:hangs:hanging lean:leans:leaning "
    "rest:rests:resting float:floats:floating grow:grows:growing run:runs:running walk:walks:walking "
    "swim:swims:swimming fly:flies:flying extend:extends:extending stretch:stretches:stretching "
    "curve:curves:curving rise:rises:rising fall:falls:falling slope:slopes:sloping jut:juts:jutting "
    "protrude:protrudes:protruding peek:peeks:peeking emerge:emerges:emerging loom:looms:looming "
    "veer:veers:veering bounce:bounces:bouncing lead:leads:leading wind:winds:winding "
    "climb:climbs:climbing crouch:crouches:crouching kneel:kneels:kneeling sleep:sleeps:sleeping "
    "shine:shines:shining stare:stares:staring look:looks:looking face:faces:facing point:points:pointing "
    "flare:flares:flaring dangle:dangles:dangling tilt:tilts:tilting sprout:sprouts:sprouting "
    "hover:hovers:hovering"
)
TRANSITIVE = _words(
    "show:shows:showing capture:captures:capturing feature:features:featuring depict:depicts:depicting "
    "display:displays:displaying reveal:reveals:revealing hold:holds:holding wear:wears:wearing "
    "carry:carries:carrying cover:covers:covering surround:surrounds:surrounding frame:frames:framing "
    "line:lines:lining cross:crosses:crossing face:faces:facing cast:casts:casting "
    "reflect:reflects:reflecting touch:touches:touching block:blocks:blocking "
    "overlook:overlooks:overlooking support:supports:supporting contain:contains:containing "
    "include:includes:including create:creates:creating form:forms:forming "
    "illuminate:illuminates:illuminating cause:causes:causing resemble:resembles:resembling "
    "bisect:bisects:bisecting flank:flanks:flanking read:reads:reading top:tops:topping "
    "fill:fills:filling add:adds:adding obscure:obscures:obscuring"
)
PARTICIPLES = _words(
    "placed parked seated situated located positioned mounted attached painted printed written carved "
    "stacked covered surrounded lined filled decorated topped framed lit illuminated dappled scattered "
    "arranged held supported worn draped wrapped perched secured affixed built made planted interspersed "
    "submerged obscured captured hung tied planted connected"
)
NUMBERS = _words("two three four five six seven eight")
PLACE_ADVERBS = _words(
    "upward downward outward inward forward upright horizontally vertically diagonally slightly"
)
COVERINGS = _words("cream snow ivy sand heart graffiti tree")
GROUPS = _words("group row pair set couple lot piece portion series")
#: With tag and relation.
PLURAL_DETERMINERS = (
    ("some", "DT", "det"),
    ("several", "JJ", "amod"),
    ("many", "JJ", "amod"),
    ("the", "DT", "det"),
    ("few", "JJ", "amod"),
    ("its", "PRP$", "nmod:poss"),
    ("various", "JJ", "amod"),
)
CORNERS = (
    "upper left",
    "lower left",
    "upper right",
    "lower right",
    "top left",
    "bottom right",
    "far left",
    "near right",
)
PLURALS_ODD = {
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
    "butterfly": "butterflies",
    "valley": "valleys",
    "body": "bodies",
    "balcony": "balconies",
    "alley": "alleys",
}
