"""What end-to-end tests talk with: a cluster of their own, started by deploy/local/up, and keep-alive HTTP clients.

Tests see Meridian as its users do: the API of three regions, deskctl, the inbox, the webhook receiver. Only the checkers look
into the database.
"""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "deploy" / "local"))
from control import Control  # noqa: E402
from layout import PASSWORD, REGIONS, Layout  # noqa: E402
from postgres import Postgres  # noqa: E402

_LOCAL = ROOT / "deploy" / "local"


def free_base():
    """A port base whose every port is free."""
    for base in range(18400, 30000, 1000):
        for port in Layout(var="/tmp/none", base=base).ports():
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                except OSError:
                    break
        else:
            return base
    raise RuntimeError("no free range of ports")


def wait_for(condition, timeout=10.0, every=0.02, what="condition"):
    """Polls until `condition()` is true and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout:g} s (last: {value!r})")
        time.sleep(every)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body) if self.body else None

    @property
    def slug(self):
        """The kind of problem, from its type; None for an answer that is no problem."""
        if self.headers.get("Content-Type", "").startswith("application/problem+json"):
            return self.json["type"].rpartition(":")[2]
        return None

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


class Client:
    """One user on one keep-alive connection to one region."""

    def __init__(self, desk, region, user=None, token=None, tls=False, timeout=30):
        self.desk, self.region, self.user = desk, region, user
        self.token = token or (desk.token(user) if user else None)
        port = desk.layout.api_tls(region) if tls else desk.layout.api(region)
        self.tls, self.port, self.timeout = tls, port, timeout
        self.connection = None

    def _connect(self):
        if self.tls:
            context = ssl.create_default_context(cafile=str(self.desk.layout.pki / "ca.crt"))
            return http.client.HTTPSConnection("localhost", self.port, timeout=self.timeout, context=context)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)

    def call(self, method, path, body=None, headers=None, raw=None):
        """`body` is sent as JSON, `raw` as it is. A keep-alive connection that the server had closed is opened anew, as
        every HTTP client does; any other failure is raised."""
        headers = dict(headers or {})
        if body is not None:
            raw = json.dumps(body, ensure_ascii=False).encode()
        if raw is not None:
            headers.setdefault("Content-Type", "application/json")
        if self.token and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {self.token}"
        reused = self.connection is not None
        try:
            return self._once(method, path, raw, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            if not reused or (method != "GET" and "Idempotency-Key" not in headers):
                raise
            return self._once(method, path, raw, headers)
        except Exception:
            self.close()
            raise

    def _once(self, method, path, raw, headers):
        if self.connection is None:
            self.connection = self._connect()
        self.connection.request(method, path, body=raw, headers=headers)
        answer = self.connection.getresponse()
        result = Answer(answer.status, answer.headers, answer.read())
        if answer.will_close:
            self.close()
        return result

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body if body is not None or "raw" in more else {}, **more)

    # ---- what a desk does ----

    def submit(self, subject="The scanner eats paper", key=None, **fields):
        return self.post("/api/v1/tickets", {"subject": subject, "description": "It happens every morning.", **fields},
                         headers={"Idempotency-Key": key or str(uuid.uuid4())})

    def submitted(self, *args, **fields):
        """Submits, insists on success, returns the answer's JSON."""
        answer = self.submit(*args, **fields)
        assert answer.status in (201, 202), answer
        return answer.json

    def ticket(self, number):
        return self.get(f"/api/v1/tickets/{number}")

    def act(self, number, verb, key=None, **body):
        return self.post(f"/api/v1/tickets/{number}:{verb}", body, headers={"Idempotency-Key": key} if key else None)


class Desk:
    """A running cluster. `var` given: one that runs already, for trying single tests. `clock`: how fast its time goes, `clock_from`: and where it begins."""

    def __init__(self, var=None, base=None, clock=None, clock_from=None):
        self.own, self.clock = var is None, ["--clock", clock, *(["--clock-from", clock_from] if clock_from else [])] if clock else []
        if self.own:
            var, base = tempfile.mkdtemp(prefix="meridian-e2e-"), free_base()
        self.layout = Layout(var=var, base=base)
        self.env = {**os.environ, "MERIDIAN_VAR": str(self.layout.var), "MERIDIAN_PORT_BASE": str(self.layout.base),
                    "XDG_CONFIG_HOME": str(self.layout.var / "home"), "XDG_STATE_HOME": str(self.layout.var / "home"),
                    "XDG_CACHE_HOME": str(self.layout.var / "home"), "HOME": str(self.layout.var / "home"), "LC_ALL": "C.UTF-8"}
        self.control, self.postgres = Control(self.layout), Postgres(self.layout)
        self._tokens = {}

    def start(self):
        if self.own:
            self.local("up", "--no-build", "--quiet", *self.clock)
            self.layout = Layout(var=self.layout.var, base=self.layout.base)  # which knows the clock now

    def finish(self, keep_logs=None):
        if self.own:
            self.local("down", "--quiet", check=False)
            if keep_logs:
                shutil.rmtree(keep_logs, ignore_errors=True)
                shutil.copytree(self.layout.log, keep_logs, ignore_dangling_symlinks=True)
            shutil.rmtree(self.layout.var, ignore_errors=True)
            if self.layout.sockets != self.layout.run:
                shutil.rmtree(self.layout.sockets, ignore_errors=True)

    def local(self, command, *args, check=True):
        done = subprocess.run([_LOCAL / command, *args], env=self.env, capture_output=True, text=True, check=False, timeout=300)
        if check and done.returncode:
            raise AssertionError(f"deploy/local/{command} {' '.join(args)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def status(self):
        return json.loads(self.local("status", "-o", "json", check=False).stdout)

    # ---- processes ----

    def pid(self, name):
        return next(row["pid"] for row in self.control.list() if row["name"] == name)

    def kill(self, *names):
        return self.control.signal("KILL", *names)

    def start_again(self, *names):
        """Starts what a test stopped; returns when PostgreSQL takes connections again."""
        for name in self.control.start(*names):
            if name.startswith("postgres-"):
                self.postgres.wait(name.removeprefix("postgres-"))

    def ready(self):
        """Waits until every process says that it is ready."""
        wait_for(lambda: all(row["readiness"] == "ready" for row in self.status()["instances"]), 40, 0.2, "cluster ready")

    # ---- clients ----

    def token(self, user):
        if user not in self._tokens:
            region = user.split("-")[1] if "-" in user else "eu"
            answer = Client(self, region).post("/api/v1/sessions", {"user": user, "password": PASSWORD})
            assert answer.status in (200, 201), answer
            self._tokens[user] = answer.json["token"]
        return self._tokens[user]

    def client(self, region="eu", user=None, **more):
        return Client(self, region, user, **more)

    def agent(self, region="eu", n=1, at=None):
        return Client(self, at or region, f"agent-{region}-{n}")

    def requester(self, region="eu", n=1, at=None):
        return Client(self, at or region, f"requester-{region}-{n}")

    def lead(self, region="eu"):
        return Client(self, region, f"lead-{region}-1")

    def deskctl(self, *args, stdin=None, url=None, **more):
        """Runs deskctl, with more in its environment; returns (status, standard output, standard error)."""
        env = {**self.env, "MERIDIAN_URL": url or self.layout.url("eu"), **more}
        for name in ("MERIDIAN_VAR", "MERIDIAN_PORT_BASE"):
            env.pop(name)
        done = subprocess.run([self.layout.bin / "deskctl", *args], env=env, capture_output=True, text=True, input=stdin, check=False,
                              timeout=120)
        return done.returncode, done.stdout, done.stderr

    # ---- the outside ----

    def mails(self, to="", subject="", limit=100):
        return self._fetch(self.layout.inbox, f"/api/mails?to={to}&subject={subject}&limit={limit}")["mails"]

    def webhooks(self, **query):
        return self._fetch(self.layout.webhook, "/api/received?" + "&".join(f"{k}={v}" for k, v in query.items()))["received"]

    @staticmethod
    def _fetch(port, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def sql(self, text, region="eu"):
        return self.postgres.sql(region, text)

    def metric(self, name, instance, label=None):
        """The value of a metric of an instance, summed over labels unless one is named; None when it is not there."""
        row = next(row for row in self.control.list() if row["name"] == instance)
        connection = http.client.HTTPConnection("127.0.0.1", row["port"], timeout=5)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines
                  if line.startswith((name + " ", name + "{")) and (not label or label in line)]
        return sum(values) if values else None


# New and open tickets that have not exactly one of an owner, an open offer, a place in the queue: none, at any instant.
HELD = ("SELECT t.number, t.state, t.owner_id, t.offered_to FROM desk.ticket t WHERE t.state IN ('new', 'open') AND "
        "(t.owner_id IS NOT NULL)::int + EXISTS (SELECT FROM desk.offer o WHERE o.ticket_id = t.id AND o.outcome IS NULL)::int "
        "+ EXISTS (SELECT FROM desk.ready r WHERE r.ticket_id = t.id)::int <> 1")
@contextlib.contextmanager
def kept(desk):
    """A cluster for a run of pytest, administrator signed in; its logs stay when it is gone."""
    try:
        desk.start()
        status, out, err = desk.deskctl("login", "admin", "--password", PASSWORD)
        assert status == 0, out + err
        yield desk
    finally:
        desk.finish(keep_logs=ROOT / "build" / "test-log" / "cluster")


def check_promises(desk, keys=None):
    """What must hold after anything: no gap and no broken link in any ticket's events, one ticket a key, one owner at a time,
    epochs that only rise. `keys`: client keys that were acknowledged, each of which must have become exactly one ticket."""
    gaps = desk.sql("SELECT t.number FROM desk.ticket t LEFT JOIN LATERAL (SELECT count(*) c, min(seq) lo, max(seq) hi FROM desk.event e "
                    "WHERE e.ticket_id = t.id) e ON true WHERE e.c <> t.event_seq OR e.lo <> 1 OR e.hi <> t.event_seq")
    assert not gaps, f"events with gaps: {gaps[:5]}"
    status, out, err = desk.deskctl("audit", "verify", "--as", "admin")
    assert status == 0, out + err
    doubles = desk.sql(
        "WITH o AS (SELECT ticket_id, seq, type, (data->>'epoch')::bigint epoch, lag((data->>'epoch')::bigint) OVER w before "
        "FROM desk.event WHERE data ? 'epoch' AND type IN ('ticket.claimed', 'ticket.released', 'ticket.transferred', "
        "'ticket.reopened', 'ticket.returned', 'ticket.taken_over', 'ticket.assigned', 'ticket.offer_accepted') WINDOW w AS (PARTITION BY ticket_id ORDER BY seq)) "
        "SELECT ticket_id, seq FROM o WHERE epoch <= before")
    assert not doubles, f"epochs that do not rise: {doubles[:5]}"
    twice = desk.sql("WITH o AS (SELECT ticket_id, type, lag(type) OVER (PARTITION BY ticket_id ORDER BY seq) before FROM desk.event "
                     "WHERE type IN ('ticket.claimed', 'ticket.released', 'ticket.transferred', 'ticket.reopened', 'ticket.cancelled', "
                         "'ticket.confirmed', 'ticket.returned', 'ticket.taken_over', 'ticket.assigned', 'ticket.offered', 'ticket.offer_accepted', 'ticket.merged')) SELECT ticket_id FROM o "
                         "WHERE type = 'ticket.claimed' AND before IN ('ticket.claimed', 'ticket.taken_over', 'ticket.assigned', 'ticket.offer_accepted')")
    assert not twice, f"claimed while owned: {twice[:5]}"
    astray = desk.sql(HELD)
    assert not astray, f"without exactly one of owner, offer, place in the queue: {astray[:5]}"
    if keys is not None:
        stored = {}
        for key, count in desk.sql("SELECT client_key, count(*) FROM desk.ticket GROUP BY 1"):
            stored[key] = int(count)
        lost = [key for key in keys if key not in stored]
        doubled = [key for key in keys if stored.get(key, 0) > 1]
        assert not lost and not doubled, f"{len(lost)} lost, {len(doubled)} doubled of {len(keys)}; first lost {lost[:3]}"
