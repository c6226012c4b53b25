"""A million armed clocks, several schedulers, and kills: what fires when, how often, and what it costs.

A private PostgreSQL (durable, as in production) is filled with bulk SQL; meridian-sla processes run against it, nothing else does.
While so many clocks come due within the measured time, schedulers are killed with SIGKILL in turn and started again at once. The
table of events is the witness: one event for each clock that was due, none for any other. Everything is in a folder of its own
and stops by itself.
"""
import contextlib
import itertools
import os
import pathlib
import re
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PG_BIN = "/usr/lib/postgresql/15/bin"
_OPTIONS = ("-c", "fsync=on", "-c", "full_page_writes=on", "-c", "autovacuum=on", "-c", "shared_buffers=256MB", "-c", "checkpoint_timeout=10min",
            "-c", "wal_compression=lz4", "-c", "random_page_cost=1.1")


class PrivatePostgres:
    """A migrated database that is gone at the end, whatever way this process ends."""

    def __init__(self, programs, *options):
        self.programs, self.options = programs, (*_OPTIONS, *options)

    def __enter__(self):
        self.guard = subprocess.Popen([ROOT / "tests/db/postgres-guard.sh", PG_BIN, *self.options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.host = self.guard.stdout.readline().split()[1]
        self.guard.stdin.write("start\n")
        self.guard.stdin.flush()
        self.guard.stdout.readline()
        self.sql("CREATE DATABASE meridian", database="postgres")
        subprocess.run([self.programs / "meridian-migrate", "--db", self.conninfo("postgres"), "--dir", ROOT / "schema"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.guard.stdin.close()
        self.guard.wait(60)

    def conninfo(self, role):
        return f"host={self.host} user={role} dbname=meridian"

    def sql(self, text, database="meridian"):
        """Rows as lists of texts."""
        done = subprocess.run([f"{PG_BIN}/psql", "-h", self.host, "-U", "postgres", "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1"], input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [line.split("|") for line in done.stdout.splitlines()]

    def script(self, path, **variables):
        """Runs a file of psql."""
        subprocess.run([f"{PG_BIN}/psql", "-h", self.host, "-U", "postgres", "-d", "meridian", "-Xq", "-v", "ON_ERROR_STOP=1", *(f"--set={name}={value}" for name, value in variables.items()), "-f", path],
                       check=True, stdout=subprocess.DEVNULL)

    def value(self, text):
        return self.sql(text)[0][0]

    def holders(self):
        """How many shards each scheduler has, by its name."""
        return {name: int(n) for name, n in self.sql("SELECT holder, count(*) FROM desk.shard_lease WHERE until > clock_timestamp() GROUP BY 1")}

    def fill(self, timers):
        """Two clocks a ticket, due tomorrow."""
        self.sql(f"""
            SET synchronous_commit = off;
            INSERT INTO desk.region (code, name, zone) VALUES ('eu', 'eu', 'UTC') ON CONFLICT DO NOTHING;
            INSERT INTO desk.team (id, slug, name_en, name_zh, tier) VALUES (1, 'desk', 'd', 'd', 1) ON CONFLICT DO NOTHING;
            INSERT INTO desk.app_user (id, login, name, email, role, region) VALUES (gen_random_uuid(), 'r', 'r', 'r', 'requester', 'eu');
            INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, channel, subject, description, impact, urgency, priority, language,
                                     requester_id, submitter_id, team_id, accepted_at, event_seq, event_hash)
                SELECT gen_random_uuid(), 'EU-' || i, gen_random_uuid(), '', '', 'eu', 'api', '', '', 2, 2, 3, 'en', u.id, u.id, 1, now(), 1, ''
                FROM generate_series(1, {timers // 2}) i, desk.app_user u;
            INSERT INTO desk.clock (ticket_id, target, state, started_at, target_s, warn_percent, due_at, warn_at, fire_at)
                SELECT t.id, v.target, 'running', now(), 172800, 75, now() + interval '2 d', now() + interval '1 d', now() + interval '1 d' + substr(t.number, 4)::int * interval '10 ms'
                FROM desk.ticket t, (VALUES ('first_response'), ('resolve')) v (target);
            ANALYZE desk.ticket, desk.clock;""")

    def make_due(self, due, seconds, lead):
        """The warnings of so many clocks, spread evenly over a time that begins in `lead` seconds. Returns when it ends."""
        begun = time.monotonic()
        self.sql(f"""
            WITH chosen AS (SELECT ticket_id, row_number() OVER () AS n FROM desk.clock WHERE target = 'resolve' LIMIT {due})
            UPDATE desk.clock c SET fire_at = now() + ({lead} + {seconds} * chosen.n / {due}.0) * interval '1 s', warn_at = now()
                FROM chosen WHERE c.ticket_id = chosen.ticket_id AND c.target = 'resolve';""")
        return begun + lead + seconds


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Scheduler:
    """One meridian-sla beside the primary, without a bus: the clocks are all it looks after."""

    def __init__(self, database, programs, n, log):
        self.port, self.name, self.log, self.process = free_port(), f"sla-eu-{n}", log, None
        self.argv = [programs / "meridian-sla"]
        self.env = {**{name: value for name, value in os.environ.items() if not name.startswith("MERIDIAN_")}, "MERIDIAN_REGION": "eu", "MERIDIAN_HOME_REGION": "eu", "MERIDIAN_INSTANCE": self.name, "MERIDIAN_DB": database.conninfo("meridian_sla"),
                    "MERIDIAN_ADMIN_LISTEN": f"127.0.0.1:{self.port}"}

    def start(self):
        self.process = subprocess.Popen(self.argv, env=self.env, stdout=self.log, stderr=self.log, start_new_session=True)
        return time.monotonic()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)

    def metric(self, name):
        """The sum over its labels; None while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=1) as answer:
                found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", answer.read().decode(), re.M)
        except OSError:
            return None
        return sum(map(float, found))

    def first_sweep(self, started, patience=30):
        """Seconds from the start to the first completed sweep."""
        while time.monotonic() - started < patience:
            if self.metric("meridian_sla_sweeps_total"):
                return time.monotonic() - started
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} has not completed a sweep after {patience} s")


@contextlib.contextmanager
def schedulers(database, programs, count, log):
    all_of_them = [Scheduler(database, programs, n + 1, log) for n in range(count)]
    try:
        yield all_of_them
    finally:
        for one in all_of_them:
            if one.process and one.process.poll() is None:
                one.kill()


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def verdict(database, due):
    """What the table of events says: figures, and what is wrong."""
    fired, distinct, others, p50, p99, worst, over = (int(x) for x in database.sql(f"""
        SELECT count(*), count(DISTINCT (e.ticket_id, e.data->>'target')), count(*) FILTER (WHERE e.type <> 'sla.warned' OR e.data->>'target' <> 'resolve'),
               coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY (data->>'late_ms')::int), 0), coalesce(percentile_disc(0.99) WITHIN GROUP (ORDER BY (data->>'late_ms')::int), 0),
               coalesce(max((data->>'late_ms')::int), 0), count(*) FILTER (WHERE (data->>'late_ms')::int > 1000)
        FROM desk.event e WHERE e.type LIKE 'sla.%'""")[0])
    early = int(database.value("SELECT count(*) FROM desk.clock WHERE warned_at < warn_at AND target = 'resolve'"))
    figures = {"due": due, "fired": fired, "p50_ms": p50, "p99_ms": p99, "max_ms": worst, "over_1s": over}
    wrong = []
    if fired != due or distinct != due or others or early:
        wrong.append(f"{due} were due: {fired} events for {distinct} clocks, {others} of other clocks, {early} early")
    if left := int(database.value("SELECT count(*) FROM desk.clock WHERE fire_at <= now()")):
        wrong.append(f"{left} are due and have not fired")
    return figures, wrong


def measure(database, running, due, seconds, kill_every):
    """Lets the clocks come due under kills. Returns how many kills there were, how long the starts took, and bytes a timer."""
    end, kills = database.make_due(due, seconds, 10 + due / 2500), 0  # they are written, and the schedulers have started
    starts = [one.first_sweep(begun) for one, begun in [(one, one.start()) for one in running]]
    names = {one.name for one in running}
    wait_for(lambda: set(database.holders()) == names and sum(database.holders().values()) == 64, 30, "fair shares")
    wait_for(lambda: all(one.metric("meridian_sla_wheel_clocks") for one in running), 30, "what comes due, read ahead")
    timers = sum(one.metric("meridian_sla_wheel_clocks") or 0 for one in running)
    memory = sum(one.metric("meridian_sla_wheel_bytes") or 0 for one in running)
    victims = itertools.cycle(running)
    while kill_every and time.monotonic() + kill_every < end:
        time.sleep(kill_every)
        victim = next(victims)
        victim.kill()
        starts.append(victim.first_sweep(victim.start()))
        kills += 1
    wait_for(lambda: time.monotonic() > end and database.value("SELECT count(*) FROM desk.clock WHERE fire_at <= now()") == "0", seconds + 60, "all fired")
    return {"kills": kills, "start_s": max(starts), "in_wheels": int(timers), "bytes_per_timer": memory / timers if timers else 0}


def run(args, programs, say):
    """The bench. Returns its figures and whether nothing is wrong and every target is met."""
    log = open(ROOT / "build" / "bench-timers.log", "wb")
    with log, PrivatePostgres(programs) as database:
        begun = time.monotonic()
        database.fill(args.timers)
        say(f"timers  {args.timers} armed clocks made in {time.monotonic() - begun:.0f} s")
        with schedulers(database, programs, args.schedulers, log) as running:
            figures = measure(database, running, args.due, args.seconds, args.kill_every)
            ended = [one.stop() for one in running]
        more, wrong = verdict(database, args.due)
        figures.update(more)
    say(f"timers  {args.schedulers} schedulers, {figures['kills']} kills; the slowest start took {figures['start_s']:.2f} s to its first completed sweep (target 5)")
    say(f"timers  {figures['in_wheels']} in the wheels, {figures['bytes_per_timer']:.0f} bytes each (target 200)")
    say(f"timers  {figures['fired']} of {args.due} fired within {args.seconds} s; late by p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms (target 1000), max {figures['max_ms']} ms, "
        f"{figures['over_1s']} by more than a second")
    wrong += [f"a scheduler ended with {status}" for status in ended if status]
    for line in wrong:
        say("timers  WRONG: " + line)
    return figures, not wrong and figures["start_s"] < 5 and 0 < figures["bytes_per_timer"] < 200 and figures["p99_ms"] < 1000
