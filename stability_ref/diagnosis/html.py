"""A report as HTML for a notebook: every text escaped, the picture inside."""

import base64
import io
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stability_ref.diagnosis.report import Report


def html_of(report: "Report") -> str:
    """The report with its pictures; without matplotlib, the text alone.

    Example:
        >>> from stability_ref.diagnosis import Log, diagnose
        >>> "<script>" in html_of(diagnose(Log([2.0, 1.0], name="<script>")))
        False
    """
    return "\n".join(['<div class="stability-ref-report">', *_parts(report), "</div>"])


def _parts(report: "Report") -> Iterator[str]:
    for line in report.text().splitlines():
        is_point = line.startswith("  - ")
        text = escape(line.removeprefix("  - "))
        yield f"<li>{text}</li>" if is_point else f"<p><b>{text}</b></p>"
    if picture := _picture(report):
        alt = escape("; ".join(f"{run.log.name}: {run.headline}" for run in report.runs), quote=True)
        yield f'<img alt="{alt}" src="data:image/png;base64,{picture}">'


def _picture(report: "Report") -> str | None:
    try:
        from stability_ref.diagnosis_figures import report_figure
    except ImportError:
        return None
    png = io.BytesIO()
    report_figure(report).savefig(png, format="png", metadata={"Software": None})
    return base64.b64encode(png.getvalue()).decode()
