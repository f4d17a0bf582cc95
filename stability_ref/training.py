"""The only training loop: K trials at once, on a leading axis.

θ of all trials of a chunk is one array (K, n); a step costs a few NumPy calls whatever K is. A trial alone
equals itself inside a sweep, bit for bit, and a trial that diverges stays in the record as inf or NaN and
disturbs no other.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from stability_ref.adaptive_clipping import Clipping
from stability_ref.checks import finite_numbers, known, require, whole_number
from stability_ref.clipping import clip, gradient_norm
from stability_ref.problems import Problem
from stability_ref.schedules import Schedule
from stability_ref.updates import RULES, Rule

Array = np.ndarray
CACHE_BYTES = 128 * 1024  # one activation of a chunk's trials should stay in a core's cache


@dataclass
class Record:
    """What a run measured. S seeds, R settings (rates, constants or thresholds), T steps, E evaluations.

    Steps that were not made, because the run was stopped, hold NaN; `steps_done` tells them from divergence.
    """

    rate: Array  # (R, T) learning rate of each step
    loss: Array  # (S, R, T) loss of the step's batch, before the step
    gradient_norm: Array  # (S, R, T) L2 norm of the full gradient, before clipping
    evaluated_at: Array  # (E,) the step counts t of θ_t at which the next three were measured
    train_loss: Array  # (S, R, E) mean over the whole training set
    test_loss: Array  # (S, R, E) mean over the test set
    test_error: Array  # (S, R, E) share of the test set classified wrongly
    theta: Array  # (S, R, n) the final parameters; current at every step where on_step is given
    steps_done: Array  # (S, R) steps that were made: T, unless the run was stopped
    clipped: Array  # (S, R, T) whether clipping changed the step's gradient

    @property
    def final_test_error(self) -> Array:
        """(S, R) the last evaluation's test error; 1 − 1/classes is chance, NaN was not reached."""
        return self.test_error[..., -1]


OnStep = Callable[[int, int, Record], Any]


def run(
    problem: Problem,
    rule: str | Rule,
    schedule: Schedule,
    steps: int,
    *,
    seeds: Sequence[int] = (0,),
    constants: Mapping[str, Any] | None = None,
    clip_threshold: Any = None,
    clipping: Clipping | None = None,
    theta0: Any = None,
    evaluate_every: int | None = None,
    on_step: OnStep | None = None,
) -> Record:
    """Train every setting with every seed and record what happened at every step.

    Args:
        problem: what is trained, see `problems`.
        rule: a name in `updates.RULES`, or a row like those there.
        schedule: a callable of t; schedule(t) is one rate, or R rates, one for each setting.
        steps: T ≥ 1, updates of each trial.
        seeds: S different whole numbers; each sets the initial weights and the order of the batches, and
            all settings of a seed see the same ones.
        constants: the rule's constants by name, a number or R numbers each; the rest keep their defaults.
        clip_threshold: λ for `clipping.clip`, a number or R numbers, or like a schedule a callable of t that
            returns them, where math.inf clips nothing; None does not clip.
        clipping: an adaptive one instead, such as `adaptive_clipping.running_percentile(90)`.
        theta0: where to start instead, shape (n,), (R, n) or (S, R, n).
        evaluate_every: evaluate θ_0, θ_n, θ_2n, …; the last θ is always evaluated.
        on_step: called after every step of a chunk of trials as on_step(done, total, record), in trial-steps;
            for progress and live pictures. If it returns True the run stops and what is finished is returned.
            So it is when the run is interrupted from the keyboard (or by JupyterLab's stop button).

    Returns:
        The record.

    Raises:
        ValueError: naming the argument, what came and what is allowed, before any work.

    Example:
        Above 2 / curvature gradient descent diverges; the trial beside it does not notice:

        >>> from stability_ref import problems, schedules
        >>> bowl = problems.Quadratic([1.0, 10.0])
        >>> record = run(bowl, "sgd", schedules.constant([0.19, 0.21]), steps=100)
        >>> record.loss[0, :, -1] < record.loss[0, :, 0]
        array([ True, False])

    `widgets.progress` makes a progress bar of it.
    """
    rule = _rule(rule)
    steps = whole_number("steps", steps, minimum=1)
    seeds = _seeds(seeds)
    rates = _rates(schedule, steps)
    varied = _constants(rule, constants or {}, problem.dtype)
    thresholds = _thresholds(clip_threshold, steps)
    _one_way_of_clipping(clip_threshold, clipping)
    settings = _settings(rates, varied, thresholds)
    start = _start(theta0, problem, len(seeds), settings)
    if evaluate_every is not None:
        whole_number("evaluate_every", evaluate_every, minimum=1)

    rates = np.broadcast_to(rates, (settings, steps)).astype(problem.dtype)
    varied = {name: np.broadcast_to(value, settings).astype(problem.dtype) for name, value in varied.items()}
    if thresholds is not None:
        thresholds = np.broadcast_to(thresholds, (settings, steps)).astype(problem.dtype)
    record = _empty_record(problem, rates, len(seeds), steps, evaluate_every)
    order = [problem.batches(seed, steps) for seed in seeds]
    if start is None:
        start = np.repeat([[problem.initial(seed)] for seed in seeds], settings, axis=1)
    trials = np.array([(s, r) for s in range(len(seeds)) for r in range(settings)])
    share = max(1, CACHE_BYTES // (problem.floats_per_trial * problem.dtype.itemsize))
    stops = contextlib.suppress(KeyboardInterrupt, _Stopped)
    _keep_freed_memory()
    with _one_blas_thread(), np.errstate(all="ignore"), stops:
        for first in range(0, len(trials), share):
            s, r = trials[first : first + share].T
            chosen = {name: value[r, None] for name, value in varied.items()}
            limits = clipping if thresholds is None else thresholds[r].T
            _train_chunk(
                problem, rule, start[s, r], chosen, limits, order, (s, r), record, on_step, first * steps
            )
    return record


def train_all(
    problem: Problem,
    schedule: Schedule,
    steps: int,
    seeds: Sequence[int],
    on_step: OnStep | None = None,
    *,
    rule: str = "momentum",
    **options: Any,
) -> Record:
    """`run` for a figure or a table: no record comes of a run that is stopped before its last step.

    Args:
        problem: what is trained.
        schedule: as in `run`.
        steps: of each run.
        seeds: whole numbers, each once.
        on_step: as in `run`.
        rule: a name in `updates.RULES`.
        options: the other arguments of `run`.

    Raises:
        KeyboardInterrupt: if it was stopped.
    """
    record = run(problem, rule, schedule, steps, seeds=seeds, on_step=on_step, **options)
    if (record.steps_done < steps).any():  # a figure of half a run would mislead
        raise KeyboardInterrupt("stopped before the figure's runs were complete")
    return record


class Trace(NamedTuple):
    """A single trial from inside: what every step was given and what it left behind."""

    theta: Array  # (T + 1, n) θ_0 … θ_T
    gradient: Array  # (T, n) ∇l(θ_t), clipped if the run clips
    states: list[Any]  # T + 1 states of the rule, before the first step and after each; arrays (1, n)


def trace(problem: Problem, rule: str | Rule, schedule: Schedule, steps: int, **options: Any) -> Trace:
    """`run` a single trial and keep parameters, gradient and state of every step.

    Args:
        problem: what is trained.
        rule: a name in `updates.RULES`, or a row like those there.
        schedule: a callable of t with one rate a step.
        steps: T ≥ 1.
        options: the other arguments of `run`, for one seed.

    Returns:
        The trace.

    Raises:
        ValueError: as `run`, or if there is more than one trial.

    Example:
        >>> from stability_ref import problems, schedules
        >>> seen = trace(problems.Quadratic([2.0]), "momentum", schedules.constant(0.1), steps=2)
        >>> seen.theta[:, 0].round(12), seen.states[1].v
        (array([1.  , 0.8 , 0.46]), array([[2.]]))
    """
    rule = _rule(rule)
    thetas: list[Array] = []
    gradients: list[Array] = []
    states: list[Any] = []

    @functools.wraps(rule.update)
    def remembering(theta: Array, g: Array, state: Any, *rate: Any, **constants: Any) -> tuple[Array, Any]:
        require(len(theta) == 1, "a trace's run", "a single trial", f"{len(theta)} trials")
        if not states:
            thetas.append(theta)
            states.append(state)
        gradients.append(g)
        theta, state = rule.update(theta, g, state, *rate, **constants)
        thetas.append(theta)
        states.append(state)
        return theta, state

    run(problem, rule._replace(update=remembering), schedule, steps, **options)
    return Trace(np.concatenate(thetas), np.concatenate(gradients), states)


class _Stopped(Exception):
    """on_step asked for the end of the run."""


def _train_chunk(
    problem: Problem,
    rule: Rule,
    theta: Array,  # (K, n)
    constants: dict[str, Array],  # (K, 1) each
    clipping: Array | Clipping | None,  # thresholds (T, K), or an adaptive clipping
    order: list[Array],  # S arrays (T, batch)
    place: tuple[Array, Array],  # (K,) the seed's and the setting's place of each trial
    record: Record,
    on_step: OnStep | None,
    done: int,
) -> None:
    """Train K trials from the first step to the last, writing what happens into the record."""
    s, r = place
    steps, total = record.loss.shape[-1], record.loss.size
    rates = record.rate[r].T[..., None].copy()  # (T, K, 1)
    sources = s[:1] if (s == s[0]).all() else s  # trials of one seed share their batches
    rows = np.stack([order[seed] for seed in sources], axis=1)  # (T, 1 or K, batch)
    evaluations = {int(t): e for e, t in enumerate(record.evaluated_at)}
    state = rule.init(theta)
    memory = clipping.init(theta) if isinstance(clipping, Clipping) else None
    try:
        for t in range(steps):
            if t in evaluations:
                _evaluate(problem, theta, record, (*place, evaluations[t]))
            loss, g = problem.loss_and_gradient(theta, rows[t])
            if clipping is None:
                norm = gradient_norm(g)
            elif isinstance(clipping, Clipping):
                norm, unclipped = gradient_norm(g), g
                g, memory = clipping.clip(theta, unclipped, memory)
                record.clipped[s, r, t] = (g != unclipped).any(axis=-1) & np.isfinite(norm)
            else:
                g, norm = clip(g, clipping[t])
                record.clipped[s, r, t] = (norm > clipping[t]) & np.isfinite(norm)
            record.loss[s, r, t], record.gradient_norm[s, r, t] = loss, norm
            theta, state = rule.update(theta, g, state, rates[t], **constants)
            record.steps_done[s, r] = t + 1
            if on_step is not None:
                record.theta[s, r] = theta
                if on_step(done + (t + 1) * len(s), total, record) is True:
                    raise _Stopped
        _evaluate(problem, theta, record, (*place, evaluations[steps]))
    finally:
        record.theta[s, r] = theta


def _evaluate(problem: Problem, theta: Array, record: Record, place: tuple[Array, Array, int]) -> None:
    evaluation = problem.evaluate(theta)
    record.train_loss[place] = evaluation.train_loss
    record.test_loss[place] = evaluation.test_loss
    record.test_error[place] = evaluation.test_error


def _empty_record(
    problem: Problem, rates: Array, seeds: int, steps: int, evaluate_every: int | None
) -> Record:
    settings = len(rates)
    regular = range(0, steps, evaluate_every) if evaluate_every else ()
    evaluated_at = np.array([*regular, steps])

    def unmeasured(*shape: int) -> Array:
        return np.full((seeds, settings, *shape), np.nan)

    return Record(
        rate=rates,
        loss=unmeasured(steps),
        gradient_norm=unmeasured(steps),
        evaluated_at=evaluated_at,
        train_loss=unmeasured(len(evaluated_at)),
        test_loss=unmeasured(len(evaluated_at)),
        test_error=unmeasured(len(evaluated_at)),
        theta=unmeasured(problem.size).astype(problem.dtype),
        steps_done=np.zeros((seeds, settings), dtype=int),
        clipped=np.zeros((seeds, settings, steps), dtype=bool),
    )


def _rule(rule: str | Rule) -> Rule:
    if isinstance(rule, Rule):
        return rule
    known("rule", rule, RULES)
    return RULES[rule]


def _seeds(seeds: Sequence[int]) -> list[int]:
    is_list = isinstance(seeds, Sequence | np.ndarray) and len(seeds)
    require(is_list, "seeds", "a list of at least one seed", seeds)
    numbers = [whole_number("seeds", seed, minimum=0) for seed in seeds]
    require(len(set(numbers)) == len(numbers), "seeds", "different from one another", seeds)
    return numbers


def _rates(schedule: Schedule, steps: int) -> Array:
    """The rates of all settings at all steps, shape (R, T)."""
    allowed = "a callable of the step t, such as schedules.constant(0.1)"
    require(callable(schedule), "schedule", allowed, schedule)
    rates = finite_numbers(
        "schedule", _at_every_step("schedule", schedule, steps, "rates"), "finite at every step"
    )
    require((rates >= 0).all(), "schedule", "at least 0 at every step", float(rates.min()))
    return rates


def _at_every_step(argument: str, function: Schedule, steps: int, what: str) -> Array:
    """What a callable of t returns, one value or R, shape (R, T)."""
    rows = [np.ravel(function(t)) for t in range(steps)]
    counts = {len(row) for row in rows}
    allowed = f"as many {what} at every step, at least one"
    require(len(counts) == 1 and counts != {0}, argument, allowed, counts)
    return np.stack(rows, axis=-1)


def _constants(rule: Rule, constants: Mapping[str, Any], dtype: np.dtype[Any]) -> dict[str, Array]:
    known_names = ", ".join(rule.defaults) or "none, for it has none"
    for name in constants:
        require(name in rule.defaults, f"a constant of {rule.update.__name__}", f"one of {known_names}", name)
    values = {
        name: finite_numbers(name, constants.get(name, default)) for name, default in rule.defaults.items()
    }
    for name, value in values.items():
        domain = rule.domains[name]
        inside = value in domain and value.astype(dtype) in domain  # float32 may round up to 1
        require(inside, name, f"in {domain} in {dtype}", constants.get(name))
    return values


def _thresholds(clip_threshold: Any, steps: int) -> Array | None:
    """The thresholds of all settings at all steps, shape (R, T) or (1, T)."""
    if clip_threshold is None:
        return None
    if callable(clip_threshold):
        values = _at_every_step("clip_threshold", clip_threshold, steps, "thresholds")
        is_real = values.dtype.kind in "fiu"
        require(is_real and (values > 0).all(), "clip_threshold", "above 0 at every step", values)
        return values
    values = finite_numbers("clip_threshold", clip_threshold)
    require(values.ndim <= 1, "clip_threshold", "a number or a list of numbers", values.shape)
    require((values > 0).all(), "clip_threshold", "above 0", clip_threshold)
    return np.broadcast_to(values.reshape(-1, 1), (values.size, steps))


def _one_way_of_clipping(clip_threshold: Any, clipping: Any) -> None:
    if clipping is not None:
        allowed = "such as adaptive_clipping.running_percentile(90), or None"
        require(isinstance(clipping, Clipping), "clipping", allowed, clipping)
        require(clip_threshold is None, "clip_threshold", "None where clipping is given", clip_threshold)


def _settings(rates: Array, varied: Mapping[str, Array], thresholds: Array | None) -> int:
    """R, the one number of settings that rates, constants and thresholds agree on."""
    for name, value in varied.items():
        require(value.ndim <= 1, name, "a number or a list of numbers", value.shape)
    sizes = {"schedule": len(rates), **{name: value.size for name, value in varied.items()}}
    sizes |= {} if thresholds is None else {"clip_threshold": len(thresholds)}
    several = {name: size for name, size in sizes.items() if size > 1}
    names, agree = " and ".join(several), len(set(several.values())) <= 1
    require(agree, names, "one value each, or equally many", list(several.values()))
    return max(sizes.values())


def _start(theta0: Any, problem: Problem, seeds: int, settings: int) -> Array | None:
    if theta0 is None:
        return None
    n = problem.size
    array = finite_numbers("theta0", theta0, "finite")
    allowed = f"of shape ({n},), ({settings}, {n}) or ({seeds}, {settings}, {n})"
    require(array.shape in ((n,), (settings, n), (seeds, settings, n)), "theta0", allowed, array.shape)
    return np.broadcast_to(array, (seeds, settings, n)).astype(problem.dtype)


def _keep_freed_memory() -> None:
    """Allocating and freeing a large block teaches glibc to keep what is freed later.

    Without it every step gives its arrays back to the system and faults them in again: 2.5 times slower.
    """
    np.empty(31 << 20, np.uint8)


def _one_blas_thread() -> contextlib.AbstractContextManager[Any]:
    """Two threads on matrices this small, on a busy machine, are up to a thousand times slower than one."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # NumPy alone is enough to train
        return contextlib.nullcontext()
    return threadpool_limits(limits=1, user_api="blas")
