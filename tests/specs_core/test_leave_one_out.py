import numpy as np
import pytest

from specs_core.curve import curve_of_units
from specs_core.encoder import load_encoder
from specs_core.errors import CaptionError
from specs_core.images import read_image
from specs_core.leave_one_out import LeaveOneOut, leave_one_out
from specs_core.scoring import cosine
from specs_core.segmentation.units import DetailUnit, cut_at
from specs_core.text_branches import features_without

CAPTION = "A red disc lies on the left, above green ground. A blue square stands beside it. The sky is pale."


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint, drawn_image):
    encoder = load_encoder(str(tiny_checkpoint))
    return encoder, encoder.image_features([read_image(drawn_image)])[0]


def cut(text: str, *starts: str) -> tuple[DetailUnit, ...]:
    return tuple(cut_at(text, [0, *(text.index(start) for start in starts)]))


@pytest.mark.parametrize("one_pass", [True, False])
def test_leave_one_out_equals_separate_texts(tiny_checkpoint, tiny, one_pass):
    _, image = tiny
    encoder = load_encoder(str(tiny_checkpoint))
    encoder.one_pass = one_pass
    units = cut(CAPTION, "above", "A blue", "The sky")
    curve = curve_of_units(encoder, image, units)
    found = leave_one_out(encoder, image, curve)
    texts = [CAPTION.replace(unit.text, "") for unit in units]
    np.testing.assert_allclose(found.without, cosine(image, encoder.text_features(texts)), atol=1e-6)
    assert found.similarity == pytest.approx(curve.similarity[-1])
    np.testing.assert_allclose(found.gain, curve.similarity[-1] - found.without, atol=1e-12)
    # The last unit stands at the end of the curve: both views see the same.
    assert found.gain[-1] == pytest.approx(curve.delta[-1], abs=1e-6)


def test_leave_one_out_of_a_caption_past_the_context_is_of_what_the_model_reads(tiny):
    encoder, image = tiny
    text = "A red disc. " * 80 + "A blue square."
    units = tuple(cut_at(text, list(range(0, 960, 12))))
    curve = curve_of_units(encoder, image, units)
    inside = int((~curve.beyond_context).sum())
    assert 1 < inside < len(units)
    found = leave_one_out(encoder, image, curve)
    assert found.similarity == curve.similarity[inside - 1]
    assert np.isnan(found.without[inside:]).all()
    shorter = text[: units[inside - 2].end]  # all units inside say the same: it is no matter which is gone
    np.testing.assert_allclose(
        found.without[:inside], cosine(image, encoder.text_features([shorter]))[0], atol=1e-6
    )


def test_an_only_unit_and_a_blank_rest_have_no_value(tiny):
    encoder, image = tiny
    curve = curve_of_units(encoder, image, cut("A red disc."))
    assert np.isnan(leave_one_out(encoder, image, curve).without).all()
    with pytest.raises(CaptionError, match="empty"):
        features_without(encoder, [DetailUnit(" ", 0, 1)])


def test_units_on_which_the_two_views_disagree_are_told(tiny):
    encoder, image = tiny
    curve = curve_of_units(encoder, image, cut(CAPTION, "above", "A blue", "The sky"))
    gain = np.array([-1.0, *curve.delta[1:]])
    agreed = LeaveOneOut(0.5, 0.5 - gain)
    assert not agreed.disagrees(curve).any()  # the first unit has no delta
    gain[2] *= -1
    assert LeaveOneOut(0.5, 0.5 - gain).disagrees(curve).tolist() == [False, False, True, False]
    assert not LeaveOneOut(0.5, 0.5 - gain).disagrees(curve, threshold=2.0).any()
