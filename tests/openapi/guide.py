"""Runs the shell lines of docs/API.md and docs/API.zh.md against a running cluster, each page in one shell that stops at the first
failure.

    guide.py [BASE_URL...]       three, for eu, ap and us; default as replay.py

    import guide; passed, failures = guide.run(["http://127.0.0.1:8401", ...])
"""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import replay  # noqa: E402
from document import ROOT  # noqa: E402


def run(base_urls):
    """One check for each block of shell lines: it ran, and all before it."""
    passed, failures = 0, []
    for name in ("docs/API.md", "docs/API.zh.md"):
        blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / name).read_text(encoding="utf-8"), re.M | re.S)
        script = "".join(f"{block}\necho; echo ran {i}\n" for i, block in enumerate(blocks))
        for n, base in enumerate(base_urls, 1):
            script = script.replace(f"http://127.0.0.1:840{n}", base)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, check=False)
        ran = len(re.findall(r"^ran \d+$", done.stdout, re.M))
        passed += ran
        if ran < len(blocks):
            failures.append(f"{name}: block {ran + 1} of {len(blocks)} failed:\n{blocks[ran]}{done.stdout[-300:]}{done.stderr[-300:]}")
    return passed, failures


def main():
    passed, failures = run(replay.base_urls())
    print("\n".join(failures + [f"{passed} passed, {len(failures)} failed"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
