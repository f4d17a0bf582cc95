"""What the warmup search found, in numbers and in the playbook's sentences (clauses W4–W7, S2)."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stability_ref.diagnosis.log import Log
from stability_ref.diagnosis.one_run import TOO_SHORT, Finding, judge
from stability_ref.diagnosis.warmup.training_functions import is_finite
from stability_ref.diagnosis.warmup.trials import Setting

MOST = 0.10  # W4: of max_train_steps
ALREADY_LONG = 0.05  # W6
SMOOTHED_OVER = 20  # a checkpoint's training loss is a mean over one part in so many of the longest log


@dataclass(frozen=True)
class Checkpoint:
    """The best moment of a run (playbook W5)."""

    loss: float  # inf if there was no finite one
    step: int | None  # None if there was no finite one
    measure: str  # "validation loss" or "smoothed training loss"

    def __str__(self) -> str:
        return f"{self.measure} {self.loss:.4g}" + ("" if self.step is None else f" at step {self.step}")


@dataclass(frozen=True, eq=False)
class Trial:
    """One run of the search."""

    rate: float
    warmup_steps: int
    steps: int  # the whole run, warmup included
    log: Log
    finding: Finding
    best: Checkpoint

    @property
    def trains_stably(self) -> bool:
        """See the function of that name."""
        return trains_stably(self.finding, self.log)


@dataclass(frozen=True, eq=False)
class WarmupSearch:
    """What `find_warmup` found. Printed, it is the report; `as_dict` is for files."""

    unstable_base_learning_rate: float
    factor: float
    base_learning_rate: float
    max_train_steps: int
    baseline: Trial
    trials: tuple[Trial, ...]  # in ascending order of warmup_steps, up to the first stable one
    warmup_steps: int | None  # the shortest that trains stably; None: none does
    warmed_up: Trial | None  # its whole run, which is compared with the baseline
    comparison: str | None  # a sentence (W5)
    advice: tuple[str, ...]  # sentences, each with its clause
    notes: tuple[str, ...] = ()  # what happened to the folder

    def text(self) -> str:
        """The report, plain text."""
        return "\n".join(_report(self))

    __str__ = text

    def as_dict(self) -> dict[str, Any]:
        """All but the logs, in values that JSON knows; None stands for a loss that is not finite."""
        return {
            "unstable_base_learning_rate": self.unstable_base_learning_rate,
            "factor": self.factor,
            "base_learning_rate": self.base_learning_rate,
            "max_train_steps": self.max_train_steps,
            "baseline": _as_dict(self.baseline),
            "trials": [_as_dict(trial) for trial in self.trials],
            "warmup_steps": self.warmup_steps,
            "warmed_up": None if self.warmed_up is None else _as_dict(self.warmed_up),
            "comparison": self.comparison,
            "advice": list(self.advice),
            "notes": list(self.notes),
        }


def trains_stably(finding: Finding, log: Log) -> bool:
    """No instability was found, the log was long enough to find it, and the last loss is finite."""
    return not finding.unstable and finding.verdict != TOO_SHORT and is_finite(log)


def measured(logs: Mapping[Setting, Log]) -> dict[Setting, Trial]:
    """The runs with what is found in them, all their best checkpoints measured alike."""
    columns = [log.validation_loss for log in logs.values()]
    logged = all(column is not None for column in columns)
    validated = logged and any(np.isfinite(column).any() for column in columns)
    window = max(1, max(map(len, logs.values())) // SMOOTHED_OVER)
    return {
        setting: Trial(*setting, log, judge(log), _best(log, None if validated else window))
        for setting, log in logs.items()
    }


def _best(log: Log, window: int | None) -> Checkpoint:
    """By validation loss, or by the mean of the training loss over the window's last entries."""
    if window is None:
        values, step, measure = log.validation_loss, log.step, "validation loss"
    else:
        window = min(window, len(log))
        windows = np.lib.stride_tricks.sliding_window_view(log.loss, window)
        with np.errstate(invalid="ignore", over="ignore"):
            values, step, measure = windows.mean(axis=-1), log.step[window - 1 :], "smoothed training loss"
    finite = np.isfinite(values)
    if not finite.any():
        return Checkpoint(math.inf, None, measure)
    place = np.where(finite, values, np.inf).argmin()
    return Checkpoint(float(values[place]), int(step[place]), measure)


def comparison(baseline: Trial, warmed_up: Trial) -> str:
    """Which run has the better best checkpoint, and by how much (playbook W5)."""
    before, after = baseline.best, warmed_up.best
    if not math.isfinite(before.loss):
        return f"The baseline has no finite checkpoint; with warmup the best is: {after} (W5)."
    if not math.isfinite(after.loss):
        return f"The run with warmup has no finite checkpoint; the baseline's is: {before} (W5)."
    if after.loss == before.loss:
        said = "With warmup the best checkpoint is as good as the baseline's"
    else:
        said = f"With warmup the best checkpoint is {'better' if after.loss < before.loss else 'worse'}"
        said += f" by {abs(after.loss - before.loss):.4g}"
        if before.loss > 0:
            said += f" ({abs(after.loss / before.loss - 1):.1%} of the baseline's)"
    return f"{said}: {after}, against {before} (W5)."


def advice(
    unstable: float,
    factor: float,
    max_train_steps: int,
    baseline: Trial,
    tried: tuple[Trial, ...],
    warmed_up: Trial | None,
) -> Iterator[str]:
    """What follows from the search, clause by clause (playbook W2, W4, W6, W7, S2, D9)."""
    if unstable <= baseline.rate:
        yield (
            f"The unstable rate, {unstable:g}, is not above the baseline's, {baseline.rate:g}: instability "
            "matters only where it forces too small a rate (D9)."
        )
    if not baseline.trains_stably:
        yield f"The baseline itself is not sound ({baseline.finding.verdict}): sweep its rate again (D1, D2)."
    if any(trial.finding.verdict == TOO_SHORT for trial in (baseline, *tried)):
        yield "A log is too short to judge: log the training loss more often, best at every step (D6)."
    if factor < 10:
        yield f"The base rate is {factor:.3g} times the unstable one; W2 asks for 10 times or more."
    if warmed_up is None:
        yield from _advice_without(tried[0].rate, max_train_steps, tried)
    else:
        yield from _advice_with(warmed_up, factor, max_train_steps, baseline, tried)


def _advice_without(base: float, max_train_steps: int, tried: tuple[Trial, ...]) -> Iterator[str]:
    longest = tried[-1].warmup_steps
    yield (
        f"No warmup of up to {longest} steps ({longest / max_train_steps:.1%} of max_train_steps) trains "
        f"stably at {base:g}. There is no typical value: some models need 40,000 steps or more (W7)."
    )
    yield (
        f"Next: a longer warmup; beyond {round(MOST * max_train_steps)} steps that takes a larger "
        "max_train_steps (W4, W6). Or a base rate nearer the unstable one, by a smaller factor."
    )
    yield "Or gradient clipping, which may fix what warmup cannot (X2, C6)."


def _advice_with(
    warmed_up: Trial, factor: float, max_train_steps: int, baseline: Trial, tried: tuple[Trial, ...]
) -> Iterator[str]:
    w = warmed_up.warmup_steps
    share = w / max_train_steps
    shorter = [trial.warmup_steps for trial in tried if trial.warmup_steps < w]
    if share > MOST:
        yield f"{w} steps are {share:.0%} of max_train_steps, more than the 10 % of W4."
    if share > ALREADY_LONG:
        yield (
            f"{w} steps are more than 5 % of max_train_steps, which may have to grow (W6): by {w} steps, so "
            f"that the schedule behind the warmup keeps its {max_train_steps}; by "
            f"{math.ceil(w / ALREADY_LONG) - max_train_steps}, to bring the warmup back to 5 %."
        )
    if shorter:
        yield f"The shortest stable warmup is above {shorter[-1]} and at most {w}: try between them (W4)."
    else:
        yield f"{w} was the shortest that was tried: a shorter one may do (W4)."
    if any(trial.warmup_steps > w and not trial.trains_stably for trial in tried):
        yield "Some longer warmups were not stable: repeat with other seeds before trusting the boundary."
    if not warmed_up.trains_stably:
        yield (
            f"Stable over its test but not over the whole run ({warmed_up.finding.verdict}): test for "
            "longer, or leave post_warmup_steps out (Figure 6)."
        )
    yield (
        f"Tune post_warmup_steps too; 2 · warmup_steps = {2 * w} is usually fine (S2). The right warmup "
        "differs from model to model, from 100 steps to 40,000 and more (W7)."
    )
    if warmed_up.best.loss >= baseline.best.loss:
        yield "Warmup did not pay here: instability may not be what holds this workload back (D9)."
    yield "Each is a single run: repeat with other seeds before believing a small difference."
    if 10 <= factor < 100:
        yield "Run again with factor=100 (W2); in the same folder the baseline is not trained again."


def _report(search: WarmupSearch) -> Iterator[str]:
    yield (
        f"Warmup search: base_learning_rate {search.base_learning_rate:g} = {search.factor:g} x "
        f"{search.unstable_base_learning_rate:g}, max_train_steps {search.max_train_steps}"
    )
    rows = [("warmup_steps", "rate", "steps", "verdict", "best checkpoint")]
    for trial in (search.baseline, *search.trials):
        w = str(trial.warmup_steps) if trial.warmup_steps else "0 (baseline)"
        rows.append((w, f"{trial.rate:g}", str(trial.steps), _verdict(trial), str(trial.best)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(map(str.ljust, row, widths)).rstrip()
    shortest = "none" if search.warmup_steps is None else f"{search.warmup_steps} steps"
    yield f"Shortest warmup that trains stably: {shortest}"
    yield from filter(None, [search.comparison])
    yield from (f"- {sentence}" for sentence in (*search.advice, *search.notes))


def _verdict(trial: Trial) -> str:
    since = "" if trial.finding.since is None else f", step {trial.finding.since}"
    ended = "" if is_finite(trial.log) else ", ends without a finite loss"
    return trial.finding.verdict + since + ended


def _as_dict(trial: Trial) -> dict[str, Any]:
    last = float(trial.log.loss[-1])
    return {
        "rate": trial.rate,
        "warmup_steps": trial.warmup_steps,
        "steps": trial.steps,
        "verdict": trial.finding.verdict,
        "since": trial.finding.since,
        "trains_stably": trial.trains_stably,
        "last_loss": last if math.isfinite(last) else None,
        "best_loss": trial.best.loss if math.isfinite(trial.best.loss) else None,
        "best_step": trial.best.step,
        "measure": trial.best.measure,
    }
