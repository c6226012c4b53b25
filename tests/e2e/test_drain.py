"""SIGTERM with live traffic: each intake and each router is restarted in turn and no request fails."""
import threading
import uuid

import pytest
from desk import Client, check_promises, wait_for

pytestmark = pytest.mark.disturbs


def test_restarts_fail_no_request(desk):
    stop, problems, keys, counts = threading.Event(), [], [], [0, 0]

    def submit(region, n):
        client = Client(desk, region, f"requester-{region}-{n}")
        while not stop.is_set():
            key = str(uuid.uuid4())
            try:
                answer = client.submit("While restarting", key=key)
                if answer.status not in (201, 202):
                    problems.append(("submit", region, answer))
                else:
                    keys.append(key)
                    counts[0] += 1
            except Exception as error:  # pylint: disable=broad-except
                problems.append(("submit", region, repr(error)))

    def read(region, n):
        client = Client(desk, region, f"agent-{region}-{n}")
        while not stop.is_set():
            try:
                answer = client.get("/api/v1/queue")
                if answer.status != 200:
                    problems.append(("read", region, answer))
                counts[1] += 1
            except Exception as error:  # pylint: disable=broad-except
                problems.append(("read", region, repr(error)))

    for region in ("eu", "ap", "us"):
        for n in (1, 2):
            desk.token(f"requester-{region}-{n}"), desk.token(f"agent-{region}-{n}")
    threads = [threading.Thread(target=f, args=(r, n)) for f in (submit, read) for r in ("eu", "ap", "us") for n in (1, 2)]
    [t.start() for t in threads]
    try:
        for name in ("intake-eu-1", "router-eu-1", "intake-ap-1", "router-eu-2", "intake-eu-2", "router-ap-1", "intake-us-1", "router-us-1"):
            desk.control.restart(name)
            desk.ready()
            before = list(counts)
            wait_for(lambda: counts[0] > before[0] + 10 and counts[1] > before[1] + 10, 30, what="traffic between two restarts")
    finally:
        stop.set()
        [t.join() for t in threads]
    assert not problems, (len(problems), counts, problems[:5])
    assert counts[0] > 100 and counts[1] > 100
    wait_for(lambda: int(desk.sql("SELECT count(*) FROM desk.ticket WHERE subject = 'While restarting'")[0][0]) >= len(keys), 20, 0.2)
    check_promises(desk, keys)


def test_a_draining_process_says_so_and_ends_cleanly(desk):
    for name in ("intake-eu-1", "router-eu-1", "sla-eu-1", "notifier-eu-1"):
        pid = desk.pid(name)
        desk.control.restart(name)
        row = next(r for r in desk.control.list() if r["name"] == name)
        assert row["pid"] != pid and row["last_exit"] == "status 0", row
