"""`python -m stability_ref.diagnosis`: what it prints, what it refuses, and never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stability_ref.diagnosis.__main__ import main

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = "python -m stability_ref.diagnosis"
STEPS = np.arange(300)
SAFE = 2.3 * np.exp(-STEPS / 60) + 0.2
CURVES = {
    "healthy": SAFE,
    "early": SAFE + 30 * (abs(STEPS - 9) < 6),
    "mid": np.where((STEPS >= 200) & (STEPS < 210), 5.0, SAFE),
}


@pytest.fixture
def logs(tmp_path):
    """Three files with step, loss and gradient norm."""
    for name, loss in CURVES.items():
        rows = "".join(f"{step},{one:.6g},{one:.6g}\n" for step, one in enumerate(loss))
        (tmp_path / f"{name}.csv").write_text("step,loss,grad_norm\n" + rows)
    return tmp_path


def shell(command, folder, **environment):
    """The command as somebody types it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **environment}
    command = command.replace("python", f"'{sys.executable}'", 1)
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def outcome(capsys, *arguments):
    """Exit status and what was printed, without a process of its own."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as end:
        status = end.code
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def refused(capsys, *arguments):
    """The one line that a refusal prints."""
    status, out, err = outcome(capsys, *arguments)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"{PROGRAM}: ")
    return line


# What it says


@pytest.mark.parametrize(
    ("name", "headline", "first"),
    [
        ("early", "early: unstable early, since step 4: a spike", "Try first: warmup (X1)"),
        (
            "mid",
            "mid: unstable in mid training, since step 200: a spike",
            "Try first: gradient clipping (X2)",
        ),
        ("healthy", "healthy: stable", "Next: nothing to fix in this run"),
    ],
)
def test_the_verdict_is_the_first_line_and_the_fix_comes_last(logs, name, headline, first):
    run = shell(f"{PROGRAM} {name}.csv", logs)
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0].startswith(headline)
    assert any(line.startswith(first) for line in lines[-2:])


def test_json_alone_is_on_the_output(logs):
    run = shell(f"{PROGRAM} --json early.csv", logs)
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["first_fix"]["clause"] == "X1"


def test_several_files(logs, capsys):
    status, out, err = outcome(capsys, *(logs / f"{name}.csv" for name in CURVES))
    assert (status, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines() if not line.startswith("  - ")][:3] == list(
        CURVES
    )


@pytest.mark.parametrize(("suffix", "first"), [("png", b"\x89PNG\r\n"), ("pdf", b"%PDF-"), ("svg", b"<?xml")])
def test_plots(logs, capsys, suffix, first):
    path = logs / f"report.{suffix}"
    status, out, err = outcome(capsys, logs / "early.csv", logs / "mid.csv", "--plot", path)
    assert (status, err) == (0, "")
    assert out.startswith("early: ")
    assert path.read_bytes().startswith(first)


def test_columns_by_name(tmp_path, capsys):
    header = "when,a,b,c,d,which\n"
    rows = "".join(f"{2 * t},{one:.6g},{one:.6g},0.1,,r{t % 2}\n" for t, one in enumerate(CURVES["early"]))
    path = tmp_path / "odd.csv"
    path.write_text(header + rows)
    assert "no column looks like a training loss" in refused(capsys, path)
    named = ["--step", "when", "--loss", "a", "--gradient-norm", "b", "--learning-rate", "c"]
    named += ["--validation-loss", "d", "--run", "which", "--clip-threshold", "2", "--json"]
    status, out, _ = outcome(capsys, path, *named)
    assert status == 0
    runs = json.loads(out)["runs"]
    assert [run["verdict"] for run in runs] == ["unstable early"] * 2
    assert all(0 < run["gradient_norm"]["clipped"] < 1 for run in runs)


def test_help_shows_the_example_and_every_option():
    run = shell(f"{PROGRAM} --help", ROOT)
    assert (run.returncode, run.stderr) == (0, "")
    assert f"example: {PROGRAM} metrics.csv --loss train/nll --plot report.png" in run.stdout
    for option in ("loss", "step", "gradient-norm", "learning-rate", "validation-loss", "run"):
        assert f"--{option} NAME" in run.stdout
    for option in ("--clip-threshold NORM", "--json", "--plot FILE"):
        assert option in run.stdout


def test_a_plot_without_an_ending_is_a_png(logs, capsys):
    assert outcome(capsys, logs / "early.csv", "--plot", logs / "report")[0] == 0
    assert (logs / "report.png").read_bytes().startswith(b"\x89PNG")


# What it refuses, in a line


@pytest.mark.parametrize("threshold", ["0", "-1", "nan", "inf", "-inf"])
def test_thresholds_that_clip_nothing_or_all(logs, capsys, threshold):
    line = refused(capsys, logs / "early.csv", f"--clip-threshold={threshold}")
    assert "clip_threshold must be a number above 0" in line


BAD_FILES = {
    "empty": "",
    "only a header": "step,loss\n",
    "no loss": "step,accuracy\n0,1\n1,2\n",
    "a cell of text": "step,loss\n0,2.5\n1,oops\n",
    "too many cells": "step,loss\n0,2.5\n1,2,3,4\n",
    "no text": b"\x00\xff\xfe\x01" * 300,
    "a negative norm": "step,loss,grad_norm\n0,1,-1\n",
    "half a step": "step,loss\n0.5,1\n",
    "two losses": "step,train_loss,loss/train\n0,1,2\n",
    "broken JSON": '{"step": 0, "loss": 1}\n{"step": 1, "loss"\n{"step": 2, "loss": 1}\n',
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "broken gzip": b"\x1f\x8b\x08\x00" + bytes(20),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_get_one_line_that_names_them(tmp_path, capsys, name):
    content = BAD_FILES[name]
    path = tmp_path / "run.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert f"{path}: " in refused(capsys, path)


def test_paths_that_hold_nothing(tmp_path, logs, capsys):
    assert "no-such.csv does not exist" in refused(capsys, tmp_path / "no-such.csv")
    assert "no-such.csv does not exist" in refused(capsys, logs / "early.csv", tmp_path / "no-such.csv")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "there are no event files of TensorBoard in this folder" in refused(capsys, empty)
    assert "give the path of a file in it: early.csv" in refused(capsys, logs)


def test_plots_that_cannot_be_written(logs, capsys):
    early = logs / "early.csv"
    assert "no-such-folder" in refused(capsys, early, "--plot", logs / "no-such-folder" / "report.png")
    folder = logs / "folder.png"
    folder.mkdir()
    assert "folder.png" in refused(capsys, early, "--plot", folder)
    assert "'docx' is not supported" in refused(capsys, early, "--plot", logs / "report.docx")


def test_without_matplotlib_a_plot_is_refused_by_name(logs, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "stability_ref.diagnosis_figures", None)
    assert "--plot needs matplotlib: pip install" in refused(capsys, logs / "early.csv", "--plot", "a.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: LOG"),
        (["a.csv", "--clip-threshold", "abc"], "argument --clip-threshold: invalid float value: 'abc'"),
        (["a.csv", "--los", "x"], "unrecognized arguments: --los"),
        (["a.csv", "--plot"], "argument --plot: expected one argument"),
    ],
)
def test_arguments_that_are_none(capsys, arguments, message):
    status, out, err = outcome(capsys, *arguments)
    assert (status, out) == (2, "")
    assert message in err


# In a terminal and in a pipe


def test_in_a_process_too_a_refusal_is_one_line(tmp_path):
    run = shell(f"{PROGRAM} missing.csv", tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"{PROGRAM}: missing.csv does not exist\n"


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
@pytest.mark.parametrize("end", ["| head -1", "| true", ">&-"])
def test_nobody_reads_to_the_end(logs, end):
    many = " ".join(["early.csv"] + [f"copy{i}.csv" for i in range(40)])
    for name in many.split()[1:]:
        (logs / name).symlink_to(logs / "early.csv")
    run = shell(f"{PROGRAM} --json {many} {end}", logs)
    assert run.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_a_name_that_the_terminal_cannot_show(logs):
    (logs / "early.csv").rename(logs / "früh→.csv")
    for option in ("", "--json"):
        run = shell(f"{PROGRAM} {option} früh*.csv", logs, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert (run.returncode, run.stderr) == (0, "")
        assert "fr?h?" in run.stdout
