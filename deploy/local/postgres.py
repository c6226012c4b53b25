"""PostgreSQL 15 for one local cluster: a writable primary (eu) and two streaming standbys (ap, us), on unix sockets only.

Durability is on, as in production (fsync, synchronous_commit); only memory is tuned for a small box. PostgreSQL refuses to
run as root: as root it runs as the user postgres, and when that user may not walk into the state folder (a checkout below
/root, say), with the one capability CAP_DAC_READ_SEARCH. The supervisor runs the servers; here they are made, asked and
configured. A half-made cluster has no stamp and is made again from nothing.
"""
import base64
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time

from layout import DATABASE, HOME, PG_BIN, REGIONS, SECRETS
from stages import Failure
from supervise import start_ticks

_USER = "postgres"

_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0777      # passwords decide, not the socket; its folder is private
port = {port}
max_connections = 120
shared_buffers = {buffers}
wal_level = replica
max_wal_senders = 8
max_replication_slots = 8
max_slot_wal_keep_size = 4GB        # a standby that is away for long is dropped before the disk is full
fsync = on
synchronous_commit = on             # no synchronous standby: the spool keeps what a second region has not
full_page_writes = on
wal_compression = lz4
wal_buffers = 16MB
max_wal_size = 2GB
min_wal_size = 128MB
checkpoint_timeout = 10min
random_page_cost = 1.1
jit = off
autovacuum_naptime = 5s             # the queue and the outbox churn
hot_standby_feedback = off          # a reader must never hold back the primary's clean-up
max_standby_streaming_delay = 2s
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
log_line_prefix = '%m [%p] %q%u %a '
log_timezone = 'UTC'
timezone = 'UTC'
log_min_duration_statement = 1s
log_lock_waits = on
password_encryption = scram-sha-256
"""
_HBA = """# Passwords everywhere, also on the socket.
local all all scram-sha-256
local replication meridian_replica scram-sha-256
"""


# What a server measures by the time of day, where that goes faster. Replicas are as quick as ever: they are never given up. An
# alarm of PostgreSQL ends everything whose time has come by then, so the roles' short patience would be no patience at all.
_FAST_SETTINGS = """
meridian.clock_speed = {speed}      # audits and the document of the status count in seconds of the machine
autovacuum_naptime = {naptime}s
wal_sender_timeout = 0
wal_receiver_timeout = 0
max_standby_streaming_delay = {standby}s
checkpoint_timeout = {checkpoint}min
log_min_duration_statement = {speed}s
"""
_FAST_ROLES = """
SELECT format('ALTER ROLE %I SET %s = %L', r, s, '1h') FROM unnest(ARRAY['meridian_intake', 'meridian_router', 'meridian_sla', 'meridian_notifier']) r,
    unnest(ARRAY['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) s \\gexec
"""


class Postgres:
    def __init__(self, layout):
        self.layout = layout
        self.stamp = layout.pg / "complete"
        self._prefix = None

    # ---- the user ----

    def as_postgres(self):
        """The command prefix that becomes PostgreSQL's user; empty unless root. Needs layout.pg to exist."""
        if os.geteuid() != 0:
            return []
        if self._prefix is None:
            try:
                pwd.getpwnam(_USER)
            except KeyError as error:
                raise Failure(f"there is no user {_USER}; run deploy/local/install") from error
            base = ["setpriv", "--reuid", _USER, "--regid", _USER, "--init-groups", "--pdeathsig", "INT"]
            cap = [*base, "--bounding-set=-all,+dac_read_search", "--inh-caps=-all,+dac_read_search",
                   "--ambient-caps=-all,+dac_read_search"]
            for prefix in ([*base, "--bounding-set=-all", "--inh-caps=-all"], cap):
                # Not test -x: access(2) ignores capabilities.
                if subprocess.run([*prefix, "stat", f"{self.layout.pg}/."], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False).returncode == 0:
                    self._prefix = prefix
                    break
            else:
                raise Failure(f"user {_USER} cannot reach {self.layout.pg}: a folder above it is closed to others.\n"
                              "Keep the state elsewhere, for example: MERIDIAN_VAR=/var/tmp/meridian deploy/local/up")
        return self._prefix

    def _own(self, path):
        if os.geteuid() == 0:
            shutil.chown(path, _USER, _USER)

    def _write(self, path, text):
        path.write_text(text)
        path.chmod(0o600)
        self._own(path)

    # ---- folders, secrets, leftovers ----

    def prepare(self):
        """Folders and secrets. Safe to repeat; what exists stays."""
        layout = self.layout
        for folder, mode in ((layout.pg, 0o700), (layout.sockets, 0o711), (layout.pg_sockets, 0o700)):
            folder.mkdir(parents=True, exist_ok=True)
            if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), self._uid()):
                raise Failure(f"{folder} belongs to somebody else; remove it or set MERIDIAN_VAR")
            folder.chmod(mode)
        self._own(layout.pg)
        self._own(layout.pg_sockets)
        layout.secrets.mkdir(mode=0o700, exist_ok=True)
        for name in SECRETS:
            path = layout.secrets / name
            if not path.exists():
                value = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode() if name == "webhook" else secrets.token_hex(32)
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                os.write(fd, value.encode() + b"\n")
                os.close(fd)

    @staticmethod
    def _uid():
        return pwd.getpwnam(_USER).pw_uid if os.geteuid() == 0 else os.geteuid()

    def secret(self, name):
        return (self.layout.secrets / name).read_text().strip()

    def clear_leftovers(self):
        """A postmaster of a killed run is stopped; the lock file of one that is gone is removed, even if another process
        has its number by now."""
        for region in REGIONS:
            data = self.layout.pg / region
            try:
                pid = int((data / "postmaster.pid").read_text().split()[0])
            except (OSError, ValueError, IndexError):
                continue
            end = time.monotonic() + 20
            while self._serves(pid, data):
                os.kill(pid, signal.SIGINT if time.monotonic() < end - 5 else signal.SIGKILL)
                if time.monotonic() > end:
                    raise Failure(f"PostgreSQL {pid} of a former run does not end")
                time.sleep(0.1)
            (data / "postmaster.pid").unlink(missing_ok=True)

    @staticmethod
    def _serves(pid, data):
        try:
            return start_ticks(pid) is not None and os.path.samefile(f"/proc/{pid}/cwd", data)
        except OSError:
            return False

    def complete(self):
        return self.stamp.exists()

    def wipe(self):
        for path in (self.layout.pg, self.layout.spool):
            if path.exists():
                shutil.rmtree(path)
        self.layout.pg.mkdir()
        self._own(self.layout.pg)

    # ---- making ----

    def configure(self, region):
        """Writes the settings anew at every start: ports and folders may have moved."""
        data, layout = self.layout.pg / region, self.layout
        text = _SETTINGS.format(sockets=layout.pg_sockets, port=layout.pg_port(region),
                                buffers="128MB" if region == HOME else "64MB")
        if region != HOME:
            conninfo = layout.conninfo(HOME, "meridian_replica", "replication").replace(" dbname=replication", "")
            text += (f"primary_conninfo = '{conninfo} application_name={region} "
                     f"password={self.secret('meridian_replica')}'\nprimary_slot_name = '{region}'\n")
        if layout.clock.speed:
            text += _FAST_SETTINGS.format(speed=layout.clock.speed, naptime=5 * layout.clock.speed, standby=2 * layout.clock.speed, checkpoint=min(10 * layout.clock.speed, 1440))
        self._write(data / "meridian.conf", "# Written by deploy/local/up at every start.\n" + text)
        self._write(data / "pg_hba.conf", _HBA)

    def init_primary(self, stage):
        data, password = self.layout.pg / HOME, self.layout.pg / "initdb-password"
        self._write(password, self.secret("postgres") + "\n")
        try:
            stage.command([*self.as_postgres(), f"{PG_BIN}/initdb", "-D", data, "-U", "postgres", "-E", "UTF8",
                           "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password}"], cwd="/")
        finally:
            password.unlink(missing_ok=True)
        with open(data / "postgresql.conf", "a") as conf:
            conf.write("\ninclude = 'meridian.conf'\n")
        self.configure(HOME)

    def init_standby(self, region, stage):
        """Copies the running primary. The slot is made first: it keeps the WAL that the copy and the first connect need,
        whatever a checkpoint of the other standby's copy would remove."""
        self.sql(HOME, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                       f"WHERE slot_name = '{region}' AND NOT active;\n"
                       f"SELECT pg_create_physical_replication_slot('{region}', true)")
        data = self.layout.pg / region
        if data.exists():
            shutil.rmtree(data)
        stage.command([*self.as_postgres(), f"{PG_BIN}/pg_basebackup", "-D", data, "-h", self.layout.pg_sockets, "-p",
                       self.layout.pg_port(HOME), "-U", "meridian_replica", "-X", "stream", "-S", region, "-c", "fast"],
                      env={**os.environ, "PGPASSWORD": self.secret("meridian_replica")}, cwd="/")
        self._write(data / "standby.signal", "")
        self.configure(region)

    def set_passwords(self, names):
        """Makes roles able to sign in with the secrets of this cluster."""
        self.sql(HOME, ";".join(f"ALTER ROLE {name} PASSWORD '{self.secret(name)}'" for name in names), dbname="postgres")

    def be_patient(self):
        """With a fast clock, after every migration: that sets what the roles have in production."""
        if self.layout.clock.speed:
            self.sql(HOME, _FAST_ROLES)

    def finish(self):
        self.stamp.write_text("")

    # ---- asking ----

    def environment(self, region, user="postgres", dbname=DATABASE):
        """For libpq programs."""
        return {**os.environ, "PGHOST": str(self.layout.pg_sockets), "PGPORT": str(self.layout.pg_port(region)),
                "PGUSER": user, "PGDATABASE": dbname, "PGPASSWORD": self.secret(user), "PGCONNECT_TIMEOUT": "5"}

    def sql(self, region, text, dbname=DATABASE, user="postgres"):
        """Runs SQL and returns rows as lists of texts. Failure with PostgreSQL's own words."""
        done = subprocess.run(["psql", "-XqAt", "-F", "\x1f", "-v", "ON_ERROR_STOP=1"], input=text, text=True,
                              capture_output=True, env=self.environment(region, user, dbname), check=False)
        if done.returncode:
            raise Failure(done.stderr.strip())
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def wait(self, region, timeout=30):
        """Until the server takes connections."""
        end = time.monotonic() + timeout
        while subprocess.run([f"{PG_BIN}/pg_isready", "-q", "-h", str(self.layout.pg_sockets), "-p",
                              str(self.layout.pg_port(region))], check=False).returncode:
            if time.monotonic() > end:
                raise Failure(f"PostgreSQL {region} does not start", self.layout.log / f"postgres-{region}.log")
            time.sleep(0.03)

    def lag(self):
        """Per standby: state and how far behind, in bytes and milliseconds; {} when the primary is away."""
        try:
            rows = self.sql(HOME, "SELECT application_name, state, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), "
                            "coalesce((extract(epoch FROM replay_lag) * 1000)::bigint, 0) FROM pg_stat_replication")
        except Failure:
            return {}
        return {name: {"state": state, "bytes": int(behind or 0), "ms": int(ms)} for name, state, behind, ms in rows}
