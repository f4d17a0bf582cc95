"""What a lesson shows beside its figures: an equation, and the code that is that equation."""

import ast
import inspect
import textwrap
from collections.abc import Callable

import numpy as np

from stability_ref.equations import latex
from stability_ref.training import Record


def show_equations(name: str) -> None:
    """Publish the equations of that name in `equations.EQUATIONS`, rendered."""
    from IPython.display import Math, display

    display(Math(latex(name)))


def show_code(function: Callable[..., object]) -> None:
    """Publish the source of a function as it runs, without its docstring."""
    from IPython.display import Markdown, display

    display(Markdown(f"```python\n{code_of(function)}\n```"))


def code_of(function: Callable[..., object]) -> str:
    """The source of a function without decorators and docstring, so that the equations stand alone.

    Example:
        >>> from stability_ref.updates import momentum
        >>> print(code_of(momentum).splitlines()[-1].strip())
        return theta, MomentumState(v)
    """
    source = textwrap.dedent(inspect.getsource(function))
    lines = source.splitlines()
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.FunctionDef)
    body = definition.body
    if ast.get_docstring(definition) is not None:
        body = body[1:]
    header = lines[definition.lineno - 1 : definition.body[0].lineno - 1]
    return "\n".join(header + lines[body[0].lineno - 1 :])


def describe(record: Record) -> str:
    """One sentence on a single trial: its highest loss, whether it broke down, its final test error."""
    loss = record.loss[0, 0]
    broken = np.flatnonzero(~np.isfinite(loss))
    if broken.size:
        return f"The loss is not finite from step {broken[0] + 1} on: the run has diverged."
    peak, error = int(loss.argmax()), record.final_test_error[0, 0]
    highest = f"{loss[peak]:.3g}" if loss[peak] < 1000 else "beyond 1000"  # such digits mean nothing
    return f"Highest training loss {highest} at step {peak + 1}; final test error {error:.1%}."
