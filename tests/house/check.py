"""The rules of the house that a compiler does not see. Each rule is one function over the files; its first line is what is printed.

Run by tests/run; alone: /usr/bin/python3 tests/house/check.py
"""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from run import ROOT, tracked  # noqa: E402

_LAYERS = {
    "base": set(), "log": {"base"}, "metrics": {"base"}, "conf": {"base"}, "domain": {"base"}, "wire": {"base"},
    "db": {"base", "log", "metrics"}, "bus": {"base", "wire", "log", "metrics"}, "http": {"base", "log", "metrics"},
    "auth": {"base", "domain", "log"}, "outbound": {"base"}, "plan": {"base", "domain"}, "holiday": {"base", "domain", "plan"}, "ics": {"base", "domain", "plan", "holiday"}, "store": {"base", "log", "metrics", "domain", "db", "auth", "wire"},
}
_FOREIGN = {  # header -> the only module (of common) whose sources may include it
    "nng/": {"bus"}, "llhttp.h": {"http"}, "libpq-fe.h": {"db"}, "sqlite3.h": set(), "curl/": {"outbound"}, "libical/": {"ics"}, "yaml.h": set(),
}
_MAY_SLEEP = {  # the only files of tests in which something sleeps
    "tests/desk.py",                      # wait_for: what the others wait with
    "tests/run.py",                       # between two signals to a stage that has to end
    "tests/bench/bench.py", "tests/bench/timers.py",  # no tests: they measure over time
    "tests/db/router/test_operations.c",  # a statement that hangs
    "tests/db/schema/test_migrate.c",     # a migration that takes its time
    "tests/house/check.py",
}
_SERVICE_FOREIGN = {"sqlite3.h": {"intake"}, "curl/": {"notifier", "sla", "deskctl"}, "yaml.h": {"deskctl"}}


def text(name):
    return (ROOT / name).read_text(errors="replace")


def code(name):
    """The source without comments, line numbers kept."""
    blank = lambda m: m[0] if m[0][0] in "\"'" else re.sub(r"[^\n]", " ", m[0])
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', blank, text(name), flags=re.S)


def hits(pattern, names, flags=re.M, source=code):
    for name in names:
        for found in re.finditer(pattern, body := source(name), flags):
            yield f"{name}:{body.count(chr(10), 0, found.start()) + 1}: {found[0].strip()[:90]}"


def sources(*folders):
    return tracked(*(f"{folder}/*.[ch]" for folder in folders))


def owner(name):
    """("common", "bus") or ("services", "router")."""
    parts = name.split("/")
    return parts[0], parts[1] if len(parts) > 2 else ""


def foreign_headers():
    """a foreign library is included only by the module that hides it"""
    for name in sources("common", "services"):
        top, module = owner(name)
        for line in hits(r'^\s*#\s*include\s*[<"]([^>"]+)', [name]):
            for header, allowed in _FOREIGN.items():
                if re.search(rf'[<"]{re.escape(header)}', line):
                    if module not in (allowed if top == "common" else _SERVICE_FOREIGN.get(header, set())):
                        yield line


def include_direction():
    """includes point downwards: base <- log, metrics, conf, domain, wire <- db, bus, http, auth <- store <- service <- services"""
    modules = set(_LAYERS) | {"service"}
    for name in sources("common", "services"):
        top, module = owner(name)
        for found in re.finditer(r'^\s*#\s*include\s*"(\w+)/', code(name), re.M):
            used = found[1]
            if top == "common":
                if used in modules and used != module and module != "service" and used not in _LAYERS.get(module, modules):
                    yield f"{name}: {module} includes {used}/"
                if used in ("intake", "router", "sla", "notifier", "deskctl"):
                    yield f"{name}: common includes the service {used}/"
            elif used in ("intake", "router", "sla", "notifier", "deskctl") and used != module:
                yield f"{name}: {module} includes the service {used}/"


def domain_is_pure():
    """common/domain and common/base have no input or output: no uv, libpq, NNG, OpenSSL"""
    yield from hits(r'^\s*#\s*include\s*[<"](uv\.h|libpq|nng|openssl|sys/socket|curl|sqlite3)[^>"]*', sources("common/domain"))


def no_sql_in_c():
    """SQL lives in .sql files; .c files hold none, except the transaction words of common/db"""
    names = [n for n in sources("common", "services") if not n.startswith("common/db/")]
    yield from hits(r'"\s*(?:SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+(\.\w+)?\s+SET|DELETE\s+FROM\s|WITH\s+\w+\s+AS|'
                    r'(?:CREATE|ALTER|DROP)\s+(?:TABLE|INDEX|ROLE|SCHEMA))', names, re.M)


def no_sleep_in_tests():
    """tests wait for conditions; none sleeps"""
    names = [n for n in tracked("tests/*.[ch]", "tests/*.py", "tests/*.sql") if n not in _MAY_SLEEP]
    yield from hits(r"\b(?:sleep|usleep|nanosleep|clock_nanosleep|uv_sleep|pg_sleep)\s*\(", names, source=text)


def no_umbrella_headers():
    """no header consists of includes only"""
    for name in tracked("*.h"):
        lines = [line for line in code(name).split("\n") if line.strip() and not line.lstrip().startswith("#")]
        if not lines and len(re.findall(r"^\s*#\s*include", code(name), re.M)) > 1:
            yield name


def bus_traps():
    """the parts of NNG 1.5.2 that are broken are not used"""
    yield from hits(r"\bnng_msg_insert\b|\bNNG_OPT_RECVFD\b|\bnng_(?:surveyor|respondent|bus)0?_open\b|\bNNG_OPT_REQ_RESENDTIME\b(?!.*(?:INFINITE|-1))",
                    sources("common", "services"), re.M)


def no_leftovers():
    """nothing unfinished: no TODO, FIXME, HACK, #if 0"""
    mine = {"tests/house/check.py"}
    names = [n for n in tracked("*.c", "*.h", "*.sql", "*.py", "*.cmake", "*CMakeLists.txt", "*.proto") if n not in mine]
    yield from hits(r"\b(?:TODO|FIXME|HACK)\b|^\s*#\s*if\s+0\b", names, re.M, text)


def no_machine_paths():
    """no path of somebody's machine"""
    mine = {"tests/house/check.py"}
    names = [n for n in tracked("*") if n not in mine and not n.startswith(("tests/golden", "tests/fuzz/corpus"))
             and (ROOT / n).is_file() and n.endswith((".c", ".h", ".py", ".sh", ".md", ".txt", ".cmake", ".sql", ".yaml", ".json", "run", "up"))]
    yield from hits(r"(?<![\w.])/(?:work|home/\w+)/[\w./-]*", names, re.M, text)


def files_say_what_they_are():
    """every .c file begins with a comment of what it owns; every header has #pragma once and a comment"""
    for name in sources("common", "services"):
        body = text(name).lstrip()
        if not body.startswith(("/*", "//")):
            yield f"{name}: no opening comment"
        if name.endswith(".h") and "#pragma once" not in body:
            yield f"{name}: no #pragma once"


def files_are_short():
    """no source is longer than 600 lines (past 500: two nouns?)"""
    for name in sources("common", "services"):
        if (count := text(name).count("\n")) > 600:
            yield f"{name}: {count} lines"


def no_utils():
    """no utils, helpers, misc or common.c: a file is named by its noun"""
    for name in tracked("*.c", "*.h", "*.py"):
        if re.search(r"(?:^|/|_)(?:utils?|helpers?|misc)(?:[_./]|$)", name):
            yield name


def sql_files():
    """a query is one statement in one file, which opens with its purpose"""
    for name in tracked("common/*/sql/*.sql", "services/*/sql/*.sql"):
        body = text(name)
        if not body.startswith("--"):
            yield f"{name}: no opening comment"
        bare = re.sub(r"--[^\n]*|'(?:''|[^'])*'|\$(\w*)\$.*?\$\1\$", "", body, flags=re.S).strip()
        if ";" in bare.rstrip(";"):
            yield f"{name}: more than one statement"


def migrations():
    """migrations are numbered without a gap, and say why, locks, rollout"""
    for i, name in enumerate(tracked("schema/migrations/*.sql"), 1):
        if not re.match(rf"schema/migrations/{i:04d}_[a-z]+_[a-z_]+\.sql$", name):
            yield f"{name}: expected {i:04d}_verb_noun.sql"
        for word in ("-- Why:", "-- Locks:", "-- Rollout:"):
            if word not in text(name):
                yield f"{name}: no line {word}"


def scripts_parse():
    """shell and Python scripts parse"""
    for name in tracked("*.py"):
        try:
            compile(text(name), name, "exec")
        except SyntaxError as error:
            yield f"{name}: {error}"
    for name in tracked("deploy/local/*", "tests/run", ".ci/run", "tests/bench/run", "*.sh"):
        if (ROOT / name).is_file() and text(name).startswith(("#!/bin/sh", "#!/bin/bash")):
            shell = text(name).split("\n", 1)[0][2:]
            done = subprocess.run([shell, "-n", ROOT / name], capture_output=True, text=True, check=False)
            if done.returncode:
                yield f"{name}: {done.stderr.strip()}"


RULES = (foreign_headers, include_direction, domain_is_pure, no_sql_in_c, no_sleep_in_tests, no_umbrella_headers, bus_traps,
         no_leftovers, no_machine_paths, files_say_what_they_are, files_are_short, no_utils, sql_files, migrations, scripts_parse)


def main():
    failed = 0
    for rule in RULES:
        found = list(rule())
        failed += bool(found)
        print(("FAILED  " if found else "ok      ") + rule.__doc__.split("\n", maxsplit=1)[0])
        for line in found[:12]:
            print("          " + line)
    print(f"{len(RULES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
