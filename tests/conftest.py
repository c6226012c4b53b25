"""One cluster for a run of pytest, with its own state and ports. `--var DIR --base N` takes one that runs already."""
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from desk import Desk, kept  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--var", help="MERIDIAN_VAR of a running cluster to test")
    parser.addoption("--base", type=int, help="its MERIDIAN_PORT_BASE")


@pytest.fixture(scope="session")
def desk(request):
    with kept(Desk(request.config.getoption("--var"), request.config.getoption("--base"))) as one:
        yield one


@pytest.fixture(autouse=True)
def whole(request):
    """A test marked `disturbs` leaves a whole cluster behind, whatever happened in it."""
    yield
    if request.node.get_closest_marker("disturbs"):
        one = request.getfixturevalue("desk")
        one.control.signal("CONT", "*", tree=True)
        one.start_again("*")
        one.ready()


def pytest_configure(config):
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an ended run still stops its cluster
    config.addinivalue_line("markers", "disturbs: stops, kills or pauses processes")
