"""What the README shows runs as it stands."""

import re
import runpy
from pathlib import Path

import dev

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_python_example_runs_and_prints_an_error_for_each_rate(tmp_path, capsys):
    (example,) = blocks("python")
    script = tmp_path / "example.py"
    script.write_text(example, encoding="utf-8")
    runpy.run_path(str(script))
    printed = capsys.readouterr().out.strip("[]\n").split()
    assert len(printed) == 10
    assert all(0 <= float(number) <= 1 for number in printed)


def test_every_command_of_dev_py_exists():
    named = set(re.findall(r"python3 dev\.py (\w+)", README))
    assert named == {"lab", "test", "notebooks", "benchmarks"}
    for command in named:
        assert dev.command_line().parse_known_args([command])[0].command == command


def test_every_link_into_the_project_leads_somewhere():
    root = Path(__file__).resolve().parent.parent
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (root / target).exists(), target
