"""Days that pass in minutes: a cluster of its own whose clock goes sixty times as fast. It begins at one in the morning (UTC) of the next day, whatever
hour it is here, so that no test meets midnight and desks are always the same ones awake."""
import datetime

import pytest
from desk import Desk, kept


@pytest.fixture(scope="session")
def desk(request):
    begins = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%Y-%m-%dT01:00Z")
    with kept(Desk(request.config.getoption("--var"), request.config.getoption("--base"), clock="60x", clock_from=begins)) as one:
        yield one
