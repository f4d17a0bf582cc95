"""Code beside its equation: the source as it runs, without decorator and docstring."""

import inspect

from stability_ref import schedules, updates
from stability_ref.lessons import code_of


def test_the_code_is_the_equations_and_nothing_else():
    code = code_of(updates.momentum)
    signature, body = code.split(":\n    (v,) = state")
    assert signature.startswith("def momentum(")
    assert inspect.getsource(updates.momentum).endswith(f"    (v,) = state{body}\n")
    assert len(body.splitlines()) == 4
    assert '"""' not in code_of(updates.adam)


def test_nested_functions_stay():
    code = code_of(schedules.prepend_warmup)
    assert "def warmed_up(" in code
    assert "@printed" not in code


def test_a_function_without_docstring_is_shown_whole():
    def plain(x):
        return x + 1

    assert code_of(plain) == "def plain(x):\n    return x + 1"
