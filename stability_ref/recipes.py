"""The measured set-ups behind the lessons' figures: which small network, rates and steps show what.

Lessons and tests take them from here, so that what a caption claims is tested on what its figure shows.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stability_ref.problems import DigitsProblem
from stability_ref.schedules import Rates, Schedule, constant, cosine, prepend_warmup
from stability_ref.training import OnStep, Record, run, train_all

GUESSING = math.log(10)  # the loss of giving each of the ten digits the same probability
RATES = np.geomspace(1e-3, 1, 10)  # the playbook's Figure 4 has the same ten
STEPS = 150
WARMUP_STEPS = 100  # far more than the playbook's 10 % of the steps (W4), because the run is so short
SMALL, LARGE = 0, 7  # which of RATES the loss panels show: 0.001 and 0.215
RESCUE_RATE = RATES[LARGE + 1]  # 0.464: without warmup the twin learns nothing there
RESCUED_BY = 100  # steps of warmup, more than it needs
SAVED = 0.1  # a test error below this; who guesses gets nine in ten wrong
SPARSE, FREQUENT = 50, 60  # Figure 5: steps between sparse evaluations, steps evaluated one by one

EDGE_RATES = 2.0 ** np.arange(-8, 2)  # Figure 7a: ten rates, a factor 2 apart, as nearly the playbook's
EDGE_STEPS = 300
PEAK_RATE = 0.028  # Figure 7b: a rate at which the post-norm net trains well; the run is at five times that
PEAK, BEYOND = 0, 1  # the places of the two in its record
BEYOND_STEPS, BEYOND_WARMUP = 500, 300
CALM = 100  # the steps before any instability there, a third of the warmup

WARMUPS = (1, 10, 50, 250, 1000)  # Figure 6: all to the same rate, and only the longest is enough
FULL_RATE = 0.01
FULL_STEPS = 2 * WARMUPS[-1]  # so that every ramp, the longest too, is followed by as many steps or more
TRAINED, UNTRAINED = 0.1 * GUESSING, 0.5 * GUESSING  # bounds for the mean loss of the last LAST steps there
LAST = 100


def standard_net(dtype: Any = np.float64) -> DigitsProblem:
    """Eight pre-norm residual blocks, batch 64: trains well at every rate but the highest."""
    return DigitsProblem("pre", blocks=8, batch_size=64, dtype=dtype)


def sick_twin(dtype: Any = np.float64) -> DigitsProblem:
    """The same function at the start, with a curvature 16 times as large in the head's weights.

    The final norm's gain is four times as large and the head's weights a quarter: the outputs are equal, but
    a step in the head's weights moves them four times as far. It stands for the playbook's stride bug.
    """
    return DigitsProblem(
        "pre",
        blocks=8,
        batch_size=64,
        final_norm_gain=4,
        head_gain=1 / 4,
        dtype=dtype,
    )


NETS: dict[str, Callable[..., DigitsProblem]] = {
    "standard net": standard_net,
    "sick twin": sick_twin,
}


def plain_net(dtype: Any = np.float64) -> DigitsProblem:
    """Eight residual blocks without any normalisation, of small initial weights: it trains, up to an edge."""
    return DigitsProblem("plain", blocks=8, gain=0.35, batch_size=64, dtype=dtype)


def post_norm_net(dtype: Any = np.float64) -> DigitsProblem:
    """Eight post-norm residual blocks and a head of large weights: unstable in mid training."""
    return DigitsProblem("post", blocks=8, head_gain=10, batch_size=128, dtype=dtype)


def deep_post_norm_net(dtype: Any = np.float64) -> DigitsProblem:
    """Twelve post-norm residual blocks, 128 training images: stable once it has learnt them, not before.

    So few images are learnt by heart in a few hundred steps, if the rate is still small. Then hardly any
    gradient is left, and the full rate does no harm. A net whose rate rises faster is lost before that.
    """
    return DigitsProblem("post", blocks=12, batch_size=16, examples=128, dtype=dtype)


def normalised_linear_net(dtype: Any = np.float64) -> DigitsProblem:
    """No blocks: two linear layers, a normalisation between them. Its best rate is far below any unstable."""
    return DigitsProblem("pre", blocks=0, batch_size=64, dtype=dtype)


def baseline(base: Rates, warmup_steps: int = 0) -> Schedule:
    """A cosine over 150 steps, with warmup prepended, so that the run grows by its steps (clause S3)."""
    return prepend_warmup(cosine(base, STEPS), warmup_steps)


def rescue(warmup_steps: int, seeds: Sequence[int] = (0,), on_step: OnStep | None = None) -> Record:
    """The sick twin at a rate that it bears only after a warmup, as in the text to Figure 4 (playbook X1).

    A run that on_step stops comes back as it is.
    """
    schedule = baseline(RESCUE_RATE, warmup_steps)
    return run(sick_twin(), "momentum", schedule, STEPS + warmup_steps, seeds=seeds, on_step=on_step)


def figure_4(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, Record]:
    """The ten rates with Momentum 0.9 for the standard net, its twin, the twin with warmup (Figure 4)."""
    curves = {"standard net": (standard_net(), 0), "sick twin": (sick_twin(), 0)}
    curves["sick twin + warmup"] = (sick_twin(), WARMUP_STEPS)
    return {
        label: train_all(net, baseline(RATES, warmup), STEPS + warmup, seeds, on_step)
        for label, (net, warmup) in curves.items()
    }


def figure_5(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, tuple[Record, Record]]:
    """Both nets at the large rate, constant: 500 steps evaluated every 50, 60 at every step (Figure 5)."""
    schedule = constant(RATES[LARGE])
    return {
        label: (
            train_all(net(), schedule, 500, seeds, on_step, evaluate_every=SPARSE),
            train_all(net(), schedule, FREQUENT, seeds, on_step, evaluate_every=1),
        )
        for label, net in NETS.items()
    }


def figure_6(seeds: Sequence[int], on_step: OnStep | None = None) -> Record:
    """Five warmups to one constant rate with Adam for the deep post-norm net: the settings are WARMUPS.

    All runs are equally long, twice the longest warmup. Whether a run has trained, its `last_loss` tells.

    Source: playbook W4, Figure 6.
    """
    warmups = np.array(WARMUPS)
    schedule = prepend_warmup(constant(np.full(warmups.shape, FULL_RATE)), warmups)
    return train_all(deep_post_norm_net(), schedule, FULL_STEPS, seeds, on_step, rule="adam")


def last_loss(record: Record) -> np.ndarray:
    """(S, R) mean loss of the last 100 steps: below TRAINED a run has trained, above UNTRAINED it has not."""
    return record.loss[..., -LAST:].mean(axis=-1)


def figure_7a(
    seeds: Sequence[int], on_step: OnStep | None = None, net: DigitsProblem | None = None
) -> Record:
    """A sweep of the ten rates with a cosine of 300 steps: the plain net, if none is given (Figure 7a)."""
    return train_all(net or plain_net(), cosine(EDGE_RATES, EDGE_STEPS), EDGE_STEPS, seeds, on_step)


def figure_7b(seeds: Sequence[int], on_step: OnStep | None = None) -> Record:
    """The post-norm net at its peak rate and at five times that (Figure 7b): warmup 300 steps, cosine 500."""
    schedule = prepend_warmup(cosine([PEAK_RATE, 5 * PEAK_RATE], BEYOND_STEPS), BEYOND_WARMUP)
    return train_all(post_norm_net(), schedule, BEYOND_STEPS + BEYOND_WARMUP, seeds, on_step)


def base_rates(record: Record) -> np.ndarray:
    """The base learning rate of each setting, (R,): the highest of its schedule, where its warmup ends."""
    return record.rate.max(axis=-1)
