//! Properties of rate limits and forms, tested with generated requests.

use std::time::Duration;

use hookgate::listener::rate::{Admission, Bucket, Policy, admit};
use proptest::prelude::*;

use super::{Sent, open};

/// A plain token bucket: it fills with time, and a request takes one token.
struct Model {
    /// The tokens, in units of a millionth of a token per unit of the interval.
    filled: i64,
    at: i64,
}

impl Model {
    fn admits(&mut self, interval: i64, burst: i64, now: i64) -> bool {
        self.filled = (self.filled + now - self.at).min(burst * interval);
        self.at = now;
        let admits = self.filled >= interval;
        if admits {
            self.filled -= interval;
        }
        admits
    }
}

proptest! {
    #[test]
    fn the_rate_limit_agrees_with_a_token_bucket_model(
        requests in 1u64..20, per in 1u64..20, burst in 1u64..30,
        waits in prop::collection::vec(0i64..3_000_000, 1..200),
    ) {
        let policy = Policy { requests, per: Duration::from_secs(per), burst };
        let interval = i64::try_from(per * 1_000_000 / requests).unwrap();
        let most = i64::try_from(burst).unwrap();
        let mut model = Model { filled: most * interval, at: 0 };
        let (mut bucket, mut now) = (Bucket::default(), 0);
        for wait in waits {
            now += wait;
            let before = bucket;
            let admission = admit(&mut bucket, policy, now);
            let admitted = matches!(admission, Admission::Admitted { .. });
            prop_assert_eq!(admitted, model.admits(interval, most, now));
            match admission {
                Admission::Admitted { remaining } => {
                    prop_assert_eq!(i64::try_from(remaining).unwrap(), model.filled / interval);
                }
                Admission::Refused { retry_after } => {
                    let wait = i64::try_from(retry_after.as_micros()).unwrap();
                    let takes_after = |wait| {
                        let mut bucket = before;
                        matches!(admit(&mut bucket, policy, now + wait), Admission::Admitted { .. })
                    };
                    // Waiting this long is enough, and one moment less is not.
                    prop_assert!(takes_after(wait) && !takes_after(wait - 1));
                }
            }
        }
    }

    #[test]
    fn a_token_bucket_refills_after_the_clock_is_set_back(
        back in 0i64..i64::MAX / 2, requests in 1u64..20, burst in 1u64..30,
    ) {
        let policy = Policy { requests, per: Duration::from_secs(1), burst };
        let mut bucket = Bucket::default();
        let now = i64::MAX / 2;
        while matches!(admit(&mut bucket, policy, now), Admission::Admitted { .. }) {}
        let later = now - back + 1_000_001;
        let _ = admit(&mut bucket, policy, now - back);
        let admitted = matches!(admit(&mut bucket, policy, later), Admission::Admitted { .. });
        prop_assert!(admitted);
    }

    #[test]
    fn form_and_query_parsers_accept_any_bytes(
        form in prop::collection::vec(any::<u8>(), 0..200), query in "\\PC{0,80}",
    ) {
        let sent = Sent::new(&form).with("Content-Type", "application/x-www-form-urlencoded");
        let decision = sent.with_query(&query).to(&open(""));
        let parsed = decision.parts.parsed_body().borrow();
        // JSON and XML are recognised by their bytes.
        prop_assert!(parsed.is_null() == form.is_empty() || form.starts_with(b"\xef\xbb\xbf"));
        prop_assert!(decision.parts.query().borrow().as_object().is_some());
    }

    #[test]
    fn every_pair_of_a_form_is_in_the_parsed_object(
        pairs in prop::collection::vec(("[a-c]", "[a-z &=+%é]{0,5}"), 1..8),
    ) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&pairs);
        let sent = Sent::new(form.finish()).with("Content-Type", "application/x-www-form-urlencoded");
        let read = sent.to(&open("")).parts.parsed_body().to_string();
        let read: serde_json::Value = serde_json::from_str(&read).unwrap();
        for (key, _) in &pairs {
            let wanted: Vec<&str> =
                pairs.iter().filter(|(one, _)| one == key).map(|(_, value)| &**value).collect();
            match wanted.as_slice() {
                [only] => prop_assert_eq!(&read[key], only),
                all => prop_assert_eq!(&read[key], &serde_json::json!(all)),
            }
        }
    }
}
