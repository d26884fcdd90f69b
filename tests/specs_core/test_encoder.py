"""Features: unit length, the curve's one pass against padded passes, and captions that would break it."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from specs_core.encoder import Encoder, TextTree, load_encoder
from specs_core.errors import CaptionError, CheckpointError, ConfigError
from specs_core.segmentation.units import DetailUnit

LONG = (
    "A large brown dog, wearing sunglasses, sits on a multi-colored blanket near the sea. "
    "Behind it stands a child in a yellow raincoat, who builds a castle of sand. "
    "Three gulls circle above, and a single white cloud drifts over the pier."
)


def cut(caption: str, *starts: int) -> tuple[DetailUnit, ...]:
    """Units at any offsets, within words too."""
    edges = [0, *starts, len(caption)]
    return tuple(DetailUnit(caption[a:b], a, b) for a, b in itertools.pairwise(edges))


def padded_features(encoder: Encoder, captions: list[str]) -> np.ndarray:
    """The slow plain version: open_clip's own tokenizer and text encoder, one padded row a caption."""
    model: Any = encoder.model
    tokens = encoder._tokenizer(captions)
    with torch.inference_mode():
        return F.normalize(model.encode_text(tokens), dim=-1).numpy()


def prefixes_of(units: tuple[DetailUnit, ...]) -> list[str]:
    return ["".join(unit.text for unit in units[: u + 1]) for u in range(len(units))]


def test_image_features_of_several_images_are_those_of_each_alone(tiny_encoder: Encoder) -> None:
    images = [
        Image.effect_noise((50 + 9 * n, 40), 80).convert("RGB") for n in range(35)
    ]  # more than one batch
    together = tiny_encoder.image_features(images)
    assert together.shape == (35, 64)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=-1), 1, atol=1e-6)
    for index in (0, 31, 34):
        np.testing.assert_allclose(
            together[index], tiny_encoder.image_features([images[index]])[0], atol=1e-6
        )


def test_text_features_keep_the_callers_order_and_equal_padded_passes(tiny_encoder: Encoder) -> None:
    captions = ["a dog", LONG, "two red kites above the sea", "a", LONG[:90]] * 9
    features = tiny_encoder.text_features(captions)
    np.testing.assert_allclose(features, padded_features(tiny_encoder, captions), atol=1e-5)


def test_features_of_nothing_are_empty(tiny_encoder: Encoder) -> None:
    assert tiny_encoder.text_features([]).shape == (0, 64)
    assert tiny_encoder.image_features([]).shape == (0, 64)


def test_text_features_beyond_the_context_are_refused_with_both_numbers(tiny_encoder: Encoder) -> None:
    caption = "dog " * 246
    assert tiny_encoder.text_features([caption]).shape == (1, 64)
    with pytest.raises(CaptionError, match=r"249 tokens and model tiny\.safetensors reads 248"):
        tiny_encoder.text_features(["a dog", caption + "dog"])


@pytest.mark.parametrize("caption", ["", " \n\t"])
def test_text_features_of_a_blank_caption_are_refused(tiny_encoder: Encoder, caption: str) -> None:
    with pytest.raises(CaptionError, match="empty"):
        tiny_encoder.text_features([caption])


def test_prefix_features_in_one_pass_equal_padded_separate_passes(tiny_encoder: Encoder) -> None:
    units = cut(LONG, 18, 38, 62, 85, 130, 161, 182, 193)
    found = tiny_encoder.prefix_features(units)
    assert tiny_encoder.one_pass
    np.testing.assert_allclose(found.features, padded_features(tiny_encoder, prefixes_of(units)), atol=1e-5)
    assert found.tokens.sum() + 2 == found.total_tokens == tiny_encoder.count_tokens(LONG)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(1, len(LONG) - 1), max_size=12))
def test_prefix_features_cut_anywhere_equal_padded_separate_passes(
    tiny_encoder: Encoder, starts: set[int]
) -> None:
    # Most of these cuts fall within words, where the prefix has other tokens than the caption begins with.
    units = cut(LONG, *sorted(starts))
    found = tiny_encoder.prefix_features(units)
    np.testing.assert_allclose(found.features, padded_features(tiny_encoder, prefixes_of(units)), atol=1e-5)


@pytest.mark.parametrize(
    "caption",
    [
        "A caf\u00e9 &amp; a &lt;b&gt; sign \u201cOpen\u201d, 1920\u2019s, \ufb01ne\u2026",
        "cafe\u0301 on a corner, \u00c3\u00a9 mojibake",
        "\U0001f436\U0001f431 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
        "\u05db\u05dc\u05d1 \u05d7\u05d5\u05dd \u05e2\u05dc \u05d3\u05e9\u05d0",
        "a\x00b\x07 c\x1b[31m red \u202e reversed",
        "<script>alert('x')</script> & a dog",
        "\ud800 half a pair",
    ],
)
def test_prefix_features_of_odd_characters_equal_padded_separate_passes(
    tiny_encoder: Encoder, caption: str
) -> None:
    units = cut(caption, *range(1, len(caption), 3))
    found = tiny_encoder.prefix_features(units)
    prefixes = prefixes_of(units)
    expected = padded_features(tiny_encoder, prefixes)
    np.testing.assert_allclose(found.features, expected, atol=1e-5)
    assert found.tokens[0] == tiny_encoder.count_tokens(prefixes[0]) - 2


def test_prefix_features_beyond_the_context_are_nan_and_nothing_else_changes(tiny_encoder: Encoder) -> None:
    words = cut("dog " * 300, *range(80, 1200, 80))  # units of twenty tokens; the thirteenth ends at 260
    found = tiny_encoder.prefix_features(words)
    assert np.isnan(found.features).any(axis=-1).tolist() == [False] * 12 + [True] * 3
    assert found.tokens.tolist() == [20] * 15
    assert found.total_tokens == 302
    shorter = tiny_encoder.prefix_features(words[:12])
    np.testing.assert_allclose(found.features[:12], shorter.features, atol=1e-6)


def test_prefix_features_at_the_edge_of_the_context_count_both_special_tokens(tiny_encoder: Encoder) -> None:
    assert not np.isnan(tiny_encoder.prefix_features(cut("dog " * 246)).features).any()
    assert np.isnan(tiny_encoder.prefix_features(cut("dog " * 247)).features).all()


def test_prefix_features_of_five_thousand_words_come_at_once(tiny_encoder: Encoder) -> None:
    caption = "a small dog sleeps " * 1250
    found = tiny_encoder.prefix_features(cut(caption, *range(19, len(caption), 19)))
    assert found.total_tokens == 5002
    assert int((~np.isnan(found.features[:, 0])).sum()) == 61  # 61 units of four tokens, and two special ones


@pytest.mark.parametrize(
    "name", ["<end_of_text>", "<START_OF_TEXT>", "&lt;end_of_text&gt;", "\uff1cend_of_text\uff1e"]
)
def test_prefix_features_with_a_special_tokens_name_read_on_behind_it(
    tiny_encoder: Encoder, name: str
) -> None:
    caption = f"a dog {name} beside a cat"
    units = cut(caption, 6, 6 + len(name))
    found = tiny_encoder.prefix_features(units)
    # The plain spelling of the same characters, which the tokenizer does not take for an instruction.
    plain = name.replace("&lt;", "<").replace("&gt;", ">").replace("\uff1c", "<").replace("\uff1e", ">")
    spelled = plain.replace("<", "< ")
    expected = padded_features(tiny_encoder, ["a dog", f"a dog {spelled}", f"a dog {spelled} beside a cat"])
    np.testing.assert_allclose(found.features, expected, atol=1e-5)
    assert np.abs(found.features[2] - found.features[1]).max() > 1e-3


def test_prefix_features_of_no_units_are_refused(tiny_encoder: Encoder) -> None:
    with pytest.raises(CaptionError, match="empty"):
        tiny_encoder.prefix_features([])


def test_prefix_features_of_a_text_tower_that_is_not_causal_equal_padded_passes(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    config = json.loads(tiny_checkpoint.with_suffix(".json").read_text())["open_clip_config"]
    config["text_cfg"]["no_causal_mask"] = True
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = open_clip.CLIP(**config)
        torch.nn.init.normal_(model.token_embedding.weight, std=0.5)
    path = tmp_path / "open.safetensors"
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
    path.with_suffix(".json").write_text(json.dumps({"open_clip_config": config}))
    encoder = load_encoder(str(path))
    units = cut(LONG, 18, 38, 62, 85)
    assert not encoder.one_pass
    found = encoder.prefix_features(units)
    np.testing.assert_allclose(found.features, padded_features(encoder, prefixes_of(units)), atol=1e-5)
    np.testing.assert_allclose(encoder.text_features([LONG])[0], found.features[-1], atol=1e-5)


def test_tree_features_of_several_captions_equal_padded_separate_passes(tiny_encoder: Encoder) -> None:
    branches = [(0, "two gulls"), (1, "on a red rug. "), (2, "near the sea. "), (3, "No more."), (1, "s")]
    trees = [
        TextTree(cut(LONG, 18, 38, 90), branches),
        TextTree(cut("A dog runs.", 5), [(1, " \n sleeps")]),
        TextTree(cut(LONG[:70], 3, 20, 21)),
    ]
    for tree, features in zip(trees, tiny_encoder.tree_features(trees), strict=True):
        texts = tree.texts()
        units = len(tree.units)
        expected = padded_features(tiny_encoder, texts)
        np.testing.assert_allclose(features.prefixes, expected[:units], atol=1e-5)
        np.testing.assert_allclose(features.branches, expected[units:], atol=1e-5)
        counts = [tiny_encoder.count_tokens(text) for text in texts]
        assert [*features.prefix_tokens, *features.branch_tokens] == counts
    assert trees[0].texts()[-5:][:2] == ["two gulls", "A large brown dog,on a red rug. "]


@given(
    st.lists(
        st.one_of(
            st.text("aZ9 .,'\n\r\t&;<>\x1b[éÃ©â€™\u2028\xa0", max_size=6),
            st.sampled_from(["a dog ", "&am", "p; ", "<end_of", "_text>", "it", "'s "]),
        ),
        min_size=2,
        max_size=4,
    )
)
def test_tokens_of_a_text_read_piece_by_piece_are_those_of_the_whole(
    tiny_encoder: Encoder, pieces: list[str]
) -> None:
    texts = tiny_encoder.texts
    before, ids = "", texts.tokens("")
    for piece in pieces:
        ids = texts.tokens_after(before, ids, piece)
        before += piece
        assert ids == texts.tokens(before)


def test_tree_features_equal_prefix_features_whatever_goes_through_together(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = [TextTree(cut(LONG, *range(edge, 120, edge)), [(2, "a cat. ")]) for edge in (9, 14, 30, 25)]
    together = tiny_encoder.tree_features(trees)
    monkeypatch.setattr("specs_core.encoder.TREE_NODES", 1)
    alone = tiny_encoder.tree_features(trees)
    for tree, one, other in zip(trees, together, alone, strict=True):
        np.testing.assert_allclose(one.prefixes, other.prefixes, atol=1e-5)
        np.testing.assert_allclose(one.branches, other.branches, atol=1e-5)
        expected = tiny_encoder.prefix_features(tree.units).features
        np.testing.assert_allclose(one.prefixes, expected, atol=1e-5)


def test_tree_features_beyond_the_context_are_nan_and_counted_and_nothing_else_changes(
    tiny_encoder: Encoder,
) -> None:
    words = "dog " * 240
    branches = [(1, "a " * 6), (1, "a " * 7), (2, "cat. "), (0, "a cat. ")]
    tree = TextTree(cut(words + "and a cat on a red and blue mat.", len(words)), branches)
    (features,) = tiny_encoder.tree_features([tree])
    assert np.isnan(features.prefixes).any(axis=-1).tolist() == [False, True]
    assert np.isnan(features.branches).any(axis=-1).tolist() == [False, True, True, False]
    assert features.prefix_tokens.tolist() == [242, 252]
    assert features.branch_tokens.tolist() == [248, 249, 254, 5]
    texts = tree.texts()
    kept = [texts[0], texts[2], texts[5]]
    found = np.stack([features.prefixes[0], features.branches[0], features.branches[3]])
    np.testing.assert_allclose(found, padded_features(tiny_encoder, kept), atol=1e-5)


def test_tree_features_of_a_caption_whose_first_unit_is_too_long_are_nan(tiny_encoder: Encoder) -> None:
    words = "dog " * 250
    (features,) = tiny_encoder.tree_features([TextTree(cut(words + "cat", len(words)), [(1, "cow")])])
    assert np.isnan(features.prefixes).all()
    assert np.isnan(features.branches).all()


def test_tree_features_of_a_text_tower_that_is_not_causal_equal_padded_passes(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = TextTree(cut(LONG, 18, 38), [(1, "on a rug. "), (2, "dog " * 250)])
    (expected,) = tiny_encoder.tree_features([tree])
    monkeypatch.setattr(tiny_encoder, "one_pass", False)
    (found,) = tiny_encoder.tree_features([tree])
    np.testing.assert_allclose(found.prefixes, expected.prefixes, atol=1e-5)
    np.testing.assert_allclose(found.branches, expected.branches, atol=1e-5)
    assert np.isnan(found.branches[1]).all()


def test_tree_features_of_a_blank_caption_are_refused(tiny_encoder: Encoder) -> None:
    assert tiny_encoder.tree_features([]) == []
    with pytest.raises(CaptionError, match="the caption is empty"):
        tiny_encoder.tree_features([TextTree([])])
    with pytest.raises(CaptionError, match="the caption is empty"):
        tiny_encoder.tree_features([TextTree([DetailUnit(" ", 0, 1)], [(1, "a cat")])])


def test_encoder_whose_features_are_not_finite_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    state = load_file(tiny_checkpoint)
    state["ln_final.weight"] = state["ln_final.weight"] * 3e38
    save_file(state, tmp_path / "huge.safetensors")
    (tmp_path / "huge.json").write_text(tiny_checkpoint.with_suffix(".json").read_text())
    encoder = load_encoder(str(tmp_path / "huge.safetensors"))
    with pytest.raises(CheckpointError, match=r"huge\.safetensors gives features that are not finite"):
        encoder.text_features(["a dog"])


def test_load_encoder_on_a_device_that_is_not_there_names_it(tiny_checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match="no usable device 'tpu9'"):
        load_encoder(str(tiny_checkpoint), device="tpu9")


def test_load_encoder_without_a_name_takes_the_model_of_the_environment(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECS_MODEL", str(tiny_checkpoint))
    assert load_encoder().checkpoint.filename == str(tiny_checkpoint)


def test_provenance_holds_everything_a_score_depends_on(tiny_encoder: Encoder, tiny_checkpoint: Path) -> None:
    import hashlib

    provenance = tiny_encoder.provenance()
    assert provenance["weights_sha256"] == hashlib.sha256(tiny_checkpoint.read_bytes()).hexdigest()
    assert provenance["torch_version"] == torch.__version__
    assert provenance["open_clip_version"] == open_clip.__version__
    assert (provenance["dtype"], provenance["device"], provenance["image_size"]) == ("float32", "cpu", 64)
    assert provenance["model"] == "tiny.safetensors"  # the name without folders, which nobody else has
