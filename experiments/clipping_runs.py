"""The answers to the two open questions on clipping (clause C7), as far as they take too long for a lesson.

Run it as `python -m experiments.clipping_runs`: three minutes on one core; it writes clipping_runs.npz beside
it. What is run stands in `stability_ref.clipping_trials`, the seeds are 0 to 4.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments.provenance import code_hash
from stability_ref import clipping_trials
from stability_ref.clipping_trials import Outcome

HERE = Path(__file__).resolve().parent
STORED = HERE / "clipping_runs.npz"
SEEDS = range(5)


def make(on_part: Callable[[], Any] = lambda: None) -> tuple[list[Outcome], list[Outcome]]:
    """The outcomes on clipping in warmup, and those on an adaptive threshold, in a fixed order."""
    in_warmup, adaptive = [], []
    for name, rates in clipping_trials.WARMUP_RATES.items():
        in_warmup += clipping_trials.in_warmup(SEEDS, {name: rates})
        on_part()
    for name in clipping_trials.CASES:
        adaptive += clipping_trials.adaptive(SEEDS, [name])
        on_part()
    return in_warmup, adaptive


def save(in_warmup: list[Outcome], adaptive: list[Outcome]) -> None:
    """One compressed file: what the outcomes are of as JSON, what was measured as arrays."""
    every = [*in_warmup, *adaptive]
    np.savez_compressed(
        STORED,
        labels=json.dumps([(one.net, one.way, one.rate) for one in every]),
        in_warmup=len(in_warmup),
        measured=np.array([(one.test_error, one.peak, one.clipped) for one in every], dtype=np.float32),
        code=code_hash(__file__),
    )


def load() -> tuple[list[Outcome], list[Outcome]]:
    """The stored outcomes on both questions; ValueError if the code that made them has changed since."""
    with np.load(STORED) as stored:
        if str(stored["code"]) != code_hash(__file__):
            raise ValueError(f"{STORED.name} is stale: run python -m experiments.clipping_runs")
        labels, first = json.loads(str(stored["labels"])), int(stored["in_warmup"])
        every = [Outcome(*label, *arrays) for label, arrays in zip(labels, stored["measured"], strict=True)]
    return every[:first], every[first:]


def main() -> None:
    """Make all of it and store it."""
    with tqdm(total=len(clipping_trials.WARMUP_RATES) + len(clipping_trials.CASES), unit="net") as bar:
        save(*make(bar.update))


if __name__ == "__main__":
    main()
