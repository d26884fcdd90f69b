"""Captions, scores, ratings, verdicts and battles made by a known process: `known_truth` has the true values.

Every system has a fixed quality; images and captions add normal deviations of their own. Raters see the
quality with noise. A metric sees a share of it, with noise of its own; sentinels see nothing. Units are
hallucinated with a known chance and dip by known normal distributions; people judge them with slips. Battles
follow Bradley and Terry's model with the strengths of the systems.

    known = Process(n_images=80).draw(seed=0)
    known.table, known.units, known.battles        # what the parts of the analysis take
    write_csv(path, known.rating_rows())           # the same as a file
"""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from annotations.analysis.table import (
    AnalysisTable,
    Answers,
    BattleTable,
    Provenance,
    UnitTable,
    Weights,
)

FINE = (0, 1000)
COARSE = (1, 5)
SHA256 = "5c" * 32
PHRASES = tuple(
    "a small wooden table stands near the window;a red cup is on the left of it;"
    "two people in dark coats look at the sea;a brown dog lies on the stone floor asleep;"
    "the wall behind them is painted in pale green;some yellow flowers are in a tall glass vase;"
    "a bicycle without lights leans against the old fence;the sky is grey and full of heavy clouds;"
    "an open book with torn pages is in front;a child with a blue hat holds a balloon".split(";")
)


@dataclass(frozen=True)
class Metric:
    """How a metric comes about.

    Attributes:
        loading: What it takes of a caption's quality.
        noise: Standard deviation of what is only its own, on short captions.
        noise_long: The same on long ones; None for the same as on short ones.
        of_image: Standard deviation of what all captions of an image share in it.
        of_system: What it adds to the captions of each system; () for nothing.
        of_length: What it adds for each standard deviation of length.
        missing: Share of captions that it has not scored.
    """

    loading: float
    noise: float
    noise_long: float | None = None
    of_image: float = 0.0
    of_system: tuple[float, ...] = ()
    of_length: float = 0.0
    missing: float = 0.0


METRICS = {
    "specs": Metric(loading=0.8, noise=0.8, noise_long=0.4, of_image=0.2),
    "clip": Metric(loading=0.8, noise=0.4, noise_long=1.0, of_image=0.2),
    "rouge_l": Metric(loading=0.3, noise=0.8, of_system=(0.3, 0.0, -0.2, 0.1)),
    "text_only": Metric(loading=0.0, noise=1.0),
    "random": Metric(loading=0.0, noise=1.0),
}


@dataclass(frozen=True)
class Process:
    """The process; docs of the fields say what is true of everything that is drawn from it.

    Attributes:
        n_images: Images, each with a caption of every system.
        systems: Their names.
        quality: Quality of each system.
        of_image: Standard deviation of what the captions of an image share.
        of_caption: Standard deviation of what is a caption's own.
        n_raters: People, all of whom rate every caption.
        rater_noise: Standard deviation of one answer about the quality.
        of_length: What a standard deviation of length adds to what people see.
        metrics: By name. The sentinels length_tokens and unit_count come from the captions themselves.
        hallucinated: Chance of a unit to be false.
        supported_dip: Mean and standard deviation of the delta of a true unit.
        hallucinated_dip: The same of a false one.
        slip: Chance of a verdict to say the opposite.
        unsure: Chance of a verdict to be "unsure" instead of anything else.
        strengths: Log-odds of each system in battles, with mean 0.
        battles_per_image: Pairs of captions that fight, each once, chosen at random.
        tied: Share of what both could have won that is a tie.
        both_poor: Chance of an answer to call both poor.
        oversampling: By how much likelier captions above the mean quality are to be drawn into the table; 1
            takes all captions.
    """

    n_images: int = 80
    systems: tuple[str, ...] = ("plain", "terse", "fluent", "careful")
    quality: tuple[float, ...] = (-0.6, -0.2, 0.2, 0.6)
    of_image: float = 0.6
    of_caption: float = 0.8
    n_raters: int = 3
    rater_noise: float = 0.6
    of_length: float = 0.0
    metrics: Mapping[str, Metric] = field(default_factory=lambda: METRICS)
    hallucinated: float = 0.25
    supported_dip: tuple[float, float] = (0.01, 0.02)
    hallucinated_dip: tuple[float, float] = (-0.03, 0.03)
    slip: float = 0.05
    unsure: float = 0.05
    strengths: tuple[float, ...] = (-0.9, -0.3, 0.3, 0.9)
    battles_per_image: int = 3
    tied: float = 0.2
    both_poor: float = 0.1
    oversampling: float = 1.0

    def draw(self, seed: int) -> "Known":
        """Draw once."""
        return _draw(self, np.random.default_rng(seed))


@dataclass(frozen=True)
class Known:
    """One draw."""

    process: Process
    table: AnalysisTable
    units: UnitTable
    battles: BattleTable

    def rating_rows(self) -> list[dict[str, object]]:
        """One row an item and rater, as somebody would hand them over."""
        table, answers = self.table, self.table.answers
        return [
            {
                "item": table.items[item],
                "image": table.images[item],
                "caption": table.captions[item],
                "system": table.systems[item],
                "rater": table.raters[answers["fine"].rater[row]],
                **{name: int(given.value[row]) for name, given in answers.items()},
                "tokens": int(table.lengths[item]),
                **{name: _cell(scores[item]) for name, scores in table.metrics.items()},
            }
            for row, item in enumerate(answers["fine"].item.tolist())
        ]

    def unit_rows(self) -> list[dict[str, object]]:
        """One row a verdict."""
        units, table = self.units, self.table
        return [
            {
                "item": table.items[units.item[row]],
                "image": units.image[row],
                "start": int(units.start[row]),
                "end": int(units.end[row]),
                "delta": _cell(units.delta[row]),
                "rater": table.raters[rater],
                "verdict": verdict,
            }
            for row in range(len(units))
            for rater, verdict in zip(units.raters[row], units.verdicts[row], strict=True)
        ]

    def battle_rows(self) -> list[dict[str, object]]:
        """One row an answer, with the columns that ``specs-ratings rank`` reads."""
        battles = self.battles
        return [
            {
                "a": battles.first_system[row],
                "b": battles.second_system[row],
                "winner": battles.winner[row],
                "image": battles.image[row],
                "both_poor": int(battles.both_poor[row]),
                "rater": battles.rater[row],
                **{
                    f"{name}_{side}": _cell(scores[name][row])
                    for name in battles.first_scores
                    for side, scores in (("a", battles.first_scores), ("b", battles.second_scores))
                },
            }
            for row in range(len(battles))
        ]


def write_csv(path, rows):
    """Write rows under the keys of the first."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _cell(value):
    return "" if math.isnan(value) else float(value)


def _draw(process: Process, generator: np.random.Generator) -> Known:
    n_systems = len(process.systems)
    n = process.n_images * n_systems
    image = np.repeat(np.arange(process.n_images), n_systems)
    system = np.tile(np.arange(n_systems), process.n_images)
    quality = (
        np.array(process.quality)[system]
        + process.of_image * generator.normal(size=process.n_images)[image]
        + process.of_caption * generator.normal(size=n)
    )
    long = generator.random(n) < 0.5
    n_units = np.where(long, generator.integers(7, 15, n), generator.integers(2, 6, n))
    captions = [_caption(int(k), generator) for k in n_units]
    lengths = np.array([sum(len(part.split()) + 1 for part in parts) for parts in captions], dtype=float)
    # Standardised by constants of the process, so that what is true does not depend on the draw.
    of_length = (lengths - LENGTH_MEAN) / LENGTH_SD
    metrics = {}
    for name, metric in process.metrics.items():
        noise_long = metric.noise if metric.noise_long is None else metric.noise_long
        scores = metric.loading * quality + metric.of_length * of_length
        scores += metric.of_image * generator.normal(size=process.n_images)[image]
        scores += np.where(long, noise_long, metric.noise) * generator.normal(size=n)
        scores += np.array(metric.of_system or (0.0,) * n_systems)[system]
        scores[generator.random(n) < metric.missing] = np.nan
        metrics[name] = scores
    metrics["length_tokens"], metrics["unit_count"] = lengths, n_units.astype(float)
    seen = quality + process.of_length * of_length
    chance = np.where(quality > np.mean(process.quality), 1.0, 1 / process.oversampling)
    kept = np.flatnonzero(generator.random(n) < chance)
    raters = range(process.n_raters)
    judged = np.repeat(kept, process.n_raters)
    impression = seen[judged] + process.rater_noise * generator.normal(size=len(judged))
    item, rater = np.repeat(np.arange(len(kept)), process.n_raters), np.tile(np.array(raters), len(kept))
    texts = [", ".join(parts) + "." for parts in captions]
    table = AnalysisTable(
        items=tuple(f"caption-{number:05}" for number in kept),
        images=tuple(f"image-{image[number]:05}" for number in kept),
        captions=tuple(texts[number] for number in kept),
        systems=tuple(process.systems[system[number]] for number in kept),
        campaigns=("Known",) * len(kept),
        lengths=lengths[kept],
        weights=1 / chance[kept],
        metrics={name: scores[kept] for name, scores in metrics.items()},
        provenance={name: Provenance("known process", SHA256) for name in metrics},
        raters=tuple(f"rater-{number}" for number in raters),
        names=tuple(("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn")[number % 6] for number in raters),
        answers={
            "fine": Answers(*FINE, item, rater, np.clip(np.round(500 + 100 * impression), *FINE)),
            "overall": Answers(*COARSE, item, rater, np.clip(np.round(3 + 0.9 * impression), *COARSE)),
        },
        n_ratings=len(item),
        n_blind=len(item),
        models=(Weights("known process", SHA256, len(kept)),),
        model=Weights("known process", SHA256, len(kept)),
        left_out={},
    )
    units = _units(process, [captions[number] for number in kept], table, generator)
    battles = _battles(process, metrics, generator)
    return Known(process, table, units, battles)


def _caption(n_units: int, generator: np.random.Generator) -> list[str]:
    return [PHRASES[number] for number in generator.integers(0, len(PHRASES), n_units)]


def _length_moments() -> tuple[float, float]:
    """Mean and standard deviation of the length of a caption, over units and phrases."""
    tokens = np.array([len(phrase.split()) + 1 for phrase in PHRASES])
    mean, variance = float(tokens.mean()), float(tokens.var())
    counts = np.concatenate([np.repeat(np.arange(2, 6), 8), np.repeat(np.arange(7, 15), 4)])
    return mean * counts.mean(), math.sqrt(variance * counts.mean() + mean**2 * counts.var())


LENGTH_MEAN, LENGTH_SD = _length_moments()


def _units(
    process: Process, captions: list[list[str]], table: AnalysisTable, generator: np.random.Generator
) -> UnitTable:
    item, start, end, delta, verdicts = [], [], [], [], []
    for number, parts in enumerate(captions):
        at = 0
        for place, part in enumerate(parts):
            false = generator.random() < process.hallucinated
            mean, spread = process.hallucinated_dip if false else process.supported_dip
            item.append(number)
            start.append(at)
            at += len(part)
            end.append(at)
            at += 2  # the comma and the blank
            dip = generator.normal(mean, spread)
            delta.append(math.nan if place == 0 else dip)
            said = []
            for _ in range(process.n_raters):
                slips = generator.random() < process.slip
                is_unsure = generator.random() < process.unsure
                said.append("unsure" if is_unsure else "hallucinated" if false != slips else "supported")
            verdicts.append(tuple(said))
    return UnitTable(
        item=np.array(item, dtype=np.int64),
        image=tuple(table.images[number] for number in item),
        start=np.array(start, dtype=np.int64),
        end=np.array(end, dtype=np.int64),
        delta=np.array(delta),
        verdicts=tuple(verdicts),
        raters=(tuple(range(process.n_raters)),) * len(item),
        n_stale=0,
    )


def _battles(process: Process, metrics, generator: np.random.Generator) -> BattleTable:
    n_systems = len(process.systems)
    pairs = [(a, b) for a in range(n_systems) for b in range(n_systems) if a < b]
    rows = []
    for number in range(process.n_images):
        for at in generator.permutation(len(pairs))[: process.battles_per_image]:
            a, b = pairs[at] if generator.random() < 0.5 else pairs[at][::-1]
            beats = 1 / (1 + math.exp(process.strengths[b] - process.strengths[a]))
            # A tie takes as much from either side, so that wins and half ties have the chance of the model.
            tie = process.tied * min(beats, 1 - beats)
            lot = generator.random()
            winner = "tie" if lot < tie else "a" if lot < tie / 2 + beats else "b"
            rater = generator.integers(process.n_raters)
            rows.append((number, a, b, winner, bool(generator.random() < process.both_poor), int(rater)))
    first = np.array([number * n_systems + a for number, a, *_ in rows], dtype=np.int64)
    second = np.array([number * n_systems + b for number, _, b, *_ in rows], dtype=np.int64)
    return BattleTable(
        image=tuple(f"image-{row[0]:05}" for row in rows),
        first=tuple(f"caption-{number:05}" for number in first),
        second=tuple(f"caption-{number:05}" for number in second),
        first_system=tuple(process.systems[row[1]] for row in rows),
        second_system=tuple(process.systems[row[2]] for row in rows),
        winner=tuple(row[3] for row in rows),
        both_poor=tuple(row[4] for row in rows),
        rater=tuple(f"rater-{row[5]}" for row in rows),
        first_scores={name: scores[first] for name, scores in metrics.items()},
        second_scores={name: scores[second] for name, scores in metrics.items()},
    )


def without_scores(table: AnalysisTable, name: str, rows) -> AnalysisTable:
    """Take scores of some items away from a metric."""
    scores = table.metrics[name].copy()
    scores[rows] = np.nan
    return replace(table, metrics={**table.metrics, name: scores})
