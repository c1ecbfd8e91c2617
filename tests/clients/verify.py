"""Verifies a delivery with the official package of Standard Webhooks; reads it from standard input."""

import json
import sys

from standardwebhooks.webhooks import Webhook

delivery = json.load(sys.stdin)
Webhook(delivery["secret"]).verify(delivery["body"], delivery["headers"])
