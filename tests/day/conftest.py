"""Days that pass in minutes: a cluster of its own whose clock goes sixty times as fast."""
import pytest
from desk import Desk, kept


@pytest.fixture(scope="session")
def desk(request):
    with kept(Desk(request.config.getoption("--var"), request.config.getoption("--base"), clock="60x")) as one:
        yield one
