"""Tickets that belong together or become one, as people of three regions see it."""
import pytest
from desk import PASSWORD

RESOLUTION = {"cause": "Wear", "solution": "Replaced", "prevention": "Yearly check"}


@pytest.fixture()
def agent(desk):
    return desk.agent("eu", 1)


@pytest.fixture()
def requester(desk):
    return desk.requester("eu", 1)


def kinds(answer):
    return {(item["kind"], item["number"]) for item in answer.json["items"]}


def test_links_are_seen_from_both_ends(desk, agent, requester):
    one, other = (requester.submitted(f"Linked {i}")["number"] for i in (1, 2))
    assert agent.act(one, "link", kind="depends_on", to=other.lower()).status == 200
    assert kinds(agent.get(f"/api/v1/tickets/{one}/links")) == {("depends_on", other)}
    assert kinds(agent.get(f"/api/v1/tickets/{other}/links")) == {("blocks", one)}
    assert agent.get(f"/api/v1/tickets/{one}").json["links"] == [{"kind": "depends_on", "number": other}]
    assert agent.act(other, "link", kind="depends_on", to=one).slug == "link-refused"
    epoch = agent.act(one, "claim").json["epoch"]
    refused = agent.act(one, "resolve", epoch=epoch, **RESOLUTION)
    assert (refused.slug, refused.json["dependencies"]) == ("open-dependencies", [other]), refused
    assert agent.act(one, "resolve", epoch=epoch, force=True, **RESOLUTION).slug == "validation"
    assert agent.act(one, "resolve", epoch=epoch, force=True, reason="vendor says so", **RESOLUTION).status == 200


def test_a_requester_sees_no_link_to_what_is_not_theirs(desk, agent, requester):
    mine, theirs = requester.submitted("Mine")["number"], desk.requester("ap", 1).submitted("Theirs")["number"]
    assert agent.act(mine, "link", kind="related", to=theirs).status == 200
    assert requester.get(f"/api/v1/tickets/{mine}/links").json["items"] == []
    assert theirs not in str(requester.get(f"/api/v1/tickets/{mine}").json)
    assert theirs not in str(requester.get(f"/api/v1/tickets/{mine}/events").json)
    assert requester.get(f"/api/v1/tickets/{theirs}/links").slug == "not-found"


def test_a_merge_redirects_everywhere_and_is_undone(desk, agent, requester):
    other_requester, far = desk.requester("ap", 1), desk.agent("us", 1)
    one, other = requester.submitted("To be merged")["number"], other_requester.submitted("To stay")["number"]
    assert requester.act(one, "reply", body="from one").status == 200
    merged = agent.act(one, "merge", into=other)
    assert merged.status == 200 and merged.json["number"] == other
    lsn = {"Meridian-Lsn": merged.headers["Meridian-Lsn"]}
    seen = far.get(f"/api/v1/tickets/{one}", headers=lsn).json
    assert seen["number"] == other and [m["number"] for m in seen["merged"]] == [one]
    assert [(m["body"], m["number"]) for m in seen["thread"]] == [("from one", one)]
    assert far.act(one, "claim").json["number"] == other
    assert far.act(other, "reply", body="to all").status == 200
    mine = requester.get(f"/api/v1/tickets/{one}", headers={"Meridian-Lsn": far.get(f"/api/v1/tickets/{other}").headers.get("Meridian-Lsn") or lsn["Meridian-Lsn"]}).json
    assert mine["number"] == one and mine["merged_at"] and other not in str(mine)
    assert requester.act(one, "reply", body="and me?").status == 200
    assert [m["body"] for m in agent.get(f"/api/v1/tickets/{other}").json["thread"]][-1] in ("and me?", "to all")
    assert agent.act(one, "merge", into=other).slug == "already-merged"
    back = agent.act(one, "unmerge", reason="another printer")
    assert back.status == 200 and back.json["number"] == one and back.json["state"] == "new"
    assert [m["body"] for m in agent.get(f"/api/v1/tickets/{one}").json["thread"]] == ["from one", "and me?"]


def test_deskctl_links_and_merges(desk, requester):
    one, other = (requester.submitted(f"By hand {i}")["number"] for i in (1, 2))
    status, out, err = desk.deskctl("login", "agent-eu-1", "--password", PASSWORD)
    assert status == 0, out + err

    def deskctl(*arguments):
        status, out, err = desk.deskctl(*arguments, "--as", "agent-eu-1")
        assert status == 0, (arguments, out, err)
        return out

    deskctl("link", one, "depends_on", other)
    assert other in deskctl("links", one)
    assert "depends_on" in deskctl("show", one)
    assert deskctl("merge", one, other).startswith(other)
    assert deskctl("show", one).startswith(other) and one in deskctl("show", one)
    assert deskctl("unmerge", one, "-r", "not the same").startswith(one)
    deskctl("unlink", one, "depends_on", other)
    assert other not in deskctl("links", one)
    assert desk.deskctl("unlink", one, "depends_on", other, "--as", "agent-eu-1")[0] == 5
