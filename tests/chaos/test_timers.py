"""Schedulers that are killed and frozen while clocks come due: each fires once, and nobody has to wait for the dead. The bench does the
same with a million (tests/bench/timers.py); here a private PostgreSQL has a few thousand."""
import http.server
import pathlib
import signal
import sys
import threading
import time

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


@pytest.fixture(name="watcher")
def _watcher():
    """A watcher outside: .url is to be asked, .seen has the moments at which it was."""

    class Asked(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.seen.append(time.monotonic())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        server.seen, server.url = [], f"http://127.0.0.1:{server.server_port}/ping"
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def test_the_watcher_outside_hears_nothing_when_nobody_sweeps(database, pair, watcher):
    for one in pair:
        one.env |= {"MERIDIAN_HEARTBEAT_URL": watcher.url, "MERIDIAN_HEARTBEAT_URL_EVERY": "1s"}
        one.first_sweep(one.start())
    heard = lambda n: wait_for(lambda so_far=len(watcher.seen): len(watcher.seen) >= so_far + n, 15, 0.1, "signs of life")
    quiet = lambda: wait_for(lambda: time.monotonic() - watcher.seen[-1] > 4, 30, 0.1, "silence")
    heard(4)
    pair[0].signal(signal.SIGSTOP)
    try:
        heard(4)  # the other one sweeps
        pair[1].kill()
        quiet()
    finally:
        pair[0].signal(signal.SIGCONT)
    heard(2)
    database.sql("""INSERT INTO desk.instance (instance, service, region, version, started_at, stats)
                    VALUES ('sla-ap-1', 'sla', 'ap', '1', now(), '{"role": "auditor", "alarm": true, "content": false}')""")
    quiet()
    assert pair[0].stop() == 0
