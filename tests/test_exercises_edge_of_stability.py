"""The self-checks of lesson 05: right answers are right, and what is wrong is told (playbook E)."""

import numpy as np
import pytest

from stability_ref import exercises
from stability_ref.exercises import edge_of_stability, hessian
from stability_ref.updates import RULES


def ids(usual):
    return usual.says


@pytest.mark.parametrize("kind", [float, np.float32, np.float64, np.array])
def test_a_right_rate_is_right(kind, capsys):
    verdict = exercises.check_largest_stable_rate(lambda h, gamma: kind(2 * (1 + gamma) / h))
    assert verdict.right
    assert capsys.readouterr().out == verdict.sentence + "\n"


@pytest.mark.parametrize("usual", edge_of_stability.LARGEST_RATES, ids=ids)
def test_a_usual_mistake_with_the_rate_is_named(usual):
    verdict = exercises.check_largest_stable_rate(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def found_by_runs(sharpness, gamma):
    """By bisection: runs in a bowl at smaller rates come closer, those at larger ones go away."""
    rule, stable, unstable = RULES["momentum"], 0.1 / sharpness, 8 / sharpness
    while unstable - stable > 1e-7 * stable:
        rate = (stable + unstable) / 2
        theta, state, path = 1.0, rule.init(0.0), []
        for _ in range(1000):
            theta, state = rule.update(theta, sharpness * theta, state, rate, gamma=gamma)
            path.append(abs(theta))
        stable, unstable = (stable, rate) if max(path[500:]) > max(path[400:500]) else (rate, unstable)
    return stable


def test_the_right_rate_is_where_runs_begin_to_diverge():
    assert exercises.check_largest_stable_rate(found_by_runs).right


RATES = {
    "it stops with TypeError": lambda h: 2 / h,
    "it returns [0.19], not one number": lambda h, gamma: [round((2 + 2 * gamma) / h, 9)],
    "it returns '0.19', not a number": lambda h, gamma: f"{(2 + 2 * gamma) / h:.2f}",
    "it answers NaN, not 0.19": lambda h, gamma: np.nan,
    "it returns None. Does it end with return?": lambda h, gamma: None,
    "with γ = 0, which is gradient descent, it stops with ZeroDivisionError": (
        lambda h, gamma: (2 * gamma + 2 * gamma**2) / gamma / h
    ),
    "it prints its answer and returns None": lambda h, gamma: print((2 + 2 * gamma) / h),
}


@pytest.mark.parametrize("says", RATES)
def test_what_is_wrong_with_a_rate_is_told(says):
    verdict = exercises.check_largest_stable_rate(RATES[says])
    assert not verdict.right
    assert says in verdict.sentence


def difference(step, ahead=1.0, behind=1.0):
    """A product by a difference of two gradients."""

    def product(gradient, theta, v):
        far, near = gradient(theta + ahead * step * v), gradient(theta - behind * step * v)
        return (far - near) / ((ahead + behind) * step)

    return product


def scaled(gradient, theta, v):
    length = np.linalg.norm(v)
    return difference(1e-5 / length)(gradient, theta, v) if length else np.zeros_like(v)


RIGHT_PRODUCTS = {
    "with a step of 1e-3": difference(1e-3),
    "with a step of 1e-8": difference(1e-8),
    "with a good forward difference": difference(1e-7, behind=0.0),
    "with a step that the length of v does not change": scaled,
    "with an imaginary step": lambda gradient, theta, v: gradient(theta + 1e-30j * v).imag / 1e-30,
    "with one column of the Hessian at a time": lambda gradient, theta, v: sum(
        v[n] * difference(1e-5)(gradient, theta, unit) for n, unit in enumerate(np.eye(len(v)))
    ),
    "in a list": lambda *given: difference(1e-5)(*given).tolist(),
    "in a tuple": lambda *given: tuple(difference(1e-5)(*given)),
    "in float32": lambda *given: difference(1e-5)(*given).astype(np.float32),
}


@pytest.mark.parametrize("how", RIGHT_PRODUCTS)
def test_a_right_product_is_right(how):
    assert exercises.check_hessian_vector_product(RIGHT_PRODUCTS[how]).right


@pytest.mark.parametrize("usual", hessian.PRODUCTS, ids=ids)
def test_a_usual_mistake_with_the_product_is_named(usual):
    verdict = exercises.check_hessian_vector_product(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def moves_theta(gradient, theta, v):
    theta += 1e-5 * v
    ahead = gradient(theta)
    theta -= 2e-5 * v
    return (ahead - gradient(theta)) / 2e-5


PRODUCTS = {
    "Almost: the answers agree, but theta is overwritten in place.": moves_theta,
    "its step r is too large": difference(1e-3, behind=0.0),
    "The step is too small": lambda gradient, theta, v: (
        (gradient(theta + 1e-16 * v) - gradient(theta - 1e-16 * v)) / 2 / 1e-16
    ),
    "The difference is not divided by 2r": lambda gradient, theta, v: (
        gradient(theta + 1e-6 * v) - gradient(theta - 1e-6 * v)
    ),
    "/ 2 * r would multiply by r": lambda gradient, theta, v: (
        (gradient(theta + 1e-4 * v) - gradient(theta - 1e-4 * v)) / 2 * 1e-4
    ),
    "multiply by |v| again": lambda gradient, theta, v: difference(1e-5)(
        gradient, theta, v / np.linalg.norm(v)
    ),
    "v of length 0 is normalised": lambda gradient, theta, v: difference(1e-5 / np.linalg.norm(v))(
        gradient, theta, v
    ),
    "v·Hv is one number": lambda gradient, theta, v: np.sum(v * difference(1e-5)(gradient, theta, v)),
    "its answer has the shape (3, 1), not (3,)": lambda gradient, theta, v: v[:, None],
    "its answer has the shape (3, 3), not (3,)": lambda gradient, theta, v: np.outer(v, v),
    "it returns a function, not numbers": lambda gradient, theta, v: gradient,
    "it stops with TypeError": lambda gradient, theta, v: gradient * v,
    "it returns 'H v', not numbers": lambda gradient, theta, v: "H v",
    "it answers [NaN, NaN, NaN], not": lambda gradient, theta, v: np.nan * v,
}


@pytest.mark.parametrize("says", PRODUCTS)
def test_what_is_wrong_with_a_product_is_told(says):
    verdict = exercises.check_hessian_vector_product(PRODUCTS[says])
    assert not verdict.right
    assert says in verdict.sentence


def power(product, start, steps=100):
    v = start
    for _ in range(steps):
        v = product(v)
        v = v / np.linalg.norm(v)
    return v @ product(v)


def shifted(product, start):
    """The first eigenvalue that power iteration finds is the largest, or the one to shift by."""
    first = power(product, start)
    return first if first > 0 else first + power(lambda v: product(v) - first * v, start)


def of_the_whole_matrix(product, start):
    return max(np.linalg.eigvalsh(np.stack([product(unit) for unit in np.eye(len(start))])))


def lanczos(product, start):
    basis = [start / np.linalg.norm(start)]
    for _ in range(len(start) - 1):
        w = product(basis[-1])
        for _ in range(2):
            w = w - sum((w @ q) * q for q in basis)
        basis.append(w / np.linalg.norm(w))
    small = np.array([[p @ product(q) for p in basis] for q in basis])
    return np.linalg.eigvalsh(small)[-1]


@pytest.mark.parametrize("right", [shifted, of_the_whole_matrix, lanczos])
@pytest.mark.parametrize("kind", [float, np.array, np.float32])
def test_a_right_eigenvalue_is_right(right, kind):
    assert exercises.check_top_eigenvalue(lambda *given: kind(right(*given))).right


@pytest.mark.parametrize("usual", hessian.EIGENVALUES, ids=ids)
def test_a_usual_mistake_with_the_eigenvalue_is_named(usual):
    verdict = exercises.check_top_eigenvalue(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def length_of_the_product(product, start):
    v = start / np.linalg.norm(start)
    for _ in range(200):
        v = product(v) / np.linalg.norm(product(v))
    return np.linalg.norm(product(v))


def never_normalised(product, start):
    v = start.copy()
    for _ in range(60):
        v = product(v)
    return np.dot(v, product(v)) / np.dot(v, v)


def normalises_the_start(product, start):
    start /= np.linalg.norm(start)
    return shifted(product, start)


EIGENVALUES = {
    "Almost: the answers agree, but start is overwritten in place.": normalises_the_start,
    "it answers -9, not 6. It looks like this mistake: Power iteration finds": power,
    "it answers 9, not 6. It looks like this mistake: A length has no sign": length_of_the_product,
    "v is never normalised": never_normalised,
    "It stops too early": lambda product, start: power(product, start, steps=10),
    "it returns [1, 1, 1, 1], not one number": lambda product, start: np.ones(4),
    "it returns something of type tuple, not a number": lambda product, start: (
        shifted(product, start),
        start,
    ),
    "it stops with TypeError": lambda product, start: product * start,
    "it stops with ValueError": lambda product, start: product(np.ones(3)),
    "it answers NaN, not 10": lambda product, start: np.nan,
    "it answers None, not 6": lambda product, start: first if (first := power(product, start)) > 0 else None,
    "it returns '10.0', not a number": lambda product, start: str(round(power(product, start), 6)),
}


@pytest.mark.parametrize("says", EIGENVALUES)
def test_what_is_wrong_with_an_eigenvalue_is_told(says):
    verdict = exercises.check_top_eigenvalue(EIGENVALUES[says])
    assert not verdict.right
    assert says in verdict.sentence


def with_a_loop(sharpness, rates):
    for t in range(len(rates)):
        if np.isnan(sharpness[t]) or (rates[t] > 0 and sharpness[t] > 2 / rates[t]):
            return t
    return None


def with_an_infinite_edge(sharpness, rates):
    edges = np.full_like(rates, np.inf)
    np.divide(2, rates, out=edges, where=rates > 0)
    return next(iter(np.flatnonzero(~(sharpness <= edges))), None)


def in_a_fraction(sharpness, rates):
    with np.errstate(divide="ignore"):
        above = (sharpness > 2 / rates) | np.isnan(sharpness)
    return float(np.argmax(above)) if np.any(above) else None


def in_an_array(sharpness, rates):
    first = with_a_loop(sharpness, rates)
    return first if first is None else np.array(first)


@pytest.mark.parametrize("right", [with_a_loop, with_an_infinite_edge, in_a_fraction, in_an_array])
def test_a_right_crossing_is_right(right):
    assert exercises.check_safe_warmup(right).right


@pytest.mark.parametrize("usual", edge_of_stability.CROSSINGS, ids=ids)
def test_a_usual_mistake_with_the_crossing_is_named(usual):
    verdict = exercises.check_safe_warmup(usual.function)
    assert not verdict.right
    assert usual.says in verdict.sentence


def off_by_one(sharpness, rates):
    return next((t for t, edge in enumerate(2 / rates[1:]) if sharpness[t] > edge), None)


def repairs_nan(sharpness, rates):
    sharpness[np.isnan(sharpness)] = np.inf
    return with_a_loop(sharpness, rates)


CROSSINGS = {
    "Almost: the answers agree, but sharpness is overwritten in place.": repairs_nan,
    "Sharpness and rate are those of different steps": off_by_one,
    "It compares with 1/η": lambda h, rates: next(t for t in range(len(h)) if h[t] > 1 / rates[t]),
    "Steps count from 0": lambda h, rates: next((t for t, a in enumerate(h * rates > 2, 1) if a), None),
    "It takes the last crossing": lambda h, rates: max(t for t in range(len(h)) if h[t] * rates[t] > 2),
    "Where nothing crosses, argmax finds step 0": lambda h, rates: int((h > 2 / rates).argmax()),
    "Where nothing crosses the answer is None": lambda h, rates: next(
        (t for t in range(len(h)) if not h[t] <= 2 / rates[t]), -1
    ),
    "NaN counts as above the edge": lambda h, rates: next(
        (t for t in range(len(h)) if h[t] > 2 / rates[t]), None
    ),
    "ask for `is None`": lambda h, rates: with_a_loop(h, rates) or None,
    "where the sharpness stays below the edge, it stops with IndexError": lambda h, rates: np.flatnonzero(
        h * rates > 2
    )[0],
    "it returns True, not one number": lambda h, rates: bool((h > 2 / rates).any()),
    "it returns [4, 5], not one number": lambda h, rates: np.flatnonzero(h > 2 / rates),
    "it returns 'never', not a number": lambda h, rates: "never",
    "Python's own numbers refuse to divide by 0": lambda h, rates: [
        a > 2 / b for a, b in zip(h.tolist(), rates.tolist(), strict=True)
    ].index(True),
    "it returns None. Does it end with return?": lambda h, rates: None,
}


@pytest.mark.parametrize("says", CROSSINGS)
def test_what_is_wrong_with_a_crossing_is_told(says):
    verdict = exercises.check_safe_warmup(CROSSINGS[says])
    assert not verdict.right
    assert says in verdict.sentence
