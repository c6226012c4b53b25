#!/usr/bin/python3
"""Receives webhooks and checks their signatures (Standard Webhooks, v1), independently of Meridian's own code.

POST to any path is recorded; GET / shows it, GET /api/received?type=&id=&path=&limit= gives it to tests, newest first, each
with `valid` and why not. Paths choose a failure: /fail500, /hang, /429 (Retry-After: 1), /410, /redirect, and /flaky, which
fails the first two deliveries of each id.
"""
import argparse
import asyncio
import base64
import collections
import hashlib
import hmac
import html
import json
import signal
import time

import small_http

_KEEP = 20_000
_TOLERANCE_S = 300


def problem_of(headers, body, secret, now):
    """Why a delivery is not authentic; None when it is."""
    ident, stamp, signatures = (headers.get("webhook-" + k) for k in ("id", "timestamp", "signature"))
    if not ident or not stamp or not signatures:
        return "a webhook-* header is missing"
    if not stamp.isdigit() or abs(now - int(stamp)) > _TOLERANCE_S:
        return f"the timestamp {stamp} is not within five minutes"
    signed = b".".join([ident.encode(), stamp.encode(), body])
    wanted = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    for one in signatures.split(" "):
        version, _, value = one.partition(",")
        if version == "v1" and hmac.compare_digest(value, wanted):
            return None
    return "no signature matches"


class Receiver:
    def __init__(self, secret):
        self.secret, self.total, self.ids = secret, 0, collections.Counter()
        self.received = collections.deque(maxlen=_KEEP)

    def record(self, request):
        ident = request.headers.get("webhook-id", "")
        self.total += 1
        self.ids[ident] += 1
        problem = problem_of(request.headers, request.body, self.secret, time.time())
        try:
            body = json.loads(request.body)
        except ValueError:
            body, problem = None, problem or "the body is not JSON"
        self.received.append({"n": self.total, "at": time.time(), "path": request.path, "id": ident, "valid": problem is None,
                              "problem": problem, "delivery": self.ids[ident], "headers": request.headers, "body": body})
        return self.received[-1]

    async def handle(self, request):
        if request.method == "POST":
            return self.answer_post(request.path, self.record(request))
        if request.path == "/livez":
            return small_http.answer(200, "alive\n")
        if request.path == "/api/received":
            return small_http.answer_json({"total": self.total, "received": self.find(request.query)})
        if request.path == "/":
            rows = "".join(f"<tr><td>{time.strftime('%H:%M:%S', time.localtime(r['at']))}<td>{html.escape(r['path'])}"
                           f"<td>{'valid' if r['valid'] else html.escape(r['problem'])}<td>{r['delivery']}"
                           f"<td><pre>{html.escape(json.dumps(r['body'], ensure_ascii=False))}</pre>" for r in self.find({}))
            return small_http.answer_page("Webhooks received", f"<p>{self.total} came.<table><tr><th>At<th>Path<th>Signature"
                                                               f"<th>Delivery<th>Body{rows}</table>")
        return small_http.answer(404, "not found\n")

    def find(self, query):
        limit, found = int(query.get("limit", 100)), []
        for one in reversed(self.received):
            if len(found) >= limit:
                break
            kind = (one["body"] or {}).get("type", "") if isinstance(one["body"], dict) else ""
            if query.get("type", "") in kind and query.get("id", one["id"]) == one["id"] and query.get("path", one["path"]) == one["path"]:
                found.append(one)
        return found

    @staticmethod
    def answer_post(path, record):
        mode = path.strip("/").split("/")[0]
        if mode == "hang":
            return None
        if mode == "fail500" or (mode == "flaky" and record["delivery"] <= 2):
            return small_http.answer(500, "told to fail\n")
        if mode == "429":
            return small_http.answer(429, "slow down\n", headers=[("Retry-After", "1")])
        if mode == "410":
            return small_http.answer(410, "gone\n")
        if mode == "redirect":
            return small_http.answer(302, headers=[("Location", "/hook")])
        return small_http.answer(204) if record["valid"] else small_http.answer(400, record["problem"] + "\n")


async def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--http", required=True, metavar="HOST:PORT")
    parser.add_argument("--secret-file", required=True, metavar="FILE", help="whsec_ and base64")
    options = parser.parse_args()
    with open(options.secret_file, encoding="ascii") as f:
        receiver = Receiver(base64.b64decode(f.read().strip().removeprefix("whsec_")))
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    server = await small_http.serve(options.http, receiver.handle)
    print(f"webhooks http://{options.http}/hook", flush=True)
    await end.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
