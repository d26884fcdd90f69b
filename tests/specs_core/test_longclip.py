"""Checkpoint files into models: the published LongCLIP format, open_clip's, and whatever is neither."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from open_clip import CLIP
from safetensors.torch import load_file, save_file

from specs_core.checkpoints import resolve
from specs_core.encoder import load_encoder
from specs_core.errors import CheckpointError, UnknownModelError
from specs_core.images import read_image
from specs_core.longclip import (
    KEPT_POSITIONS,
    build_model,
    load_model,
    longclip_config,
    merge_positions,
    open_clip_config,
    read_state_dict,
)
from specs_core.scoring import cosine, specs_score

ARCHITECTURE: dict[str, Any] = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 48, "layers": 2, "width": 128, "head_width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 40, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 3},
}


@pytest.fixture(scope="module")
def longclip_state() -> dict[str, torch.Tensor]:
    """A random state dict with LongCLIP's two position tables, in half precision as published."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        state = {name: value.detach().half() for name, value in CLIP(**ARCHITECTURE).state_dict().items()}
        state["positional_embedding_res"] = torch.randn_like(state["positional_embedding"])
    return state


def saved(state: Any, path: Path) -> Path:
    torch.save(state, path)
    return path


def unit_length(rows: Any) -> np.ndarray:
    array = np.array(rows)
    return array / np.linalg.norm(array, axis=-1, keepdims=True)


def test_longclip_fixture_gives_the_published_codes_tokens_features_and_scores(shared: Path) -> None:
    expected = json.loads((shared / "fixtures/longclip-tiny.json").read_text())
    encoder = load_encoder(str(shared / "fixtures/longclip-tiny.pt"))
    loaded = load_model(encoder.checkpoint, Path(encoder.checkpoint.filename))
    for text, ids in zip(expected["texts"], expected["token_ids"], strict=True):
        found = loaded.tokenizer(text)[0]
        assert found[: len(ids)].tolist() == ids
        assert not found[len(ids) :].any()
        assert encoder.count_tokens(text) == len(ids)
    texts = encoder.text_features(expected["texts"])
    image = encoder.image_features([read_image(shared / "fixtures/image.png")])
    np.testing.assert_allclose(texts, unit_length(expected["text_features"]), atol=1e-5)
    np.testing.assert_allclose(image, np.atleast_2d(unit_length(expected["image_features"])), atol=1e-5)
    similarity = cosine(image[0], texts)
    np.testing.assert_allclose(similarity, expected["cosine"], atol=1e-5)
    np.testing.assert_allclose(specs_score(similarity), expected["specs"], atol=1e-5)


def test_open_clip_fixture_takes_its_architecture_from_the_json_of_the_same_stem(shared: Path) -> None:
    cases = json.loads((shared / "fixtures/clip4dm-tiny.json").read_text())["cases"]
    encoder = load_encoder(str(shared / "fixtures/clip4dm-tiny.pt"))
    assert encoder.context_length == 77
    image = encoder.image_features([read_image(shared / "fixtures/image.png")])[0]
    texts = encoder.text_features([case["template"] + case["caption"] for case in cases])
    np.testing.assert_allclose(cosine(image, texts), [case["cosine"] for case in cases], atol=1e-5)


def test_longclip_config_is_read_off_the_shapes(longclip_state: dict[str, torch.Tensor]) -> None:
    assert longclip_config(longclip_state) == {
        **ARCHITECTURE,
        "vision_cfg": {**ARCHITECTURE["vision_cfg"]},
        "text_cfg": {**ARCHITECTURE["text_cfg"]},
    }


def test_merge_positions_takes_the_first_twenty_from_one_table_and_the_rest_from_the_other(
    longclip_state: dict[str, torch.Tensor],
) -> None:
    merged = merge_positions(longclip_state)
    table = merged["positional_embedding"]
    assert "positional_embedding_res" not in merged
    assert torch.equal(table[:KEPT_POSITIONS], longclip_state["positional_embedding"][:KEPT_POSITIONS])
    assert torch.equal(table[KEPT_POSITIONS:], longclip_state["positional_embedding_res"][KEPT_POSITIONS:])
    assert KEPT_POSITIONS == 20
    assert "positional_embedding_res" in longclip_state  # the argument is left as it was


@pytest.mark.parametrize("wrap", [dict, lambda state: {"state_dict": state}, lambda state: {"model": state}])
def test_load_model_of_a_wrapped_state_dict_loads_the_same_weights(
    wrap: Any, longclip_state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    prefixed = {f"module.{name}": value for name, value in longclip_state.items()}
    path = saved(wrap({**prefixed, "input_resolution": torch.tensor(48)}), tmp_path / "wrapped.pt")
    loaded = load_model(resolve(str(path)), path)
    assert loaded.image_size == 48
    weights = loaded.model.state_dict()
    assert torch.equal(weights["ln_final.weight"], longclip_state["ln_final.weight"].float())
    assert all(value.dtype == torch.float32 for value in weights.values())


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.98])
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_load_model_of_a_truncated_file_is_one_clear_error(
    kept: float, ending: str, longclip_state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / f"cut{ending}"
    save_file(longclip_state, path) if ending == ".safetensors" else torch.save(longclip_state, path)
    data = path.read_bytes()
    path.write_bytes(data[: kept if isinstance(kept, int) else int(kept * len(data))])
    with pytest.raises(CheckpointError, match=rf"cut{ending} is not a readable checkpoint: it is cut short"):
        load_encoder(str(path))


@pytest.mark.parametrize(
    "content", [b"<html>404</html>", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04 not an archive", b"{}"]
)
@pytest.mark.parametrize("ending", [".pt", ".safetensors", ""])
def test_load_model_of_a_foreign_file_is_one_clear_error(content: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"foreign{ending}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"not a readable checkpoint|not tensors by name"):
        load_encoder(str(path))


class Harmful:
    """Unpickled without care it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_load_model_of_a_file_with_code_in_it_runs_none_of_it(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = saved({"positional_embedding": Harmful(trace)}, tmp_path / "harmful.pt")
    with pytest.raises(CheckpointError, match="no file of plain tensors"):
        load_encoder(str(path))
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([1, 2, 3], "holds a list, not tensors by name"),
        ({}, "holds a dict, not tensors by name"),
        ({"epoch": 3}, "has a int under 'epoch' in place of a tensor"),
        ({5: torch.zeros(1)}, "an entry named 5"),
        ({"fc.weight": torch.zeros(2, 2)}, "not a LongCLIP checkpoint, it has no positional_embedding"),
    ],
)
def test_load_model_of_other_content_says_what_it_found(content: Any, complaint: str, tmp_path: Path) -> None:
    path = saved(content, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=complaint):
        load_encoder(str(path))


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("visual.proj", torch.zeros(128, 31), "visual.proj has shape 128x31 and the model needs 128x32"),
        ("visual.conv1.weight", torch.zeros(128, 3, 16), "visual.conv1.weight has 3 axes, not 4"),
        ("visual.positional_embedding", torch.zeros(9, 128), "has 8 patches, which is no square"),
        ("ln_final.weight", torch.zeros(65), "the text width 65 is no multiple of the head width 64"),
        ("positional_embedding_res", torch.zeros(39, 64), "40x64 and positional_embedding_res 39x64 differ"),
        ("extra.weight", torch.zeros(1), "extra.weight is unknown to the model"),
        ("logit_scale", torch.tensor(float("nan")), "logit_scale holds numbers that are not finite"),
    ],
)
def test_load_model_of_the_wrong_shape_names_the_tensor_and_both_shapes(
    name: str, value: torch.Tensor, complaint: str, longclip_state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = saved({**longclip_state, name: value}, tmp_path / "shape.pt")
    with pytest.raises(CheckpointError, match=complaint):
        load_encoder(str(path))


def test_load_model_without_a_layers_weight_names_it(
    longclip_state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    missing = "transformer.resblocks.1.mlp.c_fc.bias"
    state = {name: value for name, value in longclip_state.items() if name != missing}
    path = saved(state, tmp_path / "missing.pt")
    with pytest.raises(CheckpointError, match=f"{missing} is missing"):
        load_encoder(str(path))


@pytest.mark.parametrize("wrapped", [True, False])
def test_open_clip_file_takes_its_architecture_from_the_config_beside_it(
    wrapped: bool, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    config = json.loads(tiny_checkpoint.with_suffix(".json").read_text())["open_clip_config"]
    shutil.copy(tiny_checkpoint, tmp_path / "model.safetensors")
    preprocess = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}
    content = {"model_cfg": config, "preprocess_cfg": preprocess} if wrapped else config
    (tmp_path / "open_clip_config.json").write_text(json.dumps(content))
    path = tmp_path / "model.safetensors"
    loaded = load_model(resolve(str(path)), path)
    assert loaded.context_length == 248
    from PIL import Image

    white = loaded.preprocess(Image.new("RGB", (5, 5), "white"))
    assert white.shape == (3, 64, 64)
    assert bool((white == 1).all()) is wrapped  # without a preprocess_cfg CLIP's own mean and deviation apply


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "cannot be read"),
        ("[]", "holds a list, not an object"),
        ('{"embed_dim": 64}', "lacks vision_cfg, text_cfg"),
        (
            '{"embed_dim": 64, "vision_cfg": {"no_such_option": 1}, "text_cfg": {}}',
            "open_clip cannot build the model",
        ),
    ],
)
def test_open_clip_file_with_a_broken_config_names_the_config(
    content: str, complaint: str, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    shutil.copy(tiny_checkpoint, path)
    (tmp_path / "open_clip_config.json").write_text(content)
    with pytest.raises(CheckpointError, match=complaint):
        load_encoder(str(path))


def test_open_clip_file_without_a_config_says_what_it_needs(tiny_checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "alone.safetensors"
    shutil.copy(tiny_checkpoint, path)
    with pytest.raises(CheckpointError, match=r"alone.*needs open_clip_config\.json"):
        load_encoder(str(path))


def test_read_state_dict_in_half_precision_comes_back_in_single(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    half = {name: value.half() for name, value in load_file(tiny_checkpoint).items()}
    save_file(half, tmp_path / "half.safetensors")
    state = read_state_dict(tmp_path / "half.safetensors")
    assert {value.dtype for value in state.values()} == {torch.float32}


def test_read_state_dict_of_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no checkpoint file .*gone\.pt"):
        read_state_dict(tmp_path / "gone.pt")


def test_build_model_with_an_untrained_timm_tower_downloads_nothing() -> None:
    config = {
        **ARCHITECTURE,
        "vision_cfg": {"timm_model_name": "resnet18", "timm_model_pretrained": True, "image_size": 48},
    }
    with torch.device("meta"):
        model: Any = build_model(config, where="test")
    assert model.visual.trunk.num_features == 512


def test_open_clip_name_resolves_to_its_repository_on_the_hub() -> None:
    checkpoint = resolve("open_clip:ViT-B-16/laion2b_s34b_b88k")
    assert checkpoint.repo_id == "laion/CLIP-ViT-B-16-laion2B-s34B-b88K"
    assert checkpoint.context_length == 77
    assert checkpoint.source == "open_clip"


def test_open_clip_weights_bring_the_activation_that_they_were_trained_with() -> None:
    assert open_clip_config(resolve("open_clip:ViT-B-32/openai"))["model_cfg"]["quick_gelu"]
    assert not open_clip_config(resolve("open_clip:ViT-B-32/laion2b_s34b_b79k"))["model_cfg"].get(
        "quick_gelu"
    )


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("open_clip:ViT-Q-99/openai", "no architecture 'ViT-Q-99'"),
        ("open_clip:ViT-B-32", "no weights '' for ViT-B-32"),
        ("open_clip:ViT-B-32/nothing", "no weights 'nothing' for ViT-B-32; it has: openai"),
        ("open_clip:", "no architecture ''"),
    ],
)
def test_open_clip_name_that_does_not_exist_says_what_does(name: str, complaint: str) -> None:
    with pytest.raises(UnknownModelError, match=complaint):
        resolve(name)
