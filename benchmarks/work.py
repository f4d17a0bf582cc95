"""The work that every contender does: networks, trials, weights and batches, all equal."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from stability_ref.problems import DigitsProblem, load_digits
from stability_ref.schedules import constant
from stability_ref.training import Record, run

Array = np.ndarray
NETWORKS: dict[str, Callable[[], DigitsProblem]] = {
    "feedforward": lambda: DigitsProblem("feedforward", blocks=2, width=32, batch_size=32),
    "pre": lambda: DigitsProblem("pre", blocks=4, width=32, batch_size=32),
}
DESCRIPTIONS = {
    "feedforward": "input layer, two hidden layers and head, width 32",
    "pre": "four pre-norm residual blocks, width 32",
}
BATCH = 32
HIDDEN_LAYERS = 2  # of the feedforward network
RESIDUAL_BLOCKS = 4  # of the pre-norm network


class Trials(NamedTuple):
    """K = seeds x rates trials of one network with Adam, float32, batch 32."""

    network: str
    seeds: int
    rates: Array  # (R,)

    @property
    def size(self) -> int:
        return self.seeds * len(self.rates)

    def problem(self) -> DigitsProblem:
        return NETWORKS[self.network]()

    def initial(self) -> list[Array]:
        """Each weight of all seeds, stacked: (S, inputs, outputs) or (S, 1, features)."""
        problem = self.problem()
        return problem.network.weights(np.stack([problem.initial(s) for s in range(self.seeds)]))

    def batches(self, steps: int) -> Array:
        """The rows of the training images that each step of each seed sees, shape (S, T, 32)."""
        problem = self.problem()
        return np.stack([problem.batches(seed, steps) for seed in range(self.seeds)])


def trials(network: str, seeds: int, rates: int) -> Trials:
    """Rates from 1e-4 to 1e-2, where Adam trains both networks."""
    return Trials(network, seeds, np.geomspace(1e-4, 1e-2, rates, dtype=np.float32))


def images_and_labels() -> tuple[Array, Array]:
    """The training images in float32, shape (1200, 64), and their labels."""
    digits = load_digits()
    return digits.train_images.astype(np.float32), digits.train_labels


def ours(work: Trials, steps: int, problem: Any = None) -> Record:
    """The work as a reader of the course does it: `training.run`."""
    problem = problem or work.problem()
    return run(problem, "adam", constant(work.rates), steps, seeds=range(work.seeds))


def losses_of_ours(work: Trials, steps: int) -> Array:
    """The loss of every step, shape (S, R, T)."""
    return ours(work, steps).loss
