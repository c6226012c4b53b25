"""Live events (SSE): seen at once in every region, replayed by Last-Event-ID without gap or repeat, reset past the window, heartbeat."""
import socket
import threading
import time

import pytest
from desk import wait_for


class Stream:
    """A reader of server-sent events in a thread: `events` holds (id, type, data), `comments` counts heartbeats."""

    def __init__(self, client, last_id=None):
        self.events, self.comments, self.closed, self.head = [], 0, False, b""
        self.socket = socket.create_connection(("127.0.0.1", client.port), timeout=60)
        lines = ["GET /api/v1/events HTTP/1.1", "Host: localhost", f"Authorization: Bearer {client.token}", "Accept: text/event-stream"]
        if last_id is not None:
            lines.append(f"Last-Event-ID: {last_id}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        file = self.socket.makefile("rb")
        while (line := file.readline()) not in (b"\r\n", b""):
            self.head += line
        chunked = b"chunked" in self.head.lower()
        buffer, ident, kind, data = b"", None, "message", []
        try:
            while True:
                if chunked:
                    size = int(file.readline() or b"0", 16)
                    part = file.read(size)
                    file.readline()
                    if not size:
                        break
                else:
                    part = file.read1(65536)
                    if not part:
                        break
                buffer += part
                while b"\n" in buffer:
                    line, buffer = buffer.split(b"\n", 1)
                    line = line.rstrip(b"\r").decode()
                    if not line:
                        if data or kind != "message":
                            self.events.append((ident, kind, "\n".join(data)))
                        kind, data = "message", []
                    elif line.startswith(":"):
                        self.comments += 1
                    else:
                        field, _, value = line.partition(":")
                        value = value.removeprefix(" ")
                        if field == "id":
                            ident = value
                        elif field == "event":
                            kind = value
                        elif field == "data":
                            data.append(value)
        except (OSError, ValueError):
            pass
        self.closed = True

    def of(self, number):
        return [e for e in self.events if number in e[2]]

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(5)
        self.socket.close()


@pytest.fixture()
def open_stream():
    made = []

    def make(client, last_id=None):
        stream = Stream(client, last_id)
        made.append(stream)
        wait_for(lambda: stream.head, what="stream opened")
        return stream
    yield make
    for stream in made:
        stream.close()


def test_headers(desk, open_stream):
    head = open_stream(desk.agent("eu", 1)).head.decode().lower()
    assert head.startswith("http/1.1 200") and "content-type: text/event-stream" in head and "x-accel-buffering: no" in head
    assert "cache-control: no-store" in head or "cache-control: no-cache" in head


def test_an_event_is_seen_in_every_region_within_a_second(desk, open_stream):
    streams = [open_stream(desk.agent(r, 1)) for r in ("eu", "ap", "us")]
    for region in ("eu", "ap", "us"):
        number = desk.requester(region, 1).submitted("Seen live")["number"]
        begun = time.monotonic()
        for stream in streams:
            wait_for(lambda s=stream, n=number: s.of(n), 5, what="event")
        assert time.monotonic() - begun < 3
    for stream in streams:
        assert all(e[1] == "ticket.created" and e[0] for e in stream.of(number))


def test_a_requester_sees_only_what_is_theirs_and_public(desk, open_stream):
    mine, stranger = open_stream(desk.requester("us", 7)), open_stream(desk.requester("us", 8))
    number = desk.requester("us", 7).submitted("Only mine")["number"]
    agent = desk.agent("eu", 2)
    agent.act(number, "note", body="internal")
    agent.act(number, "reply", body="public")
    wait_for(lambda: len(mine.of(number)) >= 2, what="both public events")
    # A stream is in order: what comes after these has been seen, so nothing more of them will come.
    agent.act(number, "reply", body="the last word")
    last = desk.requester("us", 8).submitted("After it")["number"]
    wait_for(lambda: len(mine.of(number)) >= 3 and stranger.of(last), what="what came after")
    assert [e[1] for e in mine.of(number)] == ["ticket.created", "ticket.replied", "ticket.replied"] and not stranger.of(number)
    assert not mine.of(last)
    assert "internal" not in "".join(e[2] for e in mine.events)


def test_a_cut_stream_goes_on_where_it_was_in_any_region(desk, open_stream):
    stream = open_stream(desk.agent("eu", 3))
    author, numbers = desk.requester("eu", 3), []
    for i in range(60):
        numbers.append(author.submitted(f"Cut {i}")["number"])
        if i % 12 == 6:
            wait_for(lambda: stream.of(numbers[0]), what="first")
            seen, last = list(stream.events), stream.events[-1][0]
            stream.close()
            stream = open_stream(desk.agent("eu", 3, at=("eu", "ap", "us")[i % 3]), last)
            stream.events[:0] = seen
    wait_for(lambda: all(stream.of(n) for n in numbers), 10, what="every event")
    idents = [e[0] for e in stream.events]
    assert len(idents) == len(set(idents)), "an event came twice"
    assert all(len(stream.of(n)) == 1 for n in numbers)


def test_past_the_window_the_client_is_told_to_start_anew(desk, open_stream):
    stream = open_stream(desk.agent("eu", 3), "1")
    wait_for(lambda: any(e[1] == "reset" for e in stream.events), what="reset")
    number = desk.requester("eu", 3).submitted("After reset")["number"]
    wait_for(lambda: stream.of(number), what="live after reset")


def test_a_last_event_id_that_is_none(desk, open_stream):
    stream = open_stream(desk.agent("eu", 3), "not-a-position")
    assert stream.head.startswith(b"HTTP/1.1 400") or wait_for(lambda: any(e[1] == "reset" for e in stream.events))


def test_a_quiet_stream_beats(desk, open_stream):
    stream = open_stream(desk.requester("ap", 8))
    wait_for(lambda: stream.comments, 20, 0.1, "heartbeat")


def test_without_a_session_there_is_no_stream(desk):
    answer = desk.client("eu").get("/api/v1/events")
    assert answer.status == 401, answer


@pytest.mark.disturbs
def test_live_even_when_every_hint_is_lost(desk, open_stream):
    """A hint is only speed: without any, a poll finds everything within two seconds or so."""
    desk.control.restart("intake-*", "notifier-*", env={"MERIDIAN_TEST_DROP_HINTS": "1000"})
    try:
        desk.ready()
        streams = [open_stream(desk.agent(r, 1)) for r in ("eu", "ap", "us")]
        number = desk.requester("eu", 1).submitted("No hints")["number"]
        for stream in streams:
            wait_for(lambda s=stream: s.of(number), 6, what="event without hints")
        wait_for(lambda: desk.mails(subject=number), 10, what="mail without hints")
    finally:
        desk.control.restart("intake-*", "notifier-*")


def test_a_stream_ends_with_its_session(desk, open_stream):
    """In the region of the sign-out, and in another one."""
    token = desk.client("eu").post("/api/v1/sessions", {"user": "requester-eu-6", "password": "meridian-demo"}).json["token"]
    streams = [open_stream(desk.client(region, token=token)) for region in ("eu", "us")]
    other = open_stream(desk.requester(n=6))
    for stream in [*streams, other]:
        wait_for(lambda: stream.comments, what="the stream's hello")
    assert desk.client("eu", token=token).call("DELETE", "/api/v1/sessions/current").status == 204
    for stream in streams:
        wait_for(lambda: stream.closed, timeout=20, what="the end of the stream")
    assert not other.closed
