"""docs/openapi.yaml as the checks here see it: references resolved, examples found, values held against schemas."""
import copy
import datetime
import json
import pathlib
import re

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("get", "post", "put", "patch", "delete")

_formats = jsonschema.FormatChecker()


@_formats.checks("date-time", raises=ValueError)
def _is_time(value):
    if isinstance(value, str):
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", value):
            return False
        datetime.datetime.fromisoformat(value[:19])
    return True


def _close(schema):
    """An object whose members are listed has no others. Parts of allOf, if and anyOf are left alone: they add to a whole."""
    if isinstance(schema.get("properties"), dict):
        schema.setdefault("additionalProperties", False)
        for one in schema["properties"].values():
            _close(one)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            _close(schema[name])


class Document:
    """`strict`: members that no schema names are faults. For clients, answers may gain members; the tests want to hear of each."""

    def __init__(self, path=ROOT / "docs/openapi.yaml", strict=False):
        self.tree = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
        if strict:
            self.tree = copy.deepcopy(self.tree)
            for schema in self.schemas.values():
                _close(schema)
        self._resolver = jsonschema.RefResolver("", self.tree)

    @property
    def schemas(self):
        return self.tree["components"]["schemas"]

    def resolve(self, node):
        while "$ref" in node:
            target = self.tree
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def operations(self):
        """(path, method, operation) of all, in the order of the document."""
        for path, item in self.tree["paths"].items():
            for method, operation in item.items():
                if method in METHODS:
                    yield path, method, operation

    def parameters(self, operation, place):
        return [p for p in map(self.resolve, operation.get("parameters", [])) if p["in"] == place]

    def faults(self, schema, value):
        """What is wrong with the value, one line each."""
        validator = jsonschema.Draft202012Validator(schema, resolver=self._resolver, format_checker=_formats)
        return [f"{e.json_path}: {e.message[:300]}" for e in validator.iter_errors(value)]

    def examples(self, holder):
        """Every (name, value) of a media type, parameter or header."""
        if "example" in holder:
            yield "example", holder["example"]
        for name, one in (holder.get("examples") or {}).items():
            yield name, self.resolve(one)["value"]

    def requests(self, operation):
        """Every (name, body) that the operation shows; one without a body if it takes none."""
        if "requestBody" not in operation:
            return [("no body", None)]
        return list(self.examples(self.resolve(operation["requestBody"])["content"]["application/json"]))


def stream_events(text):
    """The events of a piece of text/event-stream: (id, type, data); heartbeats, retry, bare ids and an unfinished end are passed over."""
    found = []
    for block in re.split(r"\r?\n\r?\n", text)[:-1]:
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "data" in fields:
            found.append((fields.get("id"), fields.get("event", "message"), json.loads(fields["data"])))
    return found
