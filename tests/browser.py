"""JupyterLab as a student gets it, opened in a headless Chromium: for the browser test and a benchmark."""

import base64
import contextlib
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM_NAMES = ["chromium", "chromium-browser", "google-chrome"]
CHROMIUM_OPTIONS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
WINDOW = {"width": 1280, "height": 800}  # a classroom's projector
START = 120_000  # ms for JupyterLab's start on a slow, busy machine
RUN = 360_000  # ms for a lesson's run there: a minute where nothing else is running

# What `dev.py lab` does, in a project and an environment that may be others than the checkout's.
DEV_LAB = """
import sys
from pathlib import Path
from typing import Any
import dev
dev.ROOT = Path(sys.argv[1])
dev.COURSE, dev.WORKING_COPY = dev.ROOT / "notebooks", dev.ROOT / "my_notebooks"
dev.ENVIRONMENT = Path(sys.prefix)
dev.lab(reset=False, port=int(sys.argv[2]), browser=False, classroom=sys.argv[3] == "classroom")
"""


def find_chromium() -> str | None:
    """The path of an installed Chromium; CHROMIUM, where it is set, names it."""
    return next(filter(None, map(shutil.which, [os.environ.get("CHROMIUM", ""), *CHROMIUM_NAMES])), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def jupyterlab(project: Path, style: str = "ordinary") -> Iterator[str]:
    """JupyterLab on a project's first lesson, ordinary or classroom; gives the address that dev.py prints."""
    own = {f"JUPYTER_{kind}_DIR": str(project.parent / "jupyter") for kind in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-c", DEV_LAB, str(project), str(free_port()), style]
    log = project.parent / "jupyterlab.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | own | {"IPYTHONDIR": str(project.parent / "ipython")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield printed_address(server, log)
    finally:
        server.terminate()  # JupyterLab then shuts down its kernels
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def printed_address(server: subprocess.Popen[bytes], log: Path) -> str:
    """The address in the server's log, once somebody answers there."""
    deadline = time.monotonic() + START / 1000
    while server.poll() is None and time.monotonic() < deadline:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\S+(?=\n)", log.read_text())
        if found:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(found.group(1)))):
                return found.group()
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


@contextlib.contextmanager
def chromium_page() -> Iterator[Page]:
    """An empty page of the installed Chromium."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    options = CHROMIUM_OPTIONS + ["--no-sandbox"] * root  # Chromium's sandbox refuses root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=options)
        page = browser.new_page(viewport=WINDOW)
        page.set_default_timeout(START)
        yield page
        browser.close()


def open_lesson(page: Page, address: str) -> None:
    """Open JupyterLab's address and wait until the kernel is ready."""
    page.goto(address)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    kernel_is(page, "Idle").wait_for()


def run_all_cells(page: Page) -> None:
    """Run > Run All Cells, until the kernel is idle again."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Run All Cells", exact=True).click()
    kernel_is(page, "Busy").wait_for()
    expect(page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(0, timeout=RUN)
    kernel_is(page, "Idle").wait_for()


def kernel_is(page: Page, status: str) -> Locator:
    """The status bar's word; the sign above a notebook says idle even before there is a kernel."""
    return page.locator("#jp-main-statusbar").get_by_text(f"Python 3 (ipykernel) | {status}", exact=True)


@contextlib.contextmanager
def filmed(page: Page, frames: list[np.ndarray]) -> Iterator[None]:
    """Append to frames what the browser shows meanwhile, each time that it paints."""
    session = page.context.new_cdp_session(page)

    def keep(shot: Any) -> None:
        frames.append(np.asarray(Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("L")))
        session.send("Page.screencastFrameAck", {"sessionId": shot["sessionId"]})

    session.on("Page.screencastFrame", keep)
    session.send("Page.startScreencast", {"format": "jpeg", "quality": 80})
    yield
    session.send("Page.stopScreencast")
    session.detach()
