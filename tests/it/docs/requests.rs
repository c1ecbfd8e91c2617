//! The requests in `examples/`, and the table of runs.

use hookgate::value::{OwnedValue, read_json};

use super::{root, shown};

#[test]
fn the_parsed_body_of_an_example_request_matches_its_raw_body() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("examples/requests")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let request = read_json(&std::fs::read(&path).unwrap()).unwrap();
        let OwnedValue::Object(request) = request else {
            panic!("{} is no object", shown(&path));
        };
        let raw = request.get("raw_body").and_then(|raw| raw.borrow().as_text()).unwrap();
        let parsed = request.get("parsed_body").unwrap().to_string();
        let read =
            if raw.is_empty() { OwnedValue::Null } else { read_json(raw.as_bytes()).unwrap() };
        assert_eq!(read.to_string(), parsed, "{}", shown(&path));
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn example_runs_have_their_documented_results_on_the_command_line() {
    let table: serde_json::Value =
        serde_json::from_str(&super::read(&root().join("examples/runs.json"))).unwrap();
    let secrets = table["secrets"].as_object().unwrap().iter();
    let secrets: Vec<String> = secrets
        .flat_map(|(name, value)| {
            ["--secret".to_owned(), format!("{name}={}", value.as_str().unwrap())]
        })
        .collect();
    for run in table["runs"].as_array().unwrap() {
        let rule = format!("examples/rules/{}.rule", run["rule"].as_str().unwrap());
        let request = format!("examples/requests/{}.json", run["request"].as_str().unwrap());
        let now = run.get("now").unwrap_or(&table["now"]).as_str().unwrap();
        let mut arguments = vec!["eval", "-f", &rule, "-c", &request, "--now", now];
        arguments.extend(secrets.iter().map(String::as_str));
        let output = super::hookgate(&arguments);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{run}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(answer, run["answer"], "{run}");
    }
}

#[test]
fn every_example_rule_and_request_is_in_the_table_of_runs() {
    let table = super::read(&root().join("examples/runs.json"));
    for (folder, kind, extension) in [("rules", "rule", "rule"), ("requests", "request", "json")] {
        for entry in std::fs::read_dir(root().join("examples").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|found| found == extension) {
                let name = path.file_stem().unwrap().to_str().unwrap();
                let mention = format!("\"{kind}\": \"{name}\"");
                assert!(table.contains(&mention), "{} is in no run", shown(&path));
            }
        }
    }
}
