"""Agents who insist while routers die, and a watcher who looks all the time, in one snapshot of the database, that each open ticket has exactly one of an owner, an
open offer, a place in the queue."""
import random
import threading

from desk import HELD


class Crowd:
    """Counts what was accepted, how often was looked, and what was found in no hands or in several."""

    def __init__(self, desk):
        self.desk, self.stop, self.accepted, self.looks, self.astray = desk, threading.Event(), 0, 0, []

    def insist(self, call):
        while not self.stop.is_set():
            try:
                answer = call()
                if answer.status < 500 and answer.status != 429:
                    return answer
            except OSError:
                pass
            self.stop.wait(0.1)
        return None

    def answer(self, region, n, solves=False):
        """Takes what is offered, declines it, or says nothing."""
        client, chance = self.desk.agent(region, n), random.Random(n)
        while not self.stop.is_set():
            self.insist(lambda: client.call("PUT", "/api/v1/me/presence", {"state": "available"}))
            offers = self.insist(lambda: client.get("/api/v1/offers"))
            for offer in offers.json["items"] if offers and offers.status == 200 else []:
                number, turn = offer["number"], chance.random()
                if turn < 0.2:
                    continue
                verb, body = ("decline", {"reason": "Busy"}) if turn < 0.4 else ("accept", {})
                done = self.insist(lambda v=verb, m=number, b=body: client.act(m, v, key=f"{v}-{m}-{client.user}", **b))
                if verb == "accept" and done and done.status == 200:
                    self.accepted += 1
                    if solves:
                        self.insist(lambda m=number, e=done.json["epoch"]: client.act(m, "resolve", epoch=e, cause="c", solution="s", prevention="p"))
            self.stop.wait(0.1)

    def watch(self):
        while not self.stop.is_set():
            try:
                self.astray += self.desk.sql(HELD)
                self.looks += 1
            except Exception:  # pylint: disable=broad-except
                pass  # the database answers again, or the test ends for another reason
            self.stop.wait(0.02)
