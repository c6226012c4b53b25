"""Plans of service levels, as administrators apply them and agents see them: through the API and deskctl. The plan that was in force is
applied again in the end."""
import contextlib
import datetime
import json

import pytest
from desk import wait_for
from test_sla import plan

_WEEK = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
_DOCUMENT = {
    "calendars": {"berlin": {"zone": "Europe/Berlin", "weekly": _WEEK}, "shanghai": {"zone": "Asia/Shanghai", "weekly": _WEEK}},
    "default_calendar": "berlin",
    "attach": {"contract": {"gold": "always"}, "site": {"上海": "shanghai"}},
    "policies": [
        {"name": "urgent", "when": {"priority": 1}, "targets": {"first_response": {"amount": "15m", "calendar": "always"}, "resolve": {"amount": "1h"}}},
        {"name": "others", "targets": {"first_response": {"amount": "4h"}, "resolve": {"amount": {"working_days": 2}}, "next_reply": {"amount": "8h"},
                                       "pickup": {"amount": "30m", "start": {"owned": "no", "state": ["new", "open"]}, "stop": {"owned": "yes"},
                                                  "cancel": {"state": ["resolved", "cancelled"]}, "again": "anew"}}}],
}


@pytest.fixture(autouse=True)
def administrator(desk):
    """deskctl acts for whoever signed in last: other tests are other people."""
    assert desk.deskctl("login", "admin", "--password", "meridian-demo")[0] == 0


@pytest.fixture
def version(desk):
    with plan(desk, lambda _: _DOCUMENT) as number:
        yield number


@pytest.fixture
def files(tmp_path):
    def write(name, document):
        path = tmp_path / name
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        return str(path)
    return write


def in_force(desk):
    return desk.client("eu", "admin").get("/api/v1/sla/plan").json


def apply(client, document, base):
    return client.post("/api/v1/sla/plan", {"document": document, "base_version": base})


def explained(desk, number):
    """What deskctl computes, by target; a target's last cycle."""
    status, out, err = desk.deskctl("sla", "explain", number, "-o", "json")
    assert status == 0, out + err
    answer = json.loads(out)
    return answer, {clock["target"]: clock for clock in answer["clocks"]}


def paused_s(desk, number):
    """Working time for which the time to resolve has rested."""
    return sum(span["working_s"] for span in explained(desk, number)[1]["resolve"]["spans"] if span.get("paused"))


def dues(clocks):
    return {target: datetime.datetime.fromisoformat(clock["due_at"]) for target, clock in clocks.items()}


def committed(desk, who, **more):
    number = who.submitted("For its clocks", **more)["number"]
    wait_for(lambda: who.ticket(number).status == 200, what=number)
    return number


def of_customer(desk, **more):
    """A ticket of requester-eu-4 that an agent submits: what is said of the customer is believed."""
    return committed(desk, desk.agent("eu", 2), on_behalf_of="requester-eu-4", **more)


def replayed(desk, *args):
    status, out, err = desk.deskctl("sla", "replay", *args, "-o", "json")
    report = json.loads(out)
    assert status == 0 and report["differences"] == 0, (report["items"][:5], err)
    return report


# ---- applying ----

def test_who_may_apply_and_read(desk):
    base = in_force(desk)["version"]
    for client in (desk.requester(), desk.agent(), desk.lead()):
        assert apply(client, _DOCUMENT, base).slug == "forbidden"
    assert desk.requester().get("/api/v1/sla/plan").slug == "forbidden"
    assert desk.agent("ap").get("/api/v1/sla/plan").json["version"] == base
    assert desk.agent().get("/api/v1/sla/plan?version=1").json["version"] == 1
    assert desk.agent().get("/api/v1/sla/plan?version=999999").slug == "not-found"
    assert desk.agent().get("/api/v1/sla/plan?version=0").slug == "bad-request"
    assert desk.agent().get("/api/v1/sla/history").slug == "forbidden"
    assert in_force(desk)["version"] == base


def test_what_is_wrong_is_refused_with_its_place(desk):
    admin, base = desk.client("eu", "admin"), in_force(desk)["version"]
    target = {"amount": "1h", "start": {"state": "open"}, "stop": {"state": ["open", "closed"]}}
    for document, pointer, reason in (
            ({"policies": [{"name": "all", "targets": {"own": target}}]}, "/document/policies/0/targets/own", "can never start"),
            ({"policies": [{"name": "all", "targets": {}}, {"name": "late", "targets": {}}]}, "/document/policies/1", "is never reached"),
            ({"policies": [{"name": "all", "targets": {"resolve": {"amount": "3d"}}}]}, "/document/policies/0/targets/resolve/amount", "is not clear"),
            ({"policies": [{"name": "all", "targets": {"resolve": {"amount": "3h", "reset": {"by": "system"}}}}]},
             "/document/policies/0/targets/resolve", "would begin anew when a clock warns"),
            ({"default_calendar": "nowhere", "policies": []}, "/document/default_calendar", "names no calendar")):
        answer = apply(admin, document, base)
        assert answer.slug == "validation", answer
        [error] = answer.json["errors"]
        assert error["pointer"] == pointer and reason in error["detail"], error
    for body, pointer in (({"document": [], "base_version": base}, "/document"), ({"document": {}, "base_version": 0}, "/base_version"),
                          ({"document": {}, "base_version": base, "colour": 1}, "/colour")):
        assert admin.post("/api/v1/sla/plan", body).json["errors"][0]["pointer"] == pointer
    assert in_force(desk)["version"] == base


def test_a_plan_stands_on_the_one_before(desk, version):
    admin = desk.client("us", "admin")
    assert in_force(desk)["document"] == _DOCUMENT and in_force(desk)["calendar_versions"] == {"berlin": version, "shanghai": version}
    assert apply(admin, _DOCUMENT, version - 1).json == {"version": version}  # as if delivered twice
    stale = apply(admin, {"policies": []}, version - 1)
    assert stale.status == 412 and stale.json["detail"] == f"Plan {version} is in force; yours was made from plan {version - 1}"
    assert in_force(desk)["version"] == version


# ---- what tickets get ----

def test_new_tickets_count_by_their_calendar_and_old_ones_keep_theirs(desk):
    me, lead = desk.requester("eu", 4), desk.lead()
    before = committed(desk, me)
    with plan(desk, lambda _: _DOCUMENT) as version:
        for attributes, calendar, by in (({}, "berlin", "default"), ({"site": "上海"}, "shanghai", "site"),
                                         ({"site": "上海", "contract": "gold"}, "always", "contract"), ({"site": "Lund"}, "berlin", "default")):
            _, clocks = explained(desk, of_customer(desk, attributes=attributes))
            named = clocks["first_response"]["calendar"]
            assert (named["name"], named["by"], clocks["first_response"]["plan"]) == (calendar, by, version), attributes
        _, clocks = explained(desk, committed(desk, me, attributes={"contract": "gold", "site": "上海"}))
        assert clocks["first_response"]["calendar"]["by"] == "default", "nobody promises himself a contract"
        assert explained(desk, before)[1]["resolve"]["plan"] < version
        assert desk.agent().act(before, "recalculate").slug == "forbidden"
        assert lead.act(before, "recalculate", reason="a new contract").status == 200
        _, clocks = explained(desk, before)
        assert {clock["plan"] for clock in clocks.values()} == {version} and clocks["resolve"]["calendar"]["name"] == "berlin"
        events = lead.get(f"/api/v1/tickets/{before}/events").json["items"]
        assert [(e["public"], e["data"]["plan"]) for e in events if e["type"] == "sla.recalculated"] == [(False, version)]
        assert "sla.recalculated" not in [e["type"] for e in me.get(f"/api/v1/tickets/{before}/events").json["items"]]
        replayed(desk, before)


def test_claiming_moves_clocks_that_look_at_the_owner(desk, version):
    agent = desk.agent("eu", 2)
    number = of_customer(desk, service="experts", impact="high", urgency="medium", attributes={"contract": "gold"})
    assert explained(desk, number)[1]["pickup"]["state"] == "running"
    taken = []
    while number not in taken:
        answer = agent.post("/api/v1/queue:claim-next", {"team": "experts"})
        assert answer.status == 200, answer
        taken.append(answer.json["number"])
    assert {c["target"]: c["state"] for c in agent.ticket(number).json["clocks"]}["pickup"] == "met"
    epoch = agent.ticket(number).json["epoch"]
    assert agent.act(number, "release", epoch=epoch).status == 200
    pickup = {c["target"]: c for c in agent.ticket(number).json["clocks"]}["pickup"]
    assert (pickup["cycle"], pickup["state"]) == (2, "running")
    replayed(desk, number)


def test_another_priority_is_replayed_past_pauses(desk):
    me, agent = desk.requester("eu", 4), desk.agent("eu", 2)
    number = committed(desk, me)
    epoch = agent.act(number, "claim").json["epoch"]
    assert agent.act(number, "reply", body="Looking").status == 200
    assert agent.act(number, "pend", epoch=epoch, reason="parts").status == 200
    wait_for(lambda: paused_s(desk, number) >= 1, 10, 0.1, "a second of pause")
    assert me.act(number, "reply", body="Here they are").status == 200
    clocks = {c["target"]: c for c in agent.ticket(number).json["clocks"]}
    assert clocks["resolve"]["remaining_s"] > 258000
    assert agent.act(number, "prioritize", impact="high", urgency="high", epoch=epoch + 1).slug == "ownership-lost"
    assert agent.act(number, "prioritize").json["errors"][0]["pointer"] == "/impact"
    assert me.act(number, "prioritize", impact="high").slug == "forbidden"
    assert agent.act(number, "prioritize", impact="high", urgency="high", epoch=epoch).json["priority"] == 1
    after = {c["target"]: c for c in agent.ticket(number).json["clocks"]}
    assert after["first_response"] == clocks["first_response"]
    _, folded = explained(desk, number)
    assert paused_s(desk, number) >= 1 and folded["resolve"]["target_s"] == 14400 and folded["first_response"]["target_s"] == 28800
    assert 14000 < after["resolve"]["remaining_s"] <= 14400
    replayed(desk, number)


# ---- who sees what ----

def test_history_is_for_those_who_see_the_ticket(desk):
    me = desk.requester("eu", 4)
    number, hidden = committed(desk, me), committed(desk, me, service="security")
    assert me.get(f"/api/v1/tickets/{number}/sla").slug == "forbidden"
    for region in ("eu", "ap", "us"):
        item = desk.agent("eu", 8, at=region).get(f"/api/v1/tickets/{number}/sla").json["items"][0]
        assert item["number"] == number and item["events"][0]["type"] == "ticket.created" and len(item["clocks"]) == 2
    assert desk.agent("eu", 1).get(f"/api/v1/tickets/{hidden}/sla").status == 200
    assert desk.agent("eu", 8).get(f"/api/v1/tickets/{hidden}/sla").slug == "not-found"
    listed = [item["number"] for item in desk.lead().get("/api/v1/sla/history?open=true&limit=50").json["items"]]
    assert len(listed) == len(set(listed)) and listed


# ---- deskctl ----

def test_explain_in_words_and_json(desk, version):
    number = of_customer(desk, attributes={"contract": "gold"})
    status, out, err = desk.deskctl("sla", "explain", number)
    assert status == 0, out + err
    assert f"first_response  running  policy others, plan {version}  calendar always" in out and "by contract" in out, out
    assert "counted" in out and "[" in out and "due 20" in out
    answer, clocks = explained(desk, number)
    assert answer["policy"] == "others" and clocks["first_response"]["target_s"] == 14400
    stored = {c["target"]: c for c in desk.agent().ticket(number).json["clocks"]}
    assert dues(clocks) == dues(stored)
    status, out, _ = desk.deskctl("sla", "explain", "EU-1")
    assert status != 0


def test_apply_previews_and_recalculates(desk, files):
    number = committed(desk, desk.requester("eu", 4))
    base = in_force(desk)
    with contextlib.ExitStack() as stack:
        path = files("plan.json", _DOCUMENT)
        status, out, err = desk.deskctl("sla", "apply", "--file", path, "--dry-run", "-o", "json")
        assert status == 0, out + err
        preview = json.loads(out)
        assert {m["target"] for m in preview["moves"] if m["number"] == number} == {"first_response", "resolve", "pickup"}
        assert in_force(desk)["version"] == base["version"]
        stack.enter_context(plan(desk, lambda document: document))  # to be put back, whatever happens
        status, out, err = desk.deskctl("sla", "apply", "--file", path, "--recalculate", "-o", "json")
        assert status == 0, out + err
        done = json.loads(out)
        assert done["recalculated"] == len({m["number"] for m in done["moves"]}) > 0
        assert explained(desk, number)[1]["resolve"]["plan"] == done["version"] == in_force(desk)["version"]
        status, out, err = desk.deskctl("sla", "plan")
        assert status == 0 and json.loads(out) == _DOCUMENT and f"plan {done['version']}, applied" in err
        status, out, err = desk.deskctl("sla", "apply", "--file", files("wrong.json", {"policies": [{"name": "x"}]}))
        assert status != 0 and "wrong.json:1: policies[0].targets: " in err
        replayed(desk, "--all")

        friday = {"zone": "Europe/Berlin", "weekly": {**_WEEK, "fri": [["09:00", "12:00"]]}}
        status, out, err = desk.deskctl("calendar", "apply", "berlin", files("berlin.json", friday), "-o", "json")
        assert status == 0, out + err
        after = in_force(desk)
        assert after["document"]["calendars"]["berlin"] == friday and after["document"]["policies"] == _DOCUMENT["policies"]
        assert after["calendar_versions"]["berlin"] == after["version"] > after["calendar_versions"]["shanghai"]
    # Back to the plan of all others, also for the tickets that are there.
    assert in_force(desk)["document"] == base["document"]
    status, out, err = desk.deskctl("sla", "apply", "--file", files("before.json", base["document"]), "--recalculate", "-o", "json")
    assert status == 0, out + err


def test_a_calendar_comes_out_as_it_went_in(desk, version, files):
    status, out, err = desk.deskctl("calendar", "export", "berlin")
    assert status == 0 and json.loads(out) == _DOCUMENT["calendars"]["berlin"], out + err
    status, out, err = desk.deskctl("calendar", "apply", "berlin", files("berlin.json", json.loads(out)), "--dry-run")
    assert status == 0 and "would move" in out, out + err
    status, _, err = desk.deskctl("calendar", "export", "moon")
    assert status == 3 and "moon" in err and str(version) in err


def test_what_has_drifted_is_found_and_repaired(desk):
    """As new rules of time zones would do it: the stored clock is another than its events give."""
    number = committed(desk, desk.requester("eu", 4))
    desk.sql(f"UPDATE desk.clock SET due_at = due_at + interval '1 h' WHERE target = 'resolve' AND ticket_id = (SELECT id FROM desk.ticket WHERE number = '{number}')")
    wait_for(lambda: desk.deskctl("sla", "replay", number)[0] == 1, 10, 0.2, "the region has seen it")
    status, out, _ = desk.deskctl("sla", "replay", number)
    assert "due_us" in out and "1 tickets, 2 clocks, 1 differences" in out
    status, out, err = desk.deskctl("sla", "replay", number, "--repair")
    assert status == 1 and "1 tickets recalculated" in out, out + err
    wait_for(lambda: desk.deskctl("sla", "replay", number)[0] == 0, 10, 0.2, "repaired")


def test_nothing_has_drifted(desk):
    """Every ticket of the cluster, those of the demo included: folding its events gives its clocks."""
    report = replayed(desk, "--all")
    tickets, clocks = (int(n) for n in desk.sql("SELECT (SELECT count(*) FROM desk.ticket), (SELECT count(*) FROM desk.clock)")[0])
    assert (report["tickets"], report["clocks"]) == (tickets, clocks)
    status, out, _ = desk.deskctl("sla", "replay", "--all")
    assert status == 0 and f"{tickets} tickets, {clocks} clocks, 0 differences" in out
