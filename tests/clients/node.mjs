// The documented request with fetch: URL and key are the arguments.
const [url, key] = process.argv.slice(2);
const response = await fetch(url, {
  method: 'POST',
  headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
  body: JSON.stringify({
    event_type: 'incident.created',
    data: { incident_id: 'INC0000003', priority: 'High', short_description: 'Email server is down.' },
  }),
});
if (!response.ok) process.exit(1);
console.log(JSON.stringify(await response.json()));
