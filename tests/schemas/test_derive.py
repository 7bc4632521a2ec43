# SPDX-License-Identifier: Apache-2.0
"""The derivation: what it understands, what it refuses, that the committed files are its own."""
import json
import os
import pathlib
import subprocess
import sys

import derive
import digitalocean
import jsonschema
import paperspace
import pytest
import typescript
from checker import Api, formats

HERE = pathlib.Path(__file__).resolve().parent
CLONES = {"paperspace-v1.json": "GPUCLOUD_PAPERSPACE_CLI",
          "digitalocean-v2.json": "GPUCLOUD_DIGITALOCEAN_OPENAPI"}


def of_type(text):
    """The schema of one type in TypeScript."""
    definition = paperspace.Definition(f"export type it = {text};")
    return definition.schema(definition.exports["it"])


@pytest.mark.parametrize("text, schema", [
    ("string", {"type": "string"}),
    ("number | null", {"type": ["number", "null"]}),
    ("unknown", {}),
    ("Date", {"type": "string", "format": "date-time"}),
    ('"a" | "b"', {"type": "string", "enum": ["a", "b"]}),
    ('| "a"\n | null', {"type": ["string", "null"], "enum": ["a", None]}),
    ("1 | 2.5", {"type": "number", "enum": [1, 2.5]}),
    ("readonly (string)[]", {"type": "array", "items": {"type": "string"}}),
    ("(readonly (number)[]) | null", {"type": ["array", "null"], "items": {"type": "number"}}),
    ("string | number", {"anyOf": [{"type": "string"}, {"type": "number"}]}),
    ("Record<string, never>", {"type": "object", "additionalProperties": True}),
    ("{ a: string; readonly b?: boolean; }",
     {"type": "object", "required": ["a"],
      "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}}}),
    ("{ [key: string]: number | undefined; }",
     {"type": "object", "additionalProperties": {"type": "number"}}),
    ("{ /** Format: int64 */ a?: number; /** Format: uuid */ b?: string; }",
     {"type": "object", "properties": {"a": {"type": "integer"},
                                       "b": {"type": "string", "format": "uuid"}}}),
    ("{ dtDeleted: Date; dtCreated: Date; }",
     {"type": "object", "required": ["dtCreated", "dtDeleted"], "properties": {
         "dtDeleted": {"type": ["string", "null"], "format": "date-time"},
         "dtCreated": {"type": "string", "format": "date-time"}}}),
])
def test_types(text, schema):
    assert of_type(text) == schema


@pytest.mark.parametrize("text", [
    "export type it = string & number;", "export type it = [string, number];",
    "export type it = Partial<string>;", "export type it = bigint;",
    "export type it = (a: string) => void;", "export const it = 1;", "type it = string;",
    "export type it = string", "export interface it { a: string }",
    "export interface it { a: string; a: number; }", "export interface it { a(): string; }",
    "export interface it { [key: number]: string; }", 'export type it = `a${string}`;',
    "export interface it extends that { a: string; }", "export type it = keyof that;",
])
def test_typescript_it_does_not_know(text):
    with pytest.raises(typescript.Refused, match="line 1"):
        typescript.read(text)


@pytest.mark.parametrize("text", [
    "undefined", "never", "null | undefined", '"a" | 1',
    "{ /** Format: byte */ a: string; }", "{ /** Format: uuid */ a: number; }"])
def test_types_that_no_schema_has(text):
    with pytest.raises(typescript.Refused):
        of_type(text)


def of_yaml(text, way="request", **files):
    """The schema of one document in YAML; others by name, without the ending."""
    files = {f"{name}.yml": body for name, body in files.items()} | {"it.yml": text}
    return digitalocean.Description(files.__getitem__).schema({"$ref": "it.yml"}, "", way)


@pytest.mark.parametrize("text, schema", [
    ("type: string\nenum: [new, off, on]\ndescription: words\nexample: off",
     {"type": "string", "enum": ["new", "off", "on"]}),
    ("type: array\nitems: {type: string}\nnullable: true",
     {"type": ["array", "null"], "items": {"type": "string"}}),
    ("type: string\nenum: [a]\nnullable: true", {"type": ["string", "null"], "enum": ["a", None]}),
    ("type: number\nformat: float", {"type": "number"}),
    ("allOf: [{type: string}, {description: words}]", {"type": "string"}),
    ("properties: {id: {type: integer, readOnly: true}, a: {type: string}}\nrequired: [id, a]",
     {"properties": {"a": {"type": "string"}}, "required": ["a"]}),
    ("$ref: 'other.yml#/a~1b'", {"type": "integer", "minimum": 1}),
    ("anyOf: [{$ref: 'other.yml#/x'}]\n"
     "discriminator: {propertyName: type, mapping: {on: 'other.yml#/x', off: 'other.yml#/x'}}",
     {"required": ["type"], "properties": {"type": {"enum": ["off", "on"]}},
      "allOf": [{"if": {"properties": {"type": {"enum": ["off", "on"]}}, "required": ["type"]},
                 "then": {"type": "object"}}]}),
])
def test_yaml(text, schema):
    other = "a/b: {type: integer, minimum: 1}\nx: {type: object}"
    assert of_yaml(text, other=other) == schema


def test_reply_has_what_only_replies_have():
    text = ("properties: {id: {type: integer, readOnly: true}, "
            "secret: {type: string, writeOnly: true}}")
    assert of_yaml(text, "reply") == {"properties": {"id": {"type": "integer"}}}


@pytest.mark.parametrize("text", [
    "type: wine", "not: {type: string}", "type: string\nformat: byte", "patternProperties: {}",
    "type: object\nproperties: {a: {$ref: 'it.yml'}}", "$ref: 'it.yml'"])
def test_yaml_it_does_not_know(text):
    with pytest.raises(digitalocean.Refused):
        of_yaml(text)


def test_objects_are_closed():
    schema = derive.close({"allOf": [{"properties": {"a": {"properties": {"b": {}}}}},
                                     {"required": ["a"]}],
                           "anyOf": [{"type": "object", "additionalProperties": {}}, {}]})
    assert schema["unevaluatedProperties"] is False
    inner = schema["allOf"][0]
    assert "unevaluatedProperties" not in inner
    assert inner["properties"]["a"]["unevaluatedProperties"] is False
    assert "unevaluatedProperties" not in schema["anyOf"][0]


@pytest.mark.parametrize("name", CLONES)
def test_committed_file_is_sound(name):
    text = (HERE / name).read_text()
    document = json.loads(text)
    assert derive.written(document) == text
    assert len(text) < 150_000
    said = {word for word in ("description", "example", "title", "summary")
            if f'"{word}":"' in text}
    assert said == set()
    for operation in document["operations"]:
        for _, schema in ((key, place[key]) for place, key in derive.schemas_of(operation)):
            jsonschema.Draft202012Validator.check_schema({**schema, "$defs": document["$defs"]})
    used = set(part.split('"')[0] for part in text.split('"format":"')[1:])
    assert used and used <= set(formats.checkers)
    targets = {part.split('"')[0] for part in text.split('"$ref":"#/$defs/')[1:]}
    assert targets == set(document["$defs"])


@pytest.mark.clones
@pytest.mark.parametrize("name", CLONES)
def test_committed_file_is_what_the_definition_gives(name, tmp_path):
    clone = os.environ.get(CLONES[name])
    if not clone:
        pytest.skip(f"{CLONES[name]} names no clone of {derive.FILES[name].REPOSITORY}")
    assert derive.derive(derive.FILES[name], clone) == (HERE / name).read_text()


@pytest.mark.clones
def test_program(tmp_path):
    """By hand, with both clones: twice the same bytes."""
    clones = [os.environ.get(variable) for variable in CLONES.values()]
    if not all(clones):
        pytest.skip(" and ".join(CLONES.values()) + " do not name clones")
    for _ in range(2):
        subprocess.run([sys.executable, "-B", str(HERE / "derive.py"), *clones, str(tmp_path)],
                       check=True, timeout=120)
        for name in CLONES:
            assert (tmp_path / name).read_bytes() == (HERE / name).read_bytes()


def test_program_without_a_clone(tmp_path):
    done = subprocess.run([sys.executable, "-B", str(HERE / "derive.py"), str(tmp_path),
                           str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and done.stderr.startswith("derive.py: git log in ")


def test_every_operation_is_there():
    for name, module in derive.FILES.items():
        have = {(each["method"], each["path"]) for _, each in Api.of(name[:-5]).operations}
        more = {(each["method"], each["path"]) for each in getattr(module, "ADDITIONS", [])}
        assert have == set(module.OPERATIONS) | more
