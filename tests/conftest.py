"""Options of the test run, and what the proofs measured, at its end.

Under xdist too, since reports carry it.
"""

import pytest


def pytest_addoption(parser):
    parser.addoption("--seeds", type=int, default=5, help="how many seeds the claims are tested on")
    parser.addoption("--write-baselines", action="store_true", help="accept the pictures as they are now")
    parser.addoption("--all-faults", action="store_true", help="plant every fault in a copy of the project")


@pytest.fixture(scope="session")
def seeds(request):
    """What every claim about training runs is tested on: five seeds by day, more by night."""
    return range(request.config.getoption("seeds"))


def recorded(terminalreporter, name):
    """The values that tests gave to record_property under that name."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    properties = [pair for report in reports for pair in getattr(report, "user_properties", ())]
    return [value for key, value in properties if key == name]


def pytest_terminal_summary(terminalreporter):
    if ulps := recorded(terminalreporter, "ulp"):
        terminalreporter.section("largest error against the print, in scaled ulp")
        for name, dtype, constants, worst, bound in sorted(set(map(tuple, ulps))):
            terminalreporter.write_line(f"{name:20} {dtype}  {worst:6.1f} of {bound:5.1f}  {constants}")
    if kills := recorded(terminalreporter, "killed by"):
        terminalreporter.section("which proof finds which mistake")
        for mistake, *proofs in sorted(set(map(tuple, kills))):
            terminalreporter.write_line(f"{mistake:40} {'; '.join(proofs)}")


@pytest.fixture
def one_torch_thread():
    """PyTorch on one thread: on small nets two are slower, and the tests run side by side."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
