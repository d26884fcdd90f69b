"""Cosine, SPECS and CLIPScore on numbers that can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from specs_core.scoring import clip_score, cosine, ref_clip_score, specs_score


def test_cosine_of_hand_worked_vectors_is_their_angle() -> None:
    texts = [[3.0, 4.0], [4.0, -3.0], [-3.0, -4.0], [1.0, 0.0]]
    np.testing.assert_allclose(cosine([6.0, 8.0], texts), [1.0, 0.0, -1.0, 0.6], atol=1e-15)


def test_cosine_of_a_missing_feature_is_nan() -> None:
    np.testing.assert_array_equal(cosine([1.0, 0.0], [[np.nan, np.nan], [1.0, 0.0]]), [np.nan, 1.0])


def test_cosine_of_a_zero_vector_is_nan_without_a_warning() -> None:
    assert np.isnan(cosine([0.0, 0.0], [1.0, 0.0]))


def test_cosine_of_features_of_other_width_names_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(2,\).*\(4, 3\)"):
        cosine(np.ones(2), np.ones((4, 3)))


@given(
    arrays(np.float32, (3, 5), elements=st.floats(-1e6, 1e6, width=32)),
    arrays(np.float32, 5, elements=st.floats(-1e6, 1e6, width=32)),
    st.floats(0.001, 1000),
)
def test_cosine_stays_within_one_and_ignores_length(
    texts: np.ndarray, image: np.ndarray, scale: float
) -> None:
    similarity = cosine(image, texts)
    assert np.all((np.abs(similarity) <= 1) | np.isnan(similarity))
    np.testing.assert_allclose(cosine(image.astype(float) * scale, texts), similarity, rtol=1e-9, atol=1e-9)


def test_specs_score_of_the_published_cosines_gives_the_published_scores() -> None:
    # The cosines behind the published example; a score clipped at cosine 0 would be 0 three times.
    scores = specs_score([-0.1414, -0.1086, -0.0834])
    np.testing.assert_allclose(scores, [0.4293, 0.4457, 0.4583], atol=5e-5)


def test_specs_score_at_the_ends_of_the_range_is_zero_and_one() -> None:
    np.testing.assert_array_equal(specs_score([-1.0, 0.0, 1.0, np.nan]), [0.0, 0.5, 1.0, np.nan])


def test_clip_score_of_a_negative_cosine_is_zero() -> None:
    np.testing.assert_allclose(clip_score([-0.2, 0.0, 0.3, 1.0, np.nan]), [0.0, 0.0, 0.75, 2.5, np.nan])


def test_ref_clip_score_is_the_harmonic_mean_and_zero_where_either_is() -> None:
    found = ref_clip_score([1.0, 2.5, 0.5, 0.0, 1.0, np.nan, 1.0], [0.25, 1.0, -0.3, 0.0, 0.0, 0.5, np.nan])
    np.testing.assert_allclose(found, [0.4, 10 / 7, 0.0, 0.0, 0.0, np.nan, np.nan])
