"""Routers that are killed while tickets are offered, accepted, declined and missed: a watcher looks all the time, in one snapshot of the
database, that each open ticket has exactly one of an owner, an open offer, a place in the queue."""
import itertools
import json
import os
import threading
import time

from crowd import Crowd
from desk import check_promises, wait_for

SECONDS = int(os.environ.get("MERIDIAN_CHAOS_SECONDS", "20"))
AGENTS = [("eu", 4), ("ap", 4), ("us", 4)]


def test_no_ticket_is_ever_lost(desk):
    admin = desk.client("eu", "admin")
    before = admin.get("/api/v1/organisation").json
    document = json.loads(json.dumps(before["document"]))
    document["desks"]["always"] = {"region": "eu"}  # or nothing is offered at night
    for region, n in AGENTS:
        document["agents"][f"agent-{region}-{n}"]["desk"] = "always"
    document["teams"]["service-desk"] |= {"mode": "offer", "offer": {"accept_within": 5}, "overflow": {"after": 6, "team": "infrastructure"}}
    assert admin.post("/api/v1/organisation", {"document": document, "base_version": before["version"]}).status == 200
    agents, requester = Crowd(desk), desk.requester("eu", 3)
    threads = [threading.Thread(target=agents.answer, args=one) for one in AGENTS] + [threading.Thread(target=agents.watch)]
    [t.start() for t in threads]
    routers, end, kills = itertools.cycle(("router-eu-1", "router-eu-2")), time.monotonic() + SECONDS, 0
    try:
        while time.monotonic() < end:
            for _ in range(5):
                requester.submitted("Chaos of offers")
            name = next(routers)
            pid = desk.pid(name)
            desk.kill(name)
            kills += 1
            wait_for(lambda n=name, p=pid: any(row["name"] == n and row["state"] == "running" and row["pid"] != p for row in desk.control.list()), 30)
        wait_for(lambda: agents.accepted and agents.looks > SECONDS, 60, 0.2, "offers accepted under the eyes of the watcher")
    finally:
        agents.stop.set()
        [t.join() for t in threads]
        desk.ready()
        present = admin.get("/api/v1/organisation").json
        assert admin.post("/api/v1/organisation", {"document": before["document"], "base_version": present["version"]}).status == 200
        for region, n in AGENTS:
            desk.agent(region, n).call("PUT", "/api/v1/me/presence", {"state": "offline"})
    assert not agents.astray, agents.astray[:5]
    check_promises(desk)
    offers = dict(desk.sql("SELECT coalesce(outcome, 'open'), count(*) FROM desk.offer GROUP BY 1"))
    print(f"{kills} kills, {agents.looks} looks at all tickets, offers {offers}")
    assert agents.looks > SECONDS and offers.get("accepted"), offers
