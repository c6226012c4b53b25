"""Races: 32 agents over three regions go for one ticket at the same moment, again and again."""
import threading
import uuid

from desk import Client, check_promises

ROUNDS, RACERS = 200, 32


def test_each_of_200_races_has_exactly_one_winner_and_all_others_are_told(desk):
    authors = [desk.requester(r, n) for r in ("eu", "ap", "us") for n in (1, 2)]
    numbers = [authors[i % len(authors)].submitted(f"Race {i}", service="service-desk")["number"] for i in range(ROUNDS)]
    names = [f"agent-{('eu', 'ap', 'us')[i % 3]}-{1 + i // 3}" for i in range(RACERS)]
    clients = [Client(desk, name.split("-")[1], name) for name in names]
    for client in clients:
        assert client.get("/api/v1/me").status == 200
    start, results = threading.Barrier(RACERS), [[None] * RACERS for _ in range(ROUNDS)]

    def race(i):
        for round_, number in enumerate(numbers):
            start.wait()
            results[round_][i] = clients[i].act(number, "claim", key=str(uuid.uuid4()))

    threads = [threading.Thread(target=race, args=(i,)) for i in range(RACERS)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for number, answers in zip(numbers, results):
        winners = [name for name, a in zip(names, answers) if a.status == 200]
        assert len(winners) == 1, (number, winners, answers)
        for name, answer in zip(names, answers):
            if name != winners[0]:
                problem = answer.json
                assert (answer.status, answer.slug) == (409, "already-claimed"), answer
                assert problem["winner"] == winners[0] and problem["region"] == winners[0].split("-")[1] and problem["at"], problem
    owned = dict(desk.sql("SELECT t.number, u.login FROM desk.ticket t JOIN desk.app_user u ON u.id = t.owner_id WHERE t.subject LIKE 'Race %'"))
    assert all(owned[n] == next(name for name, a in zip(names, r) if a.status == 200) for n, r in zip(numbers, results))
    check_promises(desk)


def test_claim_next_hands_each_ticket_to_one(desk):
    authors = [desk.requester(r, n) for r in ("eu", "ap", "us") for n in (3, 4)]
    for i in range(120):
        authors[i % len(authors)].submitted(f"Next {i}", impact="high", urgency="high", service="service-desk")
    clients = [Client(desk, r, f"agent-{r}-{n}") for r in ("eu", "ap", "us") for n in range(1, 6)]
    start, won = threading.Barrier(len(clients)), [[] for _ in clients]

    def work(i):
        start.wait()
        for _ in range(8):
            answer = clients[i].post("/api/v1/queue:claim-next", {})
            assert answer.status in (200, 204), answer
            if answer.status == 200:
                assert answer.json["owner"]["login"] == clients[i].user
                won[i].append(answer.json["number"])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(clients))]
    [t.start() for t in threads]
    [t.join() for t in threads]
    got = [n for part in won for n in part]
    assert len(got) == len(set(got)) == 8 * len(clients)
    check_promises(desk)
