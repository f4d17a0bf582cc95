"""Executes the course's notebooks and writes them in the one form in which they are committed.

Run it as `python3 dev.py notebooks`, or with names: `python3 dev.py notebooks 03_warmup`. Two runs
write the same bytes, so that a diff shows what changed in the lesson and nothing else.
"""

import argparse
import base64
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from tqdm import tqdm

COURSE = Path(__file__).resolve().parent
README_FIGURE = COURSE.parent / "docs" / "figure-4.png"
README_LESSON, README_TITLE = "03_warmup", "axes 'Digits, residual network, Momentum'"  # where it is drawn
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# Not the Python version: it differs between machines, and the lesson does not depend on it.
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
KEPT_CELL_METADATA = ["jupyter", "tags"]
SECONDS_A_CELL = 300


def execute(path: Path) -> None:
    """Runs one notebook from the top, in its own folder, and writes it in normal form."""
    notebook = nbformat.read(path, as_version=4)
    code_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    with tqdm(total=code_cells, desc=path.name, unit="cell") as progress:
        NotebookClient(
            notebook,
            timeout=SECONDS_A_CELL,
            kernel_name="python3",
            resources={"metadata": {"path": path.parent}},
            record_timing=False,
            coalesce_streams=True,  # how often a stream was flushed is chance
            on_cell_executed=lambda **_: progress.update(),
        ).execute()
    path.write_text(written(normal_form(notebook)), encoding="utf-8", newline="\n")
    if path.stem == README_LESSON:
        README_FIGURE.write_bytes(readme_figure(notebook))


def readme_figure(notebook: NotebookNode) -> bytes:
    """The picture on the README's first screen, among the lesson's own: nothing is drawn twice."""
    data = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    (picture,) = [each["image/png"] for each in data if README_TITLE in each.get("text/plain", "")]
    return base64.b64decode(picture)


def normal_form(notebook: NotebookNode) -> NotebookNode:
    """Drops what differs from run to run or from machine to machine."""
    notebook = nbformat.from_dict(notebook)
    notebook.nbformat_minor = 5
    notebook.metadata = nbformat.from_dict(METADATA)
    count = 0
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02}"
        kept = {key: cell.metadata[key] for key in KEPT_CELL_METADATA if key in cell.metadata}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = without_widgets(cell, count)
    return notebook


def without_widgets(cell: NotebookNode, count: int) -> list[NotebookNode]:
    """The outputs that a reader without a kernel sees: a widget's view holds a random id."""
    # Where nbval compares, a widget's text stays; elsewhere it would only puzzle the reader.
    compared = "nbval-ignore-output" not in cell.metadata.get("tags", [])
    kept = []
    for output in cell.outputs:
        has_widget = output.get("data", {}).pop(WIDGET_VIEW, None) is not None
        if "execution_count" in output:
            output.execution_count = count
        if compared or not has_widget:
            kept.append(output)
    return kept


def written(notebook: NotebookNode) -> str:
    """The text of the notebook's file."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def chosen_notebooks(names: list[str]) -> list[Path]:
    """The notebooks of these names, or all."""
    paths = [(COURSE / name).with_suffix(".ipynb") for name in names]
    missing = [path.stem for path in paths if not path.exists()]
    course = sorted(COURSE.glob("*.ipynb"))
    if missing:
        known = ", ".join(path.stem for path in course)
        sys.exit(f"execute.py: there is no notebook {', '.join(missing)}; there are: {known}")
    return paths or course


def main() -> None:
    """Executes the notebooks named on the command line; one that fails stays as it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="for example 03_warmup; default: all")
    os.environ.pop("STABILITY_REF_STYLE", None)  # what is committed is in the ordinary style
    for path in chosen_notebooks(parser.parse_args().names):
        try:
            execute(path)
        except CellExecutionError as error:
            sys.exit(f"execute.py: {path.name} failed and was left as it was\n{error}")


if __name__ == "__main__":
    main()
