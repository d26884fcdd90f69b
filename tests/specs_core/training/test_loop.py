import dataclasses
import random
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from open_clip.tokenizer import SimpleTokenizer

import specs_core.training
from specs_core.errors import CheckpointError, ConfigError
from specs_core.prefix_tree import EOT_TOKEN, SOT_TOKEN
from specs_core.scenes.captions import write_caption
from specs_core.scenes.drawing import emoji_font_path
from specs_core.scenes.world import FACT_TYPES, sample_scene
from specs_core.training.config import parse_config, read_config
from specs_core.training.loop import Trainer, train
from specs_core.training.scene_batches import SceneBatches, text_tokens
from specs_core.training.scene_objective import build_model
from specs_core.training.task import scene_task
from specs_core.training.validation import make_validation
from specs_core.training.vocabulary import world_words

SHIPPED = Path(specs_core.training.__file__).with_name("scenes.toml")


@pytest.fixture(scope="module")
def small():
    """The shipped configuration with the smallest towers, four steps and batches of four."""
    try:
        emoji_font_path()
    except ConfigError as error:
        pytest.skip(str(error))
    config = read_config(SHIPPED)
    model = {
        "embed_dim": 228,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 96, "layers": [1, 1, 1, 1], "width": 4, "head_width": 16},
        "text_cfg": {"context_length": 248, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    stages = tuple(dataclasses.replace(stage, steps=2, batch=4) for stage in config.stages[:2])
    return dataclasses.replace(
        config, model=model, stages=stages, validate_every=100, save_every=2, bf16=False
    )


def seeded_task(config):
    torch.manual_seed(config.seed)
    return scene_task(config)


def losses_of(config, out, **options):
    seen = []
    train(
        seeded_task(config),
        out,
        workers=0,
        on_step=lambda step, terms: seen.append((step, terms["total"])),
        **options,
    )
    return seen


class KilledError(Exception):
    pass


def test_a_training_that_was_killed_goes_on_with_the_same_losses(small, tmp_path):
    whole = losses_of(small, tmp_path / "whole")

    def kill(step, terms):
        if step == 3:
            raise KilledError

    with pytest.raises(KilledError):
        train(seeded_task(small), tmp_path / "killed", workers=0, on_step=kill)
    rest = losses_of(small, tmp_path / "killed")
    assert [step for step, _ in whole] == [1, 2, 3, 4]
    assert rest == whole[2:]
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed"))
    assert first == second


def test_a_checkpoint_of_another_configuration_is_refused(small, tmp_path):
    Trainer(scene_task(small), tmp_path, Accelerator(cpu=True)).save()
    other = dataclasses.replace(small, seed=small.seed + 1)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt belongs to another configuration"):
        train(scene_task(other), tmp_path, workers=0)


def test_the_model_has_rows_for_the_tokens_of_its_world_and_zero_vectors_for_others(small):
    table = build_model(small).token_embedding
    used = (*text_tokens("a red car ."), SOT_TOKEN, EOT_TOKEN)
    assert 100 < len(table.weight) < 400
    assert torch.all(table(torch.tensor(used)).abs().sum(1) > 0)
    assert torch.equal(table(torch.tensor([[text_tokens("saxophone")[0]]])), torch.zeros(1, 1, 16))


def test_world_words_hold_every_word_of_fresh_captions():
    words = world_words()
    rng = random.Random(99)
    for _ in range(500):
        text = write_caption(sample_scene(rng), rng).text.lower().replace(".", " .").replace(",", " ,")
        assert set(text.split()) <= words


def test_text_tokens_equal_the_tokenizer_on_captions():
    rng, tokenizer = random.Random(4), SimpleTokenizer()
    for _ in range(100):
        text = write_caption(sample_scene(rng), rng).text
        assert list(text_tokens(text)) == tokenizer.encode(text)


def test_a_batch_is_a_function_of_its_step_and_pairs_each_text_with_its_base(small):
    batches = SceneBatches(small)
    first, again = batches[1], batches[1]
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.text_facts, again.text_facts)
    assert not torch.equal(first.images, batches[2].images)
    for text in range(len(first.caption)):
        base = int(first.base[text])
        if base >= 0:
            assert first.caption[base] == first.caption[text]
            assert not first.is_branch[base]
        if first.is_branch[text]:
            assert int(first.sibling[text]) == base + 1
    assert (first.text_facts[first.is_branch] <= 1).all()


def test_the_configuration_refuses_unknown_and_missing_keys():
    text = SHIPPED.read_text()
    with pytest.raises(ConfigError, match="unknown keys: speed"):
        parse_config("speed = 1\n" + text)
    with pytest.raises(ConfigError, match="lacks: warmup"):
        parse_config(text.replace("warmup", "# warmup"))
    with pytest.raises(ConfigError, match="stage 1 has unknown keys: epochs"):
        parse_config(text.replace("[[stages]]", "[[stages]]\nepochs = 3", 1))
    with pytest.raises(ConfigError, match="is not TOML"):
        parse_config("seed = ")


def test_validation_gives_shares_for_every_type_of_fact(small):
    figures = make_validation(small, scenes=12)(build_model(small).eval())
    assert {f"ordered/{name}" for name in FACT_TYPES} < figures.keys()
    assert all(0 <= value <= 1 for value in figures.values())
