"""The playbook's clauses, a line each in our own words, and how a text cites them.

A citation is written the same way everywhere: the id of a clause as a word of its own, such as W4 or S1;
several with commas or "and"; a range from end to end, as in C1–C7, W1-W4 or X1 to X6; a figure by its number,
as in Figure 7a or Figures 4 and 5; and E, which is also a letter, only behind "playbook" or "clauses".

- A public function or class cites, in its docstring, the clause that it implements: "(playbook W4)".
- A test cites in its name, its docstring, a comment in it, or the docstring of its module what it proves.
- A lesson cites in its line "The playbook says (clauses …)" and in its headings what it teaches. What it
  mentions elsewhere does not count.

`clause_map` reads these three and makes the table from clause to lesson, function and test.
"""

import re
from typing import NamedTuple


class Clause(NamedTuple):
    """One clause of the playbook."""

    identifier: str
    says: str
    advice: str = ""  # why no function can implement it; empty where one does


CLAUSES = (
    Clause("R1", "SGD: a step against the gradient"),
    Clause("R2", "Momentum: the rate outside the buffer"),
    Clause("R3", "Nesterov: the buffer applied once more"),
    Clause("R4", "RMSProp: v starts at 1, ε inside the root, the rate inside the buffer"),
    Clause("R5", "Adam: ε added before the bias correction"),
    Clause("R6", "NAdam: one bias correction for both terms"),
    Clause("S1", "warmup: the rate ramps up from 0 to its base"),
    Clause("S2", "after the ramp, a constant rate for a number of steps that may be tuned"),
    Clause("S3", "warmup is prepended to a schedule, and the run grows by its steps"),
    Clause("S4", "the decay schedules that it is prepended to"),
    Clause("C1", "a gradient longer than the threshold is cut to the threshold"),
    Clause("C2", "log the norm before clipping; plot it, and its histogram"),
    Clause("C3", "first threshold: the 90th percentile of the norms"),
    Clause("C4", "if instability remains, clip harder"),
    Clause("C5", "more than half of the updates clipped: cut the rate instead"),
    Clause("C6", "what clipping is for, and what warmup is for"),
    Clause("C7", "left open: clipping during warmup, and an adaptive threshold"),
    Clause(
        "D0",
        "fix optimization problems before trying other things",
        "an order of work: there is nothing to compute",
    ),
    Clause("D1", "sweep the learning rate and find the best"),
    Clause("D2", "look at the training loss just above the best rate"),
    Clause("D3", "the loss goes up, not down: the run is unstable"),
    Clause("D4", "tell early instability from sudden instability in mid training"),
    Clause("D5", "log the gradient's norm and look for outliers"),
    Clause("D6", "evaluate every step of some 500, at twice the best rate"),
    Clause("D7", "the best rate at the edge of the feasible ones: the workload is unstable"),
    Clause("D8", "double check at 5 or 10 times the peak"),
    Clause("D9", "instability matters only where it forces too small a rate"),
    Clause("W1", "take the rate at which the model was found unstable"),
    Clause("W2", "raise the base rate to ten times that"),
    Clause("W3", "tune the warmup for each base rate, apart from the decay"),
    Clause("W4", "sweep the warmup by orders of magnitude and take the shortest that is stable"),
    Clause("W5", "prepend it, and compare with the baseline at the best checkpoints"),
    Clause("W6", "above 5 % of the run, the run may have to grow"),
    Clause("W7", "no length of warmup is typical"),
    Clause("X1", "fix 1: warmup"),
    Clause("X2", "fix 2: clipping"),
    Clause("X3", "fix 3: another optimizer"),
    Clause("X4", "fix 4: the architecture's best practices; where the norm stands"),
    Clause("X5", "fix 5: residual branches that start at 0"),
    Clause("X6", "fix 6, the last resort: a lower rate"),
    Clause("B1", "another batch size alone often changes the validation result"),
    Clause("B2", "with all tuned anew for each batch size, the difference mostly goes away"),
    Clause("B3", "large batches may need more regularisation"),
    Clause("B4", "the number of steps may need to change too"),
    Clause("B5", "no convincing evidence that the batch size limits what can be reached"),
    Clause(
        "T1",
        "metaparameter is the better word for hyperparameter",
        "a choice of words: it stands in the glossary",
    ),
    Clause("Figure 4", "a sick twin is harmless at small rates and fails at large ones"),
    Clause("Figure 5", "sparse evaluations miss a spike of the first steps"),
    Clause("Figure 6", "too short a warmup: the loss rises after the ramp"),
    Clause("Figure 7a", "the best rate at the edge of the feasible ones"),
    Clause("Figure 7b", "a sudden rise after a steady decline"),
    Clause("Figure 8", "where the norm stands decides which rates are usable"),
    Clause("Figure 9", "a threshold above the typical norm, and one below it"),
    Clause("E", "the sharpness rises to an edge and stays there; why warmup works"),
)

_ORDER = [clause.identifier for clause in CLAUSES]
_LETTERED = re.compile(r"(?<![\w.])([RSCDWXBT]\d)(?:(?:\s?[–-]\s?|\sto\s)([RSCDWXBT]\d))?(?!\w)")
_FIGURES = re.compile(r"\b[Ff]igures?\s(\d[ab]?(?:(?:,\s|\sand\s|[–-])\d[ab]?)*)\b")
_EDGE = re.compile(r"\b(?:playbook|clauses?)\s(?:[\w–-]+(?:,|\sand)?\s)*E\b")


def cited(text: str) -> list[str]:
    """The clauses that a text cites, each once, in the order of `CLAUSES`.

    Example:
        >>> cited("The procedure (clauses W4–W6, C1 and E) and Figures 4 and 7a")
        ['C1', 'W4', 'W5', 'W6', 'Figure 4', 'Figure 7a', 'E']
    """
    found = set(_figures(text))
    for first, last in _LETTERED.findall(text):
        found |= set(_between(first, last or first))
    if _EDGE.search(text):
        found.add("E")
    return [identifier for identifier in _ORDER if identifier in found]


def _between(first: str, last: str) -> list[str]:
    """The ids of a range, both ends included; none where an end is no clause."""
    if first not in _ORDER or last not in _ORDER:
        return []
    return _ORDER[_ORDER.index(first) : _ORDER.index(last) + 1]


def _figures(text: str) -> list[str]:
    """The ids of the figures that a text names."""
    numbers = [number for listed in _FIGURES.findall(text) for number in re.findall(r"\d[ab]?", listed)]
    return [f"Figure {number}" for number in numbers]
