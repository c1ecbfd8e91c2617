//! Tests from signed requests in JSON, each with its own secret and time, such as the published
//! test vectors of providers.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::PreparedTest;
use super::files::{listener_of, usual_settings, without_query};
use crate::cli::{Error, input};
use crate::engine::{Number, OwnedValue, Time};
use crate::listener::{ConfigSource, Sample, find_recipe};

/// A request of the file.
#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    secret_encoding: String,
    #[serde(default = "post")]
    method: String,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    query: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    raw_body: String,
    #[serde(default)]
    raw_body_encoding: Option<String>,
    #[serde(default)]
    now: Option<f64>,
    expected: String,
    #[serde(default)]
    challenge_response: Option<ChallengeResponse>,
    #[serde(default)]
    scheme: std::collections::BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    vars: std::collections::BTreeMap<String, String>,
}

fn post() -> String {
    "POST".to_owned()
}

#[derive(Debug, Deserialize)]
struct ChallengeResponse {
    status: u64,
    #[serde(default)]
    status_alternatives: Vec<u64>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
}

/// Prepares the requests of a file for one listener.
pub(super) fn prepare(path: &Path, named: &str, folder: &Path) -> Result<Vec<PreparedTest>, Error> {
    let content = input::bytes(path)?;
    let cases: Vec<Case> = serde_json::from_slice(&content).map_err(|error| Error::Read {
        name: path.display().to_string(),
        reason: format!("it is no list of signed requests: {error}"),
    })?;
    let settings = usual_settings()?;
    let mut prepared = Vec::new();
    for case in cases {
        let sample = case.sample()?;
        let listener = listener_of(named, folder, case.outside(named, &sample))?;
        let file = path.display().to_string();
        prepared.push(PreparedTest { file, sample, listener, settings: settings.clone() });
    }
    Ok(prepared)
}

/// Placeholder for a secret that the request does not have. The listener needs a value.
const UNUSED: &str = "7573656420627920";

impl Case {
    /// Returns the external values of the listener: each of its secrets is the secret of the
    /// request.
    fn outside(&self, named: &str, sample: &Sample) -> ConfigSource<'static> {
        let secret = if self.secret.is_empty() { UNUSED } else { &self.secret };
        let names = find_recipe(named).map(|recipe| recipe.secrets.as_slice()).unwrap_or_default();
        let secrets = names.iter().map(|one| (one.name.clone(), vec![secret.to_owned()])).collect();
        ConfigSource {
            secrets,
            vars: sample.vars.clone(),
            url: sample.url.as_deref().map(without_query),
            environment: &|_| Some(UNUSED.to_owned()),
            ..ConfigSource::empty()
        }
    }

    fn sample(&self) -> Result<Sample, Error> {
        let wrong = |what: &str| Error::Usage(format!("`{}`: {what}", self.id));
        let body = match self.raw_body_encoding.as_deref() {
            None | Some("utf8") => self.raw_body.clone().into_bytes(),
            Some("base64") => {
                STANDARD.decode(&self.raw_body).map_err(|_| wrong("the body is no base64"))?
            }
            Some("hex") => hex::decode(&self.raw_body).map_err(|_| wrong("the body is no hex"))?,
            Some(other) => return Err(wrong(&format!("`{other}` is no encoding of a body"))),
        };
        let expect = match self.expected.as_str() {
            "valid" => "accepted",
            "invalid" => "verification_failed",
            "challenge" => "challenged",
            other => return Err(wrong(&format!("`{other}` is nothing to expect"))),
        };
        let (status, query) = match expect {
            "accepted" => (Some(200), self.full_query()),
            "verification_failed" => (Some(401), self.full_query()),
            _ => (None, self.full_query()),
        };
        let mut sample = Sample {
            name: self.id.clone(),
            expect: expect.to_owned(),
            method: self.method.clone(),
            url: self.endpoint(),
            query,
            headers: self.headers.clone().into_iter().collect(),
            body: Some(body),
            now: self.now.and_then(Number::decimal).and_then(|now| Time::from_epoch(now).ok()),
            vars: self.variables(),
            status,
            ..Sample::default()
        };
        if let Some(response) = &self.challenge_response {
            response.expect(&mut sample);
        }
        Ok(sample)
    }

    /// Returns the URL of the request. If the URL is used only in the signature, it is in the field
    /// of the secret's encoding: `verificationToken; endpoint http://…`.
    fn endpoint(&self) -> Option<String> {
        let beside = || self.secret_encoding.split_once("endpoint ");
        self.url.clone().or_else(|| beside().map(|(_, url)| url.trim().to_owned()))
    }

    /// Returns the query; some requests have it only in the URL.
    fn full_query(&self) -> String {
        let of_url = || self.url.as_deref().and_then(|url| url.split_once('?'));
        match self.query.as_str() {
            "" => of_url().map(|(_, query)| query.to_owned()).unwrap_or_default(),
            query => query.to_owned(),
        }
    }

    /// Returns the settings: the names that the scheme sets besides the signature. A request
    /// without a time has no tolerance.
    fn variables(&self) -> Vec<(Box<str>, OwnedValue)> {
        let text = |text: &str| OwnedValue::Text(text.into());
        let of_scheme = self.scheme.iter().filter_map(|(name, value)| {
            let known = ["webhook_id", "topic", "client_id"].contains(&name.as_str());
            value.as_str().filter(|_| known).map(|value| (name.as_str().into(), text(value)))
        });
        let own = self.vars.iter().map(|(name, value)| (name.as_str().into(), text(value)));
        let untimed = self.now.is_none().then(|| ("tolerance".into(), text("off")));
        of_scheme.chain(own).chain(untimed).collect()
    }
}

impl ChallengeResponse {
    fn expect(&self, sample: &mut Sample) {
        if self.status_alternatives.is_empty() {
            sample.status = Some(self.status);
        }
        let is_json = self.content_type.as_deref().is_some_and(|kind| kind.contains("json"));
        if is_json {
            sample.response_json = self.body.clone();
        } else {
            sample.response_body = self.body.clone();
        }
        sample.response_headers = self.headers.clone().into_iter().collect();
        sample.response_type = self.content_type.clone();
    }
}
