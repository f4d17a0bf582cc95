"""Where the next top eigenvector will be, from those that were found: a good start costs few products."""

from collections.abc import Callable, Sequence

import numpy as np

Array = np.ndarray
ENOUGH = 4  # vectors: the last one, and three that a guess of it is made from


def warm_start(found: Sequence[Array]) -> Array:
    """A guess at the next vector, for each trial by the way that would have guessed its last one best.

    Where training is smooth the vector turns steadily, so twice the last one less the one before is best.
    At the edge of stability θ jumps to and fro, and the one before the last is; or else it is the last.

    Args:
        found: the last unit vectors, newest last, each (K, n): one at least, and `ENOUGH` are enough.

    Returns:
        The guess, (K, n), of any length.

    Example:
        >>> angles = [0.0, 0.1, 0.2, 0.3]
        >>> turning = [np.array([[np.cos(angle), np.sin(angle)]]) for angle in angles]
        >>> guess = warm_start(turning)[0]
        >>> round(float(np.arctan2(guess[1], guess[0])), 2)
        0.4
    """
    if len(found) < 2:
        return found[-1]
    if len(found) < ENOUGH:
        return _onward(found)
    guesses = np.stack([way(found) for way in WAYS])  # (ways, K, n)
    past = np.stack([way(found[:-1]) for way in WAYS])
    with np.errstate(invalid="ignore"):  # a trial that diverged is NaN
        cosines = np.abs((past * found[-1]).sum(axis=-1)) / np.linalg.norm(past, axis=-1)
    return guesses[cosines.argmax(axis=0), np.arange(len(found[-1]))]


def _onward(found: Sequence[Array]) -> Array:
    before, last = found[-2:]
    side = np.sign((before * last).sum(axis=-1, keepdims=True))  # of an eigenvector is nobody's choice
    return 2 * last - side * before


def _back(found: Sequence[Array]) -> Array:
    return found[-2]


def _the_same(found: Sequence[Array]) -> Array:
    return found[-1]


WAYS: tuple[Callable[[Sequence[Array]], Array], ...] = (_onward, _back, _the_same)
