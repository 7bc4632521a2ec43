# SPDX-License-Identifier: Apache-2.0
"""Paperspace's API, from the TypeScript that the vendor's own client is generated with.

The generator loses some facts (which dates may be null, the bounds of numbers), and the file is of
May 2024: what the vendor's reference says beyond it stands in ADDITIONS and AMENDMENTS, each with
its source.
"""
import re

import typescript
from typescript import Refused

REPOSITORY = "https://github.com/Paperspace/cli"
COMMIT = "c7bdd424d1eaa559778948ccea6391057f5982c1"
FILE = "api/openapi.ts"
CHANGED = FILE  # whose last change is the date of the definition
BASE = "/v1"
REFERENCE = "https://docs.digitalocean.com/reference/paperspace/api-reference/"

OPERATIONS = [(method, path) for path, methods in {
    "/auth/session": "GET",
    "/billing/account-standing": "GET",
    "/custom-templates": "GET",
    "/machine-events": "GET",
    "/machine-events/{id}": "GET",
    "/machines": "GET POST",
    "/machines/{id}": "GET PUT DELETE",
    "/machines/{id}/restart": "PATCH",
    "/machines/{id}/start": "PATCH",
    "/machines/{id}/stop": "PATCH",
    "/os-templates": "GET",
    "/private-networks": "GET",
    "/public-ips": "GET POST",
    "/public-ips/{ip}": "PUT DELETE",
    "/snapshots": "GET",
    "/startup-scripts": "GET POST",
    "/startup-scripts/{id}": "GET PUT DELETE",
    "/startup-scripts/{id}/assign": "POST",
    "/startup-scripts/{id}/unassign": "POST",
}.items() for method in methods.split()]

# In the vendor's reference and not in the file.
ADDITIONS = [{
    "id": "machineAvailability-list", "method": "GET", "path": "/machine-availability",
    "added": REFERENCE + "machine-types/ of 2026-08-13",
    "query": {"machineType": {"required": True, "schema": {"type": "string"}},
              "region": {"required": True, "schema": {"type": "string"}}},
    "replies": {"200": {"type": "object", "required": ["available"],
                        "properties": {"available": {"type": "boolean"}}}},
}]

AMENDMENTS = [
    "dtDeleted, dtFinished and dtStarted may be null: " + REFERENCE +
    "machine and startup-scripts/ of 2026-03",
    "nextPage may be null: " + FILE + ", its own comment on the member",
    "limit is an integer, 1 to 120: " + REFERENCE + "machine of 2026-03-18",
    "the region of a public address is ny2, ca1 or ams1: " + REFERENCE +
    "public-ips of 2026-03-18",
    "PATCH without a body may send {}: api/client.ts of the same commit",
    "an error may have issues, each with a message: api/client.ts of the same commit",
]
NULL_DATES = {"dtDeleted", "dtFinished", "dtStarted"}
FORMATS = {"date-time", "uri", "uuid", "email"}


def nullable(schema):
    """The same, or null."""
    if "enum" in schema:
        return {**schema, "type": [schema["type"], "null"], "enum": [*schema["enum"], None]}
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


class Definition:
    def __init__(self, text):
        self.exports = typescript.read(text)

    def members(self, node, what):
        """Of an object that has named members alone."""
        if node[0] == "at":
            found = self.exports[node[1]]
            for key in node[2]:
                found = self.members(found, what)[key].type
            node = found
        if node[0] != "object" or node[2]:
            raise Refused(f"{what} is no plain object")
        return node[1]

    def member(self, node, name, what):
        found = self.members(node, what).get(name)
        return found.type if found else None

    def schema(self, node, doc="", name=""):
        kind = node[0]
        if kind == "free":
            return {"type": "object", "additionalProperties": True}
        if kind == "array":
            return {"type": "array", "items": self.schema(node[1])}
        if kind == "literal":
            return self.literals([node[1]])
        if kind == "union":
            return self.union(node[1], doc, name)
        if kind == "object":
            return self.object(node)
        if kind == "name":
            return self.plain(node[1], doc, name)
        raise Refused(f"a type {node!r} in a schema")

    @staticmethod
    def literals(values):
        kinds = {type(value) for value in values}
        if kinds == {str}:
            return {"type": "string", "enum": values}
        if kinds <= {int, float}:
            return {"type": "number", "enum": values}
        raise Refused(f"literals of several kinds: {values}")

    @staticmethod
    def plain(word, doc, name):
        said = re.findall(r"^\W*Format: (\S+)", doc, re.M)
        if word == "Date":
            found = {"type": "string", "format": "date-time"}
            return nullable(found) if name in NULL_DATES else found
        if word == "unknown":
            return {}
        if word == "number" and said == ["int64"]:
            return {"type": "integer"}
        if word in ("string", "number", "boolean", "null"):
            if not said:
                return {"type": word}
            if word == "string" and said[0] in FORMATS:
                return {"type": "string", "format": said[0]}
        raise Refused(f"a member {name!r} of type {word} with the formats {said}")

    def union(self, choices, doc, name):
        rest = [each for each in choices if each not in (("name", "null"), ("name", "undefined"))]
        if not rest:
            raise Refused(f"a union {choices!r} of nothing")
        if all(each[0] == "literal" for each in rest):
            found = self.literals([each[1] for each in rest])
        elif len(rest) == 1:
            found = self.schema(rest[0], doc, name)
        else:
            found = {"anyOf": [self.schema(each, doc, name) for each in rest]}
        if ("name", "null") in choices and "null" not in found.get("type", []):
            found = nullable(found)
        return found

    def object(self, node):
        _, members, of_any_name = node
        found = {"type": "object"}
        if members:
            found["properties"] = {name: self.schema(each.type, each.doc, name)
                                   for name, each in members.items()}
        required = sorted(name for name, each in members.items() if not each.optional)
        if required:
            found["required"] = required
        if of_any_name:
            found["additionalProperties"] = self.schema(of_any_name)
        if "nextPage" in members:
            found["properties"]["nextPage"] = nullable(found["properties"]["nextPage"])
        return found

    def json_of(self, node, what):
        """The schema of {content: {"application/json": ...}}."""
        content = self.members(self.member(node, "content", what), what)
        if set(content) != {"application/json"}:
            raise Refused(f"{what} holds {sorted(content)}")
        return self.schema(content["application/json"].type)

    def error(self):
        found = self.json_of(("at", "components", ["responses", "error"]), "the error reply")
        found["properties"]["issues"] = {"type": "array", "items": {
            "type": "object", "required": ["message"], "additionalProperties": True,
            "properties": {"message": {"type": "string"}}}}
        return found

    def operation(self, method, path):
        where = f"{method} {path}"
        node = self.exports["paths"]
        for key in (path, method.lower()):
            node = self.member(node, key, where)
            if not node:
                raise Refused(f"{where} is not in the file")
        if node[:2] != ("at", "operations"):
            raise Refused(f"{where} is {node!r}")
        made = {"id": node[2][0], "method": method, "path": path}
        parts = self.members(node, where)
        if set(parts) - {"parameters", "requestBody", "responses"}:
            raise Refused(f"{where} has {sorted(parts)}")
        if "parameters" in parts:
            made.update(self.parameters(parts["parameters"].type, where))
        if "requestBody" in parts:
            made["body"] = self.json_of(parts["requestBody"].type, where)
            made["body_required"] = not parts["requestBody"].optional
        elif method == "PATCH":
            made["body"] = {"type": "object"}
            made["body_required"] = False
        made["replies"] = self.replies(parts["responses"].type, where)
        return made

    def parameters(self, node, where):
        made = {}
        for kind, each in self.members(node, where).items():
            if kind not in ("query", "path"):
                raise Refused(f"{where} has {kind} parameters")
            made["query" if kind == "query" else "path_parameters"] = {
                name: {"required": not one.optional, "schema": self.schema(one.type, one.doc, name)}
                for name, one in self.members(each.type, where).items()}
        if "limit" in made.get("query", {}):
            made["query"]["limit"]["schema"] = {"type": "integer", "minimum": 1, "maximum": 120}
        return made

    def replies(self, node, where):
        made = {}
        for status, each in self.members(node, where).items():
            if status == "default":
                continue
            if not re.fullmatch(r"2\d\d", status):
                raise Refused(f"{where} replies {status}")
            made[status] = self.json_of(each.type, where)
            if where.endswith(" /public-ips") or "/public-ips/{ip}" in where:
                self.amend_regions(made[status])
        if not made:
            raise Refused(f"{where} has no reply")
        return made

    def amend_regions(self, schema):
        for part in (schema, schema.get("properties", {}).get("items", {}).get("items", {})):
            if "region" in part.get("properties", {}):
                part["properties"]["region"]["enum"] = ["ams1", "ca1", "ny2"]


def derive(read):
    definition = Definition(read(FILE))
    operations = [definition.operation(*each) for each in OPERATIONS]
    operations += [{**each} for each in ADDITIONS]
    return operations, definition.error()
