"""Everything there is to run: `python3 dev.py lab`, `test`, `notebooks` or `benchmarks`.

Each command makes the environment in .venv if need be; all of them are safe to run again.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "dev.py: this is Python {}.{}, and Python 3.11 or newer is needed; install one and start "
        "dev.py with it, for example: python3.12 dev.py lab".format(*sys.version_info[:2])
    )

import argparse
import hashlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import tomllib
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / "installed-by-dev.py.txt"
COURSE = ROOT / "notebooks"
WORKING_COPY = ROOT / "my_notebooks"
EXTRAS = ["notebooks", "torch", "tests"]
FIRST_PORT = 8888
# JupyterLab's text is of 14 (lessons), 13 (code) and 13 pixels (menus and sliders).
CLASSROOM_SETTINGS = {
    "@jupyterlab/apputils-extension:themes": {
        "overrides": {"content-font-size1": "21px", "code-font-size": "19px", "ui-font-size1": "19px"}
    },
    "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineWrap": True}},
}


class Refusal(Exception):
    """One sentence: what is wrong, and what to do about it."""


def run(*command: str | Path) -> int:
    """Runs a command in the project's folder and returns its exit status."""
    sys.stdout.flush()
    return subprocess.run([str(word) for word in command], cwd=ROOT).returncode


# The environment


def environment_python() -> Path:
    """The environment's own interpreter."""
    return ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint() -> str:
    """Changes with all that the environment is made from."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    made_from = [str(ROOT), sys.version_info[:2], project["build-system"], project["project"]]
    pins = (ROOT / "constraints.txt").read_bytes()
    return hashlib.sha256(json.dumps(made_from).encode() + pins).hexdigest()


def is_installed(extras: list[str]) -> bool:
    """Whether the environment is up to date and holds these extras."""
    if not (STAMP.exists() and environment_python().exists()):
        return False
    installed_from, *installed_extras = STAMP.read_text().split()
    return installed_from == fingerprint() and set(extras) <= set(installed_extras)


def make_environment(extras: list[str], accept_cuda: bool = False) -> None:
    """Makes .venv and installs the package, editable, with its extras, unless that is done."""
    if is_installed(extras):
        return
    create_environment()
    if not accept_cuda:
        refuse_unwanted_cuda()
    print("Installing the pinned packages in .venv: a minute or a few, only this once.")
    options = ["--quiet", "--constraint", "constraints.txt", "--editable"]
    package = f".[{','.join(extras)}]"
    if run(environment_python(), "-m", "pip", "install", *options, package):
        raise Refusal(
            "pip could not install the packages (its message is above). Is there a network "
            "connection? It is safe to run the same command again."
        )
    silence_news()
    STAMP.write_text("\n".join([fingerprint(), *extras]) + "\n")


def create_environment() -> None:
    """Makes .venv, anew if what is there is another Python's or was left half made."""
    same_python = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    if environment_python().exists():
        command = [str(environment_python()), "-c", same_python]
        if subprocess.run(command, capture_output=True).returncode == 0:
            return
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise Refusal(
            "this Python has no venv module; install it (on Debian and Ubuntu: "
            "sudo apt install python3-venv) and run the same command again"
        )
    print(f"Making the environment {ENVIRONMENT} with Python {sys.version.split()[0]}.")
    if run(sys.executable, "-m", "venv", "--clear", ENVIRONMENT):
        raise Refusal("python -m venv failed (its message is above)")


def silence_news() -> None:
    """JupyterLab would ask at its first start whether to fetch news; a lesson opens without."""
    overrides = ENVIRONMENT / "share/jupyter/lab/settings/overrides.json"
    overrides.parent.mkdir(parents=True, exist_ok=True)
    settings = {"fetchNews": "false", "checkForUpdates": False}
    overrides.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": settings}))


# PyTorch's builds: for Linux, a version without a label brings CUDA's libraries with it


def pinned_torch() -> str:
    """The version of PyTorch in constraints.txt."""
    pin = re.search(r"^torch==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    if pin is None:
        raise Refusal("constraints.txt pins no torch; get a fresh copy of the project")
    return pin.group(1)


def brings_cuda(versions: str, pin: str) -> bool:
    """Whether pip's choice for torch==pin, of what `pip index versions torch` prints, has CUDA."""
    listed = re.search(r"^Available versions: (.*)$", versions, re.MULTILINE)
    if listed is None:
        return False  # Without a list, as without a network, installing fails too and says why.
    # pip lists the newest first, labels included, and takes the first that fits.
    builds = [build.split("+") for build in listed.group(1).split(", ")]
    labels = ["".join(label) for version, *label in builds if version == pin]
    return bool(labels) and re.fullmatch(r"(cu\d+)?", labels[0]) is not None


def refuse_unwanted_cuda() -> None:
    """On Linux without a GPU, gigabytes are downloaded only for somebody who asked for them."""
    pin = pinned_torch()
    installed = list(ENVIRONMENT.glob(f"lib/python*/site-packages/torch-{pin}*.dist-info"))
    if sys.platform != "linux" or shutil.which("nvidia-smi") or installed:
        return
    # pip's dry run would download the wheel to read what it requires; its list of versions is free.
    command = [str(environment_python()), "-m", "pip", "index", "versions", "torch"]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if brings_cuda(answer.stdout, pin):
        raise Refusal(
            f"pip would take PyTorch {pin} with several gigabytes of CUDA libraries, and there is "
            "no NVIDIA driver here (no nvidia-smi). Either set PIP_EXTRA_INDEX_URL to PyTorch's "
            "CPU index, as README.md shows, and run the same command again, or add --cuda to "
            "download them anyway."
        )


# The commands


def lessons() -> list[Path]:
    """The course's notebooks, in its order."""
    found = sorted(COURSE.glob("*.ipynb"))
    if not found:
        raise Refusal(f"there is no notebook in {COURSE}; get a fresh copy of the project")
    return found


def make_working_copy(reset: bool = False) -> Path:
    """The student's own notebooks: made once, never overwritten; returns the first lesson."""
    if reset and WORKING_COPY.exists():
        kept = WORKING_COPY.with_name(f"{WORKING_COPY.name}.{datetime.now():%Y-%m-%d-%H%M%S}")
        WORKING_COPY.rename(kept)
        print(f"Your old notebooks are kept in {kept.name}.")
    WORKING_COPY.mkdir(exist_ok=True)
    missing = [lesson for lesson in lessons() if not (WORKING_COPY / lesson.name).exists()]
    for lesson in missing:
        shutil.copyfile(lesson, WORKING_COPY / lesson.name)
    print(f"Your notebooks are in {WORKING_COPY.name} ({len(missing)} added, none overwritten).")
    return WORKING_COPY / lessons()[0].name


def free_port(wanted: int | None) -> int:
    """The port asked for, or else the first free one."""
    for port in [wanted] if wanted else range(FIRST_PORT, FIRST_PORT + 100):
        with socket.socket() as probe:
            if os.name != "nt":
                # As Jupyter does: a port left a moment ago is free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    if wanted:
        raise Refusal(f"port {wanted} is taken; give another with --port, or leave --port out")
    raise Refusal(f"ports {FIRST_PORT} to {FIRST_PORT + 99} are taken; choose one with --port")


def use_classroom_style() -> None:
    """For this start alone: figures and text that can be read from the last row.

    JupyterLab takes sizes of type from a user's own settings only, not from defaults beside them. So a
    classroom has settings of its own; the user's stay as they are and hold again at the next start.
    """
    settings = ENVIRONMENT / "share/jupyter/classroom"
    for plugin, values in CLASSROOM_SETTINGS.items():
        file = settings / f"{plugin.replace(':', '/')}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    os.environ["JUPYTERLAB_SETTINGS_DIR"] = str(settings)
    os.environ["STABILITY_REF_STYLE"] = "classroom"


def lab(reset: bool, port: int | None, browser: bool, classroom: bool = False) -> int:
    """Opens JupyterLab on the student's copy of the first lesson."""
    free = free_port(port)
    if classroom:
        use_classroom_style()
    first_lesson = make_working_copy(reset)
    # With /doc the lesson has the whole window, which a projector's is hardly wide enough for.
    interface = "doc" if classroom else "lab"
    # Without the query the file browser would open in the lesson's folder, away from stability_ref/.
    start = f"/{interface}/tree/{quote(first_lesson.relative_to(ROOT).as_posix())}?file-browser-path=/"
    command = [str(environment_python()), "-m", "jupyterlab"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={free}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={ROOT}"]
    command += [f"--LabApp.default_url={start}"]
    # The address that Jupyter would print has its token after a second question mark and does not work.
    command += ["--Application.log_level=ERROR"]
    # A click on the course's own notebooks would change what git keeps; the working copy is for clicks.
    command += [f"--ContentsManager.hide_globs={name}" for name in [COURSE.name, "__pycache__"]]
    os.environ["JUPYTER_TOKEN"] = secrets.token_hex(24)
    if not browser:
        command += ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Jupyter refuses root; in a container there is often nobody else, and it stays on loopback.
        print("You are root, so JupyterLab is started with --allow-root.")
        command += ["--allow-root"]
    print("Starting JupyterLab; Ctrl-C here stops it. In a few seconds it is at")
    print(f"    http://127.0.0.1:{free}{start}&token={os.environ['JUPYTER_TOKEN']}")
    return become(command)


def become(command: list[str]) -> int:
    """Hands over to a command, so that signals (Ctrl-C, a kill) reach it and nobody else."""
    sys.stdout.flush()
    os.chdir(ROOT)
    if os.name != "nt":
        os.execv(command[0], command)
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # Jupyter heard it too and is shutting down.


def test(pytest_arguments: list[str]) -> int:
    """Runs every check, or pytest alone if it is given arguments; all run even if one fails."""
    checks = {
        "ruff check": ["ruff", "check"],
        "ruff format": ["ruff", "format", "--check"],
        "mypy": ["mypy"],
        "pytest": ["pytest", *pytest_arguments],
    }
    if pytest_arguments:
        checks = {"pytest": checks["pytest"]}
    failed = []
    for name, command in checks.items():
        print(f"== {name}")
        if run(environment_python(), "-m", *command):
            failed.append(name)
    print(f"dev.py test: {', '.join(failed) or 'nothing'} failed of {', '.join(checks)}")
    return 1 if failed else 0


def port_number(text: str) -> int:
    """An argument that is a TCP port."""
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)


def command_line() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="dev.py", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    described = {
        "lab": "open JupyterLab on your own copy of the notebooks",
        "test": "run every check; with pytest's arguments, pytest alone",
        "notebooks": "execute the course's notebooks and write them in their committed form",
        "benchmarks": "measure; arguments go to python -m benchmarks",
    }
    for name, purpose in described.items():
        command = commands.add_parser(name, help=purpose, description=purpose, allow_abbrev=False)
        command.add_argument("--cuda", action="store_true", help="accept PyTorch with CUDA")
        if name == "lab":
            command.add_argument("--reset", action="store_true", help="start from fresh notebooks")
            command.add_argument("--port", type=port_number, help="default: a free one")
            command.add_argument(
                "--classroom", action="store_true", help="larger text and figures, for a projector"
            )
            command.add_argument("--no-browser", action="store_true", help="print the address only")
        if name == "notebooks":
            command.add_argument("names", nargs="*", help="for example 03_warmup; default: all")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    parser = command_line()
    chosen, others = parser.parse_known_args(arguments)
    if others and chosen.command not in ["test", "benchmarks"]:
        parser.error(f"unknown arguments: {' '.join(others)}")
    extras = [*EXTRAS, "benchmarks"] if chosen.command == "benchmarks" else EXTRAS
    try:
        if chosen.command in ["lab", "notebooks"]:
            lessons()  # refuses before anything is downloaded
        make_environment(extras, chosen.cuda)
        if chosen.command == "lab":
            return lab(chosen.reset, chosen.port, not chosen.no_browser, chosen.classroom)
        if chosen.command == "test":
            return test(others)
        if chosen.command == "notebooks":
            return run(environment_python(), COURSE / "execute.py", *chosen.names)
        return run(environment_python(), "-m", "benchmarks", *others)
    except (Refusal, OSError) as error:
        sys.exit(f"dev.py: {error}")
    except KeyboardInterrupt:
        sys.exit("dev.py: stopped; it is safe to run the same command again")


if __name__ == "__main__":
    sys.exit(main())
