"""The diagnosis of one or several runs: which instability, since when, why we think so, what to fix first."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stability_ref.checks import finite_numbers, require
from stability_ref.diagnosis.fixes import FIXES, Fix, fixes_for, next_step
from stability_ref.diagnosis.log import Log, as_log
from stability_ref.diagnosis.norms import Norms, judge_norms
from stability_ref.diagnosis.one_run import Finding, judge
from stability_ref.diagnosis.reading.logs import read_logs
from stability_ref.diagnosis.sweep_report import SweepReport, base_rate, judge_sweep

MOST_OUTLIERS = 1000  # so many are listed in JSON, beside their number


@dataclass(frozen=True, eq=False)
class RunReport:
    """What is found in one run."""

    log: Log
    finding: Finding
    norms: Norms | None  # None where no gradient norms were logged
    fixes: tuple[Fix, ...]  # in the order in which to try them; empty where no rise was seen

    @property
    def headline(self) -> str:
        """The verdict in a few words."""
        finding = self.finding
        if not finding.unstable:
            return finding.verdict
        outcome = "training was harmed" if finding.harmed else f"the loss is back at step {finding.back_at}"
        return f"{finding.verdict}, since step {finding.since}: a spike was seen, and {outcome}"


@dataclass(frozen=True, eq=False)
class Report:
    """What `diagnose` found: printed it is text, `json()` is for programs, a notebook shows pictures too."""

    runs: tuple[RunReport, ...]
    sweep: SweepReport | None  # where several runs differ in their learning rates

    @property
    def unstable(self) -> bool:
        """Whether a spike was seen in any run."""
        return any(run.finding.unstable for run in self.runs)

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """What to try, in order, for the lowest rate that is unstable; empty where nothing is to fix.

        Of a sweep that instability does not hold back, nothing is (playbook D9).
        """
        if self.sweep is not None and not self.sweep.held_back:
            return ()
        in_general = FIXES if self.sweep is not None else ()  # a rise that only the lowest rate's run shows
        return next((run.fixes for run in self.runs if run.fixes), in_general)

    @property
    def first_fix(self) -> Fix | None:
        """The first of the fixes, if there are any."""
        return self.fixes[0] if self.fixes else None

    def text(self) -> str:
        """The report, plain text."""
        return "\n".join(_lines(self))

    __str__ = text

    def as_dict(self) -> dict[str, Any]:
        """All but the logs, in values that JSON knows; None stands for a number that is not finite."""
        return {
            "runs": [_run_as_dict(run) for run in self.runs],
            "sweep": None if self.sweep is None else self.sweep.as_dict(),
            "first_fix": None if self.first_fix is None else self.first_fix._asdict(),
        }

    def json(self) -> str:
        """`as_dict` as JSON."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def _repr_html_(self) -> str:
        from stability_ref.diagnosis.html import html_of

        return html_of(self)


def diagnose(
    source: Any,
    *,
    step: Any = None,
    gradient_norm: Any = None,
    learning_rate: Any = None,
    validation_loss: Any = None,
    columns: Mapping[str, str] | None = None,
    clip_threshold: float | None = None,
) -> Report:
    """Is a run unstable, since when, on what evidence, and what should be tried first?

    Args:
        source: the training loss of one run, shape (N,); a path of a CSV, a JSON-lines file, a TensorBoard
            folder or a Weights & Biases export, see `read_logs`; a `Log`; or several runs: an array
            (runs, N), a list of any of these, or a mapping from the runs' names to them.
        step: of one run whose loss is given as numbers, shape (N,), see `Log`; so are the next three.
        gradient_norm: unclipped norms.
        learning_rate: the rate of each step.
        validation_loss: NaN where the run was not evaluated.
        columns: names a file's columns, such as {"loss": "train/nll"}, where they cannot be guessed.
        clip_threshold: λ that was used, or is to be, to say which share of the updates it clips (C5).

    Returns:
        The report. Several runs with different learning rates are also judged as a sweep (D1, D2, D7, D9).

    Raises:
        ValueError: naming the argument or the file, what came and what is allowed.

    Example:
        >>> steps = np.arange(300)
        >>> loss = 2.3 * np.exp(-steps / 80) + 20 * (abs(steps - 9) < 6)
        >>> report = diagnose(loss)
        >>> report.runs[0].headline
        'unstable early, since step 4: a spike was seen, and the loss is back at step 15'
        >>> report.first_fix.name, report.first_fix.lesson
        ('warmup', '03_warmup')

    Source: playbook D1–D9, C2–C5, X1–X6.
    """
    if clip_threshold is not None:
        one = finite_numbers("clip_threshold", clip_threshold, "a number above 0")
        require(one.ndim == 0 and one > 0, "clip_threshold", "a number above 0", clip_threshold)
    beside = {
        "step": step,
        "gradient_norm": gradient_norm,
        "learning_rate": learning_rate,
        "validation_loss": validation_loss,
    }
    given = {name: value for name, value in beside.items() if value is not None}
    logs = [Log(source, **given)] if given else _told_apart_by_number(list(_logs(source, columns, "run")))
    require(logs, "source", "at least one run", source)
    has_norms = any(log.gradient_norm is not None for log in logs)
    require(
        clip_threshold is None or has_norms, "clip_threshold", "given with gradient norms", clip_threshold
    )
    runs = tuple(_judged(log, clip_threshold) for log in sorted(logs, key=base_rate))
    return Report(runs, judge_sweep([run.log for run in runs], [run.finding for run in runs]))


def _logs(source: Any, columns: Mapping[str, str] | None, name: str) -> Iterator[Log]:
    """The runs of anything that `diagnose` takes."""
    if _is_path(source):
        yield from read_logs(source, columns=columns)
    elif isinstance(source, Mapping) and "loss" not in source:
        for key, value in source.items():
            logs = list(_logs(value, columns, str(key)))
            yield from [replace(logs[0], name=str(key))] if len(logs) == 1 else logs
    elif _is_several(source):
        for place, value in enumerate(source):
            yield from _logs(value, columns, f"{name} {place + 1}")
    else:
        yield as_log(source, name)


def _told_apart_by_number(logs: Sequence[Log]) -> list[Log]:
    """The logs; those of the same name are numbered."""
    count = Counter(log.name for log in logs)
    numbered = enumerate(logs, start=1)
    return [replace(log, name=f"{log.name} {n}") if count[log.name] > 1 else log for n, log in numbered]


def _is_several(source: Any) -> bool:
    """Whether these are runs, not the losses of one run."""
    if getattr(source, "ndim", 0) == 2:  # an array or a tensor; a data frame has keys as well
        return not hasattr(source, "keys")
    is_list = isinstance(source, Sequence) and len(source) > 0
    return is_list and all(isinstance(one, Log | Mapping) or np.ndim(one) or _is_path(one) for one in source)


def _is_path(source: Any) -> bool:
    return isinstance(source, str) or hasattr(source, "__fspath__")


def _judged(log: Log, clip_threshold: float | None) -> RunReport:
    finding = judge(log)
    norms = None if log.gradient_norm is None else judge_norms(log, finding, clip_threshold)
    return RunReport(log, finding, norms, fixes_for(log, finding, norms))


def _lines(report: Report) -> Iterator[str]:
    for run in report.runs:
        yield f"{run.log.name}: {run.headline}"
        yield from (f"  - {sentence}" for sentence in _sentences(run))
    if report.sweep is not None:
        yield "The sweep:"
        yield from (f"  - {sentence}" for sentence in report.sweep.sentences)
    yield from _what_to_do(report)


def _sentences(run: RunReport) -> list[str]:
    norms = () if run.norms is None else run.norms.advice
    return [*run.finding.evidence, *norms, *run.log.notes]


def _what_to_do(report: Report) -> Iterator[str]:
    if report.fixes:
        first, *rest = report.fixes
        said = f"Try first: {first.name} ({first.clause}): {first.what}."
        yield f"{said} Lesson {first.lesson} explains it."
        others = "; ".join(f"{fix.name} ({fix.clause})" for fix in rest)
        yield f"Then, in the playbook's order: {others}."
    elif report.sweep is not None and report.sweep.unstable.any():
        yield "Next: nothing to fix; something other than instability decides which rate is best (D9)."
    else:
        steps = dict.fromkeys(next_step(run.finding) for run in report.runs)
        yield from (f"Next: {step}." for step in steps)


def _run_as_dict(run: RunReport) -> dict[str, Any]:
    finding, norms = run.finding, run.norms
    return {
        "name": run.log.name,
        "entries": len(run.log),
        "verdict": finding.verdict,
        "unstable": finding.unstable,
        "since": finding.since,
        "back_at": finding.back_at,
        "harmed": finding.harmed,
        "evidence": list(finding.evidence),
        "notes": list(run.log.notes),
        "gradient_norm": None
        if norms is None
        else {
            "typical": norms.typical if math.isfinite(norms.typical) else None,
            "outlier_count": len(norms.outliers),
            "outliers": list(norms.outliers[:MOST_OUTLIERS]),
            "threshold": norms.threshold,
            "clipped": norms.clipped,
            "advice": list(norms.advice),
        },
        "fixes": [fix._asdict() for fix in run.fixes],
    }
