"""Stored scores as columns, a name for each: which belong to the chosen weights, and which to no weights.

A row of ``scores`` names a metric and a SHA-256. It is that of a model's weights where rows with ``specs`` or
``cosine`` have it too, and otherwise that of a text, the name of a library and its settings for example. Of
the scores of weights only those of the chosen ones become columns; all others do. Names do not depend on what
of the ratings is chosen.
"""

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Select, bindparam, select

from annotations.analysis.chosen_ratings import Flags
from annotations.analysis.table import SENTINELS, Provenance, Weights
from annotations.analysis.wide_queries import read_columns
from annotations.resampling import Counts, Floats
from annotations.schema import scores
from annotations.scores import COSINE, MAIN_METRIC

_OF_WEIGHTS: Final = (MAIN_METRIC, COSINE)
_LONGEST_MODEL: Final = 40
_SEED: Final = "random, seed 0"

RANDOM: Final = Provenance(_SEED, hashlib.sha256(_SEED.encode()).hexdigest())
"""Where the numbers of `random_score` are from."""

_ANY_MODEL: Final = (
    select(scores.c.model)
    .where(scores.c.metric == bindparam("metric"), scores.c.model_sha256 == bindparam("sha256"))
    .limit(1)
)
_MODEL: Final = _ANY_MODEL.where(scores.c.item_id == bindparam("item"))

Source = tuple[str, str]
"""A metric and a SHA-256."""


@dataclass(frozen=True, eq=False)
class ScoreRows:
    """Stored scores of items, K rows.

    Attributes:
        sources: Every source of the database with the name of its model.
        source: (K,) numbers of the sources.
        item: (K,) numbers of the items.
        score: (K,) what the metric reports.
        similarity: (K,) the cosine behind it; NaN where there is none.
    """

    sources: Mapping[Source, str]
    source: Counts
    item: Counts
    score: Floats
    similarity: Floats

    def only(self, places: Counts) -> "ScoreRows":
        """Return the scores of some of the items, numbered anew.

        Args:
            places: (N,) the new number of each item, or -1 for those that are left out.
        """
        item = places[self.item]
        kept = item >= 0
        return ScoreRows(self.sources, self.source[kept], item[kept], self.score[kept], self.similarity[kept])

    def joined(self, new: "ScoreRows") -> "ScoreRows":
        """Return these scores and others of the same sources.

        Args:
            new: The others, of items that have numbers among these.
        """
        return ScoreRows(
            self.sources,
            np.concatenate([self.source, new.source]),
            np.concatenate([self.item, new.item]),
            np.concatenate([self.score, new.score]),
            np.concatenate([self.similarity, new.similarity]),
        )

    def column(self, source: Source, n_items: int) -> Floats:
        """Return (N,) the scores of one source; NaN where an item has none."""
        if source not in self.sources:
            return np.full(n_items, math.nan)
        mine = self.source == list(self.sources).index(source)
        return _spread(self.item[mine], self.score[mine], n_items)

    @property
    def weights(self) -> frozenset[str]:
        """SHA-256 of the weights of models, the others being those of texts."""
        return frozenset(sha256 for metric, sha256 in self.sources if metric in _OF_WEIGHTS)


def read_scores(
    connection: Connection, places: Mapping[str, int], wanted: Select[Any] | Sequence[str]
) -> ScoreRows:
    """Read the scores of items, in an open transaction.

    Args:
        connection: From `annotations.engine.reading`.
        places: The number of each item by its id; scores of others are left out.
        wanted: The ids of these items, and of few others, or what selects them.

    Returns:
        The scores.
    """
    pairs = connection.execute(select(scores.c.metric, scores.c.model_sha256).distinct())
    number_of = {pair: number for number, pair in enumerate(sorted(tuple(pair) for pair in pairs))}
    item_ids, metrics, sha256s, values, similarities = read_columns(
        connection,
        select(
            scores.c.item_id, scores.c.metric, scores.c.model_sha256, scores.c.score, scores.c.similarity
        ).where(scores.c.item_id.in_(wanted)),
    )
    item = np.array([places.get(item_id, -1) for item_id in item_ids], dtype=np.int64)
    kept = item >= 0
    source = np.array([number_of[pair] for pair in zip(metrics, sha256s, strict=True)], dtype=np.int64)
    score, similarity = (np.array(column, dtype=np.float64) for column in (values, similarities))
    # The name of a model is as long as a sentence, and is read once a source and not once a score.
    item_of = {
        (metrics[row], sha256s[row]): item_ids[row]
        for row in np.unique(source, return_index=True)[1].tolist()
    }
    models = {}
    for metric, sha256 in number_of:
        key = {"metric": metric, "sha256": sha256}
        # Sources that no item here has count as well: they tell the names of the others apart.
        if item_id := item_of.get((metric, sha256)):
            found = connection.execute(_MODEL, {**key, "item": item_id})
        else:
            found = connection.execute(_ANY_MODEL, key)
        models[metric, sha256] = found.scalar_one()
    return ScoreRows(models, source[kept], item[kept], score[kept], similarity[kept])


def weights_to_choose(rows: ScoreRows, kept: Flags) -> tuple[Weights, ...]:
    """List the weights that have scored items, those with the most first.

    Args:
        rows: The scores.
        kept: (N,) which items count.
    """
    found = []
    for sha256 in rows.weights:
        numbers = [n for n, source in enumerate(rows.sources) if source in _pairs(sha256)]
        scored = np.zeros(len(kept), dtype=np.bool_)
        scored[rows.item[np.isin(rows.source, numbers)]] = True
        captions = int(np.count_nonzero(scored & kept))
        model = next(rows.sources[pair] for pair in _pairs(sha256) if pair in rows.sources)
        if captions:
            found.append(Weights(model, sha256, captions))
    return tuple(sorted(found, key=lambda one: (-one.captions, one.model, one.sha256)))


def chosen_weights(models: Sequence[Weights], sha256: str | None) -> Weights | None:
    """Return the weights that are asked for, otherwise those that come first, or None where there are none.

    Args:
        models: From `weights_to_choose`.
        sha256: Of the weights that are asked for, or None.
    """
    return next((one for one in models if one.sha256 == sha256), models[0] if models else None)


def _pairs(sha256: str) -> list[Source]:
    return [(metric, sha256) for metric in _OF_WEIGHTS]


def metric_columns(
    rows: ScoreRows, sha256: str, drawn: Floats, unit_counts: Floats
) -> tuple[dict[str, Floats], dict[str, Provenance]]:
    """Make a column of each metric: the chosen weights' first, then the others, and the sentinels last.

    A name that has several sources stays with weights, if any have it, and the others are told apart by the
    model behind the name, whatever weights are chosen. `random` is computed from the id of an item where none
    is stored, and a stored `unit_count` stands where a caption is not cut.

    Args:
        rows: The scores.
        sha256: Of the chosen weights, or "".
        drawn: (N,) what `random_score` gives for the id of each item.
        unit_counts: (N,) how many units each caption has; NaN where it is not cut.

    Returns:
        By name, (N,) scores, NaN where an item has none, without metrics that no item has; and where each is
        from.
    """
    names, n_items = _names(rows, sha256), len(drawn)
    order = np.argsort(rows.source, kind="stable")
    ends = np.searchsorted(rows.source[order], np.arange(len(rows.sources) + 1))
    metrics: dict[str, Floats] = {}
    provenance: dict[str, Provenance] = {}
    similarity = np.full(n_items, math.nan)
    for number, (source, model) in enumerate(rows.sources.items()):
        mine = order[ends[number] : ends[number + 1]]
        if source not in names or not len(mine):
            continue
        metrics[names[source]] = _spread(rows.item[mine], rows.score[mine], n_items)
        provenance[names[source]] = Provenance(model, source[1], source[0])
        if source == (MAIN_METRIC, sha256):
            similarity = _spread(rows.item[mine], rows.similarity[mine], n_items)
    if sha256:
        own = metrics.get(COSINE, np.full(n_items, math.nan))
        metrics[COSINE] = np.where(np.isnan(own), similarity, own)
        behind = provenance.get(MAIN_METRIC, Provenance("", sha256))
        provenance.setdefault(COSINE, replace(behind, metric=COSINE))
    stored = metrics.get("unit_count", np.full(n_items, math.nan))
    metrics["unit_count"] = np.where(np.isnan(unit_counts), stored, unit_counts)
    provenance["unit_count"] = Provenance("the stored units", "")
    stored = metrics.get("random", np.full(n_items, math.nan))
    metrics["random"] = np.where(np.isnan(stored), drawn, stored)
    provenance.setdefault("random", RANDOM)
    present = [name for name, values in metrics.items() if not np.isnan(values).all()]
    theirs = {names[source] for source in names if source[1] == sha256} | {COSINE}
    present.sort(key=lambda name: (_rank(name, name in theirs), name))
    return {name: metrics[name] for name in present}, {name: provenance[name] for name in present}


def _rank(name: str, is_of_weights: bool) -> int:
    if name in SENTINELS:
        return 10 + SENTINELS.index(name)
    if is_of_weights:
        return _OF_WEIGHTS.index(name) if name in _OF_WEIGHTS else len(_OF_WEIGHTS)
    return 9


def _names(rows: ScoreRows, sha256: str) -> dict[Source, str]:
    """Give each source that becomes a column a name of its own."""
    names = {source: source[0] for source in rows.sources if source[1] == sha256}
    taken = {metric for metric, of in rows.sources if of in rows.weights} | (
        {COSINE} if rows.weights else set()
    )
    others = defaultdict(list)
    for source in rows.sources:
        if source[1] != sha256 and source[1] not in rows.weights:
            others[source[0]].append(source)
    for metric, sources in others.items():
        if len(sources) == 1 and metric not in taken:
            names[sources[0]] = metric
            continue
        labels = [_shortened(rows.sources[source]) for source in sources]
        for source, label in zip(sources, labels, strict=True):
            mark = f", {source[1][:8]}" if labels.count(label) > 1 else ""
            names[source] = f"{metric} ({label}{mark})"
    return names


def _shortened(model: str) -> str:
    return model if len(model) <= _LONGEST_MODEL else f"{model[: _LONGEST_MODEL - 1].rstrip()}…"


def _spread(item: Counts, values: Floats, n_items: int) -> Floats:
    column = np.full(n_items, math.nan)
    column[item] = values
    return column


def random_score(item_id: str) -> float:
    """Compute a number in [0, 1) from the id of an item, uniform over ids.

    Returns:
        The first 53 bits of the SHA-256 of ``0 "ID"``, as a fraction; `specs metrics` computes the same.

    Source:
        ours: docs/metrics.md, "Sentinels".
    """
    digest = hashlib.sha256(f"0 {json.dumps(item_id)}".encode()).digest()
    return float((int.from_bytes(digest[:8]) >> 11) / 2**53)
