"""Swaps of on-call shifts by the command line: asked in one region, taken in another, seen by whoever asks who is on call."""
import contextlib
import json

from desk import check_promises


@contextlib.contextmanager
def network(desk):
    """A schedule in which agent-eu-1 is on call always, and agent-us-1 and agent-us-2 never."""
    admin = desk.client("eu", "admin")
    before = admin.get("/api/v1/sla/plan").json
    rules = [{"user": "agent-eu-1"}, {"user": "agent-us-1", "days": []}, {"user": "agent-us-2", "days": []}]
    document = {**before["document"], "schedules": {"network": {"zone": "UTC", "rules": rules}}}
    assert admin.post("/api/v1/sla/plan", {"document": document, "base_version": before["version"]}).status == 200
    try:
        yield
    finally:
        now = admin.get("/api/v1/sla/plan").json
        assert admin.post("/api/v1/sla/plan", {"document": before["document"], "base_version": now["version"]}).status == 200


def run(desk, user, *args, region="eu", code=0):
    status, out, err = desk.deskctl("login", user, "--password", "meridian-demo", url=desk.layout.url(region))
    assert status == 0, err
    status, out, err = desk.deskctl(*args, url=desk.layout.url(region))
    assert status == code, (args, status, out, err)
    return out, err


def who(desk, *args):
    return run(desk, "agent-us-1", "oncall", "who", "network", *args, region="us")[0].split()


def test_a_swap_is_asked_taken_and_seen(desk):
    window = ("--from", "2031-03-03T08:00Z", "--to", "2031-03-03T20:00Z")
    with network(desk):
        out, _ = run(desk, "agent-eu-1", "oncall", "swap", "ask", "network", *window, "-o", "json")
        swap = json.loads(out)["id"]
        assert who(desk, "--at", "2031-03-03T12:00Z") == ["agent-eu-1"], "asked is not agreed"
        run(desk, "agent-eu-1", "oncall", "swap", "take", swap, code=4)
        out, _ = run(desk, "agent-us-1", "oncall", "swap", "list", "--schedule", "network", "--state", "asked", region="us")
        assert swap in out and "agent-eu-1" in out
        run(desk, "agent-us-1", "oncall", "swap", "take", swap, region="us")
        run(desk, "agent-us-2", "oncall", "swap", "take", swap, region="us", code=5)
        assert who(desk, "--at", "2031-03-03T12:00Z") == ["agent-us-1"]
        assert who(desk, "--at", "2031-03-03T12:00Z", "--known", "2020-01-01T00:00Z") == ["agent-eu-1"]
        assert who(desk, "--at", "2031-03-03T20:00Z") == ["agent-eu-1"] and who(desk) == ["agent-eu-1"]
        _, err = run(desk, "agent-us-1", "oncall", "who", "network", "--at", "2031-03-03T12:00Z", region="us")
        assert "2031-03-03T20:00:00+00:00" in err, "until the swap ends"
        out, _ = run(desk, "agent-us-1", "oncall", "swap", "ask", "network", *window, "--with", "agent-us-2", "-o", "json")
        run(desk, "agent-us-2", "oncall", "swap", "decline", json.loads(out)["id"], region="us")
        out, _ = run(desk, "agent-us-1", "oncall", "swap", "ask", "network", *window, "-o", "json")
        run(desk, "agent-us-1", "oncall", "swap", "withdraw", json.loads(out)["id"])
    check_promises(desk)


def test_what_is_typed_wrongly_is_told(desk):
    with network(desk):
        run(desk, "agent-eu-1", "oncall", "swap", "ask", "network", "--from", "2031-03-03T08:00Z", code=2)
        _, err = run(desk, "agent-eu-1", "oncall", "swap", "ask", "network", "--from", "soon", "--to", "2031-03-03T08:00Z", code=1)
        assert "/from" in err, err
        run(desk, "agent-eu-1", "oncall", "swap", "take", "017f", code=1)
        run(desk, "agent-eu-1", "oncall", "who", "network", "--known", "once", code=2)
        run(desk, "agent-eu-1", "oncall", "who", "network", "--at", "once", code=2)
        run(desk, "agent-eu-1", "oncall", "swap", "list", "--state", "lost", code=1)
