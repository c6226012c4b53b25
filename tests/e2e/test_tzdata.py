"""New rules of time zones under a running desk: what moves is listed, moves by exactly what the rules say, and only when somebody
decides so; what does not move stays as it is to the last bit."""
import contextlib
import datetime
import json
import pathlib
import re
import subprocess
import urllib.request
import zoneinfo

import pytest
from desk import wait_for
from test_sla import plan

_ZONEINFO = pathlib.Path("/usr/share/zoneinfo")
_ZONE = "Europe/Stockholm"
_DAILY = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
_DOCUMENT = {
    "calendars": {"stockholm": {"zone": _ZONE, "weekly": _DAILY}, "shanghai": {"zone": "Asia/Shanghai", "weekly": _DAILY}},
    "policies": [{"name": "far", "when": {"site": "far"}, "targets": {"resolve": {"amount": "80h", "calendar": "shanghai"}, "first_response": {"amount": "4h"}}},
                 {"name": "all", "targets": {"resolve": {"amount": "80h", "calendar": "stockholm"}, "first_response": {"amount": "4h"}}}],
    "schedules": {"network": {"zone": _ZONE, "rules": [{"user": "agent-eu-1", "start": "09:00", "end": "17:00"}]}},
}
_RULES = """Rule EU 1981 max - Mar lastSun 1:00u 1:00 S
Rule EU 1996 max - Oct lastSun 1:00u 0 -
Zone Europe/Stockholm 1:00 EU CE%sT {date}u
 {offset} - NEW
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tzdata in which Stockholm is an hour further east from the day after tomorrow on."""
    made, source = tmp_path_factory.mktemp("zoneinfo"), tmp_path_factory.mktemp("source") / "stockholm"
    change = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0) + datetime.timedelta(days=2)
    offset = change.astimezone(zoneinfo.ZoneInfo(_ZONE)).utcoffset() + datetime.timedelta(hours=1)
    for entry in _ZONEINFO.iterdir():
        if entry.name not in ("Europe", "tzdata.zi"):
            (made / entry.name).symlink_to(entry)
    (made / "Europe").mkdir()
    for entry in (_ZONEINFO / "Europe").iterdir():
        if entry.name != "Stockholm":
            (made / "Europe" / entry.name).symlink_to(entry)
    source.write_text(_RULES.format(date=change.strftime("%Y %b %d 0:00"), offset=str(offset)[:-3]))
    subprocess.run(["/usr/sbin/zic", "-b", "fat", "-d", made, source], check=True)
    (made / "tzdata.zi").write_text("# version 2099z\n")
    return str(made)


@contextlib.contextmanager
def new_rules(desk, folder):
    """The routers beside the primary have them."""
    desk.local("restart", "router-eu-*", "TZDIR=" + folder)
    try:
        yield
    finally:
        desk.local("restart", "router-eu-*")


def told(desk, *args, **more):
    status, out, err = desk.deskctl("sla", "tzdata", "-o", "json", *args, **more)
    assert status == 0, out + err
    return json.loads(out)


def replay(desk, **more):
    _, out, err = desk.deskctl("sla", "replay", "--all", "-o", "json", **more)
    return json.loads(out or err)


def stored(desk, number):
    return desk.agent().get(f"/api/v1/tickets/{number}/sla").json["items"][0]


def clock(item, target):
    return next(c for c in item["clocks"] if c["target"] == target)


def committed(desk, **more):
    agent = desk.agent("eu", 2)
    number = agent.submitted("For its clocks", on_behalf_of="requester-eu-4", **more)["number"]
    wait_for(lambda: agent.ticket(number).status == 200, what=number)
    return number


def versions(desk):
    """What the routers at home say of all instances."""
    found = []
    for row in desk.status()["instances"]:
        if row["name"].startswith("router-eu"):
            with urllib.request.urlopen(f"http://127.0.0.1:{row['port']}/metrics", timeout=5) as answer:
                found += re.findall(r"^meridian_tzdata_versions (\S+)$", answer.read().decode(), re.M)
    return {float(text) for text in found}


def test_new_rules_move_what_they_say_and_nothing_else(desk, folder):
    assert desk.deskctl("login", "lead-eu-1", "--password", "meridian-demo")[0] == 0
    system = {row["tzdata"] for row in (i["stats"] for i in desk.lead().get("/api/v1/status").json["instances"]) if row.get("tzdata")}
    assert len(system) == 1
    with plan(desk, lambda _: _DOCUMENT):
        near, far = committed(desk), committed(desk, attributes={"site": "far"})
        before = {number: stored(desk, number) for number in (near, far)}
        assert told(desk)["clocks"] == [] and told(desk)["shifts"] == []
        # This machine is ahead of the routers: it tells, and does not act.
        seen = told(desk, TZDIR=folder)
        assert seen["tzdata"] == "2099z" and {seen["from_tzdata"], seen["routers_tzdata"]} == system
        status, _, err = desk.deskctl("sla", "tzdata", "--apply", TZDIR=folder)
        assert status != 0 and "restart the routers first" in err
        with new_rules(desk, folder):
            wait_for(lambda: versions(desk) == {2.0}, 60, what="different versions are noticed")
            seen = wait_for(lambda: (lambda s: s["routers_tzdata"] == "2099z" and s)(told(desk, TZDIR=folder)), what="the routers wrote the rules down")
            status, _, err = desk.deskctl("sla", "tzdata", "--apply")
            assert status != 0 and "restart the routers first" in err, "this machine is behind the routers"
            wait_for(lambda: {r["version"] for r in desk.lead().get("/api/v1/sla/tzdata").json["items"]} >= {"2099z"}, what="the rules are written down")
            moved = {m["number"]: m for m in seen["clocks"] if m["number"] in (near, far)}
            assert list(moved) == [near] and moved[near]["target"] == "resolve"
            shift = [datetime.datetime.fromisoformat(moved[near][name]) for name in ("due_at", "new_due_at")]
            assert shift[0] - shift[1] == datetime.timedelta(hours=1)
            assert {(s["kind"], s["name"], s["user"]) for s in seen["shifts"]} == {("desk", "stockholm", ""), ("on_call", "network", "agent-eu-1")}
            for one in seen["shifts"]:
                assert datetime.datetime.fromisoformat(one["from"]) - datetime.datetime.fromisoformat(one["new_from"]) == datetime.timedelta(hours=1)
            assert {number: stored(desk, number) for number in (near, far)} == before, "nothing moves by itself"
            assert {d["number"] for d in replay(desk, TZDIR=folder)["items"]} == {m["number"] for m in seen["clocks"]}

            done = told(desk, "--apply", TZDIR=folder)
            assert done["recalculated"] == len({m["number"] for m in seen["clocks"]})
            assert told(desk, TZDIR=folder)["clocks"] == []
            assert replay(desk, TZDIR=folder)["differences"] == 0
            after = stored(desk, near)
            assert clock(after, "resolve")["due_us"] == clock(before[near], "resolve")["due_us"] - 3600 * 1000000
            assert clock(after, "first_response") == clock(before[near], "first_response")
            assert stored(desk, far) == before[far]
            event = after["events"][-1]
            assert event["type"] == "sla.recalculated" and event["data"]["tzdata"] == "2099z" and {event["data"]["from_tzdata"]} == system
        # Back to the rules of all others.
        wait_for(lambda: {told(desk)["routers_tzdata"]} == system, 60, what="the routers are back")
        back = told(desk, "--apply")
        assert back["from_tzdata"] == "2099z" and near in {m["number"] for m in back["clocks"]}
        assert clock(stored(desk, near), "resolve") == clock(before[near], "resolve")
    assert replay(desk)["differences"] == 0
