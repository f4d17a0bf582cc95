"""The self-checks of how sharpness is measured: a product with the Hessian, and its largest eigenvalue."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stability_ref.exercises.answers import number, numbers
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell

Array = np.ndarray
A = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, -1.0], [0.0, -1.0, 4.0]])


def check_hessian_vector_product(product: Callable[..., Any]) -> Verdict:
    """Compare your product of the Hessian with a vector, which needs the gradient alone (playbook E).

    The answers are compared to five digits. A central difference with a step from 1e-3 to 1e-8 agrees.

    Args:
        product: your product(gradient, theta, v) -> H v, the derivative of the gradient in the direction v.
            gradient is a function of theta; theta and v have the shape (n,).

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_hessian_vector_product(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda gradient, theta, v: gradient(theta + v) - gradient(theta)
        ... )
        Not yet: with v = [4, -3, 1], it answers [257, -88.5, 45], not [33, -7.5, 31]. It looks like this
        mistake: It is a forward difference, and its step r is too large: its error shrinks with r, that of a
        central one with r².
    """
    praise = "two gradients, a short step either way along v, and no matrix was ever written down."
    first, second = np.array([1.0, -0.5, 2.0]), np.array([-0.75, 1.5, 0.25])
    cases = [
        _product_case("with v = [4, -3, 1]", first, np.array([4.0, -3.0, 1.0])),
        _product_case("elsewhere, with v = [0.1, 0.2, -0.3]", second, np.array([0.1, 0.2, -0.3])),
        _product_case("with v = 0", first, np.zeros(3), special=True),
    ]
    return tell(judge(product, Exercise(cases, PRODUCTS, numbers, praise)))


def check_top_eigenvalue(sharpness: Callable[..., Any]) -> Verdict:
    """Compare your sharpness, the largest eigenvalue of a symmetric matrix, with the right one (playbook E).

    The largest is meant with its sign: of 6 and −9 it is 6. The answers are compared to five digits.

    Args:
        sharpness: your sharpness(product, start) -> the largest eigenvalue. product is a function that
            multiplies a vector with the matrix; start has the shape (n,), and is orthogonal to no
            eigenvector.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> def sharpness(product, start):
        ...     v = start
        ...     for _ in range(100):
        ...         v = product(v) / np.linalg.norm(product(v))
        ...     return v @ product(v)
        >>> verdict = check_top_eigenvalue(sharpness)  # doctest: +NORMALIZE_WHITESPACE
        Not yet: with eigenvalues 6, 1, −2 and −9, it answers -9, not 6. It looks like this mistake:
        Power iteration finds the eigenvalue that is largest in size, be it negative. Subtract it from the
        diagonal, iterate again, and add it to what comes out.
    """
    praise = "it is the largest eigenvalue, with its sign, however large the numbers are."
    cases = [
        _eigenvalue_case("with eigenvalues 10, 8, 3 and 1", [10.0, 8.0, 3.0, 1.0]),
        _eigenvalue_case("with eigenvalues 4000, 1000, 500 and 0", [4000.0, 1000.0, 500.0, 0.0]),
        _eigenvalue_case("with eigenvalues 6, 1, −2 and −9", [6.0, 1.0, -2.0, -9.0], special=True),
    ]
    return tell(judge(sharpness, Exercise(cases, EIGENVALUES, number, praise)))


def _gradient(theta: Array) -> Array:
    """Of ½ θᵀAθ + ½ Σ θ⁴: the Hessian changes with θ, so that the step of a difference matters."""
    return A @ theta + 2 * np.asarray(theta) ** 3


def _product_case(where: str, theta: Array, v: Array, special: bool = False) -> Case:
    return Case(where, (_gradient, theta, v), (A + np.diag(6 * theta**2)) @ v, special)


def _eigenvalue_case(where: str, eigenvalues: Sequence[float], special: bool = False) -> Case:
    """A matrix with these eigenvalues in directions of its own, and a start that leans on the first least."""
    directions = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4))).Q
    matrix = directions * eigenvalues @ directions.T
    return Case(where, (lambda v: matrix @ v, directions @ [1.5, -2.0, 3.0, 2.5]), eigenvalues[0], special)


def _central(gradient: Callable[..., Any], theta: Array, v: Array, step: float = 1e-5) -> Array:
    difference: Array = gradient(theta + step * v) - gradient(theta - step * v)
    return difference / (2 * step)


def _forward(gradient: Callable[..., Any], theta: Array, v: Array, step: float) -> Array:
    difference: Array = gradient(theta + step * v) - gradient(theta)
    return difference / step


_STEPS = [10.0**-exponent for exponent in range(1, 9)]
_TINY = [1e-13, 1e-14, 1e-15, float(np.finfo(float).eps), 1e-16, 1e-17, 1e-20]
PRODUCTS = [
    *(
        Usual(
            "It is a forward difference, and its step r is too large: its error shrinks with r, that of a "
            "central one with r².",
            lambda gradient, theta, v, step=step: _forward(gradient, theta, v, step),
        )
        for step in (1.0, -1.0, *_STEPS[:5])
    ),
    *(
        Usual(
            "The step is too large: the gradient bends on the way.",
            lambda gradient, theta, v, step=step: _central(gradient, theta, v, step),
        )
        for step in (1.0, *_STEPS[:2])
    ),
    *(
        Usual(
            "The step is too small: rounding eats the difference of the two gradients.",
            lambda gradient, theta, v, step=step, difference=difference: difference(gradient, theta, v, step),
        )
        for step in _TINY
        for difference in (_central, _forward)
    ),
    *(
        Usual(
            "The difference is not divided by 2r, the distance of the points; / 2 * r would multiply by r.",
            lambda gradient, theta, v, factor=factor: factor * _central(gradient, theta, v),
        )
        for step in _STEPS
        for factor in (2 * step, step, step**2)
    ),
    Usual(
        "The two points are 2r apart; it divides by r, as if one of them were θ.",
        lambda gradient, theta, v: 2 * _central(gradient, theta, v),
    ),
    Usual(
        "One of the points is θ itself, and the two are r apart; it divides by 2r.",
        lambda gradient, theta, v: _central(gradient, theta, v) / 2,
    ),
    Usual(
        "v is normalised, and the product is as long as v is: multiply by |v| again.",
        lambda gradient, theta, v: _central(gradient, theta, v) / np.linalg.norm(v),
    ),
    Usual(
        "v of length 0 is normalised, which is 0 divided by 0.",
        lambda gradient, theta, v: _central(gradient, theta, v / np.linalg.norm(v)) * np.linalg.norm(v),
    ),
    Usual(
        "It multiplies with v once more: v·Hv is one number.",
        lambda gradient, theta, v: v @ _central(gradient, theta, v),
    ),
    Usual(
        "The sign is turned: subtract the gradient behind from the one ahead.",
        lambda gradient, theta, v: -_central(gradient, theta, v),
    ),
    Usual(
        "v is not used: every coordinate of θ is moved by r.",
        lambda gradient, theta, v: _central(gradient, theta, np.ones_like(v)),
    ),
    Usual(
        "Every coordinate of θ is moved by r, and v multiplies afterwards: move θ along v.",
        lambda gradient, theta, v: v * _central(gradient, theta, np.ones_like(v)),
    ),
    Usual("θ and v have changed places.", lambda gradient, theta, v: _central(gradient, v, theta)),
    Usual("This is the gradient at v: that is H v only in a bowl.", lambda gradient, theta, v: gradient(v)),
]


def _power(product: Callable[..., Any], start: Array, steps: int, length: Any = np.linalg.norm) -> Array:
    v = start
    for _ in range(steps):
        v = product(v)
        v = v / length(v)
    return v


def _quotient(product: Callable[..., Any], v: Array) -> float:
    """The curvature along v, v·Hv / v·v, which is the eigenvalue where v is an eigenvector."""
    return float(v @ product(v) / (v @ v))


def _by_power(product: Callable[..., Any], start: Array) -> float:
    return _quotient(product, _power(product, start, 500))


def _largest(v: Array) -> float:
    return float(np.abs(v).max())


def _all(product: Callable[..., Any], start: Array) -> Array:
    """All eigenvalues, from the smallest."""
    return np.linalg.eigvalsh(np.array([product(unit) for unit in np.eye(len(start))]))


EIGENVALUES = [
    *(
        Usual(
            "v is never normalised: it grows until it is inf, and inf / inf is NaN.",
            lambda product, start, steps=steps: _quotient(
                product, _power(product, start, steps, lambda v: 1)
            ),
        )
        for steps in (100, 1000)
    ),
    *(
        Usual(
            "It stops too early: go on until the quotient no longer changes.",
            lambda product, start, steps=steps: _quotient(product, _power(product, start, steps)),
        )
        for steps in (0, 1, 2, 3, 4, 5, 10, 15, 20)
    ),
    *(
        Usual(
            "v·Hv is not divided by v·v, and v has not the length 1.",
            lambda product, start, length=length: np.vdot(
                v := _power(product, start, 500, length), product(v)
            ),
        )
        for length in (_largest, np.sum)
    ),
    Usual(
        "|Hv| is not divided by |v|.",
        lambda product, start: np.linalg.norm(product(_power(product, start, 500, _largest))),
    ),
    Usual("This is the square of the eigenvalue.", lambda product, start: _by_power(product, start) ** 2),
    Usual("The quotient is upside down.", lambda product, start: 1 / _by_power(product, start)),
    Usual("It takes the smallest eigenvalue.", lambda product, start: _all(product, start)[0]),
    Usual(
        "It takes the sum of all eigenvalues, the trace.", lambda product, start: _all(product, start).sum()
    ),
    Usual(
        "Power iteration finds the eigenvalue that is largest in size, be it negative. Subtract it from the "
        "diagonal, iterate again, and add it to what comes out.",
        _by_power,
    ),
    Usual(
        "A length has no sign: v·Hv / v·v has one, and shows that what was found is negative.",
        lambda product, start: abs(_by_power(product, start)),
    ),
    Usual(
        "What was subtracted from the diagonal is not added again.",
        lambda product, start: _all(product, start)[-1] - min(_all(product, start)[0], 0.0),
    ),
]
