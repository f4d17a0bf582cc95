"""What the course says of itself: its folder, its lessons, their questions and their minutes."""

import json
import re

import pytest

import stability_ref
from stability_ref import course


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project's folder, in which stability_ref seems to lie."""
    for part in ("stability_ref", "notebooks", "tests"):
        (tmp_path / part).mkdir()
    monkeypatch.setattr(stability_ref, "__file__", str(tmp_path / "stability_ref/__init__.py"))
    return tmp_path


def put(project, name, *markdown):
    cells = [{"cell_type": "markdown", "source": text.splitlines(keepends=True)} for text in markdown]
    (project / "notebooks" / f"{name}.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")


def test_the_root_is_the_project():
    assert (course.root() / "dev.py").exists()


@pytest.mark.parametrize("missing", ["notebooks", "tests"])
def test_a_package_alone_is_told_what_is_missing(project, missing):
    (project / missing).rmdir()
    with pytest.raises(FileNotFoundError, match="a wheel holds the package alone; get the whole project"):
        course.root()


def test_a_lesson_says_its_title_its_minutes_and_its_clauses(project):
    put(
        project,
        "03_warmup",
        "# Warmup: start slowly\n\nAbout 25 minutes to read.",
        "**The playbook says** (clauses S1–S2 and E of [W7](https://x.org)): more. (D1)",
        "## Experiment (Figure 4, X1)\n\nThis is far more than in C5.",
    )
    (lesson,) = course.lessons()
    assert lesson == ("03_warmup", "03", "Warmup", 25, ["S1", "S2", "X1", "Figure 4", "E"])


def test_what_follows_the_bracket_is_not_cited(project):
    says = (
        "**The playbook says** (clauses D0, T1 and Figure 4 of our copy): more (D1).\n\n[C2](https://x.org)"
    )
    put(project, "03_warmup", "# Warmup\n\nAbout 25 minutes to read.", says, "And (C5).")
    assert course.lessons()[0].clauses == ["D0", "T1", "Figure 4"]


@pytest.mark.parametrize("first", ["Warmup\n\nAbout 25 minutes", "# Warmup\n\nSome minutes"])
def test_a_lesson_without_title_or_minutes_is_refused(project, first):
    put(project, "03_warmup", first)
    with pytest.raises(ValueError, match=r"03_warmup.ipynb must begin with a title"):
        course.lessons()


def test_every_lesson_answers_a_question_and_every_question_has_its_lesson():
    lessons = [lesson.name for lesson in course.lessons()]
    assert set(lessons) - set(course.QUESTIONS) == set(), "lessons without a question in course.QUESTIONS"
    assert set(course.QUESTIONS) - set(lessons) == set(), "questions whose lesson is not there"


def test_the_table_links_each_lesson_beside_the_first():
    linked = re.findall(r"\]\((\w+)\.ipynb\)", course.lesson_table())
    assert linked == [lesson.name for lesson in course.lessons()][1:]


def test_the_first_lesson_is_where_to_start():
    assert course.lessons()[0].name == "00_start_here"
