"""`specs evaluate foil`, `nocaps-foil`, `hat`, `richhf`, `seetrue` and `words`: who finds hallucinations?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specs_core.datasets.hallucinations import LabelledCaptions
    from specs_core.encoder import Encoder
    from specs_core.evaluation.hallucination_figures import Gathered

_TESTS = {
    "foil": ("FOIL: one noun of a COCO caption exchanged", "foilv1.0_test_2017.json"),
    "nocaps-foil": ("nocaps-FOIL: the same on nocaps, by domain", "nocaps-val-foil.json"),
    "hat": ("HAT: marked words of COCO captions", "hat-trainval.json"),
    "richhf": ("Rich-HF: prompts of generated images", "test.tfrecord"),
    "seetrue": ("SeeTRUE-Feedback: misaligned words, by source", "SeeTRUE_Feedback.csv"),
    "words": ("drawn scenes: the words of one false fact", "scenes.jsonl"),
}


def add_parsers(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add a subcommand for each test."""
    from specs_core.segmentation import SEGMENTERS

    for name, (what, file) in _TESTS.items():
        parser = kinds.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}. Tell how well word signals and caption scores find "
            f"what is hallucinated (DATA: {file}; figures and formats: docs/hallucination.md).",
        )
        parser.add_argument("data", type=Path, metavar="DATA", help=file)
        if name != "words":
            parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of images")
        if name == "foil":
            parser.add_argument(
                "--references",
                type=Path,
                metavar="FILE",
                help="captions_val2014.json of COCO, for RefCLIPScore",
            )
        parser.add_argument(
            "--model", metavar="NAME", help="model name or file (default: $SPECS_MODEL or scenes)"
        )
        parser.add_argument("--device", default="cpu", help="cpu, cuda, mps (default: cpu)")
        parser.add_argument("--segmenter", choices=SEGMENTERS, default=SEGMENTERS[0])
        parser.add_argument(
            "--epsilon",
            type=float,
            default=-5e-5,
            metavar="E",
            help="an attribution below this flags a word (-5e-5)",
        )
        parser.add_argument(
            "--fusion", type=Path, metavar="FILE", help="other weights than those in the package"
        )
        parser.add_argument(
            "--resamples", type=int, default=2000, metavar="N", help="of the bootstrap (2000)"
        )
        parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (0)")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures; - prints them")
        if name == "words":
            parser.add_argument(
                "--fit",
                type=Path,
                metavar="FILE",
                help="fit the fusion's weights on these scenes, write them to FILE, and measure nothing",
            )
        parser.set_defaults(run=run, test=name)


def run(args: argparse.Namespace) -> int:
    """Evaluate, or fit the fusion; return the exit code."""
    import json

    from specs_core.cli import load_with_progress
    from specs_core.errors import ConfigError
    from specs_core.evaluation.cli import check_target, write_text
    from specs_core.evaluation.hallucination import evaluate_hallucination
    from specs_core.evaluation.hallucination_figures import PROTOCOLS
    from specs_core.evaluation.hallucination_report import hallucination_record, hallucination_text
    from specs_core.evaluation.word_fusion import read_fusion

    fit = getattr(args, "fit", None)
    for path in (args.json, fit):
        check_target(path)  # before minutes of work
    if args.seed < 0 or args.resamples < 1:
        raise ConfigError(
            f"--seed has to be 0 or more and --resamples 1 or more; got {args.seed} and {args.resamples}"
        )
    fusion = read_fusion(args.fusion) if args.fusion else None
    data = _read(args)
    encoder = load_with_progress(args.model, device=args.device)
    gathered = _gather(encoder, data, args.segmenter)
    if fit is not None:
        return _fit(args, encoder, gathered)
    result = evaluate_hallucination(
        gathered,
        PROTOCOLS[args.test],
        left_out=data.left_out,
        fusion=fusion,
        epsilon=args.epsilon,
        resamples=args.resamples,
        seed=args.seed,
    )
    if args.json is not None:
        record = hallucination_record(
            result,
            encoder,
            test=args.test,
            segmenter=args.segmenter,
            epsilon=args.epsilon,
            resamples=args.resamples,
            seed=args.seed,
        )
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
        if args.json == Path("-"):
            print(text)
        else:
            write_text(args.json, text + "\n")
    if args.json != Path("-"):
        print(hallucination_text(result, encoder, test=args.test, segmenter=args.segmenter))
    return 1 if result.left_out else 0


def _read(args: argparse.Namespace) -> LabelledCaptions:
    from specs_core.datasets.foil import read_foil, read_nocaps_foil
    from specs_core.datasets.hat import read_hat
    from specs_core.datasets.richhf import read_richhf
    from specs_core.datasets.seetrue import read_seetrue
    from specs_core.errors import ConfigError
    from specs_core.scenes.labelled import read_labelled_scenes

    if args.test == "words":
        return read_labelled_scenes(args.data)
    if not args.images.is_dir():
        raise ConfigError(f"there is no folder of images {args.images}; name it with --images")
    if args.test == "foil":
        return read_foil(args.data, args.images, references=args.references)
    readers = {
        "nocaps-foil": read_nocaps_foil,
        "hat": read_hat,
        "richhf": read_richhf,
        "seetrue": read_seetrue,
    }
    return readers[args.test](args.data, args.images)


def _gather(encoder: Encoder, data: LabelledCaptions, segmenter: str) -> Gathered:
    from tqdm import tqdm

    from specs_core.evaluation.hallucination import gather_evidence

    with tqdm(total=len(data.captions), unit="caption", leave=False) as bar:
        return gather_evidence(
            encoder, data.captions, segmenter=segmenter, on_item=lambda done: bar.update(done - bar.n)
        )


def _fit(args: argparse.Namespace, encoder: Encoder, gathered: Gathered) -> int:
    from specs_core.evaluation.cli import write_text
    from specs_core.evaluation.word_fusion import fit_fusion, fusion_text
    from specs_core.segmentation import segmenter_version

    first, last = gathered.captions[0].id, gathered.captions[-1].id
    fusion = fit_fusion(
        gathered.evidence,
        [[false for _, _, false in caption.words()] for caption in gathered.captions],
        provenance={
            "model": encoder.checkpoint.label,
            "weights_sha256": encoder.weights_sha256,
            "segmenter": args.segmenter,
            "segmenter_version": segmenter_version(args.segmenter),
            "captions": len(gathered.captions),
            "scenes": f"{first} to {last}",
        },
    )
    write_text(args.fit, fusion_text(fusion))
    print(f"The weights are in {args.fit}, fitted on {len(gathered.captions):,} captions.")
    return 1 if gathered.left_out else 0
