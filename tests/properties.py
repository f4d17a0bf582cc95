"""Laws of the rules, the schedules and clipping: functions of what is tested and of Hypothesis' data.

`test_properties` runs them on the reference, `test_mutants` the very same ones on every known mistake.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stability_ref import adaptive_clipping, clipping, schedules
from stability_ref.updates import RULES

EVERY_RULE = tuple(RULES)
DECAYS = tuple(schedules.DECAYS)


class Subject(NamedTuple):
    """A function, right or wrong, and the name of what it should be."""

    target: str
    function: Callable[..., Any]
    init: Callable[[Any], Any] | None = None


RIGHT = {
    **{name: Subject(name, rule.update, rule.init) for name, rule in RULES.items()},
    **{name: Subject(name, getattr(schedules, name)) for name in (*DECAYS, "rescale", "prepend_warmup")},
    "clip": Subject("clip", clipping.clip),
    "clip_at_percentile": Subject("clip_at_percentile", adaptive_clipping.clip_at_percentile),
    "clip_units": Subject("clip_units", adaptive_clipping.clip_units),
}
PROPERTIES: dict[str, tuple[tuple[str, ...], Callable[..., None]]] = {}


def said_of(*targets):
    def add(law):
        PROPERTIES[law.__name__] = (targets, law)
        return law

    return add


def holds(law, subject, examples=100, search=True):
    """Raise unless the law holds for every example; without search, the first that fails is enough."""
    phases = [Phase.explicit, Phase.generate, Phase.shrink] if search else [Phase.generate]

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check(data):
        law(subject, data.draw)

    check()


def same(ours, theirs):
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def near(ours, theirs, ulps=16):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    np.testing.assert_array_less(np.abs(ours - theirs), ulps * np.spacing(np.abs(theirs).max()) + 1e-300)


# --- The rules ----------------------------------------------------------------------------------------------

whole = st.integers
decays = st.sampled_from([0.0, 0.5, 0.9, 0.99])
epsilons = st.sampled_from([0.0, 1e-8, 1e-3])
floats = st.sampled_from([np.float32, np.float64])


def numbers(draw, shape, smallest=-6, largest=3):
    """Of any sign, and of a size between 10^smallest and 10^largest."""
    rng = np.random.default_rng(draw(whole(0, 2**32 - 1)))
    size = 10.0 ** rng.uniform(smallest, largest, shape)
    return size * rng.choice([-1.0, 1.0], shape)


def some_constants(draw, target, **fixed):
    return {
        name: fixed.get(name, draw(epsilons if name == "epsilon" else decays))
        for name in RULES[target].defaults
    }


def steps(subject, theta, gradients, rates, **constants):
    """All θ_t, and the last state."""
    path, state = [theta], subject.init(theta)
    for g, rate in zip(gradients, rates, strict=True):
        theta, state = subject.function(path[-1].copy(), g.copy(), state, rate, **constants)
        path.append(theta)
    return np.stack(path), state


@said_of(*EVERY_RULE)
def stacked_trials_equal_single_ones_bit_for_bit(subject, draw):
    lead, n, dtype = tuple(draw(st.lists(whole(1, 3), max_size=2))), draw(whole(1, 4)), draw(floats)
    theta = numbers(draw, (*lead, n)).astype(dtype)
    gradients = numbers(draw, (3, *lead, n)).astype(dtype)
    rates = np.abs(numbers(draw, (3, *lead, 1), -4, -1)).astype(dtype)
    constants = {
        name: np.array(draw(st.lists(decays, min_size=(k := int(np.prod(lead))), max_size=k)), dtype).reshape(
            *lead, 1
        )
        for name in RULES[subject.target].defaults
    }
    together, state = steps(subject, theta, gradients, rates, **constants)
    for k in np.ndindex(lead):
        own = {name: value[k] for name, value in constants.items()}
        alone, own_state = steps(subject, theta[k], gradients[:, *k], rates[:, *k], **own)
        same(together[:, *k], alone)
        for buffer, own_buffer in zip(state, own_state, strict=True):
            same(buffer[k] if np.ndim(buffer) else buffer, own_buffer)


@said_of(*EVERY_RULE)
def dtype_is_kept_through_plain_floats(subject, draw):
    dtype = draw(floats)
    path, state = steps(
        subject,
        numbers(draw, 3).astype(dtype),
        numbers(draw, (3, 3)).astype(dtype),
        [0.1, 0.01, 0.0],
        **some_constants(draw, subject.target),
    )
    assert path.dtype == dtype
    assert {buffer.dtype for buffer in state if isinstance(buffer, np.ndarray)} <= {np.dtype(dtype)}


@said_of(*EVERY_RULE)
def inputs_stay_as_they_were(subject, draw):
    theta, g = numbers(draw, 3), numbers(draw, 3)
    state = subject.init(theta)
    for _ in range(2):
        before = [np.copy(value) for value in (theta, g, *state)]
        new_theta, new_state = subject.function(theta, g, state, 0.1)
        for now, then in zip((theta, g, *state), before, strict=True):
            same(now, then)
        theta, state = new_theta, new_state


@said_of(*EVERY_RULE)
def coordinates_do_not_know_their_place(subject, draw):
    n = draw(whole(1, 5))
    order = draw(st.permutations(range(n)))
    theta, gradients, rates = numbers(draw, n), numbers(draw, (4, n)), np.abs(numbers(draw, 4, -4, -1))
    constants = some_constants(draw, subject.target)
    straight, _ = steps(subject, theta, gradients, rates, **constants)
    permuted, _ = steps(subject, theta[order], gradients[:, order], rates, **constants)
    same(straight[:, order], permuted)


@said_of(*EVERY_RULE)
def mirrored_gradients_give_the_mirrored_path(subject, draw):
    theta, gradients, rates = numbers(draw, 3), numbers(draw, (5, 3)), np.abs(numbers(draw, 5, -4, -1))
    constants = some_constants(draw, subject.target)
    path, _ = steps(subject, theta, gradients, rates, **constants)
    mirrored, _ = steps(subject, -theta, -gradients, rates, **constants)
    same(mirrored, -path)


@said_of(*EVERY_RULE)
def the_path_is_linear_in_the_rates(subject, draw):
    gradients, rates, double = (
        numbers(draw, (5, 3)),
        np.abs(numbers(draw, 5, -4, -1)),
        2.0 ** draw(whole(-8, 8)),
    )
    constants = some_constants(draw, subject.target)
    path, _ = steps(subject, np.zeros(3), gradients, rates, **constants)
    faster, _ = steps(subject, np.zeros(3), gradients, rates * double, **constants)
    same(faster, path * double)


@said_of(*EVERY_RULE)
def the_first_step_goes_down_the_gradient(subject, draw):
    theta, g = np.zeros(3), numbers(draw, 3)
    constants = some_constants(draw, subject.target)
    new, _ = subject.function(theta, g, subject.init(theta), 0.1, **constants)
    assert (np.sign(new) == -np.sign(g)).all()


@said_of("sgd", "momentum", "nesterov")
def the_path_is_linear_in_the_gradients(subject, draw):
    one, other, rates = numbers(draw, (5, 3)), numbers(draw, (5, 3)), np.abs(numbers(draw, 5, -4, -1))
    constants = some_constants(draw, subject.target)
    start, scale = np.zeros(3), 2.0 ** draw(whole(-8, 8))
    path, _ = steps(subject, start, one, rates, **constants)
    other_path, _ = steps(subject, start, other, rates, **constants)
    same(steps(subject, start, one * scale, rates, **constants)[0], path * scale)
    both, _ = steps(subject, start, one + other, rates, **constants)
    size = np.abs(path).max() + np.abs(other_path).max()
    np.testing.assert_allclose(both, path + other_path, rtol=0, atol=64 * np.spacing(size))


@said_of("adam", "nadam")
def epsilon_is_in_units_of_gradients(subject, draw):
    scale, epsilon = 2.0 ** draw(whole(-8, 8)), draw(epsilons)
    gradients, rates = numbers(draw, (5, 3)), np.abs(numbers(draw, 5, -4, -1))
    constants = some_constants(draw, subject.target, epsilon=epsilon)
    path, _ = steps(subject, np.zeros(3), gradients, rates, **constants)
    constants["epsilon"] = epsilon * scale
    same(steps(subject, np.zeros(3), gradients * scale, rates, **constants)[0], path)


@said_of("rmsprop")
def epsilon_is_in_units_of_squared_gradients(subject, draw):
    """Where ρ = 0, since v_0 = 1 has a unit of its own."""
    scale, epsilon = 2.0 ** draw(whole(-8, 8)), draw(epsilons)
    gradients, rates = numbers(draw, (5, 3)), np.abs(numbers(draw, 5, -4, -1))
    constants = some_constants(draw, subject.target, rho=0.0, epsilon=epsilon)
    path, _ = steps(subject, np.zeros(3), gradients, rates, **constants)
    constants["epsilon"] = epsilon * scale**2
    same(steps(subject, np.zeros(3), gradients * scale, rates, **constants)[0], path)


FIRST_STEPS = {  # with constants at their defaults, and ε so small that it does not count in Adam and NAdam
    "sgd": lambda rate, g: rate * g,
    "momentum": lambda rate, g: rate * g,
    "nesterov": lambda rate, g: 1.9 * rate * g,
    "rmsprop": lambda rate, g: rate * g / np.sqrt(0.9 + 0.1 * g**2 + 1e-8),
    "adam": lambda rate, g: rate * np.sign(g),
    "nadam": lambda rate, g: 1.9 * rate * np.sign(g),
}


@said_of(*EVERY_RULE)
def the_first_step_has_its_closed_form(subject, draw):
    g, rate = numbers(draw, 1), draw(st.floats(1e-4, 1))
    constants = {"epsilon": 0.0} if subject.target in ("adam", "nadam") else {}
    theta, _ = subject.function(np.zeros(1), g, subject.init(np.zeros(1)), rate, **constants)
    near(-theta, FIRST_STEPS[subject.target](rate, g))


# --- The schedules ------------------------------------------------------------------------------------------

bases = st.floats(1e-6, 10)


def some_schedule(subject, draw):
    """A schedule of the subject's kind, its base rate, and the last step at which it changes."""
    base, T = draw(bases), draw(whole(1, 50))
    match subject.target:
        case "constant":
            return subject.function(base), base, 0
        case "linear" | "cosine":
            return subject.function(base, T, draw(st.sampled_from([0.0, base / 3]))), base, T
        case "inverse_square_root":
            return subject.function(base, T), base, None
        case "piecewise_constant":
            T = sorted(draw(st.sets(whole(1, 50), max_size=3)))
            return subject.function(base, T, [draw(st.floats(0, 1)) for _ in T]), base, max(T, default=0)
        case "exponential":
            return subject.function(base, draw(st.floats(0.1, 1)), T), base, None
        case "rescale":
            return subject.function(schedules.cosine(0.3, T), base), base, T
    raise ValueError(subject.target)


@said_of(*DECAYS, "rescale")
def a_decay_starts_at_its_base_and_never_rises(subject, draw):
    schedule, base, last = some_schedule(subject, draw)
    rates = np.array([schedule(t) for t in range(120)], float)
    if subject.target == "rescale":
        near(rates[0], base, 2)
    else:
        assert rates[0] == base
    assert (np.diff(rates) <= np.spacing(base)).all()
    assert (rates >= 0).all()
    if last is not None:
        assert (rates[last:] == rates[last]).all()


@said_of("prepend_warmup")
def warmup_goes_up_from_zero_to_the_base_exactly(subject, draw):
    W = draw(whole(1, 100))
    decay, base, _ = some_schedule(RIGHT[draw(st.sampled_from(DECAYS))], draw)
    schedule = subject.function(decay, W)
    ramp = np.array([float(schedule(t)) for t in range(W + 1)])
    assert ramp[0] == 0
    assert ramp[W] == base
    assert (np.diff(ramp) > 0).all()
    near(np.diff(ramp), base / W + np.zeros(W), 4 * W)


@said_of("prepend_warmup")
def warmup_shifts_and_lengthens_the_schedule(subject, draw):
    W = draw(whole(0, 100))
    decay, base, _ = some_schedule(RIGHT[draw(st.sampled_from(DECAYS))], draw)
    schedule = subject.function(decay, W)
    same([float(schedule(W + t)) for t in range(60)], [decay(t) for t in range(60)])
    longer = subject.function(schedules.linear(base, 10_000), 1_000)
    assert longer(10_999) > 0 == longer(11_000)


# --- Clipping -----------------------------------------------------------------------------------------------


def some_gradients(draw):
    dtype, shape = draw(floats), (draw(whole(1, 4)), draw(whole(1, 5)))
    scale = 10.0 ** draw(whole(-3, 3))
    return (numbers(draw, shape, -3, 2) * scale).astype(dtype), np.abs(numbers(draw, shape[0], -2, 2)) * scale


def exact_norms(g):
    return np.sqrt((g.astype(np.longdouble) ** 2).sum(axis=-1))


@said_of("clip")
def no_norm_exceeds_the_threshold(subject, draw):
    g, threshold = some_gradients(draw)
    clipped, _ = subject.function(g.copy(), threshold)
    limits = threshold * (1 + 4 * np.finfo(g.dtype).eps)
    assert (exact_norms(clipped) <= limits).all()


@said_of("clip")
def what_is_clipped_has_the_length_of_the_threshold_and_its_direction(subject, draw):
    g, threshold = some_gradients(draw)
    clipped, _ = subject.function(g.copy(), threshold)
    assert clipped.dtype == g.dtype
    norms, rounding = exact_norms(g), 8 * np.finfo(g.dtype).eps
    for row, before, norm, limit in zip(clipped, g, norms, threshold, strict=True):
        if norm > limit * (1 + rounding):
            np.testing.assert_allclose(exact_norms(row) / limit, 1, rtol=rounding)
            np.testing.assert_allclose(row / limit, before / norm, rtol=rounding)


@said_of("clip")
def below_the_threshold_not_a_bit_changes(subject, draw):
    g, threshold = some_gradients(draw)
    clipped, _ = subject.function(g.copy(), threshold)
    below = exact_norms(g) < threshold * (1 - 8 * np.finfo(g.dtype).eps)
    same(clipped[below], g[below])


@said_of("clip")
def the_norm_is_the_one_before_clipping(subject, draw):
    g, threshold = some_gradients(draw)
    _, norms = subject.function(g.copy(), threshold)
    np.testing.assert_allclose(norms.astype(np.longdouble), exact_norms(g), rtol=8 * np.finfo(g.dtype).eps)


@said_of("clip")
def clipping_twice_is_clipping_once(subject, draw):
    g, threshold = some_gradients(draw)
    once, _ = subject.function(g.copy(), threshold)
    twice, _ = subject.function(once.copy(), threshold)
    np.testing.assert_allclose(twice, once, rtol=4 * np.finfo(g.dtype).eps)


@said_of("clip")
def each_trial_is_clipped_by_itself(subject, draw):
    g, threshold = some_gradients(draw)
    clipped, norms = subject.function(g.copy(), threshold)
    for k in range(len(g)):
        alone, norm = subject.function(g[k].copy(), threshold[k])
        same(alone, clipped[k])
        same(norm, norms[k])


@said_of("clip")
def the_gradient_that_came_stays_as_it_was(subject, draw):
    g, threshold = some_gradients(draw)
    before = g.copy()
    subject.function(g, threshold)
    same(g, before)
