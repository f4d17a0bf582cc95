"""The sweeps behind lesson 07: ten batch sizes by nine rates, and eight batch sizes by nine L2 penalties.

Run it as `python -m experiments.batch_runs`: four minutes on one core; it writes batch_runs.npz beside it.
What is run stands in `stability_ref.batch_recipes`, the seeds are 0 to 9. If it is stopped, the next run goes
on where it was: what is finished waits in batch_runs.partial.npz.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments.provenance import code_hash
from stability_ref import batch_recipes
from stability_ref.batch_recipes import BATCH_SIZES, NOISY_BATCH_SIZES, Sweep

HERE = Path(__file__).resolve().parent
STORED, PARTIAL = HERE / "batch_runs.npz", HERE / "batch_runs.partial.npz"
SEEDS = range(10)
Part = Callable[[], dict[str, np.ndarray]]


def parts() -> dict[str, Part]:
    """What is to be made, in parts that are finished one by one: each gives its arrays by name."""
    rates = {f"rates {size}": lambda size=size: _rates(size) for size in BATCH_SIZES}
    penalties = {f"penalties {size}": lambda size=size: _penalties(size) for size in NOISY_BATCH_SIZES}
    return {**rates, **penalties}


def _rates(batch_size: int) -> dict[str, np.ndarray]:
    sweep = batch_recipes.measure(batch_size, SEEDS)
    return {f"{name} {batch_size}": value for name, value in sweep._asdict().items()}


def _penalties(batch_size: int) -> dict[str, np.ndarray]:
    return {f"regularised {batch_size}": batch_recipes.regularised(batch_size, SEEDS)}


def load() -> tuple[Sweep, np.ndarray]:
    """The stored sweep over rates, and the validation errors (S, B, P) of that over penalties.

    ValueError if the code that made them has changed since.
    """
    stored = _read(STORED)
    if str(stored["code"]) != code_hash(__file__):
        raise ValueError(f"{STORED.name} is stale: run python -m experiments.batch_runs")
    sweeps = [Sweep(*(stored[f"{name} {size}"] for name in Sweep._fields)) for size in BATCH_SIZES]
    errors = [stored[f"regularised {size}"] for size in NOISY_BATCH_SIZES]
    return batch_recipes.join(sweeps), np.concatenate(errors, axis=1)


def main() -> None:
    """Make all of it and store it; what an earlier run of the same code has finished is not made again."""
    made = _read(PARTIAL) if PARTIAL.exists() else {}
    if str(made.get("code")) != code_hash(__file__):
        made = {"code": np.array(code_hash(__file__)), "done": np.array([], dtype=str)}
    for name, part in tqdm(parts().items(), unit="batch size"):
        if name not in made["done"]:
            made |= part()
            made["done"] = np.append(made["done"], name)
            np.savez_compressed(PARTIAL, **made)
    del made["done"]
    np.savez_compressed(STORED, **made)
    PARTIAL.unlink()


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return dict(stored)


if __name__ == "__main__":
    main()
