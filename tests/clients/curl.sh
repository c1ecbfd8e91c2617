#!/bin/sh
# The documented request with curl: URL and key are the arguments.
curl -sS -X POST "$1" \
  -H "Authorization: Bearer $2" \
  -H "Content-Type: application/json" \
  -d '{
"event_type": "incident.created",
"data": {
"incident_id": "INC0000001",
"priority": "High",
"short_description": "Email server is down."
}
}'
