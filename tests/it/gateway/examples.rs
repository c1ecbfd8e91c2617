//! The examples, the published requests and the clients of the documentation.

use std::path::Path;
use std::process::Command;

use super::running::{Folder, is_installed, program};

pub(super) fn run(arguments: &[&str]) -> (bool, String) {
    let output = program().args(arguments).output().unwrap();
    let report = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(report).unwrap())
}

#[test]
fn the_example_gateway_checks_without_diagnostics() {
    let (done, report) = run(&["check", "--deny", "warnings", "examples/gateway"]);
    assert!(done, "{report}");
}

#[test]
fn every_test_of_the_example_gateway_passes() {
    let (done, report) = run(&["test", "-C", "examples/gateway"]);
    assert!(done, "{report}");
}

#[test]
fn every_listener_example_of_the_documentation_passes_its_tests() {
    let (done, report) = run(&["test", "-C", "examples/documentation"]);
    assert!(done, "{report}");
    assert!(report.contains("57 tests run, 0 failed"), "{report}");
}

#[test]
fn every_published_signed_request_has_its_expected_outcome() {
    let mut seen = 0;
    for entry in std::fs::read_dir("tests/cases/signed").unwrap() {
        let path = entry.unwrap().path();
        let recipe = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let file = path.to_str().unwrap();
        let (done, report) = run(&["test", "--requests", file, "--listener", &recipe]);
        assert!(done, "{recipe}: {report}");
        seen += report.lines().filter(|line| line.starts_with("ok ")).count();
    }
    assert_eq!(seen, 84);
}

#[test]
fn a_failing_listener_test_reports_expected_and_actual_outcome_with_reasons() {
    let folder = Folder::with_listener("");
    folder.write(
        "listeners/github.test.toml",
        "listener = \"github.toml\"\n\n[[test]]\nname = \"forged\"\nexpect = \"accepted\"\n\
         headers = { \"X-Hub-Signature-256\" = \"sha256=00\" }\nbody = \"{}\"\n",
    );
    let junit = folder.path().join("junit.xml");
    let output = folder.command(&["test", "--junit", junit.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("wanted  accepted"), "{report}");
    assert!(report.contains("found   verification_failed"), "{report}");
    assert!(report.contains("because verify `signature`: wrong_length"), "{report}");
    let report = std::fs::read_to_string(junit).unwrap();
    assert!(report.contains("failures=\"1\""), "{report}");
}

#[test]
fn init_writes_a_listener_that_checks_for_every_provider() {
    for name in hookgate::listener::recipe_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let (done, report) = run(&["init", name, "-C", path]);
        assert!(done, "{name}: {report}");
        assert!(report.contains("At "), "{report}");
        let (done, report) = run(&["check", path]);
        // Only the keys that a listener must set itself are reported.
        let missing = report.contains("vars.") || report.contains("is not set");
        assert!(done || missing, "{name}: {report}");
        assert!(!report.contains("error[") || report.contains("vars."), "{name}: {report}");
    }
}

#[test]
fn clients_in_curl_python_and_node_get_the_documented_answer() {
    let folder = Folder::with_listener("");
    folder.write(
        "listeners/incidents.toml",
        "id = \"9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11\"\nname = \"Incidents\"\ntenant = \"acme\"\n\n\
         [[verify]]\nname = \"credential\"\ncredential = {}\n",
    );
    folder.stdout_of(&["tenants", "create", "acme"]);
    let key = folder.stdout_of(&["keys", "create", "--tenant", "acme", "--listener", "Incidents"]);
    let gateway = folder.serve();
    let url = format!(
        "http://{}/webhooks/v1/listeners/9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11/notify",
        gateway.senders
    );
    let clients = Path::new("tests/clients").canonicalize().unwrap();
    for (program, script) in [("sh", "curl.sh"), ("python3", "python.py"), ("node", "node.mjs")] {
        let tool = if program == "sh" { "curl" } else { program };
        if !is_installed(tool, "--version") {
            continue;
        }
        let output = Command::new(program)
            .arg(clients.join(script))
            .args([&url, key.trim()])
            .output()
            .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}: {report}{complaint}");
        let answer: serde_json::Value = serde_json::from_str(&report).unwrap();
        let wanted =
            serde_json::json!({ "message": "Event received successfully", "status": "RECEIVED" });
        assert_eq!(answer, wanted, "{script}");
    }
}
