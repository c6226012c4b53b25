"""The supervisor: parent of every process of one local cluster.

It owns the API's listening sockets and hands them to each intake (LISTEN_FDS), so that a killed or restarted intake never
makes a connection fail; it starts what it is told to, starts again what dies (backoff 0.1 s to 5 s), and stops in order. One
thread, one loop: it waits on its control socket, on SIGCHLD and on the next time something is due, nothing else. When it is
itself killed, the kernel tells its children to end (PR_SET_PDEATHSIG), so that no orphan keeps a port.

Control: one JSON object and a newline in, one out, on a unix socket that only its owner can open. See control.py.
Usage: supervise.py STATE-FOLDER CONTROL-SOCKET; the table is STATE-FOLDER/run/instances.json.
"""
import ctypes
import fcntl
import fnmatch
import json
import os
import pathlib
import selectors
import signal
import socket
import sys
import time

_BACKOFF_S, _BACKOFF_MAX_S = 0.1, 5.0
_STEADY_S = 1.5            # having run this long, a process that dies is started again at once
_STOP_TIMEOUT_S = 45.0     # then SIGKILL; a service gives up draining after 30 s
_LOG_MAX = 32 * 1024 * 1024
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def log(level, msg, **fields):
    at = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"
    print(json.dumps({"ts": stamp, "level": level, "msg": msg, "svc": "supervisor", **fields}), flush=True)


def start_ticks(pid):
    """When the kernel started a process, in its ticks: with the pid, a name that is never used twice. None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def descendants(pid):
    """A process and all below it; PostgreSQL's backends are children of its postmaster."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as f:
                    children.setdefault(int(f.read().rpartition(")")[2].split()[1]), []).append(int(entry))
            except OSError:
                pass
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


class Child:
    """One row of the table. state: stopped, running, waiting (to be started again), stopping."""

    def __init__(self, spec):
        self.spec, self.name = spec, spec["name"]
        self.state, self.pid, self.restarts = "stopped", None, 0
        self.wanted, self.due, self.backoff = False, 0.0, _BACKOFF_S
        self.started, self.overrides, self.last_exit = 0.0, {}, None

    def row(self):
        keys = ("name", "kind", "region", "port", "ready", "log", "stop_order")
        return {**{k: self.spec[k] for k in keys}, "state": self.state, "pid": self.pid, "restarts": self.restarts,
                "started": self.started, "last_exit": self.last_exit}


class Supervisor:
    def __init__(self, var, control):
        self.run = pathlib.Path(var) / "run"
        self.children = {spec["name"]: Child(spec) for spec in json.loads((self.run / "instances.json").read_text())}
        self.shutdown, self.now = False, False
        self.select = selectors.DefaultSelector()
        self.api = {}
        for child in self.children.values():
            for port in child.spec["listen"]:
                if port not in self.api:
                    self.api[port] = self._listen(port)
        self.control_path = pathlib.Path(control)
        self.control_path.unlink(missing_ok=True)
        self.control = socket.socket(socket.AF_UNIX)
        os.umask(0o077)
        self.control.bind(control)
        self.control.listen(64)
        self.control.setblocking(False)
        self.select.register(self.control, selectors.EVENT_READ)
        self._wake_on_signals()

    @staticmethod
    def _listen(port):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen(1024)
        return s

    def _wake_on_signals(self):
        r, w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(w)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.wakeup = r
        self.select.register(r, selectors.EVENT_READ)

    def _on_signal(self, number, _frame):
        if number != signal.SIGCHLD:
            self.shutdown = True

    # ---- processes ----

    def start(self, child):
        path = pathlib.Path(child.spec["log"])
        try:
            if path.stat().st_size > _LOG_MAX:
                path.replace(path.with_name(path.name + ".1"))
        except FileNotFoundError:
            pass
        out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._exec(child, out, parent)
        os.close(out)
        child.pid, child.state, child.started = pid, "running", time.time()
        (self.run / f"{child.name}.pid").write_text(f"{pid} {start_ticks(pid)}\n")

    def _exec(self, child, out, parent):
        """In the child: nothing may return from here."""
        try:
            spec = child.spec
            _libc.prctl(_PR_SET_PDEATHSIG, getattr(signal, "SIG" + spec["stop_signal"]))
            if os.getppid() != parent:
                os._exit(126)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            env = {**spec["env"], **child.overrides}
            # High copies first: the fds wanted (3, 4) may be anybody's here, and all of ours close on exec.
            fds = [fcntl.fcntl(self.api[p].fileno(), fcntl.F_DUPFD_CLOEXEC, 200) for p in spec["listen"]]
            null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
            os.dup2(null, 0)
            os.dup2(out, 1)
            os.dup2(out, 2)
            for i, fd in enumerate(fds):
                os.dup2(fd, 3 + i, inheritable=True)
            if fds:
                env.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=str(os.getpid()))
            os.umask(0o077)
            os.nice(spec["nice"])
            os.execvpe(spec["argv"][0], spec["argv"], env)
        except BaseException as error:  # pylint: disable=broad-except
            os.write(2, f"cannot start {child.spec['argv'][0]}: {error}\n".encode())
        finally:
            os._exit(127)

    def signal(self, child, number, whole_tree=False):
        for pid in descendants(child.pid) if whole_tree else [child.pid]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def stop(self, child):
        child.wanted = False
        if child.state == "running":
            child.state, child.due = "stopping", time.monotonic() + _STOP_TIMEOUT_S
            self.signal(child, getattr(signal, "SIG" + child.spec["stop_signal"]))
            self.signal(child, signal.SIGCONT, whole_tree=True)
        elif child.state == "waiting":
            child.state = "stopped"

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self.children.values():
                if child.pid == pid:
                    self._ended(child, os.waitstatus_to_exitcode(status))

    def _ended(self, child, code):
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"
        expected = child.state == "stopping"
        log("info" if expected else "error", "process ended" if expected else "process died", instance=child.name,
            pid=child.pid, how=how, ran_s=round(time.time() - child.started, 3), log=child.spec["log"])
        child.pid, child.last_exit = None, how
        (self.run / f"{child.name}.pid").unlink(missing_ok=True)
        if not child.wanted:
            child.state = "stopped"
            return
        child.restarts += 1
        if expected or time.time() - child.started > _STEADY_S:
            child.backoff = _BACKOFF_S
        child.state, child.due = "waiting", time.monotonic() + (0 if expected else child.backoff)
        child.backoff = min(child.backoff * 2, _BACKOFF_MAX_S)

    # ---- the loop ----

    def turn(self):
        """Does what is due; returns the seconds until something else is."""
        self.reap()
        now, wait = time.monotonic(), 60.0
        if self.shutdown:
            self._shutdown_step()
        for child in self.children.values():
            if child.state == "waiting":
                if child.due <= now:
                    self.start(child)
                else:
                    wait = min(wait, child.due - now)
            elif child.state == "stopping":
                if child.due <= now:
                    log("warn", "did not stop in time, killing", instance=child.name, pid=child.pid)
                    self.signal(child, signal.SIGKILL)
                    child.due = now + 60.0
                wait = min(wait, child.due - now)
        return wait

    def _shutdown_step(self):
        """Stops the lowest group that still runs; the next one when it is gone."""
        alive = [c for c in self.children.values() if c.state != "stopped"]
        first = min((c.spec["stop_order"] for c in alive), default=None)
        for child in alive:
            if self.now:
                child.wanted = False
                if child.pid:
                    child.state, child.due = "stopping", time.monotonic() + 60.0
                    # A killed postmaster's children end by themselves, but not before their work: kill them too.
                    self.signal(child, signal.SIGKILL, whole_tree=True)
                else:
                    child.state = "stopped"
            elif child.spec["stop_order"] == first:
                self.stop(child)
            else:
                child.wanted = False
                if child.state == "waiting":
                    child.state = "stopped"
        self.now = False

    def loop(self):
        log("info", "supervisor started", pid=os.getpid(), instances=len(self.children))
        while True:
            wait = self.turn()
            if self.shutdown and all(c.state == "stopped" for c in self.children.values()):
                break
            for key, _ in self.select.select(max(wait, 0)):
                if key.fileobj is self.control:
                    self._accept()
                else:
                    os.read(self.wakeup, 4096)
        self.control_path.unlink(missing_ok=True)
        (self.run / "supervisor.pid").unlink(missing_ok=True)
        log("info", "supervisor ended")

    # ---- control ----

    def _accept(self):
        try:
            client, _ = self.control.accept()
        except OSError:
            return
        with client:
            client.settimeout(2)
            try:
                data = b""
                while not data.endswith(b"\n"):
                    part = client.recv(65536)
                    if not part:
                        return
                    data += part
                try:
                    answer = self.command(json.loads(data))
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    answer = {"error": str(error)}
                client.sendall(json.dumps(answer).encode() + b"\n")
            except OSError as error:
                log("warn", "control connection failed", error=str(error))

    def _named(self, patterns):
        found = [c for c in self.children.values() if any(fnmatch.fnmatchcase(c.name, p) for p in patterns)]
        for pattern in patterns:
            if not fnmatch.filter(self.children, pattern):
                raise ValueError(f"no instance is called {pattern}; there are: " + ", ".join(self.children))
        return found

    def command(self, request):
        verb = request["cmd"]
        if verb == "list":
            return {"pid": os.getpid(), "shutdown": self.shutdown, "instances": [c.row() for c in self.children.values()]}
        if verb == "shutdown":
            self.shutdown, self.now = True, bool(request.get("now"))
            return {}
        children = self._named(request["names"])
        for child in children:
            if verb == "start":
                self._want(child, request.get("env"))
            elif verb == "stop":
                self.stop(child)
            elif verb == "restart":
                child.overrides = request.get("env") or {}
                self.stop(child)
                self._want(child, None)
            elif verb == "signal" and child.pid:
                self.signal(child, getattr(signal, "SIG" + request["signal"]), whole_tree=bool(request.get("tree")))
            elif verb != "signal":
                raise ValueError(f"unknown command {verb}")
        return {"names": [c.name for c in children]}

    def _want(self, child, env):
        child.wanted = True
        if env is not None:
            child.overrides = env
        if child.state == "stopped":
            child.state, child.due, child.backoff = "waiting", 0.0, _BACKOFF_S


def main():
    var, control = sys.argv[1:3]
    supervisor = Supervisor(var, control)
    (supervisor.run / "supervisor.pid").write_text(f"{os.getpid()} {start_ticks(os.getpid())}\n")
    supervisor.loop()


if __name__ == "__main__":
    main()
