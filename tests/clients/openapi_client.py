"""Calls to a gateway with the client that openapi-python-client generates from its description."""

import importlib
import os
import pkgutil
import sys

sys.path.insert(0, os.getcwd())
import hookgate_client
from hookgate_client import AuthenticatedClient
from hookgate_client.api.awork import get_webhook, post_webhook, put_webhook
from hookgate_client.api.socotra import (
    create_webhook,
    fetch_multiple_events,
    fetch_webhook,
    fetch_webhooks,
    update_webhook,
)
from hookgate_client.models import (
    CreateEndpointRequest,
    CreateWebhookRequest,
    UpdateWebhookRequest,
    WebhookConfigForm,
)
from hookgate_client.models.authentication_type import AuthenticationType

modules = [found.name for found in pkgutil.walk_packages(hookgate_client.__path__, "hookgate_client.")]
for name in modules:
    importlib.import_module(name)
assert len(modules) > 50, modules

client = AuthenticatedClient(
    base_url=os.environ["MANAGEMENT"], token=os.environ["KEY"], raise_on_unexpected_status=True
)

# Socotra's API: the smallest form, and what was read is sent back.
endpoint = CreateEndpointRequest(url="https://bücher.example:18443/a%20b?c=d")
form = CreateWebhookRequest(name="n", endpoint=endpoint)
created = create_webhook.sync("acme", client=client, body=form)
assert created.endpoint.secret.startswith("whsec_"), created
read = fetch_webhook.sync("acme", created.locator, client=client)
update = UpdateWebhookRequest.from_dict(read.to_dict())
assert update_webhook.sync("acme", created.locator, client=client, body=update) == read
assert fetch_webhooks.sync("acme", client=client) == [read]
refused = CreateWebhookRequest(name="n", endpoint=CreateEndpointRequest(url="http://0x7f.1/"))
error = create_webhook.sync("acme", client=client, body=refused)
assert error.error.details[0].property_ == "endpoint.url", error

# The data of an event is any JSON.
events = fetch_multiple_events.sync("acme", client=client).events
assert [event.data for event in events] == [{"type": "thing.made", "id": 1}], events

# awork's API.
form = WebhookConfigForm(
    name="n",
    uri="https://receiver.example.com:65535/",
    events="task_added,thing.made",
    is_active=True,
    authentication_type=AuthenticationType.HEADER,
    authentication="Authorization=Bearer abc",
)
created = post_webhook.sync(client=client, body=form)
read = get_webhook.sync(str(created.id), client=client)
assert read == created
form = WebhookConfigForm.from_dict(read.to_dict())
assert put_webhook.sync(str(created.id), client=client, body=form) == read
client.get_httpx_client().close()
print(f"{len(modules)} modules imported; calls of both APIs made")
