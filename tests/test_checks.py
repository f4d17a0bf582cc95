"""Every refusal names the argument, what is allowed and what came."""

import numpy as np
import pytest

from stability_ref.checks import finite_numbers, known, require, whole_number


@pytest.mark.parametrize("value", [3.0, True, np.True_, "3", None, -1, 0, [3], np.float64(3), np.nan])
def test_what_is_no_whole_number_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^steps must be a whole number of at least 1, but "):
        whole_number("steps", value, minimum=1)


@pytest.mark.parametrize("value", [3, np.int32(3), np.uint8(3), np.array(3)])
def test_whole_numbers_become_ints(value):
    assert type(whole_number("steps", value, minimum=1)) is int


@pytest.mark.parametrize("value", [np.nan, np.inf, [1, np.nan], "0.1", [], [[1], [2, 3]], None, 1j, True])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match=r"^base must be a finite number or an array of them, but "):
        finite_numbers("base", value)


def test_float32_stays_float32():
    assert finite_numbers("base", np.float32(0.1)).dtype == np.float32


def test_an_unknown_name_is_told_what_exists():
    with pytest.raises(ValueError, match="rule must be one of sgd, adam, but 'adamw' came"):
        known("rule", "adamw", ["sgd", "adam"])


def test_a_long_value_is_cut():
    with pytest.raises(ValueError, match=r"\.\.\. came$") as caught:
        require(False, "theta0", "short", "x" * 1000)
    assert len(str(caught.value)) < 200
