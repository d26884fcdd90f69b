"""Heat maps: the features and gradients behind them against open_clip's own forward, signs, and refusals."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from open_clip import SimpleTokenizer, image_transform
from PIL import Image

from specs_core.checkpoints import Checkpoint
from specs_core.encoder import Encoder, load_encoder
from specs_core.errors import HeatMapError
from specs_core.heat_map import ImageEvidence, gradient_times_input, heat_map
from specs_core.images import read_image
from specs_core.longclip import LoadedModel, build_model

VISION = {"image_size": 64, "layers": 2, "width": 64, "head_width": 64, "patch_size": 16}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1}
TOWERS = ("transformer", "resnet")
ATTENTION, STEM = "attention of the pool", "activation behind the stem"


@pytest.fixture(scope="module")
def transformer(tiny_checkpoint):
    return load_encoder(str(tiny_checkpoint))


@pytest.fixture(scope="module", params=TOWERS)
def encoder(request, transformer):
    return transformer if request.param == "transformer" else load_encoder("scenes")


@pytest.fixture
def image(drawn_image):
    return read_image(drawn_image)


def texts(encoder):
    return encoder.text_features(["A red disc.", "A red disc. A blue square.", "A red disc. A green cat."])


def with_tower(**vision):
    """A random model with another vision tower."""
    config = {"embed_dim": 64, "vision_cfg": vision, "text_cfg": TEXT}
    loaded = LoadedModel(
        model=build_model(config, where="test"),
        preprocess=image_transform(64, is_train=False),
        tokenizer=SimpleTokenizer(),
        image_size=64,
        embed_dim=64,
        context_length=77,
    )
    checkpoint = Checkpoint(
        name="odd",
        source="file",
        repo_id=None,
        filename="odd",
        sha256=None,
        format="open_clip",
        architecture="odd",
        context_length=77,
        domain="unknown",
        trained_on="nothing",
        licence="none",
    )
    return Encoder(loaded, checkpoint=checkpoint, weights_sha256="")


def test_features_with_a_graph_are_those_of_image_features(encoder, image):
    found = ImageEvidence(encoder, image).features
    np.testing.assert_allclose(found, encoder.image_features([image])[0], rtol=0, atol=1e-5)


def test_delta_is_the_change_of_the_cosine_and_the_cosine_itself_without_a_before(encoder, image):
    first, second, _ = texts(encoder)
    features = encoder.image_features([image])[0]
    assert heat_map(encoder, image, first, second).delta == pytest.approx(
        float(features @ second - features @ first), abs=1e-6
    )
    assert heat_map(encoder, image, None, first).delta == pytest.approx(float(features @ first), abs=1e-6)


def test_exchanging_before_and_after_turns_every_sign_and_no_change_gives_nothing(encoder, image):
    evidence = ImageEvidence(encoder, image)
    first, second, _ = texts(encoder)
    there, back = evidence.heat_map(first, second), evidence.heat_map(second, first)
    assert np.abs(there.values).max() > 0
    np.testing.assert_array_equal(there.values, -back.values)
    assert there.delta == -back.delta
    assert not evidence.heat_map(first, first).values.any()


def test_maps_of_one_graph_are_those_of_passes_of_their_own(encoder, image):
    evidence = ImageEvidence(encoder, image)
    first, second, third = texts(encoder)
    for before, after in ((None, first), (first, second), (first, third), (first, second)):
        np.testing.assert_array_equal(
            evidence.heat_map(before, after).values, heat_map(encoder, image, before, after).values
        )


def test_linear_parts_of_two_changes_add_up_to_those_of_both(encoder, image):
    evidence = ImageEvidence(encoder, image)
    first, second, third = texts(encoder)
    steps = [evidence.heat_map(first, second).parts, evidence.heat_map(second, third).parts]
    whole = evidence.heat_map(first, third).parts
    linear = set(whole) - {"for", "against"}
    assert linear
    for name in linear:
        np.testing.assert_allclose(steps[0][name] + steps[1][name], whole[name], rtol=1e-3, atol=1e-7)


def test_rollout_equals_a_plain_version_with_whole_matrices_and_a_pass_for_each_sign(transformer, image):
    tower = transformer.model.visual
    first, second, _ = texts(transformer)
    speaking = []
    for change in (second - first, first - second):
        x = tower._embeds(transformer.pixels([image]))
        layers = []
        for block in tower.transformer.resblocks:
            normal, module = block.ln_1(x), block.attn
            q, k, v = (
                part.unflatten(-1, (module.num_heads, -1)).transpose(1, 2)
                for part in F.linear(normal, module.in_proj_weight, module.in_proj_bias).chunk(3, dim=-1)
            )
            weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
            weights.retain_grad() if layers else weights.requires_grad_()
            layers.append(weights)
            x = x + module.out_proj((weights @ v).transpose(1, 2).flatten(2))
            x = x + block.mlp(block.ln_2(x))
        feature = F.normalize(tower.ln_post(x)[0, 0] @ tower.proj, dim=-1)
        (feature @ torch.from_numpy(change)).backward()
        relevance = torch.eye(layers[0].shape[-1])
        for weights in layers:
            relevance = relevance + (weights.grad * weights).clamp(min=0)[0].mean(0) @ relevance
        speaking.append(relevance[0, 1:].view(4, 4).detach().numpy())
    found = heat_map(transformer, image, first, second)
    assert np.abs(found.values).max() > 0
    np.testing.assert_allclose(found.values, speaking[0] - speaking[1], rtol=1e-3, atol=1e-8)
    np.testing.assert_allclose(found.parts["for"], speaking[0], rtol=1e-3, atol=1e-8)


def double(encoder):
    """The vision tower in float64, for small differences."""
    return copy.deepcopy(encoder.model.visual).double()


def delta_of(raw, change):
    return float(F.normalize(raw, dim=-1)[0] @ torch.from_numpy(change).double())


@pytest.mark.parametrize("patch", [0, 6, 15])
def test_gradient_times_attention_of_the_last_layer_is_what_a_small_change_there_does(
    transformer, image, patch
):
    tower, step = double(transformer), 1e-5
    first, second, _ = texts(transformer)
    block = tower.transformer.resblocks[-1]
    with torch.no_grad():
        x = tower._embeds(transformer.pixels([image]).double())
        for other in tower.transformer.resblocks[:-1]:
            x = other(x)

        def delta(factor):
            # Attention to a patch that is scaled is the same as its values scaled.
            normal, width = block.ln_1(x), x.shape[-1]
            weight, bias = block.attn.in_proj_weight, block.attn.in_proj_bias
            scale = torch.ones(x.shape[1], 1, dtype=torch.float64)
            scale[1 + patch] = factor
            values = F.linear(normal, weight[2 * width :], bias[2 * width :]) * scale
            q, k = F.linear(normal, weight[: 2 * width], bias[: 2 * width]).chunk(2, dim=-1)
            assert block.attn.num_heads == 1
            mixed = F.scaled_dot_product_attention(q, k, values)
            y = x + block.attn.out_proj(mixed)
            y = y + block.mlp(block.ln_2(y))
            return delta_of(tower.ln_post(y)[:, 0] @ tower.proj, second - first)

        slope = (delta(1 + step) - delta(1 - step)) / (2 * step)
    found = heat_map(transformer, image, first, second).parts["last layer"].ravel()[patch]
    assert found == pytest.approx(slope, rel=1e-3, abs=1e-8)


@pytest.mark.parametrize("cell", [(0, 0), (7, 12), (23, 23)])
def test_gradient_times_activation_is_what_a_small_change_behind_the_stem_does(image, cell):
    encoder = load_encoder("scenes")
    tower, step = double(encoder), 1e-5
    first, second, _ = texts(encoder)
    with torch.no_grad():
        stem = tower.stem(encoder.pixels([image]).double())

        def delta(factor):
            x = stem.clone()
            x[:, :, cell[0], cell[1]] *= factor
            x = tower.attnpool(tower.layer4(tower.layer3(tower.layer2(tower.layer1(x)))))
            return delta_of(x, second - first)

        slope = (delta(1 + step) - delta(1 - step)) / (2 * step)
    found = heat_map(encoder, image, first, second).parts[STEM][cell]
    assert found == pytest.approx(slope, rel=1e-3, abs=1e-7)


def test_a_resnets_map_has_the_sign_of_its_attention_and_its_cells(image):
    encoder = load_encoder("scenes")
    first, second, _ = texts(encoder)
    found = heat_map(encoder, image, first, second)
    assert found.parts[ATTENTION].shape == (3, 3)
    assert found.values.shape == found.parts[STEM].shape == (24, 24)
    middles = found.values[3::8, 3::8]  # a cell's middle is nearer to it than to any other
    np.testing.assert_array_equal(np.sign(middles), np.sign(found.parts[ATTENTION]))


def test_gradient_times_input_adds_up_to_the_slope_along_the_pixels(encoder, image):
    first, second, _ = texts(encoder)
    found = gradient_times_input(encoder, image, first, second)
    assert found.values.shape == (encoder.image_size, encoder.image_size)
    tower, pixels, step = double(encoder), encoder.pixels([image]).double(), 1e-6
    with torch.no_grad():
        higher, lower = (delta_of(tower(pixels * factor), second - first) for factor in (1 + step, 1 - step))
    assert found.values.sum() == pytest.approx((higher - lower) / (2 * step), rel=1e-2, abs=1e-5)


@pytest.mark.parametrize(
    ("vision", "name"),
    [
        (
            {"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear", "image_size": 64},
            "TimmModel",
        ),
        (VISION | {"pool_type": "avg"}, "VisionTransformer"),
        (VISION | {"attentional_pool": True}, "VisionTransformer"),
        (VISION | {"qk_norm": True}, "VisionTransformer"),
    ],
)
def test_a_tower_without_a_map_is_refused_with_what_to_choose(image, vision, name):
    with pytest.raises(HeatMapError, match=rf"model odd \({name}\) has no heat map: choose a model"):
        ImageEvidence(with_tower(**vision), image)


def test_features_that_do_not_exist_or_are_another_models_are_refused(encoder, image):
    first = texts(encoder)[0]
    with pytest.raises(HeatMapError, match="lies beyond what the model reads"):
        heat_map(encoder, image, first, np.full_like(first, np.nan))
    with pytest.raises(HeatMapError, match=rf"shape \(7,\) and model .* has {encoder.width} numbers"):
        heat_map(encoder, image, np.ones(7), first)


def test_the_region_of_a_wide_image_is_its_middle_and_the_map_covers_it(encoder):
    image = Image.new("RGB", (300, 100), "white")
    left, top, right, bottom = ImageEvidence(encoder, image).region
    assert (top, bottom) == (0, 100)
    assert (left, right) == (pytest.approx(100, abs=2), pytest.approx(200, abs=2))


COLOURS = np.array(
    [(226, 34, 40), (40, 166, 62), (40, 104, 226), (250, 224, 40), (142, 58, 196), (20, 200, 200)]
)
SIDE = 13  # of a coloured square, in an image of 64 pixels


def three_squares(rng):
    """A noisy grey image with three squares of different colours, and where each colour is."""
    pixels = np.repeat(rng.normal(150, 25, (64, 64, 1)).clip(0, 255), 3, axis=2).astype(np.uint8)
    corners = {}
    for cell, colour in zip(rng.choice(16, 3, replace=False), rng.choice(6, 3, replace=False), strict=True):
        x, y = (int(np.clip(16 * part + rng.integers(-3, 4), 0, 64 - SIDE)) for part in divmod(cell, 4))
        pixels[y : y + SIDE, x : x + SIDE] = COLOURS[colour]
        corners[int(colour)] = (x, y)
    return Image.fromarray(pixels), corners


@pytest.mark.slow
def test_rollout_on_a_trained_transformer_points_at_the_square_whose_colour_is_added():
    """Prints the figures of docs/metrics.md, "Heat map"."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    encoder = with_tower(image_size=64, layers=3, width=64, head_width=32, patch_size=8)
    colours = np.linalg.qr(rng.normal(size=(64, 6)))[0].T.astype(np.float32)  # a direction each

    def told(names):
        return F.normalize(torch.from_numpy(colours[list(names)].sum(0)), dim=0)

    tower = encoder.model.visual.requires_grad_(True)
    optimizer = torch.optim.Adam(tower.parameters(), 1e-3)
    for _ in range(150):
        scenes = [three_squares(rng) for _ in range(48)]
        features = F.normalize(tower(encoder.pixels([image for image, _ in scenes])), dim=-1)
        loss = (1 - (features * torch.stack([told(corners) for _, corners in scenes])).sum(-1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tower.requires_grad_(False)
    assert loss.item() < 0.05

    hits = {"heat map": [], "last layer": [], "gradient times input": [], "against": []}
    rng = np.random.default_rng(1)
    for _ in range(100):
        image, corners = three_squares(rng)
        evidence = ImageEvidence(encoder, image)
        for added in corners:
            others = [colour for colour in corners if colour != added]
            before, after = told(others).numpy(), told(corners).numpy()
            heat = evidence.heat_map(before, after)
            maps = {
                "heat map": heat.values,
                "last layer": heat.parts["last layer"],
                "gradient times input": gradient_times_input(encoder, image, before, after).values,
                "against": -heat.values,
            }
            for name, values in maps.items():
                row, column = divmod(int(values.argmax()), values.shape[1])
                x, y = (64 * (place + 0.5) / values.shape[1] for place in (column, row))
                wanted = others if name == "against" else [added]
                places = [corners[colour] for colour in wanted]
                hits[name].append(any(0 <= x - a < SIDE and 0 <= y - b < SIDE for a, b in places))
    shares = {name: float(np.mean(found)) for name, found in hits.items()}
    print({name: round(share, 3) for name, share in shares.items()}, f"of {len(hits['heat map'])}")
    # By chance it would be the square's share of the image, .041 (.083 for the two others).
    assert shares["heat map"] >= 0.95
    assert shares["against"] >= 0.9
    assert shares["heat map"] > max(shares["last layer"], shares["gradient times input"])
