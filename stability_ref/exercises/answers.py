"""How answers are read, compared and put into words."""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
CLOSE = 1e-5  # of the largest number: far above the rounding of float32, and the cases make mistakes larger


class WrongKindError(Exception):
    """What came back is no answer; the text says what came, and what was asked for."""


def number(answer: Any, what: str = "it returns") -> float:
    """One number, be it Python's or NumPy's.

    >>> number(np.float32(0.5))
    0.5
    """
    array = _array(answer, what, "a number")
    if array.ndim or isinstance(answer, bool | np.bool_):
        raise WrongKindError(f"{what} {brief(answer)}, not one number")
    return float(array)


def numbers(answer: Any) -> Array:
    """An array of numbers, or lists of them.

    >>> numbers([1, 2])
    array([1., 2.])
    """
    return _array(answer, "it returns", "numbers")


def one_of(*words: str) -> Callable[[Any], str]:
    """Reads one of these words."""

    def read(answer: Any) -> str:
        if not isinstance(answer, str) or answer not in words:
            allowed = " or ".join(f'"{word}"' for word in words)
            raise WrongKindError(f"it returns {brief(answer)}, not {allowed}")
        return str(answer)

    return read


def _array(answer: Any, what: str, allowed: str) -> Array:
    try:
        array = np.asarray(answer)
    except ValueError:  # lists of different lengths
        array = np.array(None)
    if array.dtype.kind not in "fiub":
        raise WrongKindError(f"{what} {brief(answer)}, not {allowed}")
    return array.astype(float)


def different(mine: Array, theirs: Array) -> Array:
    """Which numbers differ by more than rounding; NaN is like NaN."""
    finite = np.abs(theirs[np.isfinite(theirs)])
    bound = CLOSE * (finite.max() if finite.size else 0.0)
    return ~np.isclose(mine, theirs, rtol=0, atol=bound, equal_nan=True)


def same(mine: Any, theirs: Any) -> bool:
    """Whether two answers agree: words and None exactly, numbers up to rounding.

    >>> same(0.1 + 0.2, 0.3), same(None, 0.3), same("baseline", "baseline")
    (True, False, True)
    """
    if any(answer is None or isinstance(answer, str | type) for answer in (mine, theirs)):
        return bool(type(mine) is type(theirs) and mine == theirs)
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    return mine.shape == theirs.shape and not different(mine, theirs).any()


def off(mine: Any, right: Any) -> str:
    """How a wrong answer departs from the right one.

    >>> off(40.0, 20.0)
    'it answers 40, not 20'
    """
    if isinstance(right, type):
        return f"it answers {brief(mine)} where it should raise {right.__name__}"
    if np.ndim(right) == 0 or mine is None or (np.shape(mine) == np.shape(right) and np.size(right) <= 4):
        return f"it answers {brief(mine)}, not {brief(right)}"
    if np.shape(mine) != np.shape(right):
        return f"its answer has the shape {np.shape(mine)}, not {np.shape(right)}"
    return f"its numbers are off by up to {brief(np.abs(mine - right).max())}"


def brief(value: Any) -> str:
    """The value in a few words: numbers with up to six digits, long things by their type.

    >>> brief(1 / 3), brief(np.arange(3.0)), brief(object())
    ('0.333333', '[0, 1, 2]', 'something of type object')
    """
    if isinstance(value, float | np.floating):
        return "NaN" if np.isnan(value) else f"{value + 0.0:.6g}"  # + 0.0 makes 0 of −0
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.size <= 4:
        return "[" + ", ".join(map(brief, value)) + "]"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}"
    if callable(value):
        return "a function"
    text = str(value) if isinstance(value, np.ndarray | np.generic) else repr(value)
    tells = len(text) <= 60 and " at 0x" not in text  # an address says nothing, and another one every time
    return text if tells else f"something of type {type(value).__name__}"
