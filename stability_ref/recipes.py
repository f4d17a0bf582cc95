"""The measured set-ups behind the lessons' figures: which small network, rates and steps show what.

Lessons and tests take them from here, so that what a caption claims is tested on what its figure shows.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stability_ref.problems import DigitsProblem
from stability_ref.schedules import Rates, Schedule, constant, cosine, prepend_warmup
from stability_ref.training import OnStep, Record, run

RATES = np.geomspace(1e-3, 1, 10)  # the playbook's Figure 4 has the same ten
STEPS = 150
WARMUP_STEPS = 100  # far more than the playbook's 10 % of the steps (W4), because the run is so short
SMALL, LARGE = 0, 7  # which of RATES the loss panels show: 0.001 and 0.215
SPARSE, FREQUENT = 50, 60  # Figure 5: steps between sparse evaluations, steps evaluated one by one


def standard_net(dtype: Any = np.float64) -> DigitsProblem:
    """Eight pre-norm residual blocks, batch 64: trains well at every rate but the highest."""
    return DigitsProblem("pre", blocks=8, batch_size=64, dtype=dtype)


def sick_twin(dtype: Any = np.float64) -> DigitsProblem:
    """The same function at the start, with a curvature 16 times as large in the head's weights.

    The final norm's gain is four times as large and the head's weights a quarter: the outputs are equal, but
    a step in the head's weights moves them four times as far. It stands for the playbook's stride bug.
    """
    return DigitsProblem(
        "pre",
        blocks=8,
        batch_size=64,
        final_norm_gain=4,
        head_gain=1 / 4,
        dtype=dtype,
    )


NETS: dict[str, Callable[..., DigitsProblem]] = {
    "standard net": standard_net,
    "sick twin": sick_twin,
}


def baseline(base: Rates, warmup_steps: int = 0) -> Schedule:
    """A cosine over 150 steps, with warmup prepended, so that the run grows by its steps (clause S3)."""
    return prepend_warmup(cosine(base, STEPS), warmup_steps)


def figure_4(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, Record]:
    """The ten rates with Momentum 0.9 for the standard net, its twin, and the twin with warmup."""
    curves = {"standard net": (standard_net(), 0), "sick twin": (sick_twin(), 0)}
    curves["sick twin + warmup"] = (sick_twin(), WARMUP_STEPS)
    return {
        label: _train(net, baseline(RATES, warmup), STEPS + warmup, seeds, on_step)
        for label, (net, warmup) in curves.items()
    }


def figure_5(seeds: Sequence[int], on_step: OnStep | None = None) -> dict[str, tuple[Record, Record]]:
    """Both nets at the large rate, constant: 500 steps evaluated every 50, and 60 evaluated every step."""
    schedule = constant(RATES[LARGE])
    return {
        label: (
            _train(net(), schedule, 500, seeds, on_step, evaluate_every=SPARSE),
            _train(net(), schedule, FREQUENT, seeds, on_step, evaluate_every=1),
        )
        for label, net in NETS.items()
    }


def _train(
    net: DigitsProblem,
    schedule: Schedule,
    steps: int,
    seeds: Sequence[int],
    on_step: OnStep | None,
    evaluate_every: int | None = None,
) -> Record:
    record = run(
        net, "momentum", schedule, steps, seeds=seeds, evaluate_every=evaluate_every, on_step=on_step
    )
    if (record.steps_done < steps).any():  # a figure of half a run would mislead
        raise KeyboardInterrupt("stopped before the figure's runs were complete")
    return record
