//! Terminal output: text of senders, tenants and authors neither controls the terminal nor forges a
//! line, in any command.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::running::{Folder, program};
use super::subscribed::Subscribed;

/// Renames the window, changes the text direction, ends the line.
const HOSTILE: &str =
    "n\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{2028}\r\nforged line";

/// Returns true if a terminal does not simply display a character.
fn controls_terminal(letter: char) -> bool {
    let bidi = "\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\
        \u{202d}\u{202e}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}";
    (letter.is_control() && letter != '\n' && letter != '\t') || bidi.contains(letter)
}

fn assert_harmless(what: &str, text: &str) {
    let found: BTreeSet<char> = text.chars().filter(|letter| controls_terminal(*letter)).collect();
    assert!(found.is_empty(), "{what} prints {found:?}: {text:?}");
    let forged = text.lines().any(|line| line.trim_start().starts_with("forged line"));
    assert!(!forged, "{what} prints a forged line: {text}");
}

fn printed(output: &Output) -> String {
    let (out, err) = (output.stdout.as_slice(), output.stderr.as_slice());
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

/// A gateway with hostile names, and the input of other commands.
struct Hostile {
    subscribed: Subscribed,
    locator: String,
    request: String,
    delivery: String,
}

impl Hostile {
    fn new() -> Self {
        let subscribed = Subscribed::new("");
        let folder = &subscribed.folder;
        let file = folder.path().join("listeners/open.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let name = format!("name = {}", toml_text(HOSTILE));
        let rule = "[filter]\ndrop_when = '$INTEGER(parsed_body.number) == 1'\n";
        std::fs::write(&file, text.replace("name = \"Open\"", &name) + rule).unwrap();
        folder.stdout_of(&["tenants", "create", "hostile", "--name", HOSTILE]);
        folder.stdout_of(&["keys", "create", "--tenant", "hostile", "--label", HOSTILE]);
        let gateway = subscribed.serve();
        let form = json!({
            "name": HOSTILE, "enabled": true, "endpoint": { "url": "http://127.0.0.1:9/" },
            "eventTypes": [HOSTILE, "thing.made"],
            "failureHandling": { "divert": true, "triggers": ["timeout"] },
        });
        let created = gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
        for (kind, number) in [(HOSTILE, "0"), ("thing.made", "0"), ("other", HOSTILE)] {
            let body = json!({ "type": kind, "number": number, HOSTILE: HOSTILE }).to_string();
            let headers = [("Content-Type", "application/json"), ("X-A", "\u{9b}31m")];
            gateway.post(&headers, body.as_bytes());
        }
        let metrics = gateway.get_management("/metrics");
        assert_harmless("/metrics", metrics.text());
        assert!(metrics.text().contains("forged line"), "{}", metrics.text());
        super::faults::wait_until("no delivery was exhausted", || {
            folder.stdout_of(&["diverted", "list"]).contains("timeout")
        });
        let log = gateway.wait_for_log("request=");
        assert_harmless("the log", &log);
        assert!(log.contains("forged line"), "{log}");
        assert!(gateway.stop().success());
        let first = |kind: &str| {
            let list = folder.stdout_of(&[kind, "list", "--format", "json"]);
            let list: Value = serde_json::from_str(&list).unwrap();
            list[0]["id"].to_string().trim_matches('"').to_owned()
        };
        let (request, delivery) = (first("requests"), first("deliveries"));
        let locator = created["locator"].as_str().unwrap().to_owned();
        Self { subscribed, locator, request, delivery }
    }

    fn folder(&self) -> &Folder {
        &self.subscribed.folder
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = program();
        command.current_dir(self.folder().path()).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads no input may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }
}

/// Returns a text as a basic string of TOML.
fn toml_text(text: &str) -> String {
    let letters = text.chars().map(|letter| match letter {
        '"' | '\\' => format!("\\{letter}"),
        letter if controls_terminal(letter) || letter == '\n' => {
            format!("\\U{:08X}", u32::from(letter))
        }
        letter => letter.to_string(),
    });
    format!("\"{}\"", letters.collect::<String>())
}

/// Returns the commands that `--help` lists.
fn commands() -> BTreeSet<String> {
    let help = program().arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Rules:");
    let listed = listed.take_while(|line| *line != "Options:");
    let listed = listed.filter(|line| line.starts_with("  "));
    let names = listed
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(ToOwned::to_owned));
    names.filter(|name| name != "help").collect()
}

#[test]
fn no_command_prints_terminal_control_characters_or_forged_lines() {
    let hostile = Hostile::new();
    let folder = hostile.folder();
    let context = json!({ "a": HOSTILE, "b": { HOSTILE: 1 } }).to_string();
    folder.write("context.json", &context);
    folder.write(HOSTILE, "a == \"\u{9b}31m\u{202e}\" AND )\r");
    folder.write("wrong.rule", "\"\u{1b}[2J\u{9b}31m\u{202e}\u{200b}\" + nothing(");
    let faulty = format!("id = 1\nname = {}\n\"{}\" = 1\n", toml_text(HOSTILE), "\u{202e}\u{9b}");
    folder.write("other/listeners/a.toml", &faulty);
    folder.write("other/hookgate.toml", "public_url = \"https://a.example\"\n");
    folder.write(
        "tests/a.test.toml",
        &format!(
            "listener = \"../listeners/open.toml\"\n[[test]]\nname = {0}\nbody = {0}\n\
             expect = \"filtered\"\n",
            toml_text(HOSTILE)
        ),
    );
    let Hostile { locator, request, delivery, .. } = &hostile;
    let header = format!("X-A: {HOSTILE}");
    let tokens = ["compile", "--emit", "tokens", "\"\u{9b}31m\u{202e}\" == a"];
    // Each command, with arguments for which it prints text of others.
    let table: &[&[&str]] = &[
        &["eval", "a", "-c", "context.json"],
        &["eval", "b", "-c", "context.json"],
        &["eval", "$INTEGER(a)", "-c", "context.json"],
        &["check", HOSTILE],
        &["check", HOSTILE, "--format", "json"],
        &["check", "wrong.rule"],
        &["check", "other"],
        &["check", "-e", HOSTILE],
        &["check", "missing\u{1b}[2J"],
        &["explain", "a == \"x\" OR b == 1", "-c", "context.json"],
        &["explain", "a == \"x\"", "-c", "context.json", "--format", "json"],
        &["fmt", "--check", HOSTILE],
        &["compile", HOSTILE],
        &tokens,
        &["compile", "--emit", "ast", "\"\u{9b}31m\u{202e}\" == a"],
        &["compile", "\"\u{9b}31m\u{202e}\" == a"],
        &["functions", HOSTILE],
        &["explain-code", HOSTILE],
        &["schema", HOSTILE],
        &["repl", "--history", "history", "-c", "context.json"],
        &["serve", "-C", "other"],
        &["init", HOSTILE],
        &["test", "tests/a.test.toml", "--junit", "report.xml"],
        &["test", "tests/a.test.toml", "--format", "json"],
        &["test", HOSTILE],
        &["send", HOSTILE, "--body", "context.json"],
        &[
            "send",
            "5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10",
            "--body",
            "context.json",
            "--header",
            &header,
            "--dry-run",
        ],
        &["requests", "list"],
        &["requests", "list", "--format", "json"],
        &["requests", "show", request],
        &["requests", "show", HOSTILE],
        &["replay"],
        &["replay", "--format", "json"],
        &["subscriptions", "list"],
        &["subscriptions", "list", "--format", "json"],
        &["subscriptions", "show", locator],
        &["subscriptions", "show", HOSTILE],
        &["deliveries", "list"],
        &["deliveries", "list", "--state", HOSTILE],
        &["deliveries", "show", delivery],
        &["diverted", "list"],
        &["diverted", "resend", HOSTILE],
        &["keys", "list"],
        &["keys", "list", "--format", "json"],
        &["keys", "create", "--tenant", HOSTILE],
        &["keys", "rotate-encryption"],
        &["keys", "--unknown\u{1b}[2J"],
        &["tenants", "list"],
        &["tenants", "list", "--format", "json"],
        &["tenants", "create", HOSTILE],
        &["backup", HOSTILE],
        &[HOSTILE],
    ];
    for arguments in table {
        let output = hostile.run(arguments, "a\nb\n:nothing\u{1b}[2J\n");
        let printed = printed(&output);
        assert!(!printed.is_empty() || output.status.success(), "{arguments:?}");
        assert_harmless(&format!("{arguments:?}"), &printed);
        if arguments.contains(&"json") && output.status.success() {
            serde_json::from_slice::<Value>(&output.stdout).unwrap();
        }
    }
    let tried: BTreeSet<String> = table.iter().map(|arguments| arguments[0].to_owned()).collect();
    let missing: Vec<String> = commands().difference(&tried).cloned().collect();
    assert!(missing.is_empty() && commands().len() > 15, "not tried: {missing:?}");
    let report = std::fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert_harmless("the report", &report);
    assert!(report.contains("forged line"), "{report}");
    // The escaped text is still printed.
    let shown = printed(&hostile.run(&["subscriptions", "list"], ""));
    assert!(shown.contains("\\u001b]0;owned\\u0007\\u009b31m\\u202e"), "{shown}");
}

#[test]
fn redaction_hides_a_secret_configured_after_the_request_was_stored() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    let body = br#"{"action":"opened","a":"later\/secret-of-github","b":"bGF0ZXIvc2VjcmV0LW9mLWdpdGh1Yg"}"#;
    let headers = super::running::signed(body, "1");
    assert_eq!(gateway.post(&super::running::borrowed(&headers), body).status, 200);
    assert!(gateway.stop().success());
    let list = folder.stdout_of(&["requests", "list", "--format", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let id = list[0]["id"].as_str().unwrap();
    assert!(folder.stdout_of(&["requests", "show", id]).contains("secret-of-github"));
    folder.write("secrets/later", "later/secret-of-github\n");
    let file = folder.path().join("listeners/github.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("[secrets]\n", "[secrets]\nLATER = { file = \"secrets/later\" }\n");
    std::fs::write(file, text).unwrap();
    let shown = folder.stdout_of(&["requests", "show", id]);
    assert!(!shown.contains("secret-of-github") && !shown.contains("bGF0ZXIv"), "{shown}");
    assert!(shown.contains("<redacted>") && shown.contains("opened"), "{shown}");
}
