//! Bodies as senders write them: `tests/cases/bodies` has listeners and test files.

use std::collections::BTreeMap;

use base64::Engine as _;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::examples::run;
use super::running::Folder;

#[test]
fn bodies_are_read_as_their_test_files_say() {
    let (done, report) = run(&["test", "-C", "tests/cases/bodies"]);
    assert!(done, "{report}");
}

const LISTENER: &str = "0d4a1d42-2d63-4a5c-9a1f-3d0c5f6f7a55";

/// A listener that reads the whole body. The data of an event has its number and the body as a
/// string, so that no number is rounded on the way.
fn listener(format: &str) -> String {
    format!(
        "id = \"{LISTENER}\"\nname = \"Bodies\"\ntenant = \"acme\"\ncapture = true\n\
         allow = [\"W0608\"]\nrate_limit = {{ requests = 100000 }}\n{format}\n\
         [event]\ntype = '\"t\"'\n\
         data = '{{ \"number\": headers[\"x-number\"], \"parsed\": $STRINGIFY_JSON(parsed_body) }}'\n"
    )
}

/// Bodies in every format, some of them damaged.
fn bodies() -> Vec<(String, Vec<u8>)> {
    let whole: Vec<&[u8]> = vec![
        br#"{"a":[1,2.50,true,null,"\u00e9"],"b":{"c":1e3}}"#,
        br#"{"role":"admin","role":"user"}"#,
        br#"{"id":36893488147419103233,"big":1e999,"half":"\ud83d"}"#,
        b"\xef\xbb\xbf{\"a\":1}",
        b"{\"a\":1}\n{\"b\":[2]}\n",
        b"a=1&a=2&b=%ff+x&payload=%7B%22k%22%3A1%7D",
        b"<a b=\"1\">x<c/><c>2</c></a>",
        b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>",
        b"--b\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\nv\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n\"\r\n\r\nfile\r\n--b--\r\n",
        b"plain caf\xe9",
        b"\x00\xff\xfe",
    ];
    let types = vec![
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "text/xml; charset=iso-8859-1",
        "text/plain; charset=windows-1252",
        "application/x-ndjson",
        "application/octet-stream",
    ];
    let cut = (select(whole), select(types), 0_usize..8, any::<Index>(), any::<u8>());
    let one = cut.prop_map(|(body, kind, change, at, byte)| {
        let (mut body, at) = (body.to_vec(), at.index(body.len()));
        match change {
            0 => body.truncate(at),
            1 => body[at] = byte,
            2 => body.insert(at, byte),
            3 => drop(body.remove(at)),
            _ => {}
        }
        (kind.to_owned(), body)
    });
    let mut runner = TestRunner::deterministic();
    (0..40).map(|_| one.new_tree(&mut runner).unwrap().current()).collect()
}

/// Returns the numbers of requests with what a gateway said of each: the log, and the data of the
/// event.
fn served(folder: &Folder, bodies: &[(String, Vec<u8>)]) -> BTreeMap<String, (Value, String)> {
    let gateway = folder.serve();
    for (number, (kind, body)) in bodies.iter().enumerate() {
        let number = number.to_string();
        let headers = [("Content-Type", kind.as_str()), ("X-Number", number.as_str())];
        let answer = gateway.request("POST", &gateway.path(LISTENER), &headers, body);
        assert!([200, 400].contains(&answer.status), "{} {kind} {body:?}", answer.status);
    }
    assert!(gateway.stop().success());
    let events = std::fs::read_to_string(folder.path().join("events.ndjson")).unwrap();
    let data: BTreeMap<String, String> = events
        .lines()
        .map(|line| {
            let data = serde_json::from_str::<Value>(line).unwrap()["data"].clone();
            (data["number"].as_str().unwrap().to_owned(), data.to_string())
        })
        .collect();
    let list = folder.stdout_of(&["requests", "list", "--format", "json", "--limit", "1000"]);
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    let ids = list.iter().map(|one| one["id"].as_str().unwrap());
    ids.map(|id| {
        let shown: Value =
            serde_json::from_str(&folder.stdout_of(&["requests", "show", id])).unwrap();
        let number = shown["headers"]["map"]["x-number"].as_str().unwrap().to_owned();
        let data = data.get(&number).cloned().unwrap_or_default();
        (number, (shown, data))
    })
    .collect()
}

/// Returns a test file that expects what a gateway said.
fn test_file(bodies: &[(String, Vec<u8>)], served: &BTreeMap<String, (Value, String)>) -> String {
    let mut file = "listener = \"listeners/bodies.toml\"\n".to_owned();
    for (number, (kind, body)) in bodies.iter().enumerate() {
        let (shown, data) = &served[&number.to_string()];
        let body = base64::engine::general_purpose::STANDARD.encode(body);
        file += &format!(
            "\n[[test]]\nname = \"{number}\"\nexpect = {}\nbody_base64 = \"{body}\"\n\
             headers = {{ \"Content-Type\" = \"{kind}\", \"X-Number\" = \"{number}\" }}\n",
            shown["outcome"]
        );
        if let Some(reason) = shown["reasons"][0]["finding"].as_str() {
            file += &format!("reason = \"{reason}\"\n");
        }
        if !data.is_empty() {
            file += &format!("event_data = '''{data}'''\n");
        }
    }
    file
}

/// Each body has the same outcome, reasons and event in a gateway, in a test and in a replay.
#[test]
fn a_gateway_a_test_and_a_replay_read_every_body_alike() {
    let bodies = bodies();
    for format in ["", "[body]\nformat = [\"form\", \"json\"]", "[json]\nduplicate_keys = \"last\""]
    {
        let folder = Folder::with_listener("");
        folder.settings("[[sink]]\nname = \"all\"\ntenant = \"acme\"\npath = \"events.ndjson\"\n");
        folder.write("listeners/bodies.toml", &listener(format));
        let served = served(&folder, &bodies);
        assert_eq!(served.len(), bodies.len());
        folder.write("bodies.test.toml", &test_file(&bodies, &served));
        let output = folder.command(&["test"]);
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{format}\n{report}");
        assert_eq!(report.matches("ok    ").count(), bodies.len(), "{report}");
        let replayed = folder.command(&["replay", "--format", "json"]);
        let replayed = String::from_utf8(replayed.stdout).unwrap();
        let replayed: Vec<Value> = serde_json::from_str(&replayed).unwrap();
        assert_eq!(replayed.len(), bodies.len());
        for one in &replayed {
            let shown = served
                .values()
                .find(|(shown, _)| shown["listener_metadata"]["request_id"] == one["id"]);
            let (shown, _) = shown.unwrap();
            if one["decided"] == false {
                // A rejected body is only in the log, which has text alone.
                assert!(
                    shown["status"] == 400 && shown["raw_body"].as_str().unwrap().starts_with('<')
                );
                continue;
            }
            let reasons = shown["reasons"].as_array().unwrap().iter().map(|reason| {
                let text = |key: &str| reason[key].as_str().unwrap().to_owned();
                Value::from(format!("{}: {}: {}", text("step"), text("finding"), text("message")))
            });
            assert_eq!(one["reasons"], Value::from_iter(reasons), "{format} {shown}");
            assert_eq!(
                (&one["after"], &one["decided"]),
                (&shown["outcome"], &Value::Bool(true)),
                "{one} {shown}"
            );
        }
    }
}
