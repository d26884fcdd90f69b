import numpy as np
import pytest

from specs_core.corrections import best_correction
from specs_core.curve import curve_of_units
from specs_core.encoder import load_encoder
from specs_core.images import read_image
from specs_core.scoring import cosine
from specs_core.segmentation.units import cut_at

CAPTION = "A red disc lies on the left, above green ground. A blue square stands beside it. The sky is pale."
STARTS = ("lies", "above", "A blue", "stands", "The sky")


@pytest.fixture(scope="module")
def scored(tiny_checkpoint, drawn_image):
    encoder = load_encoder(str(tiny_checkpoint))
    image = encoder.image_features([read_image(drawn_image)])[0]
    units = cut_at(CAPTION, [0, *(CAPTION.index(start) for start in STARTS)])
    return encoder, image, curve_of_units(encoder, image, units)


def slow_greedy(encoder, image, texts, flagged):
    left, removals = list(range(len(texts))), []
    now = float(cosine(image, encoder.text_features(["".join(texts)]))[0])
    while len(left) > 1:
        tries = {
            u: float(cosine(image, encoder.text_features(["".join(texts[v] for v in left if v != u)]))[0])
            for u in flagged
            if u in left
        }
        if not tries or max(tries.values()) <= now:
            break
        best = max(tries, key=lambda u: tries[u])
        removals.append((best, tries[best] - now))
        now = tries[best]
        left.remove(best)
    return removals, now


@pytest.mark.parametrize("flagged", [range(6), [1, 3, 4], [2], []])
def test_units_are_dropped_in_the_order_of_a_plain_greedy_search(scored, flagged):
    encoder, image, curve = scored
    seen = []
    found = best_correction(encoder, image, curve, list(flagged), on_progress=lambda *step: seen.append(step))
    removals, after = slow_greedy(encoder, image, [unit.text for unit in curve.units], list(flagged))
    assert [one.unit for one in found.removals] == [unit for unit, _ in removals]
    np.testing.assert_allclose(
        [one.gain for one in found.removals], [gain for _, gain in removals], atol=2e-6
    )
    assert found.after == pytest.approx(after, abs=2e-6)
    assert found.before == curve.final_similarity
    assert found.after == pytest.approx(found.before + sum(one.gain for one in found.removals))
    assert all(one.gain > 0 for one in found.removals)
    assert seen == sorted(seen)
    assert not seen or seen[-1][0] == seen[-1][1]


def test_the_search_over_all_units_of_the_caption_drops_some_and_leaves_some(scored):
    encoder, image, curve = scored
    found = best_correction(encoder, image, curve, range(6))
    assert 1 <= len(found.removals) <= 5


def test_a_unit_beyond_the_context_is_never_dropped(scored):
    encoder, image, _ = scored
    text = "A red disc. " * 80
    curve = curve_of_units(encoder, image, cut_at(text, list(range(0, len(text), 12))))
    beyond = np.flatnonzero(curve.beyond_context).tolist()
    assert beyond
    found = best_correction(encoder, image, curve, [0, *beyond])
    assert {one.unit for one in found.removals} <= {0}


def test_a_number_that_is_no_unit_is_refused(scored):
    encoder, image, curve = scored
    with pytest.raises(ValueError, match="unit 6 is not one of the curve's 6 units"):
        best_correction(encoder, image, curve, [6])
