"""A workload whose answer is known, and a search in a process of its own that stops at a chosen moment.

python tests/warmup_workloads.py FOLDER CALLS JOBS MOMENT NUMBER: MOMENT is where the process stops and waits
to be killed, at its NUMBER-th passing: "training", "half written", "written", "second worker" or "never".
"""

import functools
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from stability_ref.diagnosis.warmup import trials
from stability_ref.diagnosis.warmup.search import find_warmup

STABLE_FROM = 40
WARMUPS = [10, 20, 40, 80]


def train(rate, warmup_steps, steps, *, stable_from, calls, spike):
    if calls is not None:
        with Path(calls).open("a") as file:
            file.write(f"{rate!r} {warmup_steps} {steps}\n")
    t = np.arange(steps)
    loss = (0.1 if rate > 0.1 else 0.2) + 2 * 0.98**t
    if rate > 0.1 and warmup_steps < stable_from:
        loss[5:20] = spike
    return {"loss": loss, "validation_loss": np.where(t % 10 == 9, loss + 0.1, np.nan)}


def needs_warmup(stable_from=STABLE_FROM, calls=None, spike=60.0):
    """Smooth up to a rate of 0.1, and from so many steps of warmup on; else a spike of 30 times, or NaN.

    It goes to other processes by its name, as plain pickle can.
    """
    return functools.partial(train, stable_from=stable_from, calls=calls, spike=spike)


def wait_to_be_killed(reached):
    Path(reached).touch()
    time.sleep(60)


def main(folder, calls, jobs, moment, number):
    reached, number = calls + ".reached", int(number)
    passed = {"training": 0, "half written": 0, "written": 0}

    def pass_by(here):
        passed[here] += 1
        return here == moment and passed[here] == number

    def stopping_train(rate, warmup_steps, steps):
        log = needs_warmup(calls=calls)(rate, warmup_steps, steps)
        if moment == "second worker" and warmup_steps == WARMUPS[0]:
            wait_to_be_killed(reached)
        if pass_by("training"):
            wait_to_be_killed(reached)
        return log

    fsync, replace = os.fsync, os.replace

    def fsync_or_stop(file):
        if pass_by("half written"):
            os.ftruncate(file, os.fstat(file).st_size // 2)
            wait_to_be_killed(reached)
        fsync(file)

    def replace_or_stop(part, path):
        if pass_by("written"):
            wait_to_be_killed(reached)
        replace(part, path)

    trials.os.fsync, trials.os.replace = fsync_or_stop, replace_or_stop
    search = find_warmup(
        stopping_train, 0.2, 0.1, 400, warmup_steps=WARMUPS, folder=folder, jobs=int(jobs), progress=False
    )
    print(json.dumps(search.as_dict()))


if __name__ == "__main__":
    main(*sys.argv[1:])
