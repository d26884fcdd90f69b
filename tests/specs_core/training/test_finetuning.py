import json
import os
import socket
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator

from specs_core.checkpoints import resolve
from specs_core.cli import main
from specs_core.errors import CheckpointError, ConfigError, DataError
from specs_core.longclip import load_model, read_state_dict
from specs_core.training.finetune_config import parse_finetune_config
from specs_core.training.loop import train
from specs_core.training.pair_task import prepare_finetuning


def run(config, out, *, kill_at=None, validate=False):
    """Train; return what each step gave and the exported model's path."""
    seen = {}
    ready = prepare_finetuning(config, Accelerator(cpu=True))

    def on_step(step, terms):
        seen[step] = terms
        if step == kill_at:
            raise KeyboardInterrupt

    path = None
    try:
        path = train(ready.task, out, workers=0, on_step=on_step, validate=ready.validate)
    except KeyboardInterrupt:
        assert step_of(seen) == kill_at
    return seen, path


def step_of(seen):
    return max(seen)


def test_finetuning_that_was_killed_goes_on_with_the_same_losses_and_weights(finetune_config, tmp_path):
    config = finetune_config("steps = 5\nbatch = 4\naccumulation = 2\nema = 0.9\nsave_every = 2")
    whole, whole_path = run(config, tmp_path / "whole")
    run(config, tmp_path / "killed", kill_at=3)
    rest, path = run(config, tmp_path / "killed")
    assert list(rest) == [3, 4, 5]  # the state of step 2 was the last that was kept
    assert all(rest[step] == whole[step] for step in rest)
    assert path.read_bytes() == whole_path.read_bytes()
    counts = [
        json.loads(p.with_suffix(".json").read_text())["training"]["counts"] for p in (path, whole_path)
    ]
    assert counts[0] == counts[1]
    assert counts[0]["captions"] == 5 * 4 * 2


def test_finetuning_lowers_the_loss_and_its_model_keeps_format_and_licence(finetune_config, tmp_path):
    seen, path = run(finetune_config("steps = 12\nbatch = 16"), tmp_path)
    assert seen[12]["total"] < seen[1]["total"]
    checkpoint = resolve(str(path))
    assert checkpoint.format == "open_clip"
    assert "train.jsonl" in checkpoint.licence
    assert load_model(checkpoint, path).context_length == 248


def test_finetuned_model_of_a_longclip_file_is_a_longclip_file(finetune_config, tmp_path, shared):
    source = shared / "fixtures" / "longclip-tiny.pt"
    config = finetune_config("steps = 1\nbatch = 4", start="")
    start = type(config.start)(str(source))
    _, path = run(type(config)(**{**vars(config), "start": start}), tmp_path)
    assert path.suffix == ".pt"
    state = torch.load(path, weights_only=True)
    assert set(read_state_dict(source)) == set(state)
    assert resolve(str(path)).format == "longclip"
    load_model(resolve(str(path)), path)


def test_checkpoint_of_another_configuration_or_other_data_is_refused(finetune_config, tmp_path):
    run(finetune_config("steps = 2\nbatch = 4\nsave_every = 1"), tmp_path, kill_at=2)
    with pytest.raises(CheckpointError, match="belongs to another configuration"):
        run(finetune_config("steps = 3\nbatch = 4\nsave_every = 1"), tmp_path)


@pytest.mark.parametrize(
    ("loss", "terms"),
    [
        ("positive = 0.0\nnegative = 0.0", {"contrastive"}),
        ("negative = 0.0", {"contrastive", "positive"}),
        ("contrastive = 0.0\npairwise = 1.0", {"positive", "negative", "pairwise"}),
    ],
)
def test_terms_of_weight_zero_are_left_out(finetune_config, tmp_path, loss, terms):
    seen, _ = run(finetune_config("steps = 1\nbatch = 4", loss=loss), tmp_path)
    assert terms == seen[1].keys() & {"contrastive", "positive", "negative", "pairwise"}


def test_objective_equals_a_slow_plain_version(finetune_config, pair_file):
    """Every text by itself through the padded path, every term by loops."""
    config = finetune_config("steps = 1\nbatch = 8", loss="pairwise = 0.7")
    ready = prepare_finetuning(config, Accelerator(cpu=True))
    objective, batch = ready.task.objective, ready.task.batches[0]
    found = {name: float(value.detach()) for name, value in objective(batch, 0).items()}
    batches = ready.task.batches
    batches.texts.one_pass = False
    plain = batches[0]
    assert plain.token_ids is not None
    with torch.no_grad():
        image, text = objective.features(plain)
    cosine = [float(image[int(c)] @ text[t]) for t, c in enumerate(plain.caption)]
    gaps = [cosine[b] - cosine[a] for a, b in plain.rises.tolist()]
    falls = [cosine[a] - cosine[b] for a, b, _ in plain.falls.tolist()]

    def hinge(values):
        margin = max(0.0, sum(values) / len(values))
        return sum(max(0.0, margin - value) for value in values) / len(values)

    scale = float(objective.model.logit_scale.exp().detach())
    logits = scale * image @ text[plain.last].T
    target = torch.arange(8)
    expected = {
        "contrastive": float((F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2),
        "positive": hinge(gaps),
        "negative": hinge(falls),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=2e-5), name
    pairwise = sum(
        float(F.softplus(torch.tensor(-30.0 * (cosine[t] - cosine[f])))) / 30
        for _, f, t in plain.falls.tolist()
    ) / len(falls)
    total = expected["contrastive"] + 8 * expected["positive"] + 0.8 * expected["negative"] + 0.7 * pairwise
    assert found["total"] == pytest.approx(total, abs=2e-4)


def test_two_processes_on_split_batches_equal_one_process_on_the_whole(finetune_text, tmp_path):
    """The gradients are averaged, through the wrapped forward, and margins and contrast span both parts."""
    config = tmp_path / "config.toml"
    config.write_text(finetune_text("steps = 3\nbatch = 7\naccumulation = 2\nsave_every = 10"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "specs_core.cli",
        "train",
        "--config",
        str(config),
        "--workers",
        "0",
        "--cpu",
    ]
    base = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    running = []
    for rank in range(2):
        environment = base | {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": "2",
            "LOCAL_WORLD_SIZE": "2",
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
        }
        running.append(
            subprocess.Popen(
                [*command, "--out", str(tmp_path / "two")], env=environment, stderr=subprocess.PIPE
            )
        )
    # Starting a process takes longer than training in it, so that the one is the one that is here.
    assert main([*command[3:], "--out", str(tmp_path / "one")]) == 0
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()[-3000:]
    one, two = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("one", "two"))
    assert one["counts"].tolist() == two["counts"].tolist()
    # The optimiser's running means of the gradients: weights would not do, for where a gradient is zero but
    # for rounding (the bias of an attention's keys) Adam makes whole steps of the rounding.
    means = [
        [state["exp_avg"] for state in checkpoint["optimizer"]["state"].values()] for checkpoint in (one, two)
    ]
    largest = max(float(mean.abs().max()) for mean in means[0])
    assert largest > 1e-4
    for whole, split in zip(*means, strict=True):
        torch.testing.assert_close(split, whole, atol=1e-3 * largest, rtol=0)


def test_train_command_finetunes_and_its_model_scores_an_image(finetune_text, tmp_path, drawn_image, capsys):
    config = tmp_path / "config.toml"
    config.write_text(finetune_text("steps = 1\nbatch = 4", data="validation_captions = 8"))
    arguments = ["train", "--config", str(config), "--out", str(tmp_path / "out"), "--workers", "0", "--cpu"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "units beyond the context: 0" in printed
    model = str(tmp_path / "out" / "model.safetensors")
    assert main(["curve", str(drawn_image), "--caption", "A red disc on pale ground.", "--model", model]) == 0


def test_finetune_configuration_when_wrong_says_what(finetune_text):
    wrong = {
        "unknown keys: speed": finetune_text("steps = 1\nbatch = 4\nspeed = 1"),
        "either epochs or steps": finetune_text("steps = 1\nepochs = 1\nbatch = 4"),
        "table negatives has unknown keys: soft": finetune_text(negatives="soft = 1"),
        "negatives.hard is 2.0": finetune_text(negatives="hard = 2.0"),
        "batch is '4'": finetune_text("steps = 1\nbatch = '4'"),
        "prefixes is 'two'": finetune_text("steps = 1\nbatch = 4\nprefixes = 'two'"),
        "weights of the loss": finetune_text(loss="contrastive = 0.0\npositive = 0.0\nnegative = 0.0"),
        "lacks: batch": finetune_text("steps = 1"),
        r"margin is 0\.05; a list: \[float, float\] is needed": finetune_text(loss="margin = 0.05"),
        r"betas is \['a', 'b'\]": finetune_text("steps = 1\nbatch = 4\nbetas = ['a', 'b']"),
        r"betas is \[0\.9\]": finetune_text("steps = 1\nbatch = 4\nbetas = [0.9]"),
        "weight_decay has to be 0 or more": finetune_text("steps = 1\nbatch = 4\nweight_decay = -1.0"),
        "positive is nan": finetune_text(loss="positive = nan"),
    }
    for message, text in wrong.items():
        with pytest.raises(ConfigError, match=message):
            parse_finetune_config(text)


def test_validation_looks_at_every_caption_and_needs_no_second_unit(finetune_text, tmp_path, pair_file):
    def validated(path, captions):
        text = finetune_text("steps = 1\nbatch = 4", data=f"validation = '{path}'\n{captions}")
        ready = prepare_finetuning(parse_finetune_config(text), Accelerator(cpu=True))
        looked_at = []
        encode = ready.task.objective.model.encode_image
        ready.task.objective.model.encode_image = lambda images: (
            looked_at.append(len(images)) or encode(images)
        )
        return ready.validate(ready.task.objective.model), looked_at

    figures, looked_at = validated(pair_file, "validation_captions = 7")
    assert looked_at == [4, 3]
    assert 0 <= figures["rises"] <= 1
    rows = [json.loads(line) for line in pair_file.read_text().splitlines()]
    short = tmp_path / "short.jsonl"
    short.write_text(
        "".join(
            json.dumps({"image": str(pair_file.parent / row["image"]), "caption": "A disc."}) + "\n"
            for row in rows
        )
    )
    assert validated(short, "")[0] == {}


@pytest.mark.parametrize("workers", ["0", "1"])
def test_image_that_cannot_be_read_while_training_is_named_with_advice(
    finetune_text, tmp_path, pair_file, capsys, workers
):
    data = tmp_path / "data"
    data.mkdir()
    (data / "0.png").write_bytes(b"no image")
    (data / "train.jsonl").write_text(
        "".join(
            json.dumps({"id": f"p{n}", "image": "0.png", "caption": f"A disc {n}, on a chair."}) + "\n"
            for n in range(4)
        )
    )
    config = tmp_path / "config.toml"
    config.write_text(
        finetune_text("steps = 1\nbatch = 4").replace(str(pair_file), str(data / "train.jsonl"))
    )
    arguments = ["train", "--config", str(config), "--out", str(tmp_path / "out"), "--workers", workers]
    assert main([*arguments, "--cpu"]) == 2
    told = capsys.readouterr().err
    assert "the image of p" in told
    assert "`specs data` lists such images beforehand" in told
    assert "Traceback" not in told


def test_file_with_fewer_captions_than_a_batch_is_refused(finetune_config):
    with pytest.raises(DataError, match=r"train\.jsonl has 16 captions and a batch takes 17"):
        prepare_finetuning(finetune_config("steps = 1\nbatch = 17"), Accelerator(cpu=True))
