"""The server serves its own document, as it is in docs/. That the document is true: test_openapi_replay.py."""
from desk import REGIONS, ROOT


def test_the_server_serves_it(desk):
    for region in REGIONS:
        answer = desk.client(region).get("/openapi.yaml")
        assert answer.status == 200 and answer.body == (ROOT / "docs/openapi.yaml").read_bytes()
        assert desk.client(region).get("/openapi.yaml", headers={"If-None-Match": answer.headers["ETag"]}).status == 304
