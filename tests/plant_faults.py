"""Plants every fault of `faults.FAULTS` in a copy of the project, one after the other, and sees who notices.

    python tests/plant_faults.py [names]

First the copy's tests must pass without a fault. The tests of figures and claims run beside the lesson's
notebook, two processes at a time. Each fault's result is printed when it is there, and a table at the end,
also if Ctrl-C ends it.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from faults import FAULTS, ROOT, faulty
from tqdm import tqdm

NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "my_notebooks*", "*.egg-info")
COLUMNS = ("tests", "notebook")


def start(copy, targets):
    """Pytest as the suite runs it, up to the first failure."""
    options = ["-n0", "-x", "-q", "--tb=no", "--no-header", "-rfE", "-p", "no:cacheprovider"]
    # A .pyc of the same second and size would hide a fault; kernels find the copy by PYTHONPATH alone.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)}
    command = [sys.executable, "-m", "pytest", *options, *targets]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=copy, env=environment, text=True, **pipes)


def failures(copy, targets):
    """The first failure of each column's targets, None where all passed."""
    running = {column: start(copy, each) for column, each in targets.items()}
    try:
        printed = {column: process.communicate()[0] for column, process in running.items()}
    finally:
        for process in running.values():
            process.kill()  # nothing to one that has ended
    return {column: first_failure(running[column], printed[column]) for column in running}


def first_failure(process, printed):
    if process.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (.*)$", printed, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pytest ended with {process.returncode} and no failing test:\n{printed[-2000:]}")
    return found.group(1).partition(" - ")[0]


def targets_of(faults):
    """What has to notice these faults, by column."""
    tests = sorted({path for fault in faults for path in fault.tests})
    lessons = sorted({f"notebooks/{fault.lesson}.ipynb" for fault in faults if fault.lesson})
    return {column: each for column, each in zip(COLUMNS, (tests, lessons), strict=True) if each}


@contextlib.contextmanager
def planted(copy, fault):
    path = copy / fault.file
    right = path.read_text(encoding="utf-8")
    path.write_text(faulty(fault, copy), encoding="utf-8", newline="\n")
    try:
        yield
    finally:
        path.write_text(right, encoding="utf-8", newline="\n")


def examined(copy, names, noticed):
    """Fills `noticed`, fault by fault, so that whoever stops it keeps what is there."""
    with tqdm(names, unit="fault") as progress:
        for name in progress:
            progress.set_postfix_str(name)
            with planted(copy, FAULTS[name]):
                noticed[name] = failures(copy, targets_of([FAULTS[name]]))
            progress.write(f"{name}: {noticed[name]}")


def table(noticed):
    rows = [("fault", "noticed by tests", "noticed by the notebook", "first failures")]
    for name, found in noticed.items():
        said = [("yes" if found[column] else "NO") if column in found else "-" for column in COLUMNS]
        rows.append((name, *said, "; ".join(filter(None, found.values()))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="of faults; default: all")
    names = parser.parse_args().names or list(FAULTS)
    if unknown := [name for name in names if name not in FAULTS]:
        parser.error(f"no fault {unknown}; there are: {', '.join(FAULTS)}")
    noticed, stopped = {}, False
    with tempfile.TemporaryDirectory(prefix="planted_") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        print("without a fault: ", end="", flush=True)
        try:
            control = failures(copy, targets_of([FAULTS[name] for name in names]))
            print(control)
            if any(control.values()):
                sys.exit("plant_faults.py: the tests must pass before a fault is planted")
            examined(copy, names, noticed)
        except KeyboardInterrupt:
            stopped = True
    print(table(noticed))
    unseen = [name for name, found in noticed.items() if not all(found.values())]
    print(f"{len(noticed)} of {len(names)} faults planted; not noticed by all: {', '.join(unseen) or 'none'}")
    sys.exit(bool(unseen) or stopped)


if __name__ == "__main__":
    main()
