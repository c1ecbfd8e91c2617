//! The parts of a listener except its verifications: compiles their configuration. Knows no
//! requests.

use std::time::Duration;

use super::super::challenge::{Challenge, ChallengeToken, SignedText};
use super::super::condition::Condition;
use super::super::config_keys::CHALLENGES;
use super::super::oracle;
use super::super::rate::Policy;
use super::super::response::Reply;
use super::super::verify::BySignature;
use super::super::verify::{Encoding, Hash, Verification};
use super::super::{Dedup, Events, Listener, ListenerFilter, Redaction, Schema, lints};
use super::Assembly;
use super::part::Part;
use crate::check::Checked;
use crate::config::{Section, duration, quoted_list};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Entry, Node};
use crate::engine::{Program, Source};
use crate::syntax::{Expr, SyntaxLimits, parse};

/// The patterns of tokens that any sender can have signed, with the secret that signs them.
pub(super) type Tokens = [(Box<str>, regex::Regex)];

/// The challenges of a listener, and the patterns of the tokens that they sign.
#[derive(Default)]
pub(super) struct Challenges {
    pub(super) challenges: Vec<Challenge>,
    pub(super) patterns: Vec<(Box<str>, regex::Regex)>,
}

impl<'a> Assembly<'a> {
    pub(super) fn methods(&self) -> Vec<Box<str>> {
        let usual = || {
            self.root().section("methods").texts("methods").into_iter().map(Into::into).collect()
        };
        self.part("methods").map_or_else(usual, words)
    }

    pub(super) fn event_types(&self) -> Vec<Box<str>> {
        self.member("event", "types").map(words).unwrap_or_default()
    }

    pub(super) fn redaction(&mut self, checks: &[Verification]) -> Redaction {
        let mut redaction = Redaction::default();
        checks
            .iter()
            .filter_map(Verification::header)
            .for_each(|header| redaction.add_header(header));
        for part in self.own("redact").into_iter().chain(self.recipe_part("redact")) {
            for header in part.get("headers").map(words).unwrap_or_default() {
                redaction.add_header(&header);
            }
            for path in part.get("paths").into_iter().flat_map(Part::items).collect::<Vec<_>>() {
                let added = redaction.add_path(path.node.as_str().unwrap_or(""));
                if let Err((message, help)) = added {
                    let wrong = Diagnostic::new(Code::E0605, path.node.span, message);
                    self.report(path, wrong.maybe_help(help));
                }
            }
        }
        redaction
    }

    pub(super) fn max_body(&self) -> Option<usize> {
        let bytes = self.member("body", "max_size")?.node.as_count()?;
        usize::try_from(bytes).ok()
    }

    pub(super) fn rate(&mut self) -> Option<Policy> {
        let part = self.part("rate_limit")?;
        let Some(requests) = part.get("requests").and_then(|part| part.node.as_count()) else {
            return Some(self.usual_rate(part));
        };
        let given = part.duration("per");
        if let Some(at) = part.get("per").filter(|_| given.is_some_and(|per| per.is_zero())) {
            self.wrong(at, "a limit needs a period that is not zero");
        }
        // A value of another type is reported by the check of the schema.
        let per = given.unwrap_or_default();
        let ten_seconds = requests.saturating_mul(10) / per.as_secs().max(1);
        let burst = part.get("burst").and_then(|part| part.node.as_count());
        Some(Policy { requests, per, burst: burst.unwrap_or(ten_seconds.max(1)) })
    }

    /// Returns the default limit with the burst of a `[rate_limit]` that sets no requests.
    fn usual_rate(&mut self, part: Part<'_>) -> Policy {
        if let Some(per) = part.get("per") {
            self.wrong(per, "a period needs its number of requests: `requests = 10`");
        }
        let retries = self.recipe.and_then(|recipe| recipe.retries);
        let usual = Policy::usual(self.secured, retries);
        let burst = part.get("burst").and_then(|part| part.node.as_count());
        Policy { burst: burst.unwrap_or(usual.burst), ..usual }
    }

    pub(super) fn schema(&mut self) -> Option<Schema> {
        let part = self.part("schema")?;
        let (at, read) = if let Some(at) = part.get("file") {
            let content = self.file(at)?;
            (at, Schema::read(&content))
        } else if let Some(at) = part.get("json") {
            (at, Schema::read(at.node.as_str().unwrap_or("").as_bytes()))
        } else {
            let at = part.get("shape")?;
            (at, Schema::of(&at.node.to_value()))
        };
        read.map_err(|message| self.wrong(at, message)).ok()
    }

    pub(super) fn filter(&mut self) -> Option<ListenerFilter> {
        let part = self.part("filter")?;
        let keeps = part.get("keep_when").is_some();
        let condition = part.get("keep_when").or_else(|| part.get("drop_when"))?;
        Some(ListenerFilter { condition: Condition::new(self.program(condition)?), keeps })
    }

    pub(super) fn events(&mut self) -> Events {
        let kind = self.member("event", "type").and_then(|part| self.program(part));
        let id = self.member("event", "id").and_then(|part| self.program(part));
        let data = self.member("event", "data").and_then(|part| self.program_or_mapper(part));
        Events { kind, id, data }
    }

    pub(super) fn dedup(&mut self, listener: &Listener) -> Dedup {
        let window = self.window();
        let mut dedup = Dedup { keys: Vec::new(), window, by_signature: BySignature::default() };
        let keys = self.member("deduplicate", "keys");
        for key in keys.into_iter().flat_map(Part::items).collect::<Vec<_>>() {
            if let Some(program) = self.key(key) {
                let samples = lints::never_there(listener, &program, &self.samples);
                if samples {
                    self.report_if_not_allowed(key.of_recipe, lints::key_is_never_there(key.node));
                }
                dedup.keys.push((key.node.as_str().unwrap_or("").into(), program));
            }
        }
        let signature = self.member("deduplicate", "signature");
        let signature = signature.and_then(|part| part.node.as_bool());
        dedup.by_signature = BySignature::of(signature);
        dedup
    }

    /// Returns the time for which deduplication keys are kept.
    fn window(&mut self) -> Duration {
        let given = self.member("deduplicate", "window");
        let usual = || self.root().section("deduplicate").table("deduplicate").duration("window");
        let window = given.map_or_else(usual, |part| duration::of(part.node));
        let is_wrong = window.is_some_and(|window| !(1..=24 * 3600).contains(&window.as_secs()));
        if let Some(part) = given.filter(|_| is_wrong) {
            self.wrong(part, "a window is from 1 second to 24 hours");
        }
        window.unwrap_or_default()
    }

    /// Compiles a key in the notation of the documentation: a path in the body, or an expression.
    fn key(&mut self, part: Part<'_>) -> Option<Program> {
        let text = part.node.as_text()?;
        if !self.is_path_in_body(&text.value) {
            return self.program(part);
        }
        let before = "parsed_body.";
        let source = format!("{before}{}", text.value);
        let engine = self.engine.clone();
        let checked = self.checked_text(part, text, &engine, &source, before.len())?;
        self.lower(part, &checked)
    }

    /// Returns true if a key is a path that starts neither with a variable nor with a definition.
    fn is_path_in_body(&self, text: &str) -> bool {
        let Ok(parsed) = parse(Source::new("key", text), SyntaxLimits::default()) else {
            return false;
        };
        let first = match parsed.tree.expr(parsed.tree.root()) {
            Expr::Chain { base, .. } => parsed.tree.expr(*base),
            other => other,
        };
        let roots = &self.engine.host().roots;
        matches!(first, Expr::Name(name) if !roots.iter().any(|root| root.name == *name))
    }

    pub(super) fn challenges(&mut self) -> Challenges {
        let mut all = Challenges::default();
        let (own, of_recipe) = (self.own("challenge"), self.recipe_part("challenge"));
        // Challenges of the file come first, because they are more specific.
        for part in own.into_iter().chain(of_recipe).flat_map(Part::items) {
            if let Some(challenge) = self.challenge(part, &mut all.patterns) {
                all.challenges.push(challenge);
            }
        }
        all
    }

    fn challenge(
        &mut self,
        part: Part<'a>,
        patterns: &mut Vec<(Box<str>, regex::Regex)>,
    ) -> Option<Challenge> {
        self.engine = self.engine.clone().unverified(true);
        let detect = part.get("detect").and_then(|part| self.program(part))?;
        let verified = part.flag("verified");
        // Verifications that are only monitored reject no sender.
        let trusted = verified && self.secured;
        let pattern = self.token_pattern(part)?;
        self.engine = self.engine.clone().unverified(!trusted);
        let (tokens, mut signed) = self.tokens(part, &pattern);
        let reply = self.reply(part);
        let mut secrets: Vec<Box<str>> = tokens.iter().map(|token| token.secret.clone()).collect();
        secrets.retain(|secret| self.verifying_secrets.contains(secret));
        if !trusted {
            self.refuse_computed_tokens(part);
            for checked in self.response_programs(part) {
                self.signed_by_response(part, &checked, &pattern, &mut signed, &mut secrets);
            }
            secrets.sort();
            secrets.dedup();
            self.refuse_wide_pattern(part, &pattern, &secrets);
            patterns.extend(secrets.into_iter().map(|secret| (secret, pattern.clone())));
        }
        Some(Challenge {
            name: part.text("name").into(),
            detect: Condition::new(detect),
            methods: part.get("methods").map(words).unwrap_or_else(|| self.methods()),
            verified,
            reply,
            tokens,
            signed: if trusted { Vec::new() } else { signed },
        })
    }

    fn token_pattern(&mut self, part: Part<'a>) -> Option<regex::Regex> {
        let pattern = part.text("token_pattern");
        let compiled =
            regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 16).build();
        match (compiled, part.get("token_pattern")) {
            (Ok(pattern), _) => Some(pattern),
            (Err(_), at) => {
                self.wrong(at.unwrap_or(part), "this is no regular expression that is taken");
                None
            }
        }
    }

    /// Refuses a pattern that the text of a delivery may match, if a secret of deliveries signs what
    /// matches it.
    fn refuse_wide_pattern(
        &mut self,
        part: Part<'a>,
        pattern: &regex::Regex,
        secrets: &[Box<str>],
    ) {
        let (Some(at), Some(secret)) = (part.get("token_pattern"), secrets.first()) else {
            return;
        };
        if let Some(described) = oracle::delivery_text(pattern) {
            let usual = Section::defaults(&CHALLENGES).text("token_pattern");
            self.report(at, oracle::wide(at.node.span, described, secret, usual));
        }
    }

    fn tokens(
        &mut self,
        part: Part<'a>,
        pattern: &regex::Regex,
    ) -> (Vec<ChallengeToken>, Vec<SignedText>) {
        let (mut tokens, mut signed) = (Vec::new(), Vec::new());
        for (entry, token) in
            part.get("tokens").into_iter().flat_map(Part::entries).collect::<Vec<_>>()
        {
            let secret: Box<str> = token.str("secret").unwrap_or("").into();
            if let Some(at) = token.get("secret") {
                self.known_secret(at, &secret);
            }
            let made = (
                token.str("hash").and_then(Hash::find),
                token.str("encoding").and_then(Encoding::find),
                token.get("payload").and_then(|part| self.program(part)),
            );
            if let (Some(hash), Some(encoding), Some(payload)) = made {
                let shown: Box<str> = token.str("payload").unwrap_or("").into();
                signed.push(SignedText { shown, path: payload.clone(), pattern: pattern.clone() });
                let name = entry.key.text.as_str().into();
                tokens.push(ChallengeToken { name, secret, hash, payload, encoding });
            }
        }
        (tokens, signed)
    }

    /// Refuses tokens that sign more than one path of the request with a secret that verifies
    /// deliveries: the sender could choose the whole text.
    fn refuse_computed_tokens(&mut self, part: Part<'a>) {
        let tokens = part.get("tokens").into_iter().flat_map(Part::entries).collect::<Vec<_>>();
        for (_, token) in tokens {
            let secret = token.str("secret").unwrap_or("");
            let Some(at) = token.get("payload").filter(|_| self.verifies_with(secret)) else {
                continue;
            };
            let source = at.node.as_str().unwrap_or("");
            let checked = self.engine.check(Source::new("payload", source));
            if checked.is_ok_and(|checked| !oracle::is_path(&checked)) {
                self.report(at, oracle::refused(at.node.span, secret));
            }
        }
    }

    fn verifies_with(&self, secret: &str) -> bool {
        self.verifying_secrets.iter().any(|one| &**one == secret)
    }

    /// Checks the programs of a challenge's response again, for their syntax trees.
    fn response_programs(&mut self, part: Part<'a>) -> Vec<Checked> {
        let body = part.get("body").and_then(|body| match body.node.as_str() {
            Some(text) => self.engine.check(Source::new("body", text)).ok(),
            None => self.engine.check_mapper_part(self.source_of(body).clone(), body.node).ok(),
        });
        let headers = part.get("headers").into_iter().flat_map(Part::entries);
        let headers = headers.filter_map(|(_, value)| match value.node.as_str() {
            Some(text) => self.engine.check_template(Source::new("header", text)).ok(),
            None => self.engine.check(Source::new("header", value.str("expr")?)).ok(),
        });
        body.into_iter().chain(headers).collect()
    }

    /// Finds request texts that a response signs. Each must match the token pattern. A response
    /// that signs anything else is rejected.
    fn signed_by_response(
        &mut self,
        part: Part<'a>,
        checked: &Checked,
        pattern: &regex::Regex,
        signed: &mut Vec<SignedText>,
        secrets: &mut Vec<Box<str>>,
    ) {
        let uses = oracle::uses(checked).into_iter();
        for use_of in
            uses.filter(|one| self.verifying_secrets.contains(&one.secret)).collect::<Vec<_>>()
        {
            match use_of.message.filter(|message| message.is_path) {
                Some(message) => {
                    if let Some(path) = self.compile_parsed(message.parsed) {
                        let shown = message.shown;
                        signed.push(SignedText { shown, path, pattern: pattern.clone() });
                        secrets.push(use_of.secret);
                    }
                }
                None if use_of.compares => {}
                None => {
                    let at = part.get("body").unwrap_or(part);
                    self.report(at, oracle::refused(at.node.span, &use_of.secret));
                }
            }
        }
    }

    /// Compiles the response to an accepted request. If any sender can send one, the response must
    /// not sign anything.
    pub(super) fn response(&mut self) -> Option<Reply> {
        let part = self.part("response")?;
        let programs = if self.secured { Vec::new() } else { self.response_programs(part) };
        for used in programs.iter().flat_map(oracle::uses).filter(|used| !used.compares) {
            if self.verifying_secrets.contains(&used.secret) {
                let at = part.get("body").unwrap_or(part);
                self.report(at, oracle::refused(at.node.span, &used.secret));
            }
        }
        Some(self.reply(part))
    }

    /// Returns the status of a response, as a number or with its words: `200 OK`.
    fn status(&mut self, part: Part<'a>) -> u16 {
        let given = part.get("status");
        let status = match given {
            Some(at) => at.node.as_count().or_else(|| leading_number(at.node.as_str()?)),
            None => Some(part.section("status").count("status")),
        };
        let status = status.and_then(|status| u16::try_from(status).ok());
        let status = status.filter(|status| (200..=599).contains(status));
        // The check against the schema has reported a number outside the range.
        if let (None, Some(at)) = (status, given.filter(|at| at.node.as_text().is_some())) {
            self.wrong(at, "a status is a number from 200 to 599: `200`, or `\"200 OK\"`");
        }
        status.unwrap_or_default()
    }

    pub(super) fn reply(&mut self, part: Part<'a>) -> Reply {
        let status = self.status(part);
        let mut headers = Vec::new();
        let given = part.get("headers").into_iter().flat_map(Part::entries).collect::<Vec<_>>();
        for (entry, value) in given.iter().copied() {
            let name = &*entry.key.text;
            // Names of headers are case-insensitive: that of the file replaces that of the recipe.
            let replaces = |(other, own): &(&Entry, Part<'_>)| {
                !own.of_recipe && other.key.text.eq_ignore_ascii_case(name)
            };
            if value.of_recipe && !part.of_recipe && given.iter().any(replaces) {
                continue;
            }
            if let Some(refused) = refused_header(name, value.node) {
                self.report(value, Diagnostic::new(Code::E0605, entry.key.span, refused));
            }
            let program = match value.get("expr") {
                Some(expr) => self.program(expr),
                None => self.template(value),
            };
            headers.extend(program.map(|program| (name.into(), program)));
        }
        let body = part.get("body").and_then(|part| self.program_or_mapper(part));
        Reply { status, headers, body }
    }
}

fn words(part: Part<'_>) -> Vec<Box<str>> {
    part.node.items().iter().filter_map(Node::as_str).map(Into::into).collect()
}

/// Parses the number at the start of a status: `200 OK`.
fn leading_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Returns an error for a header that belongs to the connection, for an invalid name, and for a
/// content type of HTML pages.
fn refused_header(name: &str, value: &Node) -> Option<String> {
    const CONNECTION: &[&str] = &[
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "upgrade",
        "te",
        "trailer",
    ];
    let lower = name.to_ascii_lowercase();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return Some(format!("`{name}` is no name of a header"));
    }
    if CONNECTION.contains(&lower.as_str()) {
        let allowed = quoted_list(CONNECTION);
        return Some(format!("the server sets {allowed} itself"));
    }
    let is_page = value.as_str().is_some_and(|text| text.to_ascii_lowercase().contains("html"));
    (lower == "content-type" && is_page)
        .then(|| "an answer to a sender is never a page; write `text/plain`".to_owned())
}
