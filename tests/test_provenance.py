"""A stored result is stale when any code behind it changes, and only then."""

import pytest

from experiments import provenance
from experiments.provenance import code_hash

MODULES = {
    "near.py": "from stability_ref.inner import there\n",
    "far.py": "FAR = 1\n",
    "inner/__init__.py": "",
    "inner/there.py": "from stability_ref import far\n",
    "aside.py": "ASIDE = 1\n",
}


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script that imports near, which imports inner.there, which imports far; nobody imports aside."""
    package = tmp_path / "stability_ref"
    for name, text in MODULES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(provenance, "PACKAGE", package)
    script = tmp_path / "script.py"
    script.write_text("import numpy as np\nfrom stability_ref import near\n", encoding="utf-8")
    return script


@pytest.mark.parametrize("changed", ["near.py", "far.py", "inner/__init__.py", "inner/there.py"])
def test_the_hash_changes_with_a_module_that_is_imported_on_the_way(script, changed):
    before = code_hash(str(script))
    (provenance.PACKAGE / changed).write_text(MODULES[changed] + "CHANGED = 1\n", encoding="utf-8")
    assert code_hash(str(script)) != before


def test_the_hash_changes_with_the_script_and_not_with_what_nobody_imports(script):
    before = code_hash(str(script))
    (provenance.PACKAGE / "aside.py").write_text("ASIDE = 2\n", encoding="utf-8")
    assert code_hash(str(script)) == before
    script.write_text(script.read_text(encoding="utf-8") + "SEEDS = 3\n", encoding="utf-8")
    assert code_hash(str(script)) != before


def test_line_ends_make_no_difference(script):
    before = code_hash(str(script))
    script.write_bytes(script.read_bytes().replace(b"\n", b"\r\n"))
    assert code_hash(str(script)) == before
