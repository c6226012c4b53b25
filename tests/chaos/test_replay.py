"""An incident log (the real one where it is at hand), driven through the API while a router and an intake are killed every few seconds. deskctl's own checker compares its log with the raw events; then the database is
asked directly, by other means: every key that a client was told of is one ticket, every win is one claim."""
import itertools
import json
import os
import pathlib
import random
import subprocess

import pytest
from desk import ROOT, check_promises

pytestmark = pytest.mark.disturbs
CASES = int(os.environ.get("CHAOS_REPLAY_CASES", "2000"))
LOG = pathlib.Path(os.environ.get("MERIDIAN_VOLVO_LOG", ROOT.parent / "shared/data/incidents-volvo/incidents.csv.gz"))


def invented_log(folder):
    """Where the real log is not at hand: one of the same shape, always the same."""
    dice, lines = random.Random(20130501), ["case_id,timestamp,status,sub_status,impact,product,support_team,function_division,org_line,case_country,owner_country,owner"]
    countries = (("se", "Sweden"), ("pl", "POLAND"), ("cn", "China"), ("in", "INDIA"), ("us", "USA"), ("br", "Brazil"))
    steps = [("Queued", "Awaiting Assignment")] + 3 * [("Accepted", "In Progress")] + [("Accepted", "Wait - User"), ("Completed", "Resolved")]
    for case in range(CASES):
        home, impact = dice.choice(countries)[0], dice.choice(("Low", "Medium", "High", "Major"))
        for status in [("Accepted", "In Progress"), *dice.choices(steps, k=dice.randint(2, 12)), ("Completed", "Closed")]:
            team = f"G{dice.randint(1, 40)}" + dice.choice(("", " 2nd", " 3rd"))
            lines.append(",".join((f"1-{case}", "2012-05-01T00:00:00+02:00", *status, impact, f"PROD{case % 90}", team, "A2_1", "Org line A2", home, dice.choice(countries)[1], f"Owner{dice.randint(1, 60)}")))
    path = folder / "invented.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_an_incident_log_survives_kills(desk, tmp_path):
    log = LOG if LOG.exists() else invented_log(tmp_path)
    client_log = tmp_path / "client.ndjson"
    routers = itertools.cycle(("router-eu-1", "router-ap-1", "router-eu-2", "router-us-1"))
    intakes = itertools.cycle(("intake-us-1", "intake-eu-1", "intake-ap-1", "intake-eu-2"))
    replay = subprocess.Popen([desk.layout.bin / "deskctl", "replay", "volvo", log, "--cases", str(CASES), "--log", client_log, "-o", "json", "--regions",
                               ",".join(f"{r}={desk.layout.url(r)}" for r in ("eu", "ap", "us"))], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    kills = 0
    while replay.poll() is None:
        try:
            replay.wait(4)
        except subprocess.TimeoutExpired:
            desk.kill(next(routers), next(intakes))
            kills += 2
    out, err = replay.communicate()
    assert out, err
    report = json.loads(out)
    print(f"{kills} kills; {json.dumps({k: v for k, v in report.items() if k != 'operations'})}")
    assert replay.returncode == 0, (report, err)
    assert kills > 0 or report["seconds"] < 4
    assert report["acknowledged"] == report["unique_tickets"] == min(CASES, report["cases"]), report
    assert not report["refused"] and not report["unavailable"] and not report["steps_skipped"], report
    desk.ready()

    told = [json.loads(line) for line in client_log.read_text().splitlines()]
    keys = {t["key"]: t["number"] for t in told if t["op"] == "submit" and t["status"] in (201, 202)}
    check_promises(desk, list(keys))
    numbers = dict(desk.sql("SELECT t.client_key, string_agg(x.number, ' ') FROM desk.ticket t JOIN (SELECT id, number FROM desk.ticket UNION ALL SELECT ticket_id, number FROM desk.ticket_alias) x "
                            "ON x.id = t.id WHERE t.submitter_id IS NOT NULL GROUP BY t.id, t.client_key"))
    astray = {k: n for k, n in keys.items() if n not in numbers.get(k, "").split()}
    assert not astray, list(astray.items())[:5]
    wins = [(t["number"], t["epoch"], t["agent"]) for t in told if t["op"] == "claim" and t["status"] == 200]
    recorded = {(n, int(e)): who for n, e, who in desk.sql("SELECT x.number, e.data->>'epoch', e.actor FROM desk.event e JOIN (SELECT id, number FROM desk.ticket UNION ALL SELECT ticket_id, number "
                                                          "FROM desk.ticket_alias) x ON x.id = e.ticket_id WHERE e.type = 'ticket.claimed'")}
    assert len({(n, e) for n, e, _ in wins}) == len(wins) == report["claims_won"]
    assert not [w for w in wins if recorded.get((w[0], w[1])) != w[2]]
