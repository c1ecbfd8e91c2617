# The common functions of the scripts in this folder; `source` it from the root of the repository.
#
# configure FOLDER writes the configuration of a measured gateway: a listener that verifies
# a signed GitHub push, three rules, and a key for deduplication. It exports BODY and DIGEST for
# `load.lua`.

SECRET="It's a Secret to Everybody"
URL=http://127.0.0.1:8090/webhooks/v1/listeners/11111111-1111-4111-8111-111111111111/notify

configure() {
  export BODY=$PWD/benches/gateway/body.json
  DIGEST=$(openssl dgst -sha256 -hmac "$SECRET" -r <"$BODY" | cut -d' ' -f1)
  export DIGEST
  mkdir "$1/listeners"
  printf '%s' "$SECRET" >"$1/secret"
  cat >"$1/hookgate.toml" <<'TOML'
public_url = "http://127.0.0.1:8090"
[server]
listen = "127.0.0.1:8090"
management = "127.0.0.1:8091"
[log]
level = "error"
TOML
  cat >"$1/listeners/github.toml" <<'TOML'
id = "11111111-1111-4111-8111-111111111111"
name = "load"
tenant = "acme"
provider = "github"
[secrets]
GITHUB = { file = "secret" }
[rate_limit]
requests = 1000000
burst = 1000000
[[verify]]
name = "event"
rule = 'headers["x-github-event"] == "push"'
[[verify]]
name = "branch"
rule = '$MATCH(parsed_body.ref, "^refs/")'
[[verify]]
name = "repository"
rule = 'parsed_body.repository.name == "Hello-World"'
[deduplicate]
keys = ['headers["x-github-delivery"]']
signature = false
TOML
}

# For awk: milliseconds from any unit of wrk, and the median of a list.
AWK_FUNCTIONS='
  function ms(t) { return t ~ /us$/ ? t / 1000 : t ~ /ms$/ ? t + 0 : t * 1000 }
  function middle(list, n,   i, j, t) {
    for (i = 2; i <= n; i++)
      for (j = i; j > 1 && list[j] < list[j - 1]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
  }'
