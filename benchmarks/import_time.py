"""What importing the reference adds to importing NumPy."""

import functools
import subprocess
import sys
import time

import numpy as np

from benchmarks.report import ROOT, interleaved, median_and_spread, table

ROUNDS = 25
MODULES = [
    "equations",
    "updates",
    "schedules",
    "clipping",
    "layers",
    "losses",
    "network",
    "problems",
    "training",
    "sharpness",
    "diagnosis",
]
HEAVY = ["matplotlib", "torch", "sklearn", "ipywidgets", "threadpoolctl", "joblib", "tqdm", "tensorboard"]
NUMPY_ALONE = "import numpy"
ALL_MODULES = "import numpy, " + ", ".join(f"stability_ref.{module}" for module in MODULES)
TARGET = 60.0  # milliseconds


def measure() -> str:
    """The section of the results."""
    statements = {"numpy alone": NUMPY_ALONE, "numpy and stability_ref": ALL_MODULES}
    contenders = {name: functools.partial(milliseconds, code) for name, code in statements.items()}
    for warm_up in contenders.values():
        warm_up()  # compiles the modules' byte code
    measured = interleaved(contenders, ROUNDS)
    added = [both - alone for alone, both in zip(*measured.values(), strict=True)]
    rows = [[name, median_and_spread(times)] for name, times in {**measured, "added": added}.items()]
    said = "met" if np.median(added) < TARGET else "missed"
    return "\n\n".join(
        [
            f"Cold processes that import NumPy, alone or with stability_ref's {', '.join(MODULES)}: "
            f"medians of {ROUNDS} interleaved rounds, quartiles in brackets; "
            "what is added is taken round by round.",
            table(["", "ms"], rows),
            f"Less than {TARGET:g} ms added: {said}. Loaded of {', '.join(HEAVY)}: {loaded() or 'none'}.",
        ]
    )


def milliseconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return 1000 * (time.perf_counter() - start)


def loaded() -> str:
    """Which of the heavy packages the reference loads."""
    code = f"{ALL_MODULES}, sys\nprint(*(name for name in {HEAVY} if name in sys.modules), sep=', ')"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return answer.stdout.strip()
