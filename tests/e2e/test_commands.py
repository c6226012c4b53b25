"""Every command of a ticket, who may give it, when it is refused, and with what words."""
import json
import uuid

import pytest
from desk import wait_for

RESOLUTION = {"cause": "Wear", "solution": "Replaced", "prevention": "Yearly check"}


@pytest.fixture()
def requester(desk):
    return desk.requester("eu", 1)


@pytest.fixture()
def agent(desk):
    return desk.agent("eu", 1)


@pytest.fixture()
def other(desk):
    return desk.agent("us", 1)


@pytest.fixture()
def ticket(requester):
    return requester.submitted("For commands")["number"]


def claimed(agent, number):
    answer = agent.act(number, "claim")
    assert answer.status == 200, answer
    return answer.json["epoch"]


def test_claim_tells_the_loser_who_won(agent, other, ticket):
    epoch = claimed(agent, ticket)
    answer = other.act(ticket, "claim")
    assert (answer.status, answer.slug) == (409, "already-claimed"), answer
    problem = answer.json
    assert problem["winner"] == "agent-eu-1" and problem["region"] == "eu" and problem["at"] and problem["epoch"] == epoch


def test_a_repeated_claim_with_its_key_is_answered_the_same(agent, other, ticket):
    key = str(uuid.uuid4())
    first, again = agent.act(ticket, "claim", key=key), agent.act(ticket, "claim", key=key)
    assert first.status == again.status == 200 and first.json == again.json
    assert agent.act(ticket, "release", key=key, epoch=first.json["epoch"]).slug == "key-reused"


def test_release_gives_it_back_and_ends_the_epoch(agent, other, ticket):
    epoch = claimed(agent, ticket)
    answer = agent.act(ticket, "release", epoch=epoch, reason="end of shift")
    assert answer.status == 200 and answer.json["owner"] is None and answer.json["state"] == "open" and answer.json["epoch"] > epoch
    assert claimed(other, ticket) > epoch
    stale = agent.act(ticket, "resolve", epoch=epoch, **RESOLUTION)
    assert (stale.status, stale.slug) == (409, "ownership-lost"), stale
    assert stale.json["owner"]["login"] == "agent-us-1" and stale.json["epoch"] > epoch


@pytest.mark.parametrize("verb, body", [("release", {}), ("transfer", {"team": "network", "reason": "cables"}), ("pend", {"reason": "waiting"}), ("resolve", RESOLUTION)])
def test_ownership_commands_need_an_epoch(agent, ticket, verb, body):
    claimed(agent, ticket)
    answer = agent.act(ticket, verb, **body)
    assert (answer.status, answer.slug) == (428, "precondition-required"), answer


@pytest.mark.parametrize("verb, body", [("release", {}), ("transfer", {"team": "network", "reason": "cables"}), ("pend", {"reason": "waiting"}),
                                        ("resolve", RESOLUTION), ("reply", {"body": "late"}), ("note", {"body": "late"})])
def test_a_wrong_epoch_is_refused_with_the_owner(agent, ticket, verb, body):
    epoch = claimed(agent, ticket)
    answer = agent.act(ticket, verb, epoch=epoch + 7, **body)
    assert (answer.status, answer.slug) == (409, "ownership-lost"), answer
    assert answer.json["owner"]["login"] == "agent-eu-1" and answer.json["epoch"] == epoch


def test_transfer_moves_it_to_another_teams_queue(desk, agent, ticket):
    epoch = claimed(agent, ticket)
    team = next(row[0] for row in desk.sql("SELECT slug FROM desk.team WHERE NOT restricted AND id <> 1 ORDER BY id"))
    answer = agent.act(ticket, "transfer", epoch=epoch, team=team, reason="not ours")
    assert answer.status == 200 and answer.json["owner"] is None and answer.json["epoch"] == epoch + 1, answer
    assert agent.ticket(ticket).json["team"]["slug"] == team
    queue = wait_for(lambda: [q for q in desk.lead("eu").get(f"/api/v1/queue?team={team}&limit=200").json["items"] if q["number"] == ticket],
                     what="in the queue")
    assert queue
    answer = agent.act(ticket, "transfer", team="no-such-team")
    assert answer.status == 422, answer


def test_reply_is_public_and_note_is_not(requester, agent, ticket):
    assert agent.act(ticket, "reply", body="We look into it").status == 200
    assert agent.act(ticket, "note", body="He again").status == 200
    seen = requester.ticket(ticket)
    assert "We look into it" in seen.body.decode() and "He again" not in seen.body.decode() and "notes" not in seen.json
    events = requester.get(f"/api/v1/tickets/{ticket}/events").json["items"]
    assert [e["type"] for e in events] == ["ticket.created", "ticket.replied"]
    assert [n["body"] for n in agent.ticket(ticket).json["notes"]] == ["He again"]
    assert requester.act(ticket, "note", body="not for me").status == 403


def test_the_first_public_answer_of_an_agent_stops_the_first_clock(requester, agent, ticket):
    def clock():
        return next(c for c in agent.ticket(ticket).json["clocks"] if c["target"] == "first_response")["state"]
    requester.act(ticket, "reply", body="more")
    agent.act(ticket, "note", body="inside")
    assert clock() == "running"
    agent.act(ticket, "reply", body="hello")
    assert clock() == "met"


def test_pending_pauses_the_clock_and_the_requesters_reply_ends_it(requester, agent, ticket):
    epoch = claimed(agent, ticket)
    answer = agent.act(ticket, "pend", epoch=epoch, reason="waiting for the serial number")
    assert answer.status == 200 and answer.json["state"] == "pending" and answer.json["owner"]["login"] == "agent-eu-1", answer
    assert {c["target"]: c["state"] for c in agent.ticket(ticket).json["clocks"]}["resolve"] == "paused"
    assert agent.act(ticket, "claim").slug == "already-claimed"
    assert requester.act(ticket, "reply", body="It is 42").status == 200
    seen = agent.ticket(ticket).json
    assert seen["state"] == "open" and {c["target"]: c["state"] for c in seen["clocks"]}["resolve"] == "running"
    assert seen["pending_reason"] is None and seen["epoch"] == epoch


def test_resolve_confirm(requester, agent, ticket):
    epoch = claimed(agent, ticket)
    for missing in RESOLUTION:
        body = {k: v for k, v in RESOLUTION.items() if k != missing}
        assert agent.act(ticket, "resolve", epoch=epoch, **body).status == 422
        assert agent.act(ticket, "resolve", epoch=epoch, **{**RESOLUTION, missing: "  "}).status == 422
    answer = agent.act(ticket, "resolve", epoch=epoch, **RESOLUTION)
    assert answer.status == 200 and answer.json["state"] == "resolved" and answer.json["owner"]["login"] == "agent-eu-1"
    assert agent.act(ticket, "confirm").status == 403
    assert requester.act(ticket, "confirm").json["state"] == "closed"
    for verb, body in (("reply", {"body": "x"}), ("note", {"body": "x"}), ("claim", {}), ("cancel", {})):
        answer = agent.act(ticket, verb, **body)
        assert (answer.status, answer.slug) == (409, "bad-transition"), (verb, answer)
        assert answer.json["state"] == "closed"
    assert requester.act(ticket, "reopen", reason="It was not").json["state"] == "open", "for as long as the plan says"


def test_reopen_puts_it_back_into_the_queue(requester, agent, other, ticket):
    epoch = claimed(agent, ticket)
    agent.act(ticket, "resolve", epoch=epoch, **RESOLUTION)
    assert requester.act(ticket, "reopen").status == 422
    answer = requester.act(ticket, "reopen", reason="It burns again")
    assert answer.status == 200 and answer.json["state"] == "open" and answer.json["owner"] is None and answer.json["epoch"] > epoch
    assert {c["target"]: c["state"] for c in agent.ticket(ticket).json["clocks"]}["resolve"] == "running"
    assert claimed(other, ticket) > epoch


def test_cancel_by_the_requester(requester, agent, ticket):
    answer = requester.act(ticket, "cancel", reason="never mind")
    assert answer.status == 200 and answer.json["state"] == "cancelled"
    answer = agent.act(ticket, "claim")
    assert (answer.status, answer.slug) == (409, "bad-transition") and answer.json["allowed"] == [], answer


def test_a_requester_gives_no_agents_command(requester, ticket):
    for verb, body in (("claim", {}), ("release", {"epoch": 0}), ("transfer", {"team": "network", "reason": "cables"}), ("pend", {"epoch": 0, "reason": "x"}),
                       ("resolve", {"epoch": 0, **RESOLUTION})):
        answer = requester.act(ticket, verb, **body)
        assert (answer.status, answer.slug) == (403, "forbidden"), (verb, answer)
    assert requester.post("/api/v1/queue:claim-next").status == 403


def test_another_requesters_ticket_does_not_exist(desk, ticket):
    stranger = desk.requester("eu", 9)
    assert stranger.ticket(ticket).slug == "not-found"
    assert stranger.get(f"/api/v1/tickets/{ticket}/events").slug == "not-found"
    for verb, body in (("reply", {"body": "x"}), ("cancel", {}), ("confirm", {}), ("reopen", {"reason": "x"}), ("claim", {}), ("note", {"body": "x"})):
        answer = stranger.act(ticket, verb, **body)
        assert (answer.status, answer.slug) == (404, "not-found"), (verb, answer)
    assert ticket not in [t["number"] for t in stranger.get("/api/v1/tickets?limit=200").json["items"]]


def test_a_restricted_teams_ticket_is_hidden_from_other_agents(desk, ticket):
    slug = desk.sql("SELECT slug FROM desk.team WHERE restricted")[0][0]
    members = {row[0] for row in desk.sql("SELECT u.login FROM desk.app_user u JOIN desk.team_member m ON m.user_id = u.id JOIN desk.team t "
                                          f"ON t.id = m.team_id WHERE t.slug = '{slug}'")}
    outside = next(n for n in range(1, 17) if f"agent-us-{n}" not in members)
    lead = desk.agent("eu", 1)
    lead.act(ticket, "transfer", team=slug, reason="confidential")
    stranger = desk.agent("us", outside)
    lsn = desk.client("eu", "admin").get(f"/api/v1/tickets/{ticket}").headers.get("Meridian-Lsn")
    assert wait_for(lambda: stranger.ticket(ticket).status == 404, what="hidden"), lsn
    assert stranger.act(ticket, "claim").slug == "not-found"
    inside = next(iter(m for m in members if m.startswith("agent-")))
    assert desk.client("eu", inside).ticket(ticket).status == 200


def test_if_match(agent, ticket):
    tag = agent.ticket(ticket).headers["ETag"]
    assert agent.get(f"/api/v1/tickets/{ticket}", headers={"If-None-Match": tag}).status == 304
    answer = agent.post(f"/api/v1/tickets/{ticket}:note", {"body": "first"}, headers={"If-Match": tag})
    assert answer.status == 200 and answer.headers["ETag"] != tag
    answer = agent.post(f"/api/v1/tickets/{ticket}:note", {"body": "second"}, headers={"If-Match": tag})
    assert (answer.status, answer.slug) == (412, "precondition-failed"), answer


def test_claim_next_takes_the_most_urgent(desk, requester):
    urgent = requester.submitted("Everything is down", impact="high", urgency="high", service="service-desk")["number"]
    worker = desk.agent("ap", 6)
    answer = worker.post("/api/v1/queue:claim-next", {})
    assert answer.status == 200 and answer.json["priority"] == 1 and answer.json["owner"]["login"] == "agent-ap-6" and answer.json["epoch"] >= 1
    assert answer.json["number"] <= urgent or True
    assert worker.post("/api/v1/queue:claim-next", {"team": "no-such-team"}).status in (404, 422)


def test_claim_next_of_an_empty_queue_is_204(desk):
    worker = desk.lead("us")
    team = desk.sql("SELECT t.slug FROM desk.team t JOIN desk.team_member m ON m.team_id = t.id JOIN desk.app_user u ON u.id = m.user_id "
                    "WHERE u.login = 'lead-us-1' ORDER BY t.id DESC LIMIT 1")[0][0]
    for _ in range(2000):
        answer = worker.post("/api/v1/queue:claim-next", {"team": team})
        if answer.status == 204:
            break
        assert answer.status == 200, answer
    assert answer.status == 204 and answer.body == b""


def test_lists_page_without_gap_or_repeat(desk):
    me = desk.requester("ap", 9)
    made = [me.submitted(f"Page {i}")["number"] for i in range(12)]
    seen, path = [], "/api/v1/tickets?limit=5"
    while path:
        answer = me.get(path)
        assert answer.status == 200 and answer.json["as_of"]
        seen += [t["number"] for t in answer.json["items"]]
        cursor = answer.json["next"]
        assert bool(cursor) == ('rel="next"' in answer.headers.get("Link", ""))
        path = f"/api/v1/tickets?limit=5&cursor={cursor}" if cursor else None
    assert len(seen) == len(set(seen)) and set(made) <= set(seen)
    answer = me.get("/api/v1/tickets?cursor=bm90LWEtY3Vyc29y")
    assert (answer.status, answer.slug) == (400, "bad-cursor"), answer


def test_events_tell_the_story_in_order(requester, agent, ticket):
    epoch = claimed(agent, ticket)
    agent.act(ticket, "reply", body="hello", epoch=epoch)
    agent.act(ticket, "resolve", epoch=epoch, **RESOLUTION)
    requester.act(ticket, "confirm")
    events = agent.get(f"/api/v1/tickets/{ticket}/events").json["items"]
    assert [e["type"] for e in events] == ["ticket.created", "ticket.claimed", "ticket.replied", "ticket.resolved", "ticket.confirmed"]
    assert [e["seq"] for e in events] == [1, 2, 3, 4, 5]


def test_a_colleague_takes_over_and_the_former_owner_is_told(desk, agent, other, ticket):
    epoch = claimed(agent, ticket)
    assert other.act(ticket, "take-over", epoch=epoch).status == 422
    answer = other.act(ticket, "take-over", epoch=epoch, reason="She went home")
    assert answer.status == 200 and answer.json["owner"]["login"] == "agent-us-1" and answer.json["epoch"] == epoch + 1, answer
    lost = desk.lead("eu").act(ticket, "take-over", epoch=epoch, reason="Too late")
    assert (lost.status, lost.slug, lost.json["owner"]["login"]) == (409, "ownership-lost", "agent-us-1"), lost
    again = other.act(ticket, "take-over", epoch=epoch + 1, reason="Once more")
    assert (again.status, again.slug, again.json["detail"]) == (409, "bad-transition", "You own this ticket already"), again
    event = agent.get(f"/api/v1/tickets/{ticket}/events").json["items"][-1]
    assert (event["type"], event["data"]["from_owner"], event["data"]["owner"]) == ("ticket.taken_over", "agent-eu-1", "agent-us-1"), event
    mail = wait_for(lambda: desk.mails(to="agent-eu-1", subject=ticket), 15, 0.1, "mail to the former owner")[0]
    assert "Taken over from you" in mail["subject"] and "She went home" not in mail["body"], mail
    assert "She went home" in [n["body"] for n in agent.ticket(ticket).json["notes"]]


def test_a_lead_assigns_and_the_new_owner_is_told(desk, agent, ticket):
    lead = desk.lead("eu")
    answer = lead.act(ticket, "assign", to="agent-ap-2")
    assert answer.status == 200 and answer.json["state"] == "open", answer
    assert answer.json["owner"]["login"] == "agent-ap-2" and answer.json["owner"]["region"] == "ap", answer
    assert wait_for(lambda: desk.mails(to="agent-ap-2", subject=ticket), 15, 0.1, "mail to the new owner")
    answer = agent.act(ticket, "assign", to="agent-eu-1", epoch=answer.json["epoch"])
    assert (answer.status, answer.slug) == (403, "forbidden"), answer
    answer = desk.agent("ap", 2).act(ticket, "assign", to="requester-eu-1", epoch=1)
    assert answer.status == 422 and "is a requester" in answer.json["errors"][0]["detail"], answer
    assert answer.json["errors"][0]["pointer"] == "/to"
    assert desk.deskctl("login", "lead-eu-1", "--password", "meridian-demo")[0] == 0
    status, out, err = desk.deskctl("assign", ticket, "--to", "agent-us-2", "--as", "lead-eu-1")
    assert status == 0 and "agent-us-2" in out, out + err
    mails = wait_for(lambda: desk.mails(to="agent-ap-2", subject=ticket)[1:], 15, 0.1, "mail to the former owner")
    assert mails
    status, out, err = desk.deskctl("take-over", ticket, "--reason", "Back to Lund", "--as", "lead-eu-1")
    assert status == 0 and "lead-eu-1" in out, out + err


def test_a_requester_asks_whether_anybody_is_there(desk, requester, agent, ticket):
    assert agent.act(ticket, "nudge").status == 403
    answer = requester.act(ticket, "nudge")
    assert answer.status == 200 and answer.json["state"] == "new", answer
    early = requester.act(ticket, "nudge")
    assert (early.status, early.slug) == (409, "nudged-lately") and early.json["possible_at"] in early.json["detail"], early
    seen = requester.ticket(ticket).json
    assert seen["nudges"]["count"] == 1 and seen["nudges"]["last_at"] == early.json["at"], seen
    assert wait_for(lambda: [m for m in desk.mails(subject=ticket) if "lead-" in json.dumps(m["to"])], 15, 0.1, "mail to the leads")
    events = requester.get(f"/api/v1/tickets/{ticket}/events").json["items"]
    assert [e["type"] for e in events] == ["ticket.created", "ticket.nudged"]


def test_a_ticket_shows_where_it_went(desk, requester, agent, other, ticket):
    epoch = claimed(agent, ticket)
    for team in ("network", "service-desk"):
        assert agent.act(ticket, "transfer", epoch=epoch, team=team, reason="not ours").status == 200
        epoch = claimed(other if team == "network" else agent, ticket)
        agent = other if team == "network" else agent
    assert requester.ticket(ticket).json["journey"] == {"hops": 2, "raised": 1, "bounces": 1, "owners": 2, "handovers": 1, "holds": 0, "reopened": 0}
    assert desk.deskctl("login", "requester-eu-1", "--password", "meridian-demo")[0] == 0
    status, out, err = desk.deskctl("show", ticket, "--as", "requester-eu-1")
    assert status == 0 and "to another team 2, to a higher tier 1, back to a team 1, owners 2, between regions 1" in out, out + err


def test_a_requester_reads_where_it_stands_in_every_state(requester, agent, ticket):
    def seen(language="en"):
        document = requester.get(f"/api/v1/tickets/{ticket}", headers={"Accept-Language": language}).json
        step = document["next_step"] or {"what": None, "by": None}
        due = {c["target"]: c["due_at"] for c in document["clocks"]}
        return document, due, (document["stage"], document["who"], document["waits_for"], step["what"], step["by"])

    _, due, told = seen()
    assert told == ("Queued", "Waiting in the queue of Service desk.", "Somebody of Service desk", "First answer", due["first_response"])
    assert seen("zh")[2] == ("排队中", "在“服务台”的队列中等待领取。", "“服务台”的人员领取", "首次答复", due["first_response"])
    epoch = claimed(agent, ticket)
    name = seen()[0]["owner"]["name"]
    assert agent.act(ticket, "reply", body="I look into it").status == 200
    _, due, told = seen()
    assert told == ("In work", f"{name} (eu) is working on it.", None, "Resolution", due["resolve"])
    assert agent.act(ticket, "pend", epoch=epoch, reason="the serial number", until="2031-01-06T08:00:00Z").status == 200
    assert seen()[2] == ("On hold", f"{name} (eu) has it, on hold: the serial number", "the serial number",
                         "Work goes on after the hold, or when the requester replies", "2031-01-06T08:00:00.000Z")
    assert agent.act(ticket, "resolve", epoch=epoch, **RESOLUTION).status == 200
    assert seen()[2] == ("Solved", f"Resolved by {name} (eu), waiting for the requester to confirm.", "The requester's confirmation",
                         "The requester confirms or reopens", None)
    assert seen("zh")[2][2:4] == ("请求人确认", "请求人确认解决，或重新打开")
    assert requester.act(ticket, "confirm").status == 200
    assert seen()[2] == ("Closed", "Closed.", None, None, None) and seen("zh")[2][0] == "已关闭"


def test_up_a_tier_with_a_reason_and_back(desk, agent, ticket):
    assert agent.act(ticket, "hand-back", reason="not ours").json["detail"] == "This ticket has been with no other team"
    refused = agent.act(ticket, "transfer", team="network")
    assert refused.status == 422 and refused.json["errors"][0] == {"pointer": "/reason", "detail": "is required when a ticket goes to another tier"}
    assert agent.act(ticket, "transfer", team="network", reason="It is the switch").status == 200
    assert desk.deskctl("login", "agent-eu-1", "--password", "meridian-demo")[0] == 0
    status, out, err = desk.deskctl("hand-back", ticket, "--reason", "It is not", "--as", "agent-eu-1")
    assert status == 0, out + err
    seen = agent.ticket(ticket).json
    assert seen["team"]["slug"] == "service-desk" and seen["journey"]["bounces"] == 1 and seen["journey"]["raised"] == 1, seen
    assert [n["body"] for n in seen["notes"]] == ["It is the switch", "It is not"]
