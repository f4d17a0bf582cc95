"""How every figure looks: colours, type and lines, and one switch that makes them larger for a classroom."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_ref.checks import known

STYLES = ("ordinary", "classroom")
VARIABLE = "STABILITY_REF_STYLE"  # of the environment: the style to begin with

# Petroff's ten colours tell apart for colour-blind eyes; line style and marker repeat what colour says.
COLOURS = matplotlib.color_sequences["petroff10"]
LINE_STYLES = ("-", "--", "-.", ":")
CROSS_ABOVE = 10  # points between a title and a panel on whose upper edge crosses stand
STYLE: Any = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 11,
    "grid.alpha": 0.3,
    "legend.framealpha": 0.9,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
}
DOTS = 100  # an inch, in the ordinary style
# In the classroom type, lines and markers are so much larger: capitals of 16 pixels, 1/50 of a projector's
# 800, as the 8H rule has it for the last row. A picture is as wide as ever, and higher where that fits.
LARGER, HIGHER, HIGHEST = 1.45, 1.2, 6.4
CLASSROOM: Any = {
    "axes.titlepad": 8,
    "axes.titlesize": "medium",  # a title is the widest text there is
    "legend.borderaxespad": 0.3,
    "legend.columnspacing": 0.8,
    "legend.borderpad": 0.3,
    "legend.handlelength": 1.5,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.3,
}


def use_style(name: str) -> None:
    """Draw every figure from now on in this style: "ordinary", or "classroom" for a projector.

    `python3 dev.py lab --classroom` does it for all lessons, as does the environment variable
    STABILITY_REF_STYLE=classroom where JupyterLab is started by other means.

    Raises:
        ValueError: there is no such style.

    Example:
        >>> use_style("classroom")
        >>> with styled_figure(8.4, 4.2) as figure:
        ...     print(figure.get_size_inches() * figure.dpi)
        [840. 504.]
        >>> use_style("ordinary")
    """
    known("style", name, STYLES)
    global _style
    _style = name


@contextlib.contextmanager
def styled_figure(width: float, height: float) -> Iterator[Figure]:
    """A new figure, so many hundreds of pixels wide and high; what is drawn inside the with block is styled.

    In the classroom the same pixels are fewer inches, so that all that is measured in points grows alike.
    """
    if _style == "classroom":
        height = max(height, min(height * HIGHER, HIGHEST))
        larger, style = LARGER, STYLE | CLASSROOM
    else:
        larger, style = 1.0, STYLE
    with matplotlib.rc_context(style):
        size = width / larger, height / larger
        yield Figure(figsize=size, dpi=DOTS * larger, layout="constrained")


def legend_below(figure: Figure, columns: int, panels: Sequence[Axes]) -> None:
    """One legend for these panels, under all, where it hides neither a curve nor another text.

    What several panels name stands in it once, and last.
    """
    named: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.pop(label, None)
            named[label] = handle
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=columns)


known(VARIABLE, _style := os.environ.get(VARIABLE, "ordinary"), STYLES)
