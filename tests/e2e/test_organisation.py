"""The organisation in a whole cluster: as a file with deskctl, where tickets go by it, who is awake, and what happens when a desk closes. The
one that was in force is applied again in the end."""
import contextlib
import datetime
import json

import pytest
from desk import wait_for

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.fixture(autouse=True)
def administrator(desk):
    """deskctl acts for whoever signed in last: other tests are other people."""
    assert desk.deskctl("login", "admin", "--password", "meridian-demo")[0] == 0


def in_force(desk):
    return desk.client("eu", "admin").get("/api/v1/organisation").json


def apply(desk, document):
    answer = desk.client("eu", "admin").post("/api/v1/organisation", {"document": document, "base_version": in_force(desk)["version"]})
    assert answer.status == 200, answer
    return answer.json["version"]


@contextlib.contextmanager
def organisation(desk, change):
    before = in_force(desk)["document"]
    document = json.loads(json.dumps(before))
    change(document)
    try:
        yield apply(desk, document)
    finally:
        apply(desk, before)


def committed(desk, who, **more):
    number = who.submitted("Where does it go", **more)["number"]
    wait_for(lambda: who.ticket(number).status == 200, what=number)
    return number


def test_export_and_apply_round_trip(desk, tmp_path):
    version = in_force(desk)["version"]
    status, text, err = desk.deskctl("export")
    assert status == 0, err
    path = tmp_path / "desk.yaml"
    path.write_text(text, encoding="utf-8")
    assert "服务台" in text
    status, out, err = desk.deskctl("diff", "-f", str(path), "-o", "json")
    assert status == 0, err
    assert json.loads(out) == {"base_version": version, "changes": []}
    status, out, err = desk.deskctl("apply", "-f", str(path))
    assert status == 0 and f"organisation {version} is in force" in out, out + err
    assert in_force(desk)["version"] == version


def test_a_file_is_refused_by_its_line_and_nothing_is_applied(desk, tmp_path):
    version = in_force(desk)["version"]
    text = desk.deskctl("export")[1]
    path = tmp_path / "desk.yaml"
    line = next(i for i, line in enumerate(text.splitlines(), 1) if "tier: 3" in line)
    path.write_text(text.replace("tier: 3", "tier: 4"), encoding="utf-8")
    status, _, err = desk.deskctl("apply", "-f", str(path))
    assert status == 1 and f"desk.yaml:{line}: " in err and "teams.experts.tier" in err, err
    path.write_text(text.replace("agents:\n", "agents:\n  agent-eu-none:\n    desk: stockholm\n", 1), encoding="utf-8")
    status, _, err = desk.deskctl("apply", "-f", str(path))
    assert status == 1 and "has no account" in err and "desk.yaml:" in err, err
    assert in_force(desk)["version"] == version


def test_only_admins_apply_and_requesters_do_not_read(desk):
    document = in_force(desk)
    for who in ("requester-eu-1", "agent-eu-1", "lead-eu-1"):
        answer = desk.client("eu", who).post("/api/v1/organisation", {"document": document["document"], "base_version": document["version"]})
        assert (answer.status, answer.slug) == (403, "forbidden")
    assert desk.client("ap", "requester-ap-1").get("/api/v1/organisation").status == 403
    assert desk.client("ap", "agent-ap-1").get("/api/v1/organisation").json["version"] == document["version"]


def test_rules_route_and_are_explained(desk):
    def change(document):
        document["services"]["贷款"] = {"team": "applications", "impact": "high"}
        document["rules"].insert(0, {"name": "loans in China", "when": {"service": "贷款/审批", "region": "ap"}, "team": "experts", "tags": ["loan", "贷款"]})

    with organisation(desk, change) as version:
        here, there = desk.requester("ap", 2), desk.requester("us", 2)
        by_rule, by_service = committed(desk, here, service="贷款/审批"), committed(desk, there, service="贷款/审批")
        ticket = here.ticket(by_rule).json
        assert (ticket["team"]["slug"], ticket["tags"], ticket["impact"]) == ("experts", ["loan", "贷款"], 1)
        ticket = there.ticket(by_service).json
        assert (ticket["team"]["slug"], ticket["tags"], ticket["impact"]) == ("applications", [], 1)
        event = here.get(f"/api/v1/tickets/{by_rule}/events").json["items"][0]
        assert event["data"]["routing"] == {"organisation": version, "service": "贷款", "rule": "loans in China"}
    # a later organisation changes nothing about it, and it is still explained by its own
    status, out, err = desk.deskctl("explain", "route", by_rule, "-o", "json")
    answer = json.loads(out)
    assert status == 0 and answer["same"] and answer["organisation"] == version and answer["rules"] == [{"rule": "loans in China", "holds": True}], out + err
    status, out, _ = desk.deskctl("explain", "route", by_rule)
    assert status == 0 and "team experts" in out and "loans in China" in out
    status, out, err = desk.deskctl("rules", "test", "-o", "json")
    assert status == 0, err
    assert {"number": by_rule, "team": "experts", "new_team": "service-desk", "rule": None} in json.loads(out)["moves"]



def test_who_is_awake_and_what_happens_when_they_go(desk):
    """Desks whose hours lie around now: one that has closed already, one that is open, one that opens tomorrow."""
    now = datetime.datetime.now(datetime.timezone.utc)
    later, tomorrow = now + datetime.timedelta(hours=4), now + datetime.timedelta(days=1)

    def clock(at):
        return at.strftime("%H:%M")

    def change(document):
        document["desks"]["lisbon"] = {"region": "eu", "hours": {"zone": "UTC", "open": {tomorrow.strftime("%Y-%m-%d"): [[clock(later), "24:00"]]}}}
        document["desks"]["always"] = {"region": "us"}
        document["teams"]["night"] = {"title": {"en": "Night", "zh": "夜班"}, "tier": 1, "desks": ["always", "lisbon"], "minimum": 2, "shift_end": "return"}
        document["agents"]["agent-us-16"] = {"desk": "always", "teams": [*document["agents"]["agent-us-16"]["teams"], "night"]}
        document["agents"]["agent-eu-16"] = {"desk": "lisbon", "teams": [*document["agents"]["agent-eu-16"]["teams"], "night"]}

    with organisation(desk, change):
        teams = {team["slug"]: team for team in desk.client("us", "agent-us-16").get("/api/v1/teams").json["items"]}
        sun = teams["night"]["sun"]
        assert teams["night"]["minimum"] == 2 and sun["agents"] == 1
        assert sun["on_shift"] == [{"desk": "always", "region": "us", "until": None}]
        assert (sun["next"]["desk"], sun["next"]["opens_at"][:16]) == ("lisbon", tomorrow.strftime("%Y-%m-%dT") + clock(later))
        status, out, err = desk.deskctl("teams")
        assert status == 0 and next(line.split() for line in out.splitlines() if line.startswith("night"))[2:4] == ["1", "lisbon"], out + err
        requester = desk.requester("eu", 3)
        number = committed(desk, requester, service="night")
        queue = desk.client("us", "agent-us-16").get("/api/v1/queue?team=night").json
        assert [item["number"] for item in queue["items"]] == [number] and queue["teams"]["night"]["agents"] == 1
        # the owner's desk closes: as if its shift had ended just now
        agent = desk.client("eu", "agent-eu-16")
        claimed = agent.act(number, "claim").json
        desk.sql("INSERT INTO desk.shift (desk, opens_at, closes_at) VALUES ('lisbon', now() - interval '8 hours', clock_timestamp())")
        wait_for(lambda: requester.ticket(number).json["owner"] is None, what="the ticket goes back")
        events = [event["type"] for event in requester.get(f"/api/v1/tickets/{number}/events").json["items"]]
        assert events == ["ticket.created", "ticket.claimed", "ticket.returned"]
        lost = agent.act(number, "resolve", epoch=claimed["epoch"], cause="c", solution="s", prevention="p")
        assert (lost.status, lost.slug) == (409, "ownership-lost")
        taken = desk.client("us", "agent-us-16").post("/api/v1/queue:claim-next", {"team": "night"})
        assert taken.json["number"] == number
        assert desk.client("us", "agent-us-16").act(number, "resolve", epoch=taken.json["epoch"], cause="c", solution="s", prevention="p").status == 200
        assert requester.act(number, "confirm").status == 200
    assert "night" not in {team["slug"] for team in desk.client("eu", "admin").get("/api/v1/teams").json["items"]}


def test_coverage_shows_gaps(desk, tmp_path):
    path = tmp_path / "desk.yaml"
    path.write_text("""\
desks:
  a: {region: eu, hours: {zone: UTC, weekly: {mon: [["09:00", "17:00"]]}}}
teams:
  t: {title: {en: T, zh: 组}, tier: 1, desks: [a], minimum: 2}
  nobody: {title: {en: N, zh: 无}, tier: 1}
default_team: t
agents:
  agent-eu-1: {desk: a, teams: [t]}
""", encoding="utf-8")
    status, out, err = desk.deskctl("coverage", "-f", str(path), "--weeks", "4", "-o", "json")
    assert status == 0, err
    one, none = json.loads(out)
    assert (one["team"], one["gap_s"] + one["thin_s"], one["thin_s"]) == ("t", 4 * 7 * 86400, 4 * 8 * 3600)
    assert (none["gap_count"], none["gap_s"]) == (1, 4 * 7 * 86400)
    status, out, _ = desk.deskctl("coverage", "-f", str(path), "--team", "t")
    assert status == 0 and "▒" * 16 in out and "·" in out
    status, _, err = desk.deskctl("coverage", "-f", str(path), "--team", "x")
    assert status == 3 and '"x"' in err
    status, _, err = desk.deskctl("diff", "-f", str(path))
    assert "team nobody is served by nobody" in err
