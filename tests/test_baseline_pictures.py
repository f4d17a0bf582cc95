"""Every figure of the course against its stored picture and its stored facts.

After a change that is meant, look at the new pictures and accept them:

    python3 dev.py test tests/test_baseline_pictures.py --write-baselines
"""

import importlib
import inspect
import pkgutil
import shutil
import typing

import pytest
from matplotlib.figure import Figure
from pictures import BASELINES, PICTURES, differences, draw

import stability_ref


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_and_its_facts_are_as_stored(name, tmp_path, request):
    made = draw(name, tmp_path)
    if request.config.getoption("write_baselines"):
        for path in made:
            shutil.copy(path, BASELINES)
    found = differences(*made)
    assert not found, "\n".join([*found, "If this is meant, accept it with --write-baselines."])


def drawing(module):
    """What a module offers: functions that return a Figure, and the Live classes, which hold one."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing) and typing.get_type_hints(thing).get("return") is Figure:
            yield name
        if inspect.isclass(thing) and name.startswith("Live"):
            yield name


def test_every_figure_of_the_course_has_a_baseline():
    names = [each.name for each in pkgutil.iter_modules(stability_ref.__path__)]
    modules = [name for name in names if name == "figures" or name.endswith("_figures")]
    offered = {
        f"{name}.{figure}"
        for name in modules
        for figure in drawing(importlib.import_module(f"stability_ref.{name}"))
    }
    assert "figures.figure_4" in offered
    assert offered == set(PICTURES), "add it to PICTURES and run this file with --write-baselines"


def test_no_baseline_is_left_over():
    stored = sorted(path.name for path in BASELINES.iterdir())
    assert stored == sorted(f"{name}.{kind}" for name in PICTURES for kind in ("png", "txt"))
