"""Claimers of three regions race for tickets, give them back, take them from each other and write with epochs that are over, while routers and
intakes are frozen, thawed and killed. Each ticket has one owner at a time, and no write with an old epoch is accepted: what the clients were told is
held against the events of each ticket, one by one, by rules that are written down here once more.

CHAOS_CLAIMERS=200 CHAOS_TICKETS=10000 is the full size: docs/how-to/measure.md."""
import itertools
import os
import threading
import time
import uuid
from collections import Counter, defaultdict

import pytest
from desk import REGIONS, Client, check_promises, wait_for

CLAIMERS = int(os.environ.get("CHAOS_CLAIMERS", "20"))  # in each region
TICKETS = int(os.environ.get("CHAOS_TICKETS", "300"))
RACERS = 6  # for each ticket, two of each region
PATIENCE_S = 120 + TICKETS // 10
RESOLUTION = {"cause": "Wear", "solution": "Replaced", "prevention": "Yearly check"}
# What befalls whom, over and over: eu has two of each, the other regions one.
BLOWS = (("STOP", "router-eu-1", 3), ("KILL", "intake-ap-1", 0), ("STOP", "intake-eu-2", 4), ("KILL", "router-eu-2", 0), ("STOP", "intake-us-1", 2),
         ("KILL", "intake-eu-1", 0), ("STOP", "router-ap-1", 3), ("KILL", "router-eu-1", 0), ("STOP", "router-eu-2", 12), ("KILL", "router-us-1", 0),
         ("STOP", "intake-ap-1", 5), ("KILL", "intake-us-1", 0))


class Told:
    """One answer that a client got: to which verb with which epoch on which ticket, as whom."""

    def __init__(self, client, number, verb, epoch, stale, answer):
        self.login, self.number, self.verb, self.epoch, self.stale = client.user, number, verb, epoch, stale
        self.won = answer.status == 200
        self.slug, body = answer.slug, answer.json
        self.now, self.version = (body["epoch"], body["version"]) if self.won else (body.get("epoch"), None)

    def __repr__(self):
        return f"{self.login} {self.verb} {self.number} with {self.epoch}: {self.slug or 'done'}, epoch {self.now}, version {self.version}"


class Race:
    """A few claimers that go through the same tickets in step. `owner`: the place and the epoch of who won last."""

    def __init__(self, field, numbers):
        self.field, self.numbers = field, numbers
        self.step = threading.Barrier(RACERS)
        self.owner = None

    def run(self, place, client):
        try:
            for turn, number in enumerate(self.numbers):
                self.one(place, client, number, turn % 4)
        except (threading.BrokenBarrierError, AssertionError) as error:
            self.field.problems.append(f"{client.user}: {error!r}")
            self.step.abort()

    def race(self, place, client, number):
        self.step.wait(PATIENCE_S)
        told = self.field.act(client, number, "claim")
        if told.won:
            self.owner = place, told.now
        elif told.slug != "already-claimed":
            self.field.problems.append(repr(told))
        self.step.wait(PATIENCE_S)

    def must(self, client, number, verb, epoch, **body):
        told = self.field.act(client, number, verb, epoch, **body)
        if not told.won:
            self.field.problems.append(repr(told))

    def one(self, place, client, number, kind):
        self.race(place, client, number)
        winner, epoch = self.owner
        if kind == 0 and place == (winner + 1) % RACERS:
            self.must(client, number, "take-over", epoch, reason="It is mine now")
        if kind in (1, 2) and place == winner:
            self.must(client, number, "release", epoch, reason="Not for me")
        self.step.wait(PATIENCE_S)
        if kind == 1:
            self.race(place, client, number)
        if place == winner and kind != 3:  # who had it writes as if nothing had happened
            for verb, body in (("note", {"body": "Late"}), ("pend", {"reason": "Late"}), ("release", {}), ("resolve", RESOLUTION), ("take-over", {"reason": "Late"})):
                self.field.act(client, number, verb, epoch, stale=True, **body)
        if place == winner and kind == 3:
            self.must(client, number, "note", epoch, body="In time")
            self.must(client, number, "resolve", epoch, **RESOLUTION)
        self.step.wait(PATIENCE_S)


class Field:
    """All races, and what their claimers were told."""

    def __init__(self, desk):
        self.desk, self.told, self.problems, self.repeated = desk, [], [], 0

    def submit(self):
        """All tickets, committed. (next() and append() are one step each, whatever thread takes it.)"""
        numbers, left = [], iter(range(TICKETS))

        def some(client):
            for _ in left:
                numbers.append(client.submitted("A race")["number"])
        together([threading.Thread(target=some, args=(self.desk.requester(region, n),)) for region in REGIONS for n in (1, 2, 3)])
        wait_for(lambda: int(self.desk.sql("SELECT count(*) FROM desk.ticket WHERE subject = 'A race'")[0][0]) >= TICKETS, 120, 0.5, "committed")
        return numbers

    def act(self, client, number, verb, epoch=None, stale=False, **body):
        """Repeats it with its key until there is an answer."""
        key, body = str(uuid.uuid4()), body if epoch is None else {"epoch": epoch, **body}

        def attempt():
            try:
                answer = client.act(number, verb, key=key, **body)
                if answer.status < 500 and answer.status != 429:
                    return answer
            except Exception:  # pylint: disable=broad-except
                pass
            self.repeated += 1
            return None
        told = Told(client, number, verb, epoch, stale, wait_for(attempt, PATIENCE_S, 0.05, f"answer to {verb}"))
        self.told.append(told)
        return told

    def threads(self, numbers):
        groups = CLAIMERS * len(REGIONS) // RACERS
        for group in range(groups):
            race = Race(self, numbers[group::groups])
            for place in range(RACERS):
                region = REGIONS[place % len(REGIONS)]
                client = Client(self.desk, region, f"agent-{region}-{1 + (group * 2 + place // 3) % 16}", timeout=10)
                yield threading.Thread(target=race.run, args=(place, client))


def together(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def strike(desk, done, counts, problems):
    """One blow after the other, until the races are over. A storm that ends early proves nothing: that is a problem, too."""
    try:
        blows(desk, done, counts)
    except Exception as error:  # pylint: disable=broad-except
        problems.append(f"the storm: {error!r}")


def blows(desk, done, counts):
    for signal, name, hold_s in itertools.cycle(BLOWS):
        if done.is_set():
            return
        pid = desk.pid(name)
        desk.control.signal(signal, name)
        counts[signal] += 1
        if signal == "STOP":
            try:
                done.wait(hold_s)
            finally:
                desk.control.signal("CONT", name)
        else:
            wait_for(lambda n=name, old=pid: desk.pid(n) not in (None, old), 60, what=f"{name} is back")
            done.wait(1)


# ---- the checker ----

OWNS = {"ticket.claimed", "ticket.taken_over"}
ENDS = {"ticket.released", "ticket.returned", "ticket.reopened", "ticket.transferred", "ticket.cancelled"}
TYPE = {"claim": "ticket.claimed", "take-over": "ticket.taken_over", "release": "ticket.released", "note": "ticket.noted", "pend": "ticket.pended",
        "resolve": "ticket.resolved"}


class History:
    """One ticket's events, gone through in order: who owned it before each, under which epoch."""

    def __init__(self, events):
        self.faults, self.before, self.after = [], {}, []
        owner, epoch, solved = None, 0, False
        for place, (seq, kind, actor, said) in enumerate(events, 1):
            if seq != place:
                self.faults.append(f"event {place} is {seq}")
            self.before[seq] = owner, epoch, kind, actor
            if kind == "ticket.claimed" and owner:
                self.faults.append(f"{seq}: {actor} claims what {owner} owns")
            if kind == "ticket.taken_over" and not owner:
                self.faults.append(f"{seq}: {actor} takes over what nobody owns")
            if kind in ("ticket.released", "ticket.pended", "ticket.resolved") and actor != owner:
                self.faults.append(f"{seq}: {actor} writes as the owner, who is {owner}")
            if kind in OWNS | ENDS:
                if said is None or said <= epoch:
                    self.faults.append(f"{seq}: epoch {said} after {epoch}")
                owner, epoch = (actor if kind in OWNS else None), said or epoch
            solved = kind == "ticket.resolved" or solved and kind != "ticket.reopened"
            self.after.append((epoch, owner, solved))
        self.wins = {said: actor for _, kind, actor, said in events if kind in OWNS}

    def forbids(self, told):
        """Whether the ticket stood, since the sender had its epoch, in a way in which the verb makes no sense."""
        since = [(owner, solved) for epoch, owner, solved in self.after if epoch >= (told.epoch or 0)]
        if told.verb == "claim":
            return any(solved for _, solved in since)
        return told.verb != "note" and any(solved or not owner for owner, solved in since)

    def judge(self, told):
        """What is wrong with an answer, by the events; None when nothing is."""
        if not told.won:
            known = {"already-claimed": told.now in self.wins, "ownership-lost": told.now != told.epoch, "bad-transition": self.forbids(told)}
            return None if known.get(told.slug) else "refused with what never was"
        if told.version not in self.before:
            return "done, but in no event"
        _, epoch, kind, actor = self.before[told.version]
        if (kind, actor) != (TYPE[told.verb], told.login):
            return f"done, but the event is {kind} by {actor}"
        if told.epoch not in (None, epoch):
            return f"accepted with epoch {told.epoch} when it was {epoch}"
        if kind in OWNS and self.wins.get(told.now) != told.login:
            return "won, but somebody else did"
        return None


def histories(desk):
    rows = defaultdict(list)
    for number, seq, kind, actor, epoch in desk.sql(
            "SELECT t.number, e.seq, e.type, e.actor, e.data ->> 'epoch' FROM desk.ticket t JOIN desk.event e ON e.ticket_id = t.id "
            "WHERE t.subject = 'A race' ORDER BY t.number, e.seq"):
        rows[number].append((int(seq), kind, actor, int(epoch) if epoch else None))
    return {number: History(events) for number, events in rows.items()}


def judge(field, found):
    """Every fault that the answers and the events show, each by itself and both together."""
    faults = [f"{number} {fault}" for number, history in found.items() for fault in history.faults]
    for told in field.told:
        fault = found[told.number].judge(told)
        if fault or (told.stale and told.won):
            faults.append(f"{told!r}: {fault or 'an old epoch'}")
    wins = Counter((told.number, told.now) for told in field.told if told.won and TYPE[told.verb] in OWNS)
    faults += [f"{number} with epoch {epoch} was won {n} times" for (number, epoch), n in wins.items() if n > 1]
    known = {(number, epoch) for number, history in found.items() for epoch in history.wins}
    faults += [f"{number} with epoch {epoch} was told to nobody" for number, epoch in known - wins.keys()]
    return faults


def test_the_checker_sees_what_must_not_be():
    class Answer:
        status, slug = 200, None

        def __init__(self, epoch, version):
            self.json = {"epoch": epoch, "version": version}

    class User:
        def __init__(self, login):
            self.user = login

    events = [(1, "ticket.created", "r", 0), (2, "ticket.claimed", "a", 1), (3, "ticket.released", "a", 2), (4, "ticket.claimed", "b", 3), (5, "ticket.noted", "a", 3)]
    right = History(events)
    assert not right.faults and right.wins == {1: "a", 3: "b"}
    field = Field(None)
    field.told = [Told(User(login), "EU-1", verb, sent, False, Answer(*now)) for login, verb, sent, now in
                  (("a", "claim", None, (1, 2)), ("a", "release", 1, (2, 3)), ("b", "claim", None, (3, 4)), ("a", "note", 3, (3, 5)))]
    assert not judge(field, {"EU-1": right})
    old = Told(User("a"), "EU-1", "note", 1, True, Answer(3, 5))
    for wrong in (old, Told(User("c"), "EU-1", "claim", None, False, Answer(3, 4)), Told(User("a"), "EU-1", "pend", 3, False, Answer(3, 5)),
                  Told(User("a"), "EU-1", "note", 3, False, Answer(3, 6)), field.told[2]):
        one = Field(None)
        one.told = [*field.told, wrong]
        assert judge(one, {"EU-1": right}), wrong
    refused = Told(User("a"), "EU-1", "pend", 1, True, Answer(3, 5))
    refused.won, refused.slug = False, "bad-transition"
    assert right.judge(refused) is None, "nobody owned it for a while"
    refused.epoch = 3
    assert right.judge(refused), "b owns it from then on"
    refused.verb, refused.epoch = "claim", None
    assert right.judge(refused), "it was never solved"
    field.told.pop(2)
    assert judge(field, {"EU-1": right}) == ["EU-1 with epoch 3 was told to nobody"]
    for wrong in ((3, "ticket.claimed", "b", 2), (3, "ticket.released", "b", 2), (3, "ticket.released", "a", 1), (4, "ticket.released", "a", 2), (3, "ticket.pended", "b", 1)):
        assert History([*events[:2], wrong]).faults, wrong


@pytest.mark.disturbs
def test_one_owner_and_no_old_epoch_whatever_is_killed(desk):
    field, done, struck = Field(desk), threading.Event(), Counter()
    for region, n in itertools.product(REGIONS, range(1, 17)):
        desk.token(f"agent-{region}-{n}")
    numbers = field.submit()
    storm, begun = threading.Thread(target=strike, args=(desk, done, struck, field.problems)), time.monotonic()
    storm.start()
    together(list(field.threads(numbers)))
    spent = time.monotonic() - begun
    done.set()
    storm.join()
    desk.ready()
    assert not field.problems, (len(field.problems), field.problems[:5])
    found = histories(desk)
    faults = judge(field, found)
    stale = [told for told in field.told if told.stale]
    told = Counter("done" if one.won else one.slug for one in field.told)
    print(f"{len(found)} tickets, {CLAIMERS} claimers in each region, {len(field.told)} answers ({dict(told)}), {sum(len(h.wins) for h in found.values())} "
          f"ownerships, {len(stale)} writes with an old epoch of which {sum(one.won for one in stale)} accepted, {field.repeated} attempts repeated, "
          f"blows {dict(struck)}, {spent:.0f} s, {len(faults)} faults")
    assert not faults, (len(faults), faults[:10])
    assert len(found) == TICKETS and len(stale) > TICKETS and struck["KILL"] and struck["STOP"]
    check_promises(desk)
