"""The glossary explains every letter of the equations and of the rules, and the words that need it (T1)."""

import inspect
import re

import pytest

from stability_ref import course, glossary
from stability_ref.equations import EQUATIONS
from stability_ref.updates import RULES

# What LaTeX writes as a command and is no letter: operations, relations and ways of writing.
OPERATIONS = {
    *(r"\frac", r"\sqrt", r"\times", r"\prod", r"\cos", r"\max", r"\min", r"\ge", r"\le", r"\cdot", r"\sum"),
    *(r"\left", r"\right", r"\lfloor", r"\rfloor", r"\mathcal", r"\top", r"\quad"),
}
LETTERS = {symbol.latex for symbol in glossary.SYMBOLS}


def letters(line):
    """The letters of a line of LaTeX, β₁ and β₂ with their index."""
    without_words = re.sub(r"\\text\{[^}]*\}", " ", line)
    return set(re.findall(r"\\beta_\d|\\[A-Za-z]+|[A-Za-z]", without_words)) - OPERATIONS


@pytest.mark.parametrize("name", EQUATIONS)
def test_every_letter_of_the_equations_is_explained(name):
    missing = set().union(*map(letters, EQUATIONS[name])) - LETTERS
    assert missing == set()


def test_a_letter_that_is_not_explained_would_be_found():
    assert letters(r"\zeta_t = \frac{Q}{2} \text{ for } t") - LETTERS == {r"\zeta", "Q"}


def test_every_argument_of_the_rules_is_explained():
    arguments = {name for rule in RULES.values() for name in inspect.signature(rule.update).parameters}
    words = {word for term in glossary.TERMS for word in term.name.split(", ")}
    assert arguments <= {symbol.code for symbol in glossary.SYMBOLS} | words


def test_nothing_is_explained_twice():
    assert len(LETTERS) == len(glossary.SYMBOLS)
    names = [term.name for term in glossary.TERMS]
    assert len(set(names)) == len(names)


def test_each_lesson_that_is_named_exists():
    numbers = {name.partition("_")[0] for name in course.QUESTIONS}
    assert {entry.lesson for entry in (*glossary.SYMBOLS, *glossary.TERMS)} <= numbers


@pytest.mark.parametrize("table", [glossary.symbol_table, glossary.term_table])
def test_no_row_of_a_table_is_broken(table):
    lines = table().splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert all(line.count("$") % 2 == 0 for line in lines)


def test_words_are_in_alphabetical_order():
    words = [line.split(" | ")[0].strip("| ").lower() for line in glossary.term_table().splitlines()[2:]]
    assert words == sorted(words)


def test_metaparameter_is_explained_beside_hyperparameter():
    """Clause T1."""
    said = {term.name: term.meaning for term in glossary.TERMS}
    assert "hyperparameter because everybody does" in said["metaparameter"]
    assert "hyperparameter" in said
