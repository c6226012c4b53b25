"""Meridian's figures beside PostgreSQL's own ceiling for the same rows, measured in one run on one machine.

A private cluster (three regions, all services, standbys streaming) is brought up in a temporary folder on ports of its own. meridian-load drives the API; pgbench then writes or reads the same rows
on the same primary, with the same durability, from a scratch database. What counts is the ratio: absolute figures belong to the machine. Everything is on loopback and stops by itself.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "deploy" / "local"))
from layout import PASSWORD, PG_BIN, Layout  # noqa: E402
from postgres import Postgres  # noqa: E402
import claim_scale  # noqa: E402
import sla_replay  # noqa: E402
import timers  # noqa: E402

CONNECTIONS = 64


def say(text):
    print(text, flush=True)


class Bench:
    def __init__(self, args):
        self.args = args
        self.var = tempfile.TemporaryDirectory(prefix="meridian-bench-")
        os.chmod(self.var.name, 0o755)
        os.environ.update(MERIDIAN_VAR=self.var.name, MERIDIAN_PORT_BASE=str(args.port_base))
        self.layout = Layout()
        self.postgres = Postgres(self.layout)
        self.load = self.layout.bin / "meridian-load"
        self.results = {}

    def local(self, verb, *arguments, quiet=False):
        subprocess.run([ROOT / "deploy" / "local" / verb, *arguments], check=True, stdout=subprocess.DEVNULL if quiet else None)

    def count(self, table, where="true"):
        return int(self.postgres.sql("eu", f"SELECT count(*) FROM desk.{table} WHERE {where}")[0][0])

    def sign_in(self, users):
        """A file of bearer tokens, one a line."""
        path = pathlib.Path(self.var.name) / ("tokens-" + users[0])
        if not path.exists():
            tokens = []
            for user in users:
                connection = http.client.HTTPConnection("127.0.0.1", self.layout.api("eu"), timeout=30)
                connection.request("POST", "/api/v1/sessions", json.dumps({"user": user, "password": PASSWORD}), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                body = json.loads(answer.read())
                if answer.status not in (200, 201):
                    raise SystemExit(f"cannot sign in as {user}: {answer.status} {body}")
                tokens.append(body["token"])
                connection.close()
            path.write_text("\n".join(tokens) + "\n")
        return path

    def requesters(self):
        return self.sign_in([f"requester-{region}-{n}" for region in ("eu", "ap", "us") for n in range(1, 10)])

    def agents(self):
        return self.sign_in([f"agent-{region}-{n}" for region in ("eu", "ap", "us") for n in range(1, 17)])

    def drive(self, op, tokens, seconds, rate="max", connections=CONNECTIONS, extra=()):
        done = subprocess.run([self.load, "--op", op, "--url", f"127.0.0.1:{self.layout.api('eu')}", "--tokens", tokens, "--connections", str(connections), "--rate", str(rate), "--seconds",
                               str(seconds), *extra], capture_output=True, text=True, check=False)
        if not done.stdout:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout)

    def pgbench(self, script, seconds, *extra):
        """Transactions per second of a script in the scratch database, as the same number of clients."""
        done = subprocess.run([f"{PG_BIN}/pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2", "-T", str(seconds), "-f", HERE / script, *extra, "ceiling"], capture_output=True, text=True,
                              env=self.postgres.environment("eu", dbname="ceiling"), check=False)
        match = re.search(r"tps = ([0-9.]+)", done.stdout)
        if done.returncode or not match:
            raise SystemExit(done.stdout + done.stderr)
        return float(match[1])

    @contextlib.contextmanager
    def idle(self):
        """PostgreSQL alone: what the services still have to do would make its ceiling look low."""
        services = ("intake-*", "router-*", "sla-*", "notifier-*")
        self.local("stop", *services, quiet=True)
        try:
            yield
        finally:
            self.local("start", *services, quiet=True)

    def make_ceiling(self, fill_seconds):
        """The scratch database, with rows and statistics: plans are made once a connection, and must be the right ones."""
        self.postgres.sql("eu", "DROP DATABASE IF EXISTS ceiling WITH (FORCE)", dbname="postgres")
        self.postgres.sql("eu", "CREATE DATABASE ceiling TEMPLATE template0 LOCALE 'C.UTF-8' ENCODING 'UTF8'", dbname="postgres")
        subprocess.run([self.layout.bin / "meridian-migrate", "--db", self.layout.conninfo("eu", "postgres", "ceiling") + " password=" + self.postgres.secret("postgres"), "--dir", ROOT / "schema"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.postgres.sql("eu", (HERE / "ceiling_schema.sql").read_text(), dbname="ceiling")
        self.pgbench("ceiling_submit.sql", fill_seconds)
        self.postgres.sql("eu", "VACUUM ANALYZE", dbname="ceiling")

    def wait_drained(self, expected, before):
        """All acknowledged tickets are in the database: returns how many arrived."""
        end = time.monotonic() + 120
        while (arrived := self.count("ticket") - before) < expected and time.monotonic() < end:
            time.sleep(0.2)
        return arrived

    # ---- the three ----

    def submit(self):
        seconds, tokens, before = self.args.seconds, self.requesters(), self.count("ticket")
        opened = self.drive("submit", tokens, seconds, rate=300)  # first: the flood below leaves notices to send
        arrived_open = self.wait_drained(opened["status_201"] + opened["status_202"], before)
        say(f"submit  open loop, 300/s, {opened['seconds']:.1f} s: {opened['per_s']:.0f}/s, p50 {opened['p50_ms']} ms, p99 {opened['p99_ms']} ms, p99.9 {opened['p999_ms']} ms, max {opened['max_ms']} ms, "
            f"201 {opened['status_201']}, 202 {opened['status_202']}")
        before = self.count("ticket")
        closed = self.drive("submit", tokens, seconds)
        acknowledged = closed["status_201"] + closed["status_202"]
        arrived = self.wait_drained(acknowledged, before)
        say(f"submit  closed loop, {CONNECTIONS} connections, {closed['seconds']:.1f} s: {closed['per_s']:.0f} acknowledged/s, {closed['status_201']} as 201, {closed['status_202']} as 202, "
            f"p50 {closed['p50_ms']} ms, p99 {closed['p99_ms']} ms, 5xx {closed['status_5xx']}, broken {closed['broken']}")
        say(f"submit  acknowledged {acknowledged}, in the database {arrived}")
        with self.idle():
            self.make_ceiling(2)
            ceiling = self.pgbench("ceiling_submit.sql", max(5, seconds // 3))
        say(f"submit  pgbench, the same rows one ticket a transaction, {CONNECTIONS} clients: {ceiling:.0f}/s; ratio {closed['per_s'] / ceiling:.2f}")
        self.results["submit"] = {"closed": closed, "open": opened, "pgbench_per_s": ceiling, "ratio": closed["per_s"] / ceiling, "acknowledged": acknowledged, "arrived": arrived}
        return arrived == acknowledged and arrived_open == opened["status_201"] + opened["status_202"] and not closed["status_5xx"] and not opened["status_5xx"]

    def fill(self, wanted):
        """Tickets to claim or read, by the API itself."""
        while self.count("ready") < wanted:
            before = self.count("ticket")
            done = self.drive("submit", self.requesters(), 5)
            self.wait_drained(done["status_201"] + done["status_202"], before)

    def claim(self):
        seconds = max(3, self.args.seconds // 3)
        self.fill(2500 * seconds)
        before = self.count("ticket", "owner_id IS NOT NULL")
        done = self.drive("claim", self.agents(), seconds)
        won = done["status_2xx"] - done["status_204"]
        owned = self.count("ticket", "owner_id IS NOT NULL") - before
        say(f"claim   claim-next, {CONNECTIONS} connections, {done['seconds']:.1f} s: {won / done['seconds']:.0f} won/s, {done['status_204']} found the queue empty, p50 {done['p50_ms']} ms, p99 {done['p99_ms']} ms, "
            f"5xx {done['status_5xx']}; tickets that got an owner: {owned}")
        with self.idle():
            self.make_ceiling(seconds * 2)
            rows = int(self.postgres.sql("eu", "SELECT count(*) FROM desk.ready", dbname="ceiling")[0][0])
            ceiling = self.pgbench("ceiling_claim.sql", max(2, seconds // 2))
            left = int(self.postgres.sql("eu", "SELECT count(*) FROM desk.ready", dbname="ceiling")[0][0])
        per_s = won / done["seconds"]
        say(f"claim   pgbench, the same rows, {CONNECTIONS} clients, {rows} ready before and {left} after: {ceiling:.0f}/s; ratio {per_s / ceiling:.2f}")
        self.results["claim"] = {"api": done, "won_per_s": per_s, "pgbench_per_s": ceiling, "ratio": per_s / ceiling, "owned": owned}
        return won == owned and not done["status_5xx"] and left > 0

    def read(self):
        seconds = max(3, self.args.seconds // 3)
        self.fill(2000)
        numbers = pathlib.Path(self.var.name) / "numbers"
        numbers.write_text("\n".join(row[0] for row in self.postgres.sql("eu", "SELECT number FROM desk.ticket WHERE NOT restricted ORDER BY id DESC LIMIT 50000")) + "\n")
        done = self.drive("read", self.agents(), seconds, extra=("--numbers", numbers))
        say(f"read    GET ticket, {CONNECTIONS} connections, {done['seconds']:.1f} s: {done['per_s']:.0f}/s, p50 {done['p50_ms']} ms, p99 {done['p99_ms']} ms, 4xx {done['status_4xx']}, 5xx {done['status_5xx']}")
        with self.idle():
            self.make_ceiling(2)
            tickets = int(self.postgres.sql("eu", "SELECT count(*) FROM desk.ticket", dbname="ceiling")[0][0])
            ceiling = self.pgbench("ceiling_read.sql", seconds, "-D", f"tickets={tickets}")
        say(f"read    pgbench, ticket and clocks by number, {CONNECTIONS} clients: {ceiling:.0f}/s; ratio {done['per_s'] / ceiling:.2f}")
        self.results["read"] = {"api": done, "pgbench_per_s": ceiling, "ratio": done["per_s"] / ceiling}
        return not done["status_4xx"] and not done["status_5xx"]

    def memory(self):
        status = json.loads(subprocess.run([ROOT / "deploy/local/status", "-o", "json"], capture_output=True, text=True, check=False).stdout)
        say(f"memory  all services of the three regions after the run: {status['services_rss_kib'] / 1024:.0f} MiB resident")
        self.results["services_rss_kib"] = status["services_rss_kib"]

    def run(self):
        passed = failed = 0
        names = ["submit", "claim", "read"] if self.args.what == "all" else [self.args.what]
        say(f"bringing a cluster up on ports from {self.args.port_base} ...")
        self.local("up", *(["--no-build"] if self.args.no_build else []), quiet=True)
        try:
            for name in names:
                if getattr(self, name)():
                    passed += 1
                else:
                    failed += 1
                    say(f"{name}: FAILED: an answer was lost, refused or wrong; see above")
            self.memory()
        finally:
            if not self.args.keep:
                subprocess.run([ROOT / "deploy/local/down", "--now", "--quiet"], check=False)
        if self.args.output:
            pathlib.Path(self.args.output).write_text(json.dumps(self.results, indent=1) + "\n")
        say(f"bench: {passed} passed, {failed} failed")
        return 1 if failed else 0


def time_questions(args):
    """One program that measures itself: no cluster."""
    if not args.no_build:
        if not (ROOT / "build/release/build.ninja").exists():
            subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", "--preset", "release", "--target", "meridian-bench-time"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    figures = json.loads(subprocess.run([Layout().bin / "meridian-bench-time"], capture_output=True, text=True, check=True).stdout)
    say(f"time    an office, five years: deadline {figures['deadline_ns']} ns, elapsed {figures['elapsed_ns']} ns; two offices joined: {figures['deadline_union_ns']} and {figures['elapsed_union_ns']} ns")
    say(f"time    bsearch over as many instants {figures['bsearch_ns']} ns, clock_gettime {figures['clock_gettime_ns']} ns; ratio to bsearch: deadline {figures['deadline_per_bsearch']}, "
        f"elapsed {figures['elapsed_per_bsearch']}; to open a zone and make its calendar {figures['make_us']} us")
    if args.output:
        pathlib.Path(args.output).write_text(json.dumps({"time": figures}, indent=1) + "\n")
    return 0


def route_question(args):
    """Needs no cluster either."""
    if not args.no_build:
        if not (ROOT / "build/release/build.ninja").exists():
            subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", "--preset", "release", "--target", "meridian-bench-route"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    figures = json.loads(subprocess.run([Layout().bin / "meridian-bench-route"], capture_output=True, text=True, check=True).stdout)
    say(f"route   by {figures['rules']} rules {figures['route_us']} us; as many comparisons of texts {figures['thousand_strcmp_us']} us, ratio {figures['ratio']}; "
        f"to judge them when they are new {figures['judge_ms']} ms")
    if args.output:
        pathlib.Path(args.output).write_text(json.dumps({"route": figures}, indent=1) + "\n")
    return 0


def private_question(args, module, *targets):
    """A PostgreSQL and processes of its own: no cluster."""
    if not args.no_build:
        if not (ROOT / "build/release/build.ninja").exists():
            subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", "--preset", "release", "--target", "meridian-migrate", *targets], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    figures, well = module.run(args, Layout().bin, say)
    if args.output:
        pathlib.Path(args.output).write_text(json.dumps({args.what: figures}, indent=1) + "\n")
    say(f"bench: {int(well)} passed, {int(not well)} failed")
    return 0 if well else 1


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="all", choices=("submit", "claim", "read", "time", "timers", "route", "sla-replay", "claim-scale", "all"))
    parser.add_argument("--seconds", type=int, default=30, help="of the main measurement (30)")
    parser.add_argument("--smoke", action="store_true", help="a few seconds of each, only to see that it works")
    parser.add_argument("--port-base", type=int, default=12400, help="first port of the private cluster (12400)")
    parser.add_argument("--no-build", action="store_true", help="take the programs as they are")
    parser.add_argument("--keep", action="store_true", help="leave the cluster up")
    parser.add_argument("--timers", type=int, default=1000000, help="timers: armed clocks (1000000)")
    parser.add_argument("--due", type=int, default=100000, help="timers: how many come due within --seconds (100000)")
    parser.add_argument("--schedulers", type=int, default=3, help="timers: processes (3)")
    parser.add_argument("--kill-every", type=int, default=0, help="timers: seconds between two kills (0: none)")
    parser.add_argument("--tickets", type=int, default=100000, help="sla-replay: tickets (100000)")
    parser.add_argument("--ready", type=int, default=1000000, help="claim-scale: ready tickets (1000000)")
    parser.add_argument("--claim-rate", type=int, default=200, help="claim-scale: claims a second (200)")
    parser.add_argument("--output", help="write all figures as JSON here")
    args = parser.parse_args()
    if args.smoke:
        args.seconds = 3
        args.timers, args.due, args.tickets, args.ready = 20000, 1000, 2000, 20000
    if args.what == "time":
        return time_questions(args)
    if args.what == "route":
        return route_question(args)
    if args.what == "claim-scale":
        return private_question(args, claim_scale)
    if args.what == "sla-replay":
        return private_question(args, sla_replay, "meridian-intake", "deskctl")
    return private_question(args, timers, "meridian-sla") if args.what == "timers" else Bench(args).run()


if __name__ == "__main__":
    sys.exit(main())
