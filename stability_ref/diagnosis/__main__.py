"""The diagnosis in a terminal: `python -m stability_ref.diagnosis run.csv`."""

import argparse
import io
import os
import sys
from pathlib import Path

from stability_ref.diagnosis.reading.logs import read_logs
from stability_ref.diagnosis.report import Report, diagnose

FIELDS = ("loss", "step", "gradient-norm", "learning-rate", "validation-loss", "run")
EXAMPLE = """\
example: python -m stability_ref.diagnosis metrics.csv --loss train/nll --plot report.png

Exit status: 0 if there is a report, whatever it says; 2 if the log cannot be read."""


def command_line() -> argparse.ArgumentParser:
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m stability_ref.diagnosis",
        description="Is a training run unstable, since when, and what should be tried first?",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "logs",
        nargs="+",
        metavar="LOG",
        help="a CSV, JSON lines, a TensorBoard folder or a Weights & Biases export; several are compared",
    )
    for field in FIELDS:
        help_text = f"the column of the {field.replace('-', ' ')}, where it cannot be guessed"
        parser.add_argument(f"--{field}", metavar="NAME", help=help_text)
    parser.add_argument("--clip-threshold", type=float, metavar="NORM", help="say which share it clips (C5)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="save the pictures, as .png, .svg or .pdf")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Print the report of the logs that the command line names; returns the exit status."""
    parser = command_line()
    options = parser.parse_args(arguments)
    columns = {field.replace("-", "_"): getattr(options, field.replace("-", "_")) for field in FIELDS}
    named = {field: name for field, name in columns.items() if name is not None}
    try:
        logs = read_logs(options.logs, columns=named)
        report = diagnose(logs, clip_threshold=options.clip_threshold)
        if options.plot is not None:
            _plot(report, options.plot)
    except (ImportError, OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    text = report.json() if options.json else report.text()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a run's name may be more than the terminal can show
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _plot(report: Report, path: Path) -> None:
    try:
        from stability_ref.diagnosis_figures import report_figure
    except ImportError as error:
        raise ImportError("--plot needs matplotlib: pip install 'stability-ref[notebooks]'") from error
    report_figure(report).savefig(path)


if __name__ == "__main__":
    sys.exit(main())
