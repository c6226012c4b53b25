"""Clocks: two schedulers run all the time; each warning and breach takes effect once, within a second or two of its time."""
from desk import check_promises, wait_for


def make_due(desk, numbers, warn_in, due_in):
    """Moves the resolve clocks: warning and breach in so many seconds. The superuser stands in for time."""
    desk.sql(f"UPDATE desk.clock c SET warn_at = now() + interval '{warn_in} s', due_at = now() + interval '{due_in} s', fire_at = now() + "
             f"interval '{warn_in} s', generation = generation + 1 FROM desk.ticket t WHERE t.id = c.ticket_id AND c.target = 'resolve' AND "
             f"t.number IN ('" + "','".join(numbers) + "')")


def fired(desk, numbers):
    return {(n, t): int(c) for n, t, c in desk.sql(
        "SELECT t.number, e.type, count(*) FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id WHERE e.type LIKE 'sla.%' AND "
        "e.data->>'target' = 'resolve' AND t.number IN ('" + "','".join(numbers) + "') GROUP BY 1, 2")}


def test_targets_follow_the_priority(desk):
    me = desk.requester("eu", 1)
    urgent = me.ticket(me.submitted("P1", impact="high", urgency="high")["number"]).json
    seconds = {c["target"]: c["remaining_s"] for c in urgent["clocks"]}
    assert 1700 < seconds["first_response"] <= 1800 and 14300 < seconds["resolve"] <= 14400
    low = me.ticket(me.submitted("P4", impact="low", urgency="low")["number"]).json
    assert 86300 < {c["target"]: c["remaining_s"] for c in low["clocks"]}["first_response"] <= 86400


def test_two_schedulers_fire_each_once(desk):
    me = desk.requester("eu", 2)
    numbers = [me.submitted(f"Due {i}")["number"] for i in range(100)]
    wait_for(lambda: len(desk.sql("SELECT 1 FROM desk.ticket WHERE number IN ('" + "','".join(numbers) + "')")) == 100)
    make_due(desk, numbers, 1, 3)
    wait_for(lambda: len(fired(desk, numbers)) == 200, 15, 0.2, "200 firings")
    assert set(fired(desk, numbers).values()) == {1}
    late = desk.sql("SELECT max((data->>'late_ms')::int) FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id WHERE e.type LIKE 'sla.%' "
                    "AND t.number IN ('" + "','".join(numbers) + "')")
    assert int(late[0][0]) < 2000, late
    check_promises(desk)


def test_a_paused_clock_does_not_fire(desk):
    number = desk.requester("eu", 2).submitted("Paused")["number"]
    agent = desk.agent("eu", 8)
    epoch = agent.act(number, "claim").json["epoch"]
    assert agent.act(number, "pend", epoch=epoch, reason="parts").status == 200
    other = desk.requester("eu", 2).submitted("Runs")["number"]
    wait_for(lambda: desk.sql(f"SELECT 1 FROM desk.ticket WHERE number = '{other}'"))
    make_due(desk, [other], 0, 1)
    wait_for(lambda: (other, "sla.breached") in fired(desk, [other]), 10, 0.1)
    assert not fired(desk, [number])
    assert desk.sql(f"SELECT c.fire_at FROM desk.clock c JOIN desk.ticket t ON t.id = c.ticket_id WHERE t.number = '{number}' AND target = "
                    "'resolve'") == [[""]]


def test_overdue_clocks_fire_after_an_outage_of_all_schedulers(desk):
    desk.control.stop("sla-*")
    try:
        me = desk.requester("eu", 3)
        numbers = [me.submitted(f"Overdue {i}")["number"] for i in range(30)]
        wait_for(lambda: len(desk.sql("SELECT 1 FROM desk.ticket WHERE number IN ('" + "','".join(numbers) + "')")) == 30)
        make_due(desk, numbers, -60, -30)
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
