//! A gateway with a listener that accepts any request, a tenant, and an API key.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::running::{Answer, Folder, Gateway, LISTENER};

/// A gateway that delivers events.
pub(crate) struct Subscribed {
    pub(crate) folder: Folder,
    pub(crate) key: String,
}

/// Private addresses that tests deliver to.
const ALLOW: &str = "allow = [\"127.0.0.0/8\"]\nconnect_timeout = \"1s\"\ntimeout = \"1s\"\n";

impl Subscribed {
    pub(crate) fn new(delivery: &str) -> Self {
        let folder = Folder::with_listener("");
        folder.settings(&format!("[delivery]\n{ALLOW}{delivery}"));
        folder.write(
            "listeners/open.toml",
            &format!(
                "id = \"{LISTENER}\"\nname = \"Open\"\ntenant = \"acme\"\n\n[rate_limit]\n\
                 requests = 100000\nburst = 100000\n\n[event]\ntype = 'parsed_body.type'\n\
                 types = [\"thing.made\", \"thing.gone\"]\n"
            ),
        );
        std::fs::remove_file(folder.path().join("listeners/github.toml")).unwrap();
        folder.stdout_of(&["tenants", "create", "acme"]);
        let key = folder.stdout_of(&["keys", "create", "--tenant", "acme", "--scope", "admin"]);
        Self { folder, key: key.trim().to_owned() }
    }

    /// Creates a key with fewer scopes, or of another tenant.
    pub(crate) fn other_key(&self, tenant: &str, scope: &str) -> String {
        let arguments = ["keys", "create", "--tenant", tenant, "--scope", scope];
        self.folder.stdout_of(&arguments).trim().to_owned()
    }

    pub(crate) fn serve(&self) -> Gateway {
        self.folder.serve()
    }
}

impl Gateway {
    /// Calls the management API.
    pub(crate) fn call(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let authorization = format!("Bearer {key}");
        let headers =
            [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        super::running::exchange(self.management, method, path, &headers, body.as_bytes())
    }

    /// The same, for a successful JSON response.
    pub(crate) fn call_ok(&self, key: &str, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.call(key, method, path, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Posts an event of a type, which is accepted.
    pub(crate) fn post_event(&self, kind: &str, id: &str) {
        let body = json!({ "type": kind, "id": id }).to_string();
        let answer = self.post(&[("Content-Type", "application/json")], body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Creates a Socotra webhook for `thing.made`, with additional members.
    pub(crate) fn subscribe(&self, key: &str, url: &str, handling: &Value) -> String {
        let form = json!({
            "name": "test", "enabled": true, "endpoint": { "url": url },
            "failureHandling": handling, "eventTypes": ["thing.made"],
        });
        let created = self.call_ok(key, "POST", "/event/acme/webhooks", &form);
        created["locator"].as_str().unwrap().to_owned()
    }

    /// Polls the API until the response fulfils a condition.
    pub(crate) fn wait_until(
        &self,
        key: &str,
        path: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        let until = Instant::now() + Duration::from_secs(15);
        loop {
            let answer = self.call_ok(key, "GET", path, &Value::Null);
            if holds(&answer) {
                return answer;
            }
            assert!(Instant::now() < until, "{path} is still {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
