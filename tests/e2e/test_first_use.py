"""The story of the README, as a newcomer types it: sign in, submit in eu, see it in us, race, resolve, read the mail, confirm."""
import concurrent.futures
import json
import re

from desk import PASSWORD, wait_for


def sign_in(desk, user, region):
    status, out, err = desk.deskctl("login", user, "--password", PASSWORD, url=desk.layout.url(region))
    assert status == 0, out + err


def test_a_newcomer_follows_a_ticket_through_three_regions(desk):
    for user, region in (("requester-eu-1", "eu"), ("agent-us-1", "us"), ("agent-ap-1", "ap")):
        sign_in(desk, user, region)

    status, out, err = desk.deskctl("submit", "The printer on floor 3 is on fire", "-d", "Smoke since nine.", "-i", "high", "-U", "high",
                                    "--as", "requester-eu-1", "-o", "json", url=desk.layout.url("eu"))
    assert status == 0, err
    submitted = json.loads(out)
    number = submitted["number"]
    assert re.fullmatch(r"EU-\d{7,}", number)

    # The very next read in another region sees it.
    status, out, err = desk.deskctl("show", number, "--as", "agent-us-1", "-o", "json", url=desk.layout.url("us"))
    assert status == 0, err
    seen = json.loads(out)
    assert seen["subject"] == "The printer on floor 3 is on fire" and seen["priority"] == 1 and seen["owner"] is None

    def claim(user, region):
        return desk.deskctl("claim", number, "--as", user, "-o", "json", url=desk.layout.url(region))

    with concurrent.futures.ThreadPoolExecutor() as pool:
        us, ap = pool.submit(claim, "agent-us-1", "us"), pool.submit(claim, "agent-ap-1", "ap")
        us, ap = us.result(), ap.result()
    assert sorted([us[0], ap[0]]) == [0, 5], (us, ap)
    winner, region = ("agent-us-1", "us") if us[0] == 0 else ("agent-ap-1", "ap")
    loser = ap if us[0] == 0 else us
    assert winner in loser[1] + loser[2]

    status, _, err = desk.deskctl("reply", number, "Water is on its way.", "--as", winner, url=desk.layout.url(region))
    assert status == 0, err
    status, _, err = desk.deskctl("resolve", number, "--cause", "A paper jam, lit by the fuser", "--solution", "Put out and replaced",
                                  "--prevention", "A new fuser", "--as", winner, url=desk.layout.url(region))
    assert status == 0, err

    mails = wait_for(lambda: [m for m in desk.mails(to="requester-eu-1", subject=number) if "Put out and replaced" in m["body"]],
                     what="mail about the resolution")
    assert number in mails[0]["subject"]

    status, _, err = desk.deskctl("confirm", number, "--as", "requester-eu-1", url=desk.layout.url("eu"))
    assert status == 0, err
    status, out, _ = desk.deskctl("show", number, "--as", "requester-eu-1", "-o", "json", url=desk.layout.url("eu"))
    assert json.loads(out)["state"] == "closed"


def test_deskctl_says_what_is_wrong_with_its_exit_code(desk):
    sign_in(desk, "requester-eu-2", "eu")
    eu = desk.layout.url("eu")
    assert desk.deskctl("show", "EU-1", "--as", "requester-eu-2", url=eu)[0] == 3
    assert desk.deskctl("no-such-command")[0] == 2
    assert desk.deskctl("login", "requester-eu-2", "--password", "wrong", url=eu)[0] == 4
    assert desk.deskctl("dead-letters", "--as", "requester-eu-2", url=eu)[0] == 4
    assert desk.deskctl("me", url="http://127.0.0.1:1")[0] in (4, 6)
    assert desk.deskctl("list", "--as", "requester-eu-2", url="http://127.0.0.1:1")[0] == 6


def test_status_shows_every_process_of_every_region(desk):
    sign_in(desk, "admin", "eu")
    names = [f"{service}-{region}-{copy}" for service, region, copy in desk.layout.services()]

    def all_shown():
        status, out, err = desk.deskctl("status", "--as", "admin", "-o", "json", url=desk.layout.url("eu"))
        assert status == 0, err
        return all(name in out for name in names)

    wait_for(all_shown, 15, 0.2, "every process's first heartbeat")


def test_a_list_without_rows_is_an_empty_list(desk):
    sign_in(desk, "requester-us-9", "us")
    status, out, _ = desk.deskctl("list", "--as", "requester-us-9", "--state", "cancelled", "-o", "json", url=desk.layout.url("us"))
    assert status == 0
    answer = json.loads(out)
    assert (answer if isinstance(answer, list) else answer["items"]) == []
