"""The measured set-ups of lesson 07: what the batch size does to validation error, and what tuning undoes.

One small net with SGD at a constant rate. What the playbook calls validation is the test set of 597 images
here; rates and penalties are tuned on the same images that are reported. Shapes: S seeds, B batch sizes,
R rates, P penalties.

Source: playbook B1–B5; Shallue et al. 2018, "Measuring the Effects of Data Parallelism on Neural Network
Training".
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import require, whole_number
from stability_ref.problems import DigitsProblem
from stability_ref.schedules import constant, cosine
from stability_ref.training import OnStep, Record, train_all

Array = np.ndarray
EXAMPLES = 1024  # of the 1200: every batch size divides it, so that no epoch drops a remainder
BATCH_SIZES = tuple(2**k for k in range(1, 11))  # 2 … 1024, the last one all examples at once
RATES = 2.0 ** np.arange(-6, 3)  # a factor 2 apart: at 4 no batch size trains
FIXED_RATE = 0.25  # the best of RATES at batch size 8, kept for all other batch sizes
EPOCHS = 8  # the same for all batch sizes: 4096 steps of 2 images, 8 steps of 1024
STEPS = 256  # with more steps: no run has fewer
TARGET = 0.04  # a validation error of 4 %: about twice what the best runs end with

WRONG = 0.2  # of the training labels, where overfitting must be real
NOISY_BATCH_SIZES = tuple(2**k for k in range(3, 11))  # 8 … 1024: smaller ones diverge at that rate
NOISY_RATE, NOISY_STEPS = 0.5, 2000
PENALTIES = (0.0, *(2.0**k for k in range(-10, -2)))


class Sweep(NamedTuple):
    """What came of every rate at every batch size, each of shape (S, B, R)."""

    equal_epochs: Array  # validation error after EPOCHS epochs
    enough_steps: Array  # validation error after as many epochs, but STEPS steps at least
    steps_to_target: Array  # steps until the validation error is first at TARGET or below; inf: never


def net(batch_size: int) -> DigitsProblem:
    """One hidden layer of 32 ReLUs on 1024 digits."""
    return DigitsProblem("feedforward", blocks=0, batch_size=batch_size, examples=EXAMPLES, dtype=np.float64)


def steps_of(batch_size: int) -> int:
    """The length of a run: EPOCHS epochs, or STEPS steps where that is more (playbook B4).

    Example:
        >>> steps_of(2), steps_of(32), steps_of(1024)
        (4096, 256, 256)
    """
    return max(_epochs_in_steps(batch_size), STEPS)


def resolution(batch_size: int) -> int:
    """The steps between evaluations: 64 images, or one step where that is more.

    So a count of steps to the target is too high by less than that, at most a tenth of what is measured.
    """
    return max(1, 64 // batch_size)


def train(
    batch_size: int, rates: Any, seeds: Sequence[int], on_step: OnStep | None = None, steps: int | None = None
) -> Record:
    """The net with SGD at these constant rates, evaluated as often as the steps to the target need it.

    Args:
        batch_size: one of BATCH_SIZES.
        rates: a learning rate, or R of them.
        seeds: whole numbers, each once.
        on_step: as in `training.run`.
        steps: of each run; `steps_of(batch_size)` by default.

    Raises:
        KeyboardInterrupt: if it was stopped.
    """
    _one_of("batch_size", batch_size, BATCH_SIZES)
    steps = steps or steps_of(batch_size)
    every = resolution(batch_size)
    return train_all(
        net(batch_size), constant(rates), steps, seeds, on_step, rule="sgd", evaluate_every=every
    )


def error_after(record: Record, steps: int) -> Array:
    """The validation error after so many steps, which must be among those evaluated: (S, R)."""
    place = np.flatnonzero(record.evaluated_at == steps)
    require(place.size, "steps", "one of the evaluated ones", steps)
    return record.test_error[..., place[0]]


def steps_to(record: Record, target: float) -> Array:
    """The first evaluated step count with a validation error of at most the target: (S, R), inf for never.

    Example:
        >>> import dataclasses
        >>> seen = train(64, 0.5, seeds=[0], steps=2)
        >>> seen = dataclasses.replace(seen, test_error=np.array([[[0.9, 0.03, 0.5]]]))
        >>> steps_to(seen, 0.04), steps_to(seen, 0.02)
        (array([[1.]]), array([[inf]]))
    """
    reached = record.test_error <= target
    return np.where(reached.any(axis=-1), record.evaluated_at[reached.argmax(axis=-1)], np.inf)


def measure(batch_size: int, seeds: Sequence[int], on_step: OnStep | None = None) -> Sweep:
    """All RATES at one batch size: a sweep with B = 1."""
    record = train(batch_size, RATES, seeds, on_step)
    seen = (
        error_after(record, _epochs_in_steps(batch_size)),
        record.final_test_error,
        steps_to(record, TARGET),
    )
    return Sweep(*(values[:, None] for values in seen))


def join(sweeps: Sequence[Sweep]) -> Sweep:
    """The sweeps of several batch sizes as one."""
    return Sweep(*(np.concatenate(values, axis=1) for values in zip(*sweeps, strict=True)))


def tuned(results: Array) -> Array:
    """For each batch size the place in RATES (or in PENALTIES) of the lowest median over seeds (playbook B2).

    Args:
        results: (S, B, R), of which less is better; inf has lost.

    Returns:
        (B,) whole numbers; of equal medians the first.

    Example:
        >>> tuned(np.array([[[0.3, 0.1], [0.2, np.inf]]]))
        array([1, 0])
    """
    return np.median(results, axis=0).argmin(axis=-1)


def chosen(results: Array, places: Array) -> Array:
    """The results of each batch size at its own rate: (S, B) of (S, B, R) and (B,)."""
    return np.take_along_axis(results, places[None, :, None], axis=-1)[..., 0]


def at_fixed_rate(results: Array) -> Array:
    """The results of every batch size at FIXED_RATE: (S, B) of (S, B, R) (playbook B1)."""
    return results[..., int(np.flatnonzero(RATES == FIXED_RATE)[0])]


def perfect_scaling(steps: float, batch_sizes: Sequence[int] = BATCH_SIZES) -> Array:
    """Steps if every doubling of the batch halved them, from those of the smallest batch size on: (B,).

    Example:
        >>> perfect_scaling(600, [2, 4, 8])
        array([600., 300., 150.])
    """
    return steps * batch_sizes[0] / np.array(batch_sizes)


def bend(steps: Array, batch_sizes: Sequence[int] = BATCH_SIZES) -> int:
    """The largest batch size until which steps are at most 1.5 times those of perfect scaling (playbook B4).

    Ours: the bend is smooth, and where it begins is a matter of the factor.

    Example:
        >>> bend(np.array([600, 310, 200, 190]), [2, 4, 8, 16])
        8
    """
    too_many = ~(steps <= 1.5 * perfect_scaling(steps[0], batch_sizes))  # NaN is too many
    return int(batch_sizes[int(too_many.argmax()) - 1])  # the first place never counts: -1 is the last


def gradient_noise(batch_size: int, seeds: Sequence[int]) -> Array:
    """How far a batch's gradient is from that of all examples at θ_0: the mean of |g_B − g|², (S,) (B3).

    The mean is over the batches of 16 epochs.
    """
    of_batches, of_all = net(batch_size), net(EXAMPLES)
    means = []
    for seed in seeds:
        theta = of_all.initial(seed)[None]
        _, full = of_all.loss_and_gradient(theta, of_all.batches(seed, 1))
        batches = of_batches.batches(seed, 16 * EXAMPLES // batch_size)
        gradients = [of_batches.loss_and_gradient(theta, rows[None])[1] for rows in batches]
        means.append(((np.array(gradients) - full) ** 2).sum(axis=-1).mean())
    return np.array(means)


class MislabelledDigits(DigitsProblem):
    """The digits with a share of wrong training labels, so that to learn them by heart does harm (B3).

    The same labels are wrong for every seed; the test labels stay right.

    Args:
        wrong: the share of the training labels that are replaced by another digit, from 0 to 1.
        options: further arguments of `DigitsProblem`.

    Raises:
        ValueError: naming the argument that is wrong.
    """

    def __init__(self, wrong: float, **options: Any):
        super().__init__(**options)
        require(0 <= wrong <= 1, "wrong", "a share from 0 to 1", wrong)
        rng = np.random.default_rng(7)
        places = rng.permutation(self.examples)[: round(wrong * self.examples)]
        shifts = rng.integers(1, 10, len(places))
        self._targets = self._targets.copy()
        for place, shift in zip(places, shifts, strict=True):
            self._targets[place] = np.roll(self._targets[place], shift)


def train_noisy(batch_size: int, l2: float, seeds: Sequence[int], on_step: OnStep | None = None) -> Record:
    """2000 steps of SGD on mislabelled digits, a hidden layer of 16, cosine from one rate for all (B3).

    Equal steps, not equal epochs: from one θ the mean step of every batch size is the same, and only the
    noise about it differs.
    """
    _one_of("batch_size", batch_size, NOISY_BATCH_SIZES)
    problem = MislabelledDigits(
        WRONG,
        block="feedforward",
        blocks=0,
        width=16,
        l2=l2,
        batch_size=batch_size,
        examples=EXAMPLES,
        dtype=np.float64,
    )
    return train_all(problem, cosine(NOISY_RATE, NOISY_STEPS), NOISY_STEPS, seeds, on_step, rule="sgd")


def regularised(batch_size: int, seeds: Sequence[int], on_step: OnStep | None = None) -> Array:
    """The final validation error with each of PENALTIES at one batch size: (S, 1, P)."""
    records = [train_noisy(batch_size, l2, seeds, on_step) for l2 in PENALTIES]
    return np.stack([record.final_test_error for record in records], axis=-1)


def _epochs_in_steps(batch_size: int) -> int:
    return EPOCHS * EXAMPLES // batch_size


def _one_of(argument: str, value: Any, allowed: Sequence[int]) -> None:
    require(whole_number(argument, value, 1) in allowed, argument, f"one of {list(allowed)}", value)
