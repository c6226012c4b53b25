"""Claims of the next ticket among many: does a claim cost more when a million tickets wait?

A private PostgreSQL (durable, set up as in production) is filled with bulk SQL: 500 teams, 10,000 agents with skills, languages and shifts, seven lanes a team; one database with 10,000 ready tickets and one with
a million. Two clients, as two routers, claim at a fixed rate (an open loop: what had to wait counts from when it should have begun) in the one, then in the other, in turns of a few seconds, so that what else the
machine does harms both alike; between them comes the commit of one small row, which says what the disk and the machine gave at that time. What is measured is the statement with its commit; not the first second of a turn, in which new connections make their plans: routers keep theirs.
"""
import pathlib
import subprocess
import tempfile
import time

from timers import PG_BIN, PrivatePostgres

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = 2
MEMORY = ("-c", "shared_buffers=1GB")  # who has a million tickets waiting has it for them
TURNS = 5
WARM_S = 3  # of each database: its pages, and the first of what follows a checkpoint
BATCH = 100000
P99_TARGET_MS = 10
RATIO_TARGET = 1.5
FEW, MANY = "few", "many"


def fill(postgres, database, first, end, say):
    begun = time.monotonic()
    while first < end:
        tickets = min(BATCH, end - first)
        subprocess.run([f"{PG_BIN}/psql", "-h", postgres.host, "-U", "postgres", "-d", database, "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"first={first}", "-v", f"tickets={tickets}",
                        "-c", "SET synchronous_commit = off", "-f", HERE / "claim_scale.sql"], check=True, stdout=subprocess.DEVNULL)
        first += tickets
        say(f"claims  {first} tickets are ready, after {time.monotonic() - begun:.0f} s")
    postgres.sql("VACUUM (ANALYZE) desk.ready, desk.ticket", database=database)


def drive(postgres, database, script, seconds, rate):
    """Milliseconds of each transaction after the first second."""
    with tempfile.TemporaryDirectory(prefix="meridian-claims-") as folder:
        subprocess.run([f"{PG_BIN}/pgbench", "-h", postgres.host, "-U", "meridian_router", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(CLIENTS), "-R", str(rate), "-T", str(seconds + 1), "-l",
                        f"--log-prefix={folder}/log", "-f", HERE / script, database], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = [[int(word) for word in line.split()] for log in pathlib.Path(folder).iterdir() for line in log.read_text().splitlines()]
    ended = [line[4] * 1000000 + line[5] for line in lines]
    begun = min(e - line[2] for e, line in zip(ended, lines))
    return [line[2] / 1000 for e, line in zip(ended, lines) if e - line[2] >= begun + 1000000]


def ready(postgres, database):
    return int(postgres.sql("SELECT count(*) FROM desk.ready", database=database)[0][0])


def quantiles(taken):
    taken.sort()
    return {"n": len(taken), "p50_ms": round(taken[len(taken) // 2], 2), "p99_ms": round(taken[len(taken) * 99 // 100], 2)}


def take_turns(postgres, args, say):
    scripts = {FEW: "claim_scale_next.sql", MANY: "claim_scale_next.sql", "commit": "claim_scale_commit.sql"}
    taken, calm, turn_s = {name: [] for name in scripts}, {}, max(1, args.seconds // TURNS)
    for turn in range(1, TURNS + 1):
        told = []
        for name, script in scripts.items():
            figures = drive(postgres, name if name in (FEW, MANY) else FEW, script, turn_s, args.claim_rate)
            taken[name] += figures
            q = quantiles(figures)
            calm[name] = min(calm.get(name, q["p99_ms"]), q["p99_ms"])
            told.append(f"{name} p50 {q['p50_ms']} ms, p99 {q['p99_ms']} ms")
        say(f"claims  turn {turn} of {TURNS}: {', '.join(told)}")
    return {name: {**quantiles(t), "calmest_p99_ms": calm[name]} for name, t in taken.items()}


def run(args, programs, say):
    spare = args.claim_rate * 2 * (WARM_S + 1 + max(args.seconds, TURNS) + TURNS)  # so that the queue is not empty at the end
    sizes = {FEW: args.ready // 100, MANY: args.ready}
    with PrivatePostgres(programs, *MEMORY) as postgres:
        postgres.sql("ALTER DATABASE meridian RENAME TO few", database="postgres")
        fill(postgres, FEW, 0, sizes[FEW] + spare, say)
        postgres.sql("CREATE TABLE desk.commit (n int); GRANT INSERT ON desk.commit TO meridian_router", database=FEW)
        postgres.sql("CREATE DATABASE many TEMPLATE few", database="postgres")
        fill(postgres, MANY, sizes[FEW] + spare, sizes[MANY] + spare, say)
        postgres.sql("CHECKPOINT", database=MANY)
        for database in (FEW, MANY):
            drive(postgres, database, "claim_scale_next.sql", WARM_S, args.claim_rate)
        before = {database: ready(postgres, database) for database in sizes}
        figures = take_turns(postgres, args, say)
        for database in sizes:
            figures[database].update(size=sizes[database], got_one=before[database] - ready(postgres, database))
        lanes = int(postgres.sql("SELECT count(*) FROM desk.lane", database=MANY)[0][0])
    for name in sizes:
        f = figures[name]
        say(f"claims  among {f['size']} ready tickets, {args.claim_rate}/s: p50 {f['p50_ms']} ms, p99 {f['p99_ms']} ms, of the calmest turn {f['calmest_p99_ms']} ms ({f['n']} claims, {f['got_one']} got one)")
    say(f"claims  the commit of one small row at the same time, {args.claim_rate}/s: p50 {figures['commit']['p50_ms']} ms, p99 {figures['commit']['p99_ms']} ms, of the calmest turn {figures['commit']['calmest_p99_ms']} ms")
    p50, p99 = (figures[MANY][k] / figures[FEW][k] for k in ("p50_ms", "p99_ms"))
    say(f"claims  ratio of the many to the few: p50 {p50:.2f}, p99 {p99:.2f} (target {RATIO_TARGET}); {lanes} lanes; p99 target {P99_TARGET_MS} ms")
    return {**figures, "lanes": lanes, "p50_ratio": round(p50, 2), "p99_ratio": round(p99, 2)}, figures[MANY]["p99_ms"] < P99_TARGET_MS and p99 <= RATIO_TARGET
