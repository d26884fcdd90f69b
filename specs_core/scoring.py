"""From features to similarities, and from similarities to scores (numpy only)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def cosine(image_features: npt.ArrayLike, text_features: npt.ArrayLike) -> FloatArray:
    """Return the cosine similarity of image and text features.

    The features need not be normalised. Leading axes broadcast as numpy's do, so one image (D,) goes with U
    texts (U, D). A row with NaN (a unit beyond the model's context) gives NaN; a row of zeros has no
    direction and gives NaN as well.

    Args:
        image_features: (..., D) real numbers.
        text_features: (..., D) real numbers.

    Returns:
        (...) float64 in [-1, 1].

    Raises:
        ValueError: The last axes differ or are missing.

    Source: Hessel et al. 2021, CLIPScore, section 3.
    """
    image = np.asarray(image_features, dtype=np.float64)
    text = np.asarray(text_features, dtype=np.float64)
    if image.ndim == 0 or text.ndim == 0 or image.shape[-1] != text.shape[-1]:
        raise ValueError(
            f"image features {image.shape} and text features {text.shape} need the same last axis"
        )
    # An array of dimensions, even where one pair is asked for, so that the NaN below has somewhere to stand.
    norms = np.linalg.norm(image, axis=-1) * np.linalg.norm(text, axis=-1)
    dot: Any = np.sum(image * text, axis=-1)
    similarity: FloatArray = np.full(np.shape(norms), np.nan)
    np.divide(dot, norms, out=similarity, where=np.asarray(norms > 0))
    return np.clip(similarity, -1.0, 1.0, out=similarity)


def specs_score(similarity: npt.ArrayLike) -> FloatArray:
    """Return SPECS, max(0, (cos + 1) / 2), of cosine similarities.

    Args:
        similarity: Cosines in [-1, 1], any shape; NaN stays NaN.

    Returns:
        float64 of the same shape, in [0, 1].

    Source: Chen et al. 2025, SPECS, as its published code computes it.
    """
    # Differs from the paper: its text clips the cosine at 0, yet its published example scores (all below .5)
    # are those of the formula here.
    return np.maximum(0.0, (np.asarray(similarity, dtype=np.float64) + 1.0) / 2.0)


def clip_score(similarity: npt.ArrayLike) -> FloatArray:
    """Return CLIPScore, 2.5 max(cos, 0), of cosine similarities.

    The cosines are meant to come from captions behind the prompt "A photo depicts ".

    Args:
        similarity: Cosines in [-1, 1], any shape; NaN stays NaN.

    Returns:
        float64 of the same shape, in [0, 2.5].

    Source: Hessel et al. 2021, CLIPScore, section 3.
    """
    return 2.5 * np.maximum(0.0, np.asarray(similarity, dtype=np.float64))


def ref_clip_score(score: npt.ArrayLike, nearest: npt.ArrayLike) -> FloatArray:
    """Return RefCLIPScore, the harmonic mean of CLIPScore and max(0, nearest).

    Args:
        score: CLIPScore, any shape; NaN stays NaN.
        nearest: Highest cosine of the caption and a reference, both behind the prompt, of the same shape.

    Returns:
        float64 of the same shape, in [0, 1.43]; 0 where both are 0.

    Source: Hessel et al. 2021, CLIPScore, section 3.
    """
    clip = np.asarray(score, dtype=np.float64)
    text = np.maximum(0.0, np.asarray(nearest, dtype=np.float64))
    total: Any = clip + text
    mean: FloatArray = np.zeros(np.shape(total))
    np.divide(2.0 * clip * text, total, out=mean, where=np.asarray(total != 0))  # NaN is not 0, and stays
    return mean
