"""Holds docs/openapi.yaml against itself and against the sources: every example against its schema, problems against errors.h, limits
against limits.h, paths against intake's table of routes. Prints what is wrong and "N passed, N failed"."""
import math
import pathlib
import re
import sys

import jsonschema

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import errors  # noqa: E402
from document import ROOT, Document, stream_events  # noqa: E402


class Tally:
    def __init__(self):
        self.passed, self.failures = 0, []

    def check(self, where, faults):
        """One check: `faults` is empty, a text, or a list of texts."""
        if faults:
            self.failures.append(f"{where}: {faults if isinstance(faults, str) else '; '.join(faults)}")
        else:
            self.passed += 1


def check_references(document, tally):
    def walk(node, where):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                try:
                    document.resolve(node)
                    tally.passed += 1
                except KeyError:
                    tally.check(where, f"{node['$ref']} leads nowhere")
            for name, value in node.items():
                walk(value, f"{where}/{name}")
        elif isinstance(node, list):
            for i, value in enumerate(node):
                walk(value, f"{where}/{i}")
    walk(document.tree, "#")


def check_schemas(document, tally):
    for name, schema in document.schemas.items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
            tally.passed += 1
        except jsonschema.SchemaError as error:
            tally.check(f"schema {name}", error.message)
        for value in schema.get("examples", []):
            tally.check(f"schema {name}", document.faults(schema, value))


def check_problem(where, status, value, tally):
    """A problem's example says what the header says; its name ends in -zh when the title is Chinese."""
    known = {row[4]: (int(row[2]), row[5], row[6]) for row in errors.problems()}
    want, en, zh = known.get(value["code"], (None, None, None))
    faults = []
    if value["status"] != want or status not in (str(want), "default"):
        faults.append(f"{value['code']} has status {want}")
    if value["title"] != (zh if where.endswith("-zh") else en):
        faults.append("the title is not the header's")
    if value["type"] != "urn:meridian:problem:" + value["code"]:
        faults.append("type and code differ")
    tally.check(where, faults)


def check_answer(document, where, status, answer, tally):
    for kind, media in answer.get("content", {}).items():
        examples = list(document.examples(media))
        tally.check(where, "" if examples else f"no example of {kind}")
        for name, value in examples:
            at = f"{where} {name}"
            tally.check(at, document.faults(media["schema"], value))
            if kind == "application/problem+json":
                check_problem(at, status, value, tally)
            elif kind == "text/event-stream":
                for _, event, data in stream_events(value):
                    if event != "reset":
                        tally.check(at, document.faults({"$ref": "#/components/schemas/LiveEvent"}, data))
    for name, header in answer.get("headers", {}).items():
        header = document.resolve(header)
        for _, value in document.examples(header):
            tally.check(f"{where} header {name}", document.faults(header["schema"], value))


def check_examples(document, tally):
    seen = set()
    for path, method, operation in document.operations():
        where = f"{method} {path}"
        if "requestBody" in operation:
            media = document.resolve(operation["requestBody"])["content"]["application/json"]
            tally.check(where, "" if document.requests(operation) else "no example of the request")
            for name, value in document.requests(operation):
                tally.check(f"{where} request {name}", document.faults(media["schema"], value))
        for place in ("path", "query", "header"):
            for parameter in document.parameters(operation, place):
                for _, value in document.examples(parameter):
                    tally.check(f"{where} parameter {parameter['name']}", document.faults(parameter["schema"], value))
        for status, answer in operation["responses"].items():
            if "$ref" in answer:
                if (answer["$ref"], status) in seen:
                    continue
                seen.add((answer["$ref"], status))
            check_answer(document, f"{where} {status}", status, document.resolve(answer), tally)


def check_limits(document, tally):
    """What the edge enforces is what the document promises."""
    text = (ROOT / "include/meridian/limits.h").read_text(encoding="utf-8")
    limits = {name: math.prod(map(int, value.split("*"))) for name, value in re.findall(r"(LIMIT_\w+) = ([\d *]+),", text)}
    schemas, parameters = document.schemas, document.tree["components"]["parameters"]
    submission = schemas["Submission"]["properties"]
    for what, value, name in (
            ("subject", submission["subject"]["maxLength"], "LIMIT_SUBJECT_CHARS"),
            ("description", submission["description"]["maxLength"], "LIMIT_TEXT_BYTES"),
            ("service", submission["service"]["maxLength"], "LIMIT_SERVICE_CHARS"),
            ("attributes", schemas["Attributes"]["maxProperties"], "LIMIT_ATTRIBUTES"),
            ("attribute names", schemas["Attributes"]["propertyNames"]["maxLength"], "LIMIT_ATTRIBUTE_KEY_CHARS"),
            ("attribute values", schemas["Attributes"]["additionalProperties"]["maxLength"], "LIMIT_ATTRIBUTE_VALUE_CHARS"),
            ("reply", schemas["Reply"]["properties"]["body"]["maxLength"], "LIMIT_TEXT_BYTES"),
            ("reason", schemas["Pend"]["properties"]["reason"]["maxLength"], "LIMIT_REASON_CHARS"),
            ("limit", parameters["Limit"]["schema"]["maximum"], "LIMIT_PAGE"),
            ("limit by default", parameters["Limit"]["schema"]["default"], "LIMIT_PAGE_DEFAULT"),
            ("Idempotency-Key", parameters["IdempotencyKey"]["schema"]["maxLength"], "LIMIT_KEY_CHARS")):
        tally.check(f"limit of {what}", "" if value == limits[name] else f"{value} here, {name} is {limits[name]}")


def check_routes(document, tally):
    """Every route of intake is described, with its query parameters, and nothing else is."""
    source = ROOT / "services/intake/api.c"
    text = source.read_text(encoding="utf-8")
    text = text[text.index("api_routes[]"):text.index("};", text.index("api_routes[]"))]
    served = {}
    for method, prefix, path, more in re.findall(r'\{HTTP_([A-Z]+)_,\s*(V1)?\s*"([^"]+)"(.*?)\}(?=,\s*(?:\{|COMMAND|$|/\*))', text, re.S):
        query = re.search(r"QUERY\(([^)]*)\)", more)
        served[method.lower(), ("/api/v1" if prefix else "") + path] = set(re.findall(r'"(\w+)"', query[1])) if query else set()
    for verb in re.findall(r'COMMAND\("([\w-]+)"', text):
        served["post", f"/api/v1/tickets/{{number}}:{verb}"] = set()
    served.pop(("get", "/"), None)  # the page for people
    described = {(method, path): {p["name"] for p in document.parameters(operation, "query")} for path, method, operation in document.operations()}
    for key in sorted(served.keys() | described.keys()):
        where = " ".join(key)
        if key not in described:
            tally.check(where, "served, but not described")
        elif key not in served:
            tally.check(where, "described, but not served")
        else:
            tally.check(where, "" if served[key] == described[key] else f"query parameters differ: {sorted(served[key] ^ described[key])}")


def main():
    document, tally = Document(), Tally()
    for check in (check_references, check_schemas, check_examples, check_limits, check_routes):
        check(document, tally)
    print("\n".join(tally.failures + [f"{tally.passed} passed, {len(tally.failures)} failed"]))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
