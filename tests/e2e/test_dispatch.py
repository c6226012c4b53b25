"""Offers in a whole cluster: a team of its own in which agents of two regions are asked one after the other, by the schedulers and routers
that run; and tickets that nobody took in time. The organisation that was in force is applied again in the end."""
import contextlib
import itertools
import json

import pytest
from desk import HELD, wait_for

_names = (f"dispatch-{n}" for n in itertools.count(1))


def apply(admin, document):
    version = admin.get("/api/v1/organisation").json["version"]
    answer = admin.post("/api/v1/organisation", {"document": document, "base_version": version})
    assert answer.status == 200, answer


@contextlib.contextmanager
def team(desk, agents, **keys):
    """A team, and a service of its name, with these agents, whose desk is open whatever the time; yields its name. Its open tickets go to the service desk in the end."""
    admin, name = desk.client("eu", "admin"), next(_names)
    before = admin.get("/api/v1/organisation").json["document"]
    document = json.loads(json.dumps(before))
    document["desks"]["always"] = {"region": "eu"}
    document["teams"][name] = {"title": {"en": "Dispatch", "zh": "派单"}, "tier": 1, "desks": list(document["desks"]), **keys}
    document["services"][name] = {"team": name}
    for login in agents:
        document["agents"][login]["teams"].append(name)
        document["agents"][login]["desk"] = "always"
    apply(admin, document)
    desk._tokens.clear()  # a session knows its teams
    try:
        yield name
    finally:
        for number, epoch in desk.sql(f"SELECT t.number, t.epoch FROM desk.ticket t JOIN desk.team g ON g.id = t.team_id WHERE g.slug = '{name}' "
                                      "AND t.state IN ('new', 'open', 'pending')"):
            assert admin.act(number, "transfer", team="service-desk", reason="The test is over", epoch=int(epoch)).status == 200
        apply(admin, before)
        desk._tokens.clear()


def be(client, state, **more):
    answer = client.call("PUT", "/api/v1/me/presence", {"state": state, **more})
    assert answer.status == 200 and answer.json["state"] == state, answer


def committed(who, service):
    number = who.submitted("Who takes it", service=service)["number"]
    wait_for(lambda: who.ticket(number).status == 200, what=number)
    return number


def offered_to(who, number):
    return (who.ticket(number).json["offered_to"] or {}).get("login")


def test_one_after_the_other_is_asked(desk):
    with team(desk, ["agent-eu-3", "agent-ap-2"], mode="offer", offer={"accept_within": 5}) as name:
        first, second, requester = desk.agent("eu", 3), desk.agent("ap", 2), desk.requester("ap", 2)
        be(first, "available"), be(second, "busy")
        number = committed(requester, name)
        wait_for(lambda: offered_to(requester, number) == "agent-eu-3", what="offered")
        seen = requester.ticket(number).json
        assert seen["owner"] is None and seen["stage"] in ("Offered", "派单中") and seen["next_step"]["by"] == seen["offered_to"]["until"], seen
        assert [one["number"] for one in first.get("/api/v1/offers").json["items"]] == [number]
        assert second.act(number, "claim").slug == "offered"
        wait_for(lambda: desk.mails(to="agent-eu-3@", subject=number), what="a mail")

        # not answered: away, and the next one is asked as soon as there is one
        wait_for(lambda: offered_to(requester, number) is None, 15, what="the end of the offer")
        answer = first.get("/api/v1/me/presence").json
        assert (answer["state"], answer["reason"]) == ("away", "missed_offer"), answer
        answer = first.act(number, "accept")
        assert answer.slug == "offer-over" and answer.json["offer"]["outcome"] == "expired", answer
        be(second, "available")
        wait_for(lambda: offered_to(requester, number) == "agent-ap-2", what="offered to the next one")
        assert second.act(number, "accept", key="twice").json == second.act(number, "accept", key="twice").json
        assert requester.ticket(number).json["owner"]["login"] == "agent-ap-2"
        items = second.get(f"/api/v1/tickets/{number}/dispatch").json["items"]
        assert [(one["to"], one["outcome"]) for one in items] == [("agent-eu-3", "expired"), ("agent-ap-2", "accepted")], items
        assert desk.deskctl("login", "admin", "--password", "meridian-demo")[0] == 0
        status, out, err = desk.deskctl("explain", "route", number)
        assert status == 0 and "offered to agent-eu-3: not answered" in out and "offered to agent-ap-2: accepted" in out, out + err
        status, out, err = desk.deskctl("agents", name)
        assert status == 0 and "agent-ap-2" in out and "an offer" not in err and "missed_offer" in out, out + err
        assert not desk.sql(HELD)
        be(first, "offline"), be(second, "offline")


def test_assigned_at_once_with_a_mail(desk):
    with team(desk, ["agent-us-2"], mode="assign") as name:
        agent, requester = desk.agent("us", 2), desk.requester("us", 2)
        be(agent, "available", until="2100-01-01T00:00:00Z")
        number = committed(requester, name)
        wait_for(lambda: requester.ticket(number).json["owner"], what="assigned")
        assert requester.ticket(number).json["owner"]["login"] == "agent-us-2"
        wait_for(lambda: desk.mails(to="agent-us-2@", subject=number), what="a mail")
        be(agent, "offline")


def test_what_nobody_took_goes_on(desk):
    with team(desk, ["agent-eu-3"], overflow={"after": 1, "team": "experts"}) as name:
        requester = desk.requester("eu", 2)
        number = committed(requester, name)
        wait_for(lambda: requester.ticket(number).json["team"]["slug"] == "experts", what="overflow")
        events = [one for one in requester.get(f"/api/v1/tickets/{number}/events").json["items"] if one["type"] == "ticket.transferred"]
        assert [(one["actor"], one["data"]["reason"]) for one in events] == [("system:sla", "overflow")], events


@pytest.mark.parametrize("keys, at, reason", [
    ({"overflow": {"after": 0, "everybody": True}}, "/overflow/after", "1"),
    ({"overflow": {"after": 9, "team": "nobodies"}}, "/overflow/team", "names no team"),
    ({"overflow": {"after": 9, "team": "experts"}}, None, None),
    ({"mode": "push"}, "/mode", "assign"),
])
def test_what_is_refused_has_its_place(desk, keys, at, reason):
    admin = desk.client("eu", "admin")
    present = admin.get("/api/v1/organisation").json
    document = present["document"]
    document["teams"]["network"].update(keys)
    if not at:
        document["teams"]["experts"]["overflow"] = {"after": 9, "team": "network"}
        at, reason = "/overflow/team", "circle"
    answer = admin.post("/api/v1/organisation", {"document": document, "base_version": present["version"]})
    assert answer.status == 422, answer
    assert answer.json["errors"][0]["pointer"].endswith(at) and reason in answer.json["errors"][0]["detail"], answer
