"""tests/run: installs, builds, and runs every suite, each in a stage with its time, and ends with one summary.

A stage is a function that gets a Runner, prints its runner's own summary lines, and returns (passed, failed). A stage that
fails does not stop the others, except that nothing is run from a build that failed. Everything a stage starts is in its own
process group, which is gone when the stage ends, so that nothing is left running. Logs: build/test-log/<stage>.log.
"""
import argparse
import glob
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "test-log"
PYTHON = "/usr/bin/python3"
_FUZZ_SECONDS = 10
# What has threads of its own beside the loop; ThreadSanitizer runs these.
_THREADED = re.compile(r"^(bus_|db_db$|unit_(bus|db|http|log|metrics|service|intake|spool))")


class Failed(Exception):
    """A stage could not do its work: counted as one failure."""


class Runner:
    def __init__(self, stage):
        self.stage, self.log = stage, LOGS / f"{stage}.log"
        self.log.write_text("")

    def run(self, argv, timeout=900, env=None, cwd=ROOT):
        """Runs into the log; returns (status, output)."""
        start = self.log.stat().st_size
        with open(self.log, "ab") as log:
            log.write(("$ " + " ".join(map(str, argv)) + "\n").encode())
            log.flush()
            process = subprocess.Popen([str(a) for a in argv], stdout=log, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, cwd=cwd, env={**os.environ, **(env or {})},
                                       start_new_session=True)
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                log.write(f"\nended after {timeout} s\n".encode())
                status = 124
            finally:
                end_group(process)
        with open(self.log, "rb") as f:
            f.seek(start)
            return status, f.read().decode(errors="replace")

    def must(self, argv, **more):
        status, out = self.run(argv, **more)
        if status:
            raise Failed(f"{os.path.basename(str(argv[0]))} ended with status {status}\n{last(out, 25)}")
        return out

    def say(self, text):
        print("    " + text, flush=True)


def end_group(process):
    """Gently first: a test's cluster must stop in order."""
    for number, patience in ((signal.SIGTERM, 60), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        if process.returncode is not None and number == signal.SIGTERM:
            time.sleep(0.05)
    process.wait()


def last(text, lines):
    return "\n".join("      " + line for line in text.rstrip().splitlines()[-lines:])


# ---- stages ----

def install(r):
    r.must([ROOT / "deploy/local/install"])
    return 1, 0


def formatting(r):
    """C sources are as clang-format leaves them."""
    files = [f for f in tracked("*.c", "*.h") if not f.endswith((".pb-c.c", ".pb-c.h"))]
    status, out = r.run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", *files])
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", out, re.M)))
    for name in wrong[:20]:
        r.say(f"not formatted: {name}   (clang-format -i)")
    return len(files) - len(wrong), len(wrong) or (1 if status else 0)


def house(r):
    _, out = r.run([PYTHON, "-B", ROOT / "tests/house/check.py"])
    for line in out.splitlines()[1:]:
        if not line.startswith("ok"):
            r.say(line)
    found = re.search(r"(\d+) passed, (\d+) failed", out)
    if not found:
        raise Failed(last(out, 10))
    return int(found[1]), int(found[2])


def build(r, preset, targets=()):
    if not (ROOT / "build" / preset / "build.ninja").exists():
        r.must(["cmake", "--preset", preset], timeout=300)
    r.must(["cmake", "--build", "--preset", preset, "-j", str(os.cpu_count() or 2), *(["--target", *targets] if targets else [])],
           timeout=1800)


def build_gcc(r):
    build(r, "dev")
    return 1, 0


def build_clang(r):
    build(r, "clang")
    return 1, 0


def build_release(r):
    build(r, "release")
    return 1, 0


def suites(r, preset, wanted=None):
    """Builds and runs the Criterion programs of a preset."""
    r.must(["cmake", "--preset", preset], timeout=300)  # finds new folders of tests
    listed = r.must(["ctest", "--test-dir", ROOT / "build" / preset, "-N"])
    names = [n for n in re.findall(r"Test +#\d+: (\S+)", listed) if not wanted or wanted.match(n)]
    build(r, preset, names if wanted else sorted(set(names) | {"all"}) if preset == "dev" else names)
    pattern = "^(" + "|".join(names) + ")$"
    ctest = ["ctest", "--test-dir", ROOT / "build" / preset, "-V", "-j", str(os.cpu_count() or 2), "--timeout", "600"]
    env = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1",
           "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={ROOT}/tests/tsan.supp"}
    status, out = r.run([*ctest, "-R", pattern], timeout=1500, env=env)
    passed = failed = 0
    program = dict(re.findall(r"^ *(\d+): Test command: .*/(\S+?)\"?$", out, re.M))
    for number, tested, passing, failing, crashing in re.findall(
            r"^(\d+): .*Synthesis: Tested:\D*(\d+)\D*Passing:\D*(\d+)\D*Failing:\D*(\d+)\D*Crashing:\D*(\d+)", out, re.M):
        r.say(f"{program.get(number, number):<24} tested {tested}, passing {passing}, failing {failing}, crashing {crashing}")
        passed, failed = passed + int(passing), failed + int(failing) + int(crashing)
    leaks = re.findall(r"^(\d+): .*ERROR: LeakSanitizer", out, re.M)  # these do not fail their test: see leaks.c
    for number in leaks:
        r.say(f"leak: {program.get(number, number)}")
    for line in re.findall(r"^.*tests passed, .*failed out of.*$", out, re.M):
        r.say(line.strip())
    for line in re.findall(r"^\s*\d+ - (\S+ \(.*\))$", out, re.M):
        r.say(f"failed program: {line}")
    if status:
        for line in re.findall(r"^\d+: .*(?:\[----\]|\[FAIL\]|ERROR: \w+Sanitizer|runtime error|WARNING: ThreadSanitizer).*$", out, re.M)[:30]:
            r.say(line)
    if status and r.run([*ctest[:-3], "1", *ctest[-2:], "--rerun-failed"], timeout=900, env=env)[0] == 0:
        r.say("FLAKY: what failed passed when it was run once more, alone; see the log")
        return passed + failed, len(leaks)
    return passed, max(failed, 1 if status else 0) + len(leaks)


def unit(r):
    return suites(r, "dev")


def asan(r):
    return suites(r, "asan")


def tsan(r):
    return suites(r, "tsan", _THREADED)


def fuzz(r):
    """Every fuzz target for some seconds, from its corpus; a crash leaves the input in build/fuzz/found."""
    names = [pathlib.Path(f).stem for f in sorted(glob.glob(str(ROOT / "tests/fuzz/fuzz_*.c")))]
    if not names:
        raise Failed("there is no fuzz target in tests/fuzz")
    if not (ROOT / "build/fuzz/build.ninja").exists():
        r.must(["cmake", "--preset", "fuzz"], timeout=300)
    build(r, "fuzz", names)
    found = ROOT / "build/fuzz/found"
    found.mkdir(exist_ok=True)
    passed = failed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as work:
            corpus = ROOT / "tests/fuzz/corpus" / name.removeprefix("fuzz_")
            status, out = r.run([ROOT / "build/fuzz/bin" / name, f"-max_total_time={_FUZZ_SECONDS}", "-timeout=5",
                                 "-rss_limit_mb=1024", f"-artifact_prefix={found}/{name}-", work,
                                 *([corpus] if corpus.is_dir() else [])], timeout=_FUZZ_SECONDS * 6)
        done = re.findall(r"^Done \d+ runs.*$|^SUMMARY.*$|^==\d+==ERROR.*$", out, re.M)
        r.say(f"{name:<24} {done[-1] if done else last(out, 1).strip()}")
        passed, failed = passed + (status == 0), failed + (status != 0)
    return passed, failed


def man(r):
    """The man page that deskctl prints is correct mdoc, and promtool likes every rule file."""
    build(r, "dev", ["deskctl"])
    page = LOGS / "deskctl.1"
    r.must(["sh", "-c", '"$1" man > "$2"', "sh", ROOT / "build/dev/bin/deskctl", page])
    passed = failed = 0
    status, out = r.run(["mandoc", "-T", "lint", "-W", "warning", page])
    passed, failed = passed + (status == 0), failed + (status != 0)
    r.say("mandoc: " + ("clean" if status == 0 else "\n" + last(out, 10)))
    rules = [f for f in tracked("deploy/*.yml", "deploy/*.yaml") if "rules" in f or "alerts" in f]
    for name in rules:
        status, out = r.run(["promtool", "check", "rules", name])
        passed, failed = passed + (status == 0), failed + (status != 0)
        r.say(f"promtool {name}: " + ("clean" if status == 0 else "\n" + last(out, 10)))
    return passed, failed


def openapi(r):
    """docs/openapi.yaml pleases two linters and is in step with itself and the sources; docs/errors.md is what the header says."""
    passed = failed = 0
    for argv in ([ROOT / "tests/openapi/lint"], [PYTHON, "-B", "-W", "ignore", ROOT / "tests/openapi/examples.py"],
                 [PYTHON, "-B", ROOT / "tests/openapi/errors.py", "--check"]):
        status, out = r.run(argv)
        found = re.search(r"^(\d+) passed, (\d+) failed$", out, re.M)
        if not found or found[2] != "0":
            r.say(f"{argv[-1]}:\n{last(out, 20)}")
        passed, failed = passed + int(found[1] if found else 0), failed + (int(found[2]) if found else 1)
    return passed, failed


def pytest(r, folder, *more, timeout=1200):
    cache = LOGS / f"{r.stage}.cache"
    shutil.rmtree(cache, ignore_errors=True)
    argv = [PYTHON, "-B", "-m", "pytest", "-o", f"cache_dir={cache}", "-q", "-ra", "--durations=5", folder, *more]
    status, out = r.run(argv, timeout=timeout)
    passed, failed = pytest_counts(r, out)
    if status == 1 and failed <= 5:  # once more, those alone: is it the program or the moment?
        again, out = r.run([*argv, "--last-failed"], timeout=timeout)
        if again == 0:
            r.say("FLAKY: what failed passed when it was run once more, alone; see the log")
            return passed + failed, 0
    return passed, max(failed, 1 if status else 0)


def pytest_counts(r, out):
    """(passed, failed) from pytest's closing line, which is shown; a skipped test has proved nothing and counts as failed."""
    closing = out.rstrip().splitlines()[-1] if out.strip() else "no output"
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", closing)}
    for line in re.findall(r"^(?:FAILED|ERROR|SKIPPED) .*$", out, re.M):
        r.say(line[:200])
    r.say(closing)
    return counts.get("passed", 0), sum(counts.get(word, 0) for word in ("failed", "error", "errors", "skipped"))


def e2e(r):
    build(r, "release")
    return pytest(r, ROOT / "tests/e2e")


def chaos(r):
    build(r, "release")
    return pytest(r, ROOT / "tests/chaos")


def day(r):
    """Days that pass in minutes, on a cluster whose clock goes faster."""
    build(r, "release")
    return pytest(r, ROOT / "tests/day")


def bench(r):
    """The bench runs and prints its ratio; speed is judged elsewhere, on a quiet machine."""
    build(r, "release")
    status, out = r.run([ROOT / "tests/bench/run", "all", "--smoke"], timeout=600)
    for line in out.rstrip().splitlines():
        if re.search(r"ratio|ceiling|/s", line):
            r.say(line.strip()[:160])
    return (1, 0) if status == 0 else (0, 1)


STAGES = {
    "install": install, "format": formatting, "house": house, "build": build_gcc, "test": unit, "man": man, "openapi": openapi,
    "clang": build_clang, "asan": asan, "tsan": tsan, "fuzz": fuzz, "release": build_release, "e2e": e2e, "chaos": chaos,
    "day": day, "bench": bench,
}
QUICK = ("install", "format", "house", "build", "test", "man")


def tracked(*patterns):
    """Files of the repository that match, or, outside git, all such files."""
    if (ROOT / ".git").exists():
        out = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                             cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
        return sorted({f for f in out if f and (ROOT / f).exists()})
    return sorted({str(p.relative_to(ROOT)) for pattern in patterns for p in ROOT.rglob(pattern)
                   if not str(p.relative_to(ROOT)).startswith(("build/", "var/"))})


def main():
    parser = argparse.ArgumentParser(prog="tests/run", description="Builds and runs every suite.")
    parser.add_argument("--quick", action="store_true", help="only " + ", ".join(QUICK))
    parser.add_argument("--only", action="append", metavar="STAGE", choices=STAGES, help="only this stage (may be repeated)")
    parser.add_argument("--list", action="store_true", help="print the stages")
    options = parser.parse_args()
    if options.list:
        print("\n".join(STAGES))
        return 0
    # A private home: no test may depend on, or leave something in, the caller's.
    os.environ.update(LC_ALL="C.UTF-8", MERIDIAN_E2E_HOME=tempfile.mkdtemp(prefix="meridian-test-home-"))
    os.environ.pop("MERIDIAN_VAR", None)
    os.environ.pop("MERIDIAN_PORT_BASE", None)
    LOGS.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results, begun = {}, time.monotonic()
    try:
        for name in options.only or (QUICK if options.quick else STAGES):
            print(f"{name}", flush=True)
            started = time.monotonic()
            runner = Runner(name)
            try:
                passed, failed = STAGES[name](runner)
            except Failed as error:
                runner.say(str(error))
                passed, failed = 0, 1
            results[name] = (passed, failed, time.monotonic() - started)
            if failed:
                runner.say(f"log: {runner.log}")
            if failed and name == "install":
                break
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(os.environ["MERIDIAN_E2E_HOME"], ignore_errors=True)
    print("\nSummary")
    for name, (passed, failed, spent) in results.items():
        print(f"  {name:<10}{passed:>6} passed{failed:>5} failed{spent:>9.1f} s")
    passed, failed = (sum(r[i] for r in results.values()) for i in (0, 1))
    print(f"  {'all':<10}{'':>25}{time.monotonic() - begun:>11.1f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
