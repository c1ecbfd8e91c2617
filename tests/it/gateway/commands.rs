//! Conventions of the commands of the gateway: `-C`, exit codes, files that they create.

use std::process::Output;

use super::running::{Folder, borrowed, program, signed};
use super::subscribed::Subscribed;

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the names of the files in a folder.
fn names(folder: &Folder) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn read_only_commands_create_no_files() {
    let folder = Folder::with_listener("");
    let before = names(&folder);
    for command in [
        ["requests", "list"].as_slice(),
        &["requests", "show", "01a22e44-fc5d-7652-b6fd-72ba50e71ba3"],
        &["deliveries", "list"],
        &["subscriptions", "list"],
        &["diverted", "list"],
        &["keys", "list"],
        &["tenants", "list"],
        &["replay"],
        &["backup", "copy.db"],
        &["check"],
    ] {
        let output = folder.command(command);
        if command != ["check"] {
            assert_eq!(output.status.code(), Some(2), "{command:?}: {}", stderr(&output));
            let report = stderr(&output);
            assert!(report.contains("there is no store"), "{command:?}: {report}");
        }
        assert_eq!(names(&folder), before, "{command:?}");
    }
    folder.stdout_of(&["tenants", "create", "acme"]);
    assert!(folder.stdout_of(&["tenants", "list"]).contains("acme"));
}

#[test]
fn check_accepts_the_folder_option_of_every_other_command() {
    let folder = Folder::with_listener("");
    let output = folder.command(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("2 sources checked"), "{}", stderr(&output));
    folder.write("listeners/other.toml", "id = 3\n");
    assert_eq!(folder.command(&["check"]).status.code(), Some(1));
}

/// Commands with a mistake, and the text in their message that names the right form.
const MISTAKES: &[(&[&str], &str)] = &[
    (&["requests", "list", "--outcome", "acepted"], "did you mean `accepted`?"),
    (&["requests", "list", "--outcome", "x"], "accepted, challenged"),
    (&["requests", "list", "--listener", "nosuch"], "the known ones are GitHub"),
    (&["requests", "list", "--limit", "abc"], "a whole number, such as `50`"),
    (&["requests", "list", "--since", "2"], "`2d` for days"),
    (&["requests", "list", "--until", "yesterday"], "`24h`"),
    (&["requests", "show", "abc"], "`abc` is no id: a UUID or a ULID"),
    (&["requests", "list", "GitHub"], "write `--listener`"),
    (&["replay", "--limit", "many"], "a whole number, such as `50`"),
    (&["send", "github", "--body", "b.json"], "did you mean `GitHub`?"),
    (&["send", "GitHub", "--body", "b.json", "--to", "127.0.0.1:1"], "write `http://127.0.0.1:1`"),
    (&["send", "GitHub", "b.json"], "`hookgate send LISTENER --body FILE`"),
    (&["send", "GitHub", "--body", "b.json", "--now", "noon"], "`2025-08-17T12:30:00Z`"),
    (&["keys", "create", "acme"], "`hookgate keys create --tenant TENANT`"),
    (&["keys", "create", "--tenant", "acm"], "did you mean `acme`?"),
    (&["keys", "create", "--tenant", "x"], "`hookgate tenants create x` creates it"),
    (&["keys", "create", "--tenant", "acme", "--listener", "githb"], "did you mean `GitHub`?"),
    (&["keys", "create", "--tenant", "acme", "--expires-in", "90"], "`90d` for days"),
    (&["keys", "create", "--tenant", "acme", "--expires-in", "90x"], "`90d`"),
    (&["keys", "create", "--tenant", "acme", "--expires-in", "2 weeks"], "write `14d`"),
    (&["keys", "create", "--tenant", "acme", "--scope", "snd"], "did you mean `send`?"),
    (&["keys", "list", "--tenant", "acm"], "did you mean `acme`?"),
    (&["keys", "revoke", "abc"], "between its first two underscores"),
    (&["subscriptions", "list", "--tenant", "acm"], "did you mean `acme`?"),
    (&["subscriptions", "show", "foo"], "`foo` is no id: a UUID or a ULID"),
    (&["deliveries", "show", "abc"], "such as `12`"),
    (&["deliveries", "resend", "0"], "such as `12`"),
    (&["deliveries", "list", "--limit", "ten"], "such as `50`"),
    (&["deliveries", "list", "--state", "delivred"], "did you mean `delivered`?"),
    (&["deliveries", "list", "--subscription", "foo"], "`hookgate subscriptions list`"),
    (&["diverted", "resend", "foo"], "`hookgate subscriptions list`"),
    (
        &["diverted", "list", "--subscription", "01a22e44-fc5d-7652-b6fd-72ba50e71ba3"],
        "no subscription",
    ),
    (&["tenants", "create", "ac me"], "letters, digits, `-` and `_`"),
    (&["init", "github", "--tenant", "ac me"], "letters, digits, `-` and `_`"),
    (&["init", "githb"], "did you mean `github`?"),
    (&["backup", "nofolder/copy.db"], "there is no folder `nofolder`"),
    (&["backup", "-"], "not standard output"),
    (&["test", "--only", "nosuch"], "no `*.test.toml`"),
    (&["serve", "folder"], "`hookgate serve -C FOLDER`"),
];

#[test]
fn usage_errors_name_the_correct_form() {
    let folder = Folder::with_listener("");
    folder.stdout_of(&["tenants", "create", "acme"]);
    for (command, form) in MISTAKES {
        let output = folder.command(command);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {message}");
        assert!(message.contains(form), "{command:?}: {message}");
        for rust in ["invalid digit", "parse", "os error", "Err("] {
            assert!(!message.contains(rust), "{command:?}: {message}");
        }
    }
}

/// Arguments that do not fit, without a folder, and the text of the tip.
const TIPS: &[(&[&str], &str)] = &[
    (&["-C", "folder", "serve"], "`-C` stands after the command"),
    (&["eval", "1", "+", "1"], "quote the whole expression"),
    (&["eval", "-e", "1"], "write no `-e` before it"),
    (&["check", "-e", "1", "--allow", "W0610x"], "did you mean `W0610`?"),
    (&["check", "examples/rules"], "`hookgate check examples/rules/*.rule`"),
    (&["check", "examples/gateway/listeners"], "`hookgate check examples/gateway`"),
    (&["explain-code", "E9999"], "`hookgate explain-code` lists all codes"),
];

#[test]
fn misplaced_argument_gets_a_tip() {
    for (arguments, tip) in TIPS {
        let output = program().args(*arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(tip), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn revoking_a_key_twice_is_reported_without_its_secret() {
    let folder = Folder::with_listener("");
    folder.stdout_of(&["tenants", "create", "acme"]);
    let key = folder.stdout_of(&["keys", "create", "--tenant", "acme"]);
    let key = key.trim();
    let secret = key.splitn(3, '_').nth(2).unwrap();
    let message = stderr(&folder.command(&["keys", "revoke", secret]));
    assert!(message.contains("this is the id of no key"), "{message}");
    assert!(!message.contains(secret), "{message}");
    // Secrets are base64url, so they can begin with any of its characters.
    for secret in ["_4ad1", "ab_cdefghijklmnopqrst", "-4adefghijklmnopqrstu", "0123456789abcdef0"] {
        let message = stderr(&folder.command(&["keys", "revoke", secret]));
        assert!(message.contains("this is the id of no key"), "{secret}: {message}");
    }
    folder.stdout_of(&["keys", "revoke", key]);
    let message = stderr(&folder.command(&["keys", "revoke", key]));
    assert!(message.contains("was revoked before, at 20"), "{message}");
    assert!(!message.contains(secret), "{message}");
}

/// A listener without secrets.
fn open_listener(id: &str, name: &str) -> String {
    format!(
        "id = \"{id}\"\nname = \"{name}\"\ntenant = \"acme\"\n\n[[verify]]\nname = \"local\"\n\
         addresses = [\"127.0.0.1\"]\n"
    )
}

#[test]
fn ambiguous_listener_name_is_refused_with_the_ids() {
    let folder = Folder::with_listener("");
    folder.stdout_of(&["tenants", "create", "acme"]);
    let ids = ["0d4a1d42-2d63-4a5c-9a1f-3d0c5f6f7a12", "0d4a1d42-2d63-4a5c-9a1f-3d0c5f6f7a13"];
    for id in ids {
        folder.write(&format!("listeners/{id}.toml"), &open_listener(id, "Shop"));
    }
    let message = stderr(&folder.command(&["check"]));
    assert!(message.contains("W0610") && message.contains("has the name `Shop` too"), "{message}");
    folder.write("body.json", "{}");
    let body = folder.path().join("body.json");
    let body = body.to_str().unwrap();
    for command in [
        ["send", "Shop", "--body", body, "--dry-run"].as_slice(),
        &["keys", "create", "--tenant", "acme", "--listener", "Shop"],
        &["requests", "list", "--listener", "Shop"],
    ] {
        let output = folder.command(command);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(ids.iter().all(|id| stderr(&output).contains(id)), "{}", stderr(&output));
    }
    folder.stdout_of(&["send", ids[0], "--body", body, "--dry-run"]);
}

/// Lines of a `hookgate.toml` with a key in the wrong table or a value in the wrong form, and the help.
const MISPLACED: &[(&str, &str)] = &[
    ("listen = \"127.0.0.1:0\"", "`listen` is a key of `[server]`"),
    ("[server]\nconnections = 10", "`connections` is a key of `[limits]`"),
    ("[limits]\nin_flight = 10", "`in_flight` is a key of `[delivery]`"),
    ("[limits]\nbody = 0", "not 0"),
    ("[limits]\nbody = -5", "not -5"),
    ("[delivery]\nca = \"a.pem\"", "did you mean `ca_file`?"),
    ("[retention]\ndead = \"1d\"", "did you mean `dead_letters`, `dead_letter_rows`"),
    ("[retention]\nevents = \"14 days\"", "write `14d`"),
    ("[sink]\nname = \"a\"", "write `[[sink]]`"),
    ("[secrets]\nA = { env = \"A\" }", "`secrets` is a key of a listener, `listeners/NAME.toml`"),
    ("[server]\ntrusted_proxies = \"10.0.0.1\"", "write it in brackets"),
    ("server = \"127.0.0.1\"", "write `[server]`"),
];

#[test]
fn misplaced_gateway_key_is_reported_with_its_table() {
    let folder = Folder::with_listener("");
    for (lines, help) in MISPLACED {
        folder.write(
            "hookgate.toml",
            &format!("public_url = \"https://hooks.example.com\"\n{lines}\n"),
        );
        let output = folder.command(&["check"]);
        assert_eq!(output.status.code(), Some(1), "{lines}: {}", stderr(&output));
        assert!(stderr(&output).contains(help), "{lines}: {}", stderr(&output));
    }
}

/// Lines below `[server]` of a `hookgate.toml`, and the texts of the diagnostics that `check` gives
/// and with which `serve` refuses to start.
const BROKEN_SETTINGS: &[(&str, &[&str])] = &[
    (
        "tls = { certificate = \"nofile\", key = \"empty\" }\n",
        &["E0607", "cannot read `nofile`", "hookgate.toml:6:", "`empty` has no private key"],
    ),
    ("tls = { certificate = \"empty\", key = \"empty\" }\n", &["`empty` has no certificate"]),
    ("[delivery]\nca_file = \"nofile\"\n", &["E0607", "cannot read `nofile`", "hookgate.toml:7:"]),
    ("[delivery]\nca_file = \"empty\"\n", &["E0607", "`empty` has no certificate"]),
    ("[tenants.\"ac me\"]\n", &["E0605", "letters, digits, `-` and `_`"]),
];

#[test]
fn check_reports_settings_that_prevent_the_start() {
    let folder = Folder::with_listener("");
    folder.write("empty", "");
    for (settings, texts) in BROKEN_SETTINGS {
        folder.settings(settings);
        for (command, code) in [("check", 1), ("serve", 1)] {
            let output = folder.command(&[command]);
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(code), "{settings}: {message}");
            assert!(texts.iter().all(|text| message.contains(text)), "{settings}: {message}");
        }
    }
    // The other commands do not need the files.
    folder.settings(BROKEN_SETTINGS[0].0);
    folder.stdout_of(&["tenants", "create", "acme"]);
}

#[test]
fn missing_store_folder_is_reported_with_its_setting() {
    let folder = Folder::with_listener("");
    folder.settings("[store]\npath = \"nofolder/store.db\"\n");
    for command in [["serve"].as_slice(), &["tenants", "create", "acme"]] {
        let output = folder.command(command);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("nofolder` for the store (`store.path`"), "{message}");
    }
}

#[test]
fn check_reports_colliding_addresses() {
    let folder = Folder::with_listener("");
    let both = |listen: &str, management: &str| {
        format!(
            "public_url = \"https://hooks.example.com\"\n[server]\nlisten = \"{listen}\"\n\
             management = \"{management}\"\n"
        )
    };
    for (listen, management, collide) in [
        ("127.0.0.1:9000", "127.0.0.1:9000", true),
        ("0.0.0.0:9000", "127.0.0.1:9000", true),
        ("127.0.0.1:9000", "127.0.0.2:9000", false),
        ("127.0.0.1:9000", "127.0.0.1:9001", false),
        ("127.0.0.1:0", "127.0.0.1:0", false),
    ] {
        folder.write("hookgate.toml", &both(listen, management));
        let output = folder.command(&["check"]);
        assert_eq!(stderr(&output).contains("both have port"), collide, "{listen} {management}");
        assert_eq!(output.status.code(), Some(i32::from(collide)), "{listen} {management}");
    }
}

#[test]
fn check_warns_about_retention_without_a_unit_and_unknown_event_members() {
    let folder = Folder::with_listener("");
    let sink = "[[sink]]\nname = \"a\"\ntenant = \"acme\"\npath = \"a.jsonl\"\n";
    for (settings, code, text) in [
        ("[retention]\nevents = 14\n".to_owned(), "W0609", "`\"14d\"` for days"),
        ("[retention]\nevents = \"14\"\n".to_owned(), "W0609", "14 seconds"),
        (format!("{sink}filter = 'event.typ == 1'\n"), "W0102", "did you mean `type`?"),
        (format!("{sink}filter = 'event.type == 1'\n"), "W0103", "never equal"),
        (format!("{sink}transform = '{{ \"a\": event.dat }}'\n"), "W0102", "did you mean `data`?"),
    ] {
        folder.settings(&settings);
        let output = folder.command(&["check"]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{message}");
        assert!(message.contains(code) && message.contains(text), "{settings}: {message}");
    }
    for settings in ["events = \"14s\"", "events = 86400", "rejected = \"7d\""] {
        folder.settings(&format!("[retention]\n{settings}\n"));
        let message = stderr(&folder.command(&["check"]));
        assert!(message.contains("0 warnings"), "{settings}: {message}");
    }
}

#[test]
fn no_recipe_gets_the_warning_about_missing_verification() {
    let folder = Folder::with_listener("");
    for name in hookgate::listener::recipe_names() {
        folder.stdout_of(&["init", name, "--name", &format!("of-{name}")]);
    }
    let output = folder.command(&["check"]);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(message.contains("W0606") && !message.contains("W0608"), "{message}");
}

/// The file of a new listener has a filter, a mapping and a redaction as comments.
#[test]
fn the_commented_settings_of_every_new_listener_are_valid() {
    let folder = Folder::with_listener("");
    for name in hookgate::listener::recipe_names() {
        let file = folder.stdout_of(&["init", name, "--print"]);
        let start = file.find("# [filter]").unwrap_or_else(|| panic!("{name}: {file}"));
        let end = file.find("\n# If the sender signs").unwrap_or(file.len());
        let is_setting = |line: &&str| line.starts_with("# [") || line.contains(" = ");
        let settings: Vec<&str> = file[start..end]
            .lines()
            .filter(is_setting)
            .map(|line| line.trim_start_matches("# "))
            .collect();
        assert_eq!(settings.len(), 6, "{name}: {settings:?}");
        let file = format!("{}\n{}\n", &file[..start], settings.join("\n"));
        folder.write(&format!("listeners/{name}.toml"), &file.replace("name = \"", "name = \"of-"));
    }
    let output = folder.command(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn the_steps_of_a_new_listener_name_the_provider_or_the_sender() {
    let folder = Folder::with_listener("");
    let github = folder.stdout_of(&["init", "github", "--name", "a"]);
    assert!(github.contains("\nAt GitHub:\n  1. "), "{github}");
    let own = folder.stdout_of(&["init", "hmac", "--name", "b"]);
    assert!(own.contains("\nAt the sender:\n  1. "), "{own}");
}

/// Changes of a test file of the recipe `github`, and the diagnostic with its position.
const WRONG_TESTS: &[(&str, &str, &str)] = &[
    ("reason = \"digest_differs\"", "reason = \"digest_difers\"", "did you mean `digest_differs`?"),
    ("expect = \"verification_failed\"", "expect = \"failed\"", "`verification_failed`"),
    ("expect = \"verification_failed\"\n", "", "a test has no `expect`"),
    ("secrets = { GITHUB", "secrets = { GITHB", "did you mean `GITHUB`?"),
    ("secrets = { GITHUB = \"s\" }\n", "", "write `secrets = { GITHUB = \"…\" }`"),
    ("[[test]]", "[test]", "write `[[test]]`"),
    ("provider = \"github\"", "provider = \"githb\"", "did you mean `github`?"),
];

#[test]
fn unknown_word_in_a_test_file_is_reported_with_the_known_words() {
    let folder = Folder::with_listener("");
    let file = "provider = \"github\"\nsecrets = { GITHUB = \"s\" }\n\n[[test]]\nname = \"forged\"\n\
                expect = \"verification_failed\"\nreason = \"digest_differs\"\nbody = \"{}\"\n\
                headers = { \"X-Hub-Signature-256\" = \"sha256=0000000000000000000000000000000000000000000000000000000000000000\" }\n";
    folder.write("a.test.toml", file);
    folder.stdout_of(&["test"]);
    let message = stderr(&folder.command(&["test", "--only", "nosuch"]));
    assert!(message.contains("no test has `nosuch` in its name"), "{message}");
    for (right, wrong, text) in WRONG_TESTS {
        assert!(file.contains(right), "{right}");
        folder.write("a.test.toml", &file.replacen(right, wrong, 1));
        let output = folder.command(&["test"]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {message}");
        assert!(message.contains(text), "{wrong}: {message}");
        assert!(
            message.contains("a.test.toml:") || message.contains("recipe"),
            "{wrong}: {message}"
        );
    }
}

#[test]
fn list_columns_are_aligned() {
    let folder = Folder::with_listener("");
    for (id, name) in [("a", "A"), ("a-tenant-with-a-much-longer-id-than-others", "Größe")] {
        folder.stdout_of(&["tenants", "create", id, "--name", name]);
    }
    let list = folder.stdout_of(&["tenants", "list"]);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    let column = lines[0].find("LOCATOR").unwrap();
    for line in &lines {
        assert!(line[..column].ends_with("  ") && !line[column..].starts_with(' '), "{list}");
    }
    let keys = folder.command(&["keys", "list"]);
    assert!(keys.stdout.is_empty());
    assert!(stderr(&keys).contains("the list is empty"), "{}", stderr(&keys));
}

#[test]
fn check_of_a_folder_suppresses_allowed_warnings_and_no_errors() {
    let folder = Folder::with_listener("");
    folder.write("secrets/github", "");
    let denied = folder.command(&["check", "--deny", "warnings"]);
    assert_eq!(denied.status.code(), Some(1));
    assert!(stderr(&denied).contains("W0606"), "{}", stderr(&denied));
    folder.stdout_of(&["check", "--deny", "warnings", "--allow", "W0606"]);
    folder.write("listeners/broken.toml", "name = \"x\"\n");
    let output = folder.command(&["check", "--allow", "E0603", "--allow", "W0606"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("E0603"), "{}", stderr(&output));
}

#[test]
fn init_prints_the_commands_for_its_folder_and_a_filter_of_the_provider() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    let path = path.to_str().unwrap();
    let output = program().args(["init", "-C", path, "github"]).output().unwrap();
    let steps = String::from_utf8(output.stdout).unwrap();
    assert!(steps.contains(&format!("hookgate check {path}")), "{steps}");
    assert!(steps.contains(&format!("hookgate serve -C {path}")), "{steps}");
    let output = program().current_dir(path).args(["init", "stripe"]).output().unwrap();
    let here = String::from_utf8(output.stdout).unwrap();
    assert!(here.ends_with("  hookgate check .\n  hookgate serve\n"), "{here}");
    let listener = std::fs::read_to_string(format!("{path}/listeners/github.toml")).unwrap();
    assert!(listener.contains("# keep_when = 'headers["), "{listener}");
}

#[test]
fn init_writes_a_wide_rate_limit_for_a_provider_that_does_not_retry() {
    let printed = |provider: &str| {
        let output = program().args(["init", provider, "--print"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let github = printed("github");
    assert!(github.contains("\n[rate_limit]\nrequests = 100\nburst = 1000\n"), "{github}");
    assert!(github.contains("# GitHub does not send a delivery again"), "{github}");
    let stripe = printed("stripe");
    assert!(stripe.contains("# [rate_limit]\n# requests = 5\n# burst = 50\n"), "{stripe}");
    assert!(!stripe.contains("\n[rate_limit]"), "{stripe}");
}

#[test]
fn send_reports_that_a_listener_without_a_recipe_gets_an_unsigned_request() {
    let folder = Folder::with_listener("");
    let id = "0d4a1d42-2d63-4a5c-9a1f-3d0c5f6f7a12";
    folder.write("listeners/shop.toml", &open_listener(id, "Shop"));
    folder.write("body.json", "{}");
    let body = folder.path().join("body.json");
    let body = body.to_str().unwrap();
    let output = folder.command(&["send", "Shop", "--body", body, "--dry-run"]);
    assert!(stderr(&output).contains("is not signed"), "{}", stderr(&output));
    let output = folder.command(&["send", "GitHub", "--body", body, "--dry-run"]);
    assert!(!stderr(&output).contains("is not signed"), "{}", stderr(&output));
}

#[test]
fn a_following_request_of_a_test_has_no_keys_of_the_first() {
    let folder = Folder::with_listener("");
    for key in ["secrets = {}", "vars = {}", "url = \"https://a.example\"", "then = []"] {
        folder.write(
            "a.test.toml",
            &format!(
                "provider = \"github\"\nsecrets = {{ GITHUB = \"s\" }}\n\n[[test]]\nname = \"one\"\n\
                 expect = \"verification_failed\"\n\n[[test.then]]\nname = \"two\"\n\
                 expect = \"verification_failed\"\n{key}\n"
            ),
        );
        let output = folder.command(&["test"]);
        assert_eq!(output.status.code(), Some(2), "{key}");
        let name = key.split(' ').next().unwrap();
        let message = format!("a following request has no key `{name}`");
        assert!(stderr(&output).contains(&message), "{}", stderr(&output));
    }
}

#[test]
fn secrets_of_a_test_file_that_does_not_parse_are_masked() {
    let folder = Folder::with_listener("");
    folder.write("a.test.toml", "provider = \"github\"\nsecrets = { GITHUB = \"s3cr3t }\n");
    let message = stderr(&folder.command(&["test"]));
    assert!(message.contains("******"), "{message}");
    assert!(!message.contains("s3cr3t"), "{message}");
}

#[test]
fn rotate_without_an_alert_endpoint_names_the_id_as_it_was_typed() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let handling = serde_json::json!({ "divert": true });
    let id = gateway.subscribe(&subscribed.key, "http://127.0.0.1:9/", &handling);
    let output = subscribed.folder.command(&["subscriptions", "rotate", &id, "--alert"]);
    let message = format!("the subscription `{id}` has no alert endpoint");
    assert!(stderr(&output).contains(&message), "{}", stderr(&output));
    subscribed.folder.stdout_of(&["subscriptions", "rotate", &id]);
}

#[test]
fn replay_counts_logged_verdicts_only_where_a_request_was_not_captured() {
    for (capture, counted) in [("capture = true\n", false), ("", true)] {
        let folder = Folder::with_listener("");
        let file = folder.path().join("listeners/github.toml");
        let listener = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{capture}{listener}")).unwrap();
        let gateway = folder.serve();
        assert_eq!(gateway.post(&borrowed(&signed(b"{}", "1")), b"{}").status, 200);
        let note = stderr(&folder.command(&["replay"]));
        assert_eq!(note.contains("by their logged verdict"), counted, "{note}");
        assert!(note.starts_with("1 request: 0 would come out otherwise"), "{note}");
    }
}

/// With a redacted path, the log has only the parsed body.
#[test]
fn replay_of_a_log_reads_exact_numbers_and_refuses_a_body_without_its_bytes() {
    let filter = "[filter]\nkeep_when = 'parsed_body.id == 36893488147419103233'\n";
    let folder = Folder::with_listener(&format!(
        "[body]\nformat = \"json\"\n\n[redact]\npaths = [\"parsed_body.user\"]\n\n{filter}"
    ));
    let gateway = folder.serve();
    for (delivery, body) in
        [("1", r#"{"id":36893488147419103233}"#), ("2", r#"{"id":36893488147419103234}"#)]
    {
        let body = body.as_bytes();
        assert_eq!(gateway.post(&borrowed(&signed(body, delivery)), body).status, 200);
    }
    let note = stderr(&folder.command(&["replay"]));
    assert!(note.starts_with("2 requests: 0 would come out otherwise"), "{note}");
    // A form cannot be made of a parsed body.
    let file = folder.path().join("listeners/github.toml");
    let listener = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, listener.replace("\"json\"", "\"form\"")).unwrap();
    let output = folder.command(&["replay"]);
    let (report, note) = (String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert!(report.contains("filtered, not decided again\n    its log has only"), "{report}");
    assert!(note.ends_with("; 2 not decided again\n"), "{note}");
}
