"""Signing in, tokens, cookies over TLS, CSRF, expiry."""
import http.cookies

import pytest
from desk import PASSWORD, wait_for


def test_a_token_works_in_every_region(desk):
    answer = desk.client("ap").post("/api/v1/sessions", {"user": "agent-ap-2", "password": PASSWORD})
    assert answer.status == 201, answer
    assert answer.json["token"].startswith("mrd_") and answer.json["expires_at"]
    for region in ("eu", "ap", "us"):
        me = desk.client(region, token=answer.json["token"]).get("/api/v1/me")
        assert me.status == 200 and me.json["login"] == "agent-ap-2", me


@pytest.mark.parametrize("user, password", [("agent-eu-1", "wrong"), ("nobody-at-all", PASSWORD), ("agent-eu-1", "")])
def test_wrong_credentials_are_told_apart_by_nothing(desk, user, password):
    answer = desk.client("eu").post("/api/v1/sessions", {"user": user, "password": password})
    assert (answer.status, answer.slug) in ((401, "bad-credentials"), (422, "validation")), answer
    if password:
        assert answer.slug == "bad-credentials"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer mrd_", "Bearer mrd_" + "A" * 43, "Basic YTpi", "Bearer " + "x" * 3000])
def test_a_wrong_token_is_refused(desk, header):
    answer = desk.client("us").get("/api/v1/me", headers={"Authorization": header})
    assert answer.status == 401 and answer.slug == "unauthenticated", answer
    assert "WWW-Authenticate" in answer.headers


def test_an_ended_session_is_refused_everywhere(desk):
    token = desk.client("us").post("/api/v1/sessions", {"user": "agent-us-3", "password": PASSWORD}).json["token"]
    clients = [desk.client(region, token=token) for region in ("eu", "ap", "us")]
    assert all(c.get("/api/v1/me").status == 200 for c in clients)
    assert clients[0].call("DELETE", "/api/v1/sessions/current").status == 204
    for client in clients:
        wait_for(lambda c=client: c.get("/api/v1/me").status == 401, 7, 0.05, "session ended")


def test_an_expired_session_says_so(desk):
    token = desk.client("eu").post("/api/v1/sessions", {"user": "requester-eu-3", "password": PASSWORD}).json["token"]
    desk.sql(f"UPDATE desk.session SET expires_at = now() - interval '1 s' WHERE token_hash = sha256('{token}'::bytea)")
    client = desk.client("eu", token=token)
    answer = wait_for(lambda: (a := client.get("/api/v1/me")).status == 401 and a, 7, 0.1, "session expired")
    assert answer.slug == "session-expired"


class TestBrowser:
    """A browser: TLS, a __Host- cookie, a CSRF token for everything but reads."""

    def sign_in(self, desk, user="requester-eu-4"):
        client = desk.client("eu", tls=True)
        answer = client.post("/api/v1/sessions", {"user": user, "password": PASSWORD})
        assert answer.status == 201, answer
        jar = http.cookies.SimpleCookie(answer.headers["Set-Cookie"])
        return client, jar["__Host-meridian"], answer.json["csrf"]

    def test_the_cookie_is_strict(self, desk):
        _, cookie, _ = self.sign_in(desk)
        assert cookie["secure"] and cookie["httponly"] and cookie["path"] == "/" and not cookie["domain"]
        assert cookie["samesite"].lower() in ("lax", "strict")

    def test_reads_need_the_cookie_only_and_writes_the_token_too(self, desk):
        client, cookie, csrf = self.sign_in(desk)
        headers = {"Cookie": f"__Host-meridian={cookie.value}"}
        assert client.get("/api/v1/me", headers=headers).json["login"] == "requester-eu-4"
        body = {"subject": "From a browser", "description": "x"}
        answer = client.post("/api/v1/tickets", body, headers=headers)
        assert (answer.status, answer.slug) == (403, "csrf"), answer
        answer = client.post("/api/v1/tickets", body, headers={**headers, "X-CSRF-Token": "wrong"})
        assert (answer.status, answer.slug) == (403, "csrf"), answer
        answer = client.post("/api/v1/tickets", body, headers={**headers, "X-CSRF-Token": csrf})
        assert answer.status in (201, 202), answer

    def test_no_cookie_without_tls(self, desk):
        answer = desk.client("eu").post("/api/v1/sessions", {"user": "requester-eu-4", "password": PASSWORD})
        assert answer.status == 201 and "Set-Cookie" not in answer.headers

    def test_the_cookie_is_not_taken_without_tls(self, desk):
        _, cookie, _ = self.sign_in(desk)
        answer = desk.client("eu").get("/api/v1/me", headers={"Cookie": f"__Host-meridian={cookie.value}"})
        assert answer.status == 401, answer
