"""Mail and webhooks: who is told, in which language, once; what cannot be delivered is a dead letter that can be replayed."""
import json

from desk import wait_for

RESOLUTION = {"cause": "Wear", "solution": "Replaced the drum", "prevention": "Yearly check"}


def test_the_requester_is_told_of_acceptance_answer_and_resolution_in_their_language(desk):
    zh = next(row[0] for row in desk.sql("SELECT login FROM desk.app_user WHERE role = 'requester' AND language = 'zh' ORDER BY login"))
    region = zh.split("-")[1]
    me = desk.client(region, zh)
    number = me.submitted("打印机坏了", language="zh")["number"]
    agent = desk.agent("eu", 7)
    epoch = agent.act(number, "claim").json["epoch"]
    agent.act(number, "reply", body="我们正在处理", epoch=epoch)
    agent.act(number, "resolve", epoch=epoch, **RESOLUTION)
    mails = wait_for(lambda: (m := desk.mails(to=zh, subject=number)) and len(m) >= 3 and m, 15, 0.1, "three mails")
    text = "\n".join(m["body"] for m in mails)
    assert "我们正在处理" in text and "Replaced the drum" in text
    assert any("一" <= c <= "鿿" for c in mails[-1]["subject"] + mails[-1]["body"].replace("打印机坏了", ""))
    idents = [m["headers"]["Message-ID"] for m in mails]
    assert len(idents) == len(set(idents)), "a mail came twice"
    for mail in mails:
        assert mail["headers"]["Auto-Submitted"] == "auto-generated"


def test_a_note_is_never_mail(desk):
    number = desk.requester("us", 3).submitted("Notes stay inside")["number"]
    agent = desk.agent("us", 7)
    agent.act(number, "note", body="SECRET-NOTE-4711")
    agent.act(number, "reply", body="hello")
    wait_for(lambda: [m for m in desk.mails(subject=number) if "hello" in m["body"]], 15, 0.1, "the reply's mail")
    assert not [m for m in desk.mails(subject=number) if "SECRET-NOTE-4711" in json.dumps(m)]


def test_no_line_of_a_subject_becomes_a_header(desk):
    number = desk.requester("us", 3).submitted("Bcc: evil@example.org x")["number"]
    mail = wait_for(lambda: desk.mails(subject=number), 15, 0.1, "mail")[0]
    assert "Bcc" not in mail["headers"]


def test_webhooks_are_signed_and_tell_no_texts(desk):
    number = desk.requester("ap", 4).submitted("Webhook please")["number"]
    got = wait_for(lambda: [w for w in desk.webhooks(type="ticket.created", limit=500) if number in json.dumps(w["body"])], 15, 0.1, "webhook")
    assert len(got) == 1 and got[0]["valid"], got[0]["problem"]
    event = got[0]["body"]
    assert event["type"] == "org.meridian.ticket.created.v1" and event["specversion"] == "1.0" and event["subject"] == number and event["time"], event
    assert "It happens every morning" not in json.dumps(event)


def test_what_cannot_be_delivered_is_a_dead_letter_and_can_be_replayed(desk):
    login = "requester-us-6"
    before = desk.sql(f"SELECT email FROM desk.app_user WHERE login = '{login}'")[0][0]
    desk.sql(f"UPDATE desk.app_user SET email = 'reject@example.org' WHERE login = '{login}'")
    try:
        number = desk.client("us", login).submitted("Nobody can tell me")["number"]
        status, out, err = desk.deskctl("login", "lead-us-1", "--password", "meridian-demo")
        assert status == 0, err

        def dead():
            code, text, error = desk.deskctl("dead-letters", "--as", "lead-us-1", "-o", "json")
            assert code == 0, error
            found = json.loads(text)
            rows = found if isinstance(found, list) else found["items"]
            return [r for r in rows if r["destination"] == "reject@example.org"]
        letters = wait_for(dead, 20, 0.3, "dead letter")
        assert "550" in json.dumps(letters)
    finally:
        desk.sql(f"UPDATE desk.app_user SET email = '{before}' WHERE login = '{login}'")
    desk.sql(f"UPDATE desk.delivery SET destination = '{before}' WHERE destination = 'reject@example.org'")
    code, _, error = desk.deskctl("dead-letters", "replay", "--as", "lead-us-1")
    assert code == 0, error
    wait_for(lambda: desk.mails(to=before, subject=number), 20, 0.2, "mail after the replay")
    wait_for(lambda: not dead(), 10, 0.3, "no dead letter left")


def test_a_gateway_that_is_busy_is_tried_again(desk):
    login = "requester-us-5"
    before = desk.sql(f"SELECT email FROM desk.app_user WHERE login = '{login}'")[0][0]
    desk.sql(f"UPDATE desk.app_user SET email = 'tempfail@example.org' WHERE login = '{login}'")
    try:
        desk.client("us", login).submitted("Try again")
        wait_for(lambda: desk.sql("SELECT 1 FROM desk.delivery WHERE destination = 'tempfail@example.org' AND attempts >= 1 AND state = 'queued'"),
                 20, 0.1, "queued for another try")
    finally:
        desk.sql(f"UPDATE desk.app_user SET email = '{before}' WHERE login = '{login}'")
        desk.sql("UPDATE desk.delivery SET state = 'dead', next_at = NULL WHERE destination = 'tempfail@example.org'")


def test_every_notice_due_ends_delivered_or_visible(desk):
    wait_for(lambda: desk.sql("SELECT count(*) FROM desk.outbox") == [["0"]], 20, 0.2, "outbox empty")
    wait_for(lambda: desk.sql("SELECT count(*) FROM desk.delivery WHERE state IN ('queued', 'sending') AND next_at < now() - interval '5 s'")
             == [["0"]], 20, 0.2, "no delivery overdue")
    twice = desk.sql("SELECT channel, destination, ticket_id, position FROM desk.delivery GROUP BY 1, 2, 3, 4 HAVING count(*) > 1")
    assert not twice, twice
