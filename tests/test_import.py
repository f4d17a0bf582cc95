"""The reference needs NumPy alone, and brings nothing else along."""

import subprocess
import sys
from pathlib import Path

import pytest

MODULES = ["equations", "updates", "schedules", "clipping", "layers", "problems", "training", "diagnosis"]
HEAVY = ["matplotlib", "torch", "sklearn", "ipywidgets", "threadpoolctl"]


@pytest.mark.parametrize("module", MODULES)
def test_a_core_module_loads_no_heavy_package(module: str) -> None:
    code = f"import sys, stability_ref.{module}\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    root = Path(__file__).resolve().parent.parent
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == []
