//! Reads any text as a listener file, as a recipe and as `hookgate.toml`. The text is accepted, or
//! gets diagnostics with valid spans. An accepted listener decides requests.

#![no_main]

use std::cell::RefCell;

use hookgate::engine::Machine;
use hookgate::gateway::{SETTINGS_FILE, Settings};
use hookgate::listener::{ConfigSource, Recipe, load, log_entry};
use hookgate_fuzz::diagnostics::holds;
use hookgate_fuzz::listeners::{Sent, decided};
use hookgate_fuzz::machine;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::new(machine());
}

fuzz_target!(|text: &str| {
    if let Err(diagnostics) = Settings::read(SETTINGS_FILE, text) {
        assert!(diagnostics.has_errors());
        holds(&diagnostics);
    }
    if let Err(diagnostics) = Recipe::read("fuzz", text) {
        holds(&diagnostics);
    }
    for needed in [true, false] {
        let loaded = load("fuzz.toml", text, &outside(needed));
        for diagnostics in &loaded.diagnostics {
            holds(diagnostics);
        }
        assert!(
            loaded.listener.is_some() || loaded.has_errors(),
            "neither a value nor a diagnostic"
        );
        if let Some(listener) = &loaded.listener {
            let _ = (format!("{listener:?}"), listener.all_methods(), listener.is_secured());
            MACHINE.with_borrow_mut(|machine| {
                for sent in requests() {
                    let decision = sent.to(listener, machine);
                    let _ =
                        sent.seen(|request| log_entry(listener, request, &decision)).to_string();
                    let _ = sent
                        .seen(|request| decided(listener, request, machine).event_data(listener, request));
                }
            });
        }
    }
});

/// Every file and variable exists, under any name; some have a valid content.
fn outside(secrets_needed: bool) -> ConfigSource<'static> {
    ConfigSource {
        file: &|name| match name.len() % 5 {
            0 => Err("there is no such file".to_owned()),
            1 => Ok(Vec::new()),
            2 => Ok(KEYS.as_bytes().to_vec()),
            3 => Ok(br#"{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}"#
                .to_vec()),
            _ => Ok(b"a secret of a file\n".to_vec()),
        },
        environment: &|name| match name.len() % 4 {
            0 => None,
            1 => Some(String::new()),
            2 => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
            _ => Some("0badc0de0badc0de".to_owned()),
        },
        secrets_needed,
        ..ConfigSource::empty()
    }
}

const KEYS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn requests() -> [Sent; 3] {
    let json =
        r#"{"type":"a","challenge":"x","token":"t","data":{"id":"1","n":2},"a":[1,null,"b"]}"#;
    let get =
        Sent { method: "GET".to_owned(), query: "challenge=x&a=1&a=2".to_owned(), ..Sent::new("") };
    [
        Sent::new(json)
            .with("Content-Type", "application/json")
            .with("X-Sig", "v1=00,sha256=00")
            .with("Authorization", "Bearer a.b.c"),
        Sent::new("a=1&payload=%7B%7D").with("Content-Type", "application/x-www-form-urlencoded"),
        get,
    ]
}
