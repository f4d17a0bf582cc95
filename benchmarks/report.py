"""What every benchmark shares: interleaved repetitions, ratios, tables, and where they were made."""

import hashlib
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
Seconds = Mapping[str, Sequence[float]]  # of each contender, one number a round


def interleaved(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each contender returns, round by round, so that a busy minute hits all of them."""
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            measured[name].append(measure())
    return measured


def median_and_spread(values: Sequence[float]) -> str:
    """The median, and in brackets the quartiles.

    >>> median_and_spread([1000.0, 2000.0, 3000.0])
    '2,000 [1,500, 2,500]'
    """
    low, middle, high = (three_digits(q) for q in np.percentile(values, [25, 50, 75]))
    return f"{middle} [{low}, {high}]"


def three_digits(x: float) -> str:
    """Without an exponent.

    >>> three_digits(12345.0), three_digits(1.2345)
    ('12,345', '1.23')
    """
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def ratios(measured: Seconds, name: str, unit: str) -> list[float]:
    """How many times as long as the unit this contender took, round by round."""
    return [a / b for a, b in zip(measured[name], measured[unit], strict=True)]


def median_ratio(measured: Seconds, name: str, unit: str) -> float:
    return float(np.median(ratios(measured, name, unit)))


def verdict(value: float, target: float | None) -> str:
    """The target and whether the ratio reaches it; empty where there is none."""
    if target is None:
        return ""
    return f"at least {target:g}: {'met' if value >= target else 'missed'}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# Where and by which code


def code_hash() -> str:
    """Changes with every file whose code is measured or measures."""
    files = sorted([*ROOT.glob("stability_ref/**/*.py"), *ROOT.glob("benchmarks/*.py")])
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def provenance() -> str:
    """The machine, the versions and the code behind every number of a run."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "torch", "jax"))
    return "\n".join(
        [
            f"- Machine: {processor()}, {os.cpu_count()} cores, {platform.system()}",
            f"- Versions: Python {platform.python_version()}, {packages}",
            f"- NumPy's BLAS: {blas()}, one thread",
            f"- Code: {code_hash()} (SHA-256 over stability_ref/**/*.py and benchmarks/*.py)",
        ]
    )


def processor() -> str:
    """The processor's name; its family and model too, where Linux tells them."""
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.processor() or platform.machine()
    lines = (line.partition(":") for line in information.read_text().splitlines())
    facts = {key.strip(): value.strip() for key, _, value in lines}
    name = facts.get("model name", platform.machine())
    if "cpu family" not in facts:
        return name
    return f"{name} (family {facts['cpu family']}, model {facts['model']})"


def blas() -> str:
    """The BLAS that NumPy loaded, and the processor it was written for; to be asked before SciPy's comes."""
    from threadpoolctl import threadpool_info

    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    names = {f"{b['internal_api']} {b['version']} ({b['architecture']} kernels)" for b in loaded}
    return " and ".join(sorted(names)) or "unknown"
