"""The equations stand once, as printed, and docstrings take them from there."""

import pytest

from stability_ref import adaptive_clipping, clipping, schedules, sharpness, updates
from stability_ref.equations import EQUATIONS, latex, printed

FUNCTIONS = [
    *(row.update for row in updates.RULES.values()),
    clipping.clip,
    adaptive_clipping.clip_at_percentile,
    adaptive_clipping.clip_units,
    *sharpness.EDGES.values(),
    *schedules.DECAYS.values(),
    schedules.rescale,
    schedules.prepend_warmup,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_docstrings_hold_the_printed_equations(function):
    for line in EQUATIONS[function.__name__]:
        assert line in function.__doc__
    assert "{equations}" not in function.__doc__


def test_every_equation_has_its_function():
    assert set(EQUATIONS) == {function.__name__ for function in FUNCTIONS}


@pytest.mark.parametrize("name", EQUATIONS)
def test_rendered_equations_are_aligned_once_a_line(name):
    assert latex(name).count("&=") == len(EQUATIONS[name])


def test_a_function_without_docstring_is_left_alone():
    def sgd():
        pass

    assert printed(sgd) is sgd
