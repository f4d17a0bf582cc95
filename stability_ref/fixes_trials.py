"""The playbook's fixes X1 to X6 side by side, alone and in pairs, on the same sick networks.

What a fix is worth is measured twice: by the learning rates at which a network then trains, and by the test
error at the best of them. All runs are equally long: warmup takes its steps, a quarter of them and so far
more than the playbook's 10 % (W4), from the decay that follows. What comes out is plain data, `Outcome`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import finite_numbers, known, require
from stability_ref.clipping_trials import TRAINED, SpikedDigits
from stability_ref.schedules import Schedule, cosine, prepend_warmup
from stability_ref.training import OnStep, Record, run, train_all

Array = np.ndarray

STEPS, WARMUP = 200, 50
RATES = 2.0 ** np.arange(-13, 3)  # sixteen, for Momentum and for Adam alike
VALIDATION = 300  # of the 597 images that are not trained on; a rate is chosen by their errors
LOOSE = 30.0  # a first threshold that only cuts the first steps, to see the norms (lesson 04, C3)
ABOVE_TYPICAL = 2.0  # ours: a threshold "just above the typical norm" is twice that norm
PIXEL_SCALES = 10.0 ** np.random.default_rng(0).uniform(-2, 2, size=64)  # of the inputs out of scale


class HeldOutDigits(SpikedDigits):
    """The digits, their held-out images split in two: to choose a learning rate by, and to report.

    Args:
        spikes: the steps in which two images of the batch are far too bright, see `SpikedDigits`.
        input_scales: multiplies each of the 64 pixels; None leaves them as they are.
        options: further arguments of `DigitsProblem`.

    Raises:
        ValueError: naming the argument that is wrong.
    """

    def __init__(self, spikes: Sequence[int] = (), input_scales: Any = None, **options: Any):
        super().__init__(spikes, **options)
        if input_scales is not None:
            scales = finite_numbers("input_scales", input_scales).astype(self.dtype)
            require(scales.shape == (64,), "input_scales", "64 numbers, one a pixel", scales.shape)
            self._images, self._shown = self._images * scales, self._shown * scales
            self._test_images = self._test_images * scales

    def held_out_errors(self, theta: Array) -> Array:
        """The shares that θ, shape (..., n), gets wrong of the validation and of the test images, (2, ...)."""
        flat = theta.reshape(-1, self.size)
        wrong = []
        with np.errstate(all="ignore"):
            for trial in flat:
                logits = self.network.forward(trial, self._test_images)
                right = logits.argmax(axis=-1) == self._test_targets.argmax(axis=-1)
                wrong.append(~(right & np.isfinite(logits).all(axis=-1)))  # NaN classifies nothing
        halves = np.split(np.array(wrong), [VALIDATION], axis=-1)
        return np.array([half.mean(axis=-1) for half in halves]).reshape(2, *theta.shape[:-1])


class Sick(NamedTuple):
    """A network that is unstable at rates it could use, and what there is to be changed about it."""

    options: Mapping[str, Any]  # of HeldOutDigits
    threshold: float = LOOSE  # λ for X2, from `loose_threshold` over ten seeds
    usual_start: Mapping[str, Any] = {}  # X4: the options that undo a bad start, if it has one
    blocks: tuple[str, ...] = ()  # X4, X5: the other blocks that the sickness can be seen in


_LATE = tuple(range(60, STEPS, 5))  # the first comes after the warmup
SICK: dict[str, Sick] = {
    "no norm": Sick(
        {"block": "plain", "blocks": 12},
        threshold=8.5,
        usual_start={"gain": 0.35},
        blocks=("post", "resn", "pre", "rezero"),
    ),
    "post-norm": Sick(
        {"block": "post", "blocks": 8, "head_gain": 12},
        threshold=7.6,
        usual_start={"head_gain": 1},
        blocks=("plain", "resn", "pre", "rezero"),
    ),
    "bad batches": Sick(
        {"block": "plain", "blocks": 4, "gain": 0.5, "spikes": _LATE},
        threshold=2.1,
        blocks=("post", "resn", "pre", "rezero"),
    ),
    "sick twin": Sick(
        {"block": "pre", "blocks": 8, "batch_size": 64, "final_norm_gain": 4, "head_gain": 1 / 4},
        threshold=1.1,
        usual_start={"final_norm_gain": 1, "head_gain": 1},
        blocks=("resn",),
    ),
}
COMPARED: dict[str, Sick] = {  # for X3: where Adam is said to manage what Momentum cannot
    "16 blocks, no norm": Sick({"block": "plain", "blocks": 16}),
    "inputs out of scale": Sick(
        {"block": "pre", "blocks": 4, "input_scales": PIXEL_SCALES}, usual_start={"input_scales": None}
    ),
}


class Fix(NamedTuple):
    """What one of the playbook's fixes changes, or several of them together."""

    clause: str
    warmup: bool = False
    clip: bool = False
    rule: str = "momentum"
    block: str | None = None  # in place of the network's own
    usual_start: bool = False


ALONE = "lower rate only"
SINGLE: dict[str, Fix] = {
    "warmup": Fix("X1", warmup=True),
    "clipping": Fix("X2", clip=True),
    "Adam": Fix("X3", rule="adam"),
    "usual start": Fix("X4", usual_start=True),
    "post-norm": Fix("X4", block="post"),
    "norm removed": Fix("X4", block="plain"),
    "x + Norm(f(x))": Fix("X4", block="resn"),
    "pre-norm": Fix("X4", block="pre"),
    "ReZero": Fix("X5", block="rezero"),
    ALONE: Fix("X6"),
}
PAIRED = (
    ("warmup", "clipping"),
    ("warmup", "Adam"),
    ("clipping", "Adam"),
    ("warmup", "usual start"),
    ("warmup", "pre-norm"),
    ("clipping", "pre-norm"),
    ("Adam", "pre-norm"),
    ("warmup", "ReZero"),
    ("clipping", "ReZero"),
)


def together(first: str, second: str) -> Fix:
    """Two of SINGLE as one fix.

    Raises:
        ValueError: if one is unknown, or if both replace the block.

    Example:
        >>> together("warmup", "Adam")
        Fix(clause='X1, X3', warmup=True, clip=False, rule='adam', block=None, usual_start=False)
    """
    for name in (first, second):
        known("a fix", name, SINGLE)
    one, other = SINGLE[first], SINGLE[second]
    if first == second or second == ALONE:
        return one
    if first == ALONE:
        return other
    both_blocks = one.block is not None and other.block is not None
    require(not both_blocks, "a pair of fixes", "of at most one other block", f"{first} and {second}")
    return Fix(
        f"{one.clause}, {other.clause}",
        one.warmup or other.warmup,
        one.clip or other.clip,
        other.rule if one.rule == "momentum" else one.rule,
        one.block or other.block,
        one.usual_start or other.usual_start,
    )


PAIRS: dict[str, Fix] = {f"{first} + {second}": together(first, second) for first, second in PAIRED}
FIXES: dict[str, Fix] = SINGLE | PAIRS
FOR_X3 = (ALONE, "warmup", "Adam", "warmup + Adam", "usual start")


def applies(net: str, fix: Fix) -> bool:
    """Whether a fix changes anything about that network, and leaves its sickness to be fixed.

    Example:
        >>> applies("no norm", SINGLE["pre-norm"]), applies("sick twin", SINGLE["pre-norm"])
        (True, False)
    """
    sick = _sick(net)
    return (fix.block is None or fix.block in sick.blocks) and (
        not fix.usual_start or bool(sick.usual_start)
    )


class Outcome(NamedTuple):
    """What became of a network with a fix: errors of S seeds at R rates, 1 where a run ended in NaN."""

    net: str
    fix: str
    rates: Array  # (R,) rising
    validation: Array  # (S, R) error on the validation images
    test: Array  # (S, R) error on the test images

    @property
    def trains(self) -> Array:
        """(S, R) whether less than a fifth of the validation images is classified wrongly."""
        return self.validation < TRAINED

    @property
    def usable(self) -> Array:
        """(S, R) the rates from the lowest that trains up to the first that does not, without gaps (ours)."""
        started = np.logical_or.accumulate(self.trains, axis=-1)
        return np.logical_and.accumulate(self.trains | ~started, axis=-1) & started

    @property
    def highest(self) -> Array:
        """(S,) the largest usable rate, 0 where there is none."""
        return np.where(self.usable, self.rates, 0).max(axis=-1)

    @property
    def span(self) -> Array:
        """(S,) the highest usable rate over the lowest, 0 where there is none: it has no unit, so that the
        rates of two rules can be compared.
        """
        lowest = np.where(self.usable, self.rates, np.inf).min(axis=-1)
        return self.highest / lowest

    @property
    def best(self) -> int:
        """The place of the rate with the lowest median validation error, the first of equals (D1)."""
        return int(np.median(self.validation, axis=0).argmin())

    @property
    def best_errors(self) -> Array:
        """(S,) the test error of each seed at that one rate."""
        return self.test[:, self.best]


def sweep(
    net: str,
    fix: str | Fix,
    seeds: Sequence[int],
    on_step: OnStep | None = None,
    rates: Any = RATES,
) -> Outcome:
    """Train a sick network with a fix at every rate (playbook X1 to X6, D1).

    Args:
        net: a name in SICK or COMPARED.
        fix: a name in FIXES, or what `together` gives.
        seeds: S whole numbers, each once.
        on_step: as in `training.run`.
        rates: R base learning rates, rising.

    Returns:
        The outcome.

    Raises:
        ValueError: naming the argument that is wrong, or if the fix does not apply to the network.
        KeyboardInterrupt: if it is stopped.

    Example:
        >>> sweep("bad batches", "clipping", [0], rates=[1 / 64]).trains
        array([[ True]])
    """
    name, chosen = (fix, _fix(fix)) if isinstance(fix, str) else (fix.clause, fix)
    base = finite_numbers("rates", rates)
    require((np.diff(base) > 0).all(), "rates", "rising", rates)
    problem = problem_of(net, chosen)
    record = train_all(problem, _schedule(base, chosen), STEPS, seeds, on_step, **_options(net, chosen))
    return Outcome(net, name, base, *problem.held_out_errors(record.theta))


def sweep_all(
    seeds: Sequence[int],
    nets: Iterable[str] = tuple(SICK),
    fixes: Iterable[str] = tuple(FIXES),
    on_step: OnStep | None = None,
) -> list[Outcome]:
    """`sweep` for these networks with every one of these fixes that applies, in that order."""
    return [
        sweep(net, name, seeds, on_step) for net in nets for name in tuple(fixes) if applies(net, _fix(name))
    ]


def train_one(net: str, fix: Fix, rate: float, on_step: OnStep | None = None, seed: int = 0) -> Record:
    """A single run for a slider; one that on_step stops comes back as it is.

    Args, errors: as `sweep`, for one rate and one seed.
    """
    return run(
        problem_of(net, fix),
        schedule=_schedule(np.array([rate]), fix),
        steps=STEPS,
        seeds=[seed],
        on_step=on_step,
        **{"rule": "momentum"} | _options(net, fix),
    )


def problem_of(net: str, fix: Fix) -> HeldOutDigits:
    """The network as the fix leaves it: another block, or the usual start.

    Raises:
        ValueError: if there is no such network, or the fix does not apply to it.
    """
    sick = _sick(net)
    require(applies(net, fix), "a fix", f"one that applies to {net}", fix)
    changes = dict(sick.usual_start) if fix.usual_start else {}
    if fix.block is not None:
        changes["block"] = fix.block
    return HeldOutDigits(**{"batch_size": 32, "dtype": np.float32} | dict(sick.options) | changes)


def loose_threshold(net: str, seeds: Sequence[int]) -> float:
    """Clause C3 as it works in lesson 04: clip loosely first, look at the norms, then choose.

    Ours: twice the median norm of the loosely clipped run at its best rate.

    Args:
        net: a name in SICK.
        seeds: S whole numbers, each once.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    fix = SINGLE[ALONE]
    problem = problem_of(net, fix)
    record = train_all(problem, _schedule(RATES, fix), STEPS, seeds, clip_threshold=LOOSE)
    validation, _ = problem.held_out_errors(record.theta)
    best = np.median(validation, axis=0).argmin()
    return ABOVE_TYPICAL * float(np.median(record.gradient_norm[:, best]))


def _schedule(rates: Array, fix: Fix) -> Schedule:
    warmup = WARMUP * fix.warmup
    return prepend_warmup(cosine(rates, STEPS - warmup), warmup)


def _options(net: str, fix: Fix) -> dict[str, Any]:
    """The rule and the threshold of a run."""
    return {"rule": fix.rule, "clip_threshold": _sick(net).threshold if fix.clip else None}


def _sick(net: str) -> Sick:
    every = SICK | COMPARED
    known("a network", net, every)
    return every[net]


def _fix(name: str) -> Fix:
    known("a fix", name, FIXES)
    return FIXES[name]
