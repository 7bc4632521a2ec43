#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes paperspace-v1.json and digitalocean-v2.json: what the published definitions of the two
APIs say of the operations that a GPU tool uses, as JSON Schema (draft 2020-12). Facts alone are
taken over: names, types, bounds, what is required.

  derive.py PAPERSPACE_CLI DIGITALOCEAN_OPENAPI [FOLDER]

The first two are git clones (README.md here says of what); FOLDER is where the files go, by default
the one of this program. The commits are named in paperspace.py and digitalocean.py, not by what the
clones have checked out, so that the same is written everywhere.
"""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import digitalocean  # noqa: E402
import paperspace  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
FILES = {"paperspace-v1.json": paperspace, "digitalocean-v2.json": digitalocean}
SHARE_FROM = 200  # characters: what is longer and stands twice is written once
IN_SCHEMAS = ("properties",)
IN_LISTS = ("allOf", "anyOf", "oneOf")
IN_ONE = ("items", "additionalProperties", "if", "then")


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def parts(schema):
    """The schemas within a schema: (the place to put another, its key, a name for it)."""
    for key in IN_SCHEMAS:
        for name in sorted(schema.get(key, {})):
            yield schema[key], name, name
    for key in IN_LISTS:
        for index, _ in enumerate(schema.get(key, [])):
            yield schema[key], index, None
    for key in IN_ONE:
        if isinstance(schema.get(key), dict):
            yield schema, key, "item" if key == "items" else None


def has_members(schema):
    """Whether it speaks of objects, itself or in a part of it."""
    return "object" in schema.get("type", ()) or "properties" in schema or any(
        has_members(part) for key in IN_LISTS for part in schema.get(key, []))


def close(schema, whole=True):
    """Of objects, only the members that are named: what is misspelt is no member. The part of a
    combination is left open, for the combination knows all the names. What has members is an
    object, even where a definition does not say so."""
    if "properties" in schema and "type" not in schema:
        schema["type"] = "object"
    if whole and has_members(schema) and "additionalProperties" not in schema:
        schema["unevaluatedProperties"] = False
    for place, key, _ in parts(schema):
        if place is schema and key == "if":
            continue
        part = (place is schema and key == "then") or \
            any(place is schema.get(each) for each in IN_LISTS)
        close(place[key], whole=not part)
    return schema


def count_shared(schema, seen):
    text = compact(schema)
    seen[text] = seen.get(text, 0) + 1
    if seen[text] == 1:
        for place, key, _ in parts(schema):
            count_shared(place[key], seen)


def share(schema, name, seen, defs, names):
    """The same with what stands twice replaced by a reference."""
    text = compact(schema)
    for place, key, inner in list(parts(schema)):
        place[key] = share(place[key], f"{name}.{inner}" if inner else name, seen, defs, names)
    if seen[text] < 2 or len(text) < SHARE_FROM:
        return schema
    if text not in names:
        free, number = name, 2
        while free in defs:
            free, number = f"{name}-{number}", number + 1
        names[text], defs[free] = free, schema
    return {"$ref": "#/$defs/" + names[text]}


def schemas_of(operation):
    """Where an operation has schemas that may be long: (place, key)."""
    if "body" in operation:
        yield operation, "body"
    for replies in (operation["replies"], operation.get("errors", {})):
        for status, schema in replies.items():
            if schema is not None:
                yield replies, status


def assemble(module, read, date):
    operations, error = module.derive(read)
    operations = json.loads(compact(operations))  # nothing stands in two places at once
    for operation in operations:
        if not operation.get("errors", True):
            del operation["errors"]  # as usual
    operations.sort(key=lambda each: (each["path"], each["method"]))
    seen, defs, names = {}, {}, {}
    for operation in operations:
        for place, key in schemas_of(operation):
            count_shared(close(place[key]), seen)
    for operation in operations:
        for place, key in schemas_of(operation):
            place[key] = share(place[key], operation["id"], seen, defs, names)
    return {"source": {"repository": module.REPOSITORY, "commit": module.COMMIT,
                       "file": module.FILE, "date": date},
            "amendments": sorted(module.AMENDMENTS), "base": module.BASE,
            "error": close(json.loads(compact(error))), "operations": operations, "$defs": defs}


def written(document):
    """One line for each operation and each shared schema: differences can be read."""
    lines = ["{"]
    for key in ("amendments", "base", "error", "source"):
        lines.append(f'"{key}":{compact(document[key])},')
    lines.append('"operations":[')
    lines.append(",\n".join(compact(each) for each in document["operations"]))
    lines.append('],\n"$defs":{')
    lines.append(",\n".join(f"{json.dumps(name)}:{compact(schema)}"
                            for name, schema in sorted(document["$defs"].items())))
    return "\n".join(lines) + "\n}}\n"


def git(clone, *args):
    done = subprocess.run(["git", "-C", str(clone), *args], capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"derive.py: git {args[0]} in {clone}: {done.stderr.decode().strip()}")
    return done.stdout.decode()


def derive(module, clone):
    """The text of the file that a clone gives."""
    date = git(clone, "log", "-1", "--format=%cs", module.COMMIT, "--", module.CHANGED).strip()

    def read(file):
        return git(clone, "show", f"{module.COMMIT}:{file}")

    return written(assemble(module, read, date))


def main(args):
    if len(args) not in (2, 3):
        raise SystemExit(__doc__)
    folder = pathlib.Path(args[2]) if len(args) == 3 else HERE
    for (name, module), clone in zip(FILES.items(), args):
        (folder / name).write_text(derive(module, clone))


if __name__ == "__main__":
    main(sys.argv[1:])
