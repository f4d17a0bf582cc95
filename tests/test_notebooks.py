"""The committed notebooks: executed, in normal form, and readable by somebody without a kernel."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import execute

COURSE = Path(execute.__file__).parent
NOTEBOOKS = sorted(COURSE.glob("*.ipynb"))


def test_the_course_has_notebooks():
    assert NOTEBOOKS, f"no notebook in {COURSE}"


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.fixture
def code_cells(cells):
    return [cell for cell in cells if cell["cell_type"] == "code"]


def tags(cell):
    return cell["metadata"].get("tags", [])


def text(value):
    """A notebook keeps a text as one string or as a list of lines."""
    return "".join(value)


def alternative_texts_are_missing(outputs):
    """What is wrong with the pictures among one cell's outputs, in words."""
    problems = []
    for number, output in enumerate(outputs):
        data = output.get("data", {})
        if "image/png" not in data:
            continue
        facts = text(data.get("text/plain", ""))
        if not facts.startswith("figure:"):
            problems.append(f"output {number}: text/plain is {facts[:60]!r}, not its facts")
        following = outputs[number + 1] if number + 1 < len(outputs) else {}
        sentence = text(following.get("data", {}).get("text/markdown", "")).strip()
        if not (sentence.startswith("*") and sentence.endswith("*") and len(sentence) > 20):
            problems.append(f"output {number}: no alt sentence follows, but {sentence[:60]!r}")
    return problems


def parsed(cell):
    """A code cell's syntax tree, without IPython's own commands."""
    lines = text(cell["source"]).splitlines()
    return ast.parse("\n".join(line for line in lines if not line.startswith(("%", "!"))))


def widget_names(tree):
    """The names that one cell imports from ipywidgets or from stability_ref.widgets."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {
        alias.asname or alias.name.partition(".")[0]
        for node in imports
        for alias in node.names
        if f"{getattr(node, 'module', '')}.{alias.name}".count("widgets")
    }


def cells_with_widgets(code_cells):
    """The ids of the cells that use such a name, wherever it was imported."""
    trees = {cell["id"]: parsed(cell) for cell in code_cells}
    names = set().union(*map(widget_names, trees.values()))
    return {
        identifier
        for identifier, tree in trees.items()
        if any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(tree))
    }


def test_executed_from_the_top(code_cells):
    counts = [cell["execution_count"] for cell in code_cells]
    assert counts == list(range(1, len(code_cells) + 1))


def test_in_the_form_that_execute_writes(path):
    committed = path.read_text(encoding="utf-8")
    normal = execute.written(execute.normal_form(nbformat.reads(committed, as_version=4)))
    assert committed == normal, "run python3 dev.py notebooks"


def test_no_error_and_nothing_on_stderr(code_cells):
    outputs = [output for cell in code_cells for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert [output for output in outputs if output.get("name") == "stderr"] == []


def test_nothing_is_skipped(cells):
    skipped = [cell for cell in cells if "nbval-skip" in tags(cell)]
    skipped += [cell for cell in cells if "NBVAL_SKIP" in text(cell["source"])]
    assert skipped == []


def test_no_widget_is_stored(path, code_cells):
    assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]
    stored = [cell for cell in code_cells if execute.WIDGET_VIEW in json.dumps(cell["outputs"])]
    assert stored == []


def test_outputs_are_compared_but_for_widgets(code_cells):
    ignored = {cell["id"] for cell in code_cells if "nbval-ignore-output" in tags(cell)}
    assert ignored == cells_with_widgets(code_cells)


def test_every_picture_is_said_in_words(code_cells):
    problems = {
        cell["id"]: found for cell in code_cells if (found := alternative_texts_are_missing(cell["outputs"]))
    }
    assert problems == {}


def test_outputs_need_no_trust(code_cells):
    kinds = {kind for cell in code_cells for out in cell["outputs"] for kind in out.get("data", {})}
    assert kinds <= {"image/png", "text/plain", "text/markdown", "text/latex"}


def test_small_enough_to_read(path, cells):
    assert len(cells) <= 35
    assert path.stat().st_size < 1_000_000


# The tools themselves, tried on cells and notebooks made here.


@pytest.mark.parametrize(
    ("outputs", "problems"),
    [
        ([], 0),
        ([{"data": {"text/plain": "3"}}], 0),
        ([{"data": {"image/png": "", "text/plain": "<Figure size 640x480 with 1 Axes>"}}], 2),
        ([{"data": {"image/png": "", "text/plain": "figure: one axes, log scale"}}], 1),
        (
            [
                {"data": {"image/png": "", "text/plain": ["figure: one axes\n", "log scale"]}},
                {"data": {"text/markdown": "*The loss falls with warmup and not without.*"}},
            ],
            0,
        ),
    ],
)
def test_a_picture_without_words_is_found(outputs, problems):
    assert len(alternative_texts_are_missing(outputs)) == problems


def test_a_cell_with_a_widget_is_found():
    sources = {
        "cell-01": "import numpy\nimport ipywidgets as controls\nfrom stability_ref import figures",
        "cell-02": "%time\nnumpy.ones(3)",
        "cell-03": "controls.IntSlider()",
        "cell-04": "from stability_ref.widgets import sliders",
        "cell-05": "shown = sliders(figures)",
    }
    cells = [{"id": identifier, "source": source} for identifier, source in sources.items()]
    assert cells_with_widgets(cells) == {"cell-03", "cell-05"}


def run_execute(path):
    command = [sys.executable, COURSE / "execute.py", path]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_execute_writes_the_same_bytes_twice(tmp_path):
    path = tmp_path / "lesson.ipynb"
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# A lesson"),
            new_code_cell("import os, sys\nprint('a', flush=True)\nprint('b')\nos.getcwd()[-4:]"),
            new_code_cell(
                "import ipywidgets\nprint('shown')\nipywidgets.IntSlider()",
                metadata={"tags": ["nbval-ignore-output"], "scrolled": True},
            ),
        ],
        metadata={"widgets": {"state": {}}},
    )
    nbformat.write(notebook, path)
    contents = []
    for _ in range(2):
        ran = run_execute(path)
        assert ran.returncode == 0, ran.stderr
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    first, widget = json.loads(contents[0])["cells"][1:]
    assert text(first["outputs"][0]["text"]) == "a\nb\n"
    assert text(first["outputs"][1]["data"]["text/plain"]) == repr(tmp_path.name[-4:])
    assert [output["output_type"] for output in widget["outputs"]] == ["stream"]
    assert widget["metadata"] == {"tags": ["nbval-ignore-output"]}


def test_the_readme_shows_the_lesson_s_own_figure():
    lesson = nbformat.read(COURSE / f"{execute.README_LESSON}.ipynb", as_version=4)
    assert execute.README_FIGURE.read_bytes() == execute.readme_figure(lesson), "run python3 dev.py notebooks"


def test_execute_leaves_a_notebook_that_fails_as_it_was(tmp_path):
    path = tmp_path / "lesson.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    ran = run_execute(path)
    assert ran.returncode != 0
    assert "lesson.ipynb failed and was left as it was" in ran.stderr
    assert "ZeroDivisionError" in ran.stderr
    assert path.read_bytes() == before


def test_execute_names_the_notebooks_there_are():
    ran = run_execute("no_such_lesson")
    assert ran.returncode != 0
    assert "there is no notebook no_such_lesson; there are:" in ran.stderr
