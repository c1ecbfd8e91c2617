//! Hot reload under load.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::gateway::running::{Answer, Folder, Gateway, LISTENER, env_number, hookgate_hmac};

/// The configuration with a number. The response, the event type, and the order of the two secrets
/// identify it.
fn configuration(number: usize) -> String {
    let secrets = if number.is_multiple_of(2) { ["old", "new"] } else { ["new", "old"] };
    format!(
        "id = \"{LISTENER}\"\nname = \"Open\"\ntenant = \"acme\"\n\n[secrets]\n\
         KEY = [{{ file = \"secrets/{}\" }}, {{ file = \"secrets/{}\" }}]\n\n\
         [[verify]]\nname = \"signature\"\n[verify.signature]\nsecret = \"KEY\"\nhash = \"sha256\"\n\
         payload = 'raw_body'\nreceived = 'headers[\"x-signature\"]'\nencoding = \"hex\"\n\n\
         [rate_limit]\nrequests = 1000000\nburst = 1000000\n\n\
         [deduplicate]\nkeys = ['parsed_body.id']\nwindow = \"1h\"\n\n\
         [event]\ntype = '\"{number}\"'\n\n[response]\nheaders = {{ \"X-Number\" = \"{number}\" }}\n",
        secrets[0], secrets[1]
    )
}

#[test]
fn each_request_sees_one_whole_configuration_during_hot_reload() {
    replaced(20);
}

#[test]
#[ignore = "takes minutes"]
fn a_thousand_hot_reloads_under_load_lose_no_event() {
    replaced(env_number("RELOADS", 1000));
}

fn replaced(times: usize) {
    let folder = Folder::with_listener("");
    std::fs::remove_file(folder.path().join("listeners/github.toml")).unwrap();
    folder.write("secrets/old", "old");
    folder.write("secrets/new", "new");
    folder.write("listeners/open.toml", &configuration(0));
    let gateway = folder.serve();
    let over = AtomicBool::new(false);
    let answered: BTreeMap<String, String> = std::thread::scope(|scope| {
        let (gateway, over) = (&gateway, &over);
        let workers: Vec<_> =
            (0..4).map(|worker| scope.spawn(move || senders(gateway, worker, over))).collect();
        for number in 1..=times {
            let next = folder.path().join("listeners/.next");
            std::fs::write(&next, configuration(number)).unwrap();
            std::fs::rename(&next, folder.path().join("listeners/open.toml")).unwrap();
            gateway.signal("-HUP");
            let wanted = number.to_string();
            super::wait_until("the configuration was not reloaded", || {
                let body = format!("{{\"id\":\"probe {number}\"}}");
                post(gateway, "old", &body).header("x-number") == Some(&wanted)
            });
        }
        over.store(true, Ordering::SeqCst);
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let kinds = kinds(&folder.path().join("hookgate.db"));
    for (id, number) in &answered {
        assert_eq!(kinds.get(id), Some(number), "{id} was decided by two configurations");
    }
    let peak = gateway.peak_mib();
    println!("{times} configurations, {} events, peak memory {peak} MiB", answered.len());
    assert!(peak < 128, "{peak} MiB");
}

/// Posts events, each twice, until the test ends. Returns the configuration that accepted each
/// event.
fn senders(gateway: &Gateway, worker: usize, over: &AtomicBool) -> BTreeMap<String, String> {
    let mut accepted = BTreeMap::new();
    while !over.load(Ordering::SeqCst) {
        let id = format!("{worker}-{}", accepted.len());
        let body = format!("{{\"id\":\"{id}\"}}");
        let number = |secret: &str| {
            let answer = post(gateway, secret, &body);
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.header("x-number").unwrap().to_owned()
        };
        let first = number("old");
        // An accepted event is a repeat afterwards, in every configuration.
        number("new");
        accepted.insert(id, first);
        let forged = post(gateway, "none", "{}").status;
        assert!([401, 429].contains(&forged), "{forged}");
    }
    accepted
}

fn post(gateway: &Gateway, secret: &str, body: &str) -> Answer {
    let signature = hookgate_hmac(secret, body.as_bytes());
    gateway.post(&[("X-Signature", &signature)], body.as_bytes())
}

/// Returns the types of the stored events by id. Asserts that none is stored twice.
fn kinds(path: &Path) -> BTreeMap<String, String> {
    let mut kinds = BTreeMap::new();
    for event in super::events(path) {
        let data: serde_json::Value = serde_json::from_str(event.data.as_deref().unwrap()).unwrap();
        let id = data["id"].as_str().unwrap().to_owned();
        assert_eq!(kinds.insert(id.clone(), event.event_type), None, "{id} is stored twice");
    }
    kinds
}
