"""How long `deskctl sla replay --all` takes: every ticket's clocks computed anew from its events, through the API.

A private PostgreSQL (durable, as in production) is filled by sla_history.sql, and an intake that no router answers reads from it. The clocks
of the filling are PostgreSQL's arithmetic, so no difference is a second opinion. Everything is in a folder of its own and stops by itself.
"""
import contextlib
import json
import os
import pathlib
import re
import secrets
import subprocess
import tempfile
import time
import urllib.request

import timers

HERE = pathlib.Path(__file__).resolve().parent


@contextlib.contextmanager
def intake(database, programs, folder):
    """The URL and the process of an intake that only reads: its router is away, which it is made for."""
    port, admin, nobody = timers.free_port(), timers.free_port(), timers.free_port()
    env = {**{name: value for name, value in os.environ.items() if not name.startswith("MERIDIAN_")}, "MERIDIAN_REGION": "eu", "MERIDIAN_HOME_REGION": "eu", "MERIDIAN_INSTANCE": "intake-eu-1",
           "MERIDIAN_DB": database.conninfo("meridian_intake"), "MERIDIAN_SPOOL_DIR": folder, "MERIDIAN_HTTP_LISTEN": f"127.0.0.1:{port}", "MERIDIAN_ADMIN_LISTEN": f"127.0.0.1:{admin}",
           "MERIDIAN_ROUTERS": f"eu=tcp://127.0.0.1:{nobody}"}
    with open(pathlib.Path(folder) / "log", "wb") as log:
        process = subprocess.Popen([programs / "meridian-intake"], env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            timers.wait_for(lambda: answers(f"http://127.0.0.1:{port}/api/v1/info"), 30, "intake")
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()
            process.wait(60)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True  # whatever it says, it speaks
    except OSError:
        return False


def page(url, token, cursor=None):
    """The next cursor, and milliseconds."""
    begun = time.monotonic()
    asked = urllib.request.Request(url + "/api/v1/sla/history?limit=200" + (f"&cursor={cursor}" if cursor else ""), headers={"Authorization": "Bearer " + token})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        found = json.load(answer)
    return found["next"], (time.monotonic() - begun) * 1000


def pages(url, token):
    """Milliseconds of each page, the first to the last: a page must not cost more for what comes before it."""
    cursor, took = page(url, token)
    all_of_them = [took]
    while cursor:
        cursor, took = page(url, token, cursor)
        all_of_them.append(took)
    return all_of_them


def median(numbers):
    return sorted(numbers)[len(numbers) // 2]


def replay(programs, url, token, folder):
    """What it says, seconds, and its largest size in MiB."""
    env = {**os.environ, "MERIDIAN_URL": url, "MERIDIAN_TOKEN": token, "MERIDIAN_CONFIG": str(pathlib.Path(folder) / "deskctl.json")}
    begun = time.monotonic()
    process = subprocess.Popen([programs / "deskctl", "-o", "json", "sla", "replay", "--all"], env=env, stdout=subprocess.PIPE)
    said = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return said, time.monotonic() - begun, usage


def run(args, programs, say):
    """The bench. Returns its figures and whether nothing is wrong and the target is met."""
    token = "mrd_" + secrets.token_urlsafe(32)
    with timers.PrivatePostgres(programs) as database, tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        database.script(HERE / "sla_history.sql", tickets=args.tickets, token=token)
        say(f"replay  {args.tickets} tickets, {database.value('SELECT count(*) FROM desk.event')} events, {database.value('SELECT count(*) FROM desk.clock')} clocks made in {time.monotonic() - begun:.0f} s")
        with intake(database, programs, folder) as (url, pid):
            took = pages(url, token)
            said, seconds, usage = replay(programs, url, token, folder)
            size = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024
    tenth = max(1, len(took) // 10)
    figures = {"tickets": said["tickets"], "clocks": said["clocks"], "differences": said["differences"], "seconds": seconds, "per_s": said["tickets"] / seconds, "mib": usage.ru_maxrss / 1024,
               "cpu_s": usage.ru_utime + usage.ru_stime, "intake_mib": size, "pages": len(took), "first_ms": median(took[:tenth]), "last_ms": median(took[-tenth:]), "max_ms": max(took)}
    say(f"replay  {len(took)} pages; median of the first tenth {figures['first_ms']:.0f} ms, of the last {figures['last_ms']:.0f} ms, max {figures['max_ms']:.0f} ms")
    say(f"replay  {said['tickets']} tickets, {said['clocks']} clocks in {seconds:.1f} s (target 300 for 100000), {figures['per_s']:.0f}/s; {said['differences']} differences; "
        f"deskctl {figures['cpu_s']:.1f} s of processor, {figures['mib']:.0f} MiB; intake {size:.0f} MiB")
    return figures, said["tickets"] == args.tickets and said["clocks"] == 2 * args.tickets and not said["differences"] and seconds < max(10, 300 * args.tickets / 100000)
