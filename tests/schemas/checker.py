# SPDX-License-Identifier: Apache-2.0
"""Holds recorded exchanges against the published definition of an API: what was asked, and what was
answered. Violations are lines of text, each with the operation and a JSON pointer."""
import dataclasses
import datetime
import ipaddress
import json
import pathlib
import re
import urllib.parse
import uuid

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
JSON_TYPE = re.compile(r"application/json(; ?charset=utf-8)?", re.I)
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
INTEGER = re.compile(r"-?(0|[1-9]\d*)")
LONGEST = 300  # of a message: some hold the whole of what was sent

formats = jsonschema.FormatChecker(formats=())


@dataclasses.dataclass
class Exchange:
    """One request and its reply; what is secret in it is masked. Header names are lower case."""
    method: str
    path: str  # below the base of the API, still encoded
    query: str = ""
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    bearer: str = "right"  # or "absent", "no bearer token", "wrong"
    leaked: tuple = ()  # where the token stood, beside its header
    status: int = None  # None: there was no reply
    reply_headers: dict = dataclasses.field(default_factory=dict)
    reply: bytes = b""


@formats.checks("date-time", ValueError)
def is_date(value):
    if isinstance(value, str):
        if not DATE.fullmatch(value):
            return False
        datetime.datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S")
    return True


@formats.checks("uuid", ValueError)
def is_uuid(value):
    return not isinstance(value, str) or str(uuid.UUID(value)) == value.lower()


@formats.checks("uri", ValueError)
def is_uri(value):
    return not isinstance(value, str) or all(urllib.parse.urlsplit(value)[:2])


@formats.checks("email")
def is_email(value):
    return not isinstance(value, str) or bool(re.fullmatch(r"[^@\s]+@[^@\s]+", value))


@formats.checks("ipv4", ValueError)
def is_ipv4(value):
    return not isinstance(value, str) or bool(ipaddress.IPv4Address(value))


@formats.checks("ipv6", ValueError)
def is_ipv6(value):
    return not isinstance(value, str) or bool(ipaddress.IPv6Address(value))


def pointer(path):
    return "".join("/" + str(each).replace("~", "~0").replace("/", "~1") for each in path) or "/"


def parsed(data):
    """JSON as strict readers take it: UTF-8, every member once, no NaN."""
    def once(pairs):
        names = [name for name, _ in pairs]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"{sorted(twice)} stand twice")
        return dict(pairs)

    def never(text):
        raise ValueError(f"{text} is no number")

    return json.loads(data.decode(), object_pairs_hook=once, parse_constant=never)


def of_text(text, schema):
    """The value that a part of an address means, as its schema has it."""
    kinds = schema.get("type")
    if kinds == "integer" and INTEGER.fullmatch(text):
        return int(text)
    if kinds == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


class Api:
    """The published definition of one cloud's API."""

    def __init__(self, document):
        self.document = document
        self.operations = [(self.template(each["path"]), each) for each in document["operations"]]

    @classmethod
    def of(cls, name):
        """"paperspace-v1" or "digitalocean-v2"."""
        return cls(json.loads((HERE / f"{name}.json").read_text()))

    @staticmethod
    def template(path):
        return [None if part.startswith("{") else part for part in path.split("/")]

    def find(self, method, path):
        """The operation and its path parameters; a name in the path before a parameter. If there is
        none: None, and the methods that the path takes."""
        given = path.split("/")
        fits = [(template, each) for template, each in self.operations
                if len(template) == len(given)
                and all(part is None or part == have for part, have in zip(template, given))]
        best = min((template.count(None) for template, _ in fits), default=0)
        fits = [each for template, each in fits if template.count(None) == best]
        for each in fits:
            if each["method"] == method:
                names = [part[1:-1] for part in each["path"].split("/") if part.startswith("{")]
                values = [have for part, have in zip(self.template(each["path"]), given)
                          if part is None]
                return each, dict(zip(names, map(urllib.parse.unquote, values)))
        return None, sorted(each["method"] for each in fits)

    def errors(self, value, schema, what):
        """Lines for each way in which a value is not as its schema has it."""
        whole = {"allOf": [schema], "$defs": self.document["$defs"]}
        validator = jsonschema.Draft202012Validator(whole, format_checker=formats)
        found = sorted(validator.iter_errors(value), key=lambda each: pointer(each.absolute_path))
        lines = []
        for each in found:
            lines.append(f"{what} {pointer(each.absolute_path)}: {each.message[:LONGEST]}")
            for inner in sorted(each.context or (), key=jsonschema.exceptions.relevance)[:3]:
                lines.append(f"{what} {pointer(inner.absolute_path)}: perhaps "
                             f"{inner.message[:LONGEST]}")
        return lines

    def check(self, exchange):
        operation, values = self.find(exchange.method, exchange.path)
        if operation is None:
            known = f"known with {', '.join(values)}" if values else "not known"
            return [f"{exchange.method} {exchange.path}: the path is {known}"]
        lines = self.token_errors(exchange) + self.address_errors(operation, values, exchange)
        lines += self.body_errors(operation, exchange)
        if exchange.status is not None:
            lines += self.reply_errors(operation, exchange)
        return [f"{operation['method']} {operation['path']}: {line}" for line in lines]

    @staticmethod
    def token_errors(exchange):
        lines = [] if exchange.bearer == "right" else [f"the token is {exchange.bearer}"]
        return lines + [f"the token stands in the {place}" for place in exchange.leaked]

    def address_errors(self, operation, values, exchange):
        lines = []
        for name, text in values.items():
            schema = operation["path_parameters"][name]["schema"]
            lines += [] if text else [f"path parameter {name}: empty"]
            lines += self.errors(of_text(text, schema), schema, f"path parameter {name}")
        known = operation.get("query", {})
        given = urllib.parse.parse_qsl(exchange.query, keep_blank_values=True)
        for name in sorted({name for name, _ in given}):
            texts = [text for other, text in given if other == name]
            if len(texts) > 1:
                lines.append(f"query parameter {name}: given {len(texts)} times")
            if name not in known:
                lines.append(f"query parameter {name}: not known")
                continue
            schema = known[name]["schema"]
            lines += self.errors(of_text(texts[0], schema), schema, f"query parameter {name}")
        for name, each in known.items():
            if each["required"] and name not in dict(given):
                lines.append(f"query parameter {name}: required, and not given")
        return lines

    def body_errors(self, operation, exchange):
        kind = exchange.headers.get("content-type")
        if not exchange.body:
            lines = ["Content-Type without a body"] if kind is not None else []
            return lines + (["body: required, and not sent"]
                            if operation.get("body_required") else [])
        lines = [] if kind and JSON_TYPE.fullmatch(kind) else [f"Content-Type is {kind!r}"]
        if "body" not in operation:
            return lines + ["body: sent, and none is known"]
        try:
            return lines + self.errors(parsed(exchange.body), operation["body"], "body")
        except ValueError as error:
            return lines + [f"body: no JSON: {error}"]

    def reply_errors(self, operation, exchange):
        what = f"reply {exchange.status}"
        if exchange.status >= 400:
            schema = operation.get("errors", {}).get(str(exchange.status), self.document["error"])
        elif str(exchange.status) not in operation["replies"]:
            return [f"{what}: not known"]
        else:
            schema = operation["replies"][str(exchange.status)]
        if schema is None:
            return [f"{what}: has a body"] if exchange.reply else []
        kind = exchange.reply_headers.get("content-type", "")
        lines = [] if JSON_TYPE.fullmatch(kind) else [f"{what}: Content-Type is {kind!r}"]
        try:
            return lines + self.errors(parsed(exchange.reply), schema, what)
        except ValueError as error:
            return lines + [f"{what}: no JSON: {error}"]

    def seen(self, exchanges):
        """The operations that were asked for, as "METHOD /path/{id}"."""
        found = (self.find(each.method, each.path)[0] for each in exchanges)
        return {f"{each['method']} {each['path']}" for each in found if each}


def check(exchanges, api):
    """All violations, each once."""
    lines = {}
    for exchange in exchanges:
        for line in api.check(exchange):
            lines[line] = None
    return list(lines)
