"""How a text cites clauses: what is read as a citation, and what is not."""

import re
from pathlib import Path

import pytest

from stability_ref.clauses import CLAUSES, cited

KNOWN = [clause.identifier for clause in CLAUSES]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(playbook W4)", ["W4"]),
        ("clauses S1, S3 and W2.", ["S1", "S3", "W2"]),
        ("C1–C3, R5-R6, X4 to X6", ["R5", "R6", "C1", "C2", "C3", "X4", "X5", "X6"]),
        ("(X2, C6): twice X2", ["C6", "X2"]),
        ("D0–D9", [f"D{number}" for number in range(10)]),
        ("Figure 7a", ["Figure 7a"]),
        (
            "figures 4 and 5, Figures 7a, 7b and 9",
            ["Figure 4", "Figure 5", "Figure 7a", "Figure 7b", "Figure 9"],
        ),
        ("figure 6 says what it draws", ["Figure 6"]),
        ("playbook E", ["E"]),
        ("clauses R1–R2 and E of our copy", ["R1", "R2", "E"]),
    ],
)
def test_citations_are_read(text, found):
    assert cited(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "shape (S, R, E) and E alone",
        "W_1, W₁ and x.W1",
        "C64, R2D2, AW4 and W4a",
        "R7, D10, W0 and Figure 3",
        "X1–X9",  # a range whose end is no clause says nothing that can be trusted
        "a playbook. E is a letter",
        "",
    ],
)
def test_other_words_are_no_citations(text):
    assert cited(text) == []


def test_every_clause_is_there_once_and_cites_itself():
    assert len(set(KNOWN)) == len(KNOWN) == 6 + 4 + 7 + 10 + 7 + 6 + 5 + 1 + 7 + 1
    for identifier in KNOWN:
        assert cited(f"(clause {identifier})") == [identifier]


def test_what_is_cited_in_the_package_exists():
    package = Path(__file__).resolve().parent.parent / "stability_ref"
    named = [
        (path.name, identifier)
        for path in package.rglob("*.py")
        for listed in re.findall(r"\((?:playbook|clauses?) ([^)]*)\)", path.read_text(encoding="utf-8"))
        for identifier in re.findall(r"\b[A-Z]\d+\b", listed)
    ]
    assert len(named) > 50
    assert [(name, identifier) for name, identifier in named if identifier not in KNOWN] == []
