"""The map from clause to lesson, function and test: complete, right, and equal to what README shows."""

import importlib
import os
import re
import shutil
import subprocess
import sys

import pytest

from stability_ref import clause_map, course
from stability_ref.clause_map import Place, Row
from stability_ref.clauses import CLAUSES, Clause

ROOT = course.root()
LESSON, FUNCTION, TEST = Place("01", "a.ipynb"), Place("`a.b`", "a.py"), Place("a", "test_a.py")


@pytest.fixture(scope="module")
def rows():
    return clause_map.rows()


def test_every_clause_has_a_lesson_a_function_and_a_test(rows):
    """A clause that is advice has a lesson, and its entry in CLAUSES says why it has no function."""
    gaps = clause_map.gaps(rows)
    assert not gaps, "\n".join(gaps)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Row(Clause("W4", ""), [LESSON], [FUNCTION], [TEST]), []),
        (Row(Clause("W4", ""), [], [FUNCTION], [TEST]), ["W4 has no lesson"]),
        (Row(Clause("W4", ""), [LESSON], [], []), ["W4 has no function", "W4 has no test"]),
        (Row(Clause("D0", "", "an order"), [LESSON], [], []), []),
        (Row(Clause("D0", "", "an order"), [], [], []), ["D0 has no lesson"]),
        (
            Row(Clause("D0", "", "an order"), [LESSON], [FUNCTION], []),
            ["D0 is called advice, but `a.b` cites it"],
        ),
    ],
)
def test_a_gap_is_named(row, said):
    assert clause_map.gaps([row]) == said


def test_the_map_has_a_row_for_each_clause_in_order(rows):
    assert [row.clause for row in rows] == list(CLAUSES)


def test_each_file_exists_and_each_function_is_in_its_module(rows):
    for row in rows:
        for place in row.lessons + row.functions + row.tests:
            assert (ROOT / place.path).is_file()
        for name, path in row.functions:
            module, _, function = name.strip("`").rpartition(".")
            assert callable(getattr(importlib.import_module(f"stability_ref.{module}"), function))
            assert f" {function}(" in (ROOT / path).read_text(encoding="utf-8").replace(":", "(")


@pytest.mark.parametrize(
    ("clause", "kind", "name"),
    [
        ("R5", "functions", "`updates.adam`"),
        ("S3", "functions", "`schedules.prepend_warmup`"),
        ("C5", "functions", "`clipping.clipped_fraction`"),
        ("D9", "functions", "`diagnosis.sweep.held_back`"),
        ("Figure 7a", "functions", "`edge_figures.figure_7a`"),
        ("E", "functions", "`sharpness.edges.edge_momentum`"),
        ("R1", "tests", "print"),
        ("C7", "tests", "clipping_trials"),
        ("Figure 6", "tests", "warmup_figures"),
        ("W4", "lessons", "03b"),
        ("T1", "lessons", "00"),
    ],
)
def test_what_is_known_to_be_there_is_found(rows, clause, kind, name):
    (row,) = [row for row in rows if row.clause.identifier == clause]
    assert name in [place.name for place in getattr(row, kind)]


def test_a_clause_s_implementation_stands_before_what_uses_it(rows):
    names = {row.clause.identifier: [place.name for place in row.functions] for row in rows}
    assert names["C1"][0].startswith("`clipping.")
    assert names["C1"][-1].startswith("`exercises.")


def test_examples_and_private_functions_cite_nothing(rows):
    names = [place.name.strip("`") for row in rows for place in row.functions]
    assert "clauses.cited" not in names
    assert not any(part.startswith("_") for name in names for part in name.split("."))


def test_readme_shows_lessons_and_map_as_they_are():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for table in (course.lesson_table("notebooks/"), clause_map.readme_table()):
        assert table in readme, "put in README.md what python -m stability_ref.clause_map prints"
        assert len(table.splitlines()) <= 2 + 14


def test_the_command_prints_both_tables():
    ran = subprocess.run(
        [sys.executable, "-m", "stability_ref.clause_map"], capture_output=True, cwd=ROOT, check=True
    )
    printed = ran.stdout.decode("utf-8").replace("\r\n", "\n").strip()
    assert printed.split("\n\n") == [course.lesson_table("notebooks/"), clause_map.readme_table()]


def test_a_package_alone_says_in_one_line_what_is_missing(tmp_path):
    shutil.copytree(ROOT / "stability_ref", tmp_path / "stability_ref")
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "stability_ref.clause_map"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1
    assert "a wheel holds the package alone" in ran.stderr


def test_the_folded_tables_lead_to_files_from_a_lesson_s_folder():
    markdown = clause_map.folded_tables()
    assert markdown.count("<details>") == markdown.count("</details>") == len(clause_map.GROUPS)
    links = set(re.findall(r"\]\(([^)]+)\)", markdown))
    assert len(links) > 50
    for link in links:
        assert (ROOT / "notebooks" / link).resolve().is_file(), link
        assert link.startswith(("../stability_ref/", "../tests/")) or "/" not in link


def test_no_row_of_a_table_is_broken():
    for line in clause_map.folded_tables().splitlines():
        assert not line.startswith("|") or line.count("|") == 6, line


PACKAGE = """
'''Clause R1.'''

def f():
    '''Clause R2.

    >>> "R3"
    'R3'

    See R4.
    '''
    # R5

def _g():
    '''Clause R6.'''

class H:
    '''(playbook S1)'''
"""
TESTS = """
'''Clause R1.'''

def test_figure_4():
    '''R2.'''
    assert "# R3"  # R4
    assert "R5"
"""


def test_what_each_kind_of_file_cites(tmp_path, monkeypatch):
    for name, source in {
        "stability_ref/a.py": PACKAGE,
        "tests/test_a.py": TESTS,
        "tests/b.py": PACKAGE,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source, encoding="utf-8")
    monkeypatch.setattr(course, "root", lambda: tmp_path)
    monkeypatch.setattr(course, "lessons", lambda: [course.Lesson("01_a", "01", "A", 5, ["S4", "E"])])
    found = {row.clause.identifier: list(row[1:]) for row in clause_map.rows()}
    lesson, test = Place("01", "notebooks/01_a.ipynb"), Place("a", "tests/test_a.py")
    function, kind = Place("`a.f`", "stability_ref/a.py"), Place("`a.H`", "stability_ref/a.py")
    assert {identifier: cited for identifier, cited in found.items() if any(cited)} == {
        "R1": [[], [], [test]],
        "R2": [[], [function], [test]],
        "R4": [[], [function], [test]],
        "S1": [[], [kind], []],
        "S4": [[lesson], [], []],
        "Figure 4": [[], [], [test]],
        "E": [[lesson], [], []],
    }
