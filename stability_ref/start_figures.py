"""The picture under the first lesson's slider: one run, lost or saved by the length of its warmup."""

from matplotlib.axes import Axes

from stability_ref import recipes
from stability_ref.figures import LiveRun, legend_below
from stability_ref.training import Record


class LiveRescue(LiveRun):
    """A run of `recipes.rescue` for a first look: plain axes, and a line where guessing is."""

    def __init__(self) -> None:
        super().__init__(recipes.STEPS + recipes.RESCUED_BY)

    def _finish_axes(self, loss: Axes, rate: Axes) -> None:
        loss.set(title="How wrong the network is", xscale="linear", ylim=(1e-3, 1e6))
        rate.set(xscale="linear", yscale="linear", ylim=(0, 0.5))
        loss.axhline(recipes.GUESSING, color="0.3", linestyle=":", label="guessing")
        loss.text(245, 4, "worse than guessing", ha="right")
        legend_below(self.figure, 4, [loss])


def verdict(record: Record) -> str:
    """One sentence on a single run: saved or lost, and how many unseen digits it gets wrong."""
    error = record.final_test_error[0, 0]
    said = "SAVED" if error < recipes.SAVED else "LOST"
    return f"{said}: of 100 digits that it has never seen, the trained network gets {100 * error:.0f} wrong."
