"""The faults can still be planted, and one in a drawing is noticed by its picture and its facts."""

import contextlib
import importlib
import subprocess
import sys

import pytest
from faults import FAULTS, ROOT, faulty
from pictures import PICTURES, differences, draw

DRAWN = [name for name, fault in FAULTS.items() if fault.picture]


@contextlib.contextmanager
def planted(fault):
    """The fault in the module that is imported here."""
    module = importlib.import_module(fault.file.removesuffix(".py").replace("/", "."))
    right = dict(vars(module))
    try:
        exec(compile(faulty(fault), module.__file__, "exec"), vars(module))
        yield
    finally:
        vars(module).clear()
        vars(module).update(right)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_can_be_planted(name):
    fault = FAULTS[name]
    compile(faulty(fault), fault.file, "exec")
    for path in (*fault.tests, *([f"notebooks/{fault.lesson}.ipynb"] if fault.lesson else [])):
        assert (ROOT / path).exists()


@pytest.mark.parametrize("name", DRAWN)
def test_a_fault_in_a_drawing_is_noticed(name, tmp_path):
    fault = FAULTS[name]
    assert not differences(*draw(fault.picture, tmp_path))
    with planted(fault):
        assert differences(*draw(fault.picture, tmp_path))


def test_there_are_enough_faults():
    assert len(FAULTS) >= 12
    assert {fault.picture for fault in FAULTS.values()} - {None} <= set(PICTURES)


def test_every_fault_is_noticed_in_a_copy_of_the_project(request):
    if not request.config.getoption("all_faults"):
        pytest.skip("minutes of training for each fault: --all-faults plants them all")
    command = [sys.executable, ROOT / "tests" / "plant_faults.py"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
