"""How often the diagnosis of one run is right: the labels of `labelled_runs` beside `diagnosis.judge`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.labelled_runs import Label, load
from stability_ref.diagnosis import Finding, Log, judge

VERDICTS = ("stable", "unstable early", "unstable in mid training")
SPLITS = ("chosen on", "seen once", "held out")


class Judged(NamedTuple):
    """A labelled run and what is found in it."""

    label: Label
    finding: Finding

    @property
    def right(self) -> bool:
        return self.label.verdict == self.finding.verdict


def judge_all() -> list[Judged]:
    """Every stored run, judged by its losses alone."""
    return [Judged(made.label, judge(Log(made.loss))) for made in load()]


def chosen(judged: Sequence[Judged], split: str | None = None, weak: bool = False) -> list[Judged]:
    """Those of a split, or of all of them, with strong or with weak labels."""
    return [one for one in judged if one.label.weak == weak and split in (None, one.label.split)]


def confusion(judged: Sequence[Judged]) -> np.ndarray:
    """How many runs made to be one thing (rows) were judged another (columns), shape (3, 3)."""
    pairs = [(one.label.verdict, one.finding.verdict) for one in judged]
    return np.array([[pairs.count((made, found)) for found in VERDICTS] for made in VERDICTS])


def precision(counts: np.ndarray) -> np.ndarray:
    """Of the runs judged to be one thing, the share that was made so."""
    return np.diag(counts) / np.maximum(counts.sum(axis=0), 1)


def recall(counts: np.ndarray) -> np.ndarray:
    """Of the runs made to be one thing, the share that was judged so."""
    return np.diag(counts) / np.maximum(counts.sum(axis=1), 1)


def confusion_table(judged: Sequence[Judged]) -> str:
    """The confusion matrix as text, with recall beside and precision below it."""
    counts = confusion(judged)
    names = ("stable", "early", "mid")
    lines = [f"{'made to be':<12}" + "".join(f"{name:>8}" for name in names) + f"{'recall':>10}"]
    for name, row, share in zip(names, counts, recall(counts), strict=True):
        lines.append(f"{name:<12}" + "".join(f"{count:>8}" for count in row) + f"{share:>10.2f}")
    lines.append(f"{'precision':<12}" + "".join(f"{share:>8.2f}" for share in precision(counts)))
    return "\n".join(lines)


def by_kind(judged: Sequence[Judged]) -> str:
    """How many of each kind were judged right, split by split: strong labels, and weak ones apart."""
    lines = [f"{'kind':<26}" + "".join(f"{split:>12}" for split in SPLITS) + f"{'weak, all':>12}"]
    for kind in dict.fromkeys(one.label.kind for one in judged):
        of_kind = [one for one in judged if one.label.kind == kind]
        parts = [*(chosen(of_kind, split) for split in SPLITS), chosen(of_kind, weak=True)]
        shares = [f"{sum(one.right for one in part)} of {len(part)}" if part else "-" for part in parts]
        lines.append(f"{kind:<26}" + "".join(f"{share:>12}" for share in shares))
    return "\n".join(lines)


def misses(judged: Sequence[Judged]) -> str:
    """The runs with strong labels that were judged wrong, one a line."""
    return "\n".join(
        f"{one.label.split}: {one.label.kind} ({one.label.net}, {one.label.rule}) was called "
        f"{one.finding.verdict}"
        for one in chosen(judged)
        if not one.right
    )


def harm_table(judged: Sequence[Judged]) -> str:
    """Of the runs rightly called unstable, whether training was harmed: against the same run left alone."""
    known = [one for one in chosen(judged) if one.right and one.finding.unstable]
    known = [one for one in known if one.label.harmed is not None]
    lines = [f"{'':<12}{'called harmed':>15}{'called unharmed':>17}"]
    for harmed, name in ((True, "harmed"), (False, "unharmed")):
        said = [one.finding.harmed for one in known if one.label.harmed is harmed]
        lines.append(f"{name:<12}{said.count(True):>15}{said.count(False):>17}")
    return "\n".join(lines)
