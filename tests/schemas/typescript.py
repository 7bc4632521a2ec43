# SPDX-License-Identifier: Apache-2.0
"""Reads the TypeScript that openapi-typescript writes, and nothing more: exported interfaces and
types made of objects, arrays, unions, literals and indexed accesses. What it does not know it
refuses, with the line: a definition half understood would be a test half done.

The result is tuples: ("object", {name: Member}, of_any_name), ("array", type), ("union", [types]),
("literal", value), ("name", "string"), ("free",), ("at", name, keys).
"""
import re
from typing import NamedTuple

TOKEN = re.compile(r"""
    (?P<blank>\s+) | (?P<doc>/\*.*?\*/) | (?P<line>//[^\n]*)
  | (?P<string>"[^"\\\n]*") | (?P<number>\d+(?:\.\d+)?)
  | (?P<word>[A-Za-z_$][\w$]*) | (?P<mark>[{}()\[\];:?|<>,=])
""", re.X | re.S)
NAMES = {"string", "number", "boolean", "null", "undefined", "unknown", "never", "Date"}


class Refused(Exception):
    """The file holds what this reader does not know."""


class Member(NamedTuple):
    type: tuple
    optional: bool
    doc: str


class Reader:
    def __init__(self, text):
        self.text = text
        self.tokens = []
        self.at = 0
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise Refused(f"line {self.line(at)}: {text[at:at + 20]!r}")
            if match.lastgroup not in ("blank", "line"):
                self.tokens.append((match.lastgroup, match.group(), at))
            at = match.end()
        self.tokens.append(("end", "", len(text)))

    def line(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def refuse(self, wanted):
        _, text, offset = self.tokens[self.at]
        raise Refused(f"line {self.line(offset)}: {text!r} where {wanted} was expected")

    def doc(self):
        """The comments here; the last is the one that belongs to what follows."""
        found = ""
        while self.tokens[self.at][0] == "doc":
            found = self.tokens[self.at][1]
            self.at += 1
        return found

    def peek(self, text):
        return self.tokens[self.at][1] == text and self.tokens[self.at][0] in ("mark", "word")

    def take(self, text):
        if not self.peek(text):
            return False
        self.at += 1
        return True

    def need(self, text):
        if not self.take(text):
            self.refuse(repr(text))

    def token(self, *kinds):
        kind, text, _ = self.tokens[self.at]
        if kind not in kinds:
            self.refuse(" or ".join(kinds))
        self.at += 1
        return text[1:-1] if kind == "string" else text

    def file(self):
        """All that it exports, by name."""
        exports = {}
        while self.doc() or self.tokens[self.at][0] != "end":
            if self.tokens[self.at][0] == "end":
                break
            self.need("export")
            if self.take("interface"):
                name = self.token("word")
                exports[name] = self.object()
            else:
                self.need("type")
                name = self.token("word")
                self.need("=")
                exports[name] = self.type()
                self.need(";")
        return exports

    def object(self):
        self.need("{")
        members, of_any_name = {}, None
        while True:
            doc = self.doc()
            if self.take("}"):
                return ("object", members, of_any_name)
            self.take("readonly")
            if self.take("["):
                if of_any_name:
                    self.refuse("one index signature at most")
                self.token("word")
                self.need(":")
                self.need("string")
                self.need("]")
                self.need(":")
                of_any_name = self.type()
            else:
                name = self.token("word", "string", "number")
                if name in members:
                    self.refuse(f"{name!r} once only")
                optional = self.take("?")
                self.need(":")
                members[name] = Member(self.type(), optional, doc)
            self.need(";")

    def type(self):
        self.doc()
        self.take("|")
        choices = [self.postfix()]
        while self.take("|"):
            choices.append(self.postfix())
        return choices[0] if len(choices) == 1 else ("union", choices)

    def postfix(self):
        self.doc()
        self.take("readonly")
        found = self.primary()
        while self.take("["):
            self.need("]")
            found = ("array", found)
        return found

    def primary(self):
        kind, text, _ = self.tokens[self.at]
        if kind == "string":
            return ("literal", self.token("string"))
        if kind == "number":
            number = float(self.token("number"))
            return ("literal", int(number) if number == int(number) else number)
        if self.take("("):
            found = self.type()
            self.need(")")
            return found
        if text == "{":
            return self.object()
        if text == "Record":
            # what the generator makes of an object of which nothing else is said
            for each in ("Record", "<", "string", ",", "never", ">"):
                self.need(each)
            return ("free",)
        name = self.token("word")
        if name in NAMES:
            return ("name", name)
        keys = []
        while self.peek("[") and self.tokens[self.at + 1][0] == "string":
            self.need("[")
            keys.append(self.token("string"))
            self.need("]")
        if not keys:
            self.at -= 1
            self.refuse("a type")
        return ("at", name, keys)


def read(text):
    return Reader(text).file()
