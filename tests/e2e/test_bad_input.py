"""What strangers send. Each answer is a precise problem+json, and the connection or process survives where it may."""
import json
import socket
import time

import pytest
from desk import wait_for

TICKETS = "/api/v1/tickets"
GOOD = {"subject": "s", "description": "d"}


@pytest.fixture()
def me(desk):
    return desk.requester("eu", 1)


def problem(answer, status, slug):
    assert (answer.status, answer.slug) == (status, slug), answer
    body = answer.json
    assert body["type"] == f"urn:meridian:problem:{slug}" and body["status"] == status and body["title"]
    return body


@pytest.mark.parametrize("raw", [b"", b"{", b"[1,2", b'{"subject": "a",}', b"nul", b'{"subject": "a" "description": "b"}', b"\x00",
                                 b'{"subject": "a"} trailing', b'{"a":1,"a":2}', b"[" * 5000, b'{"subject": "\\ud800"}'])
def test_malformed_json(me, raw):
    problem(me.post(TICKETS, raw=raw), 400, "malformed-json")


@pytest.mark.parametrize("raw", [b'{"subject": "\xff\xfe", "description": "d"}', b'{"subject": "a\xc3", "description": "d"}',
                                 b'{"subject": "\xed\xa0\x80", "description": "d"}', b'{"subject": "\xc0\xaf", "description": "d"}'])
def test_invalid_utf8(me, raw):
    problem(me.post(TICKETS, raw=raw), 400, "malformed-json")


@pytest.mark.parametrize("fields, pointer", [
    ({"subject": 7}, "/subject"), ({"subject": None}, "/subject"), ({"subject": ""}, "/subject"), ({"subject": "   "}, "/subject"),
    ({"subject": "x" * 201}, "/subject"), ({"subject": "界" * 201}, "/subject"), ({"subject": "a\u0000b"}, "/subject"),
    ({"subject": "a\nb"}, "/subject"), ({"description": ["d"]}, "/description"), ({"description": "x" * 65537}, "/description"),
    ({"description": "a\u0000b"}, "/description"),
    ({"impact": "huge"}, "/impact"), ({"impact": 1}, "/impact"), ({"urgency": True}, "/urgency"), ({"language": "fr"}, "/language"),
    ({"service": "x" * 101}, "/service"), ({"attributes": []}, "/attributes"), ({"attributes": {"k": {}}}, "/attributes/k"),
    ({"attributes": {"k": "x" * 1001}}, "/attributes/k"), ({"attributes": {"k" * 65: "x"}}, "/attributes"),
    ({"attributes": {str(i): "x" for i in range(51)}}, "/attributes"), ({"colour": "red"}, "/colour"), ({"on_behalf_of": 5}, "/on_behalf_of")])
def test_wrong_fields_are_named(me, fields, pointer):
    body = problem(me.post(TICKETS, {**GOOD, **fields}), 422, "validation")
    assert any(e["pointer"].startswith(pointer) and e["detail"] for e in body["errors"]), body


def test_all_wrong_fields_are_named_at_once(me):
    body = problem(me.post(TICKETS, {"impact": "x", "urgency": "y"}), 422, "validation")
    assert {"/subject", "/description", "/impact", "/urgency"} <= {e["pointer"] for e in body["errors"]}


@pytest.mark.parametrize("body", [[], "text", 5, None, True])
def test_a_body_that_is_no_object(me, body):
    answer = me.call("POST", TICKETS, raw=json.dumps(body).encode())
    assert answer.status in (400, 422) and answer.slug in ("malformed-json", "validation"), answer


@pytest.mark.parametrize("subject", ["x" * 200, "界" * 200, "🖨" * 200])
def test_the_longest_subject_is_taken(me, subject):
    number = me.submitted(subject)["number"]
    assert me.ticket(number).json["subject"] == subject


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp", ""])
def test_wrong_content_type(me, kind):
    problem(me.post(TICKETS, raw=json.dumps(GOOD).encode(), headers={"Content-Type": kind}), 415, "unsupported-media-type")


def test_json_with_a_charset_is_fine(me):
    answer = me.post(TICKETS, raw=json.dumps(GOOD).encode(), headers={"Content-Type": "application/json; charset=utf-8"})
    assert answer.status in (201, 202), answer


def test_a_huge_body_is_refused_before_it_is_read(desk, me):
    with socket.create_connection(("127.0.0.1", desk.layout.api("eu")), timeout=10) as s:
        s.sendall(f"POST {TICKETS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {me.token}\r\nContent-Type: application/json\r\n"
                  "Content-Length: 1000000000\r\n\r\n".encode())
        assert s.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_huge_chunked_body_is_cut(desk, me):
    with socket.create_connection(("127.0.0.1", desk.layout.api("eu")), timeout=10) as s:
        s.sendall(f"POST {TICKETS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {me.token}\r\nContent-Type: application/json\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for _ in range(64):
                s.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            assert s.recv(4096).startswith(b"HTTP/1.1 413 ")
        except ConnectionResetError:
            pass  # the answer was overtaken by the reset; that it was cut is what matters


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "schlüssel".encode().decode("latin-1")])
def test_a_wrong_idempotency_key(me, key):
    answer = me.post(TICKETS, GOOD, headers={"Idempotency-Key": key})
    assert answer.status in (400, 422), answer


@pytest.mark.parametrize("path", ["/api/v1/tickets/EU-1", "/api/v1/tickets/nonsense", "/api/v1/tickets/EU-99999999999999999999", "/api/v1/nothing",
                                  "/api/v1/tickets/EU-1/nothing", "/api", "/api/v1/tickets/%00", "/api/v2/tickets"])
def test_unknown_things(me, path):
    answer = me.get(path)
    assert answer.status in (400, 404) and answer.slug in ("not-found", "bad-request"), answer


def test_unknown_verbs_and_methods(me):
    problem(me.act("EU-1048576", "explode"), 404, "not-found")
    answer = me.call("PUT", TICKETS, GOOD)
    problem(answer, 405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=-1", "state=nonsense", "colour=red"])
def test_wrong_query(me, query):
    answer = me.get(f"{TICKETS}?{query}")
    assert answer.status in (400, 422), answer


def test_a_uri_and_headers_that_are_too_long(me):
    assert me.get(f"{TICKETS}?cursor=" + "x" * 9000).status == 414
    assert me.get(TICKETS, headers={"X-Long": "x" * 20000}).status == 431


@pytest.mark.parametrize("body, status", [({"epoch": "1"}, 422), ({"epoch": -1}, 422), ({"epoch": 1.5}, 422), ({"epoch": 2 ** 70}, (400, 422)),
                                          ({"epoch": 0, "surprise": 1}, 422)])
def test_wrong_command_bodies(desk, body, status):
    agent = desk.agent("eu", 1)
    number = desk.requester("eu", 1).submitted("Bodies")["number"]
    answer = agent.act(number, "release", **body)
    assert answer.status in (status if isinstance(status, tuple) else (status,)), answer
    assert answer.slug in ("validation", "malformed-json")


def test_a_slow_client_is_cut_and_harms_nobody(desk, me):
    slow = []
    for _ in range(50):
        s = socket.create_connection(("127.0.0.1", desk.layout.api("eu")), timeout=60)
        s.sendall(b"GET /api/v1/me HTTP/1.1\r\nHost:")
        slow.append(s)
    begun = time.monotonic()
    for _ in range(20):
        assert me.get("/api/v1/me").status == 200
    assert time.monotonic() - begun < 5

    def cut(s):
        s.setblocking(False)
        try:
            data = s.recv(4096)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        return data == b"" or data.startswith(b"HTTP/1.1 408 ")
    left = list(slow)

    def none_left():
        left[:] = [s for s in left if not cut(s)]
        return not left
    wait_for(none_left, 45, 0.2, "slow clients cut")
    for s in slow:
        s.close()


@pytest.mark.parametrize("raw", [b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
                                 b"POST /api/v1/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                                 b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"])
def test_what_is_not_http_is_refused(desk, raw):
    with socket.create_connection(("127.0.0.1", desk.layout.api("us")), timeout=45) as s:
        s.sendall(raw)
        s.shutdown(socket.SHUT_WR)
        data = b""
        try:
            while part := s.recv(4096):
                data += part
        except ConnectionResetError:
            pass
        assert data == b"" or data.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 ", b"HTTP/1.1 505 ")), data[:100]


def test_problems_speak_the_callers_language(me):
    answer = me.get("/api/v1/tickets/EU-1", headers={"Accept-Language": "zh-CN"})
    assert answer.json["title"] == "未找到", answer


def test_problems_carry_a_trace(me):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = me.get("/api/v1/tickets/EU-1", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.json["trace_id"] == trace, answer
