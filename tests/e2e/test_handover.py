"""Handovers in a whole cluster: by hand with deskctl, not answered in time, and when a desk closes. The note reaches agents in every region, and requesters nowhere."""
import datetime
import json

from desk import HELD, PASSWORD, wait_for
from test_dispatch import be, committed, offered_to, team

NOTE = {"state": "Pages are blank", "tried": "A new cartridge", "next_step": "Look at the drum"}


def sign_in(desk, login):
    status, out, err = desk.deskctl("login", login, "--password", PASSWORD)
    assert status == 0, out + err


def owned(agent, number):
    return agent.act(number, "claim").json["epoch"]


def test_by_hand_with_its_note(desk):
    with team(desk, ["agent-eu-3", "agent-us-2"]) as name:
        first, second, requester = desk.agent("eu", 3), desk.agent("us", 2), desk.requester("ap", 2)
        number = committed(requester, name)
        owned(first, number)
        sign_in(desk, "agent-eu-3")
        words = ("--state", "Pages are blank", "--tried", "A new cartridge", "--last-contact", "Told them at noon", "--next", "Look at the drum", "--next-at", "2100-01-01T08:00:00Z")
        status, out, err = desk.deskctl("hand-over", number, "--to", "agent-us-2", *words)
        assert status == 0 and "epoch 2" in out, out + err
        wait_for(lambda: offered_to(second, number) == "agent-us-2", what="offered in the other region")
        offer = next(one for one in second.get("/api/v1/offers").json["items"] if one["number"] == number)
        assert offer["kind"] == "handover" and offer["handover"]["from"] == "agent-eu-3" and offer["handover"]["note"]["next_step"] == "Look at the drum", offer
        mail = wait_for(lambda: desk.mails(to="agent-us-2@", subject=number), what="a mail")
        assert "drum" not in json.dumps(mail) and "cartridge" not in json.dumps(mail), mail
        lost = first.act(number, "resolve", epoch=1, cause="c", solution="s", prevention="p")
        assert (lost.status, lost.slug) == (409, "ownership-lost"), lost
        epoch = second.act(number, "accept").json["epoch"]
        assert epoch == 3
        seen = requester.ticket(number)
        told = json.dumps([seen.json, requester.get(f"/api/v1/tickets/{number}/events").json])
        assert "handover" not in seen.json and "drum" not in told and "cartridge" not in told, told
        status, out, err = desk.deskctl("show", number)
        assert status == 0 and "handed over by agent-eu-3" in out and "Look at the drum" in out and "2100-01-01" in out, out + err
        status, out, err = desk.deskctl("explain", "route", number)
        assert status == 0 and "agent-us-2: accepted" in out, out + err
        assert second.act(number, "resolve", epoch=epoch, cause="c", solution="s", prevention="p").status == 200
        assert second.ticket(number).json["handover"] is None
        assert requester.act(number, "confirm").status == 200


def test_not_answered_it_is_in_the_queue_with_its_note(desk):
    with team(desk, ["agent-eu-3", "agent-us-2"], handover={"accept_within": 5}) as name:
        first, second, requester = desk.agent("eu", 3), desk.agent("us", 2), desk.requester("eu", 2)
        be(second, "available")
        number = committed(requester, name)
        refused = first.act(number, "hand-over", epoch=0, note={"state": " ", "tried": "x", "next": "y"})
        assert refused.status == 422 and {one["pointer"] for one in refused.json["errors"]} == {"/note/state", "/note/next_step", "/note/next"}, refused
        epoch = owned(first, number)
        assert first.act(number, "hand-over", epoch=epoch, note=NOTE).status == 200
        wait_for(lambda: offered_to(first, number) == "agent-us-2", what="the one who is there is asked")
        wait_for(lambda: offered_to(first, number) is None, 15, what="the end of the offer")
        item = wait_for(lambda: first.get(f"/api/v1/queue?team={name}").json["items"], what="in the queue")[0]
        assert item["number"] == number and item["handover"]["next_step"] == "Look at the drum", item
        assert second.get("/api/v1/me/presence").json["state"] == "available"
        sign_in(desk, "agent-eu-3")
        status, out, err = desk.deskctl("queue", "--team", name)
        assert status == 0 and "agent-eu-3" in out, out + err
        assert not desk.sql(HELD)
        be(second, "offline")


def test_when_a_desk_closes(desk):
    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    admin = desk.client("eu", "admin")
    before = admin.get("/api/v1/organisation").json["document"]
    with team(desk, ["agent-eu-3", "agent-us-2"], shift_end="hand_over") as name:
        present = admin.get("/api/v1/organisation").json
        document = present["document"]
        document["desks"]["dusk"] = {"region": "eu", "hours": {"zone": "UTC", "open": {tomorrow.strftime("%Y-%m-%d"): [["23:00", "24:00"]]}}}
        document["desks"]["dawn"] = {"region": "us"}
        document["agents"]["agent-eu-3"]["desk"], document["agents"]["agent-us-2"]["desk"] = "dusk", "dawn"
        assert admin.post("/api/v1/organisation", {"document": document, "base_version": present["version"]}).status == 200
        first, second, requester = desk.agent("eu", 3), desk.agent("us", 2), desk.requester("eu", 2)
        be(first, "available"), be(second, "available")
        prepared, drafted = committed(requester, name), committed(requester, name)
        epoch, _ = owned(first, prepared), owned(first, drafted)
        assert first.act(prepared, "hand-over", epoch=epoch, note=NOTE, when="shift_end").status == 200
        assert first.ticket(prepared).json["prepared_handover"]["note"] == NOTE and second.ticket(prepared).json["prepared_handover"] is None
        assert first.act(drafted, "reply", body="We are looking at it.").status == 200
        desk.sql("INSERT INTO desk.shift (desk, opens_at, closes_at) VALUES ('dusk', now() - interval '8 hours', clock_timestamp())")
        for number in (prepared, drafted):
            wait_for(lambda n=number: offered_to(second, n) == "agent-us-2", what="offered to who is awake")
        assert second.ticket(prepared).json["handover"]["note"] == NOTE and second.ticket(prepared).json["handover"]["author"] == "agent-eu-3"
        draft = second.ticket(drafted).json["handover"]
        assert draft["author"] is None and "We are looking at it." in draft["note"]["last_contact"], draft
        assert second.act(prepared, "accept").status == 200 and second.act(drafted, "decline", reason="Not mine").status == 200
        be(first, "offline"), be(second, "offline")
    assert admin.get("/api/v1/organisation").json["document"] == before
