"""Submission: one key, one ticket, whatever is repeated and wherever; what was written is seen at once everywhere."""
import concurrent.futures
import re
import uuid

import pytest
from desk import check_promises, wait_for


@pytest.mark.parametrize("region", ["eu", "ap", "us"])
def test_an_accepted_ticket_has_a_final_number_of_its_region(desk, region):
    answer = desk.requester(region).submit("Projector is blue")
    assert answer.status in (201, 202), answer
    body = answer.json
    assert re.fullmatch(rf"{region.upper()}-\d{{7,}}", body["number"]) and body["state"] == "new" and body["region"] == region
    assert body["accepted_at"].endswith("Z") and answer.headers["Location"] == f"/api/v1/tickets/{body['number']}"


def test_all_fields_come_back(desk):
    fields = {"subject": "打印机无法连接 🖨", "description": "三楼\nline two", "service": "network", "impact": "high", "urgency": "low",
              "language": "zh", "attributes": {"floor": "3", "座位": "12"}}
    me = desk.requester("ap", 2)
    number = me.submitted(**fields)["number"]
    ticket = me.ticket(number).json
    assert ticket["subject"] == fields["subject"] and ticket["description"] == fields["description"]
    assert ticket["attributes"] == fields["attributes"] and ticket["language"] == "zh" and ticket["priority"] == 3
    assert ticket["requester"]["login"] == "requester-ap-2" and {c["target"] for c in ticket["clocks"]} == {"first_response", "resolve"}


@pytest.mark.parametrize("impact, urgency, priority", [
    ("high", "high", 1), ("high", "medium", 2), ("medium", "high", 2), ("high", "low", 3), ("medium", "medium", 3), ("low", "high", 3),
    ("medium", "low", 4), ("low", "medium", 4), ("low", "low", 4), (None, None, 3)])
def test_priority_is_impact_times_urgency(desk, impact, urgency, priority):
    me = desk.requester("eu", 5)
    more = {k: v for k, v in (("impact", impact), ("urgency", urgency)) if v}
    assert me.ticket(me.submitted(**more)["number"]).json["priority"] == priority


def test_the_same_key_twice_is_the_same_ticket(desk):
    me, key = desk.requester("us", 2), str(uuid.uuid4())
    first = me.submit("Once", key=key)
    again = me.submit("Once", key=key)
    assert first.json["number"] == again.json["number"] and again.status in (200, 201, 202)
    # Later, when the spool has forgotten it: the same.
    wait_for(lambda: desk.sql(f"SELECT 1 FROM desk.ticket WHERE client_key = '{key}'"))
    assert me.submit("Once", key=key).json["number"] == first.json["number"]
    assert desk.sql(f"SELECT count(*) FROM desk.ticket WHERE client_key = '{key}'") == [["1"]]


def test_the_same_key_gives_the_same_answer_in_every_region(desk):
    """Word for word: number, region and time are those of the first answer, wherever the key comes again."""
    key = str(uuid.uuid4())
    first = desk.requester("eu", 3, at="ap").submit("Said once", key=key)
    wait_for(lambda: desk.sql(f"SELECT 1 FROM desk.ticket WHERE client_key = '{key}'"))
    for region in ("ap", "us", "eu", "ap"):
        client = desk.requester("eu", 3, at=region)
        # A slow commit may make it 202 with a number of this region once; that number is an alias then.
        wait_for(lambda c=client: c.submit("Said once", key=key).body == first.body, what=f"the same answer in {region}")
    assert desk.sql(f"SELECT count(*) FROM desk.ticket WHERE client_key = '{key}'") == [["1"]]


def test_the_same_key_with_another_body_is_refused(desk):
    me, key = desk.requester("us", 2), str(uuid.uuid4())
    me.submitted("This", key=key)
    answer = me.submit("That", key=key)
    assert (answer.status, answer.slug) == (422, "key-reused"), answer


def test_a_key_is_its_senders_own(desk):
    key = str(uuid.uuid4())
    one = desk.requester("eu", 1).submitted("Mine", key=key)["number"]
    other = desk.requester("eu", 2).submitted("Mine", key=key)["number"]
    assert one != other
    agent = desk.agent("eu", 1)
    agent.submitted("Mine", key=key, on_behalf_of="requester-eu-1")
    answer = agent.submit("Mine", key=key, on_behalf_of="requester-eu-2")
    assert (answer.status, answer.slug) == (422, "key-reused"), answer


def test_the_same_key_in_two_regions_at_once_is_one_ticket_with_an_alias(desk):
    for _ in range(5):
        key = str(uuid.uuid4())
        clients = [desk.requester("eu", 6, at=region) for region in ("ap", "us", "eu")]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda c, k=key: c.submit("Everywhere", key=k), clients))
        assert all(a.status in (200, 201, 202) for a in answers), answers
        wait_for(lambda k=key: desk.sql(f"SELECT 1 FROM desk.ticket WHERE client_key = '{k}'"))
        numbers = {a.json["number"] for a in answers}
        # Every number that was handed out leads to the one ticket, in every region.
        leads_to = set()
        for number in numbers:
            for client in clients:
                answer = wait_for(lambda c=client, n=number: (a := c.ticket(n)).status == 200 and a, what=f"{number} leads somewhere")
                leads_to.add(answer.json["number"])
        assert len(leads_to) == 1 and leads_to <= numbers
        aliases = {row[0] for row in desk.sql("SELECT a.number FROM desk.ticket_alias a JOIN desk.ticket t ON t.id = a.ticket_id "
                                              f"WHERE t.client_key = '{key}'")}
        assert numbers - leads_to <= aliases


def test_a_writer_sees_what_it_wrote_in_any_region(desk):
    for round_ in range(10):
        author = desk.requester("eu", 7, at=("eu", "ap", "us")[round_ % 3])
        number = author.submitted(f"Round {round_}")["number"]
        for region in ("us", "ap", "eu"):
            reader = desk.requester("eu", 7, at=region)
            assert reader.ticket(number).status == 200
            assert number in [t["number"] for t in reader.get("/api/v1/tickets?limit=20").json["items"]], region


def test_a_change_is_seen_with_its_position(desk):
    """Read-your-writes by the token alone: another user in another region, who is given the position."""
    number = desk.requester("eu", 8).submitted("Positions")["number"]
    for i in range(10):
        answer = desk.agent("eu", 4).act(number, "note", body=f"note {i}")
        assert answer.status == 200 and "/" in answer.headers["Meridian-Lsn"]
        seen = desk.agent("us", 4).get(f"/api/v1/tickets/{number}", headers={"Meridian-Lsn": answer.headers["Meridian-Lsn"]})
        assert f"note {i}" in [n["body"] for n in seen.json["notes"]]


def test_an_agent_submits_on_behalf_of_a_requester(desk):
    number = desk.agent("us", 5).submitted("By phone", on_behalf_of="requester-us-5")["number"]
    ticket = desk.requester("us", 5).ticket(number)
    assert ticket.status == 200 and ticket.json["requester"]["login"] == "requester-us-5"
    answer = desk.requester("us", 6).submit("Not allowed", on_behalf_of="requester-us-5")
    assert answer.status == 403, answer
    answer = desk.agent("us", 5).submit("Nobody", on_behalf_of="requester-us-77")
    assert answer.status == 422, answer


def test_a_thousand_at_once_are_a_thousand(desk):
    keys = [str(uuid.uuid4()) for _ in range(1000)]
    clients = [desk.requester(r, n) for r in ("eu", "ap", "us") for n in range(1, 6)]

    def run(client, mine):
        return [client.submit("One of many", key=key).status for key in mine]

    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        statuses = [s for part in pool.map(run, clients, [keys[i::len(clients)] for i in range(len(clients))]) for s in part]
    assert set(statuses) <= {201, 202} and len(statuses) == 1000
    wait_for(lambda: int(desk.sql("SELECT count(*) FROM desk.ticket WHERE client_key IN ('" + "','".join(keys) + "')")[0][0]) == 1000)
    check_promises(desk, keys)
