# SPDX-License-Identifier: Apache-2.0
"""DigitalOcean's API, from the OpenAPI 3.0 description that the vendor publishes in YAML files
which refer to one another. Only keywords it knows are taken over; any other is refused."""
import posixpath
import re

import yaml

REPOSITORY = "https://github.com/digitalocean/openapi"
COMMIT = "7c1300c479fed9c353cda9fc21cd968619552304"
FILE = "specification/DigitalOcean-public.v2.yaml"
CHANGED = "specification"  # whose last change is the date of the definition
BASE = "/v2"

OPERATIONS = [(method, path) for path, methods in {
    "/account": "GET",
    "/account/keys": "GET POST",
    "/account/keys/{ssh_key_identifier}": "GET PUT DELETE",
    "/actions/{action_id}": "GET",
    "/droplets": "GET POST DELETE",
    "/droplets/{droplet_id}": "GET DELETE",
    "/droplets/{droplet_id}/actions": "GET POST",
    "/droplets/{droplet_id}/actions/{action_id}": "GET",
    "/firewalls": "GET POST",
    "/firewalls/{firewall_id}": "GET PUT DELETE",
    "/firewalls/{firewall_id}/droplets": "POST DELETE",
    "/firewalls/{firewall_id}/rules": "POST DELETE",
    "/firewalls/{firewall_id}/tags": "POST DELETE",
    "/images": "GET",
    "/images/{image_id}": "GET",
    "/regions": "GET",
    "/sizes": "GET",
    "/tags": "GET POST",
    "/tags/{tag_id}": "GET DELETE",
    "/tags/{tag_id}/resources": "POST DELETE",
}.items() for method in methods.split()]

AMENDMENTS = [
    "a body that is described is required, where 'required' is not said",
    "a reply whose schema has one member has that member",
    "imgages, of what a tag is on, is images: specification/resources/tags/responses/tags_new.yml",
]
MISSPELT = {"imgages": "images"}

TAKEN = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems",
         "multipleOf", "pattern", "enum", "const"}
PROSE = {"description", "example", "examples", "title", "deprecated", "default", "externalDocs"}
TYPES = {"string", "integer", "number", "boolean", "object", "array"}
FORMATS = {"date-time", "uuid", "uri", "email", "ipv4", "ipv6"}
NUMBERS = {"int32", "int64", "float", "double"}


class Refused(Exception):
    """The description holds what this reader does not know."""


class Loader(yaml.SafeLoader):
    """YAML 1.2's booleans: a droplet that is off is no droplet that is false. Times stay texts."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool",
                             re.compile(r"^(?:true|false)$"), list("tf"))


class Description:
    def __init__(self, read):
        self.read = read
        self.files = {}
        self.open = []  # the references being followed, against circles

    def load(self, file):
        if file not in self.files:
            self.files[file] = yaml.load(self.read(file), Loader)
        return self.files[file]

    def follow(self, node, file):
        """Through references to what is meant; with the file where that stands."""
        steps = 0
        while isinstance(node, dict) and "$ref" in node:
            target, _, pointer = node["$ref"].partition("#")
            if target:
                file = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
            node = self.load(file)
            for key in pointer.strip("/").split("/") if pointer.strip("/") else []:
                node = node[key.replace("~1", "/").replace("~0", "~")]
            steps += 1
            if steps > 20:
                raise Refused(f"{file}: a circle of references")
        return node, file

    def schema(self, node, file, way):
        """JSON Schema of a schema; way is "request" or "reply", for what only one of them has."""
        node, file = self.follow(node, file)
        mark = (file, id(node))
        if mark in self.open:
            raise Refused(f"{file}: a schema within itself")
        self.open.append(mark)
        try:
            return self.body(node, file, way)
        finally:
            self.open.pop()

    def body(self, node, file, way):
        made = {}
        for key, value in node.items():
            if key in PROSE or key.startswith("x-") or key in ("nullable", "readOnly", "writeOnly"):
                continue
            if key in TAKEN:
                made[key] = value
            elif key == "type" and value in TYPES:
                made[key] = value
            elif key == "format" and value in FORMATS:
                made[key] = value
            elif key == "format" and value in NUMBERS and node["type"] in ("integer", "number"):
                continue
            elif key == "required" and isinstance(value, list):
                made[key] = sorted(value)
            elif key == "items":
                made[key] = self.schema(value, file, way)
            elif key == "properties":
                made[key] = self.properties(value, file, way)
            elif key == "additionalProperties":
                made[key] = value if value is True else self.schema(value, file, way)
            elif key in ("allOf", "anyOf", "oneOf"):
                if not (key != "allOf" and "discriminator" in node):
                    made[key] = [self.schema(each, file, way) for each in value]
            elif key == "discriminator":
                self.discriminate(made, value, file, way)
            else:
                raise Refused(f"{file}: the keyword {key}: {value!r}")
        self.tidy(made)
        return self.with_null(made) if node.get("nullable") is True else made

    def properties(self, value, file, way):
        made = {}
        for name, each in value.items():
            meant, _ = self.follow(each, file)
            if not meant.get("readOnly" if way == "request" else "writeOnly"):
                made[MISSPELT.get(name, name)] = self.schema(each, file, way)
        return made

    def discriminate(self, made, value, file, way):
        """One member says which of the choices holds: as conditions, which JSON Schema knows."""
        name = value["propertyName"]
        choices = {}
        for literal, target in sorted(value["mapping"].items()):
            choices.setdefault(target, []).append(literal)
        made["required"] = [name]
        made["properties"] = {name: {"enum": sorted(value["mapping"])}}
        made["allOf"] = [
            {"if": {"properties": {name: {"enum": literals}}, "required": [name]},
             "then": self.schema({"$ref": target}, file, way)}
            for target, literals in sorted(choices.items())]

    @staticmethod
    def tidy(made):
        """What prose left empty, and what is required of the other way's members."""
        if "allOf" in made:
            made["allOf"] = [each for each in made["allOf"] if each]
            if not made["allOf"]:
                del made["allOf"]
            elif len(made) == 1 and len(made["allOf"]) == 1:
                made.update(made.pop("allOf")[0])
        if "required" in made and "properties" in made and "allOf" not in made:
            made["required"] = [each for each in made["required"] if each in made["properties"]]
            if not made["required"]:
                del made["required"]

    @staticmethod
    def with_null(made):
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
            if "enum" in made and None not in made["enum"]:
                made["enum"] = [*made["enum"], None]
            return made
        return {"anyOf": [made, {"type": "null"}]} if made else made

    def operation(self, method, path):
        where = f"{method} {path}"
        paths = self.load(FILE)["paths"]
        if method.lower() not in paths.get(BASE + path, {}):
            raise Refused(f"{where} is not in the description")
        node, file = self.follow(paths[BASE + path][method.lower()], FILE)
        made = {"id": node["operationId"], "method": method, "path": path}
        for each in [*paths[BASE + path].get("parameters", []), *node.get("parameters", [])]:
            self.parameter(made, each, file, where)
        if "requestBody" in node:
            body, body_file = self.follow(node["requestBody"], file)
            made["body"] = self.json_of(body, body_file, "request", where)
            # the description leaves 'required' out nearly everywhere, by which it means yes
            made["body_required"] = body.get("required", True)
        made["replies"] = {
            str(status): self.reply(each, file, where)
            for status, each in node["responses"].items() if str(status).startswith("2")}
        if not made["replies"]:
            raise Refused(f"{where} has no reply")
        errors = {str(status): self.reply(each, file, where)
                  for status, each in node["responses"].items() if str(status)[0] in "45"}
        usual = self.error()
        made["errors"] = {status: each for status, each in errors.items() if each != usual}
        return made

    def parameter(self, made, node, file, where):
        node, file = self.follow(node, file)
        if node["in"] == "header":
            return
        if node["in"] not in ("query", "path") or set(node) & {"style", "explode", "content"}:
            raise Refused(f"{where}: the parameter {node}")
        kind = "query" if node["in"] == "query" else "path_parameters"
        made.setdefault(kind, {})[node["name"]] = {
            "required": bool(node.get("required")),
            "schema": self.schema(node["schema"], file, "request")}

    def json_of(self, node, file, way, where):
        if set(node["content"]) != {"application/json"}:
            raise Refused(f"{where} holds {sorted(node['content'])}")
        return self.schema(node["content"]["application/json"]["schema"], file, way)

    def reply(self, node, file, where):
        node, file = self.follow(node, file)
        if "content" not in node:
            return None
        made = self.json_of(node, file, "reply", where)
        if len(made.get("properties", {})) == 1:
            made["required"] = list(made["properties"])
        return made

    def error(self):
        node, file = self.follow({"$ref": "shared/responses/unauthorized.yml"}, FILE)
        return self.json_of(node, file, "reply", "an error")


def derive(read):
    description = Description(read)
    return [description.operation(*each) for each in OPERATIONS], description.error()
