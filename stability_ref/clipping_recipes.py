"""The measured set-ups of lesson 04: what gradient clipping saves, what it costs, and what it cannot do.

Lesson and tests take them from here, so that what a caption claims is tested on what its figure shows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stability_ref import recipes
from stability_ref.checks import known, require
from stability_ref.clipping import threshold_at_percentile
from stability_ref.problems import DigitsProblem
from stability_ref.schedules import Schedule, constant, cosine, prepend_warmup
from stability_ref.training import OnStep, Record, run, train_all

Array = np.ndarray
GUESSING = 0.45  # the squared error of answering a tenth for each of the ten digits
RATE, STEPS = 0.01, 1000  # Figure 9: constant, so that the norm settles and "typical" means something
BETTER, TOO_AGGRESSIVE = 3.0, 0.5  # above and below the norm at which the run settles, about 1.3
SMALLER_RATE = RATE * TOO_AGGRESSIVE / BETTER  # the same rate times threshold as the aggressive run
LOOSE = 30.0  # a threshold that only cuts the first dozens of steps
SURVIVAL_RATES = 10.0 ** np.array([-7, -6.5, -6, -5.5, -5])  # where the unclipped net begins to break

SHARE = 8  # clause C5: an eighth of the threshold, a power of two, so that no digit is rounded
SHARED_STEPS = 200  # steps in all of which both thresholds clip
CALM_STEPS = slice(50, 150)  # of `spikes`: after the first steps, before any instability

TRAINED = 0.1  # a test error below this: the net has learnt the digits
ADAM_RATE, ADAM_STEPS = 0.016, 400
ADAM_WARMUP = 400  # as many steps again: far more than the playbook's 10 % (W4)
ADAM_THRESHOLDS = (0.1, 1.0, 3.0)  # they clip all, half and a tenth of the steps


def unstable_net() -> DigitsProblem:
    """Twelve residual blocks without normalisation, initial weights as He et al. have them, batch 8.

    Every block adds to the variance of the one before: the first gradients are a hundred thousand times the
    later ones, as in the playbook's ResNet-200. A batch of eight is noisy: the norm settles above 0.
    """
    return DigitsProblem("plain", blocks=12, width=12, batch_size=8, loss="squared_error", dtype=np.float64)


def train(seeds: Sequence[int], threshold: float | None = None, on_step: OnStep | None = None) -> Record:
    """The unstable net with Momentum, 1000 steps at a constant rate.

    A run that on_step stops comes back as it is, for sliders; those below raise KeyboardInterrupt instead.
    """
    return run(
        unstable_net(),
        "momentum",
        constant(RATE),
        STEPS,
        seeds=seeds,
        clip_threshold=threshold,
        on_step=on_step,
    )


def warmed_up(seeds: Sequence[int], warmup_steps: int, on_step: OnStep | None = None) -> Record:
    """The unstable net without clipping, with a warmup before its 1000 steps (C6)."""
    schedule = prepend_warmup(constant(RATE), warmup_steps)
    return train_all(unstable_net(), schedule, STEPS + warmup_steps, seeds, on_step)


def figure_9(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, Record]:
    """The unstable net without clipping, with both thresholds, with the rate cut instead (Figure 9, C5)."""
    settings = {
        "no clipping": (RATE, None),
        "better threshold": (RATE, BETTER),
        "threshold too aggressive": (RATE, TOO_AGGRESSIVE),
        "smaller rate instead": (SMALLER_RATE, BETTER),
    }
    return {
        label: train_all(unstable_net(), constant(rate), STEPS, seeds, on_step, clip_threshold=threshold)
        for label, (rate, threshold) in settings.items()
    }


def survival(seeds: Sequence[int], on_step: OnStep | None = None) -> Record:
    """The unstable net without clipping at the five rates around its edge (C3)."""
    return train_all(unstable_net(), constant(SURVIVAL_RATES), STEPS, seeds, on_step)


def highest_surviving(record: Record) -> int:
    """The place of the highest rate at which no seed's loss left the finite numbers (C3)."""
    survives = np.isfinite(record.loss).all(axis=(0, -1))
    require(survives.any(), "record", "of at least one rate at which every seed survives", survives)
    return int(np.flatnonzero(survives)[np.argmax(record.rate[survives, 0])])


def effective_rate(record: Record, threshold: float) -> Array:
    """What clipping makes of the learning rate at every step: η_t min(1, λ / |g_t|), shape (S, R, T) (C5).

    Equation (ours): where |g| > λ the step η λ g / |g| is that of plain training at the rate η λ / |g|.

    Example:
        >>> import dataclasses
        >>> from stability_ref import problems
        >>> bowl = run(problems.Quadratic([1.0]), "sgd", constant(0.1), steps=2)
        >>> bowl = dataclasses.replace(bowl, gradient_norm=np.array([[[50.0, 2.0]]]))
        >>> effective_rate(bowl, threshold=5.0)
        array([[[0.01, 0.1 ]]])
    """
    require(threshold > 0, "threshold", "above 0", threshold)
    with np.errstate(divide="ignore"):
        return record.rate * np.minimum(1, threshold / record.gradient_norm)


def one_eighth(
    rule: str,
    rate_factor: float,
    seeds: Sequence[int],
    constants: Mapping[str, Any] | None = None,
) -> Record:
    """Two settings that clip every step: λ with the rate η, and λ / 8 with rate_factor · η (C5).

    SGD, Momentum and Nesterov are linear in g: with a factor of 8 both runs are one, bit for bit. Adam and
    NAdam divide by the size of g: but for ε, a factor of 1 does it. RMSProp does so only when its v_0 = 1
    has faded.
    """
    known("rule", rule, _RATES)
    rates = _RATES[rule] * np.array([1.0, rate_factor])
    thresholds = [TOO_AGGRESSIVE, TOO_AGGRESSIVE / SHARE]
    return run(
        unstable_net(),
        rule,
        constant(rates),
        SHARED_STEPS,
        seeds=seeds,
        constants=constants,
        clip_threshold=thresholds,
    )


_RATES = {"sgd": RATE, "momentum": RATE, "nesterov": RATE, "rmsprop": 0.003, "adam": 0.003, "nadam": 0.003}


def spikes(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, Record]:
    """Figure 7b's run at five times its peak rate: without clipping, clipped, and clipped harder (C4, C6).

    Nothing is injected: the instability in mid training is the net's own. The threshold is `calm_threshold`
    of the run without clipping; the harder one is half of it.
    """
    unclipped = _beyond(seeds, None, on_step)
    threshold = calm_threshold(unclipped)
    return {
        "no clipping": unclipped,
        "clipped": _beyond(seeds, threshold, on_step),
        "clipped harder": _beyond(seeds, threshold / 2, on_step),
    }


def calm_threshold(unclipped: Record) -> float:
    """The 90th percentile of the norms of steps 50 to 150 of all seeds: before any instability (C3)."""
    return threshold_at_percentile(unclipped.gradient_norm[..., CALM_STEPS])


def _beyond(seeds: Sequence[int], threshold: float | None, on_step: OnStep | None) -> Record:
    steps = recipes.BEYOND_STEPS + recipes.BEYOND_WARMUP
    schedule = prepend_warmup(cosine(5 * recipes.PEAK_RATE, recipes.BEYOND_STEPS), recipes.BEYOND_WARMUP)
    return train_all(recipes.post_norm_net(), schedule, steps, seeds, on_step, clip_threshold=threshold)


def warmup_or_clipping(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, Record]:
    """A post-norm net with Adam: what a longer warmup fixes and clipping does not (C6).

    The clipped runs are one record with a setting for each of `ADAM_THRESHOLDS`.
    """
    decay = cosine(ADAM_RATE, ADAM_STEPS)
    warmed_up = prepend_warmup(decay, ADAM_WARMUP)
    each = cosine([ADAM_RATE] * len(ADAM_THRESHOLDS), ADAM_STEPS)
    return {
        "neither": _adam(seeds, decay, None, on_step),
        "clipping": _adam(seeds, each, ADAM_THRESHOLDS, on_step),
        "longer warmup": _adam(seeds, warmed_up, None, on_step, ADAM_WARMUP),
        "both": _adam(seeds, warmed_up, ADAM_THRESHOLDS[-1], on_step, ADAM_WARMUP),
    }


def _adam(
    seeds: Sequence[int], schedule: Schedule, threshold: Any, on_step: OnStep | None, warmup_steps: int = 0
) -> Record:
    net = DigitsProblem("post", blocks=12, width=16)
    steps = ADAM_STEPS + warmup_steps
    return train_all(net, schedule, steps, seeds, on_step, rule="adam", clip_threshold=threshold)
