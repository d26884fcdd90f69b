"""The published example's scores, where the published weights, image and captions are at hand.

SPECS_WEIGHTS names the weights (`specs`, or the path of spec.pt), SPECS_EXAMPLE_IMAGE the cat of the
published repository (images/cat.png) and SPECS_EXAMPLE_CAPTIONS a JSON list of the three captions of its
README, in order.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

PUBLISHED = (0.4293, 0.4457, 0.4583)


@pytest.mark.weights
def test_published_weights_on_the_published_example_give_the_published_scores() -> None:
    from specs_core.encoder import load_encoder
    from specs_core.images import read_image
    from specs_core.scoring import cosine, specs_score

    names = ("SPECS_WEIGHTS", "SPECS_EXAMPLE_IMAGE", "SPECS_EXAMPLE_CAPTIONS")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"needs the published weights, image and captions: {', '.join(missing)} not set")
    weights, image, captions = (os.environ[name] for name in names)
    texts = json.loads(Path(captions).read_text(encoding="utf-8"))
    encoder = load_encoder(weights)
    similarity = cosine(encoder.image_features([read_image(image)])[0], encoder.text_features(texts))
    np.testing.assert_allclose(specs_score(similarity), PUBLISHED, atol=5e-4)
