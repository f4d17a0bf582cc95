"""Changing any one symbol of the printed equations fails the proof: every symbol is tried, one at a time."""

import re

import pytest
from printed import rejection

from stability_ref.equations import EQUATIONS

TOKEN = re.compile(r"\\[A-Za-z]+|[A-Za-z]|\d|\S")
OTHERS = {
    "+": ["-"], "-": ["+"], "/": ["+"], "=": ["+"], "<": [r"\ge", ">", r"\le"], r"\ge": ["<", ">"],
    ">": ["<", r"\le", r"\ge"], r"\times": ["+"], r"\min": [r"\max"], r"\max": [r"\min"],
    r"\cos": [r"\sin"], r"\prod": [r"\sum"], "^": ["_"], "_": ["^"],
    ":": [","], ",": [":"], "|": ["("], "(": [")"], ")": ["("], "{": ["}"], "}": ["{"], "'": ["''"],
    **{digit: [other for other in "012" if other != digit] for digit in "012"},
}  # fmt: skip
WORDS = {
    r"\frac",
    r"\sqrt",
    r"\text",
    r"\left",
    r"\right",
    r"\nabla",
    r"\mathcal",
    r"\lfloor",
    r"\rfloor",
    *OTHERS,
}
INDEX_OR_EXPONENT = re.compile(r"[_^](\{[^{}]*\}|\w)")


def changes(name, line):
    """What was done, and the line with one symbol changed or dropped: every symbol, in every way we know."""
    letters = sorted(
        {token for other in EQUATIONS[name] for token in TOKEN.findall(other) if token not in WORDS}
        | {r"\gamma", r"\rho"}
    )
    for match in TOKEN.finditer(line):
        token = match.group()
        for other in ["", *(OTHERS.get(token) or ([] if token in WORDS else letters))]:
            if other != token:
                space = " " * (other.startswith("\\") and line[match.end() :][:1].isalpha())
                changed = line[: match.start()] + other + space + line[match.end() :]
                yield f"{token} → {other or 'nothing'} at {match.start()}", changed
    for match in INDEX_OR_EXPONENT.finditer(line):
        for other in ["", "_{t}", "_{t+1}", "_0"]:
            if re.sub(r"[{}]", "", other) != re.sub(r"[{}]", "", match.group()):
                changed = line[: match.start()] + other + line[match.end() :]
                yield f"{match.group()} → {other or 'nothing'} at {match.start()}", changed


EQUIVALENT = {  # a change that is none, and why
    ("clip", 0, "\\times → nothing at 14"): "a product without its sign is the same product",
    ("clip_units", 0, "\\times → nothing at 15"): "here too",
    ("clip_units", 0, "> → \\ge at 93"): "where the two are equal, clipping changes nothing",
}
LINES = [(name, number) for name in EQUATIONS for number in range(len(EQUATIONS[name]))]


@pytest.mark.parametrize(("name", "number"), LINES)
def test_no_symbol_of_the_print_can_change(name, number):
    survivors = {
        what: changed
        for what, changed in changes(name, EQUATIONS[name][number])
        if not rejection(name, number, changed)
    }
    assert set(survivors) == {what for *line, what in EQUIVALENT if line == [name, number]}
