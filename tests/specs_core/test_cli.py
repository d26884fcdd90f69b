"""The `specs` command as a user types it: output, exit codes, and one sentence for every mistake."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import specs_core
from specs_core.checkpoints import CHECKPOINTS
from specs_core.cli import main

CAPTION = "A red disc, beside a blue square, stands on green ground under a pale sky."


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path) -> None:
    monkeypatch.setenv("SPECS_MODEL", str(tiny_checkpoint))


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, specs_core.cli\n"
        "try:\n    specs_core.cli.main(['--help'])\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        "heavy = {'torch', 'spacy', 'open_clip', 'numpy', 'PIL', 'huggingface_hub', 'tqdm',\n"
        "    'nltk', 'sacrebleu', 'rouge_score', 'openai'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    commands = (
        "models",
        "download",
        "segment",
        "curve",
        "curves",
        "score",
        "scenes",
        "train",
        "evaluate",
        "metrics",
    )
    for command in commands:
        assert f"\n    {command} " in run.stdout


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.strip() == f"specs {specs_core.__version__}"


def test_models_lists_domain_context_and_licence_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for checkpoint in CHECKPOINTS.values():
        (line,) = (line for line in lines if line.startswith(f"{checkpoint.name} "))
        for part in (checkpoint.domain, str(checkpoint.context_length), checkpoint.licence):
            assert part in line


def test_models_as_json_has_every_field(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("SPECS_MODEL", "specs")
    assert main(["models", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(CHECKPOINTS)
    assert [row["name"] for row in rows if row["default"]] == ["specs"]
    assert {"domain", "context_length", "size_bytes", "licence", "sha256", "available"} <= set(rows[0])


def test_curve_as_json_is_the_documented_object(
    capsys: pytest.CaptureFixture[str], drawn_image: Path, tiny_checkpoint: Path
) -> None:
    arguments = ["curve", str(drawn_image), "--caption", CAPTION, "--model", str(tiny_checkpoint), "--json"]
    assert main(arguments) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record) == ["model", "provenance", "score", "similarity", "tokens", "units"]
    assert "".join(unit["text"] for unit in record["units"]) == CAPTION
    assert len(record["units"]) > 1
    assert record["score"] == pytest.approx((record["similarity"] + 1) / 2)
    assert record["similarity"] == record["units"][-1]["similarity"]
    provenance = record["provenance"]
    for key in (
        "specs_version",
        "model",
        "weights_sha256",
        "segmenter",
        "segmenter_version",
        "dtype",
        "device",
    ):
        assert provenance[key]
    for key in ("torch_version", "open_clip_version", "image_size"):
        assert provenance[key]


def test_curve_as_text_shows_every_unit_and_marks_the_dips(
    capsys: pytest.CaptureFixture[str], drawn_image: Path
) -> None:
    arguments = ["curve", str(drawn_image), "--caption", CAPTION]
    main([*arguments, "--json"])
    record = json.loads(capsys.readouterr().out)
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert f"SPECS {record['score']:.4f}" in shown
    for unit in record["units"]:
        (line,) = (line for line in shown.splitlines() if line.endswith(unit["text"].strip()))
        assert f"{unit['similarity']:+.4f}" in line
        assert ("dip" in line.split()) is unit["dip"]
    assert any(unit["dip"] for unit in record["units"])
    assert "Below 60 tokens the paper recommends CLIP" in shown


def test_curve_as_text_beyond_the_context_says_so_and_keeps_the_terminal_safe(
    capsys: pytest.CaptureFixture[str], drawn_image: Path
) -> None:
    caption = f"\x1b[31m{CAPTION} " * 25
    assert main(["curve", str(drawn_image), "--caption", caption]) == 0
    shown = capsys.readouterr().out
    assert "units lie beyond the 248 tokens that the model reads" in shown
    assert "\x1b" not in shown
    assert "Below 60 tokens" not in shown


def test_curve_with_a_threshold_has_fewer_dips(capsys: pytest.CaptureFixture[str], drawn_image: Path) -> None:
    main(["curve", str(drawn_image), "--caption", CAPTION, "--json", "--threshold", "1.5"])
    assert not any(unit["dip"] for unit in json.loads(capsys.readouterr().out)["units"])


def test_curve_of_an_animation_says_on_the_side_that_it_uses_the_first_frame(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from PIL import Image

    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    assert main(["curve", str(tmp_path / "moving.png"), "--caption", CAPTION, "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["units"]
    assert "only the first is used" in captured.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--caption", " "], "the caption is empty"),
        (["--caption", "a", "--model", "nothing"], "there is no model or file 'nothing'"),
        (["--caption", "a", "--threshold", "-1"], "--threshold has to be 0 or more, got -1.0"),
        (["--caption", "a", "--threshold", "nan"], "--threshold has to be 0 or more, got nan"),
        (["--caption", "a", "--device", "tpu9"], "no usable device 'tpu9'"),
    ],
)
def test_curve_with_a_mistake_ends_with_two_and_one_sentence(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str], drawn_image: Path
) -> None:
    assert main(["curve", str(drawn_image), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert complaint in captured.err


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", None])
def test_curve_of_a_bad_image_ends_with_two_and_one_sentence(
    content: bytes | None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    assert main(["curve", str(path), "--caption", CAPTION]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("specs: The ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(("command", "keys"), [("curves", 7), ("score", 3)])
def test_data_set_commands_write_the_good_rows_and_end_with_one_for_the_bad(
    command: str, keys: int, capsys: pytest.CaptureFixture[str], tmp_path: Path, drawn_image: Path
) -> None:
    good = {"id": "good", "image": str(drawn_image), "caption": CAPTION}
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join([json.dumps(good), json.dumps({**good, "id": "bad", "image": "gone.png"})]))
    assert main([command, str(source), "-o", str(target)]) == 1
    captured = capsys.readouterr()
    assert "specs: line 2, id 'bad': The image file gone.png cannot be read" in captured.err
    assert "specs: 1 of 2 rows left out" in captured.err
    assert "2/2" in captured.err  # the progress bar
    (only,) = (json.loads(line) for line in target.read_text().splitlines())
    assert (only["id"], len(only)) == ("good", keys)
    source.write_text(json.dumps(good))
    assert main([command, str(source), "-o", str(target)]) == 0


@pytest.mark.parametrize("command", ["curves", "score"])
def test_data_set_commands_without_their_input_end_with_two(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([command, str(tmp_path / "gone.jsonl"), "-o", str(tmp_path / "out.jsonl")]) == 2
    assert "gone.jsonl cannot be read: No such file" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_download_without_a_network_ends_with_two_and_the_command_to_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert main(["download", "specs"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for part in ("spec.pt", "model specs", "http://127.0.0.1:9", "run: specs download specs"):
        assert part in error


def test_download_of_a_file_that_is_here_says_where_and_its_checksum(
    capsys: pytest.CaptureFixture[str], tiny_checkpoint: Path
) -> None:
    assert main(["download", str(tiny_checkpoint)]) == 0
    shown = capsys.readouterr().out
    assert f"tiny.safetensors: {tiny_checkpoint} (was here already)" in shown
    assert "sha256 " in shown


def test_interrupt_ends_with_130_and_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("specs_core.checkpoints.resolve", stop)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "specs: interrupted\n"


def test_output_whose_reader_has_gone_ends_quietly() -> None:
    run = subprocess.run(
        f"{sys.executable} -m specs_core.cli models --json | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    assert run.returncode in (0, 141)


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["curve"], ["score", "in.jsonl"]])
def test_command_line_that_makes_no_sense_ends_with_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: specs" in capsys.readouterr().err


def test_an_option_takes_a_negative_number_in_any_notation(tiny_checkpoint, drawn_image, capsys):
    numbers = ["--start-layer", "-1", "--epsilon", "-5e-5", "--template", "A photo depicts "]
    question = ["attribute", str(drawn_image), "--caption", "A red disc.", "--model", str(tiny_checkpoint)]
    assert main([*question, *numbers, "--mode", "threshold", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["start_layer_text"], found["epsilon"]) == (-1, -5e-5)
