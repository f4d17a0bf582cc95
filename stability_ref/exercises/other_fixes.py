"""The self-checks of the lesson on the other fixes: their order (X1–X6), and what a pair of them adds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stability_ref.diagnosis.fixes import fixes_for
from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.one_run import EARLY, MID, Finding
from stability_ref.exercises.answers import WrongKindError, brief, number
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell

WORDS = {
    "X1": "warmup",
    "X2": "clipping",
    "X3": "optimizer",
    "X4": "architecture",
    "X5": "zero branches",
    "X6": "lower rate",
}


def check_first_fix(fixes: Callable[..., Any]) -> Verdict:
    """Compare the order in which you would try the fixes with ours (playbook X1–X6, C6).

    Ours, as in `diagnosis.fixes` for a run without warmup: the playbook's order where the loss goes up early,
    which warmup is best for (X1); in mid training clipping first, which is for both (X2), and then warmup.

    Args:
        fixes: your fixes(kind) -> a list of six words in the order in which to try them: "warmup",
            "clipping", "optimizer", "architecture", "zero branches" and "lower rate". kind is "early" or
            "mid", when the loss goes up (D4).

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> words = ["lower rate", "warmup", "clipping", "optimizer", "architecture", "zero branches"]
        >>> verdict = check_first_fix(lambda kind: words)  # doctest: +NORMALIZE_WHITESPACE
        Not yet: where the loss goes up early, "lower rate" stands where "warmup" belongs. It looks like this
        mistake: A lower learning rate is the last resort (X6): it gives up what the other fixes may make
        usable.
    """
    cases = [
        Case(where, (kind,), ", ".join(_right(kind)))
        for where, kind in [
            ("where the loss goes up early", "early"),
            ("where the loss goes up in mid training", "mid"),
        ]
    ]
    praise = "warmup first where it is early, clipping first in mid training, and a lower rate last."
    return tell(judge(fixes, Exercise(cases, ORDERS, _order, praise, _where_orders_differ)))


def check_pair_gain(gain: Callable[..., Any]) -> Verdict:
    """Compare how you judge a pair of fixes with ours: against the better of the two alone (playbook X1–X6).

    Args:
        gain: your gain(plain, first, second, both) -> how many times higher the largest usable rate is with
            both fixes than with the better one of them. Each argument is a largest usable rate: without any
            fix, with one, with the other, with both.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> verdict = check_pair_gain(  # doctest: +NORMALIZE_WHITESPACE
        ...     lambda plain, first, second, both: both / plain
        ... )
        Not yet: with usable rates up to 0.1 without a fix, 0.4 and 0.8 with one and 1.6 with both, it answers
        16, not 2. It looks like this mistake: The pair is compared with no fix at all, and takes the credit
        that belongs to its better half.
    """
    praise = "the pair is measured by what it adds to its better half, and it may take something away."
    return tell(judge(gain, Exercise(_PAIRS, PAIR_GAINS, number, praise)))


def _right(kind: str) -> list[str]:
    """As the diagnosis has it, for a log without a warmup."""
    finding = Finding(EARLY if kind == "early" else MID, 100)
    return [WORDS[fix.clause] for fix in fixes_for(Log([1.0]), finding, None)]


def _order(answer: Any) -> str:
    """The words in their order, as one text."""
    words = answer.tolist() if isinstance(answer, np.ndarray) else answer
    if not isinstance(words, list | tuple) or not words:
        raise WrongKindError(f"it returns {brief(answer)}, not a list of fixes")
    for word in words:
        if not isinstance(word, str) or word not in WORDS.values():
            known = ", ".join(f'"{known}"' for known in WORDS.values())
            raise WrongKindError(f"{brief(word)} is none of {known}")
    return ", ".join(words)


def _where_orders_differ(mine: str, right: str) -> str:
    words, belong = mine.split(", "), right.split(", ")
    for word in belong:
        if words.count(word) != 1:
            return f'it names "{word}" {words.count(word)} times' if word in words else f'"{word}" is missing'
    place = [one == other for one, other in zip(words, belong, strict=True)].index(False)
    return f'"{words[place]}" stands where "{belong[place]}" belongs'


KINDS = ("early", "mid")


def _without(clause: str, kinds: Sequence[str] = KINDS) -> Callable[[str], list[str]]:
    """One fix left out, for these kinds."""
    return lambda kind: [word for word in _right(kind) if kind not in kinds or word != WORDS[clause]]


def _first(clause: str, kinds: Sequence[str]) -> Callable[[str], list[str]]:
    """One fix moved to the front, for these kinds."""
    rest = _without(clause, kinds)
    return lambda kind: [WORDS[clause], *rest(kind)] if kind in kinds else rest(kind)


def _always(clause: str, like: str) -> Callable[[str], list[str]]:
    """One fix moved to the front, and the others in one order for both kinds."""
    return lambda kind: _first(clause, KINDS)(like)


_TOO_SOON = {
    "X6": "A lower learning rate is the last resort (X6): it gives up what the other fixes may make usable.",
    "X3": "Another optimizer comes third (X3), after warmup and clipping.",
    "X4": "The architecture comes fourth (X4): what is trained then is another model.",
    "X5": "Branches that start at 0 come fifth (X5): what is trained then is another model.",
}
_LAST_RESORT = "The last resort is left out; it is a fix all the same (X6)."
ORDERS = [
    *(
        Usual(says, wrong)
        for clause, says in _TOO_SOON.items()
        for wrong in (
            *(_first(clause, kinds) for kinds in (KINDS, KINDS[:1], KINDS[1:])),
            *(_always(clause, like) for like in KINDS),
        )
    ),
    Usual(
        "Clipping comes first in mid training; where the loss goes up early, warmup is best (X1).",
        lambda kind: _right("mid"),
    ),
    Usual(
        "Warmup is best where the loss goes up early (X1); clipping is for mid training too (X2).",
        lambda kind: _right("early"),
    ),
    Usual(
        "Early and mid training have changed places.",
        lambda kind: _right("mid" if kind == "early" else "early"),
    ),
    Usual("The order is upside down: it begins with the last resort.", lambda kind: _right(kind)[::-1]),
    *(Usual(_LAST_RESORT, _without("X6", kinds)) for kinds in (KINDS, KINDS[:1], KINDS[1:])),
    Usual(
        "Clipping stays on the list: it may fix some bad inits that warmup cannot (C6).",
        _without("X2", KINDS[:1]),
    ),
    Usual(
        "Warmup stays on the list: a longer one sometimes fixes what clipping does not (C6).",
        _without("X1", KINDS[1:]),
    ),
]
_PAIRS = [
    Case(
        "with usable rates up to 0.1 without a fix, 0.4 and 0.8 with one and 1.6 with both",
        (0.1, 0.4, 0.8, 1.6),
        2.0,
    ),
    Case(
        "with usable rates up to 0.2 without a fix, 3.2 and 0.8 with one and 1.6 with both",
        (0.2, 3.2, 0.8, 1.6),
        0.5,
    ),
]
_ONE_HALF = "The pair is always compared with the same one of its fixes: take the better of the two."
PAIR_GAINS = [
    Usual(
        "The pair is compared with no fix at all, and takes the credit that belongs to its better half.",
        lambda plain, first, second, both: both / plain,
    ),
    Usual(
        "The pair is compared with its weaker half.",
        lambda plain, first, second, both: both / min(first, second),
    ),
    Usual(_ONE_HALF, lambda plain, first, second, both: both / first),
    Usual(_ONE_HALF, lambda plain, first, second, both: both / second),
    Usual(
        "It asks whether the two gains multiply; ask what the pair adds to its better half.",
        lambda plain, first, second, both: both * plain / (first * second),
    ),
    Usual(
        "The two rates are added: a pair is compared with one run, not with two.",
        lambda plain, first, second, both: both / (first + second),
    ),
    *(
        Usual("The pair is compared with the average of its halves: take the better one.", average)
        for average in (
            lambda plain, first, second, both: 2 * both / (first + second),
            lambda plain, first, second, both: both / np.sqrt(first * second),
        )
    ),
    Usual(
        "A pair may be worse than its better half, and then the gain is below 1: do not raise it to 1.",
        lambda plain, first, second, both: max(1.0, both / max(first, second)),
    ),
    Usual("The quotient is upside down.", lambda plain, first, second, both: max(first, second) / both),
    Usual(
        "It is a difference of rates; rates are compared by their quotient.",
        lambda plain, first, second, both: both - max(first, second),
    ),
    Usual(
        "It is what is gained on top, in shares: how many times higher counts from 1.",
        lambda plain, first, second, both: both / max(first, second) - 1,
    ),
    Usual(
        "It is the gain of the better fix alone.",
        lambda plain, first, second, both: max(first, second) / plain,
    ),
]
