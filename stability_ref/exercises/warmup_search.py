"""The self-checks of how a warmup is chosen and compared with the baseline: clauses W4–W6."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stability_ref.exercises.answers import number, one_of
from stability_ref.exercises.verdicts import Case, Exercise, Usual, Verdict, judge, tell

Array = np.ndarray


def check_shortest_warmup(choose: Callable[..., Any]) -> Verdict:
    """Compare the warmup that you choose from a sweep with clause W4, and say what goes wrong.

    Args:
        choose: your choose(tried, max_train_steps). tried is a dict from warmup_steps to whether the run was
            stable; the answer is the shortest stable warmup that takes at most 10 % of max_train_steps, or
            None if there is none.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> def choose(tried, max_train_steps):
        ...     return max(steps for steps, stable in tried.items() if stable)
        >>> verdict = check_shortest_warmup(choose)  # doctest: +NORMALIZE_WHITESPACE
        Not yet: where 100, 1000 and 10000 steps of warmup are stable in a run of 200000, it answers 10000,
        not 100. It looks like this mistake: It takes the longest stable warmup; the steps of a ramp are slow.
    """
    praise = "the shortest stable warmup within 10 % of the run, and None where no warmup will do."
    return tell(judge(choose, Exercise(_TRIED, CHOICES, number, praise)))


def check_better_run(better: Callable[..., Any]) -> Verdict:
    """Compare your verdict on two runs with clause W5: each counts at its best checkpoint.

    Args:
        better: your better(baseline_losses, warmup_losses) -> "baseline" or "warmup". The losses are arrays,
            one number for each checkpoint, lower is better; the run with warmup may be the longer one, and a
            run that diverged ends in NaN.

    Returns:
        Whether it is right, and the sentence that was printed.

    Example:
        >>> def better(baseline_losses, warmup_losses):
        ...     return "warmup" if warmup_losses[-1] < baseline_losses[-1] else "baseline"
        >>> verdict = check_better_run(better)  # doctest: +NORMALIZE_WHITESPACE
        Not yet: where the baseline's best loss is 1.0, in mid training, and warmup's 1.3, at the end,
        it answers 'warmup', not 'baseline'.
        It looks like this mistake: It compares the last checkpoints, not each run's best.
    """
    praise = "each run counts at its best checkpoint, and NaN is nobody's best."
    return tell(judge(better, Exercise(_RUNS, COMPARISONS, one_of("baseline", "warmup"), praise)))


_TRIED = [
    Case(
        "where 100, 1000 and 10000 steps of warmup are stable in a run of 200000",
        ({10: False, 100: True, 1000: True, 10000: True}, 200000),
        100,
    ),
    Case(
        "where 1000 and 100 steps are stable, tried in that order in a run of 200000",
        ({1000: True, 10: False, 100: True}, 200000),
        100,
    ),
    Case("where 800 steps are stable in a run of 10000", ({50: False, 800: True}, 10000), 800),
    Case("where 1000 steps are stable in a run of 10000", ({100: False, 1000: True}, 10000), 1000),
    Case(
        "where only 10000 steps are stable, a fifth of the run",
        ({10: False, 1000: False, 10000: True}, 50000),
        None,
        special=True,
    ),
    Case("where no warmup is stable", ({10: False, 100: False}, 10000), None, special=True),
]


def _stable(tried: dict[int, bool], limit: float) -> list[int]:
    return [steps for steps, stable in tried.items() if stable and steps <= limit]


CHOICES = [
    Usual(
        "It takes the longest stable warmup; the steps of a ramp are slow.",
        lambda tried, max_train_steps: max(_stable(tried, max_train_steps / 10), default=None),
    ),
    Usual(
        "It takes the shortest that was tried, whether it was stable or not.",
        lambda tried, max_train_steps: min(tried),
    ),
    Usual(
        "It takes the first stable warmup that it meets, and a sweep may come in any order.",
        lambda tried, max_train_steps: next(iter(_stable(tried, max_train_steps / 10)), None),
    ),
    Usual(
        "It takes the last stable warmup that it meets, and a sweep may come in any order.",
        lambda tried, max_train_steps: [None, *_stable(tried, max_train_steps / 10)][-1],
    ),
    Usual(
        "The limit is 10 % of the run (W4); beyond 5 % the run may have to grow (W6), and that is all.",
        lambda tried, max_train_steps: min(_stable(tried, max_train_steps / 20), default=None),
    ),
    Usual(
        "A warmup of exactly 10 % is left out: at most 10 % allows it.",
        lambda tried, max_train_steps: min(_stable(tried, max_train_steps / 10 - 1), default=None),
    ),
    Usual(
        "The limit of 10 % of the run is forgotten.",
        lambda tried, max_train_steps: min(_stable(tried, max_train_steps), default=None),
    ),
    Usual(
        "The limit of 10 % of the run is forgotten.",
        lambda tried, max_train_steps: min(_stable(tried, max_train_steps)),
    ),
    *(
        Usual(
            "Where no warmup will do the answer is None; 0 would say that none is needed.",
            lambda tried, max_train_steps, default=default: min(
                _stable(tried, max_train_steps / 10), default=default
            ),
        )
        for default in (0, -1, np.inf)
    ),
    Usual(
        "There is no smallest of nothing: see first whether any warmup is left.",
        lambda tried, max_train_steps: min(_stable(tried, max_train_steps / 10)),
    ),
]

_NAN = float("nan")
_RUNS = [
    Case(
        "where the baseline's best loss is 1.0, in mid training, and warmup's 1.3, at the end",
        (np.array([2.0, 1.0, 2.5]), np.array([2.0, 1.4, 1.3])),
        "baseline",
    ),
    Case(
        "where the baseline's best loss is 1.5 and warmup's 1.2, in a longer run",
        (np.array([3.0, 1.5, 1.6]), np.array([9.0, 3.5, 1.8, 1.2, 1.9])),
        "warmup",
    ),
    Case(
        "where the baseline's best loss is 1.8 and warmup's 1.2, after a rough start",
        (np.array([2.0, 1.9, 1.8]), np.array([9.0, 2.0, 1.2])),
        "warmup",
    ),
    Case(
        "where the baseline's best loss is 1.8 and warmup's 1.0",
        (np.array([2.0, 1.9, 1.8]), np.array([2.5, 1.0, 1.1])),
        "warmup",
    ),
    Case(
        "where the loss with warmup is lower at every checkpoint",
        (np.array([3.0, 2.4, 2.5]), np.array([2.9, 2.0, 1.5])),
        "warmup",
    ),
    Case(
        "where the baseline's best loss is 1.0, and it ends in NaN",
        (np.array([3.0, 1.0, _NAN, _NAN]), np.array([3.0, 2.0, 1.5, 1.4])),
        "baseline",
        special=True,
    ),
    Case(
        "where warmup's best loss is 0.9, and it ends in NaN",
        (np.array([3.0, 2.0, 1.5, 1.4]), np.array([3.0, 0.9, _NAN, _NAN])),
        "warmup",
        special=True,
    ),
    Case(
        "where all losses with warmup are NaN",
        (np.array([3.0, 2.0, 1.5]), np.array([_NAN, _NAN, _NAN])),
        "baseline",
        special=True,
    ),
    Case(
        "where all losses of the baseline are NaN",
        (np.array([_NAN, _NAN, _NAN]), np.array([3.0, 2.0, 1.5])),
        "warmup",
        special=True,
    ),
]


def _by(best: Callable[[Array], Any], doubtful: str = "baseline") -> Callable[[Array, Array], str]:
    """The run whose best is smaller; NaN is never smaller, so that the doubtful one wins then."""
    if doubtful == "baseline":
        return lambda baseline, warmup: "warmup" if best(warmup) < best(baseline) else "baseline"
    return lambda baseline, warmup: "baseline" if best(baseline) < best(warmup) else "warmup"


def _at_the_same_checkpoint(baseline: Array, warmup: Array) -> str:
    place = np.nanargmin(baseline)
    return "warmup" if warmup[place] < baseline[place] else "baseline"


def _by_majority(baseline: Array, warmup: Array) -> str:
    return "warmup" if np.mean(warmup < baseline) > 0.5 else "baseline"


_POISONED = (
    "One NaN makes the minimum NaN, and no comparison with NaN is true: NumPy's nanmin passes over it."
)
_ALL_NAN = "A run that is NaN throughout has no best: take inf for NaN, and it loses."
COMPARISONS = [
    *(
        Usual("It compares the last checkpoints, not each run's best.", _by(lambda run: run[-1], doubtful))
        for doubtful in ("baseline", "warmup")
    ),
    Usual("It counts at how many checkpoints each run is ahead; only each run's best counts.", _by_majority),
    Usual("It compares averages over the run, not each run's best.", _by(np.mean)),
    Usual("It compares averages over the run, not each run's best.", _by(np.nanmean)),
    *(
        Usual(
            "It compares when each run was at its best, not how good it was then.", _by(np.argmin, doubtful)
        )
        for doubtful in ("baseline", "warmup")
    ),
    Usual("The best loss is the smallest; it takes the largest.", _by(np.max)),
    Usual("The best loss is the smallest; it takes the largest.", _by(np.nanmax)),
    Usual("The run with the lower loss wins; it names the other.", _by(lambda run: -np.min(run))),
    Usual(
        "Both are compared at the baseline's best checkpoint, not each at its own.", _at_the_same_checkpoint
    ),
    *(Usual(_POISONED, _by(np.min, doubtful)) for doubtful in ("baseline", "warmup")),
    *(Usual(_ALL_NAN, _by(np.nanmin, doubtful)) for doubtful in ("baseline", "warmup")),
]
