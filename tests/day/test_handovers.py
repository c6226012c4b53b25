"""An evening: a desk closes, and what its agent has not done is handed over to whoever is awake. One ticket is accepted, one declined, one not answered; the
last two are in the queue, and each of them has its note."""
import datetime
import json

from desk import HELD, check_promises, wait_for

NOTE = {"state": "Half of the crates are counted", "tried": "The scanner, by hand", "next_step": "Count the rest", "next_step_at": "2100-01-01T08:00:00.000Z"}


def begin(desk, admin, closes):
    before = admin.get("/api/v1/organisation").json
    document = before["document"]
    document["desks"]["dusk"] = {"region": "eu", "hours": {"zone": "UTC", "open": {closes.strftime("%Y-%m-%d"): [["00:00", closes.strftime("%H:%M")]]}}}
    document["desks"]["dawn"] = {"region": "us"}
    document["teams"]["crates"] = {"title": {"en": "Crates", "zh": "货箱"}, "tier": 1, "desks": ["dusk", "dawn"], "shift_end": "hand_over", "handover": {"accept_within": 1200}}
    document["services"]["crates"] = {"team": "crates"}
    for login, name in (("agent-eu-14", "dusk"), ("agent-us-14", "dawn")):
        document["agents"][login]["desk"] = name
        document["agents"][login]["teams"].append("crates")
    answer = admin.post("/api/v1/organisation", {"document": document, "base_version": before["version"]})
    assert answer.status == 200, answer


def test_the_evening_hands_over(desk):
    def now():
        return datetime.datetime.fromtimestamp(desk.layout.clock.now(), datetime.timezone.utc)
    admin, closes = desk.client("eu", "admin"), now() + datetime.timedelta(minutes=40)
    begin(desk, admin, closes)
    first, second, requester = desk.client("eu", "agent-eu-14"), desk.client("us", "agent-us-14"), desk.requester("ap", 5)
    assert second.call("PUT", "/api/v1/me/presence", {"state": "available"}).status == 200
    numbers = [requester.submitted("Crates are missing", service="crates")["number"] for _ in range(3)]
    epochs = {}
    for number in numbers:
        wait_for(lambda n=number: requester.ticket(n).status == 200, what=number)
        epochs[number] = first.act(number, "claim").json["epoch"]
    accepted, declined, missed = numbers
    assert first.act(accepted, "hand-over", epoch=epochs[accepted], note=NOTE, when="shift_end").status == 200
    assert first.act(declined, "reply", body="We count them again.").status == 200
    due = {number: [(c["target"], c["due_at"]) for c in requester.ticket(number).json["clocks"] if c["state"] == "running"] for number in numbers}
    assert now() < closes, "too slow to have tried anything"

    for number in numbers:
        wait_for(lambda n=number: (second.ticket(n).json["offered_to"] or {}).get("login") == "agent-us-14", 90, what="the desk closes, and who is awake is asked")
    late = first.act(accepted, "resolve", epoch=epochs[accepted], cause="c", solution="s", prevention="p")
    assert (late.status, late.slug) == (409, "ownership-lost"), late
    assert second.ticket(accepted).json["handover"]["note"] == NOTE
    assert second.act(accepted, "accept").json["epoch"] == epochs[accepted] + 2
    assert second.act(declined, "decline", reason="The crates are yours").status == 200
    wait_for(lambda: second.ticket(missed).json["offered_to"] is None, 90, what="the time to answer is over")

    waiting = {item["number"]: item for item in second.get("/api/v1/queue?team=crates").json["items"]}
    assert set(waiting) == {declined, missed} and all(item["handover"]["from"] == "agent-eu-14" for item in waiting.values()), waiting
    assert "We count them again." in second.ticket(declined).json["handover"]["note"]["last_contact"]
    assert second.get("/api/v1/me/presence").json["state"] == "available", "nobody is sent away for not taking over"
    status, out, err = desk.deskctl("explain", "route", accepted, "--as", "admin")
    assert status == 0 and "agent-us-14: accepted" in out, out + err
    told = json.dumps([[requester.ticket(n).json, requester.get(f"/api/v1/tickets/{n}/events").json] for n in numbers])
    assert "crates are counted" not in told and "handed over" not in told, told
    assert due == {n: [(c["target"], c["due_at"]) for c in requester.ticket(n).json["clocks"] if c["state"] == "running"] for n in numbers}, "clocks do not notice"
    assert not desk.sql(HELD)
    check_promises(desk)
