"""One process of the sweep benchmark: `python -m benchmarks.sweep_process <who> <network> <calls>`.

Prints as JSON how long each phase took and the loss of each trial's last steps.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from benchmarks.work import Trials

SEEDS, RATES, STEPS = 5, 10, 300
LAST_STEPS = 30
Losses = Callable[[], "np.ndarray"]  # trains all trials: losses (S, R, T)
Phases = dict[str, float]


def timed(phases: Phases, name: str, call: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    result = call()
    phases[name] = time.perf_counter() - start
    return result


def prepare_ours(phases: Phases, network: str) -> Losses:
    work = timed(phases, "import", lambda: trials(network))
    problem = timed(phases, "load", work.problem)
    from benchmarks.work import ours

    return lambda: ours(work, STEPS, problem).loss


def prepare_jax(phases: Phases, network: str) -> Losses:
    def imported() -> tuple[Any, "Trials"]:
        from benchmarks import jax_trials

        return jax_trials, trials(network)

    jax_trials, work = timed(phases, "import", imported)
    arguments = timed(phases, "load", lambda: jax_trials.arguments(work, STEPS))
    return timed(phases, "compile", lambda: jax_trials.compiled(network, arguments))


def trials(network: str) -> "Trials":
    from benchmarks import work

    return work.trials(network, SEEDS, RATES)


def main(who: str, network: str, calls: int) -> None:
    phases: Phases = {}
    losses = {"ours": prepare_ours, "jax": prepare_jax}[who](phases, network)
    result = timed(phases, "run", losses)
    for _ in range(calls - 1):
        timed(phases, "run again", losses)
    final = result[..., -LAST_STEPS:].mean(axis=-1)
    print(json.dumps({"phases": phases, "final": final.tolist()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
