"""A clock that goes faster: `up --clock 60x`.

tests/fakes/fast_clock.c, preloaded into every process of the cluster, makes the time of day go faster for all of them alike; its
environment says from when, and how fast. It stands still while the cluster is down and never goes back: clock.json of the
state folder says where it is.
"""
import argparse
import datetime
import json
import pathlib
import re
import shutil
import time

from stages import Failure

FASTEST = 600
_UTC = datetime.timezone.utc


def parse_speed(text):
    found = re.fullmatch(r"(\d{1,3})x?", text)
    if not found or not 1 <= int(found[1]) <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text}: 1x to {FASTEST}x")
    return int(found[1])


def parse_time(text):
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: a time as in 2026-11-26T06:00Z") from error
    return at.replace(tzinfo=at.tzinfo or _UTC).timestamp()


def shown(at):
    return datetime.datetime.fromtimestamp(at, _UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Clock:
    """One cluster's clock. `speed` is 0 when it has none of its own."""

    def __init__(self, var, built):
        self.path = pathlib.Path(var) / "clock.json"
        self.built = pathlib.Path(built) / "libfast_clock.so"
        self.library = pathlib.Path(var) / "pg" / "libfast_clock.so"  # where PostgreSQL's user may read it
        self.speed, self.at, self.real, self.monotonic = 0, 0.0, None, None
        try:
            self.speed, self.at, self.real, self.monotonic = json.loads(self.path.read_text())
        except FileNotFoundError:
            pass

    def now(self):
        """The cluster's time, in seconds."""
        if not self.speed:
            return time.time()
        # After a kill, or another boot of the machine, the more of the two, so that it does not go back.
        return self.at if self.real is None else self.at + max(time.time() - self.real, time.monotonic() - self.monotonic) * self.speed

    def set(self, speed, at, data):
        """Before the cluster starts. Without `at` from where it stood, or from now. `data`: there is some, with times in it."""
        earliest = self.now() if data else time.time()
        if data and at is not None and at < earliest:
            raise Failure(f"the cluster's time is {shown(earliest)} and cannot go back; deploy/local/reset begins anew")
        self.speed, self.at, self.real = speed, earliest if at is None else at, None
        self._save()

    def start(self):
        if self.speed:
            if not self.built.exists():
                raise Failure(f"{self.built} is not built")
            shutil.copyfile(self.built, self.library)
            self.library.chmod(0o644)
            self.at, self.real, self.monotonic = self.now(), time.time(), time.monotonic()
            self._save()

    def stop(self):
        if self.speed:
            self.at, self.real = self.now(), None
            self._save()

    def _save(self):
        self.path.write_text(json.dumps([self.speed, self.at, self.real, self.monotonic]))

    def environment(self):
        """What makes a process go by this clock, once it was started."""
        if not self.speed or self.real is None:
            return {}
        return {"LD_PRELOAD": str(self.library), "FAST_CLOCK": f"{int(self.monotonic * 1e9)} {int(self.at * 1e9)} {self.speed}"}
