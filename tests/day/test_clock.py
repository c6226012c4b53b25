"""deploy/local/up --clock 60x: everything goes by one clock, an hour passes in a minute, and what is due in it happens, once."""
import datetime
import time

import pytest
from desk import REGIONS, wait_for

SPEED = 60
_UTC = datetime.timezone.utc


def instant(text):
    return datetime.datetime.fromisoformat(text)


def hour_and_minute(at):
    return at.strftime("%H:%M")


@pytest.fixture(name="now")
def _now(desk):
    return lambda: datetime.datetime.fromtimestamp(desk.layout.clock.now(), _UTC)


def test_all_have_the_same_time_and_it_is_fast(desk, now):
    begun, real = now(), time.monotonic()
    for region in REGIONS:
        before = now()
        there = instant(desk.sql("SELECT desk.rfc3339(clock_timestamp())", region)[0][0])
        assert before - datetime.timedelta(seconds=1) <= there <= now(), region
        before = now()
        accepted = instant(desk.requester(region, 4).submitted("What time is it")["accepted_at"])
        assert before - datetime.timedelta(seconds=1) <= accepted <= now(), region
    wait_for(lambda: now() - begun > datetime.timedelta(minutes=10), what="ten minutes")
    assert (now() - begun).total_seconds() == pytest.approx(SPEED * (time.monotonic() - real), rel=0.1)
    status = desk.status()
    assert status["clock"]["speed"] == SPEED and abs((instant(status["clock"]["now"]) - now()).total_seconds()) < 3600
    instances = desk.client("eu", "admin").get("/api/v1/status").json["instances"]
    assert instances and all(one["alive"] for one in instances), "heard of within ten seconds of the machine"


def test_a_p1_warns_and_breaches_once(desk, now):
    """Nobody answers for an hour, in which the first response (15 minutes) is late and the resolution (four hours) is not."""
    requester, begun = desk.requester("eu", 5), now()
    number = requester.submitted("The whole site is dark", impact="high", urgency="high")["number"]
    wait_for(lambda: now() - begun > datetime.timedelta(hours=1), 90, what="an hour")
    events = [e for e in desk.lead("eu").get(f"/api/v1/tickets/{number}/events").json["items"] if e["type"].startswith("sla.")]
    assert [(e["type"], e["data"]["target"]) for e in events] == [("sla.warned", "first_response"), ("sla.breached", "first_response")], events
    clock = next(c for c in desk.lead("eu").ticket(number).json["clocks"] if c["target"] == "first_response")
    late = instant(events[1]["at"]) - instant(clock["due_at"])
    assert datetime.timedelta() <= late < datetime.timedelta(minutes=10), late
    desk.lead("eu").act(number, "cancel", reason="It was a drill")


def test_a_desk_closes_and_its_tickets_return(desk, now):
    before = desk.client("eu", "admin").get("/api/v1/organisation").json
    document, closes = before["document"], now() + datetime.timedelta(minutes=30)
    day = {closes.strftime("%Y-%m-%d"): [["00:00", hour_and_minute(closes)]]} if closes.date() == now().date() else pytest.fail("run it again: midnight")
    document["desks"]["lisbon"] = {"region": "eu", "hours": {"zone": "UTC", "open": day}}
    document["teams"]["harbour"] = {"title": {"en": "Harbour", "zh": "港口"}, "tier": 1, "desks": ["lisbon", "new-york"], "shift_end": "return"}
    document["agents"]["agent-eu-16"] = {"desk": "lisbon", "teams": [*document["agents"]["agent-eu-16"]["teams"], "harbour"]}
    document["services"]["crane"] = {"team": "harbour"}
    answer = desk.client("eu", "admin").post("/api/v1/organisation", {"document": document, "base_version": before["version"]})
    assert answer.status == 200, answer
    requester, agent = desk.requester("eu", 6), desk.client("eu", "agent-eu-16")
    numbers = [requester.submitted("The crane stands still", service="crane")["number"] for _ in range(3)]
    wait_for(lambda: requester.ticket(numbers[-1]).status == 200, what="committed")
    for number in numbers:
        assert agent.act(number, "claim").status == 200
    assert now() < closes, "too slow to have tried anything"
    for number in numbers:
        wait_for(lambda n=number: requester.ticket(n).json["owner"] is None, 90, what="it returns")
        events = requester.get(f"/api/v1/tickets/{number}/events").json["items"]
        assert [e["type"] for e in events] == ["ticket.created", "ticket.claimed", "ticket.returned"]
        assert instant(events[-1]["at"]) >= closes.replace(second=0, microsecond=0)
