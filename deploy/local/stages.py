"""Stage lines: what is being done, how long it took, and where the log is when it failed.

A spinner turns only on a terminal; NO_COLOR is honoured; elsewhere each stage is one line when it ends. A command's output
goes to the stage's log, never to the screen, except the last lines of one that failed.
"""
import os
import subprocess
import sys
import threading
import time


class Failure(Exception):
    """Something a person must read: a message, and perhaps a log to look at."""

    def __init__(self, message, log=None):
        super().__init__(message)
        self.log = log


class Stages:
    def __init__(self, out=sys.stdout, quiet=False):
        self.out, self.quiet = out, quiet
        self.tty = out.isatty() and not quiet
        self.color = self.tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.started = time.monotonic()

    def paint(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text

    def say(self, text=""):
        if not self.quiet:
            try:
                print(text, file=self.out, flush=True)
            except BrokenPipeError:  # `up | head`: the work goes on
                self.quiet = True
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())

    def stage(self, name, log=None):
        return Stage(self, name, log)


class Stage:
    """with stages.stage("build", log) as s: ...; `s.note` is shown behind the time."""

    def __init__(self, stages, name, log):
        self.stages, self.name, self.log, self.note = stages, name, log, ""
        self._end = threading.Event()
        self._spinner = None

    def __enter__(self):
        self._started = time.monotonic()
        if self.log:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self.log.write_text("")
        if self.stages.tty:
            self._spinner = threading.Thread(target=self._spin, daemon=True)
            self._spinner.start()
        return self

    def _spin(self):
        for turn in range(1 << 30):
            spent = time.monotonic() - self._started
            self.stages.out.write(f"\r\x1b[K  {'|/-' [turn % 3] if turn % 4 < 3 else chr(92)} {self.name:<12}{spent:7.1f} s  {self.note}")
            self.stages.out.flush()
            if self._end.wait(0.12):
                return

    def __exit__(self, kind, error, trace):
        self._end.set()
        if self._spinner:
            self._spinner.join()
            self.stages.out.write("\r\x1b[K")
        spent = time.monotonic() - self._started
        mark = self.stages.paint("32", "ok") if kind is None else self.stages.paint("31", "FAILED")
        self.stages.say(f"  {self.name:<12}{spent:7.1f} s  {mark}" + (f"  {self.note}" if self.note else ""))
        if isinstance(error, Failure) and error.log is None:
            error.log = self.log
        return False

    def command(self, argv, **more):
        """Runs a command into the stage's log; a failure shows the last lines."""
        with open(self.log, "ab") as log:
            log.write(("$ " + " ".join(map(str, argv)) + "\n").encode())
            log.flush()
            try:
                code = subprocess.run([str(a) for a in argv], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                      check=False, **more).returncode
            except OSError as error:
                raise Failure(f"{argv[0]}: {error.strerror}", self.log) from error
        if code:
            raise Failure(f"{os.path.basename(str(argv[0]))} ended with status {code}:\n" + tail(self.log, 15), self.log)


def tail(path, lines):
    try:
        with open(path, errors="replace") as f:
            return "".join("    " + line for line in f.readlines()[-lines:]).rstrip("\n")
    except OSError:
        return ""
