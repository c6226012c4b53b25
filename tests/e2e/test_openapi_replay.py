"""The API's document and guides, held against the cluster in every region: tests/openapi says what is compared."""
import sys

from desk import ROOT

sys.path.insert(0, str(ROOT / "tests/openapi"))
import guide  # noqa: E402
import replay  # noqa: E402


def urls(desk):
    return [desk.layout.url(region) for region in ("eu", "ap", "us")]


def test_every_answer_is_as_described(desk):
    passed, failures = replay.run(urls(desk))
    assert not failures, "\n".join(failures[:20])
    assert passed > 500


def test_the_lines_of_the_guides_work(desk):
    passed, failures = guide.run(urls(desk))
    assert not failures and passed, "\n".join(failures)
