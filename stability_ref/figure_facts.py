"""What a figure shows, as text: a test of this text notices a picture that is wrong, empty or mislabelled.

Pictures are not compared when a notebook is tested, and their pixels differ between versions of matplotlib.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.category import StrCategoryLocator
from matplotlib.collections import Collection, PathCollection
from matplotlib.colors import same_color, to_hex, to_rgba, to_rgba_array
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator

Array = np.ndarray
NOTHING = ("None", "none", " ", "", None)  # how matplotlib says that there is no line, or no marker
_UNSTABLE = "_stability_ref_unstable"


def mark_unstable(artist: Artist, unstable: Array, bound: float | None = None) -> None:
    """Tell `facts` which points do not carry over from one processor to another.

    Args:
        artist: a line, a shaded area or a patch.
        unstable: one truth value for each point of a line, or for each x of an area; a patch has one.
        bound: the facts name the x at which an unstable line first passes it.
    """
    setattr(artist, _UNSTABLE, (np.asarray(unstable), bound))


def facts(figure: Figure) -> str:
    """What was drawn, in numbers: axes, scales, and of each line its look, its counts and its statistics.

    Of points marked unstable it says only how many there are, how many are not finite and where a bound is
    passed: their values differ between processors. What is usual is not said: that a line can be seen, that
    its points lie inside the axes, that a legend shows the colours of the lines that it names.
    """
    said = ["figure:"]
    said.extend(f"  text {text.get_text()!r}" for text in figure.texts if text.get_text())
    said.extend(f"  {_legend_facts(legend, figure.axes)}" for legend in figure.legends)
    panels: list[Any] = [panel for axes in figure.axes for panel in (axes, *axes.child_axes)]
    for axes in panels:
        title = axes.get_title() if isinstance(axes, Axes) else ""  # a second scale beside it has none
        said.append(f"axes {title!r}" + _unusual(axes, 0))
        said.extend(f"  {fact}" for fact in _axes_facts(axes))
    return "\n".join(said)


def _axes_facts(axes: Axes) -> Iterator[str]:
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        name = axis.get_label_text() or axis.axis_name
        yield f"{name}: {axis.get_scale()} {limits[0]:.3g} to {limits[1]:.3g}"
        if isinstance(axis.get_major_locator(), FixedLocator | StrCategoryLocator):
            yield f"{name} ticks: " + ", ".join(tick.get_text() for tick in axis.get_ticklabels())
    yield from (_line_facts(line) for line in axes.get_lines())
    yield from (_collection_facts(each) for each in axes.collections)
    alike = itertools.groupby(axes.patches, lambda patch: (_look(patch), _unusual(patch, 1)))
    yield from (_patch_facts(list(patches)) for _, patches in alike)
    for image in axes.images:
        pixels: Any = image.get_array()
        yield f"image {pixels.shape}, {_spread(pixels)}" + _unusual(image, 0)
    if texts := [_text_facts(text) for text in axes.texts if text.get_text()]:
        yield "texts: " + ", ".join(texts)
    if legend := axes.get_legend():
        yield _legend_facts(legend, [axes])


# Of each kind of thing


def _line_facts(line: Line2D) -> str:
    drawn: Any = line.get_data(orig=False)  # what is masked is NaN in it
    x, y = drawn
    unstable, bound = getattr(line, _UNSTABLE, (np.zeros(len(y), dtype=bool), None))
    parts = [f"{line.get_label()!r} {_look(line)}: {len(y)} points, {np.sum(~np.isfinite(y))} not finite"]
    if len(x):
        parts.append(f"x {x[0]:.3g} to {x[-1]:.3g}")
    if len(unstable) != len(y):  # the line was given other data after it was marked
        parts.append(f"marked as {len(unstable)} points")
        unstable = np.full(len(y), True)
    if unstable.any():
        parts.append(f"{unstable.sum()} unstable")
    if unstable.any() and bound:
        above = np.flatnonzero(~(y <= bound))[:1]
        parts.extend(f"first above {bound:g} at {step:.3g}" for step in x[above])
    if not unstable.all() and np.isfinite(y[~unstable]).any():
        parts.append(_statistics(y[~unstable]))
    if len(x) > 2 and not np.allclose(np.diff(x, 2), 0, atol=1e-6 * np.ptp(x)):
        parts.append(f"x mean {np.mean(x):.3g}")  # the ends alone would not tell 1, 10, 100 from 1, 50, 100
    return ", ".join(parts) + _out_of_sight(line, x, y, unstable) + _unusual(line, 2)


def _out_of_sight(line: Line2D, x: Array, y: Array, unstable: Array) -> str:
    """How many points lie beyond the limits; of unstable ones only whether all do."""
    there = np.isfinite(x) & np.isfinite(y)
    with np.errstate(all="ignore"):
        pixels = line.get_transform().transform(np.column_stack([x, y]).astype(float))
    axes: Any = line.axes
    low, high = axes.bbox.get_points()
    inside = (pixels > low - 0.5) & (pixels < high + 0.5)  # half a pixel for rounding
    outside = there & ~inside.all(axis=-1)
    if there.any() and outside[there].all():
        return ", all outside the axes"
    count = np.sum(outside & ~unstable)
    return f", {count} outside the axes" if count else ""


def _collection_facts(area: Collection) -> str:
    if isinstance(area, ContourSet):
        levels = np.asarray(area.levels)
        said = f"{len(levels)} contours, {levels[0]:.3g} to {levels[-1]:.3g}"
        outlines = [np.asarray(path.vertices) for path in area.get_paths()]
        for x, y in [outline.T for outline in outlines if len(outline)][:1]:
            said += f", the lowest over x {_extremes(x)}, y {_extremes(y)}"
        return said + _unusual(area)
    if isinstance(area, PathCollection):
        points: Array = np.ma.filled(np.ma.asarray(area.get_offsets(), dtype=float), np.nan)
        said = f"{len(points)} scattered {_look(area)}"
    else:
        corners = np.concatenate([np.empty((0, 2)), *(path.vertices for path in area.get_paths())])
        points = np.unique(corners, axis=0)  # an outline comes back to where it began
        said = f"shaded {_look(area)}"
    places, where = np.unique(points[:, 0], return_inverse=True)
    unstable, _ = getattr(area, _UNSTABLE, (np.zeros(len(places), dtype=bool), None))
    stable = points[~unstable[where], 1]
    said += f", x {_extremes(places)}" if len(places) else ", empty"
    return said + (f", y {_spread(stable)}" if stable.size else "") + _unusual(area)


def _patch_facts(patches: Sequence[Patch]) -> str:
    """Neighbours that look alike are said together, as the bars of a histogram."""
    shapes = [patch.get_patch_transform().transform_path(patch.get_path()) for patch in patches]
    boxes = np.array([shape.get_extents().get_points().ravel() for shape in shapes])
    said = f"{len(patches)} {type(patches[0]).__name__} {_look(patches[0])}"
    said += f", x {boxes[:, 0].min():.3g} to {boxes[:, 2].max():.3g}"
    if any(hasattr(patch, _UNSTABLE) for patch in patches):
        return said + _unusual(patches[0], 1)
    if isinstance(patches[0], Rectangle):
        said += f", bottom {boxes[:, 1].min():.3g}, top {_statistics(boxes[:, 3])}"
    else:
        corners = np.concatenate([np.asarray(shape.vertices) for shape in shapes])
        said += f", {len(corners)} corners, y {_spread(corners[:, 1])}"
    return said + _unusual(patches[0], 1)


def _text_facts(text: Text) -> str:
    x, y = text.get_unitless_position()
    target = ""
    if isinstance(text, Annotation) and text.arrow_patch is not None:
        target = f" pointing to {text.xy[0]:.3g} {text.xy[1]:.3g}"
    return f"{text.get_text()!r} at {x:.3g} {y:.3g}{target}{_unusual(text, 3)}"


def _legend_facts(legend: Legend, panels: Sequence[Axes]) -> str:
    """Its names, and where an entry looks unlike what the axes draw under that name, how it looks."""
    looks = set()
    for axes in panels:
        drawn: list[Any] = [*axes.get_lines(), *axes.collections, *axes.patches]
        looks |= {(artist.get_label(), _look(artist)) for artist in drawn}
        looks |= {(each.get_label(), _look(part)) for each in axes.containers for part in each[:1]}
    entries = []
    for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True):
        name, look = text.get_text(), _look(handle)
        colour = look.partition(" ")[0]  # of what is no line only the colour has to be the same
        entries.append(name if {(name, look), (name, colour)} & looks else f"{name} shown as {look}")
    return "legend: " + ", ".join(entries) + _unusual(legend, 5)


# Of all kinds


def _look(artist: Any) -> str:
    if isinstance(artist, Line2D):
        return f"{to_hex(artist.get_color())} {artist.get_linestyle()} {artist.get_marker()}"
    colours: Sequence[Any] = []
    if hasattr(artist, "get_facecolor"):
        colours = [*to_rgba_array(artist.get_facecolor()), *to_rgba_array(artist.get_edgecolor())]
    seen = [to_hex(colour[:3]) for colour in colours if colour[3] > 0]
    return seen[0] if seen else "none"


def _unusual(artist: Any, usual_zorder: float | None = None) -> str:
    """What makes an artist look unlike most: hidden, pale, in front, hollow, only some of its points."""
    parts = []
    alpha = artist.get_alpha()
    if not artist.get_visible() or (alpha is not None and not np.any(alpha)) or _has_no_ink(artist):
        parts.append("hidden")
    elif alpha is not None and np.ndim(alpha) == 0 and alpha < 1:
        parts.append(f"alpha {alpha:g}")
    if usual_zorder is not None and artist.get_zorder() != usual_zorder:
        parts.append(f"zorder {artist.get_zorder():g}")
    if isinstance(artist, Line2D):
        face = artist.get_markerfacecolor()
        if artist.get_marker() not in NOTHING and not same_color(face, artist.get_color()):
            parts.append(f"marker filled {'none' if to_rgba(face)[3] == 0 else to_hex(face)}")
        if artist.get_drawstyle() != "default":
            parts.append(artist.get_drawstyle())
        if artist.get_markevery() is not None:
            parts.append(f"marker every {artist.get_markevery()}")
    return "".join(f", {part}" for part in parts)


def _has_no_ink(artist: Any) -> bool:
    if not isinstance(artist, Line2D):
        return False
    ink = to_rgba(artist.get_color())[3] > 0
    stroke = ink and artist.get_linestyle() not in NOTHING and artist.get_linewidth() > 0
    rim = to_rgba(artist.get_markeredgecolor())[3] > 0 and artist.get_markeredgewidth() > 0
    body = rim or to_rgba(artist.get_markerfacecolor())[3] > 0
    return not stroke and not (artist.get_marker() not in NOTHING and artist.get_markersize() > 0 and body)


def _statistics(y: Array) -> str:
    finite: Sequence[float] = y[np.isfinite(y)]
    return f"first {y[0]:.3g} last {y[-1]:.3g} mean {np.mean(finite):.3g} {_extremes(y)}"


def _spread(values: Any) -> str:
    return f"mean {np.mean(np.asarray(values)[np.isfinite(values)]):.3g} {_extremes(values)}"


def _extremes(values: Any) -> str:
    finite: Sequence[float] = np.asarray(values)[np.isfinite(values)]
    return f"min {np.min(finite):.3g} max {np.max(finite):.3g}" if len(finite) else "nothing finite"
