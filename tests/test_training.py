"""The loop: what it records, that trials do not touch each other, how it stops, what it refuses."""

import math

import numpy as np
import pytest

from stability_ref import recipes
from stability_ref.adaptive_clipping import running_percentile, unit_wise
from stability_ref.clipping import clip, clipped_fraction
from stability_ref.problems import DigitsProblem, Quadratic
from stability_ref.schedules import constant, linear, prepend_warmup
from stability_ref.training import run
from stability_ref.updates import RULES

RATES = np.array([0.001, 0.01, 0.1])
MEASURED = [
    "loss",
    "gradient_norm",
    "train_loss",
    "test_loss",
    "test_error",
    "theta",
    "steps_done",
    "clipped",
]


@pytest.fixture
def digits():
    return DigitsProblem("pre", blocks=1, batch_size=32)


@pytest.fixture
def bowl():
    return Quadratic([1.0, 3.0, 10.0])


@pytest.mark.parametrize("name", RULES)
def test_the_loop_is_the_rule_step_by_step(bowl, name):
    record = run(bowl, name, linear(0.05, steps=30), steps=25)
    theta, rule = bowl.initial(0), RULES[name]
    state = rule.init(theta)
    for t in range(25):
        loss, g = bowl.loss_and_gradient(theta[None], bowl.batches(0, 1))
        assert record.loss[0, 0, t] == pytest.approx(loss[0], rel=1e-12)
        assert record.gradient_norm[0, 0, t] == pytest.approx(np.linalg.norm(g), rel=1e-12)
        assert record.rate[0, t] == linear(0.05, steps=30)(t)
        theta, state = rule.update(theta, g[0], state, linear(0.05, steps=30)(t))
    np.testing.assert_allclose(record.theta[0, 0], theta, rtol=1e-12)
    assert record.train_loss[0, 0].tolist() == [pytest.approx(0.5 * bowl.curvatures @ theta**2)]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_trial_alone_equals_itself_in_a_sweep_bit_for_bit(name, dtype):
    problem = DigitsProblem("pre", blocks=2, batch_size=32, dtype=dtype)
    schedule = prepend_warmup(constant(RATES), 5)
    sweep = run(problem, name, schedule, 15, seeds=[3, 5, 8], clip_threshold=[0.5, 1, 2], evaluate_every=5)
    assert sweep.theta.dtype == dtype
    for s, seed in enumerate([3, 5, 8]):
        for r, rate in enumerate(RATES):
            alone = run(
                problem,
                name,
                prepend_warmup(constant(rate), 5),
                15,
                seeds=[seed],
                clip_threshold=[0.5, 1, 2][r],
                evaluate_every=5,
            )
            np.testing.assert_array_equal(sweep.rate[r], alone.rate[0])
            for field in MEASURED:
                np.testing.assert_array_equal(getattr(sweep, field)[s, r], getattr(alone, field)[0, 0])


def test_chunks_change_nothing(digits, monkeypatch):
    whole = run(digits, "adam", constant(RATES), 10, seeds=[0, 1])
    monkeypatch.setattr("stability_ref.training.CACHE_BYTES", 1)  # one trial a chunk
    chunked = run(digits, "adam", constant(RATES), 10, seeds=[0, 1])
    for field in MEASURED:
        np.testing.assert_array_equal(getattr(whole, field), getattr(chunked, field))


def test_a_trial_that_diverges_stays_in_the_record_and_disturbs_no_other(bowl):
    record = run(bowl, "sgd", constant([0.1, 10.0, 1e3]), steps=400)
    alone = run(bowl, "sgd", constant(0.1), steps=400)
    assert not np.isfinite(record.loss[0, 1:, -1]).any()
    assert not np.isfinite(record.theta[0, 1:]).all(axis=-1).any()
    np.testing.assert_array_equal(record.loss[0, 0], alone.loss[0, 0])
    assert (record.steps_done == 400).all()


def test_settings_of_a_seed_see_the_same_start_and_batches(digits):
    record = run(digits, "sgd", constant([0.0, 0.0, 0.1]), 10, seeds=[0, 1])
    np.testing.assert_array_equal(record.loss[:, 0], record.loss[:, 1])
    np.testing.assert_array_equal(record.loss[:, 0, 0], record.loss[:, 2, 0])
    assert record.loss[0, 0, 0] != record.loss[1, 0, 0]


def test_the_norm_is_recorded_before_clipping(bowl):
    """Clauses C2 and D5."""
    free = run(bowl, "sgd", constant(0.01), 3)
    clipped = run(bowl, "sgd", constant(0.01), 3, clip_threshold=0.5)
    assert clipped.gradient_norm[0, 0, 0] == free.gradient_norm[0, 0, 0] > 0.5
    g = bowl.curvatures * bowl.initial(0)
    after = run(bowl, "sgd", constant(0.01), 1, clip_threshold=0.5).theta[0, 0]
    np.testing.assert_allclose(after, bowl.initial(0) - 0.01 * clip(g, 0.5)[0], rtol=1e-14)


def test_the_threshold_may_change_with_the_step(digits):
    """A callable that returns one number equals the number; inf clips nothing; settings may differ."""
    number = run(digits, "momentum", constant(0.1), 8, clip_threshold=0.5)
    same = run(digits, "momentum", constant(0.1), 8, clip_threshold=lambda t: 0.5)
    for field in MEASURED:
        np.testing.assert_array_equal(getattr(number, field), getattr(same, field))

    def limits(t):
        return [math.inf, 0.5 if t < 4 else math.inf, 0.5 if t >= 4 else math.inf, 0.5]

    free, early, late, always = (run(digits, "momentum", constant([0.1] * 4), 8, clip_threshold=limits).loss)[
        0
    ]
    np.testing.assert_array_equal(free, run(digits, "momentum", constant(0.1), 8).loss[0, 0])
    np.testing.assert_array_equal(always, number.loss[0, 0])
    np.testing.assert_array_equal(early[:5], always[:5])
    np.testing.assert_array_equal(late[:5], free[:5])
    assert early[6] != always[6]
    assert late[6] != free[6]


def test_the_record_says_which_steps_were_clipped(digits):
    record = run(digits, "momentum", constant([0.1, 0.2]), 10, seeds=[0, 1], clip_threshold=[0.9, 1.5])
    for s, r in np.ndindex(2, 2):
        share = clipped_fraction(record.gradient_norm[s, r], [0.9, 1.5][r])
        assert record.clipped[s, r].mean() == share
    assert 0 < record.clipped.mean() < 1
    assert not run(digits, "momentum", constant(0.1), 5).clipped.any()


def adaptive(problem):
    return {"running percentile": running_percentile(50, window=5), "units": unit_wise(problem.network)}


@pytest.mark.parametrize("kind", ["running percentile", "units"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_with_adaptive_clipping_a_trial_alone_equals_itself_in_a_sweep(kind, dtype):
    problem = DigitsProblem("pre", blocks=2, batch_size=32, dtype=dtype)
    clipping = adaptive(problem)[kind]
    sweep = run(problem, "momentum", constant(RATES), 12, seeds=[3, 5], clipping=clipping)
    assert sweep.theta.dtype == dtype
    for s, r in np.ndindex(2, 3):
        alone = run(problem, "momentum", constant(RATES[r]), 12, seeds=[[3, 5][s]], clipping=clipping)
        for field in MEASURED:
            np.testing.assert_array_equal(getattr(sweep, field)[s, r], getattr(alone, field)[0, 0])


@pytest.mark.parametrize("kind", ["running percentile", "units"])
def test_adaptive_clipping_is_its_function_step_by_step(digits, kind):
    clipping = adaptive(digits)[kind]
    record = run(digits, "momentum", constant(0.2), 8, clipping=clipping)
    theta, rows = digits.initial(0)[None], digits.batches(0, 8)
    memory, state = clipping.init(theta), RULES["momentum"].init(theta)
    for t in range(8):
        _, g = digits.loss_and_gradient(theta, rows[t : t + 1])
        clipped, memory = clipping.clip(theta, g, memory)
        assert record.gradient_norm[0, 0, t] == pytest.approx(np.linalg.norm(g), rel=1e-6)
        assert record.clipped[0, 0, t] == (clipped != g).any()
        theta, state = RULES["momentum"].update(theta, clipped, state, np.float32(0.2))
    np.testing.assert_array_equal(record.theta[0, 0], theta[0])
    assert record.clipped.any()


def test_a_trial_that_diverges_under_adaptive_clipping_disturbs_no_other(digits):
    for clipping in adaptive(digits).values():
        record = run(digits, "sgd", constant([0.1, 1e30]), 10, clipping=clipping)
        alone = run(digits, "sgd", constant(0.1), 10, clipping=clipping)
        assert not np.isfinite(record.loss[0, 1, -1])
        assert not record.clipped[0, 1, -1]
        np.testing.assert_array_equal(record.loss[0, 0], alone.loss[0, 0])


def test_constants_vary_by_setting(bowl):
    record = run(bowl, "momentum", constant(0.01), 20, constants={"gamma": [0.0, 0.5, 0.9]})
    for r, gamma in enumerate([0.0, 0.5, 0.9]):
        alone = run(bowl, "momentum", constant(0.01), 20, constants={"gamma": gamma})
        np.testing.assert_array_equal(record.loss[0, r], alone.loss[0, 0])
    np.testing.assert_array_equal(record.loss[0, 0], run(bowl, "sgd", constant(0.01), 20).loss[0, 0])


@pytest.mark.parametrize(
    ("every", "expected"),
    [(None, [5]), (1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4, 5]), (5, [0, 5]), (9, [0, 5])],
)
def test_evaluations_stand_where_they_were_asked_for(bowl, every, expected):
    record = run(bowl, "sgd", constant(0.1), 5, evaluate_every=every)
    assert record.evaluated_at.tolist() == expected
    assert np.isfinite(record.train_loss).all()
    full = run(bowl, "sgd", constant(0.1), 5, evaluate_every=1)
    np.testing.assert_array_equal(record.train_loss[0, 0], full.train_loss[0, 0, expected])
    np.testing.assert_array_equal(full.train_loss[0, 0, :-1], record.loss[0, 0])


def test_theta0_can_be_given_for_all_or_for_each(bowl):
    same = run(bowl, "sgd", constant([0.1, 0.1]), 2, theta0=[1, 2, 3])
    np.testing.assert_array_equal(same.loss[0, 0], same.loss[0, 1])
    each = run(bowl, "sgd", constant([0.1, 0.1]), 2, theta0=[[1, 2, 3], [0, 0, 0]])
    np.testing.assert_array_equal(each.loss[0, 0], same.loss[0, 0])
    assert (each.loss[0, 1] == 0).all()


def test_any_callable_is_a_schedule(bowl):
    record = run(bowl, "sgd", lambda t: 0.1 if t < 2 else [0.05], 4)
    assert record.rate.tolist() == [[0.1, 0.1, 0.05, 0.05]]


def test_progress_counts_every_trial_step_to_the_total(digits, monkeypatch):
    monkeypatch.setattr("stability_ref.training.CACHE_BYTES", 1)
    seen = []
    run(digits, "sgd", constant(RATES), 4, on_step=lambda done, total, record: seen.append((done, total)))
    assert seen == [(done, 12) for done in range(1, 13)]


def test_a_run_can_be_stopped_and_keeps_what_is_finished(bowl):
    record = run(bowl, "sgd", constant(0.1), 9, on_step=lambda done, total, record: done == 4)
    whole = run(bowl, "sgd", constant(0.1), 9)
    assert record.steps_done.tolist() == [[4]]
    np.testing.assert_array_equal(record.loss[0, 0, :4], whole.loss[0, 0, :4])
    assert np.isnan(record.loss[0, 0, 4:]).all()
    np.testing.assert_array_equal(record.theta[0, 0], run(bowl, "sgd", constant(0.1), 4).theta[0, 0])


def test_an_interrupt_from_the_keyboard_keeps_what_is_finished(digits, monkeypatch):
    monkeypatch.setattr("stability_ref.training.CACHE_BYTES", 1)

    def interrupt(done, total, record):
        if done == 6:
            raise KeyboardInterrupt

    record = run(digits, "sgd", constant(RATES), 4, on_step=interrupt)
    assert record.steps_done.tolist() == [[4, 2, 0]]
    assert np.isfinite(record.test_error[0, 0]).all()
    assert np.isnan(record.test_error[0, 1:]).all()


def test_another_error_in_the_hook_is_not_swallowed(bowl):
    def fail(done, total, record):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        run(bowl, "sgd", constant(0.1), 4, on_step=fail)


REFUSED = {
    "rule must be one of sgd, momentum, nesterov, rmsprop, adam, nadam": {"rule": "adamw"},
    "steps must be a whole number of at least 1": {"steps": 0},
    "steps must be": {"steps": 10.0},
    "seeds must be a list of at least one seed": {"seeds": []},
    "seeds must be a list": {"seeds": 3},
    "seeds must be a whole number": {"seeds": [0.5]},
    "seeds must be different": {"seeds": [1, 1]},
    "schedule must be a callable": {"schedule": 0.1},
    "schedule must be at least 0 at every step": {"schedule": lambda t: 0.1 - t},
    "schedule must be finite": {"schedule": lambda t: np.nan},
    "schedule must be as many rates": {"schedule": lambda t: [0.1] * (t + 1)},
    "schedule must be as many": {"schedule": lambda t: []},
    "a constant of adam must be one of beta1, beta2, epsilon": {"rule": "adam", "constants": {"gamma": 0.9}},
    "a constant of sgd must be one of none": {"rule": "sgd", "constants": {"gamma": 0.9}},
    r"gamma must be in \[0, 1\)": {"constants": {"gamma": 1.0}},
    r"gamma must be in \[0, 1\) in float64, but \[0.5, -0.1\]": {"constants": {"gamma": [0.5, -0.1]}},
    "gamma must be a finite number": {"constants": {"gamma": np.nan}},
    r"schedule and gamma must be one value each, or equally many, but \[2, 3\] came": {
        "constants": {"gamma": [0.1, 0.2, 0.3]},
        "schedule": lambda t: [0.1, 0.2],
    },
    "gamma must be a number or a list": {"constants": {"gamma": [[0.1, 0.2]]}},
    "clip_threshold must be above 0": {"clip_threshold": 0},
    "clip_threshold must be a finite number": {"clip_threshold": np.inf},
    "clip_threshold must be a number or a list": {"clip_threshold": [[1, 2]]},
    "clip_threshold must be above 0 at every step": {"clip_threshold": lambda t: 1 - t},
    r"clip_threshold must be above 0 at every step, but array\(\[\[nan": {"clip_threshold": lambda t: np.nan},
    r"clip_threshold must be above 0 at every step, but array\(\[\['": {"clip_threshold": lambda t: "1"},
    "clip_threshold must be as many thresholds": {"clip_threshold": lambda t: [1.0] * (t + 1)},
    "clip_threshold must be as many": {"clip_threshold": lambda t: []},
    r"schedule and clip_threshold must be one value each, or equally many, but \[2, 3\]": {
        "clip_threshold": lambda t: [1, 2, np.inf],
        "schedule": lambda t: [0.1, 0.2],
    },
    "clip_threshold must be None where clipping is given": {
        "clip_threshold": 1.0,
        "clipping": running_percentile(),
    },
    "clipping must be such as adaptive_clipping.running_percentile": {"clipping": 90},
    "schedule and clip_threshold must be one value each": {
        "clip_threshold": [1, 2, 3],
        "schedule": lambda t: [0.1, 0.2],
    },
    "theta0 must be finite": {"theta0": [np.nan, 1, 1]},
    r"theta0 must be of shape \(3,\), \(1, 3\) or \(1, 1, 3\), but \(2,\) came": {"theta0": [1, 1]},
    "evaluate_every must be": {"evaluate_every": 0},
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals_name_the_argument_before_any_work(bowl, message, monkeypatch):
    def work(*arguments):
        raise AssertionError("work was done before the refusal")

    monkeypatch.setattr(bowl, "loss_and_gradient", work)
    chosen = {"rule": "momentum", "schedule": constant(0.1), "steps": 5, **REFUSED[message]}
    with pytest.raises(ValueError, match=message):
        run(bowl, **chosen)


def test_a_rate_that_rounds_to_zero_or_overflows_in_float32_is_a_result():
    bowl = Quadratic([1.0], dtype=np.float32)
    record = run(bowl, "sgd", constant([1e-60, 1e30]), 5)
    assert record.loss[0, 0, -1] == record.loss[0, 0, 0]
    assert not np.isfinite(record.loss[0, 1, -1])


def test_a_constant_that_float32_rounds_to_one_is_refused():
    bowl = Quadratic([1.0], dtype=np.float32)
    with pytest.raises(ValueError, match=r"beta2 must be in \[0, 1\) in float32, but 0.9999999999 came"):
        run(bowl, "adam", constant(0.1), 5, constants={"beta2": 0.9999999999})


def test_a_recipe_s_net_trains():
    record = run(recipes.standard_net(np.float32), "momentum", constant(0.05), 60)
    assert record.final_test_error[0, 0] < 0.1
