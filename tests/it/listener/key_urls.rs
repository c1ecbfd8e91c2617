//! Keys by URL in the pure decision: what a listener asks for, and what it makes of the answer.

use std::collections::BTreeMap;

use hookgate::engine::Machine;
use hookgate::listener::{
    Decision, DecisionContext, Fetch, GivenKeys, KeyDocument, KeyDocuments, KeySet, Listener,
    NeedsKey, NoKeys, Outcome, Presented, Sample, Unlimited, decide, find_recipe,
};

use super::recipes::seen;

const CERTIFICATE: &str = "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";

/// The documents of a caller, each as it has it.
struct Documents(BTreeMap<String, KeyDocument>);

impl KeyDocuments for Documents {
    fn find(&self, url: &str) -> Option<KeyDocument> {
        self.0.get(url).cloned()
    }
}

fn sample(provider: &str, name: &str) -> (Listener, Sample) {
    let recipe = find_recipe(provider).unwrap();
    let sample = recipe.samples.iter().find(|sample| sample.name == name).unwrap().clone();
    (recipe.listener(&sample.secrets, &sample.vars).listener.unwrap(), sample)
}

fn decided(listener: &Listener, sample: &Sample, keys: &dyn KeyDocuments) -> Decision {
    seen(sample, |request| {
        let mut context = DecisionContext {
            machine: &mut Machine::default(),
            limiter: &mut Unlimited,
            presented: &Presented::None,
            keys,
        };
        decide(listener, request, request.received_at, &mut context)
    })
}

/// Returns a key that a decision asks for.
fn needed(decision: &Decision) -> Option<&NeedsKey> {
    match &decision.fetch {
        Some(Fetch::Key(needed)) => Some(needed),
        _ => None,
    }
}

#[test]
fn a_decision_without_the_keys_asks_for_their_url_and_changes_nothing_else() {
    let (listener, sample) = sample("aws-sns", "a notification of version 2");
    let decision = decided(&listener, &sample, &NoKeys);
    assert_eq!((decision.outcome, decision.response.status), (Outcome::KeysUnavailable, 503));
    assert_eq!(decision.response.header("retry-after"), Some("5"));
    let wanted = NeedsKey { url: CERTIFICATE.into(), unknown_key: false, of_request: true };
    assert_eq!(needed(&decision), Some(&wanted));
    assert!(decision.event.is_none() && decision.dedup.is_none() && !decision.secured);
    let decision = decided(&listener, &sample, &GivenKeys::new(&sample.keys));
    assert_eq!((decision.outcome, &decision.fetch), (Outcome::Accepted, &None));
}

#[test]
fn a_request_that_fails_another_verification_asks_for_no_keys() {
    for name in
        ["a topic of another customer", "a certificate of another host", "a line end in the id"]
    {
        let (listener, sample) = sample("aws-sns", name);
        let decision = decided(&listener, &sample, &NoKeys);
        assert_eq!(
            (decision.outcome, &decision.fetch),
            (Outcome::VerificationFailed, &None),
            "{name}"
        );
    }
}

#[test]
fn cached_keys_without_the_key_id_of_a_token_ask_for_newer_ones_and_current_keys_do_not() {
    let (listener, sample) = sample("google-pubsub", "a token of an unknown key");
    let (url, document) = &sample.keys[0];
    let keys = || std::sync::Arc::new(KeySet::read(document.as_bytes()).unwrap());
    let documents = |document| Documents([(url.clone(), document)].into());
    let decision = decided(&listener, &sample, &documents(KeyDocument::Cached(keys())));
    assert!(needed(&decision).is_some_and(|needed| needed.unknown_key && !needed.of_request));
    let decision = decided(&listener, &sample, &documents(KeyDocument::Current(keys())));
    assert_eq!((decision.outcome, &decision.fetch), (Outcome::VerificationFailed, &None));
    let reason = KeyDocument::Unavailable("no answer".to_owned());
    let decision = decided(&listener, &sample, &documents(reason));
    assert_eq!((decision.outcome, &decision.fetch), (Outcome::KeysUnavailable, &None));
    assert!(decision.reasons.iter().any(|one| one.message.contains("no answer")));
}

#[test]
fn a_confirmation_asks_for_its_url_only_after_verification() {
    let (listener, sample) = sample("aws-sns", "a subscription is confirmed");
    let keys = GivenKeys::new(&sample.keys);
    let decision = decided(&listener, &sample, &keys);
    let Some(Fetch::Confirmation(url)) = &decision.fetch else { panic!("{:?}", decision.fetch) };
    assert!(url.starts_with("https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription"));
    assert!(decision.event.is_none() && decision.secured);
    assert!(
        decision.reasons.iter().all(|one| !one.message.contains("Token=")),
        "a token in the log"
    );
    let failed = decision.confirmation_failed("no answer");
    assert_eq!((failed.outcome, failed.response.status), (Outcome::ConfirmationFailed, 503));
    for name in ["a forged confirmation", "a confirmation at another host"] {
        let (listener, sample) = self::sample("aws-sns", name);
        let decision = decided(&listener, &sample, &GivenKeys::new(&sample.keys));
        assert!(decision.fetch.is_none(), "{name}");
    }
}

#[test]
fn a_certificate_or_a_jwk_set_is_read_as_a_key_document_and_nothing_else() {
    let certificate = &sample("aws-sns", "a notification of version 2").1.keys[0].1;
    assert!(KeySet::read(certificate.as_bytes()).is_ok());
    let jwks = &sample("google-pubsub", "a message").1.keys[0].1;
    assert!(KeySet::read(jwks.as_bytes()).is_ok());
    let cut = certificate.replace("MII", "MI");
    let private = certificate.replace("CERTIFICATE", "PRIVATE KEY");
    for other in ["", "<html></html>", "{}", "{\"keys\":[]}", cut.as_str(), private.as_str()] {
        assert!(KeySet::read(other.as_bytes()).is_err(), "{other}");
    }
    assert!(KeySet::read(&[0xff, 0xfe]).is_err());
}
