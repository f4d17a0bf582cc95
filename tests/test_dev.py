"""What dev.py does without a network: the working copy, its refusals, and what it would run."""

import ast
import importlib.util
import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import dev

DEV = Path(dev.__file__)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of two lessons in an empty folder, for dev.py to work on."""
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "COURSE", tmp_path / "notebooks")
    monkeypatch.setattr(dev, "WORKING_COPY", tmp_path / "my_notebooks")
    monkeypatch.setattr(dev, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(dev, "STAMP", tmp_path / ".venv/stamp.txt")
    dev.COURSE.mkdir()
    for name in ["02_second", "01_first"]:
        (dev.COURSE / f"{name}.ipynb").write_text(f"course: {name}")
    for name in ["pyproject.toml", "constraints.txt"]:
        shutil.copyfile(DEV.parent / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def ran(monkeypatch):
    """The commands that dev.py runs; none is run, and all succeed."""
    commands = []

    def remember(*command):
        commands.append([str(word) for word in command])
        return 0

    monkeypatch.setattr(dev, "run", remember)
    return commands


# Python


def test_an_older_python_can_read_the_file():
    ast.parse(DEV.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_an_older_python_is_refused_before_anything_is_imported(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", (3, 8, 1))
        with pytest.raises(SystemExit) as refused:
            runpy.run_path(str(DEV))
    assert "this is Python 3.8, and Python 3.11 or newer is needed" in str(refused.value)


def test_only_the_standard_library_is_imported():
    tree = ast.parse(DEV.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or alias.name for node in imports for alias in node.names}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


# The working copy


def test_the_working_copy_is_made_once_and_never_overwritten(project):
    assert dev.make_working_copy() == project / "my_notebooks/01_first.ipynb"
    mine = project / "my_notebooks/01_first.ipynb"
    mine.write_text("mine")
    dev.make_working_copy()
    assert mine.read_text() == "mine"


def test_a_lesson_that_is_missing_is_added(project):
    dev.make_working_copy()
    (dev.COURSE / "03_third.ipynb").write_text("course: 03_third")
    dev.make_working_copy()
    assert (project / "my_notebooks/03_third.ipynb").read_text() == "course: 03_third"


def test_the_course_itself_begins_where_it_says():
    assert dev.lessons()[0].name == "00_start_here.ipynb"


def test_reset_keeps_the_old_notebooks_beside_fresh_ones(project):
    dev.make_working_copy()
    (project / "my_notebooks/01_first.ipynb").write_text("mine")
    dev.make_working_copy(reset=True)
    (kept,) = project.glob("my_notebooks.*")
    assert re.fullmatch(r"my_notebooks\.\d{4}-\d\d-\d\d-\d{6}", kept.name)
    assert (kept / "01_first.ipynb").read_text() == "mine"
    assert (project / "my_notebooks/01_first.ipynb").read_text() == "course: 01_first"


def test_without_notebooks_nothing_is_installed(project, ran):
    shutil.rmtree(dev.COURSE)
    with pytest.raises(SystemExit, match="there is no notebook in"):
        dev.main(["lab"])
    assert ran == []


# Ports


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_is_refused(taken_port):
    with pytest.raises(dev.Refusal, match=rf"port {taken_port} is taken; give another with --port"):
        dev.free_port(taken_port)


def test_without_a_wish_the_first_free_port_is_taken(taken_port, monkeypatch):
    monkeypatch.setattr(dev, "FIRST_PORT", min(taken_port, 65000))
    assert dev.free_port(None) != taken_port


@pytest.mark.parametrize("text", ["0", "65536", "-1", "eight"])
def test_a_number_that_is_no_port_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        dev.main(["lab", f"--port={text}"])
    assert "is no port; give a number from 1 to 65535" in capsys.readouterr().err


# The environment


def test_an_installed_environment_is_left_alone(project, ran):
    dev.environment_python().parent.mkdir(parents=True)
    dev.environment_python().touch()
    dev.STAMP.write_text("\n".join([dev.fingerprint(), "notebooks", "torch"]))
    dev.make_environment(["notebooks"])
    assert ran == []
    assert not dev.is_installed(["benchmarks"])
    (project / "constraints.txt").write_text("torch==2.13.1\n")
    assert not dev.is_installed(["notebooks"])


def test_the_environment_is_made_and_then_remembered(project, ran):
    dev.make_environment(["notebooks", "torch"], accept_cuda=True)
    made, installed = ran
    assert made == [sys.executable, "-m", "venv", "--clear", str(project / ".venv")]
    assert installed[-4:] == ["--constraint", "constraints.txt", "--editable", ".[notebooks,torch]"]
    assert "fetchNews" in (dev.ENVIRONMENT / "share/jupyter/lab/settings/overrides.json").read_text()
    assert dev.fingerprint() in dev.STAMP.read_text()


def test_a_python_without_venv_is_refused(project, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="sudo apt install python3-venv"):
        dev.main(["test"])


def test_a_failing_installation_says_that_it_can_be_run_again(project, monkeypatch):
    monkeypatch.setattr(dev, "run", lambda *command: "pip" in command)
    with pytest.raises(SystemExit, match="Is there a network connection\\? It is safe to run"):
        dev.main(["lab", "--cuda"])
    assert not dev.STAMP.exists()


# PyTorch's builds


@pytest.mark.parametrize(
    ("builds", "cuda"),
    [
        ("2.14.0, 2.13.0, 2.12.0", True),
        ("2.14.0+cpu, 2.14.0, 2.13.0+cpu, 2.13.0", False),
        ("2.13.0+cu130, 2.13.0+cpu, 2.13.0", True),
        ("2.13.0+rocm7.0, 2.13.0", False),
        ("2.14.0, 2.13.01, 2.12.0", False),
    ],
)
def test_which_build_brings_cuda(builds, cuda):
    printed = f"torch (2.14.0)\nAvailable versions: {builds}\n  INSTALLED: 2.12.0\n"
    assert dev.brings_cuda(printed, "2.13.0") is cuda


def test_without_an_answer_from_pip_nothing_is_refused():
    assert not dev.brings_cuda("", "2.13.0")


@pytest.fixture
def pip_offers_cuda(project, monkeypatch):
    """A Linux machine without a GPU, on which pip knows only the build with CUDA."""
    printed = f"Available versions: {dev.pinned_torch()}\n"
    answer = subprocess.CompletedProcess([], 0, stdout=printed)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda *command, **options: answer)


@pytest.mark.usefixtures("pip_offers_cuda")
def test_cuda_without_a_gpu_is_refused_with_the_ways_round_it(ran):
    with pytest.raises(dev.Refusal, match=r"PIP_EXTRA_INDEX_URL .* or add --cuda"):
        dev.make_environment(["torch"])
    assert not any("pip" in command for command in ran)


@pytest.mark.usefixtures("pip_offers_cuda")
def test_cuda_is_taken_if_asked_for_or_needed_or_there(ran, monkeypatch):
    dev.make_environment(["torch"], accept_cuda=True)
    assert "pip" in ran[-1]
    installed = dev.ENVIRONMENT / f"lib/python3.11/site-packages/torch-{dev.pinned_torch()}.dist-info"
    installed.mkdir(parents=True)
    dev.refuse_unwanted_cuda()
    installed.rmdir()
    monkeypatch.setattr(shutil, "which", lambda name: name)
    dev.refuse_unwanted_cuda()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    dev.refuse_unwanted_cuda()


# The commands


def test_help_lists_the_commands(capsys):
    with pytest.raises(SystemExit) as left:
        dev.main(["--help"])
    assert left.value.code == 0
    commands = re.findall(r"^    (\w+)", capsys.readouterr().out, re.MULTILINE)
    assert commands == ["lab", "test", "notebooks", "benchmarks"]


def test_an_unknown_argument_is_refused(capsys):
    with pytest.raises(SystemExit):
        dev.main(["lab", "--prot", "8888"])
    assert "unknown arguments: --prot 8888" in capsys.readouterr().err


@pytest.mark.parametrize("root", [True, False])
def test_lab_opens_the_first_lesson_on_loopback_with_a_token(project, monkeypatch, capsys, root):
    commands = []
    monkeypatch.setenv("JUPYTER_TOKEN", "another session's")
    monkeypatch.setattr(dev, "become", commands.append)
    monkeypatch.setattr(dev.os, "geteuid", lambda: 0 if root else 1000, raising=False)
    dev.lab(reset=False, port=None, browser=False)
    (command,) = commands
    assert "--LabApp.default_url=/lab/tree/my_notebooks/01_first.ipynb?file-browser-path=/" in command
    assert f"--ServerApp.root_dir={project}" in command
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--no-browser" in command
    assert ("--allow-root" in command) is root
    assert not any("token" in word or "password" in word for word in command)
    token = os.environ["JUPYTER_TOKEN"]
    assert re.fullmatch(r"[0-9a-f]{48}", token)
    assert f"/my_notebooks/01_first.ipynb?file-browser-path=/&token={token}\n" in capsys.readouterr().out


@pytest.fixture
def style_is_restored(monkeypatch):
    """dev.py sets these for the process that it becomes; here the tests go on."""
    for name in ("JUPYTER_TOKEN", "JUPYTERLAB_SETTINGS_DIR", "STABILITY_REF_STYLE"):
        monkeypatch.setenv(name, "as before")


@pytest.mark.usefixtures("style_is_restored")
def test_the_classroom_has_a_style_and_settings_of_its_own(project, monkeypatch):
    commands = []
    monkeypatch.setattr(dev, "is_installed", lambda extras: True)
    monkeypatch.setattr(dev, "become", commands.append)
    dev.main(["lab", "--classroom"])
    assert os.environ["STABILITY_REF_STYLE"] == "classroom"
    settings = Path(os.environ["JUPYTERLAB_SETTINGS_DIR"])
    assert settings.is_relative_to(dev.ENVIRONMENT)
    themes = json.loads((settings / "@jupyterlab/apputils-extension/themes.jupyterlab-settings").read_text())
    assert set(themes["overrides"]) == {"content-font-size1", "code-font-size", "ui-font-size1"}
    assert "--LabApp.default_url=/doc/tree/my_notebooks/01_first.ipynb?file-browser-path=/" in commands[0]


@pytest.mark.usefixtures("style_is_restored")
def test_the_next_start_without_the_option_is_as_before(project, monkeypatch):
    monkeypatch.setattr(dev, "is_installed", lambda extras: True)
    monkeypatch.setattr(dev, "become", lambda command: 0)
    dev.main(["lab"])
    assert os.environ["STABILITY_REF_STYLE"] == os.environ["JUPYTERLAB_SETTINGS_DIR"] == "as before"


def test_the_classrooms_settings_are_ones_that_jupyterlab_knows():
    schemas = Path(sys.prefix, "share/jupyter/lab/schemas")
    for plugin, values in dev.CLASSROOM_SETTINGS.items():
        known = json.loads((schemas / f"{plugin.replace(':', '/')}.json").read_text(encoding="utf-8"))
        assert set(values) <= set(known["properties"])
    sizes = dev.CLASSROOM_SETTINGS["@jupyterlab/apputils-extension:themes"]["overrides"]
    themes = json.loads((schemas / "@jupyterlab/apputils-extension/themes.json").read_text(encoding="utf-8"))
    assert set(sizes) <= set(themes["definitions"]["cssOverrides"]["properties"])


def test_every_check_runs_even_if_one_fails(monkeypatch, capsys):
    commands = []

    def fail_in_mypy(*command):
        commands.append(command[2])
        return command[2] == "mypy"

    monkeypatch.setattr(dev, "run", fail_in_mypy)
    assert dev.test([]) == 1
    assert commands == ["ruff", "ruff", "mypy", "pytest"]
    last_line = capsys.readouterr().out.splitlines()[-1]
    assert last_line == "dev.py test: mypy failed of ruff check, ruff format, mypy, pytest"


def test_arguments_go_to_pytest_alone(project, ran, monkeypatch):
    monkeypatch.setattr(dev, "is_installed", lambda extras: True)
    assert dev.main(["test", "tests/test_dev.py", "-k", "a or b", "-x"]) == 0
    assert [command[2:] for command in ran] == [["pytest", "tests/test_dev.py", "-k", "a or b", "-x"]]


def test_benchmarks_and_notebooks_get_their_arguments(project, ran, monkeypatch):
    asked_for = []
    monkeypatch.setattr(dev, "is_installed", lambda extras: asked_for.append(extras) or True)
    dev.main(["benchmarks", "training", "--repeat", "3"])
    dev.main(["notebooks", "01_first"])
    assert "benchmarks" in asked_for[0]
    assert "benchmarks" not in asked_for[1]
    assert ran[0][1:] == ["-m", "benchmarks", "training", "--repeat", "3"]
    assert ran[1][1:] == [str(project / "notebooks/execute.py"), "01_first"]
