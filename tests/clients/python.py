"""The documented request with Python: URL and key are the arguments.

With the package `requests` where it is there, else with the standard library.
"""

import json
import sys

url, key = sys.argv[1:3]
payload = {
    "event_type": "incident.created",
    "data": {"incident_id": "INC0000002", "priority": "High", "short_description": "Email server is down."},
}
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
try:
    import requests
except ImportError:
    import urllib.request

    body = json.dumps(payload).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers)) as answer:
        print(answer.read().decode())
else:
    response = requests.post(url, json=payload, headers=headers)
    response.raise_for_status()
    print(json.dumps(response.json()))
