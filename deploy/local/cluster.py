"""The commands beside this file: up, down, status, reset, logs, start, stop, restart, kill9, psql, deskctl.

`up` brings a clean checkout, or whatever a killed run left, to a running cluster, and says so in a line per stage. Each
stage may be repeated. State is under MERIDIAN_VAR (var/); one lock file there keeps two of these commands apart.
"""
import argparse
import concurrent.futures
import errno
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import pki
from clock import parse_speed, parse_time
from clock import shown as shown_time
from control import Control, NotRunning, readiness
from layout import DATABASE, HOME, PASSWORD, PYTHON, REGIONS, ROOT, Layout
from postgres import Postgres
from stages import Failure, Stages, tail
from supervise import start_ticks

_HERE = pathlib.Path(__file__).parent


class Cluster:
    def __init__(self, layout, stages):
        self.layout, self.stages = layout, stages
        self.control, self.postgres = Control(layout), Postgres(layout)

    # ---- lock ----

    def lock(self):
        """Held until the process ends. A second caller waits, and says for whom."""
        self.layout.run.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.layout.run / "lock", "a+")  # pylint: disable=consider-using-with
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            self.stages.say(f"  waiting for another command on this state ({self._lock.read().strip()})")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._lock.truncate(0)
        self._lock.write(f"{' '.join([os.path.basename(sys.argv[0]), *sys.argv[1:]])}, pid {os.getpid()}\n")
        self._lock.flush()

    # ---- up ----

    def up(self, args):
        self.lock()
        if self.control.running():
            self.stages.say("Meridian is up already.")
            self.check_same_ports()
            if args.clock:
                raise Failure("its clock is set when it starts: deploy/local/down, then up --clock again")
            self.hello()
            return
        self.stages.say(f"Meridian, state in {self.layout.var}")
        self.clear_leftovers()
        if args.clock:
            self.layout.clock.set(args.clock, args.clock_from, self.postgres.complete())
        if not args.no_build:
            self.install()
            self.build()
        begun = time.monotonic()
        self.check_ports()
        self.folders()
        self.layout.clock.start()
        with self.stages.stage("certificates", self.layout.log / "certificates.log") as stage:
            pki.ensure(self.layout, stage)
        try:
            self.start_database(args)
            self.start_services()
        except BaseException:
            self.stop_quietly()
            raise
        self.stages.say(f"Ready in {time.monotonic() - begun:.1f} s.\n")
        self.hello()

    def install(self):
        with self.stages.stage("packages", self.layout.log / "install.log") as stage:
            stage.command([_HERE / "install"])

    def build(self):
        preset = self.layout.preset
        with self.stages.stage("build", self.layout.log / "build.log") as stage:
            if not (self.layout.build / "build.ninja").exists():
                stage.command(["cmake", "--preset", preset], cwd=ROOT)
            stage.command(["cmake", "--build", "--preset", preset, "-j", str(min(os.cpu_count() or 1, 8))], cwd=ROOT)
            stage.note = f"build/{preset}/bin"

    def folders(self):
        self.layout.log.mkdir(parents=True, exist_ok=True)
        self.postgres.prepare()
        if not self.postgres.complete():
            self.postgres.wipe()
        for service, region, copy in self.layout.services():
            if service == "intake":
                (self.layout.spool / f"{service}-{region}-{copy}").mkdir(parents=True, exist_ok=True)

    def clear_leftovers(self):
        """Ends what a killed run left: its supervisor, its processes, its postmasters. Only processes whose pid and start
        time are the recorded ones are touched."""
        found = []
        for path in sorted(self.layout.run.glob("*.pid")):
            try:
                pid, ticks = (int(word) for word in path.read_text().split())
            except ValueError:
                pid, ticks = 0, 0
            if pid and start_ticks(pid) == ticks:
                found.append((pid, ticks))
            else:
                path.unlink(missing_ok=True)
        if found:
            with self.stages.stage("leftovers") as stage:
                stage.note = f"{len(found)} processes of a killed run ended"
                for attempt in range(200):
                    alive = [pid for pid, ticks in found if start_ticks(pid) == ticks]
                    if not alive:
                        break
                    if attempt in (0, 100):
                        for pid in alive:
                            os.kill(pid, signal.SIGTERM if attempt == 0 else signal.SIGKILL)
                    time.sleep(0.1)
        if self.layout.pg.exists():
            self.postgres.clear_leftovers()
        for path in self.layout.run.glob("*.pid"):
            path.unlink(missing_ok=True)

    def check_ports(self):
        busy = []
        for port, user in sorted(self.layout.ports().items()):
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise
                    busy.append(f"{port} ({user}) is held by {port_holder(port)}")
        if busy:
            raise Failure("ports are taken:\n    " + "\n    ".join(busy) +
                          "\nEnd that process, or take other ports: MERIDIAN_PORT_BASE=18400 deploy/local/up")

    def check_same_ports(self):
        rows = {row["name"]: row for row in self.control.list()}
        if rows["smtp-sink"]["port"] != self.layout.smtp:
            raise Failure(f"it runs with MERIDIAN_PORT_BASE={rows['smtp-sink']['port'] - 25}; take it down first to move it")

    def start_supervisor(self):
        table = self.layout.instances(self.postgres.as_postgres())
        path = self.layout.run / "instances.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(table, indent=1))
        log = self.layout.log / "supervisor.log"
        with open(log, "ab") as out:
            process = subprocess.Popen([PYTHON, "-B", str(_HERE / "supervise.py"), str(self.layout.var),
                                        str(self.layout.control)], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True, cwd="/", env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        end = time.monotonic() + 10
        while not self.control.running():
            if process.poll() is not None or time.monotonic() > end:
                raise Failure("the supervisor does not start:\n" + tail(log, 10), log)
            time.sleep(0.02)

    def start_database(self, args):
        pg, fresh = self.postgres, not self.postgres.complete()
        with self.stages.stage("database", self.layout.log / "database.log") as stage:
            if fresh:
                pg.init_primary(stage)
            else:
                for region in REGIONS:
                    pg.configure(region)
            self.start_supervisor()
            self.control.start(*(["postgres-" + HOME] if fresh else ["postgres-*"]))
            pg.wait(HOME)
            if fresh:
                pg.sql(HOME, f"CREATE ROLE meridian_replica LOGIN REPLICATION PASSWORD '{pg.secret('meridian_replica')}';"
                             f"CREATE DATABASE {DATABASE} TEMPLATE template0", dbname="postgres")
            stage.note = "primary eu, standbys ap and us"
            with concurrent.futures.ThreadPoolExecutor() as pool:
                copies = [pool.submit(self.make_standby, region, stage) for region in REGIONS if fresh and region != HOME]
                self.migrate(stage, "migrate")
                for copy in copies:
                    copy.result()
        if fresh:
            with self.stages.stage("demo data", self.layout.log / "seed.log") as stage:
                self.migrate(stage, "seed", "--seed", str(args.seed))
                pg.sql(HOME, "INSERT INTO desk.webhook_endpoint (name, url, secret) VALUES ('demo', "
                             f"'http://127.0.0.1:{self.layout.webhook}/hook', '{pg.secret('webhook')}') ON CONFLICT DO NOTHING")
                pg.finish()
        for region in REGIONS:
            pg.wait(region)

    def make_standby(self, region, stage):
        self.postgres.init_standby(region, stage)
        self.control.start(f"postgres-{region}")

    def migrate(self, stage, *arguments):
        """meridian-migrate: roles and migrations, or the seed, as the superuser; then the roles' passwords."""
        env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
               "MERIDIAN_DB": self.layout.conninfo(HOME, "postgres"),
               "MERIDIAN_DB_PASSWORD_FILE": str(self.layout.secrets / "postgres"), **self.layout.clock.environment()}
        stage.command([self.layout.bin / "meridian-migrate", *arguments], env=env, cwd=ROOT)
        if arguments == ("migrate",):
            self.postgres.set_passwords([f"meridian_{s}" for s in ("intake", "router", "sla", "notifier")])
            self.postgres.be_patient()

    def start_services(self):
        with self.stages.stage("services") as stage:
            names = [row["name"] for row in self.control.list() if row["kind"] not in ("primary", "standby")]
            self.control.start(*names)
            stage.note = f"{len(names)} processes"
            self.wait_ready(names)

    def wait_ready(self, names, timeout=30):
        """Until all say so. One that keeps dying is reported with its own last words, without waiting for the rest."""
        end = time.monotonic() + timeout
        while True:
            rows = [row for row in self.control.list() if row["name"] in names]
            for row in rows:
                if row["restarts"] >= 3 and row["state"] != "running":
                    raise Failure(f"{row['name']} dies at start ({row['last_exit']}):\n" + tail(row["log"], 8), row["log"])
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                states = dict(zip((row["name"] for row in rows), pool.map(readiness, rows)))
            late = {name: state for name, state in states.items() if state != "ready"}
            if not late:
                return
            if time.monotonic() > end:
                lines = "\n".join(f"    {name}: {state}" for name, state in late.items())
                raise Failure(f"not ready after {timeout} s:\n{lines}", self.layout.log / (next(iter(late)) + ".log"))
            time.sleep(0.05)

    def stop_quietly(self):
        try:
            self.control.ask("shutdown", now=False)
            self.wait_down(60)
        except Failure:
            pass

    # ---- down, reset ----

    def down(self, now=False):
        self.lock()
        try:
            count = sum(row["state"] != "stopped" for row in self.control.list())
        except NotRunning:
            self.clear_leftovers()
            self.stages.say("Meridian is not running.")
            return
        with self.stages.stage("stop") as stage:
            stage.note = f"{count} processes"
            self.control.ask("shutdown", now=now)
            self.wait_down(180)
            self.layout.clock.stop()

    def wait_down(self, timeout):
        end = time.monotonic() + timeout
        while True:
            try:
                self.control.ask("list")
            except NotRunning:
                return
            if time.monotonic() > end:
                raise Failure("some processes do not stop; see deploy/local/status", self.layout.log / "supervisor.log")
            time.sleep(0.05)

    def reset(self, args):
        self.down(now=True)
        with self.stages.stage("delete"):
            for path in (self.layout.pg, self.layout.spool, self.layout.log, self.layout.secrets,
                         *([self.layout.pki] if args.all else [])):
                if path.exists():
                    shutil.rmtree(path)
            (self.layout.var / "mail.ndjson").unlink(missing_ok=True)
            self.layout.clock.path.unlink(missing_ok=True)
            if self.layout.sockets != self.layout.run and self.layout.sockets.exists():
                shutil.rmtree(self.layout.sockets)
        if not args.only_delete:
            self.up(args)

    # ---- status ----

    def status(self, args):
        rows = self.control.list()
        lag = self.postgres.lag()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            ready = list(pool.map(readiness, rows))
        for row, state in zip(rows, ready):
            row["readiness"] = state
            row["rss_kib"], row["pss_kib"] = resident_kib(row["pid"])
            if row["kind"] == "standby":
                row["replication"] = lag.get(row["region"])
                if state == "ready" and not row["replication"]:
                    row["readiness"] = "not streaming"
        own = [row for row in rows if row["kind"] in ("intake", "router", "sla", "notifier")]
        rss, pss = (sum(row[key] for row in own) for key in ("rss_kib", "pss_kib"))
        if args.output == "json":
            clock = {"clock": {"speed": self.layout.clock.speed, "now": shown_time(self.layout.clock.now())}} if self.layout.clock.speed else {}
            print(json.dumps({"var": str(self.layout.var), "port_base": self.layout.base, **clock, "instances": rows,
                              "services_rss_kib": rss, "services_pss_kib": pss}, indent=1))
        else:
            print(f"{'INSTANCE':<18}{'PID':>8}{'PORT':>7}{'RSS MiB':>9}{'RESTARTS':>10}  STATE")
            for row in rows:
                note = row["readiness"]
                if row.get("replication"):
                    note += f", {row['replication']['bytes']} bytes behind, {row['replication']['ms']} ms"
                print(f"{row['name']:<18}{row['pid'] or '-':>8}{row['port']:>7}{row['rss_kib'] / 1024:>9.1f}"
                      f"{row['restarts']:>10}  {note}")
            print(f"\nall services together: {pss / 1024:.1f} MiB resident (pages that several share counted once; RSS summed: "
                  f"{rss / 1024:.1f} MiB)\nstate in {self.layout.var}")
            if self.layout.clock.speed:
                print(f"its time is {shown_time(self.layout.clock.now())}, {self.layout.clock.speed} times as fast as yours")
        return 0 if all(row["readiness"] == "ready" for row in rows) else 1

    # ---- words ----

    def hello(self):
        layout, deskctl = self.layout, shown(self.layout.bin / "deskctl")
        server = layout.url("eu")
        rows = ([(f"API {r}", f"{layout.url(r)}   and https://localhost:{layout.api_tls(r)}") for r in REGIONS] +
                [("mail inbox", f"http://127.0.0.1:{layout.inbox}/"),
                 ("webhooks received", f"http://127.0.0.1:{layout.webhook}/"),
                 ("API document", f"{server}/openapi.yaml"),
                 ("sign in as", "agent-{eu,ap,us}-{1..16}  lead-{eu,ap,us}-1  requester-{eu,ap,us}-{1..9}  admin"),
                 ("password", PASSWORD + "   (demo accounts exist on this machine only)")])
        for name, text in rows:
            self.stages.say(f"  {self.stages.paint('1', f'{name:<19}')}{text}")
        self.stages.say(f"""
Try:
  export MERIDIAN_URL={server}
  {deskctl} login requester-eu-1 -p {PASSWORD}
  {deskctl} submit 'The printer on floor 3 is on fire' -i high -U high
  {deskctl} list
  curl -s -X POST {layout.url('us')}/api/v1/sessions -H 'Content-Type: application/json' \\
       -d '{{"user": "agent-us-1", "password": "{PASSWORD}"}}'

  deploy/local/status   deploy/local/logs -f   deploy/local/down   deploy/local/reset""")


def shown(path):
    """A path as a person in the checkout would type it."""
    try:
        return str(path.relative_to(pathlib.Path.cwd()))
    except ValueError:
        return str(path)


def resident_kib(pid):
    """(RSS, PSS): what is mapped and present, and the same with each shared page divided by those who share it."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            found = {line.split(":")[0]: int(line.split()[1]) for line in f if line.startswith(("Rss:", "Pss:"))}
        return found["Rss"], found["Pss"]
    except (OSError, KeyError):
        return 0, 0


def port_holder(port):
    """Who listens on a port, from /proc; "another user's process" when it may not be seen."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as f:
                inodes |= {"socket:[" + w[9] + "]" for w in map(str.split, f) if w[1].endswith(f":{port:04X}")}
        except OSError:
            pass
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.scandir(f"/proc/{pid}/fd"):
                if os.readlink(fd.path) in inodes:
                    command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    return f"process {pid}: {command.strip()[:100]}"
        except OSError:
            pass
    return "another user's process"


def deskctl(layout, argv):
    """deskctl of this build, in the cluster's time, at the eu unless told otherwise."""
    os.execvpe(layout.bin / "deskctl", ["deskctl", *argv], {"MERIDIAN_URL": layout.url(HOME), **os.environ, **layout.clock.environment()})


def logs(layout, args):
    files = [layout.log / (name if "." in name else name + ".log") for name in args.names] or sorted(layout.log.glob("*.log"))
    missing = [str(f) for f in files if not f.exists()]
    if missing or not files:
        raise Failure("no such log: " + ", ".join(missing or [str(layout.log)]))
    os.execvp("tail", ["tail", "-n", str(args.lines), *(["-F"] if args.follow else []), *map(str, files)])


def parse(argv):
    parser = argparse.ArgumentParser(prog="deploy/local/", description="A local Meridian: three regions on one machine.",
                                     epilog="MERIDIAN_VAR=DIR moves all state, MERIDIAN_PORT_BASE=N all ports (8400).")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, text):
        return commands.add_parser(name, help=text, description=text, prog="deploy/local/" + name)

    for name, text in (("up", "Installs, builds and starts everything; safe to repeat."),
                       ("reset", "Stops, deletes all data and starts anew.")):
        sub = command(name, text)
        sub.add_argument("--no-build", action="store_true", help="take packages and programs as they are")
        sub.add_argument("--preset", default="release", help="which CMake preset to build and run (release)")
        sub.add_argument("--seed", type=int, default=1, help="another number, other demo tickets (1)")
        sub.add_argument("--clock", type=parse_speed, metavar="60x", help="its time goes so much faster, 1x to 600x; kept until reset")
        sub.add_argument("--clock-from", type=parse_time, metavar="TIME", help="and begins here, as 2026-11-26T06:00Z (now)")
        sub.add_argument("--quiet", action="store_true", help="print nothing but failures")
    sub.add_argument("--only-delete", action="store_true", help="do not start again")
    sub.add_argument("--all", action="store_true", help="delete the certificates too")
    sub = command("down", "Stops everything in order; data stays.")
    sub.add_argument("--now", action="store_true", help="kill, without draining")
    sub.add_argument("--quiet", action="store_true", help="print nothing but failures")
    command("status", "Shows every process; status 1 when one is not ready.").add_argument(
        "-o", "--output", choices=("table", "json"), default="table")
    sub = command("logs", "Shows the logs of all or some processes.")
    sub.add_argument("-f", "--follow", action="store_true")
    sub.add_argument("-n", "--lines", type=int, default=20)
    sub.add_argument("names", nargs="*", metavar="INSTANCE")
    for name, text in (("start", "Starts stopped processes."), ("stop", "Stops processes until they are started again."),
                       ("restart", "Drains and restarts processes; KEY=VALUE sets variables until the next restart."),
                       ("kill9", "Kills processes as a crash would; they are started again."),
                       ("pause", "Freezes processes with all below them (SIGSTOP)."), ("resume", "Ends a pause.")):
        command(name, text).add_argument("names", nargs="+", metavar="INSTANCE")
    sub = command("psql", "Opens psql on a region's PostgreSQL as superuser.")
    sub.add_argument("region", nargs="?", default=HOME, choices=REGIONS)
    sub.add_argument("rest", nargs=argparse.REMAINDER, metavar="PSQL-ARGUMENTS")
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        commands.choices[args.command].error(f"unknown: {' '.join(unknown)}")
    return args


def run(args):
    layout = Layout(preset=getattr(args, "preset", "release"))
    stages = Stages(quiet=getattr(args, "quiet", False))
    cluster = Cluster(layout, stages)
    verb = args.command
    if verb == "up":
        cluster.up(args)
    elif verb == "reset":
        cluster.reset(args)
    elif verb == "down":
        cluster.down(args.now)
    elif verb == "status":
        return cluster.status(args)
    elif verb == "logs":
        logs(layout, args)
    elif verb == "psql":
        os.execvpe("psql", ["psql", *args.rest], cluster.postgres.environment(args.region))
    else:
        names = [name for name in args.names if "=" not in name]
        control = cluster.control
        if verb == "restart":
            cluster.wait_ready(control.restart(*names, env=dict(w.split("=", 1) for w in args.names if "=" in w)))
        elif verb == "start":
            cluster.wait_ready(control.start(*names))
        elif verb == "stop":
            control.stop(*names)
        else:
            number = {"kill9": "KILL", "pause": "STOP", "resume": "CONT"}[verb]
            control.signal(number, *names, tree=verb != "kill9")
    return 0


def main():
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    try:
        if sys.argv[1:2] == ["deskctl"]:
            deskctl(Layout(), sys.argv[2:])
        return run(parse(sys.argv[1:]))
    except (Failure, ValueError) as failure:
        print(f"{sys.argv[1]}: {failure}", file=sys.stderr)
        log = getattr(failure, "log", None)
        if log:
            print(f"Log: {log}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"{sys.argv[1]}: {error.strerror}: {error.filename}; does the state belong to another user?", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        print("interrupted; run it again, or deploy/local/down", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
