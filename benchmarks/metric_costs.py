"""Time what each metric that is stored beside SPECS adds to the scoring of captions.

Drawn scenes with a true and a false caption each are imported and scored as the app does it beside its
raters, anew for each set of metrics: cut, image, curve, the metrics, and the rows. Processor seconds count
all threads.

    OMP_NUM_THREADS=1 python benchmarks/metric_costs.py [--scenes 64] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from annotations.campaigns import create_campaign
from annotations.engine import open_database
from annotations.importing import ImportPlan, import_items
from app.pictures import PictureStore
from app.stored_scores import DEARER_METRICS, METRIC, METRICS
from app.waiting_scores import score_waiting
from specs_core.encoder import Encoder, load_encoder
from specs_core.scenes.dataset import write_scenes

BESIDE = tuple(name for name in METRICS if name != METRIC)
SETS = (
    (METRIC,),
    *((METRIC, name) for name in BESIDE),
    tuple(METRICS),
    (*METRICS, *DEARER_METRICS),
)


def write_captions(folder: Path, scenes: int) -> Path:
    """Draw scenes and write their captions for an import."""
    write_scenes(folder, count=scenes, seed=3)
    lines = (folder / "scenes.jsonl").read_text(encoding="utf-8").splitlines()
    table = folder / "captions.jsonl"
    with table.open("w", encoding="utf-8") as stream:
        for scene in map(json.loads, lines):
            for source in ("caption", "false_caption"):
                row = {"id": f"{scene['id']} {source}", "image": scene["image"], "caption": scene[source]}
                stream.write(json.dumps({**row, "source": source}) + "\n")
    return table


def seconds_a_caption(encoder: Encoder, table: Path, metrics: tuple[str, ...]) -> float:
    """Import the captions into a new database, score them, and return processor seconds a caption."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'costs.sqlite3'}")
        create_campaign(engine, "costs")
        import_items(engine, table, ImportPlan(campaign="costs"), images=Path(folder) / "images")
        begun = time.process_time()
        done = score_waiting(engine, PictureStore(Path(folder) / "images"), encoder, metrics=metrics)
        seconds = time.process_time() - begun
        engine.dispose()
    assert done.scored
    assert not done.failed
    return seconds / done.scored


def main() -> None:
    """Print the time a caption takes under each set of metrics, and its ratio to that of SPECS alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts")
    options = parser.parse_args()
    encoder = load_encoder("scenes")
    with tempfile.TemporaryDirectory() as folder:
        table = write_captions(Path(folder), options.scenes)
        seconds_a_caption(encoder, table, SETS[-1])  # warm
        best = dict.fromkeys(SETS, float("inf"))
        for _ in range(options.rounds):
            for metrics in SETS:
                best[metrics] = min(best[metrics], seconds_a_caption(encoder, table, metrics))
    for metrics, seconds in best.items():
        print(f"{1000 * seconds:7.1f} ms  {seconds / best[SETS[0]]:5.2f}  {' '.join(metrics)}")


if __name__ == "__main__":
    main()
