"""What those rely on who run it: health, metrics, status, memory, the local commands themselves."""
import http.client
import json
import ssl
import subprocess

import pytest
from desk import wait_for


def fetch(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def services(desk):
    return [row for row in desk.control.list() if row["kind"] in ("intake", "router", "sla", "notifier")]


def test_health_of_every_process(desk):
    for row in services(desk):
        for path in ("/livez", "/readyz", "/startupz", "/readyz?verbose"):
            assert fetch(row["port"], path)[0] == 200, (row["name"], path)


def test_metrics_of_every_kind_of_process_are_clean(desk):
    seen = set()
    for row in services(desk):
        if row["kind"] in seen and row["region"] == "eu":
            continue
        seen.add(row["kind"])
        status, body = fetch(row["port"], "/metrics")
        assert status == 200
        done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and not done.stderr.strip(), (row["name"], done.stdout + done.stderr)
        for name in (line.split()[2] for line in body.splitlines() if line.startswith("# TYPE")):
            assert name.startswith(("meridian_", "process_")), name


def test_logs_are_json_lines_without_texts_or_secrets(desk):
    desk.requester("eu", 1).submitted("LOGPROBE-SUBJECT", attributes={"k": "LOGPROBE-VALUE"})
    tokens = list(desk._tokens.values())
    for row in services(desk):
        with open(row["log"], encoding="utf-8") as f:
            text = f.read()
        for line in text.splitlines():
            one = json.loads(line)
            assert {"ts", "level", "msg"} <= set(one), line
        assert "LOGPROBE" not in text and "meridian-demo" not in text
        assert not any(token in text for token in tokens)


def test_all_services_together_stay_below_200_mib(desk):
    status = desk.status()
    print(status["services_pss_kib"], status["services_rss_kib"])
    assert 0 < status["services_pss_kib"] < 200 * 1024


def test_up_again_says_that_it_is_up(desk):
    done = desk.local("up", "--no-build")
    assert "up already" in done.stdout and desk.layout.url("eu") in done.stdout and "meridian-demo" in done.stdout


def test_status_is_a_table_for_people(desk):
    done = desk.local("status")
    assert "intake-eu-1" in done.stdout and "bytes behind" in done.stdout and "all services together" in done.stdout


def test_logs_and_psql(desk):
    assert desk.local("logs", "-n", "1", "router-eu-1").stdout
    assert desk.local("logs", "no-such", check=False).returncode == 1
    assert desk.local("psql", "us", "-At", "-c", "SELECT pg_is_in_recovery()").stdout.strip() == "t"


def make_certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", f"/CN={name}",
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"], check=True, capture_output=True)
    return (folder / f"{name}.crt").read_text(), (folder / f"{name}.key").read_text()


def open_tls(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("localhost", port, timeout=10, context=context)
    connection.connect()
    return connection, ssl.DER_cert_to_PEM_cert(connection.sock.getpeercert(binary_form=True))


@pytest.mark.disturbs
def test_intake_reads_its_certificate_again_on_sighup(desk, tmp_path):
    """New connections get the new one, old ones go on; a pair that cannot be used changes nothing."""
    old, new = make_certificate(tmp_path, "old"), make_certificate(tmp_path, "new")
    cert, key = tmp_path / "api.crt", tmp_path / "api.key"
    port = desk.layout.api_tls("us")

    def put(pair):
        cert.write_text(pair[0])
        key.write_text(pair[1])

    put(old)
    try:
        desk.control.restart("intake-us-1", env={"MERIDIAN_HTTP_CERT": str(cert), "MERIDIAN_HTTP_KEY": str(key)})
        desk.ready()
        kept, shown = open_tls(port)
        assert shown.strip() == old[0].strip()
        put(new)
        desk.control.signal("HUP", "intake-us-1")
        wait_for(lambda: open_tls(port)[1].strip() == new[0].strip(), what="the new certificate")
        put(("no certificate", "no key"))
        desk.control.signal("HUP", "intake-us-1")
        log = next(row["log"] for row in services(desk) if row["name"] == "intake-us-1")
        wait_for(lambda: "certificate of the API cannot be used" in open(log, encoding="utf-8").read(), what="the complaint")
        assert open_tls(port)[1].strip() == new[0].strip()
        kept.request("GET", "/")
        assert kept.getresponse().status == 200
    finally:
        desk.control.restart("intake-us-1")


def test_only_the_routers_role_writes_tickets(desk):
    for role in ("meridian_intake", "meridian_sla", "meridian_notifier"):
        with pytest.raises(Exception, match="permission denied|read-only"):
            desk.postgres.sql("eu", "UPDATE desk.ticket SET subject = 'x'", user=role)
        with pytest.raises(Exception, match="permission denied|read-only"):
            desk.postgres.sql("eu", "INSERT INTO desk.event SELECT * FROM desk.event LIMIT 1", user=role)
    with pytest.raises(Exception, match="append-only|permission denied"):
        desk.postgres.sql("eu", "DELETE FROM desk.event", user="meridian_router")
    assert desk.postgres.sql("eu", "SELECT count(*) FROM desk.ticket", user="meridian_intake") == [["0"]], "no viewer sees nothing"


def test_every_column_of_the_stable_views_is_commented(desk):
    bare = desk.sql("SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = "
                    "c.oid AND a.attnum > 0 WHERE n.nspname = 'meridian_api' AND c.relkind = 'v' AND col_description(c.oid, a.attnum) IS NULL")
    assert not bare, bare


def test_the_seed_is_the_demo_that_the_readme_promises(desk):
    logins = {row[0] for row in desk.sql("SELECT login FROM desk.app_user")}
    wanted = {"admin"} | {f"{role}-{r}-{n}" for r in ("eu", "ap", "us")
                          for role, most in (("agent", 16), ("lead", 1), ("requester", 9)) for n in range(1, most + 1)}
    assert wanted <= logins, wanted - logins
    assert {row[0] for row in desk.sql("SELECT DISTINCT language FROM desk.ticket")} >= {"en", "zh"}
