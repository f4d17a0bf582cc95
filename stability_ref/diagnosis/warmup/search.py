"""The playbook's warmup procedure (clauses W1–W7) over any training function, killed and resumed at will."""

from collections.abc import Callable, Iterable
from pathlib import Path

from stability_ref.checks import require, whole_number
from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.one_run import judge
from stability_ref.diagnosis.warmup.report import (
    MOST,
    WarmupSearch,
    advice,
    comparison,
    measured,
    trains_stably,
)
from stability_ref.diagnosis.warmup.running import run_trials
from stability_ref.diagnosis.warmup.training_functions import Train, positive
from stability_ref.diagnosis.warmup.trials import Setting, open_store

PostWarmup = float | Callable[[int], int] | None


def find_warmup(
    train: Train,
    unstable_base_learning_rate: float,
    baseline_rate: float,
    max_train_steps: int,
    *,
    factor: float = 10.0,
    warmup_steps: Iterable[int] | None = None,
    folder: str | Path | None = None,
    jobs: int = 1,
    progress: bool = True,
    all_trials: bool = False,
    post_warmup_steps: PostWarmup = None,
    label: str = "",
) -> WarmupSearch:
    """The shortest warmup that trains stably at a much higher rate, compared with the baseline (playbook W).

    Every trial is train(rate, warmup_steps, steps), where steps is the whole run. **Ours**: a trial of w
    steps of warmup is the baseline's schedule with warmup prepended in full, w + max_train_steps steps
    (clause S3), so that the trial of the shortest stable warmup is at once the run that W5 compares, and
    nothing is trained twice. It also sees what a test over 2·w steps overlooks: instability that comes long
    after the ramp (Figure 6). The playbook's own test is shorter (W3, S2): for it give post_warmup_steps = 2,
    and a training function whose schedule is constant; the whole run of the winner then comes on top.

    **Ours**: stably means that `judge` finds no instability and the last loss is finite. The best checkpoint
    is the lowest validation loss where all runs logged it, and else the lowest mean of the training loss over
    a twentieth of the longest log, which no single easy batch decides.

    Finished trials are kept in the folder, each in its file, and are never run again: a search that was
    killed, at whatever moment, is called again with the same arguments and goes on; a second round with
    factor=100 in the same folder finds its baseline there. The process that trains writes the file. Workers
    on machines that do not share the folder hand their logs over instead, and what they had not handed over
    when the search was killed is run again. A damaged file is set aside, and its trial run again.

    Args:
        train: the training function, see `training_functions.Train`; `reference_train` makes one.
        unstable_base_learning_rate: the rate at which the model was found unstable (W1).
        baseline_rate: the best rate without warmup (D1).
        max_train_steps: steps of the baseline.
        factor: base_learning_rate over unstable_base_learning_rate, at least 1. The playbook (W2) says 10 or
            more, and 100 for a second round.
        warmup_steps: what to try. None: 10, 100, 1000, … and, ours, last of all 10 % of max_train_steps
            itself, the most that W4 allows. Longer ones, if given, are run, and the report says so.
        folder: where finished trials are kept; None keeps nothing.
        jobs: trials at once, -1 for as many as there are cores; more than 1 needs joblib. Inside
            joblib.parallel_config(backend="dask" or "ray"), leave it at 1: the cluster decides. The answer
            is the same.
        progress: whether to show a bar, if tqdm is installed.
        all_trials: whether to go on behind the shortest stable one, for a plot of all.
        post_warmup_steps: how long a trial goes on after its warmup: a multiple of it, or a function of it.
            None: max_train_steps.
        label: a name for the workload and all that train itself fixes. A folder takes only one label.

    Returns:
        The search; print it.

    Raises:
        ValueError: naming the argument, what came and what is allowed; or if the folder has another label.
        ImportError: if jobs is not 1 and joblib is missing.
        Exception: what train raises. What was finished before is kept.

    Example:
        A workload that needs 40 steps of warmup above a rate of 0.1:

        >>> import numpy as np
        >>> def train(rate, warmup_steps, steps):
        ...     loss = 2 * 0.99 ** np.arange(steps)
        ...     if rate > 0.1 and warmup_steps < 40:
        ...         loss[5:] += 60
        ...     return loss
        >>> search = find_warmup(train, 0.2, 0.1, 400, progress=False)
        >>> search.base_learning_rate, [trial.warmup_steps for trial in search.trials], search.warmup_steps
        (2.0, [10, 40], 40)

    Source: playbook W1–W7, S2, S3.
    """
    require(callable(train), "train", "a function train(rate, warmup_steps, steps)", train)
    max_train_steps = whole_number("max_train_steps", max_train_steps, minimum=1)
    unstable = positive("unstable_base_learning_rate", unstable_base_learning_rate)
    require(positive("factor", factor) >= 1, "factor", "at least 1", factor)
    base = positive("factor * unstable_base_learning_rate", factor * unstable)
    baseline = Setting(positive("baseline_rate", baseline_rate), 0, max_train_steps)
    candidates = _candidates(warmup_steps, max_train_steps)
    sweep = [Setting(base, w, w + _after(w, post_warmup_steps, max_train_steps)) for w in candidates]
    store = open_store(folder, label)

    def enough(setting: Setting, log: Log) -> bool:
        return setting != baseline and trains_stably(judge(log), log)

    logs = run_trials(
        train,
        [baseline, *sweep],
        store,
        jobs=jobs,
        progress=progress,
        enough=None if all_trials else enough,
    )
    stable = [setting for setting, log in logs.items() if enough(setting, log)]
    whole = [Setting(base, one.warmup_steps, one.warmup_steps + max_train_steps) for one in stable[:1]]
    if whole and whole[0] not in logs:  # the trial was shorter
        logs |= run_trials(train, whole, store, jobs=jobs, progress=progress)

    trials = measured(logs)
    tried = tuple(trials[setting] for setting in sweep if setting in trials)
    warmed_up = trials[whole[0]] if whole else None
    return WarmupSearch(
        unstable_base_learning_rate=unstable,
        factor=float(factor),
        base_learning_rate=base,
        max_train_steps=max_train_steps,
        baseline=trials[baseline],
        trials=tried,
        warmup_steps=warmed_up.warmup_steps if warmed_up else None,
        warmed_up=warmed_up,
        comparison=comparison(trials[baseline], warmed_up) if warmed_up else None,
        advice=tuple(advice(unstable, float(factor), max_train_steps, trials[baseline], tried, warmed_up)),
        notes=tuple(store.notes),
    )


def default_warmup_steps(max_train_steps: int) -> list[int]:
    """Orders of magnitude below 10 % of max_train_steps, and that itself (playbook W4; the last is ours).

    Example:
        >>> default_warmup_steps(400), default_warmup_steps(10_000)
        ([10, 40], [10, 100, 1000])
    """
    most = whole_number("max_train_steps", max_train_steps, minimum=10) // round(1 / MOST)
    return [10**power for power in range(1, 20) if 10**power < most] + [most]


def _candidates(warmup_steps: Iterable[int] | None, max_train_steps: int) -> list[int]:
    if warmup_steps is None:
        return default_warmup_steps(max_train_steps)
    allowed = "a list of at least one whole number of at least 1"
    require(isinstance(warmup_steps, Iterable), "warmup_steps", allowed, warmup_steps)
    numbers = {whole_number("warmup_steps", one, minimum=1) for one in warmup_steps}
    require(numbers, "warmup_steps", allowed, warmup_steps)
    return sorted(numbers)


def _after(w: int, post_warmup_steps: PostWarmup, max_train_steps: int) -> int:
    """How many steps a trial has after its warmup."""
    if post_warmup_steps is None:
        return max_train_steps
    if callable(post_warmup_steps):
        return whole_number(f"post_warmup_steps({w})", post_warmup_steps(w), minimum=1)
    return max(1, round(positive("post_warmup_steps", post_warmup_steps) * w))
