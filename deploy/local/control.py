"""Talks to a running supervisor, and asks the processes themselves whether they are ready."""
import http.client
import json
import socket
import time
import urllib.parse

from stages import Failure


class NotRunning(Failure):
    """No supervisor answers: the cluster is down."""


class Control:
    def __init__(self, layout):
        self.path = str(layout.control)

    def ask(self, cmd, **more):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(60)  # it answers when all are started, some twenty processes one after the other: on a busy machine that takes its time
                s.connect(self.path)
                s.sendall(json.dumps({"cmd": cmd, **more}).encode() + b"\n")
                answer = json.loads(s.makefile().readline() or '{"error": "the supervisor closed the connection"}')
        except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError) as error:
            raise NotRunning("not running; start it with deploy/local/up") from error
        except OSError as error:
            raise Failure(f"the supervisor does not answer: {error}") from error
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    def running(self):
        try:
            return not self.ask("list")["shutdown"]
        except NotRunning:
            return False

    def list(self):
        return self.ask("list")["instances"]

    def start(self, *names, env=None):
        return self.ask("start", names=names, env=env)["names"]

    def stop(self, *names):
        names = self.ask("stop", names=names)["names"]
        self.wait(lambda rows: all(rows[n]["state"] == "stopped" for n in names), 60, f"{', '.join(names)} did not stop")
        return names

    def restart(self, *names, env=None):
        """Stops gently, starts again with these variables over the usual ones, and waits until it runs."""
        before = {row["name"]: row["pid"] for row in self.list()}
        names = self.ask("restart", names=names, env=env)["names"]
        self.wait(lambda rows: all(rows[n]["state"] == "running" and rows[n]["pid"] != before[n] for n in names), 60,
                  f"{', '.join(names)} did not come back")
        return names

    def signal(self, number, *names, tree=False):
        return self.ask("signal", names=names, signal=number, tree=tree)["names"]

    def wait(self, condition, timeout, message):
        """Polls the table until the condition holds; `condition` takes rows by name."""
        end = time.monotonic() + timeout
        while not condition({row["name"]: row for row in self.list()}):
            if time.monotonic() > end:
                raise Failure(f"{message} within {timeout:g} s")
            time.sleep(0.02)


def is_paused(pid):
    """Whether a process is frozen (SIGSTOP): PostgreSQL is asked nothing below, and would seem well."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


def readiness(row, timeout=2.0):
    """"ready", or why not, as the instance says itself. Instances without an address of that kind: "ready" when running."""
    if row["state"] != "running":
        return row["state"]
    if is_paused(row["pid"]):
        return "paused"
    if not row["ready"]:
        return "ready"
    url = urllib.parse.urlsplit(row["ready"])
    try:
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
        connection.request("GET", url.path)
        answer = connection.getresponse()
        body = answer.read(2000).decode(errors="replace").split("\n")
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer ({error})"
    return "ready" if answer.status == 200 else "; ".join(line for line in body if line) or str(answer.status)
