"""pyproject.toml, environment.yml and constraints.txt say the same, and no file names a machine."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch-cpu"}

REGISTRY_HOST = re.compile(r"(pypi|pythonhosted)\.org|npmjs\.(com|org)|(deb|ftp|security)\.debian\.org")
PYTORCH_INDEX = re.compile(r"download\.pytorch\.org")
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|opt|root|tmp|Users|work)/\w")


def bounds(requirements):
    """The version bound of each name, as packaging writes it."""
    parsed = [Requirement(requirement) for requirement in requirements]
    return {canonicalize_name(one.name): str(one.specifier) for one in parsed}


def tracked_files():
    """The files that git keeps, with their text."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there are no tracked files to read")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return {
        path.relative_to(ROOT).as_posix(): path.read_bytes().decode(errors="replace")
        for path in paths
        if path.is_file()
    }


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def constraints():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def test_environment_has_the_same_names_and_bounds(environment):
    conda = [one for one in environment["dependencies"] if isinstance(one, str)]
    expected = bounds([*PROJECT["dependencies"], *EXTRAS["notebooks"], *EXTRAS["torch"]])
    expected = {CONDA_NAMES.get(name, name): bound for name, bound in expected.items()}
    expected |= {"python": PROJECT["requires-python"], "pip": ""}
    assert bounds(conda) == expected


def test_environment_takes_conda_forge_alone_and_the_package_from_here(environment):
    assert environment["name"] == PROJECT["name"]
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert environment["dependencies"][-1] == {"pip": ["-e ."]}


def test_each_constraint_is_one_exact_version_without_an_address(constraints):
    for one in constraints:
        assert one.url is None
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(one.specifier)), one


def test_constraints_pin_every_requirement_inside_its_bound(constraints):
    pins = {canonicalize_name(one.name): str(one.specifier)[2:] for one in constraints}
    required = [PROJECT["dependencies"], *EXTRAS.values()]
    for text in (text for requirements in required for text in requirements):
        requirement = Requirement(text)
        pin = pins.get(canonicalize_name(requirement.name), "nothing")
        assert pin != "nothing", f"constraints.txt does not pin {requirement.name}"
        assert requirement.specifier.contains(pin), f"{pin} is outside {text}"


def test_constraints_leave_cuda_to_pytorch(constraints):
    names = [one.name for one in constraints]
    assert [name for name in names if name.startswith(("cuda", "nvidia", "triton"))] == []


def test_numpy_alone_is_required():
    assert list(bounds(PROJECT["dependencies"])) == ["numpy"]


@pytest.mark.parametrize("pattern", [REGISTRY_HOST, MACHINE_PATH], ids=["registry", "machine"])
def test_no_file_names_a_registry_or_a_machine(pattern):
    found = {name: pattern.search(text) for name, text in tracked_files().items()}
    assert {name: match.group() for name, match in found.items() if match} == {}


def test_the_readme_alone_names_the_index_of_pytorch():
    found = [name for name, text in tracked_files().items() if PYTORCH_INDEX.search(text)]
    assert set(found) <= {"README.md"}


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (REGISTRY_HOST, "https://" + "pypi" + ".org/simple"),
        (REGISTRY_HOST, "https://registry" + ".npmjs" + ".org"),
        (MACHINE_PATH, "cd " + "/home" + "/student/course"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern, text):
    assert pattern.search(text)
