"""A point of the sharpness: ours, central differences, torch.func and SciPy's eigsh, in gradients."""

import functools
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.func import grad, jvp, vmap

from benchmarks.report import interleaved, median_and_spread, ratios, table, three_digits
from stability_ref.problems import DigitsProblem
from stability_ref.sharpness import sharpness, warm_start
from stability_ref.training import _keep_freed_memory
from stability_ref.updates import sgd, sgd_init

Array = np.ndarray
Product = Callable[[Array], Array]
EXAMPLES, RATE, EARLIER, POINTS = 500, 0.2, 150, 5
ROUNDS = 9
TOLERANCE = (
    1e-6  # of the eigenvalue; eigsh's is of the residual, which the eigenvalue's error is the square of
)
RITZ_TOLERANCE, LANCZOS_VECTORS = 1e-3, 3
GRADIENT, WARM = "a gradient", "a point, warm: ours"
TARGET = 8.0


class Path(NamedTuple):
    """K trials in training, and what a warm start knows: the vectors of the points before."""

    problem: DigitsProblem
    theta: Array  # (POINTS, K, n)
    found: list[list[Array]]  # of each point the last vectors before it, (K, n) each
    exact: Array  # (POINTS, K) the sharpness


class Contender(NamedTuple):
    """Somebody's way to one point, and what it came to."""

    point: Callable[[int], object]  # of the path
    value: Callable[[object], Array] | None = None  # the sharpness in it, (K,); None for what is no sharpness


def measure() -> str:
    """The section of the results."""
    with threadpool_limits(limits=1, user_api="blas"):
        torch.set_num_threads(1)
        _keep_freed_memory()  # as every run does
        return "\n\n".join([INTRODUCTION, *(section(path(trials)) for trials in (1, 8))])


INTRODUCTION = f"""Full batches of {EXAMPLES} digits, float64, squared error, two hidden layers of width 32
with tanh: n = 4522. SGD made {EARLIER} steps at {RATE}; the next {POINTS} θ, one step apart, are the
points. Everything is in gradients of ours, of all trials at once, round by round, on one thread. A point is
the top eigenvalue to a relative {TOLERANCE:g}; who misses it by more than five times that is refused. Ours
starts warm from what the points before found; eigsh from the vector of the point before, with
{LANCZOS_VECTORS} Lanczos vectors, which is cheapest for it (its default is 20, taken cold), and a tolerance
of {RITZ_TOLERANCE:g}, which is one of the residual. eigsh does trials one by one. Medians of {ROUNDS}
interleaved rounds, quartiles in brackets."""


def path(trials: int) -> Path:
    """The points, with the vectors that a warm start has there."""
    problem = DigitsProblem(
        "feedforward",
        blocks=2,
        width=32,
        activation="tanh",
        loss="squared_error",
        batch_size=None,
        examples=EXAMPLES,
        dtype=np.float64,
    )
    theta = np.stack([problem.initial(seed) for seed in range(trials)])
    thetas, state = [theta], sgd_init(theta)
    for _ in range(EARLIER + POINTS):
        _, g = problem.loss_and_gradient(theta, problem.all_rows[None])
        theta, state = sgd(theta, g, state, RATE)
        thetas.append(theta)
    found: list[Array] = []
    known, exact = [], []
    for theta in thetas[-POINTS - 8 :]:
        known.append(found[-4:])
        start = warm_start(known[-1]) if found else None
        found.append(sharpness(problem, theta, start=start, tolerance=TOLERANCE).vector)
        exact.append(sharpness(problem, theta, tolerance=1e-12).value)
    return Path(problem, np.stack(thetas[-POINTS:]), known[-POINTS:], np.array(exact[-POINTS:]))


def contenders(path: Path) -> dict[str, Contender]:
    """A gradient, products, and whole points; the first is the unit of all."""
    problem, rows = path.problem, path.problem.all_rows[None]
    direction = path.found[0][-1]
    linearised = [problem.hessian_vector_product(theta, rows) for theta in path.theta]

    def ours(i: int, warm: bool) -> Array:
        start = warm_start(path.found[i]) if warm else None
        return sharpness(problem, path.theta[i], start=start, tolerance=TOLERANCE).value

    def scipy_s(i: int, products: Callable[[Path, int], Iterator[Product]], warm: bool) -> Array:
        starts = path.found[i][-1] if warm else [None] * len(path.theta[i])
        return np.array(
            [top(product, v, problem.size) for product, v in zip(products(path, i), starts, strict=True)]
        )

    ways = {
        "a point, {}: ours": ours,
        "a point, {}: eigsh with our products": functools.partial(scipy_s, products=our_products),
        "a point, {}: eigsh with products of torch.func": functools.partial(scipy_s, products=torch_products),
    }
    return {
        GRADIENT: Contender(lambda i: problem.loss_and_gradient(path.theta[i], rows)),
        "what the products of one θ share": Contender(
            lambda i: problem.hessian_vector_product(path.theta[i], rows)
        ),
        "a product: ours": Contender(lambda i: linearised[i](direction)),
        "a product: central differences of our gradient": Contender(
            lambda i: central_difference(problem, path.theta[i], direction)
        ),
        "a product: torch.func, jvp of grad": Contender(torch_stack(path, direction)),
        **{
            name.format("warm" if warm else "cold"): Contender(functools.partial(way, warm=warm), np.asarray)
            for warm in (True, False)
            for name, way in ways.items()
        },
    }


def central_difference(problem: DigitsProblem, theta: Array, direction: Array, step: float = 1e-5) -> Array:
    rows = problem.all_rows[None]
    above, below = (problem.loss_and_gradient(theta + s * direction, rows)[1] for s in (step, -step))
    return (above - below) / (2 * step)


def top(product: Product, start: Array | None, n: int) -> float:
    """The largest eigenvalue by ARPACK."""
    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    vectors = None if start is None else LANCZOS_VECTORS
    [value] = eigsh(
        operator, 1, which="LA", v0=start, ncv=vectors, tol=RITZ_TOLERANCE, return_eigenvectors=False
    )
    return float(value)


def our_products(path: Path, i: int) -> Iterator[Product]:
    """Of each trial, v -> H v of one vector (n,)."""
    for theta in path.theta[i]:
        product = path.problem.hessian_vector_product(theta[None], path.problem.all_rows[None])
        yield functools.partial(lambda product, v: product(v.reshape(1, -1))[0], product)


def torch_products(path: Path, i: int) -> Iterator[Product]:
    loss = torch_loss(path.problem)
    for theta in torch.from_numpy(path.theta[i]):
        yield functools.partial(torch_product, loss, theta)


def torch_product(loss: Callable[[Tensor], Tensor], theta: Tensor, v: Array) -> Array:
    tangent = torch.from_numpy(np.ascontiguousarray(v).reshape(-1))
    return jvp(grad(loss), (theta,), (tangent,))[1].numpy()


def torch_stack(path: Path, direction: Array) -> Callable[[int], object]:
    """The products of all trials at once, by vmap where there are several."""
    loss = torch_loss(path.problem)
    thetas, tangent = torch.from_numpy(path.theta), torch.from_numpy(direction)

    def product(theta: Tensor, v: Tensor) -> Tensor:
        return jvp(grad(loss), (theta,), (v,))[1]

    if len(direction) == 1:
        return lambda i: product(thetas[i, 0], tangent[0])
    stacked = vmap(product)
    return lambda i: stacked(thetas[i], tangent)


def torch_loss(problem: DigitsProblem) -> Callable[[Tensor], Tensor]:
    """The same loss as a function of one flat θ."""
    rows = problem.all_rows
    images, targets = (torch.from_numpy(each[rows]) for each in (problem._images, problem._targets))
    shapes = problem.network.shapes
    sizes = [int(np.prod(shape)) for shape in shapes]

    def loss(theta: Tensor) -> Tensor:
        weights = [w.reshape(shape) for w, shape in zip(theta.split(sizes), shapes, strict=True)]
        h = images
        for place in range(0, len(weights) - 2, 2):
            h = torch.tanh(torch.addmm(weights[place + 1], h, weights[place]))
        output = torch.addmm(weights[-1], h, weights[-2])
        return ((output - targets) ** 2).sum() / (2 * len(output))

    return loss


def refuse_unequal_work(path: Path, contenders: dict[str, Contender]) -> dict[str, float]:
    """Only those who find the sharpness are timed; the largest relative error of each."""
    products = {name: c.point(0) for name, c in contenders.items() if name.startswith("a product")}
    expected = np.asarray(products["a product: ours"])
    for name, came in products.items():
        if not np.allclose(np.asarray(came), expected, rtol=0, atol=1e-6 * np.abs(expected).max()):
            raise AssertionError(f"{name} is another product")
    errors = {}
    for name, contender in contenders.items():
        if contender.value is not None:
            came = np.array([contender.value(contender.point(i)) for i in range(POINTS)])
            errors[name] = float(np.abs(came / path.exact - 1).max())
            if errors[name] > 5 * TOLERANCE:
                raise AssertionError(f"{name} misses the sharpness by up to {errors[name]:.1e}")
    return errors


def seconds_a_point(contender: Contender) -> float:
    start = time.perf_counter()
    for i in range(POINTS):
        contender.point(i)
    return (time.perf_counter() - start) / POINTS


def section(path: Path) -> str:
    """Everybody's cost for one number of trials."""
    everybody = contenders(path)
    errors = refuse_unequal_work(path, everybody)
    measured = interleaved(
        {name: functools.partial(seconds_a_point, c) for name, c in everybody.items()}, ROUNDS
    )
    rows = []
    for name, times in measured.items():
        gradients = ratios(measured, name, GRADIENT)
        said = verdict_at_most(float(np.median(gradients)), TARGET if name == WARM else None)
        error = f"{errors[name]:.0e}" if name in errors else ""
        milliseconds = three_digits(1e3 * float(np.median(times)))
        rows.append([name, median_and_spread(gradients), milliseconds, error, said])
    trials = path.theta.shape[1]
    header = ["", "gradients", "ms", "largest error", "target"]
    return f"### {trials} {'trial' if trials == 1 else 'trials'}\n\n{table(header, rows)}"


def verdict_at_most(value: float, target: float | None) -> str:
    return "" if target is None else f"at most {target:g}: {'met' if value <= target else 'missed'}"
