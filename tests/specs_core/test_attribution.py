import json

import numpy as np
import pytest

from specs_core.attribution import attribute
from specs_core.cli import main
from specs_core.encoder import Encoder, load_encoder
from specs_core.errors import AttributionError, CaptionError
from specs_core.images import read_image
from specs_core.prefix_tree import text_tower

LONG = "A red disc. " * 30 + "A blue square, on the right."


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint, drawn_image):
    encoder = load_encoder(str(tiny_checkpoint))
    return encoder, encoder.image_features([read_image(drawn_image)])[0]


@pytest.fixture(scope="module")
def published(shared):
    """The fixture's encoder, the features of its image, and its cases."""
    folder = shared / "fixtures"
    encoder = load_encoder(str(folder / "clip4dm-tiny.pt"))
    cases = json.loads((folder / "clip4dm-tiny.json").read_text())["cases"]
    return encoder, encoder.image_features([read_image(folder / "image.png")])[0], cases


def test_attribution_equals_the_published_method_on_its_fixture(published):
    encoder, image, cases = published
    for case in cases:
        found = attribute(
            encoder,
            image,
            case["caption"],
            template=case["template"],
            start_layer=case["start_layer_text"],
            epsilon=case["epsilon"],
        ).as_dict()
        assert found["cosine"] == pytest.approx(case["cosine"], abs=1e-6)
        assert found["clip_score"] == pytest.approx(case["clip_score"], abs=1e-6)
        np.testing.assert_allclose(found["token_attributions"], case["token_attributions"], rtol=0, atol=1e-7)
        for key in ("word_attributions", "negative_words"):
            assert [name for name, _ in found[key]] == [name for name, _ in case[key]]
            np.testing.assert_allclose(
                [value for _, value in found[key]], [value for _, value in case[key]], rtol=0, atol=1e-7
            )
        for key in ("sum_negative_attribution", "f_clip_score"):
            assert found[key] == pytest.approx(case[key], abs=1e-7)


def plain(encoder: Encoder, image, ids, start_layer):
    """The same by way of a hook on every layer, with all tokens as queries and a text by itself."""
    import torch
    import torch.nn.functional as F

    tower = text_tower(encoder.model)
    blocks = list(tower.transformer.resblocks)
    tokens = torch.tensor([[49406, *ids, 49407]])
    x = tower.token_embedding(tokens) + tower.positional_embedding[: len(ids) + 2]
    mask = torch.full((len(ids) + 2, len(ids) + 2), -torch.inf).triu(1)
    attention = []
    for block in blocks:
        normal, module = block.ln_1(x), block.attn
        q, k, v = (
            part.unflatten(-1, (module.num_heads, -1)).transpose(1, 2)
            for part in F.linear(normal, module.in_proj_weight, module.in_proj_bias).chunk(3, dim=-1)
        )
        weights = (q @ k.mT / q.shape[-1] ** 0.5 + mask).softmax(-1)
        weights.requires_grad_() if not attention else weights.retain_grad()
        attention.append(weights)
        x = x + module.out_proj((weights @ v).transpose(1, 2).flatten(2))
        x = x + block.mlp(block.ln_2(x))
    feature = tower.ln_final(x[0, -1]) @ tower.text_projection
    cosine = F.cosine_similarity(feature, torch.from_numpy(image), dim=-1)
    cosine.backward()
    chosen = attention[start_layer:] if start_layer else attention
    return torch.stack([(w * w.grad)[0].mean(0)[-1, 1:-1] for w in chosen]).mean(0).detach().numpy()


@pytest.mark.parametrize("start_layer", [-1, -2, 0])
def test_attribution_of_248_tokens_equals_a_slow_plain_version_past_token_77(tiny, start_layer):
    encoder, image = tiny
    found = attribute(encoder, image, LONG, start_layer=start_layer)
    ids = encoder.texts.tokens("A photo depicts " + LONG)
    assert len(ids) > 100
    np.testing.assert_allclose(
        found.token_attributions, plain(encoder, image, ids, start_layer), rtol=1e-4, atol=1e-8
    )
    assert np.abs(found.token_attributions[80:]).min() > 0
    for word in found.words:
        assert LONG[word.start : word.end] == word.text
    assert [word.text for word in found.words][-5:] == ["blue", "square", "on", "the", "right"]


def test_words_have_the_mean_of_their_own_tokens_whatever_stands_around_them(tiny):
    encoder, image = tiny
    caption = 'A sign that reads “OPEN.” It\'s 3.5 m wide — "big".\r\n\tA bluish-gray, old wall'
    found = attribute(encoder, image, caption)
    ids = encoder.texts.tokens("A photo depicts " + caption)
    assert len(found.token_attributions) == len(ids)
    words = {word.text: word for word in found.words}
    assert {"It's", "3", "5", "bluish-gray", "wall", "A"} <= words.keys()
    pieces = encoder.texts.tokens("bluish-gray")
    at = next(i for i in range(len(ids)) if ids[i : i + len(pieces)] == pieces)
    own = found.token_attributions[at : at + len(pieces)]
    assert words["bluish-gray"].attribution == pytest.approx(own.mean())
    assert all(caption[word.start : word.end] == word.text for word in found.words)


def test_most_negative_mode_marks_the_lowest_word_and_no_more(tiny):
    encoder, image = tiny
    every = attribute(encoder, image, LONG, start_layer=0, epsilon=0.0)
    one = attribute(encoder, image, LONG, start_layer=0, epsilon=0.0, mode="most_negative")
    lowest = min(word.attribution for word in every.words)
    assert lowest < 0 < sum(word.misaligned for word in every.words) - 1
    assert [word.attribution for word in one.words if word.misaligned] == [lowest]
    assert one.f_clip_score == pytest.approx((1 - max(0, one.cosine)) * lowest)
    none = attribute(encoder, image, LONG, start_layer=0, epsilon=lowest, mode="most_negative")
    assert none.f_clip_score == 0
    assert none.as_dict()["negative_words"] == []


def test_caption_that_does_not_fit_with_its_template_is_refused_with_both_numbers(tiny):
    encoder, image = tiny
    caption = " ".join(["disc"] * 245)
    assert encoder.count_tokens(caption) == 247
    with pytest.raises(
        CaptionError, match=r"its template has 250 tokens and model tiny\.safetensors reads 248"
    ):
        attribute(encoder, image, caption)
    assert len(attribute(encoder, image, caption, template="").words) == 245
    with pytest.raises(CaptionError, match="empty"):
        attribute(encoder, image, " \n")


def test_layer_that_the_model_does_not_have_is_refused_and_too_many_last_ones_are_all(tiny):
    encoder, image = tiny
    with pytest.raises(AttributionError, match="has 2 text layers; got start layer 2"):
        attribute(encoder, image, "A disc.", start_layer=2)
    np.testing.assert_array_equal(
        attribute(encoder, image, LONG, start_layer=-3).token_attributions,
        attribute(encoder, image, LONG, start_layer=0).token_attributions,
    )


def test_attribute_command_prints_what_the_fixture_names(shared, capsys):
    folder = shared / "fixtures"
    case = json.loads((folder / "clip4dm-tiny.json").read_text())["cases"][2]
    arguments = ["attribute", str(folder / "image.png"), "--caption", case["caption"], "--start-layer", "0"]
    arguments += ["--model", str(folder / "clip4dm-tiny.pt")]
    assert main([*arguments, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert case.keys() - printed.keys() == {"caption"}
    assert printed["f_clip_score"] == pytest.approx(case["f_clip_score"], abs=1e-7)
    assert printed["provenance"]["weights_sha256"]
    assert main([*arguments, "--mode", "most_negative"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "CLIPScore 0.2240 (cosine +0.0896)"
    assert lines[1].startswith("F-CLIPScore -2.")
    assert [line.split()[-1] for line in lines if "misaligned" in line] == ["bluish-gray"]
    assert main([*arguments[:-2], "--caption", "a disc", "--start-layer", "9"]) == 2
    assert "text layers; got start layer 9" in capsys.readouterr().err
