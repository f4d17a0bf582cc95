"""The catalogue: what a known mistake is, and the decorator that enters it."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Mistake(NamedTuple):
    """A wrong version of a function of the reference."""

    target: str  # what it is a wrong version of: "adam", "prepend_warmup", "clip", ...
    says: str  # one sentence to a student: what is wrong
    seen: str  # where it is found in the wild, or ""
    function: Callable[..., Any]  # the signature of the right one
    init: Callable[[Any], Any] | None = None  # for rules: where the state starts wrong


MISTAKES: dict[str, Mistake] = {}


def mistake(
    target: str, says: str, seen: str = "", init: Callable[[Any], Any] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: enters the function as a wrong version of the target, and where it has been seen."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        MISTAKES[function.__name__] = Mistake(target, says, seen, function, init)
        return function

    return add


def mistakes_with(target: str) -> list[Mistake]:
    """The known wrong versions of one function, by its name.

    >>> len(mistakes_with("constant"))
    1
    """
    return [each for each in MISTAKES.values() if each.target == target]
