//! Compiles a listener file to a listener: compiles every program, reads every secret, and reports
//! every error at its position.
//!
//! Reads neither files nor the environment itself: the caller does, through [`ConfigSource`].

mod checks;
mod definitions;
mod form_reads;
mod key_urls;
mod limits;
mod part;
mod parts;
mod programs;
mod secrets;

use std::collections::BTreeMap;

use self::form_reads::FormRead;
use self::part::Part;
use super::body::{BodyReader, Formats};
use super::config_keys::{FRAGMENT, GATEWAY_KEYS, LISTENER};
use super::lints;
use super::recipe::{Recipe, find_recipe, recipe_names};
use super::sources::{External, SecretSources, SourceRefusal, usual_sources};
use super::{Dedup, Events, Listener, Schema};
use crate::config::{Layer, Neighbour, mask};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, all_codes, did_you_mean};
use crate::document::{Content, Node};
use crate::engine::{
    DefinitionUses, Engine, OwnedValue, RootDeclaration, RuleSet, Secrets, Source, Type,
};
use crate::source::Span;
use crate::value::{OwnedObject, Projection, RepeatedKeys};

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
    /// The parts of the body that the programs of the file read, and that the form of the provider
    /// does not have.
    form_reads: Vec<FormRead>,
    /// True if a program of the file reads a field of that form.
    reads_form: bool,
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
            form_reads: Vec::new(),
            reads_form: false,
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
        self.know_repeated_keys();
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
            definition_uses: DefinitionUses::default(),
            conditions: RuleSet::default(),
            rate: self.rate(),
            retries: self.recipe.and_then(|recipe| recipe.retries),
            confirm: self.confirm(),
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
        listener.count_uses();
        listener.put_conditions_together();
        self.warn_of_no_verification();
        self.warn_of_limit(listener.rate);
        self.warn_of_form();
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

    fn formats(&mut self) -> Formats {
        let Some(part) = self.member("body", "format") else {
            return Formats::default();
        };
        if matches!(&part.node.content, Content::List(names) if names.is_empty()) {
            self.wrong(part, "without a format no body is read; `auto` reads every format");
        }
        match part.node.as_str() {
            Some("auto") => Formats::Auto,
            Some(only) => Formats::listed([only]),
            None => Formats::listed(part.node.items().iter().filter_map(Node::as_str)),
        }
    }

    fn body_reader(&mut self) -> BodyReader {
        BodyReader { formats: self.formats(), repeated: self.repeated_keys() }
    }

    fn repeated_keys(&mut self) -> RepeatedKeys {
        let given = self.member("json", "duplicate_keys").and_then(|part| part.node.as_str());
        let usual = || self.root().section("json").table("json").text("duplicate_keys");
        match given.unwrap_or_else(usual) {
            "last" => RepeatedKeys::LastCounts,
            _ => RepeatedKeys::Refuse,
        }
    }

    /// Lets `$PARSE_JSON` read repeated keys as the body does.
    fn know_repeated_keys(&mut self) {
        let repeated = self.repeated_keys();
        self.engine = self.engine.clone().repeated_keys(repeated);
        self.verifying = self.verifying.clone().repeated_keys(repeated);
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

    /// Warns about a variable of the recipe that is empty, as `init` writes it.
    fn warn_of_empty(&mut self, name: &str, part: Part<'_>, value: &OwnedValue) {
        let of_recipe = self.recipe.map(|recipe| recipe.vars.as_slice()).unwrap_or_default();
        let needed = of_recipe.iter().find(|var| var.name == name && var.default.is_none());
        let is_empty = matches!(value, OwnedValue::Text(text) if text.trim().is_empty());
        if let Some(var) = needed.filter(|_| is_empty) {
            let message = format!("`vars.{name}` is empty, so no request can be verified");
            let warning = Diagnostic::new(Code::W0616, part.node.span, message)
                .help(format!("it is {}", var.what));
            self.report_if_not_allowed(part.of_recipe, warning);
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
            self.warn_of_empty(&entry.key.text, part, &value);
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
}
