"""The door that every diagnosis goes through: what a Log takes, puts in order and refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stability_ref.diagnosis import Log, as_log

NAN, INF = np.nan, np.inf
DTYPES = (np.float16, np.float32, np.float64, np.int8, np.int64, np.uint64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_numbers_become_float64(dtype):
    log = Log(np.array([3, 2, 1], dtype=dtype), step=np.array([0, 5, 9], dtype=dtype))
    assert log.loss.dtype == np.float64
    assert log.step.dtype == np.int64
    assert log.loss.tolist() == [3, 2, 1]
    assert log.step.tolist() == [0, 5, 9]
    assert log.notes == ()


def test_what_came_is_not_changed_and_not_shared():
    loss, step = np.array([1.0, 2.0, 3.0]), np.array([2, 1, 0])
    log = Log(loss, step=step)
    loss[:] = 7
    assert log.loss.tolist() == [3, 2, 1]
    assert step.tolist() == [2, 1, 0]


def test_one_entry_is_a_log():
    log = Log([2.5], gradient_norm=[NAN], name="short")
    assert (len(log), log.step.tolist(), log.name) == (1, [0], "short")


def test_a_diverged_run_is_a_result():
    log = Log([NAN, INF, -INF], gradient_norm=[NAN, INF, 0.0], validation_loss=[INF, NAN, -1.0])
    np.testing.assert_array_equal(log.loss, [NAN, INF, -INF])
    np.testing.assert_array_equal(log.gradient_norm, [NAN, INF, 0])


def test_gaps_are_no_disorder():
    log = Log([3.0, 2.0, 1.0], step=[5000, 5001, 9_000_000_000_000])
    assert log.step.tolist() == [5000, 5001, 9_000_000_000_000]
    assert log.notes == ()


def test_a_restart_replaces_what_came_before_it():
    log = Log([4.0, 3.0, 2.0, 1.0], step=[0, 1, 2, 1], gradient_norm=[40, 30, 20, 10])
    assert log.step.tolist() == [0, 1, 2]
    assert log.loss.tolist() == [4, 1, 2]
    assert log.gradient_norm.tolist() == [40, 10, 20]
    assert log.notes[0] == "steps were out of order and have been sorted"
    assert log.notes[1].startswith("1 entries came twice")


def test_doubles_in_order_are_not_called_disorder():
    log = Log([4.0, 3.0, 2.0], step=[0, 0, 0], notes=("from a file",))
    assert log.loss.tolist() == [2]
    assert log.notes == ("from a file", "2 entries came twice for their step; the later one was kept")


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(allow_nan=False)), min_size=1))
def test_of_each_step_the_last_entry_stays(rows):
    log = Log([loss for _, loss in rows], step=[step for step, _ in rows])
    assert dict(zip(log.step.tolist(), log.loss.tolist(), strict=True)) == dict(rows)
    assert (np.diff(log.step) > 0).all()


@given(st.permutations(range(30)))
def test_shuffled_rows_are_the_same_log(order):
    numbers = np.random.default_rng(0).random((4, 30))
    columns = dict(zip(("loss", "gradient_norm", "learning_rate", "validation_loss"), numbers, strict=True))
    log = Log(step=order, **{name: values[list(order)] for name, values in columns.items()})
    for name, values in columns.items():
        np.testing.assert_array_equal(getattr(log, name), values)


MANY = 2**53
REFUSED = {
    "nothing": ({"loss": []}, "loss must be at least one number"),
    "a number": ({"loss": 1.0}, "loss must be a list of numbers, but 1.0 came"),
    "None": ({"loss": None}, "loss must be a list of numbers"),
    "text": ({"loss": "12"}, "loss must be a list of numbers, but '12' came"),
    "texts": ({"loss": ["1", "2"]}, "loss must be a list of numbers"),
    "a gap as None": ({"loss": [1.0, None]}, "loss must be a list of numbers"),
    "objects": ({"loss": np.array([1.0, 2.0], dtype=object)}, "loss must be a list of numbers"),
    "true and false": ({"loss": [True, False]}, "loss must be a list of numbers"),
    "complex": ({"loss": [1j]}, "loss must be a list of numbers"),
    "a table": ({"loss": [[1.0], [2.0]]}, "loss must be a list of numbers"),
    "rows of different lengths": ({"loss": [[1.0], [2.0, 3.0]]}, "loss must be a list of numbers"),
    "integers beyond 64 bits": ({"loss": [10**30]}, "loss must be a list of numbers"),
    "masked losses": ({"loss": np.ma.masked_invalid([1.0, NAN])}, "loss must be without masked entries"),
    "a negative norm": ({"gradient_norm": [1.0, -2.0]}, r"gradient_norm must be at least 0.*-2\."),
    "norm -inf": ({"gradient_norm": [1.0, -INF]}, "gradient_norm must be at least 0"),
    "a negative rate": ({"learning_rate": [-1e-9, 1]}, "learning_rate must be at least 0"),
    "norms of another length": ({"gradient_norm": [1.0]}, "gradient_norm must be 2 numbers, as many as loss"),
    "steps of another length": ({"step": [1, 2, 3]}, "step must be 2 numbers, as many as loss, but 3 came"),
    "rates of text": ({"learning_rate": ["a", "b"]}, "learning_rate must be a list of numbers"),
    "a negative step": ({"step": [0, -1]}, r"step must be whole numbers of at least 0.*-1"),
    "half a step": ({"step": [0, 1.5]}, r"step must be whole numbers of at least 0.*1\.5"),
    "a step NaN": ({"step": [0, NAN]}, "step must be whole numbers of at least 0"),
    "a step inf": ({"step": [0, INF]}, "step must be whole numbers of at least 0"),
    "a step beyond exact floats": ({"step": [0, MANY]}, "step must be whole numbers of at least 0"),
    "steps True and False": ({"step": [False, True]}, "step must be a list of numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_argument(name):
    arguments, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        Log(**{"loss": [2.0, 1.0], **arguments})


def test_the_largest_step_that_a_float_holds_exactly_passes():
    assert Log([1.0], step=[MANY - 1]).step[0] == MANY - 1


def test_a_mask_without_masked_entries_passes():
    assert Log(np.ma.array([2.0, 1.0])).loss.tolist() == [2, 1]


def test_tensors_pass_and_those_with_a_gradient_are_refused_by_name():
    torch = pytest.importorskip("torch")
    assert Log(torch.tensor([2.0, 1.0])).loss.tolist() == [2, 1]
    assert Log([torch.tensor(2.0), torch.tensor(1.0)]).loss.tolist() == [2, 1]
    with pytest.raises(ValueError, match=r"loss must be a list of numbers, but tensor.*requires_grad"):
        Log(torch.tensor([2.0, 1.0], requires_grad=True))


def test_as_log_of_each_kind():
    log = Log([1.0], name="mine")
    assert as_log(log, "other") is log
    assert as_log([1.0, 2.0], "bare").name == "bare"
    assert as_log({"loss": [1.0], "learning_rate": [0.1]}, "mapped").learning_rate.tolist() == [0.1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"step": [1]}, """a log must be a mapping with a "loss".*'step'"""),
        ({"loss": [1.0], "lr": [1.0]}, "a column of a log must be one of loss, .* but 'lr' came"),
        ({"loss": [1.0], "name": "x"}, "a column of a log must be one of loss"),
        (3, "loss must be a list of numbers, but 3 came"),
    ],
)
def test_as_log_refuses(value, message):
    with pytest.raises(ValueError, match=message):
        as_log(value)
