"""The set-ups of lesson 05: where the sharpness goes, and what a raised rate does to it (playbook E).

One small tanh network, all of its 200 images at every step. Lesson and tests take the runs from here, so that
what a caption claims is tested on what its figure shows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import require
from stability_ref.problems import DigitsProblem
from stability_ref.schedules import Schedule, constant, prepend_warmup
from stability_ref.sharpness import Sharpness, along_run
from stability_ref.training import OnStep, Record, train_all

Array = np.ndarray
EXAMPLES = 200
GAIN = 0.2  # small first weights: the sharpness starts low, and there is something to rise
STEPS, EVERY = 600, 10
LATE = 0.25  # the share of a run, at its end, over which "late" is taken
TOLERANCE = 1e-3  # of a sharpness in these runs: far below what hovering means


class Setting(NamedTuple):
    """A curve family of Figure E: the rule's rates, and its constants where they are not the defaults."""

    rates: tuple[float, ...]
    constants: Mapping[str, float]


SETTINGS = {
    "sgd": Setting((0.25, 0.35, 0.45), {}),
    "momentum": Setting((0.3, 0.5), {"gamma": 0.5}),
    "nesterov": Setting((0.2, 0.35), {"gamma": 0.5}),
    "rmsprop": Setting((0.002, 0.005), {"rho": 0.95}),
    "adam": Setting((0.005, 0.01), {}),
    "nadam": Setting((0.002, 0.005), {}),
}

RAISED_FROM, RAISED_AT, RAISED_STEPS, RAISED_EVERY = 0.25, 150, 300, 3
FACTOR, TOO_FAR = 2.0, 4.0  # half the edge; and between the two survival depends on the last digit

STEEP_GAIN, STEEP_HEAD_GAIN = 1.5, 2.0  # large first weights: the sharpness starts ten times too high
FULL_RATE = 0.7
WARMUPS = (0, 5, 20, 100)
AFTER_WARMUP = 200  # so that a warmup of 100 is a third of the run: far more than the playbook's 10 % (W4)
SHORT, LONG = 20, 100  # the two warmups whose sharpness is measured
TRAINED = 0.2  # a test error below this: the net has learnt the digits

BATCH_SIZES = (8, 20, 50, 100, EXAMPLES)
BATCH_RATE, BATCH_STEPS, BATCH_EVERY = 0.3, 600, 30
MOMENTUM_RATES = (0.1, 0.2, 0.4, 0.6)  # with γ = 0.9


def net(
    gain: float = GAIN,
    head_gain: float = 1.0,
    batch_size: int | None = None,
    loss: str = "squared_error",
) -> DigitsProblem:
    """A tanh network 64-32-32-10 with the squared error on 200 digits, all of them at every step.

    The squared error, because with cross-entropy the sharpness falls as soon as the digits are learnt, see
    `cross_entropy`. Tanh, because its Hessian is smooth.

    Args:
        gain: multiplies the initial weights of all layers but the head.
        head_gain: multiplies those of the head.
        batch_size: images in a batch; None is gradient descent, on all 200.
        loss: squared_error or cross_entropy.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> net().size
        3466
    """
    return DigitsProblem(
        "feedforward",
        blocks=1,
        width=32,
        activation="tanh",
        loss=loss,
        gain=gain,
        head_gain=head_gain,
        batch_size=batch_size,
        examples=EXAMPLES,
        dtype=np.float64,
    )


def figure_e(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, Sharpness]:
    """The six rules at the rates of `SETTINGS`, the sharpness every ten steps (playbook E).

    Args:
        seeds: whole numbers, each once.
        on_step: see `training.run`.

    Returns:
        What was measured, by the names of the rules.

    Raises:
        KeyboardInterrupt: if it was stopped before the last step.
    """
    return {
        rule: _measured(net(), rule, constant(np.array(rates)), STEPS, seeds, on_step, constants=constants)
        for rule, (rates, constants) in SETTINGS.items()
    }


def ratio(measured: Sharpness) -> Array:
    """The sharpness divided by the edge of its step, (S, R, M): at 1 it stands on the edge (playbook E).

    Where the rate is 0 the edge is infinite and the ratio 0.
    """
    return np.asarray(measured.value / measured.edge)


def late_ratio(measured: Sharpness) -> Array:
    """The median of `ratio` over the last quarter of the run, (S, R); a run that diverged has NaN."""
    points = max(1, round(LATE * len(measured.at)))
    late = np.median(ratio(measured)[..., -points:], axis=-1)
    return np.where(diverged(measured.record), np.nan, late)


def diverged(record: Record) -> Array:
    """Whether a run ended with a higher loss than it began with, or with none, (S, R) (ours)."""
    return ~(record.loss[..., -1] < record.loss[..., 0])


def raised(
    seeds: Sequence[int],
    factor: float = FACTOR,
    rate: float = RAISED_FROM,
    on_step: OnStep | None = None,
) -> Sharpness:
    """Gradient descent whose rate is multiplied by the factor at step 150 of 300: the catapult (playbook E).

    A run that on_step stops comes back as it is, for sliders.

    Raises:
        ValueError: if factor or rate is not above 0.
    """
    for name, value in {"factor": factor, "rate": rate}.items():
        require(value > 0, name, "above 0", value)
    return along_run(
        net(),
        "sgd",
        lambda t: np.where(np.asarray(t) < RAISED_AT, rate, factor * rate),
        RAISED_STEPS,
        every=RAISED_EVERY,
        seeds=seeds,
        tolerance=TOLERANCE,
        on_step=on_step,
    )


class Catapult(NamedTuple):
    """What raising the rate did, one number for each seed, (S,)."""

    before: Array  # the sharpness that meets the raised rate, divided by the new edge
    jump: Array  # the highest loss afterwards, divided by the last one before
    lowest: Array  # the lowest sharpness afterwards, divided by the new edge
    end: Array  # the last loss, divided by the last one before the rate was raised


def catapult(measured: Sharpness) -> Catapult:
    """The four numbers of a run of `raised`; where it diverged jump and end are inf and lowest is NaN."""
    loss = measured.record.loss[:, 0]
    after = measured.at > RAISED_AT
    ratios = measured.value[:, 0] / measured.edge[:, 0, -1:]
    last, rest = loss[:, RAISED_AT - 1], loss[:, RAISED_AT:]
    lost = diverged(measured.record)[:, 0]
    jump = np.where(lost, np.inf, rest.max(axis=-1) / last)
    lowest = np.where(lost, np.nan, ratios[:, after].min(axis=-1))
    end = np.where(lost, np.inf, loss[:, -1] / last)
    return Catapult(ratios[:, ~after][:, -1], jump, lowest, end)


def steep_net() -> DigitsProblem:
    """The same network with large first weights: its sharpness starts at ten times the full rate's edge."""
    return net(STEEP_GAIN, STEEP_HEAD_GAIN)


def warmups(seeds: Sequence[int], on_step: OnStep | None = None) -> Record:
    """Gradient descent on the steep net at the full rate: a setting for each of `WARMUPS` (playbook E, W4).

    All runs are equally long. Raises as `figure_e`.
    """
    lengths = np.array(WARMUPS)
    schedule = prepend_warmup(constant(np.full(lengths.shape, FULL_RATE)), lengths)
    return train_all(steep_net(), schedule, LONG + AFTER_WARMUP, seeds, on_step, rule="sgd")


def why_warmup_works(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[int, Sharpness]:
    """The steep net with the short and with the long warmup, by their steps, and the sharpness on the way.

    The points are so close that a warmup has twenty of them, and the run ends as much later. Raises as
    `figure_e`.
    """
    return {
        steps: _measured(
            steep_net(),
            "sgd",
            prepend_warmup(constant(FULL_RATE), steps),
            2 * steps,
            seeds,
            on_step,
            every=steps // SHORT,
        )
        for steps in (SHORT, LONG)
    }


def minibatches(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[int, Sharpness]:
    """One rate for each of `BATCH_SIZES`; the sharpness is that of all 200 images. Raises as `figure_e`."""
    return {
        size: _measured(
            net(batch_size=size),
            "sgd",
            constant(BATCH_RATE),
            BATCH_STEPS,
            seeds,
            on_step,
            every=BATCH_EVERY,
            rows=np.arange(EXAMPLES),
        )
        for size in BATCH_SIZES
    }


def large_momentum(seeds: Sequence[int], on_step: OnStep | None = None) -> Sharpness:
    """Momentum with γ = 0.9, a setting for each of `MOMENTUM_RATES`: the loss is gone too soon (playbook E).

    The sharpness rises while there is something to learn. Raises as `figure_e`.
    """
    return _measured(net(), "momentum", constant(np.array(MOMENTUM_RATES)), STEPS, seeds, on_step, every=30)


def cross_entropy(seeds: Sequence[int], on_step: OnStep | None = None) -> Sharpness:
    """Gradient descent at Figure E's lowest rate with the other loss: no edge is seen. Raises as `figure_e`.

    An answer that is nearly certain has hardly any curvature: the softmax's own Hessian vanishes with it.
    """
    rate = SETTINGS["sgd"].rates[0]
    return _measured(net(loss="cross_entropy"), "sgd", constant(rate), STEPS, seeds, on_step, every=30)


def _measured(
    problem: DigitsProblem,
    rule: str,
    schedule: Schedule,
    steps: int,
    seeds: Sequence[int],
    on_step: OnStep | None,
    *,
    every: int = EVERY,
    **options: Any,
) -> Sharpness:
    """`along_run` for a figure: nothing comes of a run that is stopped before its last step."""
    measured = along_run(
        problem,
        rule,
        schedule,
        steps,
        every=every,
        seeds=seeds,
        tolerance=TOLERANCE,
        on_step=on_step,
        **options,
    )
    if (measured.record.steps_done < steps).any():  # a figure of half a run would mislead
        raise KeyboardInterrupt("stopped before the figure's runs were complete")
    return measured
