"""A few lines of HTTP/1.1 for the fakes' own pages: asyncio, one handler, keep-alive. Not for anything that faces strangers."""
import asyncio
import html
import json
import urllib.parse

_BODY_MAX = 4 * 1024 * 1024
_REASONS = {200: "OK", 204: "No Content", 302: "Found", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
            410: "Gone", 413: "Content Too Large", 429: "Too Many Requests", 500: "Internal Server Error",
            503: "Service Unavailable"}
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .7rem;border-bottom:1px solid #d8dee4;
vertical-align:top}pre{white-space:pre-wrap;background:#f6f8fa;padding:1rem;border-radius:6px}a{color:#0757b8}
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e4e7ea}td,th{border-color:#353b42}pre{background:#1e2328}
a{color:#7db4ff}}"""


class Request:
    def __init__(self, method, target, headers, body):
        split = urllib.parse.urlsplit(target)
        self.method, self.path, self.headers, self.body = method, split.path, headers, body
        self.query = {k: v[-1] for k, v in urllib.parse.parse_qs(split.query).items()}


def answer(status, body=b"", kind="text/plain; charset=utf-8", headers=()):
    return status, body.encode() if isinstance(body, str) else body, kind, headers


def answer_json(value):
    return answer(200, json.dumps(value, ensure_ascii=False), "application/json")


def answer_page(title, inner):
    return answer(200, f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
                       f"<title>{html.escape(title)}</title><style>{_STYLE}</style><h1>{html.escape(title)}</h1>{inner}</html>",
                  "text/html; charset=utf-8")


async def serve(address, handler):
    """`handler(request)` is a coroutine that gives an answer, or None to hang until the client goes away."""
    host, _, port = address.rpartition(":")

    async def on_connection(reader, writer):
        try:
            while await _one(reader, writer, handler):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(on_connection, host, int(port), backlog=512)


async def _one(reader, writer, handler):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
    length = int(headers.get("content-length", 0))
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if length > _BODY_MAX:
        result = answer(413)
    else:
        result = await handler(Request(method, target, headers, await reader.readexactly(length)))
    if result is None:
        await reader.read()
        return False
    status, body, kind, more = result
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", f"Content-Length: {len(body)}", f"Content-Type: {kind}",
             *(f"{k}: {v}" for k, v in more)]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if method == "HEAD" else body))
    await writer.drain()
    return headers.get("connection", "").lower() != "close"
