//! Compiles a listener file to a listener: compiles every program, reads every secret, and reports
//! every error at its position.
//!
//! Reads neither files nor the environment itself: the caller does, through [`ConfigSource`].

mod checks;
mod definitions;
mod limits;
mod part;
mod parts;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use self::part::Part;
use super::body::{BodyReader, Formats};
use super::config_keys::{FRAGMENT, GATEWAY_KEYS, LISTENER};
use super::lints;
use super::recipe::{Recipe, find_recipe, recipe_names, usual_encoding};
use super::secret::{self, Encoding};
use super::sources::{External, SecretSources, SourceRefusal, usual_sources};
use super::{Dedup, Events, Listener, Schema};
use crate::check::Checked;
use crate::config::{Layer, Neighbour, looks_like_name, mask};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, all_codes, did_you_mean};
use crate::document::{Content, Entry, Node, Text};
use crate::engine::{
    Engine, OwnedValue, Parsed, Program, RootDeclaration, RuleSet, Secrets, Source, Type,
};
use crate::source::Span;
use crate::value::{OwnedObject, Projection, RepeatedKeys};

/// Maximum number of active secrets with one name. Several are active during a key rotation.
const MAX_ACTIVE_SECRETS: usize = 16;

/// The caller's access to everything outside a listener file.
pub struct ConfigSource<'o> {
    /// Reads a file by its name relative to the configuration folder. An error is a message.
    pub file: &'o dyn Fn(&str) -> Result<Vec<u8>, String>,
    /// Reads an environment variable.
    pub environment: &'o dyn Fn(&str) -> Option<String>,
    /// Returns an error if a tenant may not use a source that its listener names.
    pub sources: &'o dyn Fn(&str, External<'_>) -> Result<(), SourceRefusal>,
    /// True if a missing secret is an error. Otherwise it is a warning.
    pub secrets_needed: bool,
    /// Variables that take precedence over those of the file.
    pub vars: Vec<(Box<str>, OwnedValue)>,
    /// Encoded secrets that replace those of the file, for tests.
    pub secrets: Vec<(String, Vec<String>)>,
    /// The URL that the provider posts to. It replaces the URL of the file.
    pub url: Option<String>,
}

impl ConfigSource<'static> {
    /// Returns a context without files and environment.
    pub fn empty() -> Self {
        Self {
            file: &|_| Err("there are no files here".to_owned()),
            environment: &|_| None,
            sources: &usual_sources,
            secrets_needed: true,
            vars: Vec::new(),
            secrets: Vec::new(),
            url: None,
        }
    }
}

/// The result of loading a listener file.
#[derive(Debug)]
pub struct Loaded {
    /// The listener, if the file has no errors.
    pub listener: Option<Listener>,
    /// The diagnostics, grouped by source: the file and its recipe.
    pub diagnostics: Vec<Diagnostics>,
    /// The sources of its secrets.
    pub sources: Option<SecretSources>,
}

impl Loaded {
    /// Creates the result for a file that cannot be read as a listener.
    fn unread(diagnostics: Diagnostics) -> Self {
        Self { listener: None, diagnostics: vec![diagnostics], sources: None }
    }

    /// Returns true if there is any error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostics::has_errors)
    }
}

/// Compiles a listener from the text of its file.
pub fn load(name: &str, text: &str, outside: &ConfigSource<'_>) -> Loaded {
    let (file, found) =
        match Layer::read_all(Source::new(name, text), &LISTENER, Some(&neighbour())) {
            Ok(read) => read,
            Err(diagnostics) => return Loaded::unread(diagnostics),
        };
    let recipe = match recipe_of(&file) {
        Ok(recipe) => recipe,
        Err(diagnostic) => {
            let told = found.into_iter().chain([diagnostic]).collect();
            return Loaded::unread(Diagnostics::new(file.source, told));
        }
    };
    let mut assembly = Assembly::new(&file, recipe, outside);
    // An unknown key does not prevent the checks of the other keys.
    assembly.told = found;
    let listener = assembly.listener();
    let sources = assembly.secret_sources();
    let (told, more) = (assembly.told, assembly.told_of_recipe);
    let shown = mask(file.source.clone(), &assembly.hidden);
    let mut diagnostics = vec![Diagnostics::new(shown, told)];
    if let Some(recipe) = recipe.filter(|_| !more.is_empty()) {
        diagnostics.push(Diagnostics::new(recipe.layer.source.clone(), more));
    }
    let mut loaded = Loaded { listener: None, diagnostics, sources: Some(sources) };
    if !loaded.has_errors() {
        loaded.listener = listener;
    }
    loaded
}

/// Returns the message for a variable that is not set. A text that is no name may be the secret.
fn no_variable(name: &str) -> String {
    if looks_like_name(name) {
        format!("there is no variable `{name}`: set it, `export {name}=…`")
    } else {
        "there is no variable of this name: `env` takes the name of a variable, not the secret"
            .to_owned()
    }
}

/// Returns the keys of the gateway, which do not belong into the file of a listener.
fn neighbour() -> Neighbour {
    Neighbour { file: "the gateway, `hookgate.toml`", keys: GATEWAY_KEYS.to_vec() }
}

fn recipe_of(file: &Layer) -> Result<Option<&'static Recipe>, Diagnostic> {
    let Some(provider) = file.root.get("provider") else {
        return Ok(None);
    };
    let name = provider.as_str().unwrap_or("");
    if let Some(recipe) = find_recipe(name) {
        return Ok(Some(recipe));
    }
    let help = did_you_mean(name, recipe_names())
        .unwrap_or_else(|| "`hookgate init` lists all recipes".to_owned());
    let message = format!("there is no recipe `{name}`");
    Err(Diagnostic::new(Code::E0605, provider.span, message).help(help))
}

/// The state of compiling a listener.
struct Assembly<'a> {
    file: &'a Layer,
    recipe: Option<&'static Recipe>,
    outside: &'a ConfigSource<'a>,
    /// The engine that compiles the programs of the listener.
    engine: Engine,
    /// The engine that compiles the rules of verifications.
    verifying: Engine,
    secrets: Secrets,
    /// The names of all secrets, including secrets that are not set.
    secret_names: Vec<Box<str>>,
    /// The names of `[define]`.
    definition_names: Vec<Box<str>>,
    /// The warnings of definitions, which their users repeat.
    told_of_definitions: Vec<(Code, String)>,
    /// The secrets that definitions read and the file does not define, as already reported.
    reported_secrets: Vec<Box<str>>,
    /// The sources of the secrets, with the position of each name.
    named: Vec<(External<'a>, Span)>,
    samples: Vec<OwnedValue>,
    /// The names of the secrets that verifications use.
    verifying_secrets: Vec<Box<str>>,
    /// True if an enforced verification requires a secret that only the sender has.
    secured: bool,
    told: Vec<Diagnostic>,
    told_of_recipe: Vec<Diagnostic>,
    /// Parts of the file that may be secrets, and that no message shows.
    hidden: Vec<Span>,
}

impl<'a> Assembly<'a> {
    fn new(
        file: &'a Layer,
        recipe: Option<&'static Recipe>,
        outside: &'a ConfigSource<'a>,
    ) -> Self {
        // Until verifications and challenges are compiled.
        let engine = Engine::for_requests().unverified(true);
        Self {
            file,
            recipe,
            outside,
            verifying: engine.clone().verification(),
            engine,
            secrets: Secrets::default(),
            secret_names: Vec::new(),
            definition_names: Vec::new(),
            told_of_definitions: Vec::new(),
            reported_secrets: Vec::new(),
            named: Vec::new(),
            samples: Vec::new(),
            verifying_secrets: Vec::new(),
            secured: false,
            told: Vec::new(),
            told_of_recipe: Vec::new(),
            hidden: Vec::new(),
        }
    }

    fn listener(&mut self) -> Option<Listener> {
        self.allow();
        let schema = self.schema();
        self.samples();
        self.know_body(schema.as_ref());
        self.read_secrets();
        self.define();
        let vars = self.vars();
        let (checks, lints) = self.checks(&vars);
        self.verifying_secrets = lints::verifies_with(&checks);
        self.secured = checks.iter().any(|check| check.enforce && check.is_secret());
        let challenges = self.challenges();
        self.engine = self.engine.clone().unverified(!self.secured);
        self.guard_rules(&checks, &lints, &challenges.patterns);
        let mut listener = Listener {
            id: self.required("id").to_ascii_lowercase().into(),
            name: self.required("name").into(),
            tenant: self.required("tenant").into(),
            url: self.url(),
            provider: self.recipe.map(|recipe| recipe.name.into()),
            methods: self.methods(),
            max_body: self.max_body(),
            capture: self.root().flag("capture"),
            body: self.body_reader(),
            event_types: self.event_types(),
            redaction: self.redaction(&checks),
            vars,
            secrets: Secrets::default(),
            checks,
            challenges: challenges.challenges,
            token_patterns: challenges.patterns,
            wanted: Projection::whole(),
            conditions: RuleSet::default(),
            rate: self.rate(),
            retries: self.recipe.and_then(|recipe| recipe.retries),
            schema,
            filter: self.filter(),
            dedup: Dedup::default(),
            events: Events::default(),
            response: None,
        };
        listener.events = self.events();
        listener.response = self.response();
        listener.secrets = self.secrets.clone();
        listener.redaction.know(&listener.secrets);
        listener.dedup = self.dedup(&listener);
        listener.find_wanted();
        listener.put_conditions_together();
        self.warn_of_no_verification();
        self.warn_of_limit(listener.rate);
        lints::listener(&listener, &lints, |of_recipe, diagnostic| {
            self.report_if_not_allowed(of_recipe, diagnostic);
        });
        Some(listener)
    }

    /// Returns true if a verification is enforced.
    fn verifies(&self) -> bool {
        self.parts("verify").iter().any(|part| part.flag("enforce"))
    }

    /// Returns the position for a message about the whole listener.
    fn name_span(&self) -> Span {
        self.file.root.get("name").map_or(Span::default(), |node| node.span)
    }

    /// Warns if no verification is enforced, unless there is an error: a misspelt key may be why.
    fn warn_of_no_verification(&mut self) {
        if self.told.iter().any(Diagnostic::is_error) || self.verifies() {
            return;
        }
        let span = self.name_span();
        let message =
            "this listener enforces no verification, so it accepts the requests of every sender";
        let help =
            "write a `[[verify]]` table, or `allow = [\"W0608\"]` if every sender is welcome";
        self.report_if_not_allowed(false, Diagnostic::new(Code::W0608, span, message).help(help));
    }

    fn formats(&self) -> Formats {
        let Some(part) = self.member("body", "format") else {
            return Formats::default();
        };
        match part.node.as_str() {
            Some("auto") => Formats::Auto,
            Some(only) => Formats::listed([only]),
            None => Formats::listed(part.node.items().iter().filter_map(Node::as_str)),
        }
    }

    fn body_reader(&self) -> BodyReader {
        let given = self.member("json", "duplicate_keys").and_then(|part| part.node.as_str());
        let usual = || self.root().section("json").table("json").text("duplicate_keys");
        BodyReader {
            formats: self.formats(),
            repeated: match given.unwrap_or_else(usual) {
                "last" => RepeatedKeys::LastCounts,
                _ => RepeatedKeys::Refuse,
            },
        }
    }

    fn url(&mut self) -> Option<Box<str>> {
        let own = self.own("url");
        let given = self.outside.url.as_deref();
        let url = given.or_else(|| own.and_then(|part| part.node.as_str()))?;
        let whole = url.starts_with("https://") || url.starts_with("http://");
        if let (Some(part), true) = (own, !whole || url.contains(['?', '#', ' '])) {
            self.wrong(part, "a URL has a scheme, and no query: `https://example.com/hook`");
        }
        Some(url.into())
    }

    /// Returns the listener file as a part.
    fn root(&self) -> Part<'a> {
        Part::root(&self.file.root, &LISTENER, false)
    }

    /// Returns a part of the file.
    fn own(&self, key: &str) -> Option<Part<'a>> {
        self.root().get(key)
    }

    /// Returns a part of the configuration: the file, merged key by key with the recipe.
    fn part(&self, key: &str) -> Option<Part<'a>> {
        self.root().over(self.recipe_root()).get(key)
    }

    /// Returns a member of a table: from the file, or otherwise from the recipe.
    fn member(&self, table: &str, key: &str) -> Option<Part<'a>> {
        self.part(table)?.get(key)
    }

    fn recipe_root(&self) -> Option<&'static Node> {
        self.recipe?.layer.root.get("listener")
    }

    fn recipe_part(&self, key: &str) -> Option<Part<'a>> {
        Part::root(self.recipe_root()?, &FRAGMENT, true).get(key)
    }

    /// Returns the source that contains a part.
    fn source_of(&self, part: Part<'_>) -> &Source {
        match self.recipe {
            Some(recipe) if part.of_recipe => &recipe.layer.source,
            _ => &self.file.source,
        }
    }

    /// Returns the items of a list that the file extends: those of the recipe, then those of the
    /// file.
    fn parts(&self, key: &str) -> Vec<Part<'a>> {
        self.recipe_part(key).into_iter().chain(self.own(key)).flat_map(Part::items).collect()
    }

    /// Returns a required string. The schema check has already reported a missing one.
    fn required(&self, key: &str) -> &'a str {
        self.file.root.get(key).and_then(Node::as_str).unwrap_or("")
    }

    fn report(&mut self, part: Part<'_>, diagnostic: Diagnostic) {
        if part.of_recipe {
            self.told_of_recipe.push(diagnostic);
        } else {
            self.told.push(diagnostic);
        }
    }

    fn report_if_not_allowed(&mut self, of_recipe: bool, diagnostic: Diagnostic) {
        if diagnostic.is_error() || !self.engine.host().allowed.contains(&diagnostic.code) {
            let list = if of_recipe { &mut self.told_of_recipe } else { &mut self.told };
            list.push(diagnostic);
        }
    }

    fn wrong(&mut self, part: Part<'_>, message: impl Into<String>) {
        self.report(part, Diagnostic::new(Code::E0605, part.node.span, message));
    }

    fn allow(&mut self) {
        let mut codes = Vec::new();
        let own = self.own("allow").into_iter();
        for part in own.chain(self.recipe_part("allow")).flat_map(Part::items).collect::<Vec<_>>() {
            match part.node.as_str().and_then(Code::find) {
                Some(code) => codes.push(code),
                None => self.unknown_code(part),
            }
        }
        self.engine = self.engine.clone().allow(codes.iter().copied());
        self.verifying = self.engine.clone().verification();
    }

    fn unknown_code(&mut self, part: Part<'_>) {
        let name = part.node.as_str().unwrap_or("");
        let near = did_you_mean(&name.to_uppercase(), all_codes().map(|row| row.code.name()));
        let help = near.unwrap_or_else(|| "`hookgate explain-code` lists all codes".to_owned());
        let message = format!("there is no code `{name}`");
        self.report(part, Diagnostic::new(Code::E0605, part.node.span, message).help(help));
    }

    /// Reads a file that the configuration names.
    fn file(&mut self, part: Part<'_>) -> Option<Vec<u8>> {
        let name = part.node.as_str()?;
        if !self.may_use(part, External::File(name)) {
            return None;
        }
        match (self.outside.file)(name) {
            Ok(content) => Some(content),
            Err(reason) => {
                let message = format!("cannot read `{name}`: {reason}");
                self.report(part, Diagnostic::new(Code::E0607, part.node.span, message));
                None
            }
        }
    }

    /// Returns true if the tenant may use a source. Otherwise reports an error.
    fn may_use(&mut self, part: Part<'_>, external: External<'_>) -> bool {
        let tenant = self.required("tenant");
        let Err(SourceRefusal { reason, help }) = (self.outside.sources)(tenant, external) else {
            return true;
        };
        let message = format!("the tenant `{tenant}` may not use {external}: {reason}");
        self.report(part, Diagnostic::new(Code::E0609, part.node.span, message).help(help));
        false
    }

    /// Returns the sources of the secrets, for a comparison with those of other listeners.
    fn secret_sources(&self) -> SecretSources {
        let span = self.name_span();
        let mut sources = SecretSources {
            tenant: self.required("tenant").into(),
            name: (self.required("name").into(), span),
            may_share_name: self.engine.host().allowed.contains(&Code::W0610),
            source: self.file.source.clone(),
            may_share: self.engine.host().allowed.contains(&Code::W0607),
            named: Vec::new(),
        };
        self.named.iter().for_each(|(external, span)| sources.add(*external, *span));
        sources
    }

    fn samples(&mut self) {
        for part in self.own("samples").into_iter().flat_map(Part::items) {
            let Some(content) = self.file(part) else {
                continue;
            };
            match crate::value::read_json(&content) {
                Ok(value) => self.samples.push(value),
                Err(error) => self.wrong(part, format!("the sample is no JSON: {error}")),
            }
        }
    }

    /// Declares the type of the body to the type checker: from the schema, or otherwise from the
    /// samples.
    fn know_body(&mut self, schema: Option<&Schema>) {
        let sampled = || self.samples.iter().map(Type::of_sample).reduce(Type::or);
        let value_type = schema.map(|schema| schema.value_type.clone()).or_else(sampled);
        if let Some(value_type) = value_type {
            let root = RootDeclaration::new("parsed_body").of(value_type.not_null());
            self.engine = self.engine.clone().roots([root.clone()]);
            self.verifying = self.verifying.clone().roots([root]);
        }
    }

    fn read_secrets(&mut self) {
        let named: Vec<(&Entry, Part<'a>)> =
            self.own("secrets").into_iter().flat_map(Part::entries).collect();
        for (entry, part) in named {
            let name = &*entry.key.text;
            self.secret_names.push(name.into());
            if self.outside.secrets.iter().any(|(given, _)| given == name) {
                continue;
            }
            let sources: Vec<Part<'a>> =
                if part.node.entries().is_empty() { part.items().collect() } else { vec![part] };
            // The check against the schema has reported a value that is neither a table nor a list.
            let is_list = matches!(part.node.content, Content::List(_));
            if sources.is_empty() && is_list {
                self.unset(part, format!("the secret `{name}` is not set"), None);
            }
            if sources.len() > MAX_ACTIVE_SECRETS {
                // Each active secret adds one hash of a forged request.
                self.wrong(
                    part,
                    format!("at most {MAX_ACTIVE_SECRETS} secrets are active at once"),
                );
                continue;
            }
            for source in sources {
                self.read_secret(name, source);
            }
        }
        self.take_given_secrets();
        self.require_secrets();
    }

    /// Returns the encoding of a secret: the given one, or otherwise that of the recipe.
    fn encoding_of(&self, name: &str, given: Option<&str>) -> Encoding {
        let secrets = self.recipe.map(|recipe| recipe.secrets.as_slice()).unwrap_or_default();
        let of_recipe = || {
            let found = secrets.iter().find(|secret| secret.name == name);
            found.map_or_else(usual_encoding, |secret| secret.encoding)
        };
        given.and_then(Encoding::find).unwrap_or_else(of_recipe)
    }

    fn take_given_secrets(&mut self) {
        for (name, active) in &self.outside.secrets {
            let file = self.file.root.get("secrets").and_then(|secrets| secrets.get(name));
            let own = file.and_then(|secret| secret.get("encoding")).and_then(Node::as_str);
            let encoding = self.encoding_of(name, own);
            self.secret_names.push(name.as_str().into());
            for secret in active {
                if let Err(message) = secret::decode(&mut self.secrets, name, secret, encoding) {
                    self.told.push(Diagnostic::new(Code::E0606, Span::default(), message));
                }
            }
        }
    }

    fn read_secret(&mut self, name: &str, part: Part<'a>) {
        let encoding = self.encoding_of(name, part.str("encoding"));
        let text = |at: Part<'a>| at.node.as_str().unwrap_or("");
        let (external, at) = match (part.get("env"), part.get("file")) {
            (Some(at), _) => (External::SecretVariable(text(at)), at),
            (_, Some(at)) => (External::SecretFile(text(at)), at),
            _ => return,
        };
        if !self.may_use(at, external) {
            return;
        }
        self.named.push((external, at.node.span));
        let content = match self.content_of(external) {
            Ok(content) => content,
            Err(reason) => {
                let message = format!("the secret `{name}` is not set");
                return self.unset(at, message, Some(reason));
            }
        };
        let added = secret::decode(&mut self.secrets, name, &content, encoding);
        if let Err(message) = added {
            return self.unset(at, message, secret::advice(&content, encoding));
        }
        let is_stated = self.recipe.is_some() || part.get("encoding").is_some();
        if let Some((message, help)) = secret::doubt(name, &content, encoding, is_stated) {
            let warning = Diagnostic::new(Code::W0613, at.node.span, message).help(help);
            self.report_if_not_allowed(part.of_recipe, warning);
        }
    }

    /// Reads the secret from a source. An error is a message.
    fn content_of(&self, external: External<'_>) -> Result<Zeroizing<String>, String> {
        let content = match external {
            External::SecretVariable(variable) => {
                (self.outside.environment)(variable).ok_or_else(|| no_variable(variable))
            }
            External::SecretFile(file) | External::File(file) => (self.outside.file)(file)
                .map_err(|reason| format!("cannot read `{file}`: {reason}"))
                .and_then(|bytes| {
                    String::from_utf8(bytes).map_err(|_| format!("`{file}` is not UTF-8 text"))
                }),
        };
        content.map(Zeroizing::new)
    }

    fn unset(&mut self, part: Part<'_>, message: String, reason: Option<String>) {
        let code = if self.outside.secrets_needed { Code::E0606 } else { Code::W0606 };
        let diagnostic = Diagnostic::new(code, part.node.span, message).maybe_help(reason);
        self.report_if_not_allowed(part.of_recipe, diagnostic);
    }

    /// Reports secrets that the recipe requires and the file does not define.
    fn require_secrets(&mut self) {
        let Some(recipe) = self.recipe else {
            return;
        };
        let span = self.file.root.get("provider").map_or(Span::default(), |node| node.span);
        for secret in &recipe.secrets {
            if secret.optional || self.secret_names.iter().any(|name| **name == *secret.name) {
                continue;
            }
            let message =
                format!("`{}` needs the secret `{}`: {}", recipe.name, secret.name, secret.what);
            let help = format!(
                "write `[secrets]` and below it `{} = {{ env = \"{}\" }}`",
                secret.name, secret.name
            );
            self.told.push(Diagnostic::new(Code::E0606, span, message).help(help));
        }
    }

    fn vars(&mut self) -> OwnedValue {
        let mut vars: BTreeMap<Box<str>, OwnedValue> = BTreeMap::new();
        let of_recipe = self.recipe.map(|recipe| recipe.vars.as_slice()).unwrap_or_default();
        for var in of_recipe {
            if let Some(default) = &var.default {
                vars.insert(var.name.as_str().into(), default.clone());
            }
        }
        for (entry, part) in self.own("vars").into_iter().flat_map(Part::entries) {
            let value = entry.value.to_value();
            if entry.key.text == "tolerance" && !checks::is_tolerance(&value) {
                self.wrong(part, "a tolerance is a time span as `10m`, seconds, or `off`");
            }
            vars.insert(entry.key.text.as_str().into(), value);
        }
        for (name, value) in &self.outside.vars {
            vars.insert(name.clone(), value.clone());
        }
        let span = self.file.root.get("provider").map_or(Span::default(), |node| node.span);
        for var in of_recipe.iter().filter(|var| !vars.contains_key(&*var.name)) {
            let message = format!("this recipe needs `vars.{}`: {}", var.name, var.what);
            let help = format!("write `[vars]` and below it `{} = \"…\"`", var.name);
            self.told.push(Diagnostic::new(Code::E0603, span, message).help(help));
        }
        OwnedValue::Object(OwnedObject::new(vars.into_iter().collect()).0)
    }

    /// Checks an expression and reports its errors at their positions in the file.
    fn checked(&mut self, part: Part<'_>, engine: &Engine) -> Option<Checked> {
        let text = part.node.as_text()?;
        self.checked_text(part, text, engine, &text.value, 0)
    }

    /// Checks an expression that is wrapped in other source text. It starts `before` bytes into
    /// that source.
    fn checked_text(
        &mut self,
        part: Part<'_>,
        text: &Text,
        engine: &Engine,
        source: &str,
        before: usize,
    ) -> Option<Checked> {
        let name = self.name_of(part);
        match engine.check(Source::new(name, source)) {
            Ok(checked) => {
                let warnings = self.own_warnings(&checked, engine.host().verification);
                self.place(part, text, warnings, before);
                self.known_secrets(part, &checked);
                Some(checked)
            }
            Err(diagnostics) => {
                self.place(part, text, diagnostics.list, before);
                None
            }
        }
    }

    fn name_of(&self, part: Part<'_>) -> String {
        let source = self.source_of(part);
        let line = source.position(part.node.span.start as usize).line;
        format!("{}:{line}", source.name())
    }

    fn place(&mut self, part: Part<'_>, text: &Text, list: Vec<Diagnostic>, before: usize) {
        let length = text.value.len();
        for mut one in list {
            for label in &mut one.labels {
                let moved = |at: u32| (at as usize).saturating_sub(before).min(length);
                label.span = Span::new(moved(label.span.start), moved(label.span.end));
            }
            // A text in TOML whose author expects its quotes to be those of the expression.
            if one.code == Code::E0102 && text.value.chars().all(is_word) {
                let word = &text.value;
                one.help = Some(format!(
                    "did you mean `parsed_body.{word}`? A string has quotes inside those of TOML: `'\"{word}\"'`"
                ));
            }
            self.report(part, text.placed(one));
        }
    }

    /// Reports secrets that an expression reads and the file does not define.
    fn known_secrets(&mut self, part: Part<'_>, checked: &Checked) {
        let mut names: Vec<&str> = checked.secrets.values().map(|name| &**name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            if !self.reported_secrets.iter().any(|known| **known == *name) {
                self.known_secret(part, name);
            }
        }
    }

    fn known_secret(&mut self, part: Part<'_>, name: &str) {
        // Missing secrets of a recipe were already reported.
        if part.of_recipe || self.secret_names.iter().any(|known| **known == *name) {
            return;
        }
        let near = did_you_mean(name, self.secret_names.iter().map(|name| &**name));
        if near.is_none() && !looks_like_name(name) {
            return self.secret_for_name(part, name);
        }
        let help = near.unwrap_or_else(|| {
            format!("write `[secrets]` and below it `{name} = {{ env = \"{name}\" }}`")
        });
        let message = format!("the listener has no secret `{name}`");
        self.report(part, Diagnostic::new(Code::E0606, part.node.span, message).help(help));
    }

    /// Reports a text in the place of a secret's name that may be the secret itself. Neither the
    /// message nor its line shows it.
    fn secret_for_name(&mut self, part: Part<'_>, text: &str) {
        let whole = part.node.span;
        let written = self.file.source.text().get(whole.range()).unwrap_or("");
        let found = written.find(text).map(|at| whole.range().start + at);
        self.hidden.push(found.map_or(whole, |at| Span::new(at, at + text.len())));
        let help = "the secret itself belongs into a variable or a file: write its name here, and \
                    `[secrets]` with `NAME = { env = \"NAME\" }`";
        let message = "the listener has no secret of this name";
        self.report(part, Diagnostic::new(Code::E0606, whole, message).help(help));
    }

    /// Compiles a part of a program that was checked.
    fn compile_parsed(&self, parsed: Parsed) -> Option<Program> {
        let checked = self.engine.check_parsed(parsed).ok()?;
        self.engine.lower(&checked).ok()
    }

    fn program(&mut self, part: Part<'_>) -> Option<Program> {
        let engine = self.engine.clone();
        let checked = self.checked(part, &engine)?;
        self.lower(part, &checked)
    }

    fn lower(&mut self, part: Part<'_>, checked: &Checked) -> Option<Program> {
        match self.engine.lower(checked) {
            Ok(program) => Some(program),
            Err(diagnostics) => {
                let told = diagnostics.list.into_iter().next();
                let message = told.map(|one| one.message).unwrap_or_default();
                self.report(part, Diagnostic::new(Code::E0019, part.node.span, message));
                None
            }
        }
    }

    /// Compiles an expression, or a mapper written as a table.
    fn program_or_mapper(&mut self, part: Part<'_>) -> Option<Program> {
        if part.node.as_text().is_some() {
            return self.program(part);
        }
        let source = self.source_of(part).clone();
        match self.engine.check_mapper_part(source, part.node) {
            Ok(checked) => {
                for one in self.own_warnings(&checked, false) {
                    self.report(part, one);
                }
                self.known_secrets(part, &checked);
                self.lower(part, &checked)
            }
            Err(diagnostics) => {
                for one in diagnostics.list {
                    self.report(part, one);
                }
                None
            }
        }
    }

    /// Compiles a string template, such as a header value.
    fn template(&mut self, part: Part<'_>) -> Option<Program> {
        let text = part.node.as_text()?;
        let name = self.name_of(part);
        match self.engine.check_template(Source::new(name, text.value.as_str())) {
            Ok(checked) => {
                let warnings = self.own_warnings(&checked, false);
                self.place(part, text, warnings, 0);
                self.known_secrets(part, &checked);
                self.lower(part, &checked)
            }
            Err(diagnostics) => {
                self.place(part, text, diagnostics.list, 0);
                None
            }
        }
    }
}

/// Returns true if a character can be part of a name.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
