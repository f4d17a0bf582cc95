"""The reference needs NumPy alone, and brings nothing else along."""

import subprocess
import sys

import pytest

from benchmarks.import_time import HEAVY, MODULES
from benchmarks.report import ROOT


@pytest.mark.parametrize("module", MODULES)
def test_a_core_module_loads_no_heavy_package(module: str) -> None:
    code = f"import sys, stability_ref.{module}\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == []
