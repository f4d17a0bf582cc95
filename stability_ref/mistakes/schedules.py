"""Known wrong versions of the schedules and of warmup."""

import math

import numpy as np

from stability_ref.mistakes.catalogue import mistake
from stability_ref.schedules import linear

# mypy: allow-untyped-defs
# The decorator says what each function is, and its signature is the one of the right version.


@mistake(
    "prepend_warmup",
    "The ramp is one step early, (t + 1) / W: the first rate is not 0.",
    "Karpathy's build-nanogpt",
)
def warmup_one_step_early(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (t + 1) / np.maximum(W, 1), schedule(np.maximum(t - W, 0)))


@mistake("prepend_warmup", "The ramp is (t + 1) / (W + 1): the first rate is not 0.", "Karpathy's nanoGPT")
def warmup_from_the_first_fraction(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (t + 1) / (W + 1), schedule(np.maximum(t - W, 0)))


@mistake("prepend_warmup", "The ramp is too long: t / (W + 1).")
def warmup_one_step_longer(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t <= W, schedule(0) * (t / (W + 1)), schedule(np.maximum(t - W - 1, 0)))


@mistake("prepend_warmup", "There is no ramp: the rate is base from the first step on.")
def warmup_at_base(schedule, warmup_steps):
    return lambda t: schedule(np.maximum(t - warmup_steps, 0))


@mistake("prepend_warmup", "The ramp falls from base to 0: it is upside down.")
def warmup_falls(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (1 - t / np.maximum(W, 1)), schedule(np.maximum(t - W, 0)))


@mistake(
    "prepend_warmup",
    "Warmup eats the schedule's first W steps instead of standing in front of it: 10,000 steps stay 10,000.",
    "timm, unless warmup_prefix is set",
)
def warmup_shortens_the_decay(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (t / np.maximum(W, 1)), schedule(t))


@mistake(
    "prepend_warmup", "The ramp rises to the rate that the schedule has after W steps, not to its first."
)
def warmup_to_the_decayed_rate(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(W) * (t / np.maximum(W, 1)), schedule(np.maximum(t - W, 0)))


@mistake("prepend_warmup", "The ramp multiplies the schedule, which decays below it meanwhile.")
def warmup_multiplies_the_decay(schedule, warmup_steps):
    return lambda t: schedule(t) * np.minimum(t / np.maximum(warmup_steps, 1), 1)


@mistake("prepend_warmup", "The schedule's own first rate is left out: at t = W stands its second.")
def warmup_skips_the_base(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (t / np.maximum(W, 1)), schedule(np.maximum(t - W + 1, 0)))


@mistake(
    "prepend_warmup",
    "The ramp starts at a third of the base rate, not at 0.",
    "PyTorch's LinearLR by default",
)
def warmup_from_a_third(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(
        t < W, schedule(0) * (1 / 3 + 2 / 3 * t / np.maximum(W, 1)), schedule(np.maximum(t - W, 0))
    )


@mistake("prepend_warmup", "It divides by W, also where W = 0 means that there is no warmup.")
def warmup_divides_by_zero(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.where(t < W, schedule(0) * (t / W), schedule(np.maximum(t - W, 0)))


@mistake("prepend_warmup", "Where W = 0 means that there is no warmup, the first rate is 0 all the same.")
def warmup_always_starts_at_zero(schedule, warmup_steps):
    W = warmup_steps
    return lambda t: np.minimum(t / np.maximum(W, 1), 1) * schedule(np.maximum(t - W, 0))


@mistake("linear", "The line does not stop at the final rate: it goes on, below 0.")
def linear_goes_on(base, steps, final=0.0):
    return lambda t: base + (final - base) * (t / steps)


@mistake("linear", "The line is one step ahead: s_0 is not the base rate.")
def linear_one_step_ahead(base, steps, final=0.0):
    return lambda t: linear(base, steps, final)(t + 1)


@mistake("cosine", "The cosine has its full period in T steps, so that it ends where it began.")
def cosine_whole_period(base, steps, final=0.0):
    def schedule(t):
        c = np.cos(2 * math.pi * np.minimum(t, steps) / steps)
        return base * (1 + c) / 2 + final * (1 - c) / 2

    return schedule


@mistake("cosine", "The half is missing: the rate starts at twice the base rate.")
def cosine_without_half(base, steps, final=0.0):
    def schedule(t):
        c = np.cos(math.pi * np.minimum(t, steps) / steps)
        return base * (1 + c) + final * (1 - c)

    return schedule


@mistake(
    "cosine", "Only a quarter of the period is used: the rate falls slowly at first and fast at the end."
)
def cosine_quarter_period(base, steps, final=0.0):
    return lambda t: final + (base - final) * np.cos(math.pi / 2 * np.minimum(t, steps) / steps)


@mistake("cosine", "Nothing stops the cosine at T: the rate rises again.", "PyTorch's CosineAnnealingLR")
def cosine_rises_again(base, steps, final=0.0):
    def schedule(t):
        c = np.cos(math.pi * t / steps)
        return base * (1 + c) / 2 + final * (1 - c) / 2

    return schedule


@mistake(
    "inverse_square_root",
    "The rate stands still up to τ and falls from there: 1 / √max(t, τ).",
    "T5",
)
def inverse_square_root_waits(base, timescale):
    return lambda t: base * np.sqrt(timescale / np.maximum(t, timescale))


@mistake("inverse_square_root", "The root is missing: the rate falls as 1 / t.", "Keras' InverseTimeDecay")
def inverse_without_root(base, timescale):
    return lambda t: base / (1 + t / timescale)


@mistake("piecewise_constant", "The factor comes one step late, at t > T_i instead of t ≥ T_i.")
def piecewise_one_step_late(base, boundaries, factors):
    return lambda t: base * np.cumprod([1.0, *factors])[np.searchsorted(boundaries, t, side="left")]


@mistake("piecewise_constant", "The factors do not multiply up: each replaces the one before.")
def piecewise_replaces(base, boundaries, factors):
    return lambda t: base * np.array([1.0, *factors])[np.searchsorted(boundaries, t, side="right")]


@mistake(
    "exponential",
    "t / T is rounded down, so that the rate falls in stairs.",
    "a staircase, which is an option in Keras",
)
def exponential_in_stairs(base, decay_factor, decay_steps):
    return lambda t: base * decay_factor ** (t // decay_steps)


@mistake("exponential", "The rate is multiplied by d at every step, not once in T steps.")
def exponential_every_step(base, decay_factor, decay_steps):
    return lambda t: base * decay_factor ** (t * 1.0)


@mistake("rescale", "The curve is moved up, not scaled.")
def rescale_moves(schedule, base):
    return lambda t: schedule(t) + (base - schedule(0))


@mistake("rescale", "The curve is multiplied by the new base rate and not divided by its own.")
def rescale_without_quotient(schedule, base):
    return lambda t: schedule(t) * base


@mistake("constant", "The rate falls to 0 after the first step.")
def constant_once(base):
    return lambda t: np.where(t == 0, base, 0 * base)
