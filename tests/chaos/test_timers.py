"""Schedulers that are killed and frozen while clocks come due: each fires once, and nobody has to wait for the dead. The bench does the
same with a million (tests/bench/timers.py); here a private PostgreSQL has a few thousand."""
import pathlib
import signal
import sys

import pytest
from desk import ROOT, wait_for

sys.path.insert(0, str(ROOT / "tests" / "bench"))
import timers  # noqa: E402

PROGRAMS = ROOT / "build" / "release" / "bin"


@pytest.fixture(name="database")
def _database():
    with timers.PrivatePostgres(PROGRAMS) as database:
        yield database


@pytest.fixture(name="pair")
def _pair(database):
    log = pathlib.Path(ROOT / "build" / "test-log" / "chaos-timers.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as out, timers.schedulers(database, PROGRAMS, 2, out) as pair:
        yield pair


def test_kills_of_schedulers_fire_nothing_twice(database, pair):
    database.fill(10000)
    figures = timers.measure(database, pair, 3000, 12, 3)
    assert [one.stop() for one in pair] == [0, 0]
    told, wrong = timers.verdict(database, 3000)
    assert not wrong and figures["kills"] >= 3, (wrong, figures, told)
    assert told["p99_ms"] < 3000, told  # below a second on a quiet machine: the bench says
    assert figures["bytes_per_timer"] < 200, figures


def test_a_frozen_scheduler_loses_its_shards_and_fires_nothing_late(database, pair):
    database.fill(4000)
    for one in pair:
        one.first_sweep(one.start())
    wait_for(lambda: database.holders() == {"sla-eu-1": 32, "sla-eu-2": 32}, 15, 0.2, "fair shares")
    pair[0].signal(signal.SIGSTOP)
    try:
        database.make_due(1000, 2, 1)  # all of it before its leases expire, four seconds from now at the earliest
        wait_for(lambda: database.holders() == {"sla-eu-2": 64}, 10, 0.2, "the other one takes over")
        wait_for(lambda: database.value("SELECT count(*) FROM desk.event WHERE type = 'sla.warned'") == "1000", 15, 0.2, "fired meanwhile")
    finally:
        pair[0].signal(signal.SIGCONT)
    wait_for(lambda: database.holders() == {"sla-eu-1": 32, "sla-eu-2": 32}, 10, 0.2, "it is back")
    told, wrong = timers.verdict(database, 1000)
    assert not wrong, (wrong, told)
    assert told["max_ms"] < 2500, told  # who waits for the leases to expire is late by three seconds
    assert [one.stop() for one in pair] == [0, 0]
    assert not database.holders(), "given back at the end"
