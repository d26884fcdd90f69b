"""Cut captions in several processes, in order."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from specs_core.errors import ConfigError
from specs_core.segmentation.units import DetailUnit

_Cut = list[tuple[DetailUnit, ...]]


def cut_in_processes(
    captions: Iterable[str], *, segmenter: str, batch_size: int, pipeline: str | None, processes: int
) -> Iterator[tuple[DetailUnit, ...]]:
    """Cut captions into detail units in several processes.

    Each process loads the pipeline once, which takes a few seconds. At most three batches a process are read
    ahead, so the captions may be a stream.

    Args:
        captions: captions that are not empty.
        segmenter: one of `SEGMENTERS`.
        batch_size: captions that a process gets at a time.
        pipeline: as in `segment`.
        processes: how many.

    Yields:
        The units of each caption, in the order of the captions.

    Raises:
        ConfigError: the pipeline cannot be loaded, or a process was killed.
    """
    waiting: deque[Future[_Cut]] = deque()
    source = iter(captions)
    # Forked children would inherit the locks of whatever threads torch has started.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_use_one_thread)
    try:
        while True:
            while len(waiting) < 3 * processes and (batch := list(islice(source, batch_size))):
                waiting.append(pool.submit(_cut, batch, segmenter, pipeline))
            if not waiting:
                return
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ConfigError(
            f"one of {processes} processes that cut captions was killed, probably for want of memory: "
            "try fewer processes"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _use_one_thread() -> None:
    # Read when numpy is first loaded, with the pipeline: the threads of several processes would only fight
    # over the same processors.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _cut(batch: list[str], segmenter: str, pipeline: str | None) -> _Cut:
    from specs_core.segmentation import segment_many

    return list(segment_many(batch, segmenter=segmenter, batch_size=len(batch), pipeline=pipeline))
