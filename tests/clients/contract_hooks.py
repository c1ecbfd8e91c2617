"""Hooks for Schemathesis: destination URLs that the gateway takes.

The pattern in the description matches more than the gateway takes, so a URL that is made from it is
nearly always refused, and no call would create a webhook.
"""

import re

import schemathesis


def properties_of(schema, root, seen=()):
    """Yields the names and schemas of the properties in a schema, at any depth."""
    if isinstance(schema, list):
        for item in schema:
            yield from properties_of(item, root, seen)
        return
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        target = root
        for part in reference.removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        yield from properties_of(target, root, (*seen, reference))
    for name, item in schema.items():
        if name == "properties" and isinstance(item, dict):
            yield from item.items()
        yield from properties_of(item, root, seen)


def url_schemas(root):
    """The schemas of the properties that hold the URL of a destination."""
    found = (schema for name, schema in properties_of(root, root) if name in ("url", "uri"))
    return [schema for schema in found if isinstance(schema, dict) and "pattern" in schema]


def with_urls(value, schemas):
    if isinstance(value, list):
        return [with_urls(item, schemas) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: url_of(item, schemas) if name in ("url", "uri") else with_urls(item, schemas)
        for name, item in value.items()
    }


def url_of(value, schemas):
    """Keeps what the description does not allow: such a call has to be refused."""
    is_allowed = isinstance(value, str) and all(is_valid(value, schema) for schema in schemas)
    return f"https://receiver.invalid:18443/{len(value)}?a=%20b" if is_allowed else value


def is_valid(value, schema):
    length = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
    # `$` of Python matches before a last line feed, and the one of JSON Schema does not.
    return length and re.search(schema["pattern"].removesuffix("$") + r"\Z", value) is not None


@schemathesis.hook
def map_body(context, body):
    root = context.operation.schema.raw_schema
    schemas = url_schemas(root)
    if not schemas:
        raise AssertionError("the description has no pattern of destination URLs")
    return with_urls(body, schemas)
