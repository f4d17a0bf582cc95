"""A whole sweep from a cold process, compilation included: ours and JAX."""

import functools
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.report import ROOT, interleaved, median_and_spread, median_ratio, ratios, table, verdict
from benchmarks.sweep_process import LAST_STEPS, RATES, SEEDS, STEPS
from benchmarks.work import BATCH, DESCRIPTIONS, NETWORKS

ROUNDS = 7
TOLERANCE = 0.01  # relative, of the median trial's final loss: at high rates rounding has grown in 300 steps
OUTLIER = 0.05  # nats, of any trial's
NAMES = {"ours": "stability_ref", "jax": "JAX, jit of vmap of scan"}
PHASES = {"import": "import", "load": "load digits", "compile": "compile", "run": "run"}

INTRODUCTION = f"""{RATES} rates x {SEEDS} seeds x {STEPS} steps of Adam, batch {BATCH}, float32; batches
and first weights are the same for both. A cold process is a new Python that imports, loads the digits,
compiles (JAX), trains and ends; the whole is the time that its parent waited, and JAX's compilation cache
is off. Ours has one thread, records gradient norms too and evaluates at the end. Steady is the second call
in a process of its own. The mean losses of a trial's last {LAST_STEPS} steps must agree within
{TOLERANCE:.0%} in the median of the trials and within {OUTLIER:g} nats in all. Medians of {ROUNDS}
interleaved rounds in seconds, quartiles in brackets; ratios are taken round by round."""


def measure() -> str:
    """The section of the results."""
    return "\n\n".join([INTRODUCTION, *(section(network) for network in NETWORKS)])


def section(network: str) -> str:
    processes: dict[str, list[dict[str, Any]]] = {who: [] for who in NAMES}
    steady: dict[str, list[float]] = {who: [] for who in NAMES}

    def cold(who: str) -> float:
        start = time.perf_counter()
        processes[who].append(process(who, network, calls=1))
        seconds = time.perf_counter() - start
        steady[who].append(process(who, network, calls=2)["phases"]["run again"])
        return seconds

    whole = interleaved({who: functools.partial(cold, who) for who in NAMES}, ROUNDS)
    refuse_unequal_work(processes)
    return f"### {DESCRIPTIONS[network]}\n\n{comparison(whole, steady, processes)}"


def process(who: str, network: str, calls: int) -> dict[str, Any]:
    """What one cold process says of itself."""
    command = [sys.executable, "-m", "benchmarks.sweep_process", who, network, str(calls)]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)


def refuse_unequal_work(processes: dict[str, list[dict[str, Any]]]) -> None:
    ours, jax = (np.array(processes[who][0]["final"]) for who in ("ours", "jax"))
    typical, worst = np.median(np.abs(jax / ours - 1)), np.abs(jax - ours).max()
    if not (typical <= TOLERANCE and worst <= OUTLIER):
        raise AssertionError(
            f"JAX does other work: its final losses differ by {typical:.1%} in the median, "
            f"by up to {worst:.2g} nats"
        )


def comparison(
    whole: dict[str, list[float]],
    steady: dict[str, list[float]],
    processes: dict[str, list[dict[str, Any]]],
) -> str:
    rows = []
    for who, name in NAMES.items():
        phases = [[p["phases"].get(phase, 0.0) for p in processes[who]] for phase in PHASES]
        columns = (whole[who], *phases, steady[who])
        rows.append([name, *(median_and_spread(seconds) if any(seconds) else "" for seconds in columns)])
    ratio = [median_and_spread(ratios(seconds, "jax", "ours")) for seconds in (whole, steady)]
    rows.append(["JAX's time over ours", ratio[0], *[""] * len(PHASES), ratio[1]])
    said = verdict(median_ratio(whole, "jax", "ours"), target=1.0)
    header = ["", "whole cold process", *PHASES.values(), "steady"]
    return f"{table(header, rows)}\n\nJAX's cold time over ours, {said}."
