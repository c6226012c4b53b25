"""Clocks: two schedulers run all the time; each warning and breach takes effect once, within a second or two of its time. Tickets that
are due in seconds come from a plan for their contract, applied in front of the others for this file."""
import contextlib

import pytest
from desk import check_promises, wait_for

# Of "resolve": the contract, its seconds and when it warns.
_QUICK = {"warns": (4, 50), "breaches": (2, 90), "paused": (8, 75)}


@contextlib.contextmanager
def plan(desk, change):
    """The plan of service levels as `change` makes it from the one in force, which is applied again in the end."""
    admin = desk.client("eu", "admin")
    before = admin.get("/api/v1/sla/plan").json

    def apply(document):
        base = admin.get("/api/v1/sla/plan").json["version"]
        answer = admin.post("/api/v1/sla/plan", {"document": document, "base_version": base})
        assert answer.status == 200, answer
        return answer.json["version"]

    version = apply(change(before["document"]))
    try:
        yield version
    finally:
        apply(before["document"])


def with_quick(document):
    quick = [{"name": name, "when": {"contract": name},
              "targets": {"first_response": {"amount": "8h"}, "resolve": {"amount": seconds, "warn_percent": percent}}}
             for name, (seconds, percent) in _QUICK.items()]
    return {**document, "policies": quick + document["policies"]}


@pytest.fixture(scope="module", autouse=True)
def quick(desk):
    with plan(desk, with_quick):
        yield


def submitted(desk, n, contract, count):
    """Tickets of requester-eu-n, submitted by an agent: only of agents a contract is believed."""
    return [desk.agent("eu", 1).submitted(f"Due {i}", attributes={"contract": contract}, on_behalf_of=f"requester-eu-{n}")["number"] for i in range(count)]


def fired(desk, numbers):
    return {(n, t): int(c) for n, t, c in desk.sql(
        "SELECT t.number, e.type, count(*) FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id WHERE e.type IN ('sla.warned', "
        "'sla.breached') AND e.data->>'target' = 'resolve' AND t.number IN ('" + "','".join(numbers) + "') GROUP BY 1, 2")}


def test_targets_follow_the_priority(desk):
    me = desk.requester("eu", 1)
    urgent = me.ticket(me.submitted("P1", impact="high", urgency="high")["number"]).json
    seconds = {c["target"]: c["remaining_s"] for c in urgent["clocks"]}
    assert 1700 < seconds["first_response"] <= 1800 and 14300 < seconds["resolve"] <= 14400
    low = me.ticket(me.submitted("P4", impact="low", urgency="low")["number"]).json
    assert 86300 < {c["target"]: c["remaining_s"] for c in low["clocks"]}["first_response"] <= 86400


def test_two_schedulers_fire_each_once(desk):
    numbers = submitted(desk, 2, "warns", 100)
    wait_for(lambda: len(fired(desk, numbers)) == 200, 25, 0.2, "200 firings")
    assert set(fired(desk, numbers).values()) == {1}
    late = desk.sql("SELECT max((data->>'late_ms')::int) FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id WHERE e.type LIKE 'sla.%' "
                    "AND t.number IN ('" + "','".join(numbers) + "')")
    assert int(late[0][0]) < 2000, late
    check_promises(desk)


def test_a_paused_clock_does_not_fire(desk):
    [number] = submitted(desk, 2, "paused", 1)
    agent = desk.agent("eu", 8)
    epoch = agent.act(number, "claim").json["epoch"]
    assert agent.act(number, "pend", epoch=epoch, reason="parts").status == 200
    [other] = submitted(desk, 2, "paused", 1)
    wait_for(lambda: (other, "sla.breached") in fired(desk, [other]), 20, 0.1)
    assert not fired(desk, [number])
    assert desk.sql(f"SELECT c.fire_at FROM desk.clock c JOIN desk.ticket t ON t.id = c.ticket_id WHERE t.number = '{number}' AND target = "
                    "'resolve'") == [[""]]


def test_overdue_clocks_fire_after_an_outage_of_all_schedulers(desk):
    desk.control.stop("sla-*")
    try:
        numbers = submitted(desk, 3, "breaches", 30)
        wait_for(lambda: desk.sql("SELECT count(*) FROM desk.clock c JOIN desk.ticket t ON t.id = c.ticket_id WHERE c.target = 'resolve' AND "
                                  "c.due_at < now() AND t.number IN ('" + "','".join(numbers) + "')") == [["30"]], 20, 0.2, "all overdue")
        assert not fired(desk, numbers)
    finally:
        desk.control.start("sla-*")
    wait_for(lambda: sum(t == "sla.breached" for _, t in fired(desk, numbers)) == 30, 15, 0.2, "overdue fired")
    # Past the due time, the warning is dropped and the breach fires: once.
    assert set(fired(desk, numbers).values()) == {1}
    desk.ready()


def test_a_wait_ends_by_itself(desk):
    number = desk.requester("eu", 4).submitted("Until soon")["number"]
    agent = desk.agent("ap", 8)
    wait_for(lambda: desk.sql(f"SELECT 1 FROM desk.ticket WHERE number = '{number}'"))
    epoch = agent.act(number, "claim").json["epoch"]
    until = desk.sql("SELECT desk.rfc3339(now() + interval '3 s')")[0][0]
    assert agent.act(number, "pend", epoch=epoch, reason="parts", until=until).status == 200
    wait_for(lambda: agent.ticket(number).json["state"] == "open", 10, 0.2, "it goes on")
    ticket = agent.ticket(number).json
    assert ticket["owner"]["login"] == "agent-ap-8" and {c["state"] for c in ticket["clocks"]} == {"running"}
    events = desk.sql("SELECT e.actor, extract(epoch FROM e.at - '" + until + f"'::timestamptz) FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id "
                      f"WHERE t.number = '{number}' AND e.type = 'ticket.resumed'")
    assert [actor for actor, _ in events] == ["system:sla"] and 0 <= float(events[0][1]) < 1, events
    check_promises(desk)


def with_escalation(document):
    """At once whoever is on call; two seconds later somebody else, unless the ticket is acknowledged."""
    on_call = {"zone": "UTC", "rules": [{"user": "agent-ap-2"}]}
    steps = [{"at": "0%", "notify": [{"schedule": "e2e"}]}, {"after": "2s", "notify": [{"user": "agent-us-2"}]}]
    return {**document, "schedules": {"e2e": on_call},
            "escalations": [{"name": "e2e", "when": {"contract": "escalates"}, "target": "resolve", "steps": steps}]}


def told(desk, number):
    return [row[0] for row in desk.sql("SELECT e.data->>'to' FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id WHERE "
                                       f"e.type = 'escalation.notified' AND t.number = '{number}' ORDER BY e.seq")]


def test_an_escalation_tells_step_after_step_until_somebody_acknowledges(desk):
    with plan(desk, with_escalation):
        [left, seen] = submitted(desk, 5, "escalates", 2)
        wait_for(lambda: told(desk, seen), 10, 0.05, "the first step")
        assert desk.agent("eu", 3).act(seen, "acknowledge").status == 200
        wait_for(lambda: len(told(desk, left)) == 2, 10, 0.1, "the second step")
        for to in ("agent-ap-2", "agent-us-2"):
            wait_for(lambda: desk.mails(to=to, subject=left), 15, 0.1, f"the mail to {to}")
        assert told(desk, left) == ['["agent-ap-2"]', '["agent-us-2"]'] and told(desk, seen) == ['["agent-ap-2"]']
        status, out, err = desk.deskctl("login", "agent-eu-3", "--password", "meridian-demo")
        assert status == 0, err
        status, out, err = desk.deskctl("oncall", "who", "e2e")
        assert status == 0 and out == "agent-ap-2\n", out + err
        status, out, err = desk.deskctl("sla", "explain", left)
        assert status == 0 and "e2e" in out, out + err
        assert desk.deskctl("oncall", "who", "nobody")[0] == 3
    check_promises(desk)
