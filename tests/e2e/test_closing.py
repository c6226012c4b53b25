"""What follows the work: confirmed from the mail, reopened in time, followed up later; replies split off and broadcast."""
import re

import pytest
from desk import wait_for

RESOLUTION = {"cause": "Wear", "solution": "Replaced the drum", "prevention": "Yearly check"}


@pytest.fixture()
def agent(desk):
    return desk.agent("eu", 3)


@pytest.fixture()
def requester(desk):
    return desk.requester("eu", 3)


def resolved(requester, agent):
    number = requester.submitted("To be closed")["number"]
    epoch = agent.act(number, "claim").json["epoch"]
    assert agent.act(number, "resolve", epoch=epoch, **RESOLUTION).status == 200
    return number


def test_the_link_of_the_mail_asks_first_and_confirms_once(desk, agent, requester):
    number = resolved(requester, agent)
    mail = wait_for(lambda: [m for m in desk.mails(subject=number) if "confirmations?token=" in m["body"]], 15, 0.1, "the mail")[0]
    for part in RESOLUTION.values():
        assert part in mail["body"]
    path = re.search(r"https?://[^/]+(/api/v1/confirmations\?token=\S+)", mail["body"]).group(1)
    nobody = desk.client("ap")
    asked = nobody.call("GET", path)
    assert asked.status == 200 and asked.json == {"number": number, "action": "confirm", "method": "POST"}
    page = nobody.call("GET", path, headers={"Accept": "text/html", "Accept-Language": "zh"})
    assert page.status == 200 and "<form" in page.body.decode() and "请确认" in page.body.decode()
    assert requester.ticket(number).json["state"] == "resolved", "to look changes nothing"
    done = nobody.call("POST", path)
    assert done.status == 200 and done.json == {"number": number, "state": "closed"}
    assert nobody.call("POST", path).json == done.json, "pressed twice"
    assert nobody.call("POST", path[:-1] + ("0" if path[-1] != "0" else "1")).slug == "mail-link-over"
    seen = requester.get(f"/api/v1/tickets/{number}", headers={"Meridian-Lsn": done.headers["Meridian-Lsn"]}).json
    assert seen["state"] == "closed" and seen["reopen_until"]


def test_reopened_in_time_and_followed_up_afterwards(desk, agent, requester):
    number = resolved(requester, agent)
    assert requester.act(number, "confirm").status == 200
    assert requester.act(number, "reopen", reason="Again").json["state"] == "open"
    epoch = agent.act(number, "claim").json.get("epoch") or agent.ticket(number).json["epoch"]
    assert agent.act(number, "resolve", epoch=epoch, **RESOLUTION).status == 200
    assert requester.act(number, "confirm").status == 200
    desk.sql(f"UPDATE desk.ticket SET reopen_until = now() - interval '1 s' WHERE number = '{number}' RETURNING 1")
    late = requester.act(number, "reopen", reason="Again")
    assert late.slug == "reopen-window-over" and late.json["follow_up"].endswith(f"{number}:follow-up")
    assert requester.act(number, "reply", body="Again").slug == "reopen-window-over"
    made = requester.act(number, "follow-up", description="It is back.")
    assert made.status == 201 and made.headers["Location"].endswith(made.json["follow_up"])
    lsn = {"Meridian-Lsn": made.headers["Meridian-Lsn"]}
    new = requester.get(f"/api/v1/tickets/{made.json['follow_up']}", headers=lsn).json
    assert new["subject"] == "Re: To be closed" and new["links"] == [{"kind": "follow_up_of", "number": number}]
    assert {"kind": "follow_up", "number": new["number"]} in requester.get(f"/api/v1/tickets/{number}", headers=lsn).json["links"]


def test_a_reply_is_split_off_and_the_thread_shows_it(agent, requester):
    number = requester.submitted("Two things")["number"]
    seq = requester.act(number, "reply", body="The scanner is broken, too.").json["version"]
    path = f"/api/v1/tickets/{number}/replies/{seq}:split"
    assert requester.call("POST", path, {}).slug == "forbidden"
    made = agent.call("POST", path, {}, headers={"Idempotency-Key": f"split-{number}"})
    assert made.status == 201, made
    assert agent.call("POST", path, {}, headers={"Idempotency-Key": f"split-{number}"}).json == made.json
    lsn = {"Meridian-Lsn": made.headers["Meridian-Lsn"]}
    assert requester.get(f"/api/v1/tickets/{number}", headers=lsn).json["thread"][-1]["split_into"] == [made.json["split_into"]]
    assert requester.get(f"/api/v1/tickets/{made.json['split_into']}", headers=lsn).json["description"] == "The scanner is broken, too."


def test_a_parents_reply_reaches_its_children_by_mail(desk, agent, requester):
    parent, child = requester.submitted("Parent")["number"], desk.requester("ap", 3).submitted("Child")["number"]
    assert agent.act(parent, "link", kind="parent_of", to=child).status == 200
    answer = agent.act(parent, "reply", body="The provider works on it.", broadcast=True)
    assert answer.status == 200 and answer.json["broadcast"] == {"sent": 1, "passed_over": 0}
    wait_for(lambda: [m for m in desk.mails(subject=child) if "The provider works on it." in m["body"]], 15, 0.1, "the child's mail")
