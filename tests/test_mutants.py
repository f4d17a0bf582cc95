"""Every known mistake is found by at least one proof, and every proof finds at least one mistake.

The proofs are those that `test_print` and `test_properties` run on the reference: the print at every step (of
which the first hundred do here), and the laws. The table at the end of the run says which found what.

The clauses R1–R6, S1, S3, S4, C1 and C7.
"""

import functools

import numpy as np
import pytest
from printed import (
    CONSTANTS,
    DEFAULTS,
    PrintedSchedule,
    clip_agrees,
    clip_digits_agree,
    digits_agree,
    floats_agree,
    percentile_agrees,
    schedule_agrees,
    units_agree,
)
from properties import PROPERTIES, RIGHT, Subject, holds

from stability_ref.mistakes import MISTAKES
from stability_ref.updates import RULES

STEPS = 100


def print_in_floats(subject):
    floats_agree(*subject, "float64", DEFAULTS, STEPS)


def print_in_float32(subject):
    floats_agree(*subject, "float32", DEFAULTS, STEPS)


def print_at_extreme_constants(subject):
    for constants in CONSTANTS[subject.target][1:]:
        floats_agree(*subject, "float64", constants, STEPS)


def print_to_fifty_digits(subject):
    digits_agree(*subject, DEFAULTS, STEPS)


def print_of_schedules(subject):
    schedule_agrees(subject.target, subject.function)


def print_of_clipping(subject):
    clip_agrees(subject.function, "float64")
    clip_agrees(subject.function, "float32")


def print_of_clipping_to_fifty_digits(subject):
    clip_digits_agree(subject.function)


def print_of_the_percentile(subject):
    percentile_agrees(subject.function, "float64")


def print_of_units(subject):
    units_agree(subject.function, "float64")


ALL_RULES = tuple(RULES)
PROOFS = {
    "print_in_floats": (ALL_RULES, print_in_floats),
    "print_in_float32": (ALL_RULES, print_in_float32),
    "print_at_extreme_constants": (ALL_RULES[1:], print_at_extreme_constants),  # SGD has no constants
    "print_to_fifty_digits": (ALL_RULES, print_to_fifty_digits),
    "print_of_schedules": (tuple(PrintedSchedule.LETTERS), print_of_schedules),
    "print_of_clipping": (("clip",), print_of_clipping),
    "print_of_clipping_to_fifty_digits": (("clip",), print_of_clipping_to_fifty_digits),
    "print_of_the_percentile": (("clip_at_percentile",), print_of_the_percentile),
    "print_of_units": (("clip_units",), print_of_units),
    **{
        name: (targets, functools.partial(holds, law, examples=40, search=False))
        for name, (targets, law) in PROPERTIES.items()
    },
}


@functools.cache
def found_by(name):
    """The proofs that the mistake does not pass."""
    mistake = MISTAKES[name]
    init = mistake.init or RIGHT[mistake.target].init
    subject = Subject(mistake.target, mistake.function, init)
    return tuple(
        proof
        for proof, (targets, run) in PROOFS.items()
        if subject.target in targets and raises(run, subject)
    )


def raises(proof, subject):
    try:
        with np.errstate(all="ignore"):
            proof(subject)
    except Exception:  # whatever: the reference raises nothing
        return True
    return False


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found(name, record_property):
    record_property("killed by", [name, *found_by(name)])
    assert found_by(name), f"no proof finds {name}: {MISTAKES[name].says}"


@pytest.mark.parametrize("proof", PROOFS)
def test_a_proof_finds_a_mistake(proof):
    assert any(proof in found_by(name) for name in MISTAKES), f"{proof} finds nothing"


@pytest.mark.parametrize("target", RIGHT)
def test_the_print_finds_a_mistake_in_everything_that_it_proves(target):
    mistakes = [name for name in MISTAKES if MISTAKES[name].target == target]
    for proof in (
        proof for proof, (targets, _) in PROOFS.items() if proof.startswith("print") and target in targets
    ):
        assert any(proof in found_by(name) for name in mistakes), f"{proof} finds no mistake in {target}"


@pytest.mark.parametrize("target", RIGHT)
def test_the_reference_passes_every_proof_that_mistakes_are_put_to(target):
    for _, run in (proof for proof in PROOFS.values() if target in proof[0]):
        run(RIGHT[target])


def test_the_catalogue_says_what_is_wrong():
    assert len(MISTAKES) >= 40
    assert {mistake.target for mistake in MISTAKES.values()} == set(RIGHT)
    for name, mistake in MISTAKES.items():
        assert mistake.function.__name__ == name
        assert mistake.says.endswith(".")
        assert (mistake.init is None) or mistake.target in RULES
