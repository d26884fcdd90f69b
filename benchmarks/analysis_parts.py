"""Time the parts of an analysis that follow the first picture, on a made-up database.

The database is that of `analysis_reading.py`. Each line is one call: dips with intervals and their
calibration, a move of the threshold's slider, people among themselves, the thinning of a scatter, and which
captions to rate next. Processor seconds count all threads.

    python benchmarks/analysis_parts.py [--ratings 100000] [--url URL]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from analysis_reading import PER_ITEM, fill

from annotations.analysis.dips import calibration, dip_part
from annotations.analysis.figures_dips import delta_figure, precision_recall_figure, threshold_figure
from annotations.analysis.people import AT_ONCE, people_report
from annotations.analysis.reading import database_stamp, read_battles, read_table, read_units
from annotations.analysis.thinning import thin
from annotations.campaigns import list_campaigns
from annotations.drawing import draw_next, rank_next
from annotations.engine import open_database


def timed(name: str, call: Callable[[], Any]) -> Any:
    """Call, and print the seconds."""
    begun, processor = time.perf_counter(), time.process_time()
    found = call()
    seconds = time.perf_counter() - begun
    print(f"{name:44} {seconds:8.2f} s, processor {time.process_time() - processor:7.2f} s", flush=True)
    return found


def main() -> None:
    """Make the database and time each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, default=100_000)
    parser.add_argument("--url", help="of an empty database, or of one that was filled here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        engine = open_database(options.url or f"sqlite:///{Path(temporary) / 'parts.sqlite3'}")
        if not database_stamp(engine)[0]:
            fill(engine, options.ratings // PER_ITEM)
        table = read_table(engine)
        units, battles = read_units(engine, table), read_battles(engine, table)
        print(
            f"{table.n_ratings:,} ratings of {len(table):,} captions, {len(units):,} units, "
            f"{len(battles):,} battles"
        )

        dips = timed("dips, 2,000 resamples", lambda: dip_part(units, n_resamples_others=0))
        print(f"  {len(dips.sweep.threshold):,} of {dips.n_sweep:,} thresholds are drawn")
        timed("calibration of a threshold", lambda: calibration(units))
        figures = (threshold_figure, precision_recall_figure, delta_figure)
        timed("a move of the slider", lambda: [draw(dips, threshold=0.05).to_json() for draw in figures])
        for resamples in (0, 500, 2000):
            timed(
                f"people, {AT_ONCE:,} ratings, {resamples:,} resamples",
                lambda n=resamples: people_report(table, units, battles, at_most=AT_ONCE, n_resamples=n),
            )
        timed("people, all ratings, 0 resamples", lambda: people_report(table, units, battles, n_resamples=0))
        x, y = np.random.default_rng(0).normal(size=(2, 100_000))
        timed("thinning of 100,000 points", lambda: thin(x, y))
        (campaign,) = [one.id for one in list_campaigns(engine) if one.name.startswith("benchmark")]
        timed("what to rate next, ranked", lambda: rank_next(engine, campaign, limit=20))
        for seed in (1, 2):
            timed(
                f"a draw of 200 captions, number {seed}",
                lambda s=seed: draw_next(engine, campaign, n=200, seed=s),
            )
        engine.dispose()


if __name__ == "__main__":
    main()
