"""kill -9 of a router and an intake, again and again under load: nothing accepted is lost, nothing is made twice, no ticket has two
owners. The clients' own log is the witness; the database is what it is compared with."""
import itertools
import os
import threading
import time
import uuid

import pytest
from desk import Client, check_promises, wait_for

pytestmark = pytest.mark.disturbs
SECONDS = int(os.environ.get("CHAOS_SECONDS", "30"))
REGIONS = ("eu", "ap", "us")


class Load:
    """Clients that repeat a request with its key until it is answered, and write down what they were told."""

    def __init__(self, desk):
        self.desk, self.stop, self.lock = desk, threading.Event(), threading.Lock()
        self.accepted, self.wins, self.told, self.problems = {}, [], [], []
        self.queue, self.errors, self.claiming = [], 0, False

    def insist(self, call):
        """One answer that is no failure of transport or 5xx; None when there was none for longer than the test lasts."""
        def attempt():
            try:
                answer = call()
                if answer.status < 500:
                    return answer
            except Exception:  # pylint: disable=broad-except
                pass
            self.errors += 1
            return None
        try:
            return wait_for(attempt, SECONDS + 60, 0.05)
        except AssertionError:
            self.problems.append("a request was never answered")
            return None

    def goes_on(self):
        """Waits for more traffic of each kind that there is."""
        accepted, claims = len(self.accepted), len(self.wins) + len(self.told)
        wait_for(lambda: len(self.accepted) >= accepted + 50 and (not self.claiming or len(self.wins) + len(self.told) >= claims + 20),
                 60, what="traffic")

    def submitter(self, region, n):
        client = Client(self.desk, region, f"requester-{region}-{n}", timeout=10)
        while not self.stop.is_set():
            key = str(uuid.uuid4())
            answer = self.insist(lambda: client.submit("Chaos", key=key))
            if answer is None or answer.status not in (200, 201, 202):
                self.problems.append(f"submit: {answer}")
                continue
            with self.lock:
                self.accepted[key] = answer.json["number"]
                self.queue.append(answer.json["number"])

    def claimer(self, region, n):
        """Two of these go for each ticket: the same list, read from the end by all."""
        client = Client(self.desk, region, f"agent-{region}-{n}", timeout=10)
        self.claiming = True
        wait_for(lambda: len(self.queue) > 5 or self.stop.is_set(), 60)
        for turn in itertools.count():
            if self.stop.is_set():
                return
            with self.lock:
                number = self.queue[-1 - turn % 5]
            key = str(uuid.uuid4())
            answer = self.insist(lambda: client.act(number, "claim", key=key))
            if answer is None:
                return
            if answer.status == 200:
                self.wins.append((number, client.user, answer.json["epoch"]))
            elif answer.slug == "already-claimed":
                self.told.append((number, answer.json["winner"], answer.json["epoch"]))
            elif answer.slug != "not-found":
                # Not found: accepted, but not drained yet.
                self.problems.append(f"claim: {answer}")


def owners(desk):
    return {(n, int(e)): login for n, e, login in desk.sql(
        "SELECT t.number, e.data->>'epoch', e.actor FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id WHERE e.type = 'ticket.claimed'")}


def test_kills_lose_nothing_and_double_nothing(desk):
    load = Load(desk)
    for region in REGIONS:
        for n in range(1, 4):
            desk.token(f"requester-{region}-{n}"), desk.token(f"agent-{region}-{n}")
    threads = [threading.Thread(target=f, args=(r, n)) for f in (load.submitter, load.claimer) for r in REGIONS for n in range(1, 4)]
    [t.start() for t in threads]
    routers = itertools.cycle(("router-eu-1", "router-ap-1", "router-eu-2", "router-us-1"))
    intakes = itertools.cycle(("intake-eu-1", "intake-ap-1", "intake-eu-2", "intake-us-1"))
    end, kills = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        load.goes_on()
        killed = {name: desk.pid(name) for name in (next(routers), next(intakes))}
        desk.kill(*killed)
        kills += 2
        wait_for(lambda pids=killed: all(row["state"] == "running" and row["pid"] != pids[row["name"]] for row in desk.control.list() if row["name"] in pids), 30)
    load.stop.set()
    [t.join() for t in threads]
    desk.ready()
    assert not load.problems, (len(load.problems), load.problems[:5])
    keys = list(load.accepted)
    wait_for(lambda: int(desk.sql("SELECT count(*) FROM desk.ticket WHERE subject = 'Chaos'")[0][0]) >= len(keys), 30, 0.2, "drained")
    check_promises(desk, keys)
    # Every number that was told leads to the ticket of its key.
    numbers = dict(desk.sql("SELECT client_key || ' ' || number, 1 FROM desk.ticket UNION ALL SELECT t.client_key || ' ' || a.number, 1 FROM "
                            "desk.ticket_alias a JOIN desk.ticket t ON t.id = a.ticket_id"))
    astray = [k for k, n in load.accepted.items() if f"{k} {n}" not in numbers]
    assert not astray, astray[:5]
    # Every win that a client was told of is in the database, and no two clients were told of the same one.
    known = owners(desk)
    assert len({(n, e) for n, _, e in load.wins}) == len(load.wins)
    wrong = [w for w in load.wins if known.get((w[0], w[2])) != w[1]]
    wrong += [t for t in load.told if known.get((t[0], t[2])) != t[1]]
    assert not wrong, wrong[:5]
    print(f"{kills} kills, {len(keys)} accepted, {len(load.wins)} claims won, {len(load.told)} lost, {load.errors} attempts repeated")
    assert len(keys) > 200 and len(load.wins) > 50


def test_a_killed_primary_loses_nothing_it_confirmed(desk):
    """PostgreSQL itself is killed twice: what was confirmed as committed (201) is there, and what was accepted (202) follows."""
    load = Load(desk)
    threads = [threading.Thread(target=load.submitter, args=(r, n)) for r in REGIONS for n in (1, 2)]
    [t.start() for t in threads]
    for _ in range(2):
        load.goes_on()
        desk.kill("postgres-eu")
        wait_for(lambda: desk.control.list()[0]["state"] == "running", 20)
    load.goes_on()
    load.stop.set()
    [t.join() for t in threads]
    desk.ready()
    assert not load.problems, load.problems[:5]
    wait_for(lambda: not set(load.accepted) - {row[0] for row in desk.sql("SELECT client_key FROM desk.ticket")}, 60, 0.5, "drained")
    check_promises(desk, list(load.accepted))


def test_a_frozen_router_cannot_write_late(desk):
    """A router is frozen in the middle of its work and thawed later: its half-done work is refused or done once."""
    load = Load(desk)
    threads = [threading.Thread(target=f, args=(r, n)) for f in (load.submitter, load.claimer) for r in REGIONS for n in (4, 5)]
    [t.start() for t in threads]
    for name in ("router-eu-1", "router-eu-2"):
        load.goes_on()
        desk.control.signal("STOP", name)
        load.goes_on()  # the other has taken over
        desk.control.signal("CONT", name)
    load.goes_on()
    load.stop.set()
    [t.join() for t in threads]
    desk.ready()
    assert not load.problems, load.problems[:5]
    wait_for(lambda: not set(load.accepted) - {row[0] for row in desk.sql("SELECT client_key FROM desk.ticket")}, 30, 0.5, "drained")
    check_promises(desk, list(load.accepted))
    known = owners(desk)
    wrong = [w for w in load.wins if known.get((w[0], w[2])) != w[1]]
    assert not wrong, wrong[:5]
