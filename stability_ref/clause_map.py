"""The map from each clause of the playbook to its lessons, its functions and its tests, read off the files.

`clauses` says how a clause is cited. Nothing here is written by hand: `python -m stability_ref.clause_map`
prints the table that stands in README.md, and lesson 00 shows `folded_tables`.
"""

import ast
import doctest
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stability_ref import course
from stability_ref.clauses import CLAUSES as CLAUSES
from stability_ref.clauses import Clause, cited

GROUPS = {
    "R": "Update rules",
    "S": "Schedules",
    "C": "Gradient clipping",
    "D": "Is the workload unstable?",
    "W": "The warmup procedure",
    "X": "The fixes, in their order",
    "B": "Batch size",
    "T": "Terms",
    "Figure ": "The playbook's figures",
    "E": "The edge of stability",
}
LATER = ("recipes", "trials", "figures", "exercises")  # listed behind what implements a clause


class Place(NamedTuple):
    """Something that cites a clause: a lesson, a function or a test."""

    name: str
    path: str  # of its file, from the project's folder


class Row(NamedTuple):
    """A clause, and all that cites it."""

    clause: Clause
    lessons: list[Place]
    functions: list[Place]
    tests: list[Place]


def rows() -> list[Row]:
    """The whole map, clause by clause.

    Raises:
        FileNotFoundError: the package was installed without lessons and tests.
    """
    root = course.root()
    citing = _cited_by_lessons(), _cited_by_functions(root), _cited_by_tests(root)
    found = [_by_clause(texts) for texts in citing]
    return [Row(clause, *(places.get(clause.identifier, []) for places in found)) for clause in CLAUSES]


def gaps(table: list[Row]) -> list[str]:
    """What is missing: a sentence for each clause without a lesson, a function or a test.

    A clause whose entry in `CLAUSES` says why it is advice needs no function and no test, but a lesson. A
    function that cites it all the same makes that reason untrue.
    """
    found = []
    for clause, lessons, functions, tests in table:
        needed = {"lesson": lessons}
        if not clause.advice:
            needed |= {"function": functions, "test": tests}
        elif functions:
            found.append(f"{clause.identifier} is called advice, but {functions[0].name} cites it")
        found += [f"{clause.identifier} has no {kind}" for kind, places in needed.items() if not places]
    return found


def folded_tables() -> str:
    """The map as Markdown for a lesson: a table for each group of clauses, which opens with a click."""
    table = rows()
    return "\n\n".join(_folded(group, _in_group(table, group)) for group in GROUPS)


def readme_table() -> str:
    """The map in short, as it stands in README.md: a row for each group of clauses."""
    table = rows()
    lines = ["| clauses | code | proof | lessons |", "|---|---|---|---|"]
    for group, title in GROUPS.items():
        chosen = _in_group(table, group)
        first, last = chosen[0].clause.identifier, chosen[-1].clause.identifier
        span = (
            first if first == last else f"{first}–{last.removeprefix('Figure ')}"
        )  # a group of one is its end
        functions = [place for row in chosen for place in row.functions]
        code = _links([_module(place) for place in _without_extras(functions, group)])
        code = code or f"none: {chosen[0].clause.advice}".removesuffix(": ")
        proof = _links(_without_extras([place for row in chosen for place in row.tests], group))
        lessons = _links(sorted(place for row in chosen for place in row.lessons))
        lines.append(f"| {span}: {title[0].lower()}{title[1:]} | {code} | {proof} | {lessons} |")
    return "\n".join(lines)


def _without_extras(places: list[Place], group: str) -> list[Place]:
    """Exercises stand in the whole map alone, and drawings are the playbook's figures or extras."""
    kept = [place for place in places if "exercises" not in place.path]
    return [place for place in kept if ("figures" in place.path) == (group == "Figure ")]


def _in_group(table: list[Row], group: str) -> list[Row]:
    return [row for row in table if row.clause.identifier.startswith(group)]


def _folded(group: str, chosen: list[Row]) -> str:
    """One group's table, folded."""
    lines = ["| | it says | lessons | functions | tests |", "|---|---|---|---|---|"]
    for clause, lessons, functions, tests in chosen:
        beside = [Place(name, Path(path).name) for name, path in lessons]  # in the student's copy as well
        code = f"none: {clause.advice}" if clause.advice else _links(functions, "../")
        shown = [clause.identifier, clause.says, _links(beside), code, _links(tests, "../")]
        lines.append(f"| {' | '.join(shown)} |")
    return course.folded(GROUPS[group], "\n".join(lines))


def _links(places: list[Place], up: str = "") -> str:
    """Each place once, as a link to its file."""
    return ", ".join(f"[{name}]({up}{path})" for name, path in dict.fromkeys(places))


def _module(place: Place) -> Place:
    """The module or subpackage of the package in which a function stands."""
    parts = Path(place.path).parts[:2]
    return Place(f"`{Path(parts[-1]).stem}`", "/".join(parts))


def _by_clause(citing: Iterator[tuple[str, Place]]) -> dict[str, list[Place]]:
    """The places of each clause, each once, in the order in which they were found."""
    places: dict[str, dict[Place, None]] = {}
    for text, place in citing:
        for identifier in cited(text):
            places.setdefault(identifier, {})[place] = None
    return {identifier: list(found) for identifier, found in places.items()}


def _cited_by_lessons() -> Iterator[tuple[str, Place]]:
    """Each lesson, which knows already what it cites."""
    for lesson in course.lessons():
        text = f"clauses {', '.join(lesson.clauses)}"
        yield text, Place(lesson.number, f"notebooks/{lesson.name}.ipynb")


def _cited_by_functions(root: Path) -> Iterator[tuple[str, Place]]:
    """The docstring of each public function and class of the package, without its examples."""
    package = root / "stability_ref"
    for path in sorted(package.rglob("*.py"), key=_reading_order):
        module = ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        for node in _definitions(path):
            if not node.name.startswith("_"):
                parts = doctest.DocTestParser().parse(ast.get_docstring(node) or "")
                text = "".join(part for part in parts if isinstance(part, str))
                yield text, Place(f"`{module}.{node.name}`", path.relative_to(root).as_posix())


def _reading_order(path: Path) -> tuple[int, Path]:
    """What implements a clause first; the recipes, figures and exercises that use it follow."""
    later = [place for place, kind in enumerate(LATER) if kind in path.as_posix()]
    return max(later, default=-1), path


def _cited_by_tests(root: Path) -> Iterator[tuple[str, Place]]:
    """Each file of tests: its docstring, and the names, docstrings and comments of what stands in it."""
    for path in sorted((root / "tests").glob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        texts = [ast.get_docstring(ast.parse(source)) or ""]
        for node in _definitions(path):
            texts += [node.name.replace("_", " "), ast.get_docstring(node) or ""]
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        texts += [token.string for token in tokens if token.type == tokenize.COMMENT]
        yield "\n".join(texts), Place(path.stem.removeprefix("test_"), path.relative_to(root).as_posix())


def _definitions(path: Path) -> list[ast.FunctionDef | ast.ClassDef]:
    """The functions and classes at the top of a module."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def main() -> None:
    """Print README's two tables, the lessons and the map, or say in one line why there are none."""
    try:
        print(course.lesson_table("notebooks/"), readme_table(), sep="\n\n")
    except FileNotFoundError as missing:
        sys.exit(f"clause_map: {missing}")


if __name__ == "__main__":
    main()
