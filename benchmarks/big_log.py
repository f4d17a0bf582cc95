"""A log of ten million steps: how long it takes to read and to diagnose, and how much memory."""

import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.report import ROOT, interleaved, median_and_spread, median_ratio, table

ROWS, ROWS_AT_ONCE = 10_000_000, 100_000
ROUNDS = 3
TARGET = 2.0  # GiB
OURS, NUMPY = "stability_ref's read_logs", "NumPy's loadtxt"
DIAGNOSIS, PICTURES = "the diagnosis, read and in words", "the diagnosis with its pictures"
READ = """
from stability_ref.diagnosis.reading.logs import read_logs

def read(path):
    return len(read_logs(path)[0])
"""
REPORTED = """
from stability_ref.diagnosis.report import diagnose

def read(path):
    report = diagnose(path)
    assert report.text()
    return len(report.runs[0].log)
"""
DRAWN = """
import io
from stability_ref.diagnosis.report import diagnose
from stability_ref.diagnosis_figures import report_figure

def read(path):
    report = diagnose(path)
    assert report.text()
    report_figure(report).savefig(io.BytesIO())
    return len(report.runs[0].log)
"""
CONTENDERS = {
    OURS: READ,
    NUMPY: "import numpy\nread = lambda path: len(numpy.loadtxt(path, delimiter=',', skiprows=1))",
    DIAGNOSIS: REPORTED,
    PICTURES: DRAWN,
}
PROCESS = """
import json, sys, time
start = time.perf_counter()
rows = read(sys.argv[1])
seconds = time.perf_counter() - start
with open("/proc/self/status") as status:
    [peak] = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
print(json.dumps({"rows": rows, "seconds": seconds, "MiB": peak / 1024}))
"""


def measure() -> str:
    """The section of the results."""
    assert Path("/proc/self/status").exists(), "the peak of the memory is read from /proc, which is Linux's"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.csv")
        write(path)
        size = path.stat().st_size
        contenders = {name: functools.partial(answer, code, path) for name, code in CONTENDERS.items()}
        answers = interleaved(contenders, ROUNDS)
    assert all(one["rows"] == ROWS for each in answers.values() for one in each), "rows were lost"
    seconds = {name: [one["seconds"] for one in each] for name, each in answers.items()}
    memory = {name: [one["MiB"] for one in each] for name, each in answers.items()}
    rows = [[name, median_and_spread(seconds[name]), median_and_spread(memory[name])] for name in CONTENDERS]
    highest = max(max(memory[name]) for name in CONTENDERS if name != NUMPY)
    said = "met" if highest < 1024 * TARGET else "missed"
    return "\n\n".join(
        [
            f"A CSV file of {ROWS:,} rows with step, loss and grad_norm, {size / 2**20:,.0f} MiB, read in a "
            f"process of its own: medians of {ROUNDS} interleaved rounds, quartiles in brackets. The peak is "
            "that of the whole process. loadtxt makes one array and reads neither gaps nor names. A "
            "diagnosis reads the file, judges the loss and the norms, and says what it found.",
            table(["", "seconds", "peak, MiB"], rows),
            f"Peak below {TARGET:g} GiB: {said}. Our time over loadtxt's: "
            f"{median_ratio(seconds, OURS, NUMPY):.2g}; the diagnosis' over that of reading alone: "
            f"{median_ratio(seconds, DIAGNOSIS, OURS):.2g}, with pictures "
            f"{median_ratio(seconds, PICTURES, OURS):.2g}.",
        ]
    )


def write(path: Path) -> None:
    """Numbers with as many digits as loggers write."""
    random = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("step,loss,grad_norm\n")
        for first in range(0, ROWS, ROWS_AT_ONCE):
            losses, norms = random.lognormal(sigma=0.3, size=(2, ROWS_AT_ONCE))
            losses *= 0.1 + 2 * np.exp(-10 * first / ROWS)
            numbers = zip(range(first, first + ROWS_AT_ONCE), losses.tolist(), norms.tolist(), strict=True)
            file.writelines(f"{step},{loss:.8g},{norm:.8g}\n" for step, loss, norm in numbers)


def answer(reader: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-c", reader + PROCESS, str(path)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
