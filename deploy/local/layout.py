"""Where everything of a local Meridian lives: folders, ports, and the table of processes with their environments.

Pure arithmetic over two variables, MERIDIAN_VAR (state, default var/ of the checkout) and MERIDIAN_PORT_BASE (default
8400). Nothing here starts, writes or listens; cluster.py and the tests read the same table, so that no port or path is
written twice. docs/how-to/local.md shows the ports as a list.
"""
import hashlib
import os
import pathlib

from clock import Clock

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
REGIONS = ("eu", "ap", "us")
HOME = "eu"
COPIES = {"eu": 2, "ap": 1, "us": 1}
PASSWORD = "meridian-demo"
DATABASE = "meridian"
# Services stop first, while what they drain into still runs; the primary stops last.
STOP_ORDER = {"intake": 0, "sla": 1, "notifier": 1, "router": 2, "fake": 3, "standby": 4, "primary": 5}
# On a machine that is full, mail waits before people do.
NICE = {"notifier": 5, "fake": 10}
SECRETS = ("postgres", "meridian_replica", "meridian_intake", "meridian_router", "meridian_sla", "meridian_notifier",
           "cursor_key", "webhook")
_SERVICE_OFFSET = {"intake": 1, "router": 3, "sla": 5, "notifier": 7}
_SOCKET_PATH_MAX = 100  # of the 107 bytes of sun_path; PostgreSQL adds nothing to what is counted here


class Layout:
    """One local cluster, given by its state folder, first port and the build it runs."""

    def __init__(self, var=None, base=None, preset="release"):
        self.var = pathlib.Path(var or os.environ.get("MERIDIAN_VAR") or ROOT / "var").absolute()
        self.base = int(base or os.environ.get("MERIDIAN_PORT_BASE") or 8400)
        if not 1024 <= self.base <= 65000:
            raise ValueError(f"MERIDIAN_PORT_BASE={self.base}: between 1024 and 65000")
        self.preset = preset
        self.build = ROOT / "build" / preset
        self.bin = self.build / "bin"
        self.log, self.run = self.var / "log", self.var / "run"
        self.pki, self.secrets, self.pg, self.spool = (self.var / d for d in ("pki", "secrets", "pg", "spool"))
        self.sockets = self._socket_dir()
        self.clock = Clock(self.var, self.build / "lib")

    def _socket_dir(self):
        """Unix sockets have short names: a deep state folder keeps them in /tmp, under a name made of its own."""
        if len(str(self.run / "pg" / ".s.PGSQL.65535")) <= _SOCKET_PATH_MAX:
            return self.run
        return pathlib.Path("/tmp/meridian-" + hashlib.sha256(str(self.var).encode()).hexdigest()[:12])

    # ---- ports ----

    def api(self, region):
        return self.base + 1 + REGIONS.index(region)

    def api_tls(self, region):
        return self.base + 41 + REGIONS.index(region)

    def offset(self, service, region, copy):
        return 10 * (REGIONS.index(region) + 1) + _SERVICE_OFFSET[service] + copy - 1

    def admin(self, service, region, copy):
        return self.base + 100 + self.offset(service, region, copy)

    def bus(self, service, region, copy):
        return self.base + 200 + self.offset(service, region, copy)

    def hints(self, region, copy):
        return self.base + 300 + self.offset("router", region, copy)

    smtp = property(lambda self: self.base + 25)
    inbox = property(lambda self: self.base + 26)
    webhook = property(lambda self: self.base + 27)

    def pg_port(self, region):
        """Names the unix socket only; PostgreSQL does not listen on TCP."""
        return self.base + 51 + REGIONS.index(region)

    # ---- addresses ----

    @property
    def pg_sockets(self):
        return self.sockets / "pg"

    @property
    def control(self):
        return self.sockets / "control"

    def url(self, region):
        return f"http://127.0.0.1:{self.api(region)}"

    def conninfo(self, region, user, dbname=DATABASE):
        patience = f" connect_timeout={5 * self.clock.speed}" if self.clock.speed else ""  # libpq goes by the time of day
        return f"host={self.pg_sockets} port={self.pg_port(region)} user={user} dbname={dbname}{patience}"

    def services(self):
        """(service, region, copy) of every process that is Meridian's own."""
        return [(s, r, n) for r in REGIONS for s in _SERVICE_OFFSET for n in range(1, COPIES[r] + 1)]

    def _by_region(self, service):
        return ",".join(f"{r}=tls+tcp://127.0.0.1:{self.bus(service, r, n)}"
                        for s, r, n in self.services() if s == service)

    # ---- the table ----

    def environment(self, service, region, copy):
        name = f"{service}-{region}-{copy}"
        env = {
            "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.var),
            "MERIDIAN_REGION": region, "MERIDIAN_HOME_REGION": HOME, "MERIDIAN_INSTANCE": name,
            "MERIDIAN_ADMIN_LISTEN": f"127.0.0.1:{self.admin(service, region, copy)}",
            "MERIDIAN_BUS_CA": f"{self.pki}/ca.crt",
            "MERIDIAN_BUS_CERT": f"{self.pki}/{name}.crt", "MERIDIAN_BUS_KEY": f"{self.pki}/{name}.key",
            "MERIDIAN_ROUTERS": self._by_region("router"),
            "MERIDIAN_HINTS": ",".join(f"tls+tcp://127.0.0.1:{self.hints(r, n)}"
                                       for s, r, n in self.services() if s == "router"),
        }
        # Only a router or a notifier beside the primary has a database; intake and the auditor read their region's.
        if region == HOME or service in ("intake", "sla"):
            env["MERIDIAN_DB"] = self.conninfo(region, f"meridian_{service}")
            env["MERIDIAN_DB_PASSWORD_FILE"] = f"{self.secrets}/meridian_{service}"
        if service in ("router", "notifier"):
            env["MERIDIAN_BUS_LISTEN"] = f"tls+tcp://127.0.0.1:{self.bus(service, region, copy)}"
        if service == "router":
            env["MERIDIAN_STANDBYS_EXPECTED"] = str(len(REGIONS) - 1)
            env["MERIDIAN_BUS_PUBLISH"] = f"tls+tcp://127.0.0.1:{self.hints(region, copy)}"
        if service == "intake":
            env.update(MERIDIAN_HTTP_LISTEN=f"127.0.0.1:{self.api(region)}",
                       MERIDIAN_HTTPS_LISTEN=f"127.0.0.1:{self.api_tls(region)}",
                       MERIDIAN_HTTP_CERT=f"{self.pki}/{name}.crt", MERIDIAN_HTTP_KEY=f"{self.pki}/{name}.key",
                       MERIDIAN_SPOOL_DIR=f"{self.spool}/{name}", MERIDIAN_DOCS_DIR=f"{ROOT}/docs",
                       MERIDIAN_CURSOR_KEY_FILE=f"{self.secrets}/cursor_key",
                       MERIDIAN_RATE_SIGN_IN="50",  # everybody of the demo comes from one address
                       MERIDIAN_STALE_AFTER=self._of_the_clock(10))
        if service == "sla":
            env.update(MERIDIAN_FEED_ALLOW="127.0.0.1/32", MERIDIAN_AUDIT_LATE=self._of_the_clock(10))
        if service == "notifier":
            env.update(MERIDIAN_NOTIFIERS=self._by_region("notifier"),
                       MERIDIAN_SMTP_URL=f"smtp://127.0.0.1:{self.smtp}",
                       MERIDIAN_MAIL_FROM="desk@meridian.example",
                       MERIDIAN_WEBHOOK_ALLOW="127.0.0.1/32",
                       MERIDIAN_PORTAL_URL=self.url(region), MERIDIAN_DELIVERY_LEASE=self._of_the_clock(90))
        return env

    def _of_the_clock(self, seconds):
        """What processes need in seconds, where it is measured by the time of day; services take an hour at most."""
        return f"{min(seconds * max(self.clock.speed, 1), 3600)}s"

    def instances(self, as_postgres=()):
        """The supervisor's table, in starting order. `as_postgres` is the command prefix that changes to PostgreSQL's user."""
        table = []
        for region in REGIONS:
            table.append(dict(
                name=f"postgres-{region}", kind="primary" if region == HOME else "standby", region=region,
                argv=[*as_postgres, f"{PG_BIN}/postgres", "-D", str(self.pg / region)],
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, stop_signal="INT", port=self.pg_port(region)))
        fakes = ROOT / "tests" / "fakes"
        table.append(dict(
            name="smtp-sink", kind="fake", region=HOME, port=self.smtp, ready=f"http://127.0.0.1:{self.inbox}/livez",
            argv=[PYTHON, "-B", f"{fakes}/smtp_sink.py", "--smtp", f"127.0.0.1:{self.smtp}", "--http",
                  f"127.0.0.1:{self.inbox}", "--store", f"{self.var}/mail.ndjson"],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}))
        table.append(dict(
            name="webhook-receiver", kind="fake", region=HOME, port=self.webhook,
            ready=f"http://127.0.0.1:{self.webhook}/livez",
            argv=[PYTHON, "-B", f"{fakes}/webhook_receiver.py", "--http", f"127.0.0.1:{self.webhook}", "--secret-file",
                  f"{self.secrets}/webhook"],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}))
        for service, region, copy in sorted(self.services(), key=lambda s: s[0] != "router"):
            table.append(dict(
                name=f"{service}-{region}-{copy}", kind=service, region=region, port=self.admin(service, region, copy),
                ready=f"http://127.0.0.1:{self.admin(service, region, copy)}/readyz",
                argv=[f"{self.bin}/meridian-{service}"], env=self.environment(service, region, copy),
                listen=[self.api(region), self.api_tls(region)] if service == "intake" else []))
        for entry in table:
            entry["env"].update(self.clock.environment())
            entry.setdefault("listen", [])
            entry.setdefault("ready", None)
            entry.setdefault("stop_signal", "TERM")
            entry["stop_order"] = STOP_ORDER[entry["kind"]]
            entry["nice"] = NICE.get(entry["kind"], 0)
            entry["log"] = str(self.log / (entry["name"] + ".log"))
        return table

    def ports(self):
        """Every TCP port that will be listened on, with the name of who does."""
        taken = {self.inbox: "inbox page"}
        for entry in self.instances():
            if entry["kind"] not in ("primary", "standby"):
                taken[entry["port"]] = entry["name"]
            taken.update({port: "API " + entry["region"] for port in entry["listen"]})
        for service, region, copy in self.services():
            if service in ("router", "notifier"):
                taken[self.bus(service, region, copy)] = f"bus of {service}-{region}-{copy}"
            if service == "router":
                taken[self.hints(region, copy)] = f"hints of router-{region}-{copy}"
        return taken


PG_BIN = "/usr/lib/postgresql/15/bin"
