"""The sharpness of a problem at given parameters, and all along a run."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stability_ref.checks import finite_numbers, known, require, whole_number
from stability_ref.problems import Problem
from stability_ref.schedules import Schedule
from stability_ref.sharpness.edges import EDGES, preconditioner
from stability_ref.sharpness.lanczos import Top, top_eigenvalue
from stability_ref.sharpness.warm_start import ENOUGH, warm_start
from stability_ref.training import Record, run
from stability_ref.updates import RULES

Array = np.ndarray
MOST_PRODUCTS = 300


def sharpness(
    problem: Problem,
    theta: Array,
    rows: Array | None = None,
    *,
    start: Array | None = None,
    preconditioner: Array | None = None,
    tolerance: float = 1e-6,
    most_products: int = MOST_PRODUCTS,
) -> Top:
    """The top eigenvalue of the loss's Hessian at θ, or of P⁻¹H (playbook E).

    Args:
        problem: see `problems`.
        theta: K trials' parameters, shape (K, n).
        rows: of the data, shape (batch,), (1, batch) or (K, batch); None for all of the training set.
        start: a vector to start from, shape (K, n), such as `vector` of the point before; rows that are not
            finite and None are replaced by a random one, the same each time.
        preconditioner: the diagonal P, shape (K, n), see `edges.preconditioner`.
        tolerance: of the value, relative.
        most_products: with the Hessian, whatever is reached.

    Returns:
        Values and vectors; NaN for a trial that diverged.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> from stability_ref.problems import Quadratic
        >>> top = sharpness(Quadratic([1.0, 10.0]), np.ones((1, 2)))
        >>> top.value.round(6), np.abs(top.vector).round(6)
        (array([10.]), array([[0., 1.]]))
    """
    n = problem.size
    theta = np.asarray(theta, dtype=problem.dtype)
    require(theta.ndim == 2 and theta.shape[1] == n, "theta", f"of shape (K, {n})", theta.shape)
    rows = problem.all_rows if rows is None else np.asarray(rows)
    chosen = np.broadcast_to(np.random.default_rng(0).normal(size=n), theta.shape)
    if start is not None:
        require(np.shape(start) == theta.shape, "start", f"of shape {theta.shape}", np.shape(start))
        chosen = np.where(np.isfinite(start).all(axis=-1, keepdims=True), start, chosen)
    with np.errstate(all="ignore"):
        product = problem.hessian_vector_product(theta, np.atleast_2d(rows))
    return top_eigenvalue(
        product, chosen, preconditioner=preconditioner, tolerance=tolerance, most_products=most_products
    )


class Sharpness(NamedTuple):
    """The sharpness along a run. S seeds, R settings, M measurements."""

    at: Array  # (M,) the number of updates after which it was measured: it is that of θ_t
    value: Array  # (S, R, M) the top eigenvalue at θ_t, for an adaptive rule that of P⁻¹H
    edge: Array  # (S, R, M) the rule's edge at the rate η_t that θ_t meets
    record: Record  # what `training.run` recorded
    products: float  # products with the Hessian that a measurement took, in the mean


def along_run(
    problem: Problem,
    rule: str,
    schedule: Schedule,
    steps: int,
    *,
    every: int = 1,
    rows: Array | None = None,
    seeds: Sequence[int] = (0,),
    tolerance: float = 1e-4,
    most_products: int = MOST_PRODUCTS,
    **options: Any,
) -> Sharpness:
    """`training.run`, with the sharpness after every few updates beside the rule's edge (playbook E).

    The state that an update leaves behind gives the adaptive rules' P. The next update compares: θ_t, which
    t updates made, meets the rate η_t, so the edge is the one at η_t. After the last update, which no rate
    follows, it is the one at the rate before.

    Each measurement starts from what those before it found, see `warm_start`: two products where training is
    smooth, five to ten where θ jumps about at the edge. A trial that diverged is NaN and costs nothing more.

    Args:
        problem: what is trained.
        rule: a name in `updates.RULES`.
        schedule: as in `training.run`.
        steps: T ≥ 1.
        every: measured after so many updates, again and again; at most T.
        rows: of the data, shape (batch,), on which the Hessian is taken; None for all of the training set.
        seeds: as in `training.run`.
        tolerance: of the value, relative; ours is finer than a figure shows, `sharpness` has 1e-6.
        most_products: of a measurement.
        options: the other arguments of `training.run`.

    Returns:
        The sharpness and the run; NaN where the run was stopped before.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> from stability_ref import problems, schedules
        >>> seen = along_run(problems.Quadratic([1.0, 10.0]), "sgd", schedules.constant(0.1), 4, every=2)
        >>> seen.at, seen.value[0, 0].round(6), seen.edge[0, 0]
        (array([2, 4]), array([10., 10.]), array([20., 20.]))
    """
    known("rule", rule, RULES)
    steps = whole_number("steps", steps, minimum=1)
    every = whole_number("every", every, minimum=1)
    require(every <= steps, "every", f"at most the {steps} steps", every)
    measure = functools.partial(
        sharpness, problem, rows=rows, tolerance=tolerance, most_products=most_products
    )
    watch = _Watch(rule, steps, every, measure)
    watched = RULES[rule]._replace(update=functools.wraps(RULES[rule].update)(watch))
    record = run(problem, watched, schedule, steps, seeds=seeds, **options)
    at = np.arange(every, steps + 1, every)
    value = watch.values(len(at), record.steps_done.size).reshape(*record.steps_done.shape, len(at))
    edge = _edges(rule, record.rate[:, np.minimum(at, steps - 1)], options.get("constants") or {})
    products = float(np.mean(watch.products)) if watch.products else float("nan")
    return Sharpness(at, value, np.broadcast_to(edge, value.shape).copy(), record, products)


class _Watch:
    """A rule's update that measures the sharpness of what it returns; `run` calls it chunk by chunk."""

    def __init__(self, rule: str, steps: int, every: int, measure: Any):
        self.rule, self.steps, self.every, self.measure = rule, steps, every, measure
        self.chunks: list[list[Array]] = []  # of each chunk of trials the measurements (K,)
        self.calls = 0
        self.products: list[int] = []

    def __call__(self, theta: Array, g: Array, state: Any, *rate: Any, **constants: Any) -> tuple[Array, Any]:
        theta, state = RULES[self.rule].update(theta, g, state, *rate, **constants)
        if self.calls % self.steps == 0:  # a chunk makes all of its steps before the next begins
            self.chunks.append([])
            self.found: list[Array] = []  # the chunk's last vectors (K, n)
        self.calls += 1
        if (self.calls - 1) % self.steps % self.every == self.every - 1:
            self.chunks[-1].append(self._measured(theta, preconditioner(self.rule, state, **constants)))
        return theta, state

    def _measured(self, theta: Array, P: Array | None) -> Array:
        """The sharpness of the trials that are still finite, (K,)."""
        value = np.full(len(theta), np.nan)
        finite = np.isfinite(theta).all(axis=-1)
        if P is not None:
            finite &= np.isfinite(P).all(axis=-1)
            P = P[finite]
        if finite.any():
            start = warm_start(self.found)[finite] if self.found else None
            top = self.measure(theta[finite], start=start, preconditioner=P)
            vector = np.full(theta.shape, np.nan)
            value[finite], vector[finite] = top.value, top.vector
            self.found = [*self.found, vector][-ENOUGH:]
            self.products.append(top.products)
        return value

    def values(self, measurements: int, trials: int) -> Array:
        """What all chunks measured, (trials, M), with NaN for what was not."""
        found = np.full((trials, measurements), np.nan)
        first = 0
        for chunk in self.chunks:
            for m, value in enumerate(chunk):
                found[first : first + len(value), m] = value
            first += len(chunk[0]) if chunk else 0
        return found


def _edges(rule: str, rates: Array, constants: dict[str, Any]) -> Array:
    """The edge at each rate (R or 1, M), of shape (R, M)."""
    names = [name for name in ("gamma", "beta1") if name in RULES[rule].defaults]
    chosen = {name: constants.get(name, RULES[rule].defaults[name]) for name in names}
    columns = {name: np.reshape(finite_numbers(name, value), (-1, 1)) for name, value in chosen.items()}
    with np.errstate(divide="ignore"):  # at a rate of 0 every curvature is borne
        return EDGES[rule](rates, **columns)
