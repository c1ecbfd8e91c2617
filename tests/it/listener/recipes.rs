//! Recipes: each accepts and rejects its samples as declared, and accepts the requests that it
//! signs.

use hookgate::engine::{Machine, Time};
use hookgate::listener::{
    Decision, DecisionContext, Event, GivenKeys, KeyDocuments, Listener, Loaded, NoKeys, Outcome,
    Presented, Recipe, Request, Sample, SignError, Unlimited, decide, find_recipe, recipe_names,
};

pub(crate) const URL: &str = "https://hooks.example.com/hook";
pub(crate) const NOW: &str = "2025-08-20T12:00:00Z";

pub(crate) fn complaints(loaded: &Loaded) -> String {
    loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

pub(crate) fn run(listener: &Listener, sample: &Sample) -> Decision {
    let keys = GivenKeys::new(&sample.keys);
    seen(sample, |request| decided_with(listener, request, request.received_at, &keys))
}

/// Calls `look` with a sample as a request.
pub(crate) fn seen<T>(sample: &Sample, look: impl FnOnce(&Request<'_>) -> T) -> T {
    let headers: Vec<(&str, &str)> =
        sample.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = match (&sample.url, sample.query.as_str()) {
        (Some(url), _) => url.clone(),
        (None, "") => URL.to_owned(),
        (None, query) => format!("{URL}?{query}"),
    };
    let body = sample.body.as_deref().unwrap_or_default();
    look(&Request {
        id: "1",
        method: &sample.method,
        url: &url,
        raw_query: &sample.query,
        headers: &headers,
        raw_body: body,
        unpacked: body,
        remote_address: None,
        received_at: sample.now.unwrap_or_else(|| NOW.parse().unwrap()),
    })
}

pub(crate) fn decided(listener: &Listener, request: &Request<'_>, now: Time) -> Decision {
    decided_with(listener, request, now, &NoKeys)
}

fn decided_with(
    listener: &Listener,
    request: &Request<'_>,
    now: Time,
    keys: &dyn KeyDocuments,
) -> Decision {
    let mut surroundings = DecisionContext {
        machine: &mut Machine::default(),
        limiter: &mut Unlimited,
        presented: &Presented::None,
        keys,
    };
    decide(listener, request, now, &mut surroundings)
}

fn recipes() -> impl Iterator<Item = &'static Recipe> {
    recipe_names().map(|name| find_recipe(name).unwrap_or_else(|| panic!("{name} has a fault")))
}

#[test]
fn every_recipe_parses() {
    for entry in std::fs::read_dir("src/listener/recipes").unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(faults) = Recipe::read("recipe", &text) {
            panic!("{}: {faults}", path.display());
        }
    }
    assert!(recipe_names().count() >= 190, "{}", recipe_names().count());
}

#[test]
fn every_recipe_that_is_no_alias_lists_the_signed_and_the_unsigned_parts() {
    for name in recipe_names() {
        let text = std::fs::read_to_string(format!("src/listener/recipes/{name}.toml")).unwrap();
        let file: toml::Table = text.parse().unwrap();
        for key in ["covers", "unsigned", "listener"] {
            assert!(file.contains_key("like") || file.contains_key(key), "{name}: {key}");
        }
    }
}

#[test]
fn an_alias_reads_a_secret_of_its_own_and_keeps_the_signature_of_the_other_recipe() {
    let clerk = find_recipe("clerk").unwrap();
    assert_eq!(clerk.like.as_deref(), Some("svix"));
    assert_eq!(clerk.covers, find_recipe("svix").unwrap().covers);
    let secrets = |name: &str| -> Vec<String> {
        let recipe = find_recipe(name).unwrap();
        recipe.secrets.iter().map(|secret| secret.name.clone()).collect()
    };
    assert_eq!(secrets("clerk"), ["CLERK"]);
    assert_eq!(secrets("whatsapp"), ["WHATSAPP", "WHATSAPP_VERIFY_TOKEN"]);
}

#[test]
fn an_alias_of_an_unknown_recipe_or_of_an_alias_is_refused_at_its_position() {
    for like in ["nobody", "clerk"] {
        let text = std::fs::read_to_string("src/listener/recipes/resend.toml").unwrap();
        let text = text.replace("like = \"svix\"", &format!("like = \"{like}\""));
        let report = Recipe::read("resend", &text).unwrap_err().to_string();
        assert!(report.contains("E0605") && report.contains("resend.toml:3:8"), "{report}");
    }
}

#[test]
fn a_fault_in_an_alias_is_reported_with_its_text() {
    let text = std::fs::read_to_string("src/listener/recipes/resend.toml").unwrap();
    let report = Recipe::read("resend", &text.replace("title", "titel")).unwrap_err().to_string();
    assert!(report.contains("titel"), "{report}");
}

#[test]
fn every_recipe_sample_has_its_expected_outcome() {
    let mut wrong = Vec::new();
    for recipe in recipes() {
        for sample in &recipe.samples {
            let loaded = recipe.listener(&sample.secrets, &sample.vars);
            if !complaints(&loaded).is_empty() {
                wrong.push(format!("{} `{}`: {}", recipe.name, sample.name, complaints(&loaded)));
            }
            let Some(listener) = loaded.listener else { continue };
            let decision = run(&listener, sample);
            let data = decision.event.as_ref().and_then(|event| event.data.clone());
            let event = decision.event.clone().map(|event| Event { data, ..event });
            let codes: Vec<&str> = decision.reasons.iter().map(|one| one.code.name()).collect();
            let mismatches = sample.mismatches(
                decision.outcome.name(),
                &codes,
                &decision.response,
                event.as_ref(),
            );
            for one in mismatches {
                let reasons: Vec<String> =
                    decision.reasons.iter().map(ToString::to_string).collect();
                wrong.push(format!(
                    "{} `{}`: {}\n  wanted {}\n  found  {}\n  {}",
                    recipe.name,
                    sample.name,
                    one.what,
                    one.wanted,
                    one.found,
                    reasons.join("\n  ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_recipe_has_a_valid_sample_and_a_forged_one() {
    for recipe in recipes() {
        let has = |outcome: &str| recipe.samples.iter().any(|sample| sample.expect == outcome);
        assert!(has("accepted") || has("challenged"), "{}", recipe.name);
        assert!(has("verification_failed"), "{}", recipe.name);
    }
}

#[test]
fn a_request_signed_by_a_recipe_is_accepted_by_it() {
    let now: Time = NOW.parse().unwrap();
    let mut tried = 0;
    for recipe in recipes() {
        let valid = recipe.samples.iter().filter(|sample| sample.expect == "accepted");
        let sent: Vec<Result<(), String>> =
            valid.filter_map(|sample| sends(recipe, sample, sample.now.unwrap_or(now))).collect();
        // A provider with two signature schemes sends one of them.
        if !sent.is_empty() {
            assert!(sent.iter().any(Result::is_ok), "{}: {sent:?}", recipe.name);
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

/// Sends the body of a sample as the provider would. `None` if only the provider can sign.
fn sends(recipe: &Recipe, sample: &Sample, now: Time) -> Option<Result<(), String>> {
    let listener = recipe.listener(&sample.secrets, &sample.vars).listener?;
    let body = sample.body.clone().unwrap_or_default();
    let plain_request = super::plain_request(URL, &body, now);
    let sent = match recipe.sign(&listener, &plain_request, now) {
        Ok(sent) => sent,
        Err(SignError::Impossible(_)) => return None,
        Err(error) => return Some(Err(error.to_string())),
    };
    let headers: Vec<(&str, &str)> =
        sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request { method: &sent.method, headers: &headers, ..plain_request };
    let decision = decided(&listener, &request, now);
    if decision.outcome != Outcome::Accepted {
        let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
        return Some(Err(reasons.join("; ")));
    }
    let other = [body.as_slice(), b" "].concat();
    let tampered = Request { raw_body: &other, unpacked: &other, ..request };
    let decision = decided(&listener, &tampered, now);
    let covers = recipe.covers.iter().any(|part| part == "body" || part == "body of POST");
    let refused = decision.outcome == Outcome::VerificationFailed;
    let wrong = || Err(format!("covers the body: {covers}, refused when it is changed: {refused}"));
    Some(if refused || !covers { Ok(()) } else { wrong() })
}

#[test]
fn a_listener_overrides_a_key_of_its_recipe_and_keeps_the_others() {
    let listener = super::open(
        "provider = \"github\"\n[secrets]\nGITHUB = { env = \"KEY\" }\n\
         [event]\ndata = 'parsed_body.zen'\n[deduplicate]\nwindow = \"1h\"\n",
    );
    let body = r#"{"zen":"Keep it logically awesome."}"#;
    let signature = hex::encode(super::sha256(super::KEY, body));
    let sent = super::Sent::json(body)
        .with("X-Hub-Signature-256", format!("sha256={signature}"))
        .with("X-GitHub-Event", "ping")
        .with("X-GitHub-Delivery", "1");
    let decision = sent.to(&listener);
    assert_eq!(super::outcome_of(&decision), "accepted", "{}", super::messages_of(&decision));
    let event = decision.event.unwrap();
    assert_eq!(event.kind.as_deref(), Some("ping"));
    assert_eq!(
        event.data.map(|data| data.to_string()).as_deref(),
        Some("\"Keep it logically awesome.\"")
    );
    assert!(decision.dedup.is_some(), "the keys of the recipe are lost");
}

#[test]
fn the_verification_that_a_recipe_writes_out_is_that_of_a_valid_listener() {
    let mut tried = 0;
    for recipe in recipes().filter(|recipe| !recipe.scaffold.is_empty()) {
        let secret = &recipe.secrets[0].name;
        super::open(&format!("[secrets]\n{secret} = {{ env = \"KEY\" }}\n{}", recipe.scaffold));
        tried += 1;
    }
    assert_eq!(tried, 3, "hmac, jwt and token");
}
