//! The URLs that a listener lets the gateway fetch: keys and confirmations. Fetches nothing.

use super::super::condition::Condition;
use super::super::confirm::Confirm;
use super::super::host_pattern::{FetchUrlError, HostPattern, HostPatternError, check_fixed};
use super::super::verify::KeyUrl;
use super::Assembly;
use super::part::Part;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{
    Context, Engine, Machine, OwnedValue, Program, Read, RootDeclaration, Source, UndeclaredRoots,
    Value,
};
use crate::program::Key;

impl<'a> Assembly<'a> {
    /// Returns the URL of a configuration.
    pub(super) fn fixed_url(&mut self, part: Part<'a>, vars: &OwnedValue) -> Option<KeyUrl> {
        let url = self.constant(part, vars)?;
        match check_fixed(&url) {
            Ok(()) => Some(KeyUrl::Fixed(url)),
            Err(error) => {
                let message = format!("the URL of the keys is not fetched: {error}");
                let wrong = Diagnostic::new(Code::E0605, part.node.span, message);
                self.report(part, wrong.help(advice(&error)));
                None
            }
        }
    }

    /// Returns the URL that a request names, with its host patterns.
    pub(super) fn named_url(&mut self, part: Part<'a>, url: Part<'a>) -> Option<KeyUrl> {
        let Some(hosts) = part.get("certificate_hosts") else {
            let message = "a URL that the request names needs `certificate_hosts`, so that a sender cannot name a host of its own";
            let wrong = Diagnostic::new(Code::E0605, url.node.span, message);
            self.report(url, wrong.help("write `certificate_hosts = [\"keys.example.com\"]`"));
            return None;
        };
        let hosts = self.hosts(hosts);
        let url = self.program(url)?;
        Some(KeyUrl::Named { url, hosts: hosts? })
    }

    /// Returns the host patterns of a list.
    fn hosts(&mut self, list: Part<'a>) -> Option<Vec<HostPattern>> {
        let parts: Vec<Part<'a>> = list.items().collect();
        if parts.is_empty() {
            self.wrong(list, "without a host no URL is allowed");
            return None;
        }
        let mut hosts = Vec::new();
        for part in &parts {
            match HostPattern::parse(part.node.as_str().unwrap_or("")) {
                Ok(pattern) => hosts.push(pattern),
                Err(error) => self.report_pattern(*part, &error),
            }
        }
        (hosts.len() == parts.len()).then_some(hosts)
    }

    fn report_pattern(&mut self, part: Part<'a>, error: &HostPatternError) {
        let help = match error {
            HostPatternError::Registrable(_) => {
                "name the owner's domain: `*.example.com`, `sns.*.amazonaws.com`"
            }
            _ => "write the name of a host alone: `keys.example.com`",
        };
        let wrong = Diagnostic::new(Code::E0605, part.node.span, error.to_string());
        self.report(part, wrong.help(help));
    }

    /// Returns the confirmation of a listener. Only a verified request may cause one.
    pub(super) fn confirm(&mut self) -> Option<Confirm> {
        let part = self.part("confirm")?;
        if !self.secured {
            let message = "a confirmation needs a verification that only the sender can pass, because the gateway fetches a URL for it";
            let wrong = Diagnostic::new(Code::E0605, part.node.span, message);
            self.report(
                part,
                wrong.help("write a `[[verify]]` with a signature, a public key or a token"),
            );
            return None;
        }
        for key in ["detect", "url", "hosts"].into_iter().filter(|key| part.get(key).is_none()) {
            let missing = format!("a confirmation has no `{key}`");
            let missing = Diagnostic::new(Code::E0603, part.node.span, missing);
            self.report(part, missing.help(format!("write `{key} = …` below `[confirm]`")));
        }
        let detect = part.get("detect").and_then(|part| self.program(part));
        let url = part.get("url").and_then(|part| self.program(part));
        let hosts = part.get("hosts").and_then(|part| self.hosts(part));
        Some(Confirm { detect: Condition::new(detect?), url: url?, hosts: hosts? })
    }

    /// Returns the string of a template, which may read `vars` and nothing of a request.
    pub(super) fn constant(&mut self, part: Part<'a>, vars: &OwnedValue) -> Option<Box<str>> {
        let text = part.node.as_text()?;
        if !text.value.contains("${") {
            return Some(text.value.as_str().into());
        }
        let engine = Engine::new().without_secrets().roots([RootDeclaration::new("vars")]);
        let engine = engine.strangers(UndeclaredRoots::Deny);
        let checked = match engine.check_template(Source::new(self.name_of(part), &*text.value)) {
            Ok(checked) => checked,
            Err(diagnostics) => {
                self.place(part, text, diagnostics.list, 0);
                return None;
            }
        };
        let program = self.lower(part, &checked)?;
        let mut context = Context::new();
        context.set("vars", vars);
        let mut machine = Machine::default();
        if let Some(missing) = missing(&program, vars) {
            self.wrong(part, format!("`{missing}` is not set"));
            return None;
        }
        match machine.eval(&program, &context) {
            Ok(value) => value.as_text().map(Into::into),
            Err(trap) => {
                self.wrong(part, trap.place_in(&program));
                None
            }
        }
    }
}

/// Returns the first path that a program reads and that is null.
fn missing(program: &Program, vars: &OwnedValue) -> Option<String> {
    let is_null = |read: &&Read| {
        let mut value = vars.borrow();
        for key in read.keys.iter() {
            let Key::Name(name) = key else {
                return false;
            };
            let member = value.as_object().and_then(|object| object.get(name));
            value = member.unwrap_or(Value::Null);
        }
        value.is_null()
    };
    program.reads().iter().find(is_null).map(ToString::to_string)
}

fn advice(error: &FetchUrlError) -> &'static str {
    match error {
        FetchUrlError::Scheme => "write a URL with `https`: `https://keys.example.com/jwks.json`",
        FetchUrlError::User => "remove the user name from the URL",
        FetchUrlError::Address => "write the name of a host in the place of the address",
        FetchUrlError::NotNormal => {
            "write the URL as a browser shows it: `https://keys.example.com/jwks.json`"
        }
        _ => "write the URL of the document alone: `https://keys.example.com/jwks.json`",
    }
}
