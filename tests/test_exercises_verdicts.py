"""What a self-check says whatever the exercise is: crashes, prints, None and arguments that were changed."""

import functools
import warnings

import numpy as np
import pytest

from stability_ref import exercises
from stability_ref.exercises.answers import brief, number, numbers, off, one_of, same
from stability_ref.exercises.verdicts import Case, Exercise, Usual, judge

CASES = [
    Case("with 1, 2 and 3", (np.array([1.0, 2.0, 3.0]),), 6.0),
    Case("with 4 and 5", (np.array([4.0, 5.0]),), 9.0),
    Case("with nothing", (np.array([]),), 0.0, special=True),
]
MISTAKES = [
    Usual("It is the largest.", np.max),
    Usual("It is the mean.", np.mean),
    Usual("It fails where there is nothing.", lambda x: x.sum() + 0 * x[0]),
]
UNKNOWN = "It looks like none of the mistakes that are known here."
SUM = Exercise(CASES, MISTAKES, number, "it is the sum.")


def prints_and_forgets_to_return(x):
    print(x.sum())


def prints(x):
    print("debugging")
    return x.sum()


def overwrites(x):
    total = x.sum()
    x *= 0
    return total


def warns(x):
    warnings.warn("old", stacklevel=1)
    return np.sum(x) + 0 * np.float64(1) / 0


def exits(x):
    raise SystemExit(2)


def recurses(x):
    return recurses(x)


ANSWERS = {
    "Right: it is the sum.": np.sum,
    "Right: it is the sum. It also prints, and a run would do so at every call.": prints,
    "Almost: the answers agree, but x is overwritten in place.": overwrites,
    "Not yet: it returns None. Does it end with return?": lambda x: None,
    "Not yet: it prints its answer and returns None. Return the answer: whoever calls cannot use a print.": (
        prints_and_forgets_to_return
    ),
    "Not yet: with 1, 2 and 3, it answers 3, not 6. It looks like this mistake: It is the largest.": max,
    "Not yet: with nothing, it stops with IndexError: list index out of range.": lambda x: (
        sum(x) + 0 * x.tolist()[0]
    ),
    f"Not yet: with 1, 2 and 3, it answers 7, not 6. {UNKNOWN}": (lambda x: x.sum() + 1),
    "Not yet: with 1, 2 and 3, it stops with SystemExit: 2.": exits,
    f"Not yet: with 1, 2 and 3, it answers NaN, not 6. {UNKNOWN}": (warns),
    "Not yet: with 1, 2 and 3, it returns [1], not one number.": lambda x: np.ones(1),
    "Not yet: with 1, 2 and 3, it returns a function, not a number.": lambda x: max,
    "Not yet: hand over the function itself, by its name alone; 6 came.": 6.0,
    "Not yet: hand over the function itself, by its name alone; nothing came.": None,
}


@pytest.mark.parametrize("sentence", ANSWERS)
def test_every_answer_has_its_sentence(sentence, capsys):
    verdict = judge(ANSWERS[sentence], SUM)
    assert verdict.sentence == sentence
    assert verdict.right is sentence.startswith("Right")
    assert capsys.readouterr().out == ""


def test_endless_recursion_is_an_answer():
    assert "it stops with RecursionError" in judge(recurses, SUM).sentence


def test_in_a_corner_the_mistake_that_stops_in_the_same_way_is_named():
    assert "It fails where there is nothing." in judge(lambda x: x.sum() * (x[0] == x[0]), SUM).sentence


def test_the_mean_is_named_whatever_it_does_in_the_corner():
    assert "It is the mean." in judge(lambda x: x.mean() if len(x) else 0, SUM).sentence


def test_a_crash_in_one_case_does_not_hide_the_mistake_in_another():
    assert "It is the mean." in judge(lambda x: x.mean() if len(x) == 3 else {}[0], SUM).sentence


def test_where_a_refusal_is_right_an_answer_is_wrong_and_another_error_too():
    refusal = Exercise([Case("with NaN", (np.nan,), ValueError)], [], number, "refused.")
    assert judge(lambda x: int(x), refusal).right  # Python itself refuses, with a ValueError
    assert judge(lambda x: 0.5, refusal).sentence == (
        "Not yet: with NaN, it answers 0.5 where it should raise ValueError. "
        "It looks like none of the mistakes that are known here."
    )
    assert judge(lambda x: {}[0], refusal).sentence == "Not yet: with NaN, it stops with KeyError: 0."


def empties_the_last(*given):
    return float(given[-1].popitem()[0])


@pytest.mark.parametrize(
    ("function", "name", "right"),
    [
        (lambda first, tried: tried.popitem()[0], "tried", 1.0),
        (empties_the_last, "an argument", 1.0),
        (dict.update, "an argument", None),  # Python does not say what it calls them
    ],
)
def test_the_argument_that_was_changed_is_named(function, name, right):
    exercise = Exercise([Case("with two", ({2: True}, {1: True}), right)], [], number, "right.")
    assert judge(function, exercise).sentence == (
        f"Almost: the answers agree, but {name} is overwritten in place."
    )


@pytest.mark.parametrize(
    ("mine", "theirs", "agree"),
    [
        (0.1 + 0.2, 0.3, True),
        (np.float32(0.3), 0.3, True),
        (0.3001, 0.3, False),
        (np.nan, np.nan, True),
        (np.nan, 0.3, False),
        (np.inf, np.inf, True),
        (np.ones(2), np.ones(3), False),
        (np.ones(1), 1.0, False),
        (None, None, True),
        (None, 0.0, False),
        ("a", "b", False),
        (ValueError, ValueError, True),
        (0.0, ValueError, False),
    ],
)
def test_answers_agree_up_to_rounding(mine, theirs, agree):
    assert same(mine, theirs) is agree


def test_words_for_values():
    assert brief(np.float64(0.1 + 0.2)) == "0.3"
    assert brief(-0.0) == "0"
    assert brief(np.nan) == "NaN"
    assert brief(np.ones((2, 2))) == "an array of shape (2, 2)"
    assert brief("x" * 100) == "something of type str"
    assert off(np.ones(9), np.zeros(9)) == "its numbers are off by up to 1"
    assert off(np.ones(9), np.zeros(8)) == "its answer has the shape (9,), not (8,)"


@pytest.mark.parametrize(
    ("read", "answer", "says"),
    [
        (number, True, "it returns True, not one number"),
        (number, "1", "it returns '1', not a number"),
        (number, [[1], [2, 3]], "it returns [[1], [2, 3]], not a number"),
        (number, 1j, "it returns 1j, not a number"),
        (numbers, {"a": 1}, "it returns {'a': 1}, not numbers"),
        (one_of("a", "b"), "A", 'it returns \'A\', not "a" or "b"'),
    ],
)
def test_an_answer_of_another_kind_is_told(read, answer, says):
    exercise = Exercise([Case("with nothing", (), 1.0)], [], read, "right.")
    assert judge(lambda: answer, exercise).sentence == f"Not yet: with nothing, {says}."


class Odd:
    def __array__(self, *_, **__):
        raise RuntimeError("no array")

    def __len__(self):
        raise RuntimeError("no length")


ODD = [object(), Odd(), [], {}, "", b"x", 1j, [None], np.array(["a"]), (None, None), (np.ones(3), None), True]
ODD += [
    np.nan,
    -np.inf,
    10**400,
    np.ones((2, 2)),
    np.zeros(0),
    range(3),
    ValueError,
    np.datetime64("2026-01-01"),
]
ODD += [lambda t: None, lambda t: "x", lambda: 1, lambda t: np.ones(3), lambda t: {}[t]]
CHECKS = {name: getattr(exercises, name) for name in exercises.__all__ if name.startswith("check_")}
CHECKS["check_block"] = functools.partial(exercises.check_block, "pre")
CHECKS["check_rule"] = functools.partial(exercises.check_rule, "sgd")


@pytest.mark.parametrize("name", CHECKS)
def test_no_answer_is_so_odd_that_a_self_check_raises(name):
    answers = [lambda *given, odd=odd: odd for odd in ODD]
    for answer in (
        *answers,
        lambda *given: exits(given),
        lambda *given: given[0][0],
        lambda: 1,
        len,
        None,
        5,
        "text",
    ):
        verdict = CHECKS[name](answer)
        assert not verdict.right
        assert verdict.sentence.startswith("Not yet: ")
