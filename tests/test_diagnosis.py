"""The criterion behind a cross, on curves made by hand.

The clause D3.
"""

import numpy as np
import pytest

from stability_ref.diagnosis import peak_ratio, significant_instability

STEPS = np.arange(200)
SAFE = 2.6 * np.exp(-STEPS / 150)  # the lowest rate's run: slow
NOISE = 1 + 0.2 * np.random.default_rng(0).normal(size=200)  # the batches, the same for all rates

CURVES = {
    "faster and stable": (2.6 * np.exp(-STEPS / 20), False),
    "a plateau": (np.full(200, 2.3), False),
    "a spike at the start, then recovery": (2.6 * np.exp(-STEPS / 20) + 30 * (STEPS == 7), True),
    "a rise above the start in mid training": (np.where(STEPS < 150, 0.3, 4.0), True),
    "a rise that stays below the start": (np.where(STEPS < 150, 0.3, 2.0), False),
    "slow growth": (2.6 * np.exp(STEPS / 300), True),
    "NaN at the end": (np.where(STEPS < 199, 1.0, np.nan), True),
    "inf once": (np.where(STEPS == 50, np.inf, 1.0), True),
    "just below the threshold": (np.full(200, 2.6 * 1.24), False),
    "just above the threshold": (np.full(200, 2.6 * 1.26), True),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("noise", [1.0, NOISE], ids=["smooth", "noisy"])
def test_curves_made_by_hand(name, noise):
    curve, expected = CURVES[name]
    if noise is NOISE and name.startswith("just"):
        curve, noise = curve * NOISE.max(), 1  # at the threshold only the peak of the noise counts
        reference = SAFE[0] * NOISE.max() * np.ones(200)
    else:
        reference = SAFE * noise
    if noise is NOISE and name == "a plateau":
        reference = np.maximum(reference, 2.3 * NOISE)  # a plateau is what the safe run shows as well
    assert significant_instability(curve * noise, reference) == expected


def test_many_runs_at_once():
    curves = np.array([curve for curve, _ in CURVES.values()])
    expected = [unstable for _, unstable in CURVES.values()]
    assert significant_instability(curves, SAFE).tolist() == expected
    stacked = significant_instability(np.stack([curves, curves]), np.stack([SAFE, SAFE])[:, None])
    assert stacked.tolist() == [expected, expected]


def test_hard_batches_alone_give_no_cross():
    """Relative to its own first loss, a noisy run exceeds 1.25; on the same batches it does not."""
    curve = 2.6 * NOISE
    assert curve.max() / curve[0] > 1.25
    assert not significant_instability(curve, SAFE[0] * NOISE)


@pytest.mark.parametrize(
    ("loss", "reference", "message"),
    [
        ([], [1.0], "loss must be at least one step"),
        (1.0, [1.0], "loss must be at least one step"),
        ([1.0, 2.0], [1.0], "reference must be of 2 steps, like loss"),
        ([1.0], 1.0, "reference must be of 1 steps"),
        ([1.0], [np.nan], "reference must be finite losses: take a lower lowest rate"),
        ([1.0], [0.0], "reference must be above 0 somewhere"),
    ],
)
def test_refusals_name_the_argument(loss, reference, message):
    with pytest.raises(ValueError, match=message):
        peak_ratio(loss, reference)
