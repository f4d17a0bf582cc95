"""Sick networks and the playbook's fixes X1 to X6 as data: what each changes, alone and in pairs.

A network is sick in one of the ways of the earlier lessons. A fix changes the schedule, the clipping, the
rule, the block or the start; `fixes_trials` trains the one with the other.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import finite_numbers, known, require
from stability_ref.clipping_trials import SpikedDigits
from stability_ref.schedules import Rates, Schedule, cosine, prepend_warmup

Array = np.ndarray

STEPS, WARMUP = 200, 50  # of the whole run, and of these its warmup: all runs are equally long
VALIDATION = 300  # of the 597 images that are not trained on; a rate is chosen by their errors
LOOSE = 30.0  # a first threshold that only cuts the first steps, to see the norms (lesson 04, C3)
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
        """The shares of validation and of test images that θ, (..., n), classifies wrongly, (2, ...)."""
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
        threshold=9.7,
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
        threshold=2.3,
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
    return (fix.block is None or fix.block in sick.blocks) and (not fix.usual_start or bool(sick.usual_start))


def problem_of(net: str, fix: Fix) -> HeldOutDigits:
    """The network as the fix leaves it: another block, or the usual start.

    Raises:
        ValueError: if there is no such network, or the fix does not apply to it.
    """
    sick = _sick(net)
    require(applies(net, fix), "a fix", f"one that applies to {net}", fix)
    changed: dict[str, Any] = {"batch_size": 32, "dtype": np.float32, **sick.options}
    if fix.usual_start:
        changed.update(sick.usual_start)
    if fix.block is not None:
        changed["block"] = fix.block
    return HeldOutDigits(**changed)


def schedule(rates: Rates, fix: Fix) -> Schedule:
    """A cosine to 0, behind a warmup if the fix has one (playbook S1, S3)."""
    warmup = WARMUP * fix.warmup
    return prepend_warmup(cosine(rates, STEPS - warmup), warmup)


def options(net: str, fix: Fix) -> dict[str, Any]:
    """The rule and the threshold of a run."""
    return {"rule": fix.rule, "clip_threshold": _sick(net).threshold if fix.clip else None}


def _sick(net: str) -> Sick:
    every = SICK | COMPARED
    known("a network", net, every)
    return every[net]
