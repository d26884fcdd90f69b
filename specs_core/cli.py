"""The `specs` command. Whatever takes time to import stands inside the command that needs it."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import specs_core
from specs_core.errors import CaptionError, ConfigError, SpecsError

if TYPE_CHECKING:
    from specs_core.batch import Message, Report
    from specs_core.checkpoints import Checkpoint
    from specs_core.curve import ScoreCurve
    from specs_core.encoder import Encoder

_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
USER_ERROR = 2
INTERRUPTED = 130
CLOSED_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `specs` command.

    Args:
        argv: Arguments without the program's name; None for those of the process.

    Returns:
        Exit code: 0; 1 where rows of a data set were left out; 2 for an error of the user's; 130 when
        interrupted; 141 where the reader of the output has gone.
    """
    # Before torch is imported: docs/models.md, "Speed".
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    args = build_parser().parse_args(_with_negative_numbers(sys.argv[1:] if argv is None else argv))
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        code = run(args)
        sys.stdout.flush()  # here rather than at exit, where a closed pipe could no longer be caught
        return code
    except SpecsError as error:
        print(f"specs: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("specs: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has left (`specs models | head`). Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE


def _with_negative_numbers(argv: Sequence[str]) -> list[str]:
    """Join options with negative values behind them: argparse takes "-5e-5" for an option of its own."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1].startswith("--") and "=" not in joined[-1] and _NEGATIVE.fullmatch(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every subcommand; each sets `run`, a function of the parsed arguments."""
    from specs_core.attribution_cli import add_parser as add_attribute
    from specs_core.datasets.cli import add_parser as add_data
    from specs_core.evaluation.cli import add_parser as add_evaluate
    from specs_core.metrics.cli import add_parser as add_metrics
    from specs_core.report.cli import add_parser as add_report
    from specs_core.scenes.cli import add_parser as add_scenes
    from specs_core.segmentation.cli import add_parser as add_segment
    from specs_core.training.cli import add_parser as add_train

    parser = argparse.ArgumentParser(
        prog="specs", description="Score long image captions, detail by detail, with SPECS."
    )
    parser.add_argument("--version", action="version", version=f"specs {specs_core.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_models(commands)
    _add_download(commands)
    add_segment(commands)
    _add_curve(commands)
    _add_curves(commands)
    _add_score(commands)
    add_attribute(commands)
    add_metrics(commands)
    add_report(commands)
    add_scenes(commands)
    add_data(commands)
    add_train(commands)
    add_evaluate(commands)
    return parser


Commands = argparse._SubParsersAction  # the type of what add_subparsers returns has no public name


def _add_models(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "models",
        help="list the models",
        description="List the models: what pictures they know, how many tokens they read, size, licence.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_models)


def _add_download(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "download",
        help="fetch a model ahead of time",
        description="Fetch a model and check its sha256. Models are also fetched when they are first used.",
    )
    parser.add_argument("name", metavar="NAME", help="a model of `specs models`, or open_clip:ARCH/TAG")
    parser.set_defaults(run=_download)


def _add_curve(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "curve",
        help="score one caption, unit by unit",
        description="Cut a caption into detail units and score every prefix of it against an image.",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="JPEG, PNG or WEBP")
    parser.add_argument("--caption", required=True, metavar="TEXT")
    _add_scoring_options(parser)
    _add_threshold(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_curve)


def _add_curves(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "curves",
        help="curves of a data set",
        description="Read lines with id, image and caption; write id and what `specs curve --json` prints.",
    )
    _add_files(parser)
    _add_scoring_options(parser)
    _add_threshold(parser)
    parser.set_defaults(run=_curves)


def _add_score(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "score",
        help="scores of a data set",
        description="Read lines with id, image and caption; write id, score and similarity.",
    )
    _add_files(parser)
    _add_scoring_options(parser)
    parser.set_defaults(run=_score)


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, metavar="IN.jsonl", help="image paths count from its folder")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.jsonl")


def _add_scoring_options(parser: argparse.ArgumentParser) -> None:
    from specs_core.segmentation import SEGMENTERS

    parser.add_argument("--model", metavar="NAME", help="default: $SPECS_MODEL, or the bundled scenes model")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps (default: cpu)")
    parser.add_argument("--segmenter", choices=SEGMENTERS, default=SEGMENTERS[0])


def _add_threshold(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threshold", type=float, default=0.0, metavar="X", help="a dip lowers the cosine by more than X (0)"
    )


def _models(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from specs_core.checkpoints import CHECKPOINTS, default_name, local_path, resolve

    known = [resolve(name) for name in CHECKPOINTS]
    default = default_name()
    if args.json:
        rows = [
            {**asdict(each), "available": local_path(each) is not None, "default": each.name == default}
            for each in known
        ]
        print(json.dumps(rows, indent=2))
        return 0
    header = ("model", "knows", "tokens", "parameters", "file", "licence")
    table = [header, *(_model_columns(each, local_path(each) is not None) for each in known)]
    print(aligned(table))
    print(f"\nDefault: {default} (SPECS_MODEL sets another).")
    print("Also open_clip:ARCH/TAG for any model of open_clip, or the path of a checkpoint file.")
    return 0


def _model_columns(checkpoint: Checkpoint, available: bool) -> tuple[str, ...]:
    size = f"{checkpoint.size_bytes / 1e6:.0f} MB" if checkpoint.size_bytes else ""
    return (
        checkpoint.name,
        checkpoint.domain,
        str(checkpoint.context_length or "?"),
        f"{checkpoint.parameters / 1e6:.0f} M" if checkpoint.parameters else "",
        f"{size}, here".lstrip(", ") if available else "not downloaded",
        checkpoint.licence,
    )


def _download(args: argparse.Namespace) -> int:
    from specs_core.checkpoints import fetch, file_sha256, local_path, resolve

    checkpoint = resolve(args.name)
    was_here = local_path(checkpoint) is not None
    with _DownloadBar(checkpoint.label) as bar:
        path = fetch(checkpoint, on_progress=bar)
    print(f"{checkpoint.label}: {path}{' (was here already)' if was_here and not bar.used else ''}")
    print(f"sha256 {file_sha256(path)}, {path.stat().st_size:,} bytes")
    print(f"licence: {checkpoint.licence}")
    return 0


def _curve(args: argparse.Namespace) -> int:
    from specs_core.curve import curve_record, score_curve
    from specs_core.images import load_image

    check_threshold(args.threshold)
    if not args.caption.strip():
        raise CaptionError("the caption is empty: write at least one word after --caption")
    loaded = load_image(args.image)
    for note in loaded.notes:
        print(f"specs: {note}", file=sys.stderr)
    encoder = load_with_progress(args.model, device=args.device)
    curve = score_curve(encoder, loaded.image, args.caption, segmenter=args.segmenter)
    if args.json:
        record = curve_record(curve, encoder, threshold=args.threshold)
        print(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(_curve_text(curve, encoder, args.threshold))
    return 0


def _curve_text(curve: ScoreCurve, encoder: Encoder, threshold: float) -> str:
    from specs_core.checkpoints import DRAWN_SCENES

    rows = [("unit", "tokens", "cosine", "delta", "", "text")]
    columns = zip(
        curve.units, curve.tokens, curve.similarity, curve.delta, curve.dips(threshold), strict=True
    )
    for number, (unit, tokens, similarity, delta, dip) in enumerate(columns, start=1):
        rows.append(
            (
                str(number),
                str(tokens),
                "-" if similarity != similarity else f"{similarity:+.4f}",
                "" if delta != delta else f"{delta:+.4f}",
                "dip" if dip else "",
                "".join(char if char.isprintable() else " " for char in unit.text).strip(),
            )
        )
    lines = [
        f"SPECS {curve.final_score:.4f} (cosine {curve.final_similarity:+.4f}), "
        f"{len(curve.units)} units, {curve.total_tokens} tokens, model {encoder.checkpoint.label}",
        "",
        aligned(rows, right=4),
    ]
    beyond = int(curve.beyond_context.sum())
    if beyond:
        lines.append(
            f"\n{beyond} units lie beyond the {curve.context_length} tokens that the model reads: no score."
        )
    if encoder.checkpoint.domain == DRAWN_SCENES:
        lines.append("\nThis model knows drawn scenes only; for photographs use --model specs.")
    elif curve.is_short:
        lines.append("\nBelow 60 tokens the paper recommends CLIP (--model clip-b32) over SPECS.")
    return "\n".join(lines)


def _curves(args: argparse.Namespace) -> int:
    from specs_core.batch import write_curves

    check_threshold(args.threshold)
    return _score_file(args, write_curves, segmenter=args.segmenter, threshold=args.threshold)


def _score(args: argparse.Namespace) -> int:
    from specs_core.batch import write_scores

    return _score_file(args, write_scores, segmenter=args.segmenter)


def _score_file(args: argparse.Namespace, write: Callable[..., Report], **options: Any) -> int:
    from tqdm import tqdm

    from specs_core.batch import count_rows

    total = count_rows(args.input)
    encoder = load_with_progress(args.model, device=args.device)

    with tqdm(total=total, unit="row") as bar:

        def tell(message: Message) -> None:
            tqdm.write(f"specs: {message}", file=sys.stderr)

        report = write(args.input, args.output, encoder, on_message=tell, on_row=bar.update, **options)
    if report.left_out:
        print(f"specs: {report.left_out} of {total} rows left out", file=sys.stderr)
    return 1 if report.left_out else 0


def check_threshold(threshold: float) -> None:
    """Check the value of --threshold.

    Raises:
        ConfigError: It is negative or not a number.
    """
    if not threshold >= 0:
        raise ConfigError(f"--threshold has to be 0 or more, got {threshold}")


def load_with_progress(model: str | None, *, device: str) -> Encoder:
    """Load a model as `load_encoder` does, with a bar where it has to be downloaded."""
    from specs_core.encoder import load_encoder

    with _DownloadBar(model or "model") as bar:
        return load_encoder(model, device=device, on_progress=bar)


class _DownloadBar:
    """A progress bar that appears with the first byte of a download."""

    def __init__(self, label: str) -> None:
        self.used = False
        self._label = label
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self.used = True
            self._bar = tqdm(total=total or None, unit="B", unit_scale=True, desc=self._label)
        if total:
            self._bar.total = total
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> _DownloadBar:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()


def aligned(rows: Sequence[Sequence[str]], *, right: int = 0) -> str:
    """Lay rows out in columns; the first `right` columns are numbers, flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index < right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
