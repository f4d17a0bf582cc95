"""No equation is typed twice: the LaTeX stands in equations.py, the code of the rules in updates.py.

Apart stand what executed cells print, which comes from there; the solutions of exercises, in <details>; and
the catalogue of mistakes, whose lines are right but for one: no body in it may be right as a whole.
"""

import ast
import inspect
import json
import re
import warnings
from pathlib import Path

import pytest
from test_environment import tracked_files

from stability_ref import mistakes
from stability_ref.equations import EQUATIONS
from stability_ref.updates import RULES

HOMES = {"stability_ref/equations.py", "stability_ref/updates.py"}
MAY_REPEAT_CODE = "stability_ref/mistakes/"
SHORT = 15  # characters: v_0 = 0 and s_t = s_0 are too short to be anybody's


def bare_latex(text):
    """Without what does not change an equation: spaces, braces, alignment, and JSON's second backslash."""
    text = text.replace("\\\\", "\\").replace(r"\left", "").replace(r"\right", "").replace(r"\,", "")
    return re.sub(r"[\s{}&]", "", text)


def bare_code(line):
    """An assignment as Python itself would write it; nothing if it is none."""
    if "=" not in line:
        return ""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.unparse(ast.parse(line.strip()))
    except (SyntaxError, ValueError):
        return ""


def equations_as_printed():
    lines = {bare_latex(line): name for name, printed in EQUATIONS.items() for line in printed}
    return {line: name for line, name in lines.items() if len(line) >= SHORT}


def body(function):
    """The statements of a function, its docstring apart."""
    (definition,) = ast.parse(inspect.getsource(function)).body
    return [ast.unparse(one) for one in definition.body if not isinstance(one, ast.Expr)]


def equations_as_code():
    """The lines of the rules' bodies between the state's unpacking and its return."""
    lines = ((line, name) for name, rule in RULES.items() for line in body(rule.update))
    return {bare_code(line): name for line, name in lines if "state" not in line and " = " in line}


def sources(name, text):
    """What was typed into a file: of a notebook the cells without outputs, and nobody's solutions."""
    if name.endswith(".ipynb"):
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    return re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)


def copies(files):
    """(file, what of) for every equation in these files that has its home elsewhere."""
    found = set()
    printed, code = equations_as_printed(), equations_as_code()
    for name, text in files.items():
        if name in HOMES or Path(name).suffix in {".png", ".txt"}:
            continue
        typed = sources(name, text)
        bare = bare_latex(typed)
        found |= {(name, f"the print of {of}") for line, of in printed.items() if line in bare}
        if not name.startswith(MAY_REPEAT_CODE):
            lines = {bare_code(line) for line in typed.splitlines()}
            found |= {(name, f"the code of {of}") for line, of in code.items() if line in lines}
    return found


def test_no_equation_is_typed_twice():
    assert copies(tracked_files()) == set()


def test_no_mistake_is_right():
    right = {tuple(body(rule.update)) for rule in RULES.values()}
    functions = [mistake.function for mistake in mistakes.MISTAKES.values() if mistake.target in RULES]
    assert [function.__name__ for function in functions if tuple(body(function)) in right] == []


THETA = EQUATIONS["nesterov"][2]
_, V_CODE, THETA_CODE, _ = body(RULES["nesterov"].update)
PLANTED = {
    "README.md": "$$" + THETA.replace("_{t}", "_t") + "$$",
    "aligned.md": THETA.replace("=", "&=").replace(" ", "  "),
    "lesson.ipynb": json.dumps({"cells": [{"source": ["In short: $", THETA, "$"], "outputs": []}]}),
    "cell.ipynb": json.dumps(
        {"cells": [{"source": [V_CODE.replace(" ", "") + "\n", "theta"], "outputs": []}]}
    ),
    "other.py": f"def step(theta, eta, gamma, v, g):\n    {THETA_CODE.replace(' g)', ' (g))')}\n",
}
APART = {
    "output.ipynb": json.dumps({"cells": [{"source": ["show()"], "outputs": [{"text": THETA}]}]}),
    "solution.md": f"<details>\n{THETA}\n\n    {V_CODE}\n</details>",
    "talk.md": "The rate times the buffer, γ v = gamma * v, is subtracted from theta.",
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_copy_is_noticed(name, tmp_path):
    (tmp_path / name).write_text(PLANTED[name], encoding="utf-8")
    assert {file for file, _ in copies({name: (tmp_path / name).read_text(encoding="utf-8")})} == {name}


@pytest.mark.parametrize("name", APART)
def test_what_is_no_copy_passes(name):
    assert copies({name: APART[name]}) == set()
