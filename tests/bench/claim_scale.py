"""Claims of the next ticket among many: does a claim cost more when a million tickets wait?

A private PostgreSQL (durable, as in production) is filled with bulk SQL: 500 teams, 10,000 agents with skills, languages and shifts, seven lanes a team. Two clients, as two routers, claim at a fixed rate (an open
loop: what had to wait counts from when it should have begun), first among 10,000 ready tickets and then among a million, in the same database and the same run. What is measured is the statement with its commit.
"""
import pathlib
import subprocess
import tempfile

from timers import PG_BIN, PrivatePostgres

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = 2
WARM_S = 5
P99_TARGET_MS = 10
RATIO_TARGET = 1.5


def fill(postgres, first, tickets):
    subprocess.run([f"{PG_BIN}/psql", "-h", postgres.host, "-U", "postgres", "-d", "meridian", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"first={first}", "-v", f"tickets={tickets}", "-c", "SET synchronous_commit = off",
                    "-f", HERE / "claim_scale.sql"], check=True, stdout=subprocess.DEVNULL)
    postgres.sql("VACUUM (ANALYZE) desk.ready, desk.ticket; CHECKPOINT")


def drive(postgres, seconds, rate):
    """Milliseconds of each claim, in order of size."""
    with tempfile.TemporaryDirectory(prefix="meridian-claims-") as folder:
        subprocess.run([f"{PG_BIN}/pgbench", "-h", postgres.host, "-U", "meridian_router", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(CLIENTS), "-R", str(rate), "-T", str(seconds), "-l",
                        f"--log-prefix={folder}/log", "-f", HERE / "claim_scale_next.sql", "meridian"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return sorted(int(line.split()[2]) / 1000 for log in pathlib.Path(folder).iterdir() for line in log.read_text().splitlines())


def measure(postgres, size, args):
    drive(postgres, WARM_S, args.claim_rate)
    before = int(postgres.value("SELECT count(*) FROM desk.ready"))
    taken = drive(postgres, args.seconds, args.claim_rate)
    after = int(postgres.value("SELECT count(*) FROM desk.ready"))
    return {"size": size, "ready": before, "claims": len(taken), "got_one": before - after, "p50_ms": round(taken[len(taken) // 2], 2), "p99_ms": round(taken[len(taken) * 99 // 100], 2)}


def run(args, programs, say):
    spare = args.claim_rate * (WARM_S + args.seconds)  # so that the queue is not empty at the end
    small = args.ready // 100
    with PrivatePostgres(programs) as postgres:
        fill(postgres, 0, small + spare)
        figures = [measure(postgres, small, args)]
        fill(postgres, small + spare, args.ready - small)
        figures.append(measure(postgres, args.ready, args))
        lanes = int(postgres.value("SELECT count(*) FROM desk.lane"))
    for f in figures:
        say(f"claims  among {f['size']} ready tickets, {args.claim_rate}/s: p50 {f['p50_ms']} ms, p99 {f['p99_ms']} ms ({f['claims']} claims, {f['got_one']} got one)")
    p50, p99 = (figures[1][k] / figures[0][k] for k in ("p50_ms", "p99_ms"))
    say(f"claims  ratio of the many to the few: p50 {p50:.2f}, p99 {p99:.2f} (target {RATIO_TARGET}); {lanes} lanes; p99 target {P99_TARGET_MS} ms")
    return {"sizes": figures, "lanes": lanes, "p50_ratio": round(p50, 2), "p99_ratio": round(p99, 2)}, figures[1]["p99_ms"] < P99_TARGET_MS and p99 <= RATIO_TARGET
