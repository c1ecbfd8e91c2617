"""Hooks for Schemathesis: destination URLs that the gateway takes.

The pattern in the description matches more than the gateway takes, so a URL that is made from it is
nearly always refused, and no call would create a webhook.
"""

import re

import schemathesis

URL = re.compile(r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#@\\]+([/?#][^\s\\]*)?$")


def with_urls(value):
    if isinstance(value, list):
        return [with_urls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: url_of(item) if name in ("url", "uri") else with_urls(item) for name, item in value.items()}


def url_of(value):
    """Keeps what the description does not allow: such a call has to be refused."""
    is_allowed = isinstance(value, str) and len(value) <= 2048 and URL.search(value)
    return f"https://receiver.invalid:18443/{len(value)}?a=%20b" if is_allowed else value


@schemathesis.hook
def map_body(context, body):
    return with_urls(body)
