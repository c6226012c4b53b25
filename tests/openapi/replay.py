"""Sends every request example of docs/openapi.yaml to a running cluster and holds every answer against what the document says of it.

    replay.py [BASE_URL...]      default: MERIDIAN_URLS, else the three regions of a local cluster at MERIDIAN_PORT_BASE (8400)

    import replay; passed, failures = replay.run(["http://127.0.0.1:8401", ...])

Each operation is sent to every region by the account that its x-meridian-as names; what x-meridian-setup asks for is made before, in
the next region. A plan of service levels, or an organisation, is applied on top of the one in force, which is put back at once. Beside the examples, each operation gets the refusals that follow from its description: no token, an unknown number,
a body that is not JSON, an unknown member, a stale epoch, an old ETag, an unknown query parameter, a wrong cursor. Members of an answer
that the document does not name are failures, too.
"""
import http.client
import json
import os
import pathlib
import random
import socket
import sys
import time
import urllib.parse
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from document import Document, stream_events  # noqa: E402

PASSWORD = "meridian-demo"
_UNKNOWN = "EU-1"
_NUMBER_WAIT_S = 10
_STREAM_WAIT_S = 10
_ORGANISATION = "/api/v1/organisation"
_IN_FORCE = {"plan": "/api/v1/sla/plan", "organisation": _ORGANISATION}
_RESOLUTION = {"cause": "Wear", "solution": "Replaced", "prevention": "Yearly check"}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.kind = (headers.get("Content-Type") or "").partition(";")[0].strip()

    @property
    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.body[:300].decode(errors='replace')}"


class Refused(Exception):
    """A preparation did not work."""


class Client:
    """One account in one region, on one connection."""

    def __init__(self, base, token=None):
        url = urllib.parse.urlsplit(base)
        self.connection = (http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection)(url.netloc, timeout=20)
        self.token = token

    def call(self, method, path, body=None, headers=None, raw=None, token=True):
        headers = dict(headers or {})
        if body is not None:
            raw = json.dumps(body, ensure_ascii=False).encode()
        if raw is not None:
            headers.setdefault("Content-Type", "application/json")
        if self.token and token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        self.connection.request(method.upper(), path, body=raw, headers=headers)
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def must(self, method, path, body=None, statuses=(200, 201, 202)):
        answer = self.call(method, path, body, {"Idempotency-Key": str(uuid.uuid4())})
        if answer.status not in statuses:
            raise Refused(f"preparing by {method} {path}: {answer}")
        return answer


class Prepared:
    """What an example needs: a ticket and the epoch of its ownership, a session of its own, the plan or organisation that is in force, a shift and a swap of it."""

    def __init__(self, number=None, epoch=None, token=None, plan=None, path=None, other=None, shift=None, swap=None, seq=None):
        self.number, self.epoch, self.token, self.plan, self.path, self.other = number, epoch, token, plan, path, other
        self.shift, self.swap, self.seq = shift or {}, swap, seq

    def target(self, path, operation, document):
        """The path of the example, with the query that it cannot do without."""
        query = {p["name"]: p["example"] for p in document.parameters(operation, "query") if p.get("required")}
        path = path.replace("{number}", self.number or "").replace("{seq}", str(self.seq or 1))
        return path + ("?" + urllib.parse.urlencode(query) if query else "")

    def fill(self, body):
        """The example with what is true here and now."""
        if not isinstance(body, dict):
            return body
        now = {"epoch": self.epoch, "base_version": self.plan and self.plan["version"], "id": self.swap, **self.shift}
        if self.other:
            now |= {"to": self.other, "into": self.other}
        filled = {name: now.get(name, value) for name, value in body.items()}
        if self.path == _ORGANISATION and isinstance(filled.get("document"), dict):
            filled["document"] = self.beside(filled["document"])
        return filled

    def beside(self, document):
        """The example's organisation beside the one in force: its tickets need their teams, and their owners."""
        present = self.plan["document"]
        return {**document, **{name: {**document.get(name, {}), **present.get(name, {})} for name in ("desks", "teams", "agents", "services")}}


class Replay:
    def __init__(self, base_urls, document):
        self.bases, self.document = list(base_urls), document
        self.tokens, self.clients = {}, {}
        self.passed, self.failures = 0, []

    # ---- accounts and tickets ----

    def sign_in(self, login, base):
        return Client(base).must("POST", "/api/v1/sessions", {"user": login, "password": PASSWORD}).json["token"]

    def client(self, login, base):
        if login is None:
            return Client(base)
        if login not in self.tokens:
            self.tokens[login] = self.sign_in(login, base)
        if (login, base) not in self.clients:
            self.clients[login, base] = Client(base, self.tokens[login])
        return self.clients[login, base]

    def prepare(self, setup, login, base):
        """Makes it in the region after this one, as the people do who would."""
        there = self.bases[(self.bases.index(base) + 1) % len(self.bases)]
        if setup is None:
            return Prepared()
        if setup == "session":
            return Prepared(token=self.sign_in(login, there))
        if setup in _IN_FORCE:
            return Prepared(plan=self.in_force(_IN_FORCE[setup], base), path=_IN_FORCE[setup])
        if setup in ("shift", "swap"):
            return self.prepare_shift(setup, base)
        requester, agent = self.client("requester-eu-1", there), self.client("agent-eu-1", there)
        if setup == "offered-ticket":
            return Prepared(self.prepare_offer(requester, agent, base), 0)
        number = requester.must("POST", "/api/v1/tickets", {"subject": "For an example", "description": "Of the API's document"}).json["number"]
        end = time.monotonic() + _NUMBER_WAIT_S
        while requester.call("GET", f"/api/v1/tickets/{number}").status != 200:
            if time.monotonic() > end:
                raise Refused(f"{number} was accepted, but not committed within {_NUMBER_WAIT_S} s")
        if setup == "ticket":
            return Prepared(number, 0)
        if setup in ("two-tickets", "linked-tickets", "merged-ticket"):
            other = self.prepare("ticket", login, base).number
            if setup == "linked-tickets":
                agent.must("POST", f"/api/v1/tickets/{number}:link", {"kind": "depends_on", "to": other})
            if setup == "merged-ticket":
                agent.must("POST", f"/api/v1/tickets/{number}:merge", {"into": other})
            return Prepared(number, 0, other=other)
        if setup == "transferred-ticket":
            agent.must("POST", f"/api/v1/tickets/{number}:transfer", {"team": "network", "reason": "Cables"})
        epoch = agent.must("POST", f"/api/v1/tickets/{number}:claim", {}).json["epoch"]
        if setup == "replied-ticket":
            return Prepared(number, epoch, seq=requester.must("POST", f"/api/v1/tickets/{number}:reply", {"body": "The scanner, too."}).json["version"])
        if setup in ("resolved-ticket", "closed-ticket"):
            agent.must("POST", f"/api/v1/tickets/{number}:resolve", {"epoch": epoch, **_RESOLUTION})
            if setup == "closed-ticket":
                requester.must("POST", f"/api/v1/tickets/{number}:confirm", {})
        elif setup not in ("claimed-ticket", "transferred-ticket"):
            raise Refused(f"nobody knows how to make a {setup}")
        return Prepared(number, epoch)

    def prepare_offer(self, requester, agent, base):
        """A ticket that is offered to agent-eu-1, in a team that has nobody else; what is offered to them already is declined."""
        present, name = self.in_force(_ORGANISATION, base), "offers-of-examples"
        document = present["document"]
        if name not in document["teams"]:
            document["teams"][name] = {"title": {"en": "Offers", "zh": "派单"}, "tier": 1, "mode": "offer", "offer": {"accept_within": 600}}
            document.setdefault("services", {})[name] = {"team": name}
            document["agents"]["agent-eu-1"]["teams"].append(name)
            document["desks"]["always"] = {"region": "eu"}  # or nothing is offered at night
            document["agents"]["agent-eu-1"]["desk"] = "always"
            self.client("admin", base).must("POST", _ORGANISATION, {"document": document, "base_version": present["version"]})
            del self.tokens["agent-eu-1"]  # a session knows its teams
            self.clients = {key: client for key, client in self.clients.items() if key[0] != "agent-eu-1"}
            agent = self.client("agent-eu-1", base)
        for offer in agent.must("GET", "/api/v1/offers").json["items"]:
            agent.must("POST", f"/api/v1/tickets/{offer['number']}:decline", {"reason": "Another example"})
        agent.must("PUT", "/api/v1/me/presence", {"state": "available"})
        number = requester.must("POST", "/api/v1/tickets", {"subject": "For an example", "description": "An offer", "service": name}).json["number"]
        end = time.monotonic() + _NUMBER_WAIT_S
        while number not in [offer["number"] for offer in agent.must("GET", "/api/v1/offers").json["items"]]:
            if time.monotonic() > end:
                raise Refused(f"{number} was not offered within {_NUMBER_WAIT_S} s")
        return number

    def in_force(self, path, base):
        return self.client("admin", base).must("GET", path).json

    def prepare_shift(self, setup, base):
        """A minute of next year, by chance, of which agent-eu-1 is on call; what else they asked for is withdrawn."""
        agent, plan = self.client("agent-eu-1", base), self.in_force(_IN_FORCE["plan"], base)
        network = {"zone": "UTC", "rules": [{"user": "agent-eu-1"}, {"user": "agent-eu-2", "days": []}]}
        document = {**plan["document"], "schedules": {**plan["document"].get("schedules", {}), "network": network}}
        self.client("admin", base).must("POST", "/api/v1/sla/plan", {"document": document, "base_version": plan["version"]})
        for swap in agent.must("GET", "/api/v1/oncall/swaps?state=asked").json["items"]:
            if swap["asked_by"] == "agent-eu-1":
                agent.must("POST", "/api/v1/oncall/swaps:withdraw", {"id": swap["id"]})
        start = (int(time.time()) // 60 + 1440 + random.randrange(500_000)) * 60
        shift = {name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for name, at in (("from", start), ("to", start + 60))}
        swap = agent.must("POST", "/api/v1/oncall/swaps", {"schedule": "network", "partner": "agent-eu-2", **shift}).json["id"] if setup == "swap" else None
        return Prepared(plan=plan, path=_IN_FORCE["plan"], shift=shift, swap=swap)

    def put_back(self, made, base):
        """The plan or organisation that was in force before the example."""
        if made.plan:
            self.client("admin", base).must("POST", made.path, {"document": made.plan["document"], "base_version": self.in_force(made.path, base)["version"]})

    # ---- judging ----

    def note(self, where, faults):
        if faults:
            self.failures.append(f"{where}: {faults if isinstance(faults, str) else '; '.join(faults)}")
        else:
            self.passed += 1

    def faults(self, operation, answer, statuses):
        """What the answer has that the operation's description does not, or the other way round."""
        if answer.status not in statuses:
            return f"expected {' or '.join(map(str, statuses))}, got {answer}"
        if str(answer.status) not in operation["responses"]:
            return f"status {answer.status} is not described"
        described = self.document.resolve(operation["responses"][str(answer.status)])
        faults = []
        for name, header in described.get("headers", {}).items():
            header, value = self.document.resolve(header), answer.headers.get(name)
            if value is None:
                faults += [f"no header {name}"] if header.get("required") else []
            else:
                value = int(value) if header["schema"].get("type") == "integer" and value.isdigit() else value
                faults += [f"header {name} {fault}" for fault in self.document.faults(header["schema"], value)]
        content = described.get("content")
        if not content:
            return faults + ([f"a body that is not described: {answer}"] if answer.body else [])
        if answer.kind not in content:
            return faults + [f"Content-Type {answer.kind or 'is missing'}"]
        value = answer.json if answer.kind.endswith("json") else answer.body.decode()
        return faults + self.document.faults(content[answer.kind]["schema"], value)

    # ---- sending ----

    def replay(self, base, path, method, operation):
        logins = operation.get("x-meridian-as")
        for parameter in self.document.parameters(operation, "path"):
            if parameter["name"] not in ("number", "seq"):  # those are of a ticket that is made for it
                path = path.replace("{%s}" % parameter["name"], parameter["example"])
        for login in logins if isinstance(logins, list) else [logins]:
            where = f"{base} {method.upper()} {path}" + (f" as {login}" if login else "")
            try:
                self.examples(where, base, login, path, method, operation)
                self.refusals(where, base, login, path, method, operation)
            except (Refused, OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.clients.clear()
                self.note(where, f"{type(error).__name__}: {error}")

    def examples(self, where, base, login, path, method, operation):
        good = [operation["x-meridian-answers"]] if "x-meridian-answers" in operation else [int(status) for status in operation["responses"] if status.startswith("2")]
        names = {p["name"] for p in self.document.parameters(operation, "header")}
        for name, body in self.document.requests(operation):
            made = self.prepare(operation.get("x-meridian-setup"), login, base)
            client = Client(base, made.token) if made.token else self.client(login, base)
            target = made.target(path, operation, self.document)
            if "text/event-stream" in operation["responses"].get("200", {}).get("content", {}):
                self.stream(where, base, client, target, operation)
                continue
            body = made.fill(body)
            headers = {"Idempotency-Key": str(uuid.uuid4())} if "Idempotency-Key" in names else {}
            answer = client.call(method, target, body, headers)
            self.note(f"{where} ({name})", self.faults(operation, answer, good))
            self.put_back(made, base)
            if headers and answer.status in good:
                again = client.call(method, target, body, headers)
                same = [] if not answer.body or again.json == answer.json else [f"answered differently: {again}"]
                self.note(f"{where} ({name}) repeated with its key", self.faults(operation, again, good) or same)
            if "304" in operation["responses"] and answer.headers.get("ETag"):
                again = client.call(method, target, None, {"If-None-Match": answer.headers["ETag"]})
                self.note(f"{where} ({name}) known already", self.faults(operation, again, [304]))
        self.queries(where, base, login, path, method, operation)

    def queries(self, where, base, login, path, method, operation):
        """Each query parameter alone, with its example; then the second page."""
        client = self.client(login, base)
        for parameter in self.document.parameters(operation, "query"):
            if "{" in path or "example" not in parameter or path == "/api/v1/events" or parameter.get("required"):
                continue
            answer = client.call(method, f"{path}?{urllib.parse.urlencode({parameter['name']: parameter['example']})}")
            self.note(f"{where} ?{parameter['name']}", self.faults(operation, answer, [200]))
        if not any(p["name"] == "cursor" for p in self.document.parameters(operation, "query")):
            return
        target = path.replace("{number}", self.prepare("claimed-ticket", login, base).number)
        first = client.call(method, target + "?limit=1")
        self.note(f"{where} ?limit=1", self.faults(operation, first, [200]))
        if first.status == 200 and first.json["next"]:
            link = (first.headers.get("Link") or "").partition(">")[0].lstrip("<")
            second = client.call(method, link or target)
            self.note(f"{where} second page", self.faults(operation, second, [200]) or
                      ("the same as the first" if second.json["items"] == first.json["items"] else ""))
        self.refused(where + " with a wrong cursor", operation, client.call(method, target + "?cursor=bm90LWEtY3Vyc29y"), 400, "bad-cursor")

    def subscribe(self, base, client, target, end):
        """A stream that says where it begins, so that whatever happens from now on is in it: (socket, text so far). One that does
        not (the first after a while, when the region has to look first) is opened again."""
        url = urllib.parse.urlsplit(base)
        while True:
            feed = socket.create_connection((url.hostname, url.port), timeout=max(0.1, end - time.monotonic()))
            feed.sendall(f"GET {target} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {client.token}\r\n\r\n".encode())
            text = ""
            while "\nretry:" not in text or not text.endswith("\n\r\n"):
                part = feed.recv(65536)
                text += part.decode(errors="replace")
                if not part:
                    raise Refused(f"not a stream: {text[:300]}")
            if "\nid: " in text:
                return feed, text
            feed.close()

    def stream(self, where, base, client, target, operation):
        """Opens the feed, makes something happen, and waits until it is told."""
        end = time.monotonic() + _STREAM_WAIT_S
        feed, text = self.subscribe(base, client, target, end)
        head = text.partition("\r\n\r\n")[0].lower()
        faults = [] if head.startswith("http/1.1 200") else ["not 200"]
        faults += [f"no {line}" for line in ("content-type: text/event-stream", "x-accel-buffering: no") if line not in head]
        self.note(where + " opened", faults)
        number, seen = self.prepare("claimed-ticket", None, base).number, []
        with feed:
            try:
                while len(seen) < 2 and time.monotonic() < end:
                    text += feed.recv(65536).decode(errors="replace")
                    # Chunks begin with a line of their size, which is no field of an event.
                    events = stream_events(text.partition("\r\n\r\n")[2])
                    seen = [e for e in events if e[1] != "reset" and e[2]["subject"] == number]
            except TimeoutError:
                pass
        self.note(where + " (two events)", [] if len(seen) >= 2 else f"{len(seen)} events of {number} within {_STREAM_WAIT_S} s")
        for ident, kind, data in seen:
            faults = self.document.faults({"$ref": "#/components/schemas/LiveEvent"}, data)
            if ident != data["id"] or data["type"] != f"org.meridian.{kind}.v1":
                faults.append("the lines id and event differ from the envelope")
            self.note(f"{where} ({kind})", faults)

    # ---- what is refused ----

    def refused(self, where, operation, answer, status, code):
        faults = self.faults(operation, answer, [status])
        if not faults and answer.json["code"] != code:
            faults = [f"expected {code}, got {answer}"]
        self.note(where, faults)

    def refusals(self, where, base, login, path, method, operation):
        client, secured = self.client(login, base), operation.get("security") != []
        setup = operation.get("x-meridian-setup")
        made = self.prepare(setup if "{" in path or setup in (*_IN_FORCE, "shift", "swap") else None, login, base)
        target, unknown = made.target(path, operation, self.document), path.replace("{number}", _UNKNOWN).replace("{seq}", "1")
        body = made.fill(next((b for _, b in self.document.requests(operation) if b), {}))
        send = {"body": body} if "requestBody" in operation else {}
        if secured:
            self.refused(where + " without a token", operation, client.call(method, target, token=False, **send), 401, "unauthenticated")
        if "{number}" in path:
            answer = client.call(method, unknown, headers={"Accept-Language": "zh-CN"}, **send)
            self.refused(where + " of an unknown ticket", operation, answer, 404, "not-found")
            self.note(where + " in Chinese", "" if answer.json.get("title") == "未找到" else f"the title is not Chinese: {answer}")
        self.refused(where + " with an unknown query parameter", operation, client.call(method, target + ("&" if "?" in target else "?") + "colour=red", **send), 400, "bad-request")
        if send:
            self.refused(where + " with a body that is no JSON", operation, client.call(method, target, raw=b'{"a":'), 400, "malformed-json")
            self.refused(where + " with text", operation, client.call(method, target, raw=b"{}", headers={"Content-Type": "text/plain"}), 415, "unsupported-media-type")
            self.refused(where + " with an unknown member", operation, client.call(method, target, {**body, "colour": "red"}), 422, "validation")
        self.preconditions(where, client, method, target, operation, made, body)
        if made.shift:
            self.put_back(made, base)

    def preconditions(self, where, client, method, target, operation, made, body):
        """Epochs and versions. Nothing here changes the ticket but the last call."""
        if "428" in operation["responses"]:
            without = {name: value for name, value in body.items() if name != "epoch"}
            self.refused(where + " without an epoch", operation, client.call(method, target, without), 428, "precondition-required")
        if made.number and "epoch" in body:
            self.refused(where + " with a stale epoch", operation, client.call(method, target, {**body, "epoch": made.epoch + 7}), 409, "ownership-lost")
        if "412" in operation["responses"]:
            other, headers = ({**body, "base_version": made.plan["version"] + 7}, {}) if made.plan else (body, {"If-Match": '"999999"'})
            self.refused(where + " of another version", operation, client.call(method, target, other, headers), 412, "precondition-failed")
        if target.endswith(":claim"):
            client.must("POST", target, {})
            self.refused(where + " when it is taken", operation, client.call(method, target, {}), 409, "already-claimed")
        elif target.endswith((":confirm", ":reopen", ":cancel")):
            client.must("POST", target, body)
            self.refused(where + " twice", operation, client.call(method, target, body), 409, "bad-transition")


def run(base_urls, document=None):
    """Replays everything in every region. Returns how many checks passed, and a line for each that did not."""
    replay = Replay(base_urls, document or Document(strict=True))
    for path, method, operation in replay.document.operations():
        for base in replay.bases:
            replay.replay(base, path, method, operation)
    return replay.passed, replay.failures


def base_urls():
    """Of the command line, of MERIDIAN_URLS, or of the local cluster."""
    base = int(os.environ.get("MERIDIAN_PORT_BASE", "8400"))
    return sys.argv[1:] or os.environ.get("MERIDIAN_URLS", "").split() or [f"http://127.0.0.1:{base + n}" for n in (1, 2, 3)]


def main():
    passed, failures = run(base_urls())
    print("\n".join(failures + [f"{passed} passed, {len(failures)} failed"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
