"""The self-checks of the lesson on where the normalisation stands: clauses X4 and X5."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.checks import known
from stability_ref.exercises.answers import numbers
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell
from stability_ref.layers import Dense, LayerNorm, ReLU, Sequential
from stability_ref.problems import residual_block

Array = np.ndarray
ROWS, WIDTH = 3, 4
PLACEMENTS = ("pre", "post", "resn", "rezero")


def check_block(name: str, block: Callable[..., Any]) -> Verdict:
    """Compare your residual block with the reference's (playbook X4, X5).

    Args:
        name: pre, post, resn or rezero, see `problems.residual_block`.
        block: your block(h, f, norm) -> h, where f and norm are functions of h; for rezero, block(h, f, a)
            with the learnt number a.

    Returns:
        Whether it is right, and the sentence that was printed.

    Raises:
        ValueError: if there is no block of that name.

    Example:
        >>> verdict = check_block("pre", lambda h, f, norm: norm(h + f(h)))  # doctest: +ELLIPSIS
        Not yet: with a branch f of two layers, ... It looks like this mistake: The sum is normalised: ...
    """
    known("name", name, PLACEMENTS)
    mistakes = [usual for other, usual in PLACED.items() if other != name] + BLOCKS
    exercise = Exercise(
        [
            _block_case("with a branch f of two layers", name, 0, 0.5),
            _block_case("with another f", name, 1, -2.0),
        ]
        + [_block_case("with a = 0", name, 2, 0.0)] * (name == "rezero"),
        REZERO if name == "rezero" else mistakes,
        numbers,
        f"it is the block that the reference calls {name}.",
    )
    return tell(judge(block, exercise))


def check_layer_norm(layer_norm: Callable[..., Any]) -> Verdict:
    """Compare your layer normalisation with the reference's, `layers.LayerNorm` (playbook X4).

    Args:
        layer_norm: your layer_norm(h, gain, offset): over the last axis of h, with 1e-5 added to the variance
            under the root. gain and offset hold one number for each feature.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> def layer_norm(h, gain, offset):
        ...     centred = h - h.mean(axis=0)
        ...     return gain * centred / np.sqrt((centred**2).mean(axis=0) + 1e-5) + offset
        >>> verdict = check_layer_norm(layer_norm)  # doctest: +NORMALIZE_WHITESPACE
        Not yet: with h of shape (3, 4), its numbers are off by up to 2.73238. It looks like this
        mistake: Mean and variance are taken over the batch, not over the features: this is batch
        normalisation.
    """
    rng = np.random.default_rng(0)
    gain, offset = np.array([1.5, -0.5, 2.0, 0.7]), np.array([0.3, -1.0, 0.1, 2.0])
    row = rng.normal(size=(ROWS, WIDTH))
    cases = [
        _norm_case("with h of shape (3, 4)", 200 * row + 100, gain, offset),
        _norm_case("with h as small as the root of ε", 3e-3 * row, gain, offset),
        _norm_case("with rows of equal numbers", np.ones((ROWS, WIDTH)), gain, offset),
        _norm_case("with h of shape (2, 3, 4)", np.stack([row, 5 * row**2]), gain, offset, special=True),
    ]
    praise = "it normalises each row by itself, and a row of equal numbers does not divide by 0."
    return tell(judge(layer_norm, Exercise(cases, NORMS, numbers, praise)))


def _block_case(where: str, name: str, seed: int, a: float) -> Case:
    """A block of the reference with weights of its own: what f is to the reader, and what it should give."""
    rng = np.random.default_rng(seed)
    block, norm = Sequential(*residual_block(name, WIDTH)), LayerNorm(WIDTH)
    weights = [np.array([[a]]) if w.shape == (1, 1) else w for w in block.initial(rng)]
    matrices = [w for w in weights if w.shape == (WIDTH, WIDTH)]
    f = Sequential(Dense(WIDTH, WIDTH, bias=False), ReLU(), Dense(WIDTH, WIDTH, bias=False))

    def branch(h: Array) -> Array:
        return f.forward(matrices, h)[0]

    def normalise(h: Array) -> Array:
        return norm.forward(norm.initial(rng), h)[0]

    h = 3 * rng.normal(size=(ROWS, WIDTH))
    given = a if name == "rezero" else normalise
    return Case(where, (h, branch, given), block.forward(weights, h)[0])


def _norm_case(where: str, h: Array, gain: Array, offset: Array, special: bool = False) -> Case:
    right, _ = LayerNorm(WIDTH).forward((gain, offset), h)
    return Case(where, (h, gain, offset), right, special)


PLACED = {
    "pre": Usual("This is pre-norm, which normalises what goes into f.", lambda h, f, norm: h + f(norm(h))),
    "post": Usual(
        "The sum is normalised: this is post-norm, known to cause issues.", lambda h, f, norm: norm(h + f(h))
    ),
    "resn": Usual("Here f comes first and its output is normalised.", lambda h, f, norm: h + norm(f(h))),
}
_NO_RESIDUAL = "The residual connection is missing: h itself must be added."
_ON_THE_SKIP_PATH = "h is normalised on the skip path too, which should hand it on as it came."
_TWICE = "It normalises twice."
BLOCKS = [
    Usual("Nothing is normalised.", lambda h, f, norm: h + f(h)),
    Usual(_NO_RESIDUAL, lambda h, f, norm: f(norm(h))),
    Usual(_NO_RESIDUAL, lambda h, f, norm: norm(f(h))),
    Usual(_NO_RESIDUAL, lambda h, f, norm: f(h)),
    Usual(_ON_THE_SKIP_PATH, lambda h, f, norm: norm(h) + f(norm(h))),
    Usual(_ON_THE_SKIP_PATH, lambda h, f, norm: norm(h) + norm(f(h))),
    Usual(_ON_THE_SKIP_PATH, lambda h, f, norm: norm(h) + f(h)),
    Usual(_TWICE, lambda h, f, norm: h + norm(f(norm(h)))),
    Usual(_TWICE, lambda h, f, norm: norm(h + f(norm(h)))),
    Usual(_TWICE, lambda h, f, norm: norm(h + norm(f(h)))),
    Usual("f is left out: the normalised h is added.", lambda h, f, norm: h + norm(h)),
]
REZERO = [
    Usual("a multiplies the sum, so that at a = 0 nothing gets through.", lambda h, f, a: a * (h + f(h))),
    Usual("a multiplies h and not the branch f(h).", lambda h, f, a: a * h + f(h)),
    Usual("a stands inside f; it multiplies what comes out.", lambda h, f, a: h + f(a * h)),
    Usual("a is not used.", lambda h, f, a: h + f(h)),
    Usual(_NO_RESIDUAL, lambda h, f, a: a * f(h)),
    Usual("h is weighted with 1 − a; it is handed on whole.", lambda h, f, a: (1 - a) * h + a * f(h)),
    Usual("a is added; it multiplies the branch.", lambda h, f, a: h + a + f(h)),
]


def _normaliser(
    axis: int | None = -1,
    epsilon: float = 1e-5,
    *,
    centre: bool = True,
    spread: Callable[..., Any] = np.var,
    root: Callable[..., Any] = lambda variance, epsilon: np.sqrt(variance + epsilon),
) -> Callable[..., Any]:
    """A layer normalisation that departs from the right one in what is said here."""

    def layer_norm(h: Array, gain: Array, offset: Array) -> Array:
        mean = h.mean(axis=axis, keepdims=True) if centre else 0.0
        return gain * (h - mean) / root(spread(h, axis=axis, keepdims=True), epsilon) + offset

    return layer_norm


_right = _normaliser()
NORMS = [
    Usual(
        "Mean and variance are taken over the batch, not over the features: this is batch normalisation.",
        _normaliser(axis=0),
    ),
    Usual("Mean and variance are taken over all numbers together, not of each row.", _normaliser(axis=None)),
    Usual(
        "The variance is divided by n − 1 (Bessel's correction); here it is the mean of the squares.",
        _normaliser(spread=lambda h, **over: np.var(h, ddof=1, **over)),
    ),
    Usual(
        "ε is added to the root; it belongs to the variance, under the root.",
        _normaliser(root=lambda variance, epsilon: np.sqrt(variance) + epsilon),
    ),
    Usual("ε is missing: a row of equal numbers is 0 divided by 0.", _normaliser(epsilon=0.0)),
    *(
        Usual("ε is another one than 1e-5.", _normaliser(epsilon=epsilon))
        for epsilon in (1e-3, 1e-6, 1e-7, 1e-8, 1e-12)
    ),
    Usual(
        "The mean is not subtracted, and the mean square takes the place of the variance: this is RMSNorm.",
        _normaliser(centre=False, spread=lambda h, **over: np.mean(h**2, **over)),
    ),
    Usual("The mean is not subtracted.", _normaliser(centre=False)),
    Usual(
        "It divides by the variance; its root is missing.",
        _normaliser(root=lambda variance, epsilon: variance + epsilon),
    ),
    Usual("It does not divide by the root of the variance.", _normaliser(root=lambda *_: 1.0)),
    Usual(
        "The gain stands before the normalisation, which takes it away again: it multiplies the result.",
        lambda h, gain, offset: _right(gain * h, 1.0, 0.0) + offset,
    ),
    Usual("The offset is not added.", lambda h, gain, offset: _right(h, gain, 0.0)),
    Usual("The gain is not used.", lambda h, gain, offset: _right(h, 1.0, offset)),
    Usual("Gain and offset are not used.", lambda h, gain, offset: _right(h, 1.0, 0.0)),
    Usual("The gain multiplies the offset too.", lambda h, gain, offset: gain * _right(h, 1.0, offset)),
    Usual("Gain and offset have changed places.", lambda h, gain, offset: _right(h, offset, gain)),
    Usual(
        "The means have lost the axis that they were taken over: keepdims=True keeps it.",
        lambda h, gain, offset: gain * (h - h.mean(axis=-1)) + offset,
    ),
    Usual(
        "axis=1 is the last axis only where there are two: take axis=-1.",
        _normaliser(axis=1),
    ),
]
