# A gateway with one open listener and an event, for the scripts of this folder, which source this
# file from the root of the repository. Sets `hookgate`, `folder`, `key`, `gateway` (the process),
# `senders` and `management` (the addresses). The gateway ends with the script.
hookgate=${HOOKGATE:-$PWD/target/debug/hookgate}
folder=$(mktemp -d)
gateway=
trap '[ -z "$gateway" ] || kill "$gateway"; rm -rf "$folder"' EXIT
mkdir "$folder/listeners"
cat > "$folder/hookgate.toml" <<'TOML'
public_url = "https://hooks.hookgate.test"

[server]
listen = "127.0.0.1:0"
management = "127.0.0.1:0"
TOML
cat > "$folder/listeners/open.toml" <<'TOML'
id = "5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10"
name = "Open"
tenant = "acme"

[rate_limit]
requests = 100000
burst = 100000

[event]
type = 'parsed_body.type'
types = ["thing.made"]
TOML

"$hookgate" tenants create acme -C "$folder" 2>/dev/null
key=$("$hookgate" keys create --tenant acme --scope admin -C "$folder" 2>/dev/null)
"$hookgate" serve -C "$folder" > "$folder/log" 2>&1 &
gateway=$!
for _ in $(seq 100); do
  grep -q "^listening" "$folder/log" && break
  sleep 0.1
done
management=$(sed -n 's/^listening.* for management at \([0-9.:]*\).*/\1/p' "$folder/log")
senders=$(sed -n 's/^listening for senders at \([0-9.:]*\).*/\1/p' "$folder/log")
curl -sf -o /dev/null "http://$senders/webhooks/v1/listeners/5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10/notify" \
  -H "Content-Type: application/json" -d '{"type":"thing.made","id":1}'
