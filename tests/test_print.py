"""Every equation proved from its own print: the print against the code, and what a broken print does.

The clauses R1–R6, S1–S4, C1, C7 and E.
"""

import pytest
from printed import (
    CONSTANTS,
    DEFAULTS,
    PrintedRule,
    PrintedSchedule,
    UnreadableError,
    clip_agrees,
    clip_digits_agree,
    digits_agree,
    edge_agrees,
    floats_agree,
    inputs_and_path,
    percentile_agrees,
    read,
    rejection,
    schedule_agrees,
    units_agree,
)

from stability_ref import schedules
from stability_ref.adaptive_clipping import clip_at_percentile, clip_units
from stability_ref.clipping import clip
from stability_ref.equations import EQUATIONS
from stability_ref.sharpness import EDGES
from stability_ref.updates import RULES

CASES = [(name, constants) for name in RULES for constants in CONSTANTS[name]]


def said(constants):
    return ", ".join(f"{name} {number:g}" for name, number in constants) or "defaults"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "constants"), CASES, ids=[f"{name}-{said(c)}" for name, c in CASES])
def test_the_code_follows_the_print_at_every_step(name, constants, dtype, record_property):
    worst = floats_agree(name, RULES[name].update, RULES[name].init, dtype, constants)
    bound = inputs_and_path(name, dtype, constants)[0].bound(1_000)
    record_property("ulp", [name, dtype, said(constants), worst, bound])


@pytest.mark.parametrize(("name", "constants"), CASES, ids=[f"{name}-{said(c)}" for name, c in CASES])
def test_the_same_functions_agree_with_the_print_to_fifty_digits(name, constants):
    steps = 1_000 if constants == DEFAULTS else 100
    digits_agree(name, RULES[name].update, RULES[name].init, constants, steps)


@pytest.mark.parametrize("name", PrintedSchedule.LETTERS)
def test_schedules_follow_the_print_at_every_step(name, record_property):
    worst = schedule_agrees(name, getattr(schedules, name))
    record_property("ulp", [name, "float64", "several", worst, 4])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_clipping_follows_the_print(dtype, record_property):
    record_property("ulp", ["clip", dtype, "several", clip_agrees(clip, dtype), 8])


ADAPTIVE = {clip_at_percentile: percentile_agrees, clip_units: units_agree}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("function", ADAPTIVE, ids=lambda function: function.__name__)
def test_adaptive_clipping_follows_the_print(function, dtype, record_property):
    record_property("ulp", [function.__name__, dtype, "several", ADAPTIVE[function](function, dtype), 8])


@pytest.mark.parametrize("name", EDGES)
def test_edges_follow_the_print(name, record_property):
    record_property("ulp", [f"edge_{name}", "float64", "several", edge_agrees(name, EDGES[name]), 4])


def test_clipping_agrees_with_the_print_to_fifty_digits():
    clip_digits_agree(clip)


def test_every_equation_is_proved():
    edges = {f"edge_{name}" for name in EDGES}
    assert set(EQUATIONS) == {
        *RULES,
        *PrintedSchedule.LETTERS,
        *edges,
        "clip",
        "clip_at_percentile",
        "clip_units",
    }


# --- A print that lost something ----------------------------------------------------------------------------

NESTEROV = EQUATIONS["nesterov"][2]
BROKEN = {
    "its last parenthesis": NESTEROV.replace(") )", ")"),
    "its first parenthesis": NESTEROV.replace(r"\eta_t (", r"\eta_t"),
    "the brace of an index": NESTEROV.replace("t+1}", "t+1"),
    "the brace of a root": EQUATIONS["adam"][4].replace("t+1}}", "t+1}"),
    "the brace of a fraction": EQUATIONS["adam"][4].replace(r"\epsilon}", r"\epsilon"),
    "its left side": NESTEROV.split("= ")[1],
    "its right side": NESTEROV.split(" =")[0],
    "the comma of a list": EQUATIONS["adam"][0].replace(r"\text{, }", " "),
}


@pytest.mark.parametrize("lost", BROKEN)
def test_a_line_that_lost_something_cannot_be_read(lost):
    assert BROKEN[lost] not in EQUATIONS["nesterov"] + EQUATIONS["adam"]
    with pytest.raises(UnreadableError):
        read(BROKEN[lost])


def test_what_a_lenient_parser_drops_is_missed():
    with pytest.raises(UnreadableError, match=r"was read as .* without"):
        read(BROKEN["its last parenthesis"], strict=False)


def test_a_line_that_lost_both_parentheses_can_be_read_but_is_not_what_the_code_does():
    line = r"\theta_{t+1} = \theta_{t} - \eta_t \gamma v_{t+1} + \nabla \mathcal{l}(\theta_{t})"
    assert rejection("nesterov", 2, line).startswith("AssertionError")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((r"\theta_{t+1} = \theta_{t} - \eta_t \mu",), "unknown mu"),
        ((r"\theta_{t+1} = \theta_{t} - \alpha_t \nabla \mathcal{l}(\theta_t)",), "unknown alpha"),
        ((r"v_{t+1} = \nabla \mathcal{l}(\theta_t)",), "lacks a line for"),
        ((r"\theta_{t} = \eta_{t}",), "printed twice, or is what the step starts from"),
        ((r"\theta = \theta_{t}",), "neither a start nor a new value"),
        ((r"\theta_{t+1} + 1 = \theta_{t}",), "no equation for one letter"),
        ((r"\theta_{t+1} = \sqrt[3]{\theta_{t}}",), "which no printed line needs|without"),
    ],
)
def test_a_print_with_other_letters_or_lines_is_refused(lines, message):
    with pytest.raises(UnreadableError, match=message):
        next(PrintedRule("sgd", lines).run(inputs_and_path("sgd", "float64", DEFAULTS)[0]))
