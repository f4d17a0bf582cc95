"""The words of every refusal: which argument, what is allowed, what came."""

import operator
from collections.abc import Collection
from typing import Any

import numpy as np


def require(condition: Any, argument: str, allowed: str, came: Any) -> None:
    """Raise a ValueError that names the argument unless the condition holds.

    >>> require(False, "gamma", "in [0, 1)", 1.5)
    Traceback (most recent call last):
    ValueError: gamma must be in [0, 1), but 1.5 came
    """
    if not condition:
        text = repr(came) if len(repr(came)) <= 120 else repr(came)[:117] + "..."
        raise ValueError(f"{argument} must be {allowed}, but {text} came")


def whole_number(argument: str, value: Any, minimum: int) -> int:
    """The value as an int, or a ValueError: 3 and np.int64(3) pass, 3.0, True and "3" do not.

    >>> whole_number("steps", np.int64(3), minimum=1)
    3
    """
    allowed = f"a whole number of at least {minimum}"
    require(not isinstance(value, bool | np.bool_), argument, allowed, value)
    try:
        number = operator.index(value)
    except TypeError:
        number = minimum - 1
    require(number >= minimum, argument, allowed, value)
    return number


def known(argument: str, name: Any, names: Collection[str]) -> None:
    """Raise a ValueError that lists what exists unless the name is among the names."""
    require(isinstance(name, str) and name in names, argument, "one of " + ", ".join(names), name)


def finite_numbers(
    argument: str, value: Any, allowed: str = "a finite number or an array of them"
) -> np.ndarray:
    """The value as a float array without NaN or inf, or a ValueError; float32 stays float32.

    >>> finite_numbers("base", [1, 2]).dtype
    dtype('float64')
    """
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.array(None)
    is_real = array.dtype.kind in "fiu"
    require(is_real and array.size and np.isfinite(array).all(), argument, allowed, value)
    return array if array.dtype.kind == "f" else array.astype(np.float64)
