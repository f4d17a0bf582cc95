"""Which code a stored result comes from: a hash that changes when that code does."""

import ast
import hashlib
from pathlib import Path

import stability_ref

PACKAGE = Path(stability_ref.__file__).resolve().parent


def code_hash(script: str) -> str:
    """Of a script and of every module of stability_ref that it imports, directly or through another one."""
    files = [Path(script), *sorted(_imported(Path(script)))]
    texts = [file.read_text(encoding="utf-8") for file in files]  # newlines alike on every system
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _imported(file: Path) -> set[Path]:
    """The files of the package's modules behind a file's imports, and behind theirs."""
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        new = _named_by(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def _named_by(file: Path) -> set[Path]:
    """A package's own __init__ counts where something is imported from it; stability_ref's only gathers."""
    named = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE.name:
            inside = Path(*node.module.split(".")[1:])
            named |= {inside, *(inside / alias.name for alias in node.names)}
    candidates = {PACKAGE / path.with_suffix(".py") for path in named if path.name}
    candidates |= {PACKAGE / path / "__init__.py" for path in named if path.name}
    return {candidate for candidate in candidates if candidate.exists()}
