"""Runs the benchmarks named on the command line, or all, and writes benchmarks/RESULTS.md."""

import argparse
import importlib
import re
import sys

from benchmarks import report

RESULTS = report.ROOT / "benchmarks" / "RESULTS.md"
BENCHMARKS = {  # a module benchmarks.<name> with measure() -> the section's text, and its title
    "training_step": "One training step",
    "sweep": "A whole sweep from a cold process",
    "import_time": "What the import costs",
    "sharpness_point": "A point of the sharpness",
    "slider": "From a slider to the picture",
    "big_log": "Reading a long log",
}


def main() -> None:
    names = chosen()
    code, provenance = report.code_hash(), report.provenance()
    sections = kept_sections(provenance)
    for name in names:
        print(f"== {name}", flush=True)
        module = importlib.import_module(f"benchmarks.{name}")
        sections[name] = module.measure()
        print(sections[name], flush=True)
    if report.code_hash() != code:
        sys.exit("benchmarks: the code changed while it was measured, so RESULTS.md stays as it was")
    RESULTS.write_text(page(provenance, sections), encoding="utf-8")


def chosen() -> list[str]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    described = ", ".join(BENCHMARKS)
    parser.add_argument("names", nargs="*", metavar="benchmark", help=f"of {described}; default: all")
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {described}")
    return names


def kept_sections(provenance: str) -> dict[str, str]:
    """The sections of RESULTS.md, if the code that stands here made them on this machine."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    if provenance not in text:
        return {}
    parts = re.split(r"^## (.*)\n\n", text, flags=re.MULTILINE)[1:]
    titles = {title: name for name, title in BENCHMARKS.items()}
    sections = zip(parts[::2], parts[1::2], strict=True)
    return {titles[title]: body.strip() for title, body in sections if title in titles}


def page(provenance: str, sections: dict[str, str]) -> str:
    head = f"# Results\n\nWritten by `python3 dev.py benchmarks`; not to be edited.\n\n{provenance}"
    bodies = [f"## {title}\n\n{sections[name]}" for name, title in BENCHMARKS.items() if name in sections]
    return "\n\n".join([head, *bodies]) + "\n"


if __name__ == "__main__":
    try:
        main()
    except ModuleNotFoundError as missing:
        if missing.name not in {"jax", "torch", "threadpoolctl", "sklearn", "playwright"}:
            raise
        sys.exit(f"benchmarks: {missing.name} is not installed; start with: python3 dev.py benchmarks")
    except AssertionError as refusal:
        sys.exit(f"benchmarks: {refusal}")
