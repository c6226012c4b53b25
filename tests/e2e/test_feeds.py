"""Feeds of holidays, from a server of this test's own to the due times of tickets: what changes is the next plan, what people wrote wins,
what is wrong does no harm, and each refresh counts once, whoever dies. The plan that was in force is applied again in the end."""
import contextlib
import datetime
import http.server
import json
import threading

import pytest
from desk import wait_for
from test_sla import plan

_WEEK = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
_SLOW_S = 30


class Feed:
    """Answers every path with what `says` returns, (status, headers, body), and remembers what it was asked."""

    def __init__(self):
        self.says, self.asked, self.release = lambda headers: (200, {}, b""), [], threading.Event()
        feed = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802
                feed.asked.append(dict(self.headers))
                status, headers, body = feed.says(self.headers)
                with contextlib.suppress(ConnectionError):
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(body)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/de.ics"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


def in_days(n):
    return (datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=n)).isoformat()


def ics(dates):
    events = "".join(f"BEGIN:VEVENT\r\nSUMMARY:Holiday\r\nDTSTART;VALUE=DATE:{date.replace('-', '')}\r\nEND:VEVENT\r\n" for date in dates)
    return f"BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n".encode()


def document(url, **calendar):
    return {"calendars": {"berlin": {"zone": "Europe/Berlin", "weekly": _WEEK, **calendar}}, "default_calendar": "berlin",
            "policies": [{"name": "all", "targets": {"first_response": {"amount": "4h"}, "resolve": {"amount": {"working_days": 3}}}}],
            "feeds": {"DE": {"url": url, "calendars": ["berlin"], "every": "6h"}}}


@pytest.fixture(scope="module", autouse=True)
def quick(desk):
    """Schedulers that give up soon; an attempt that died is taken again after four seconds."""
    desk.control.restart("sla-eu-*", env={"MERIDIAN_FEED_TIMEOUT": "2s"})
    desk.ready()
    yield
    desk.control.restart("sla-eu-*")
    desk.ready()


@pytest.fixture(autouse=True)
def administrator(desk):
    assert desk.deskctl("login", "admin", "--password", "meridian-demo")[0] == 0


@pytest.fixture
def feed():
    feed = Feed()
    yield feed
    feed.close()


def state(desk):
    [item] = desk.agent().get("/api/v1/sla/feeds").json["items"]
    return item


def in_force(desk):
    return desk.client("eu", "admin").get("/api/v1/sla/plan").json


def imported(desk):
    return in_force(desk)["document"]["calendars"]["berlin"].get("imported", {}).get("DE", {}).get("closed", [])


def becomes(desk, **wanted):
    """Waits until the feed's item has these members; returns it."""
    return wait_for(lambda: (item := state(desk)) and all(item[name] == value for name, value in wanted.items()) and item, 60, 0.2, str(wanted))


def due_now(desk):
    desk.sql("UPDATE desk.calendar_feed SET next_at = now() RETURNING name")


def test_holidays_come_on_their_own_and_manual_edits_win(desk, feed):
    dates = [in_days(n) for n in (20, 40, 60, 80)]
    feed.says = lambda headers: (304, {}, b"") if headers.get("If-None-Match") == '"v1"' else (200, {"ETag": '"v1"'}, ics(dates))
    with plan(desk, lambda _: document(feed.url, open={dates[0]: [["10:00", "12:00"]]})) as version:
        item = becomes(desk, state="ok", plan_version=version + 1)
        assert item["calendars"] == ["berlin"] and item["every_s"] == 21600 and not item["failures"] and item["error"] is None
        present = in_force(desk)
        assert present["version"] == version + 1 and present["applied_by"] == "system:feeds"
        assert imported(desk) == dates and present["document"]["calendars"]["berlin"]["open"] == {dates[0]: [["10:00", "12:00"]]}
        number = desk.requester().submitted("After the holidays")["number"]
        event = wait_for(lambda: desk.agent().get(f"/api/v1/tickets/{number}/events").json["items"], what=number)[0]
        assert event["data"]["plan"] == version + 1
        before = item["succeeded_at"]
        due_now(desk)
        wait_for(lambda: state(desk)["succeeded_at"] > before, 30, 0.2, "another look")
        assert feed.asked[-1]["If-None-Match"] == '"v1"' and in_force(desk)["version"] == version + 1
        status, out, err = desk.deskctl("calendar", "feeds", "--lang", "zh")
        assert status == 0 and "DE" in out and "正常" in out and "订阅源" in out, out + err
        # A plan that does not have what the feed brought keeps it.
        admin = desk.client("eu", "admin")
        assert admin.post("/api/v1/sla/plan", {"document": document(feed.url), "base_version": version + 1}).json["version"] == version + 2
        assert imported(desk) == dates
    assert desk.requester().get("/api/v1/sla/feeds").slug == "forbidden"
    assert desk.agent().get("/api/v1/sla/feeds").json["items"] == []


def test_too_much_at_once_waits_for_somebody(desk, feed):
    dates = [in_days(n) for n in (20, 40, 60, 80)]
    feed.says = lambda headers: (200, {}, ics(dates))
    with plan(desk, lambda _: document(feed.url)) as version:
        becomes(desk, state="ok", plan_version=version + 1)
        feed.says = lambda headers: (200, {}, ics(dates[:1]))
        due_now(desk)
        item = becomes(desk, state="held")
        assert item["held"] == {"reason": "drops_dates", "calendar": "berlin", "before": 4, "after": 1} and item["held_at"]
        assert imported(desk) == dates
        assert desk.metric("meridian_router_feeds_total", "router-eu-1", "held") or desk.metric("meridian_router_feeds_total", "router-eu-2", "held")
        status, out, _ = desk.deskctl("calendar", "feeds")
        assert status == 0 and "held for review" in out and "berlin: more than half of the dates to come would go (4, then 1)" in out, out
        status, out, err = desk.deskctl("calendar", "refresh", "DE")
        assert status == 5 and "--force applies it" in err and in_force(desk)["version"] == version + 1, out + err
        status, out, err = desk.deskctl("calendar", "refresh", "--preview", "--lang", "zh")
        assert status == 0 and "删除 3" in out and "待人工复核" in out and "运行中的时钟" in out, out + err
        assert in_force(desk)["version"] == version + 1
        status, out, err = desk.deskctl("calendar", "refresh", "DE", "--force", "-o", "json")
        result = json.loads(out)
        assert status == 0 and result["version"] == version + 2 and "running_clocks" in result, out + err
        assert [len(result["feeds"][0]["changes"]["berlin"][name]) for name in ("removed", "kept")] == [3, 1]
        becomes(desk, state="ok", held=None)
        assert imported(desk) == dates[:1] and in_force(desk)["applied_by"] == "admin"
        status, out, err = desk.deskctl("calendar", "refresh")
        assert status == 0 and "nothing changes" in out, out + err
        assert desk.deskctl("calendar", "refresh", "FR")[0] == 3


def test_what_fails_leaves_the_holidays(desk, feed):
    dates = [in_days(n) for n in (20, 40)]
    feed.says = lambda headers: (200, {}, json.dumps({date: "Holiday" for date in dates}).encode())
    with plan(desk, lambda _: document(feed.url)) as version:
        becomes(desk, state="ok", plan_version=version + 1)
        wrong = ((lambda headers: (500, {}, b"oops"), "http 500"),
                 (lambda headers: (200, {}, b"x" * 1_100_000), "is longer than 1048576 bytes"),
                 (lambda headers: (200, {}, b"<html>sign in</html>"), "line 1: "),
                 (lambda headers: (302, {"Location": "http://169.254.169.254/latest/meta-data"}, b""), "the address is private or reserved"),
                 (lambda headers: (302, {"Location": "http://127.0.0.2:1/"}, b""), "the address is private or reserved"),
                 (lambda headers: (feed.release.wait(_SLOW_S), (200, {}, b""))[1], "Timeout was reached"))
        for n, (says, error) in enumerate(wrong, 1):
            feed.says = says
            due_now(desk)
            item = becomes(desk, state="failing", failures=n, plan_version=version + 1)
            assert error in item["error"], item
        assert imported(desk) == dates
        assert "failing" in desk.deskctl("calendar", "feeds")[1]
        assert sum(desk.metric("meridian_sla_feed_attempts_total", f"sla-eu-{n}", "failed") or 0 for n in (1, 2)) >= 6
        feed.says = lambda headers: (200, {}, ics([*dates, in_days(60)]))
        due_now(desk)
        becomes(desk, state="ok", failures=0, plan_version=version + 2)


def test_a_scheduler_that_is_killed_in_the_middle(desk, feed):
    dates = [in_days(n) for n in (20, 40)]
    feed.says = lambda headers: (feed.release.wait(_SLOW_S), (200, {}, b""))[1] if len(feed.asked) == 1 else (200, {}, ics(dates))
    with plan(desk, lambda _: document(feed.url)) as version:
        wait_for(lambda: feed.asked, 30, 0.02, "the first attempt")
        desk.kill("sla-eu-*")
        becomes(desk, state="ok", plan_version=version + 1)
        assert in_force(desk)["version"] == version + 1 and imported(desk) == dates
        assert int(desk.sql("SELECT attempt FROM desk.calendar_feed")[0][0]) >= 2
    desk.ready()
