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
    "musician kayak canoe vendor stall lantern stool customer noodle apron onlooker coin robot performer "
    "glass sandwich laptop convertible bumper diner booth milkshake savanna herd acacia shutter dormer "
    "gable cobblestone van forest highway intersection crosswalk skyscraper apartment cottage cabin barn "
    "silo windmill lighthouse pier dock harbor sailboat yacht kayaker surfer swimmer skier snowboard "
    "skateboard surfboard racket bat goal net stadium court pitch crowd audience stage microphone guitar "
    "piano drum violin trumpet camera tripod television remote sofa couch cushion armchair dresser drawer "
    "cabinet stove oven fridge kettle pan tray napkin fork cake pie pizza salad bread cheese tomato apple "
    "banana orange lemon strawberry carrot onion potato egg steak soup coffee tea jar bucket broom hose "
    "shovel wheelbarrow tractor crane scaffold tent backpack suitcase umbrella wallet bracelet earring "
    "tie suit uniform skirt sweater hoodie sock boot sandal beard mustache ponytail tattoo smile vest "
    "belt badge puppy kitten rooster hen chick squirrel rabbit deer bear wolf fox owl eagle pigeon parrot "
    "seagull crab lobster octopus jellyfish coral seaweed waterfall stream canyon desert dune cactus palm "
    "pine oak vine hedge orchard vineyard sunset horizon rainbow storm puddle icicle snowman footprint "
    "shell pebble log stump nest web petal stem thorn berry mushroom"
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
INTRANSITIVE = _words(
    "stand sit lie hang lean rest float grow run walk swim fly extend stretch curve rise fall slope jut "
    "protrude peek emerge loom veer bounce lead wind climb crouch kneel sleep shine stare look face point "
    "flare dangle tilt sprout hover paddle splash pose wait stream glow gather drift roll crawl march "
    "dance smile glance gaze wander travel sail soar dive leap bloom spill drip pour flow cascade spread "
    "bend arch sway flutter wave shimmer sparkle glisten gleam glint blend fade taper narrow widen open "
    "end start turn pass approach peer squat recline lounge nestle cling droop sag fan branch radiate "
    "converge intersect descend ascend tower linger huddle cluster line stroll cycle skate ski surf ride "
    "drive balance pause graze feed play work cook eat drink read gallop perch land park spin jog chat "
    "clap wade trail twist peel crack circle shelter surge crash"
)
TRANSITIVE = _words(
    "show capture feature depict display reveal hold wear carry cover surround frame line cross face cast "
    "reflect touch block overlook support contain include create form illuminate cause resemble bisect "
    "flank read top fill add obscure serve spell paint push pull lift throw catch kick hit ride drive "
    "climb chase watch greet feed pet hug embrace grip clutch grasp raise lower place wave point shade "
    "hide conceal expose separate divide connect join border edge outline mark label brighten darken dot "
    "crown adorn decorate accent complement contrast suggest indicate give lend provide offer make take "
    "present portray illustrate highlight emphasize mirror echo span bridge encircle enclose occupy "
    "dominate share stretch pour cook eat drink play use approach pass enter examine inspect guide lead "
    "trace cradle balance clean sweep carve trim slice hang house host flood coat drape shelter guard"
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
