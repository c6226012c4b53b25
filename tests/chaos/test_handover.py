"""Routers that are killed in the middle of handovers: a desk closes and leaves its tickets, its agents hand others over by hand, and as soon as the first of them has gone,
routers are killed, one or both. A watcher looks all the time, in one snapshot of the database, that each open ticket has exactly one of an owner, an open offer, a
place in the queue; in the end each handover has its event, its note and, where somebody was asked, its offer.

MERIDIAN_HANDOVER_KILLS=100 for a hundred kills."""
import datetime
import os
import threading

from crowd import Crowd
from desk import check_promises, wait_for

KILLS = int(os.environ.get("MERIDIAN_HANDOVER_KILLS", "6"))
TICKETS = 16  # that a desk leaves behind
NOTE = {"state": "Half done", "tried": "The one half", "next_step": "The other half"}
GOING, AWAKE = [("eu", 5), ("eu", 6)], [("ap", 4), ("us", 4)]


class People(Crowd):
    by_hand = 0

    def hand_over(self, region, n, numbers):
        """By hand, one after the other; what the end of the shift took first is refused."""
        client = self.desk.agent(region, n)
        for number, epoch in numbers:
            done = self.insist(lambda m=number, e=epoch: client.act(m, "hand-over", key=f"hand-{m}-{e}", epoch=e, note=NOTE))
            self.by_hand += bool(done and done.status == 200)


def organise(admin, change):
    present = admin.get("/api/v1/organisation").json
    change(present["document"])
    answer = admin.post("/api/v1/organisation", {"document": present["document"], "base_version": present["version"]})
    assert answer.status == 200, answer


def close_dusk(document):
    """Soon, by the hours of the desk, as a router that starts lays them out again."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    document["desks"]["dusk"] = {"region": "eu", "hours": {"zone": "UTC", "open": {at.strftime("%Y-%m-%d"): [["00:00", at.strftime("%H:%M:%S")]]}}}


def prepare(document):
    close_dusk(document)
    document["desks"]["dawn"] = {"region": "us"}
    document["teams"]["service-desk"] |= {"shift_end": "hand_over", "handover": {"accept_within": 5}}
    for desk, people in (("dusk", GOING), ("dawn", AWAKE)):
        for region, n in people:
            document["agents"][f"agent-{region}-{n}"]["desk"] = desk


def left(desk):
    """What those who go still own, open."""
    return int(desk.sql("SELECT count(*) FROM desk.ticket t JOIN desk.app_user u ON u.id = t.owner_id WHERE t.state = 'open' AND u.login IN ('agent-eu-5', 'agent-eu-6')")[0][0])


def evening(desk, people, requester, names):
    """Tickets are claimed, the desk closes, and the routers of these names die as soon as the first one has gone: whether there were others left."""
    pids, claimed = {name: desk.pid(name) for name in names}, {one: [] for one in GOING}
    for i in range(TICKETS):
        requester.submitted("Chaos of handovers", service="service-desk")
        one = GOING[i % 2]
        got = people.insist(lambda o=one: desk.agent(*o).post("/api/v1/queue:claim-next", {"team": "service-desk"}))
        if got and got.status == 200:
            claimed[one].append((got.json["number"], got.json["epoch"]))
    before = left(desk)
    by_hand = [threading.Thread(target=people.hand_over, args=(*one, claimed[one][:3])) for one in GOING]
    organise(desk.client("eu", "admin"), close_dusk)
    wait_for(lambda: desk.sql("SELECT desk FROM desk.shift WHERE desk = 'dusk' AND closes_at <= clock_timestamp()"), 20, 0.01, "the desk closes")
    [t.start() for t in by_hand]
    wait_for(lambda: left(desk) < before, 20, 0.001, "the first one goes")
    desk.kill(*names)
    middle = left(desk) > 0
    wait_for(lambda: all(any(row["name"] == name and row["state"] == "running" and row["pid"] != pids[name] for row in desk.control.list()) for name in names), 30)
    [t.join() for t in by_hand]
    wait_for(lambda: left(desk) == 0, 60, 0.05, "all that the desk left is seen to")
    return middle


def test_no_ticket_is_lost_between_two_people(desk):
    admin = desk.client("eu", "admin")
    before = admin.get("/api/v1/organisation").json["document"]
    organise(admin, prepare)
    people, requester = People(desk), desk.requester("eu", 4)
    threads = [threading.Thread(target=people.answer, args=(*one, True)) for one in AWAKE] + [threading.Thread(target=people.watch)]
    [t.start() for t in threads]
    kills = middles = 0
    try:
        while kills < KILLS:
            names = [("router-eu-1",), ("router-eu-2",), ("router-eu-1", "router-eu-2")][kills % 3]
            middles += evening(desk, people, requester, names)
            kills += len(names)
    finally:
        people.stop.set()
        [t.join() for t in threads]
        desk.ready()
        for number, epoch in desk.sql("SELECT t.number, t.epoch FROM desk.ticket t JOIN desk.app_user u ON u.id = t.owner_id WHERE t.state = 'open' AND u.login LIKE 'agent-%'"
                                      " AND t.subject = 'Chaos of handovers'"):
            admin.act(number, "release", epoch=int(epoch))
        present = admin.get("/api/v1/organisation").json
        assert admin.post("/api/v1/organisation", {"document": before, "base_version": present["version"]}).status == 200
        for region, n in AWAKE:
            desk.agent(region, n).call("PUT", "/api/v1/me/presence", {"state": "offline"})
    assert not people.astray, people.astray[:5]
    check_promises(desk)
    halves = desk.sql("SELECT coalesce(e.ticket_id, h.ticket_id) FROM (SELECT * FROM desk.event WHERE data ->> 'reason' = 'handover') e "
                      "FULL JOIN desk.handover h ON h.ticket_id = e.ticket_id AND h.event_seq = e.seq "
                      "LEFT JOIN desk.offer o ON o.ticket_id = e.ticket_id AND o.made_at = e.at AND o.kind = 'handover' "
                      "WHERE e.ticket_id IS NULL OR h.ticket_id IS NULL OR (e.type = 'ticket.offered') <> (o.id IS NOT NULL)")
    assert not halves, f"handovers without their event, note or offer: {halves[:5]}"
    counts = desk.sql("SELECT count(*), count(*) FILTER (WHERE author_id IS NULL) FROM desk.handover")[0]
    print(f"{kills} kills, {middles} evenings in the middle of which routers died, {people.looks} looks at all tickets, {counts[0]} handovers ({counts[1]} drafted, "
          f"{people.by_hand} by hand), {people.accepted} accepted")
    assert people.looks > KILLS and people.accepted and middles
