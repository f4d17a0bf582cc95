"""A log of ten million steps: how long it takes to read, and how much memory."""

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
READERS = {
    OURS: "from stability_ref.diagnosis import reading\nread = lambda path: len(reading.read_logs(path)[0])",
    NUMPY: "import numpy\nread = lambda path: len(numpy.loadtxt(path, delimiter=',', skiprows=1))",
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
        contenders = {name: functools.partial(answer, code, path) for name, code in READERS.items()}
        answers = interleaved(contenders, ROUNDS)
    assert all(one["rows"] == ROWS for each in answers.values() for one in each), "rows were lost"
    seconds = {name: [one["seconds"] for one in each] for name, each in answers.items()}
    memory = {name: [one["MiB"] for one in each] for name, each in answers.items()}
    rows = [[name, median_and_spread(seconds[name]), median_and_spread(memory[name])] for name in READERS]
    said = "met" if max(memory[OURS]) < 1024 * TARGET else "missed"
    return "\n\n".join(
        [
            f"A CSV file of {ROWS:,} rows with step, loss and grad_norm, {size / 2**20:,.0f} MiB, read in a "
            f"process of its own: medians of {ROUNDS} interleaved rounds, quartiles in brackets. The peak is "
            "that of the whole process. loadtxt makes one array and reads neither gaps nor names.",
            table(["", "seconds", "peak, MiB"], rows),
            f"Peak below {TARGET:g} GiB: {said}. Our time over loadtxt's: "
            f"{median_ratio(seconds, OURS, NUMPY):.2g}.",
        ]
    )


def write(path: Path) -> None:
    """Numbers with as many digits as loggers write."""
    random = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("step,loss,grad_norm\n")
        for first in range(0, ROWS, ROWS_AT_ONCE):
            numbers = random.lognormal(size=(ROWS_AT_ONCE, 2)).tolist()
            file.writelines(f"{first + i},{loss:.8g},{norm:.8g}\n" for i, (loss, norm) in enumerate(numbers))


def answer(reader: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-c", reader + PROCESS, str(path)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
