"""docs/errors.md, made from include/meridian/errors.h. Usage: errors.py [--check]

--check changes nothing, and fails when the file is not what the header says.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = ROOT / "include/meridian/errors.h"
PAGE = ROOT / "docs/errors.md"

_RETRY = {"RETRY_NEVER": "never", "RETRY_LATER": "later", "RETRY_UNCERTAIN": "uncertain"}

# What a caller does about it. Every slug of the header has its sentence here, and nothing else has.
_ADVICE = {
    "internal": "A fault of ours. Repeat once with the same key; then report the `trace_id`.",
    "malformed-json": "Correct the body; `detail` says where it breaks. A member may not come twice, and texts are UTF-8.",
    "validation": "Correct what `errors` lists: each has a JSON Pointer and a sentence.",
    "unauthenticated": "Sign in and send the token as `Authorization: Bearer`.",
    "session-expired": "Sign in again.",
    "bad-credentials": "Ask the person again. Many wrong ones are slowed down (`rate-limited`).",
    "forbidden": "Not with this account: another role, team or the owner may.",
    "csrf": "With the cookie, send `csrf` of the session as `X-CSRF-Token` with everything but reads.",
    "not-found": "Check the number or path. What one may not see is not found, either.",
    "method-not-allowed": "Take one of the methods in `Allow`.",
    "conflict": "Read the present state and decide anew.",
    "already-claimed": "Leave it: `winner` has it, from `region`, since `at`. Take the next one.",
    "ownership-lost": "Stop working on it: `owner` has it now (null: it is in the queue) at `epoch`. Do not repeat with the new epoch unasked.",
    "bad-transition": "The ticket is `state`; only `allowed` is possible. Read it anew.",
    "key-reused": "A key is for one request. Take a fresh key for another one.",
    "key-in-flight": "Wait `Retry-After` and repeat with the same key: you get the first one's answer.",
    "precondition-failed": "Somebody changed it. Read it again, look at the difference, and send the new ETag (of a plan: the new `base_version`).",
    "precondition-required": "Send the `epoch` that the claim answered.",
    "too-large": "Send less than 256 KiB.",
    "unsupported-media-type": "Send `Content-Type: application/json`.",
    "rate-limited": "Wait `Retry-After`; `RateLimit` tells what is left.",
    "unavailable": "Wait `Retry-After` and repeat. Submissions and reads go on meanwhile.",
    "spool-full": "Nothing was accepted. Wait `Retry-After`, or submit in another region with the same key.",
    "timeout": "It may have happened. Repeat with the same Idempotency-Key, never with a fresh one.",
    "database": "Wait `Retry-After` and repeat.",
    "database-retry": "Repeat at once; it lost against another transaction.",
    "database-uncertain": "It may have happened. Repeat with the same Idempotency-Key, never with a fresh one.",
    "stale-primary": "Wait `Retry-After` and repeat: another primary has taken over.",
    "bad-request": "Correct the path, query or header that `detail` names.",
    "configuration": "For the operator: the log names the key.",
    "io": "For the operator: a disk or a file; the log names it.",
    "peer": "Another process answered wrongly. Repeat; then report the `trace_id`.",
    "uri-too-long": "Keep the address below 8 KiB.",
    "headers-too-large": "Keep all headers together below 16 KiB.",
    "request-timeout": "The request came too slowly. Send it again in one go.",
    "ticket-full": "Submit a new ticket and name this one. What a requester can add to one ticket has a limit.",
    "nudged-lately": "The desk has the question already. Ask again from `possible_at` on; a reply is possible at any time.",
    "already-merged": "Its number leads to `merged_into`, if you see that: act there, or undo the merge within 24 hours.",
    "link-refused": "`detail` says which: a circle, a second parent, a link that is there or is not. End the link that stands against it.",
    "reopen-window-over": "Make a follow-up: `POST` what has come back to `follow_up`. `reopen_until` says until when it could have been reopened.",
    "mail-link-over": "Sign in and look at the ticket: it is confirmed, reopened or closed already, or the mail is older than 14 days.",
    "open-dependencies": "Solve `dependencies` first, end the link, or send `force` with a reason.",
    "offered": "Leave it: `offered_to` is asked until `until`. Take the next one. A lead may claim it nevertheless.",
    "offer-over": "`offer` says what became of the offer to you, `owner` and `offered_to` who has the ticket now. In the queue, it can be claimed.",
    "not-eligible": "`refusal` says why: `missing` skills, off shift until `opens_at`, or `load` of `capacity` points. Take the next one, or ask a lead.",
    "bad-cursor": "Start the list anew without `cursor`. A cursor is good for its own list only.",
}

_HEAD = """# Problems

Made from `include/meridian/errors.h` by `tests/openapi/errors.py`; do not edit. 由 `include/meridian/errors.h` 生成，请勿手工修改。

A failed request answers `application/problem+json` (RFC 9457). Its `type` is `urn:meridian:problem:<slug>`, its `code` the slug alone;
`title` is in the language of `Accept-Language` (else of the account), `detail` tells this very case. Logs and metrics use the name.

May the same request be sent again?

| retry | |
|---|---|
| never | The request itself is wrong, or decided: change it, or stop. 请求本身有误或结果已定，请勿原样重试。 |
| later | Nothing happened; it may succeed later, after `Retry-After`. 未产生任何效果，可稍后重试。 |
| uncertain | It may have happened: repeat it with the same `Idempotency-Key`. 可能已生效，必须使用相同的 Idempotency-Key 重试。 |

| slug | status | retry | title | 标题 | what to do | name |
|---|---|---|---|---|---|---|
"""


def problems():
    """Every entry of the header's list: name, number, status, retry class, slug, English title, Chinese title."""
    text = HEADER.read_text(encoding="utf-8").replace("\\\n", " ")
    begin = text.index("#define MERIDIAN_ERRORS(X)")
    found = re.findall(r'\bX\((E_\w+), (\d+), (\d+), (RETRY_\w+), "([^"]+)",\s+"([^"]+)",\s+"([^"]+)"\)',
                       text[begin:text.index("enum meridian_error", begin)])
    if len(found) != text.count("X(E_", begin):
        raise SystemExit(f"{HEADER}: an entry of the list was not understood")
    return found


def page():
    rows = problems()
    slugs = [row[4] for row in rows]
    if set(slugs) != set(_ADVICE) or len(slugs) != len(set(slugs)):
        raise SystemExit(f"{__file__}: advice is missing or left over for {sorted(set(slugs) ^ set(_ADVICE))}")
    rows.sort(key=lambda row: (int(row[2]), row[4]))
    return _HEAD + "".join(f"| `{slug}` | {status} | {_RETRY[retry]} | {en} | {zh} | {_ADVICE[slug]} | {name} |\n"
                           for name, _, status, retry, slug, en, zh in rows)


def main():
    wanted = page()
    if sys.argv[1:] == ["--check"]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted:
            print("docs/errors.md is not what include/meridian/errors.h says: run tests/openapi/errors.py\n0 passed, 1 failed")
            return 1
        print("1 passed, 0 failed")
        return 0
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
