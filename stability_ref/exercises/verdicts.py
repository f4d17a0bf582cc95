"""What a self-check says and how it is found: your answers beside the right ones and those of known mistakes.

Your function is asked on a few small cases. Where an answer is wrong, the mistakes that are known are asked
the same, and the one that answers as yours does is named.
"""

import contextlib
import copy
import inspect
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from stability_ref.exercises.answers import WrongKindError, brief, off, same

Function = Callable[..., Any]
STOPS = (Exception, SystemExit)  # whatever the reader's code raises is an answer, not a crash


class Verdict(NamedTuple):
    """What a self-check found."""

    right: bool
    sentence: str


class Case(NamedTuple):
    """One call of the reader's function."""

    where: str  # in words: "with λ = 5 and |g| = 13"
    arguments: tuple[Any, ...]
    right: Any  # the answer as `Exercise.read` reads it; a class of exceptions where it must refuse
    special: bool = False  # a corner, such as NaN, that the same mistake may come with or without


class Usual(NamedTuple):
    """A usual mistake: what to say of it, and a function that makes it."""

    says: str
    function: Function


class Exercise(NamedTuple):
    """What a self-check asks; special cases come last."""

    cases: Sequence[Case]
    mistakes: Sequence[Usual]
    read: Callable[[Any], Any]  # what came back, in a form to compare; raises WrongKindError
    praise: str
    tell: Callable[[Any, Any], str] = off  # how a wrong answer departs from the right one


class _Outcome(NamedTuple):
    answer: Any = None
    problem: str = ""  # why there is no answer
    stopped: bool = False
    printed: bool = False
    overwrote: str = ""  # the name of an argument that is not as it was


def tell(verdict: Verdict) -> Verdict:
    """Print the sentence, and hand the verdict on."""
    print(verdict.sentence)
    return verdict


def stops_with(error: BaseException) -> str:
    """How the reader's code stopped, in the first line of its own message.

    >>> stops_with(KeyError("rate"))
    "it stops with KeyError: 'rate'"
    """
    message, *_ = str(error).splitlines() or [""]
    return f"it stops with {type(error).__name__}" + (f": {message}" if message else "")


def judge(function: Function, exercise: Exercise) -> Verdict:
    """Ask the function every case, and say what is wrong with the first wrong answer."""
    if not callable(function):
        came = "nothing" if function is None else brief(function)
        return Verdict(False, f"Not yet: hand over the function itself, by its name alone; {came} came.")
    outcomes = [_ask(function, case, exercise.read) for case in exercise.cases]
    pairs = zip(outcomes, exercise.cases, strict=True)
    wrong = [place for place, (outcome, case) in enumerate(pairs) if not _is_right(outcome, case)]
    if wrong:
        return Verdict(False, f"Not yet: {_what_is_wrong(outcomes, wrong[0], exercise)}")
    if overwritten := next((outcome.overwrote for outcome in outcomes if outcome.overwrote), ""):
        return Verdict(False, f"Almost: the answers agree, but {overwritten} is overwritten in place.")
    prints = " It also prints, and a run would do so at every call." * any(o.printed for o in outcomes)
    return Verdict(True, f"Right: {exercise.praise}{prints}")


def _what_is_wrong(outcomes: list[_Outcome], place: int, exercise: Exercise) -> str:
    outcome, case = outcomes[place], exercise.cases[place]
    if all(each.answer is None and not each.problem for each in outcomes):
        if any(each.printed for each in outcomes):
            return (
                "it prints its answer and returns None. Return the answer: whoever calls cannot use a print."
            )
        return "it returns None. Does it end with return?"
    how = outcome.problem or exercise.tell(outcome.answer, case.right)
    found = f"{case.where}, {how.rstrip('. ')}."
    if outcome.problem and not outcome.stopped:
        return found
    if mistake := _mistake_like(outcomes, place, exercise):
        return f"{found} It looks like this mistake: {mistake}"
    return found if outcome.stopped else f"{found} It looks like none of the mistakes that are known here."


def _mistake_like(outcomes: list[_Outcome], place: int, exercise: Exercise) -> str:
    """What is said of the first mistake that answers as yours does; nothing if there is none.

    Where yours goes wrong in a plain case, the special ones do not count; nor does a case that stops it.
    """
    in_a_corner = exercise.cases[place].special
    matters = [
        (outcome, case)
        for number, (outcome, case) in enumerate(zip(outcomes, exercise.cases, strict=True))
        if number == place or (not outcome.problem and (in_a_corner or not case.special))
    ]
    for says, function in exercise.mistakes:
        if all(_alike(outcome, _ask(function, case, exercise.read)) for outcome, case in matters):
            return says
    return ""


def _ask(function: Function, case: Case, read: Callable[[Any], Any]) -> _Outcome:
    arguments = copy.deepcopy(case.arguments)
    with quietly() as printed:
        try:
            returned = function(*arguments)
            outcome = _Outcome(None if returned is None else read(returned))
        except WrongKindError as error:
            outcome = _Outcome(problem=str(error))
        except STOPS as error:
            refuses = isinstance(case.right, type) and isinstance(error, case.right)
            outcome = _Outcome(case.right) if refuses else _Outcome(problem=stops_with(error), stopped=True)
    changed = [not _untouched(*pair) for pair in zip(arguments, case.arguments, strict=True)]
    overwrote = _argument(function, changed.index(True)) if any(changed) else ""
    return outcome._replace(printed=bool(printed.getvalue()), overwrote=overwrote)


def _argument(function: Function, place: int) -> str:
    """What the reader calls it."""
    try:
        return list(inspect.signature(function).parameters)[place]
    except (ValueError, IndexError):  # a function of C, or one of *arguments
        return "an argument"


@contextlib.contextmanager
def quietly() -> Iterator[io.StringIO]:
    """Without what the reader's code prints, which is collected, and without NumPy's warnings."""
    printed = io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        np.errstate(all="ignore"),
        warnings.catch_warnings(action="ignore"),
    ):
        yield printed


def _untouched(now: Any, before: Any) -> bool:
    if callable(before) or isinstance(before, str):
        return True
    if isinstance(before, dict):
        return list(now.items()) == list(before.items())
    return np.shape(now) == np.shape(before) and np.array_equal(now, before, equal_nan=True)


def _is_right(outcome: _Outcome, case: Case) -> bool:
    return not outcome.problem and same(outcome.answer, case.right)


def _alike(mine: _Outcome, theirs: _Outcome) -> bool:
    return mine.problem == theirs.problem and same(mine.answer, theirs.answer)
