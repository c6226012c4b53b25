#!/usr/bin/python3
"""A mail server that keeps everything and delivers nothing, with a page to read it: the inbox of a local Meridian.

SMTP on one port; on the other, a page for people and GET /api/mails?to=&subject=&limit= for tests (newest first). Addresses
choose a failure: tempfail@... is refused with 451, reject@... with 550, hang@... is never answered. Mails are held in
memory (the newest 50,000) and appended to a file, one JSON object a line, that is read again at the next start.
"""
import argparse
import asyncio
import collections
import email
import email.policy
import html
import json
import os
import re
import signal
import time

import small_http

_KEEP = 50_000
_MAIL_MAX = 16 * 1024 * 1024
_ADDRESS = re.compile(rb"<([^>]*)>")


class Mail:
    def __init__(self, number, at, sender, to, raw):
        self.number, self.at, self.sender, self.to, self.raw = number, at, sender, to, raw
        self._message = None

    @property
    def message(self):
        if self._message is None:
            self._message = email.message_from_bytes(self.raw.encode("utf-8", "surrogateescape"), policy=email.policy.default)
        return self._message

    @property
    def subject(self):
        return str(self.message["Subject"] or "")

    @property
    def body(self):
        part = self.message.get_body(("plain", "html"))
        try:
            return part.get_content() if part else ""
        except (LookupError, ValueError) as error:
            return f"[cannot be decoded: {error}]"

    def as_json(self):
        return {"number": self.number, "at": self.at, "from": self.sender, "to": self.to, "subject": self.subject,
                "headers": {k: str(v) for k, v in self.message.items()}, "body": self.body}


class Inbox:
    def __init__(self, store):
        self.mails, self.total, self.refused = collections.deque(maxlen=_KEEP), 0, 0
        if os.path.exists(store):
            with open(store, encoding="utf-8") as f:
                for line in f:
                    try:
                        one = json.loads(line)
                        self.mails.append(Mail(one["number"], one["at"], one["from"], one["to"], one["raw"]))
                        self.total = one["number"]
                    except (ValueError, KeyError):
                        continue  # the last line of a killed run may be cut
        self.file = open(store, "a", encoding="utf-8")  # pylint: disable=consider-using-with

    def add(self, sender, to, raw):
        self.total += 1
        mail = Mail(self.total, time.time(), sender, to, raw.decode("utf-8", "surrogateescape"))
        self.mails.append(mail)
        self.file.write(json.dumps({"number": mail.number, "at": mail.at, "from": sender, "to": to, "raw": mail.raw}) + "\n")

    def find(self, to="", subject="", limit=100):
        found = []
        for mail in reversed(self.mails):
            if len(found) >= limit:
                break
            if any(to.lower() in a.lower() for a in mail.to) and subject.lower() in mail.subject.lower():
                found.append(mail)
        return found


class Session:
    """One SMTP connection."""

    def __init__(self, inbox, reader, writer):
        self.inbox, self.reader, self.writer = inbox, reader, writer
        self.sender, self.to = None, []

    async def run(self):
        self.say("220 sink.meridian.example ESMTP")
        while True:
            await self.writer.drain()
            line = await self.reader.readline()
            if not line or not await self.command(line.rstrip(b"\r\n")):
                return

    def say(self, text):
        self.writer.write(text.encode() + b"\r\n")

    async def command(self, line):
        verb = line[:4].upper()
        if verb == b"EHLO":
            self.writer.write(b"250-sink.meridian.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
                              b"250 SIZE %d\r\n" % _MAIL_MAX)
        elif verb in (b"HELO", b"NOOP"):
            self.say("250 ok")
        elif verb == b"RSET":
            self.sender, self.to = None, []
            self.say("250 ok")
        elif verb == b"MAIL":
            found = _ADDRESS.search(line)
            self.sender, self.to = found.group(1).decode(errors="replace") if found else "", []
            self.say("250 ok")
        elif verb == b"RCPT":
            await self.recipient(line)
        elif verb == b"DATA":
            await self.data()
        elif verb == b"QUIT":
            self.say("221 bye")
            await self.writer.drain()
            return False
        else:
            self.say("502 not known")
        return True

    async def recipient(self, line):
        found = _ADDRESS.search(line)
        address = found.group(1).decode(errors="replace") if found else ""
        local = address.partition("@")[0].lower()
        if self.sender is None:
            self.say("503 MAIL first")
        elif not local:
            self.say("501 no address")
        elif local == "tempfail":
            self.inbox.refused += 1
            self.say("451 4.3.0 try again later")
        elif local == "reject":
            self.inbox.refused += 1
            self.say("550 5.1.1 no such person")
        elif local == "hang":
            await self.reader.read()
        else:
            self.to.append(address)
            self.say("250 ok")

    async def data(self):
        if not self.to:
            self.say("503 RCPT first")
            return
        self.say("354 end with a dot")
        await self.writer.drain()
        raw = await self.reader.readuntil(b"\r\n.\r\n")
        raw = raw[:-3]
        if b"\r\n." in raw or raw.startswith(b"."):
            raw = raw.replace(b"\r\n..", b"\r\n.")
            raw = raw[1:] if raw.startswith(b"..") else raw
        self.inbox.add(self.sender, self.to, raw)
        self.sender, self.to = None, []
        self.say("250 2.0.0 kept")


def page(inbox, query):
    rows = "".join(
        f"<tr><td>{time.strftime('%H:%M:%S', time.localtime(m.at))}<td>{html.escape(', '.join(m.to))}"
        f"<td><a href='/mail/{m.number}'>{html.escape(m.subject) or '(no subject)'}</a>"
        for m in inbox.find(query.get("to", ""), query.get("subject", ""), 200))
    form = (f"<form>To <input name=to value='{html.escape(query.get('to', ''), True)}'> Subject "
            f"<input name=subject value='{html.escape(query.get('subject', ''), True)}'> <button>Show</button></form>")
    return small_http.answer_page("Inbox", f"<p>{inbox.total} mails came; the newest 200 that match are shown.{form}"
                                           f"<table><tr><th>At<th>To<th>Subject{rows}</table>")


def make_handler(inbox):
    async def handle(request):
        if request.path == "/livez":
            return small_http.answer(200, "alive\n")
        if request.path == "/":
            return page(inbox, request.query)
        if request.path == "/api/mails":
            found = inbox.find(request.query.get("to", ""), request.query.get("subject", ""), int(request.query.get("limit", 100)))
            return small_http.answer_json({"total": inbox.total, "refused": inbox.refused, "mails": [m.as_json() for m in found]})
        if request.path.startswith("/mail/"):
            for mail in inbox.mails:
                if str(mail.number) == request.path[6:]:
                    headers = "".join(f"<tr><th>{html.escape(k)}<td>{html.escape(str(v))}" for k, v in mail.message.items())
                    return small_http.answer_page(mail.subject or "(no subject)", f"<p><a href='/'>Inbox</a><table>{headers}</table>"
                                                  f"<pre>{html.escape(mail.body)}</pre>")
        return small_http.answer(404, "not found\n")
    return handle


async def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--smtp", required=True, metavar="HOST:PORT")
    parser.add_argument("--http", required=True, metavar="HOST:PORT")
    parser.add_argument("--store", required=True, metavar="FILE")
    options = parser.parse_args()
    inbox, end = Inbox(options.store), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)

    async def on_smtp(reader, writer):
        try:
            await Session(inbox, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()

    host, _, port = options.smtp.rpartition(":")
    smtp = await asyncio.start_server(on_smtp, host, int(port), limit=_MAIL_MAX, backlog=512)
    http = await small_http.serve(options.http, make_handler(inbox))
    print(f"smtp {options.smtp}, inbox http://{options.http}/", flush=True)
    while not end.is_set():
        inbox.file.flush()
        try:
            await asyncio.wait_for(end.wait(), 0.5)
        except asyncio.TimeoutError:
            pass
    smtp.close()
    http.close()
    inbox.file.close()


if __name__ == "__main__":
    asyncio.run(main())
