"""Who may do what: every cell of tests/rights.csv, tried on a whole cluster. A line is a route and an object, a column a person, a cell what they
are told: `ok` is let through (whatever else the request may then be refused for), else the status; `-` where there is no such person. That each
route of intake has its lines, and that there are no others, is a unit test beside the table of routes (tests/unit/intake/test_routes.c)."""
import csv
import re
import sys

import pytest
from desk import PASSWORD, ROOT, Client, wait_for
from test_organisation import organisation

sys.path.insert(0, str(ROOT / "tests/openapi"))
from document import Document  # noqa: E402

PEOPLE = {"nobody": None, "asker": "requester-eu-1", "stranger": "requester-us-1", "outsider": "agent-ap-9", "asking-agent": "agent-ap-10",
          "colleague": "agent-eu-2", "owner": "agent-eu-1", "outside-lead": "lead-ap-1", "lead": "lead-eu-1", "admin": "admin"}
# Everybody of the demo is in all open teams; these are taken out of the two that the objects belong to.
ELSEWHERE = ("agent-ap-9", "agent-ap-10", "lead-ap-1")
TEAM = {"open": "network", "restricted": "security"}
SERVICE = {"open": "vpn", "restricted": "locks"}
OFFERS = "offers"  # a team and its service; of the table, only the colleague and the lead are in it, and only the colleague takes offers
# What is sent where the example of the API's document does not fit these objects.
BODY = {"transfer": {"team": "infrastructure", "reason": "Not ours"}, "assign": {"to": "agent-eu-3", "reason": "Hers"},
        "hand-over": {"note": {"state": "Open", "tried": "Nothing", "next_step": "Everything"}}}
RESOLUTION = {"cause": "Wear", "solution": "Replaced", "prevention": "Yearly check"}


def lines():
    with open(ROOT / "tests/rights.csv", encoding="utf-8", newline="") as file:
        header, *rows = ([cell.strip() for cell in row] for row in csv.reader(file))
    assert header[2:] == list(PEOPLE)
    return [dict(zip(header, row)) for row in rows]


class Ticket:
    """One in the state that its line asks for. `version` is before anybody of the table has touched it."""

    def __init__(self, world, team, state, by):
        self.other, self.reply, epoch = None, "", None
        if state == "offered":
            world.decline_offers()
        self.number = world.submit(by, "mail" if state.startswith("transferred") else OFFERS if state == "offered" else SERVICE[team])
        if state == "offered":
            wait_for(lambda: world.client["admin"].ticket(self.number).json["offered_to"], what=f"{self.number} offered")
        if state.startswith("transferred"):
            world.act("admin", self.number, "transfer", team=TEAM[team], reason="Theirs")
        if state == "replied":
            self.reply = str(world.act(by, self.number, "reply", body="And another thing")["version"])
        if state.endswith(("claimed", "resolved", "closed")):
            epoch = world.act("owner", self.number, "claim")["epoch"]
        if state in ("resolved", "closed"):
            world.act("owner", self.number, "resolve", epoch=epoch, **RESOLUTION)
        if state == "closed":
            world.act(by, self.number, "confirm")
        if state in ("linked", "merged", "", "claimed"):
            self.other = world.submit("asker", SERVICE[team])
        if state == "linked":
            world.act("admin", self.number, "link", kind="depends_on", to=self.other)
        if state == "merged":
            world.act("admin", self.number, "merge", into=self.other)
        now = world.client["admin"].ticket(self.number).json
        self.epoch, self.version = now["epoch"], now["version"]


class World:
    """The people, signed in after the organisation is as it has to be, all in one region: what somebody just did is there for the others."""

    def __init__(self, desk):
        self.desk = desk
        self.client = {person: self.sign_in(login) if login else Client(desk, "eu") for person, login in PEOPLE.items()}
        document = Document()
        self.example = {path.rpartition(":")[2]: next((body for _, body in document.requests(operation) if body), {})
                        for path, method, operation in document.operations() if method == "post" and "{number}" in path}

    def sign_in(self, login):
        answer = Client(self.desk, "eu").post("/api/v1/sessions", {"user": login, "password": PASSWORD})
        assert answer.status in (200, 201), answer
        return Client(self.desk, "eu", login, token=answer.json["token"])

    def submit(self, by, service):
        number = self.client[by].submitted("Whose is it", service=service)["number"]
        wait_for(lambda: self.client["admin"].ticket(number).status == 200, what=number)
        return number

    def decline_offers(self):
        """The colleague is there, and free for the next offer: they are asked for one thing at a time."""
        colleague = self.client["colleague"]
        assert colleague.call("PUT", "/api/v1/me/presence", {"state": "available"}).status == 200
        for offer in colleague.get("/api/v1/offers").json["items"]:
            self.act("colleague", offer["number"], "decline", reason="For a test")

    def act(self, person, number, verb, **body):
        answer = self.client[person].act(number, verb, **body)
        assert answer.status == 200, (person, number, verb, answer)
        return answer.json


class Line:
    """One line of the table, as it goes through its people."""

    def __init__(self, world, line):
        self.world, self.line = world, line
        self.method, self.path = line["route"].split(" ")
        self.team, _, self.state = line["object"].partition(" ")
        self.about_ticket = "{number}" in self.path or (self.path == "/api/v1/tickets" and self.method == "GET")
        self.tickets, self.worked = {}, False

    def ticket(self, person):
        """The same for everybody until one is let through; who asks as an agent has one of their own."""
        by = person if person == "asking-agent" else "asker"
        if by not in self.tickets:
            if self.state == "offered":  # the colleague is asked for one at a time
                self.check_untouched()
                self.tickets.clear()
            self.tickets[by] = Ticket(self.world, self.team, self.state, by)
        return self.tickets[by]

    def check_untouched(self):
        """A refusal has changed nothing."""
        for ticket in self.tickets.values():
            assert self.world.client["admin"].ticket(ticket.number).json["version"] == ticket.version, (self.line["route"], ticket.number)

    def name(self):
        return TEAM[self.team] if "/teams/" in self.path else PEOPLE["colleague"]

    def query(self):
        if self.team not in TEAM or "{" in self.path or self.method == "POST":
            return ""
        return f"?team={TEAM[self.team]}&limit=200"

    def body(self, ticket):
        """Rights come before the body: without a ticket an empty one will do."""
        if self.method != "POST":
            return None
        if self.line["object"] == "for another":
            return {"subject": "For somebody", "description": "Who is not here", "on_behalf_of": "requester-ap-1"}
        if not ticket:
            return {"team": TEAM[self.team]} if self.team in TEAM else {}
        verb = self.path.rpartition(":")[2]
        now = {"epoch": ticket.epoch, "to": ticket.other, "into": ticket.other}
        body = BODY.get(verb, self.world.example[verb])
        return BODY[verb] | {"epoch": ticket.epoch} if verb in BODY else {name: now.get(name, value) for name, value in body.items()}

    def status(self, person):
        client, ticket = self.world.client[person], self.ticket(person) if self.about_ticket else None
        holes = {"{number}": ticket.number if ticket else "", "{seq}": ticket.reply if ticket else "", "{name}": self.name()}
        path = re.sub("{[a-z]+}", lambda hole: holes[hole[0]], self.path) + self.query()
        if self.path == "/api/v1/events":
            return self.first_line_of_stream(client)
        if self.method == "DELETE" and client.token:
            client = self.world.sign_in(client.user)
        answer = client.call(self.method, path, self.body(ticket))
        if self.path == "/api/v1/tickets" and ticket and answer.status == 200:
            return 200 if ticket.number in [item["number"] for item in answer.json["items"]] else 404
        return answer.status

    @staticmethod
    def first_line_of_stream(client):
        connection = client._connect()  # pylint: disable=protected-access
        connection.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {client.token}"} if client.token else {})
        status = connection.getresponse().status
        connection.close()
        return status

    def try_cell(self, person, expected):
        """What was wrong with it, or None."""
        if expected == "ok":
            self.check_untouched()
        status = self.status(person)
        through = status < 500 and status not in (401, 403, 404)
        self.worked |= status < 300
        if through:
            self.tickets = {}
        if through == (expected == "ok") and (through or str(status) == expected):
            return None
        return f"{self.line['route']}, {self.line['object'] or 'no object'}: {person} is told {status}, not {expected}"


def put_down(admin, login):
    """Whoever leaves a team must own nothing there."""
    for state in ("open", "pending"):
        for item in admin.get(f"/api/v1/tickets?owner={login}&state={state}&limit=200").json["items"]:
            if item["team"]["slug"] in TEAM.values():
                assert admin.act(item["number"], "release", epoch=item["epoch"], reason="For a test").status == 200


@pytest.fixture(name="world", scope="module")
def _world(desk):
    def change(document):
        document["services"] |= {"locks": {"team": "security"}, OFFERS: {"team": OFFERS}}
        document["desks"]["always"] = {"region": "eu"}
        document["teams"][OFFERS] = {"title": {"en": "Offers", "zh": "派单"}, "tier": 1, "mode": "offer", "offer": {"accept_within": 600}}
        for person in ("colleague", "lead"):
            document["agents"][PEOPLE[person]]["teams"].append(OFFERS)
            document["agents"][PEOPLE[person]]["desk"] = "always"  # or nothing is offered at night
        for login in ELSEWHERE:
            put_down(desk.client("eu", "admin"), login)
            agent = document["agents"][login]
            agent["teams"] = [team for team in agent["teams"] if team not in TEAM.values()]

    with organisation(desk, change):
        yield (world := World(desk))
        for number, epoch in desk.sql(f"SELECT t.number, t.epoch FROM desk.ticket t JOIN desk.team g ON g.id = t.team_id WHERE g.slug = '{OFFERS}' "
                                      "AND t.state IN ('new', 'open')"):
            world.act("admin", number, "transfer", team="network", reason="The test is over", epoch=int(epoch))
        assert world.client["colleague"].call("PUT", "/api/v1/me/presence", {"state": "offline"}).status == 200


def test_every_cell_of_the_table(world):
    wrong, cells = [], 0
    for row in lines():
        line = Line(world, row)
        told = [line.try_cell(person, row[person]) for person in PEOPLE if row[person] != "-"]
        line.check_untouched()
        cells += len(told)
        wrong += [one for one in told if one]
        if "{number}" in line.path and not line.worked:
            wrong.append(f"{row['route']}, {row['object']}: worked for nobody")
    print(f"{cells} cells, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
