"""What stays and what goes when a part is away: submissions are always accepted, reads say how old they are, claims say when to
come again; and everything drains once when the part is back."""
import contextlib
import os
import sqlite3
import time
import uuid

import pytest
from desk import check_promises, wait_for

pytestmark = pytest.mark.disturbs


def submit_some(desk, count=30):
    """(keys, numbers) of submissions that were accepted, over all regions."""
    keys, numbers = [], []
    for i in range(count):
        key = str(uuid.uuid4())
        answer = desk.requester(("eu", "ap", "us")[i % 3], 1 + i % 9).submit(f"During the outage {i}", key=key)
        assert answer.status == 202, answer
        keys.append(key)
        numbers.append(answer.json["number"])
    return keys, numbers


def stored(desk, keys):
    return int(desk.sql("SELECT count(*) FROM desk.ticket WHERE client_key IN ('" + "','".join(keys) + "')")[0][0])


def refused_for_now(answer, frozen=False):
    """503 and when to come again; of a database that is frozen and not gone, it may also be that nobody knows (504)."""
    if frozen and answer.status == 504:
        assert answer.slug == "timeout", answer
        return
    assert answer.status == 503 and answer.slug in ("unavailable", "database", "database-retry"), answer
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_database_down(desk, how):
    number = desk.requester("eu", 1).submitted("Before the outage")["number"]
    clients = {r: desk.agent(r, 1) for r in ("eu", "ap", "us")}
    for client in clients.values():
        wait_for(lambda c=client: c.ticket(number).status == 200)
    [desk.token(f"requester-{r}-{n}") for r in ("eu", "ap", "us") for n in range(1, 10)]
    if how == "stopped":
        desk.control.stop("postgres-eu")
    else:
        desk.control.signal("STOP", "postgres-eu", tree=True)
    begun = time.monotonic()
    keys, numbers = submit_some(desk)
    spent = time.monotonic() - begun
    assert spent < 30, "submissions must not wait for the database"
    # A standby still serves, and says how old it is.
    for region in ("ap", "us"):
        answer = clients[region].ticket(number)
        assert answer.status == 200, answer
        answer = wait_for(lambda r=region: (a := clients[r].ticket(number)).json.get("stale") and a, 20, 0.2, "marked stale")
        assert answer.json["as_of"] and answer.json["lag_ms"] >= 0
        listed = clients[region].get("/api/v1/queue")
        assert listed.status == 200 and listed.json["stale"] is True, listed
    # Decisions are refused for now, and say when to come again.
    for client in clients.values():
        refused_for_now(client.act(number, "claim"), how == "frozen")
        refused_for_now(client.post("/api/v1/queue:claim-next", {}), how == "frozen")
    # Every process lives, and says that it is not ready rather than dying.
    assert all(row["state"] == "running" for row in desk.control.list() if row["kind"] in ("intake", "router", "sla", "notifier"))
    if how == "stopped":
        desk.start_again("postgres-eu")
    else:
        desk.control.signal("CONT", "postgres-eu", tree=True)
    wait_for(lambda: stored(desk, keys) == len(keys), 30, 0.2, "drained")
    # Not the old ticket: one of the claims that got no answer may have won it.
    fresh = desk.requester("us", 1).submitted("After the outage")["number"]
    wait_for(lambda: clients["us"].act(fresh, "claim").status == 200, 15, 0.2, "claims work again")
    for region, client in clients.items():
        for one in numbers[:6]:
            assert wait_for(lambda c=client, n=one: c.ticket(n).status == 200, 10), region
    check_promises(desk, keys)
    wait_for(lambda: desk.metric("meridian_intake_spool_depth_records", "intake-ap-1") in (0, None), 15, 0.2, "spool empty")


def test_routers_down(desk):
    number = desk.requester("us", 1).submitted("Before the routers went")["number"]
    agent = desk.agent("us", 1)
    wait_for(lambda: agent.ticket(number).status == 200)
    desk.control.stop("router-*")
    keys, _ = submit_some(desk)
    refused_for_now(agent.act(number, "claim"))
    answer = agent.ticket(number)
    assert answer.status == 200, answer
    # What is read stays current: the schedulers' leases are commits, by which the region sees that it misses nothing.
    assert wait_for(lambda: agent.get("/api/v1/queue").json["lag_ms"] < 5000, 20, 0.2)
    answer = desk.client("us").post("/api/v1/sessions", {"user": "agent-us-1", "password": "meridian-demo"})
    refused_for_now(answer)
    desk.start_again("router-*")
    wait_for(lambda: stored(desk, keys) == len(keys), 30, 0.2, "drained")
    check_promises(desk, keys)


def test_the_regions_own_router_down_is_not_noticed(desk):
    desk.control.stop("router-us-1")
    agent = desk.agent("us", 2)
    number = desk.requester("us", 2).submitted("Through another router")["number"]
    assert wait_for(lambda: agent.act(number, "claim").status == 200, 10, 0.2)


def test_one_of_two_home_routers_down_is_not_noticed(desk):
    desk.control.stop("router-eu-1")
    for i in range(20):
        number = desk.requester("ap", 2).submitted(f"One router {i}")["number"]
        assert wait_for(lambda n=number: desk.agent("ap", 2).act(n, "claim").status == 200, 10, 0.1)


def test_a_full_spool_disk_refuses_before_accepting(desk):
    """The limit is set above what any disk has: to intake that is a full disk."""
    before = int(desk.sql("SELECT count(*) FROM desk.ticket")[0][0])
    desk.control.restart("intake-us-1", env={"MERIDIAN_SPOOL_MIN_FREE": "1000000g"})
    us = desk.requester("us", 4)
    answer = wait_for(lambda: (a := us.submit("No room")).status == 503 and a, 15, 0.2, "spool full")
    assert answer.slug == "spool-full" and int(answer.headers["Retry-After"]) >= 1
    # Reads and everything else go on; other regions accept.
    assert us.get("/api/v1/tickets").status == 200
    assert desk.requester("us", 4, at="eu").submit("Room elsewhere").status in (201, 202)
    assert int(desk.sql("SELECT count(*) FROM desk.ticket WHERE subject = 'No room'")[0][0]) == 0
    desk.control.restart("intake-us-1")
    wait_for(lambda: us.submit("Room again").status in (201, 202), 15, 0.2)
    assert before >= 0


def test_a_killed_intake_loses_nothing_it_accepted(desk):
    """The database is away, so that everything is in the spool only, when the process is killed."""
    desk.control.stop("postgres-eu")
    keys, numbers = submit_some(desk, 45)
    desk.kill("intake-*")
    wait_for(lambda: all(row["state"] == "running" and row["restarts"] for row in desk.control.list() if row["kind"] == "intake"), 15)
    desk.start_again("postgres-eu")
    wait_for(lambda: stored(desk, keys) == len(keys), 30, 0.2, "drained after the kill")
    check_promises(desk, keys)
    wanted = {row[0] for row in desk.sql("SELECT number FROM desk.ticket UNION ALL SELECT number FROM desk.ticket_alias")}
    assert set(numbers) <= wanted


def test_a_region_whose_standby_is_away_asks_the_authority(desk):
    number = desk.requester("ap", 3).submitted("Standby away")["number"]
    desk.control.stop("postgres-ap")
    agent = desk.agent("ap", 3)
    wait_for(lambda: agent.ticket(number).status == 200, 15, 0.2, "read through the authority")
    assert agent.act(number, "claim").status == 200
    assert desk.requester("ap", 3).submit("Still accepted").status in (201, 202)


def spool(desk, instance, sql):
    """Runs SQL on the spool of a stopped intake."""
    with contextlib.closing(sqlite3.connect(desk.layout.spool / instance / "spool.db")) as db, db:
        return db.execute(sql).fetchall()


def test_a_damaged_record_is_set_aside_and_the_rest_goes_on(desk):
    """One bit of a record flips on the disk: it is kept in the spool's dead table and shown, and blocks nothing."""
    bad, good = str(uuid.uuid4()), str(uuid.uuid4())
    one, other = desk.requester("us", 9), desk.requester("us", 8)
    desk.control.stop("router-*")  # not the database: what a router has in hand would be committed later
    answer = one.submit("Damaged on the disk", key=bad)
    assert answer.status == 202, answer
    assert other.submit("Behind it", key=good).status == 202
    number = answer.json["number"]
    desk.control.stop("intake-us-1")
    spool(desk, "intake-us-1", f"UPDATE record SET payload = cast(replace(cast(payload AS text), 'Damaged', 'Demaged') AS blob) WHERE number = '{number}'")
    desk.control.start("intake-us-1")
    desk.start_again("router-*")
    wait_for(lambda: stored(desk, [good]) == 1, 30, 0.2, "the record behind")
    wait_for(lambda: desk.metric("meridian_intake_spool_depth_records", "intake-us-1") == 0, 15, 0.2, "spool empty")
    assert stored(desk, [bad]) == 0
    assert desk.metric("meridian_intake_spool_dead_records", "intake-us-1") == 1
    assert desk.metric("meridian_intake_spool_alarms_total", "intake-us-1") == 1
    desk.control.stop("intake-us-1")
    (row,) = spool(desk, "intake-us-1", "SELECT number, reason FROM dead")
    assert row[0] == number and "checksum" in row[1], row
    spool(desk, "intake-us-1", "DELETE FROM dead")
    desk.control.start("intake-us-1")
    check_promises(desk, [good])


def test_an_unknown_variable_stops_a_service_and_names_the_nearest(desk):
    import subprocess
    layout = desk.layout
    for service, wrong, right in (("intake", "MERIDIAN_SPOOL_DIRR", "MERIDIAN_SPOOL_DIR"), ("router", "MERIDIAN_REGOIN", "MERIDIAN_REGION"),
                                  ("sla", "MERIDIAN_HOME_REGON", "MERIDIAN_HOME_REGION"), ("notifier", "MERIDIAN_SMTP_ULR", "MERIDIAN_SMTP_URL")):
        env = {**layout.environment(service, "eu", 1), wrong: "x"}
        done = subprocess.run([layout.bin / f"meridian-{service}"], env=env, capture_output=True, text=True, timeout=20, check=False)
        said = done.stdout + done.stderr
        assert done.returncode != 0 and wrong.lower().removeprefix("meridian_") in said.lower() and right in said, said
        done = subprocess.run([layout.bin / f"meridian-{service}", "--print-config"], env=layout.environment(service, "eu", 1),
                              capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0 and "region" in done.stdout, done.stderr
        for secret in os.listdir(layout.secrets):
            assert desk.postgres.secret(secret) not in done.stdout
