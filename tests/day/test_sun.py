"""A short day: three desks that open and close one after the other, an hour each, and work that follows them. Nobody owns a ticket while their desk is
closed; what is not done when it closes returns, and the desk that is awake takes it up."""
import datetime
import json

import pytest
from desk import check_promises, wait_for

OPEN, OVERLAP = datetime.timedelta(minutes=60), datetime.timedelta(minutes=10)
DESKS = (("east", "ap"), ("middle", "eu"), ("west", "us"))
TICKETS = 6
RESOLUTION = {"cause": "Wear", "solution": "Replaced", "prevention": "Yearly check"}
_UTC = datetime.timezone.utc


def instant(text):
    return datetime.datetime.fromisoformat(text)


class Day:
    """The desks, their hours, and one agent at each."""

    def __init__(self, desk):
        self.desk = desk
        begins = self.now().replace(second=0, microsecond=0)
        self.hours = {name: (begins + i * (OPEN - OVERLAP), begins + i * (OPEN - OVERLAP) + OPEN) for i, (name, _) in enumerate(DESKS)}
        self.agent = {}

    def now(self):
        return datetime.datetime.fromtimestamp(self.desk.layout.clock.now(), _UTC)

    def change(self, document):
        for name, region in DESKS:
            opens, closes = self.hours[name]
            window = [opens.strftime("%H:%M"), closes.strftime("%H:%M")]
            document["desks"][name] = {"region": region, "hours": {"zone": "UTC", "open": {opens.strftime("%Y-%m-%d"): [window]}}}
            agent = document["agents"][f"agent-{region}-15"]
            document["agents"][f"agent-{region}-15"] = {"desk": name, "teams": sorted({*agent["teams"], "sun"})}
        document["teams"]["sun"] = {"title": {"en": "Sun", "zh": "日光"}, "tier": 1, "desks": [name for name, _ in DESKS], "shift_end": "return", "claims": "on_shift"}
        document["services"]["sun"] = {"team": "sun"}
        return document

    def begin(self):
        admin = self.desk.client("eu", "admin")
        before = admin.get("/api/v1/organisation").json
        answer = admin.post("/api/v1/organisation", {"document": self.change(before["document"]), "base_version": before["version"]})
        assert answer.status == 200, answer
        self.agent = {name: self.desk.client(region, f"agent-{region}-15") for name, region in DESKS}  # signed in as members of the team

    def awake(self):
        team = next(team for team in self.desk.client("eu", "admin").get("/api/v1/teams").json["items"] if team["slug"] == "sun")
        return [one["desk"] for one in team["sun"]["on_shift"]]

    def take_all(self, name):
        """The agent of the desk takes what waits, one after the other. {number: epoch}"""
        taken = {}

        def next_one():
            answer = self.agent[name].post("/api/v1/queue:claim-next", {"team": "sun"})
            if answer.status == 200:
                taken[answer.json["number"]] = answer.json["epoch"]
            return answer.status != 200
        wait_for(next_one, what="the queue is empty")
        return taken

    def owners(self, number):
        """Who had it, from when to when."""
        spans, owner, since = [], None, None
        for event in self.desk.lead("eu").get(f"/api/v1/tickets/{number}/events?limit=200").json["items"]:
            at = instant(event["at"])
            if event["type"] in ("ticket.returned", "ticket.resolved"):
                spans.append((owner, since, at))
            if event["type"] == "ticket.claimed":
                owner, since = event["actor"], at
        return spans


@pytest.fixture(name="day")
def _day(desk):
    return Day(desk)


def test_the_work_follows_the_sun(desk, day):
    day.begin()
    requester, left = desk.requester("eu", 7), set()
    for _ in range(TICKETS):
        left.add(requester.submitted("It goes on all day", service="sun")["number"])
    wait_for(lambda: all(requester.ticket(number).status == 200 for number in left), what="committed")
    all_numbers = set(left)
    for name, region in DESKS:
        wait_for(lambda n=name: n in day.awake(), 90, 0.2, f"{name} opens")
        wait_for(lambda n=name: len(day.agent[n].get("/api/v1/queue?team=sun&limit=200").json["items"]) == len(left), 90, 0.2, "what was not done returns")
        taken = day.take_all(name)
        assert set(taken) == left and day.now() < day.hours[name][1], (name, "was too slow")
        for number in sorted(left)[:2]:  # two are done in a shift, the others are not
            assert day.agent[name].act(number, "resolve", epoch=taken[number], **RESOLUTION).status == 200
            left.discard(number)
        wait_for(lambda n=name: n not in day.awake(), 90, 0.2, f"{name} closes")
        for number in left:  # not theirs any more, whether it has returned yet or not
            assert day.agent[name].act(number, "claim").slug in ("not-eligible", "already-claimed")
    assert not left
    for number in all_numbers:
        spans = day.owners(number)
        assert spans and [owner.split("-")[1] for owner, _, _ in spans] == [region for _, region in DESKS][:len(spans)], spans
        for (_, since, until), (name, _) in zip(spans, DESKS):
            opens, closes = day.hours[name]
            # A desk's end is looked for once a second of the machine: a minute here, and a busy machine has more of them.
            assert opens <= since <= closes and until <= closes + datetime.timedelta(minutes=10), (number, spans, day.hours)
    status, out, err = desk.deskctl("explain", "route", min(all_numbers), "-o", "json", "--as", "admin")
    assert status == 0 and json.loads(out)["team"] == "sun", out + err
    check_promises(desk)
