"""Schedules: first and last rates, warmup's exact ends, prepending, broadcasting, refusals.

The clauses S1, S3 and S4.
"""

import numpy as np
import pytest

from stability_ref.schedules import (
    DECAYS,
    constant,
    cosine,
    exponential,
    inverse_square_root,
    linear,
    make_schedule,
    piecewise_constant,
    prepend_warmup,
    rescale,
)

OPTIONS = {
    "constant": {},
    "linear": {"steps": 10},
    "cosine": {"steps": 10},
    "inverse_square_root": {"timescale": 10},
    "piecewise_constant": {"boundaries": [3, 7], "factors": [0.5, 0.1]},
    "exponential": {"decay_factor": 0.5, "decay_steps": 10},
}
ALL = pytest.mark.parametrize("name", DECAYS)


@ALL
def test_a_decay_broadcasts_over_base_rates(name):
    bases = np.array([[0.1], [0.3], [1.0]])
    together = make_schedule(name, bases, **OPTIONS[name])
    for k, base in enumerate(bases[:, 0]):
        alone = make_schedule(name, base, **OPTIONS[name])
        np.testing.assert_array_equal(together(np.arange(12))[k], alone(np.arange(12)))
        assert together(5)[k, 0] == alone(5)


def test_several_warmups_at_once():
    warmups = np.array([[0], [2], [4]])
    together = prepend_warmup(linear(1.0, steps=4), warmups)(np.arange(8))
    for k, warmup in enumerate([0, 2, 4]):
        np.testing.assert_array_equal(together[k], prepend_warmup(linear(1.0, steps=4), warmup)(np.arange(8)))


def test_a_schedule_of_the_user_s_own_can_be_warmed_up():
    schedule = prepend_warmup(lambda t: np.where(t < 5, 0.2, 0.1), 2)
    assert [schedule(t) for t in (0, 1, 2, 6, 7)] == [0, 0.1, 0.2, 0.2, 0.1]


@pytest.mark.parametrize("t", [-1, 1.0, True, "1", None, [], [0, -1], [0.5]])
def test_a_step_is_a_whole_number_from_zero(t):
    with pytest.raises(ValueError, match=r"^t must be a whole number of at least 0"):
        constant(0.1)(t)


@pytest.mark.parametrize("base", [np.nan, np.inf, -0.1, "fast", [], [0.1, np.nan], [0.1, -0.1], None])
@ALL
def test_a_base_that_is_no_rate_is_refused(name, base):
    with pytest.raises(ValueError, match=r"^base must be"):
        make_schedule(name, base, **OPTIONS[name])


REFUSED = {
    "name must be one of constant, linear": lambda: make_schedule("cosin", 0.1),
    "an option of cosine must be one of steps, final": lambda: make_schedule("cosine", 0.1, step=3),
    "an option of constant must be one of none": lambda: make_schedule("constant", 0.1, steps=3),
    "cosine needs steps, final, but nothing came": lambda: make_schedule("cosine", 0.1),
    "steps must be": lambda: cosine(0.1, steps=0),
    "steps must": lambda: linear(0.1, steps=2.5),
    "final must be": lambda: cosine(0.1, steps=10, final=-1),
    "timescale must be": lambda: inverse_square_root(0.1, timescale=0),
    "boundaries must be rising": lambda: piecewise_constant(0.1, [5, 3], [0.1, 0.1]),
    "boundaries must be a whole number": lambda: piecewise_constant(0.1, [0], [0.1]),
    "factors must be one for each of the 1 boundaries": lambda: piecewise_constant(0.1, [5], [0.1, 0.1]),
    "factors must be at least 0": lambda: piecewise_constant(0.1, [5], [-0.1]),
    r"decay_factor must be in \(0, 1\]": lambda: exponential(0.1, 0.0, 10),
    "decay_steps must be": lambda: exponential(0.1, 0.5, 0),
    "warmup_steps must be": lambda: prepend_warmup(constant(0.1), -1),
    "warmup_steps must": lambda: prepend_warmup(constant(0.1), 2.0),
    "schedule must be a callable": lambda: prepend_warmup(0.1, 10),
    r"schedule\(0\) must be": lambda: prepend_warmup(lambda t: np.nan, 10),
    "schedule must be above 0 at t = 0": lambda: rescale(constant(0.0), 0.1),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals_name_the_argument(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()
