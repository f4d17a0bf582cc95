"""What every fix and pair of fixes buys (clauses X1 to X6), as far as it takes too long for a lesson.

Run it as `python -m experiments.fix_runs`: three minutes on one core; it writes fix_runs.npz beside it. What
is run stands in `stability_ref.fixes_recipes`, the seeds are 0 to 4.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments.provenance import code_hash
from stability_ref import fixes_trials
from stability_ref.fixes_recipes import COMPARED, FIXES, FOR_X3, SICK
from stability_ref.fixes_trials import RATES, Outcome

HERE = Path(__file__).resolve().parent
STORED = HERE / "fix_runs.npz"
SEEDS = range(5)


def make(on_part: Callable[[], Any] = lambda: None) -> list[Outcome]:
    """Every network with every fix that applies, in a fixed order."""
    outcomes = []
    for nets, fixes in ((SICK, FIXES), (COMPARED, FOR_X3)):
        for net in nets:
            outcomes += fixes_trials.sweep_all(SEEDS, [net], fixes)
            on_part()
    return outcomes


def save(outcomes: list[Outcome]) -> None:
    """One compressed file: what the outcomes are of as JSON, what was measured as one array."""
    np.savez_compressed(
        STORED,
        labels=json.dumps([(one.net, one.fix) for one in outcomes]),
        rates=RATES,
        errors=np.array([(one.validation, one.test) for one in outcomes], dtype=np.float32),
        code=code_hash(__file__),
    )


def load() -> list[Outcome]:
    """The stored outcomes; ValueError if the code that made them has changed since."""
    with np.load(STORED) as stored:
        if str(stored["code"]) != code_hash(__file__):
            raise ValueError(f"{STORED.name} is stale: run python -m experiments.fix_runs")
        labels = json.loads(str(stored["labels"]))
        rates, errors = stored["rates"], stored["errors"]
    return [Outcome(*label, rates, *halves) for label, halves in zip(labels, errors, strict=True)]


def main() -> None:
    """Make all of it and store it."""
    with tqdm(total=len(SICK) + len(COMPARED), unit="net") as bar:
        save(make(bar.update))


if __name__ == "__main__":
    main()
