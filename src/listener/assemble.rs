//! Compiles a listener file to a listener: compiles every program, reads every secret, and reports
//! every error at its position.
//!
//! Reads neither files nor the environment itself: the caller does, through [`ConfigSource`].

mod checks;
mod part;
mod parts;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use self::part::Part;
use super::config_keys::{FRAGMENT, GATEWAY_KEYS, LISTENER};
use super::lints;
use super::masked::masked;
use super::recipe::{Recipe, find_recipe, recipe_names, usual_encoding};
use super::secret::{self, Encoding};
use super::sources::{External, SecretSources, SourceRefusal, usual_sources};
use super::{Dedup, Events, Listener, Schema};
use crate::check::Checked;
use crate::config::{Layer, Neighbour};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, all_codes, nearest};
use crate::document::{Content, Entry, Node, Text};
use crate::engine::{
    Engine, OwnedValue, Program, RootDeclaration, RuleSet, Secrets, Source, Type, request_roots,
};
use crate::source::Span;
use crate::value::{OwnedObject, Projection};

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
    let (mut file, found) =
        match Layer::read_all(Source::new(name, text), &LISTENER, Some(&neighbour())) {
            Ok(read) => read,
            Err(diagnostics) => return Loaded::unread(diagnostics),
        };
    file.source = masked(file.source, &file.root);
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
    let mut diagnostics = vec![Diagnostics::new(file.source.clone(), told)];
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
    let help = match nearest(name, recipe_names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`hookgate init` lists all recipes".to_owned(),
    };
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
    /// The sources of the secrets, with the position of each name.
    named: Vec<(External<'a>, Span)>,
    samples: Vec<OwnedValue>,
    /// The names of the secrets that verifications use.
    verifying_secrets: Vec<Box<str>>,
    /// True if an enforced verification requires a secret that only the sender has.
    secured: bool,
    told: Vec<Diagnostic>,
    told_of_recipe: Vec<Diagnostic>,
}

impl<'a> Assembly<'a> {
    fn new(
        file: &'a Layer,
        recipe: Option<&'static Recipe>,
        outside: &'a ConfigSource<'a>,
    ) -> Self {
        let engine = Engine::for_requests();
        Self {
            file,
            recipe,
            outside,
            verifying: engine.clone().verification(),
            engine,
            secrets: Secrets::default(),
            secret_names: Vec::new(),
            named: Vec::new(),
            samples: Vec::new(),
            verifying_secrets: Vec::new(),
            secured: false,
            told: Vec::new(),
            told_of_recipe: Vec::new(),
        }
    }

    fn listener(&mut self) -> Option<Listener> {
        self.allow();
        let schema = self.schema();
        self.samples();
        self.know_body(schema.as_ref());
        self.read_secrets();
        let vars = self.vars();
        let (checks, lints) = self.checks(&vars);
        self.verifying_secrets = lints::verifies_with(&checks);
        self.secured = checks.iter().any(|check| check.enforce && check.is_secret());
        let challenges = self.challenges();
        self.guard_rules(&checks, &lints, &challenges.patterns);
        let mut listener = Listener {
            id: self.required("id").to_ascii_lowercase().into(),
            name: self.required("name").into(),
            tenant: self.required("tenant").into(),
            url: self.url(),
            provider: self.recipe.map(|recipe| recipe.name.into()),
            methods: self.methods(),
            capture: self.root().flag("capture"),
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
        lints::listener(&listener, &lints, |of_recipe, diagnostic| {
            self.report_if_not_allowed(of_recipe, diagnostic);
        });
        Some(listener)
    }

    /// Warns if no verification is enforced, unless there is an error: a misspelt key may be why.
    fn warn_of_no_verification(&mut self) {
        let is_enforced =
            |part: &Part<'_>| part.node.get("enforce").and_then(Node::as_bool) != Some(false);
        let has_errors = self.told.iter().any(Diagnostic::is_error);
        if has_errors || self.parts("verify").iter().any(is_enforced) {
            return;
        }
        let span = self.file.root.get("name").map_or(Span::default(), |node| node.span);
        let message =
            "this listener enforces no verification, so it accepts the requests of every sender";
        let help =
            "write a `[[verify]]` table, or `allow = [\"W0608\"]` if every sender is welcome";
        self.report_if_not_allowed(false, Diagnostic::new(Code::W0608, span, message).help(help));
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

    /// Returns a part of the configuration: from the file, or otherwise from the recipe.
    fn part(&self, key: &str) -> Option<Part<'a>> {
        self.own(key).or_else(|| self.recipe_part(key))
    }

    /// Returns a member of a table: from the file, or otherwise from the recipe.
    fn member(&self, table: &str, key: &str) -> Option<Part<'a>> {
        let own = self.own(table).and_then(|table| table.get(key));
        own.or_else(|| self.recipe_part(table)?.get(key))
    }

    fn recipe_part(&self, key: &str) -> Option<Part<'a>> {
        let node = self.recipe?.layer.root.get("listener")?;
        Part::root(node, &FRAGMENT, true).get(key)
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
        let own = self.part("allow").into_iter();
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
        let near = nearest(&name.to_uppercase(), all_codes().map(|row| row.code.name()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`hookgate explain-code` lists all codes".to_owned(),
        };
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
        let span = self.file.root.get("name").map_or(Span::default(), |node| node.span);
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
            self.unset(at, message, None);
        }
    }

    /// Reads the secret from a source. An error is a message.
    fn content_of(&self, external: External<'_>) -> Result<Zeroizing<String>, String> {
        let content = match external {
            External::SecretVariable(variable) => {
                (self.outside.environment)(variable).ok_or_else(|| {
                    format!("there is no variable `{variable}`: set it, `export {variable}=…`")
                })
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
                self.place(part, text, checked.warnings.clone(), before);
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
        let source = match self.recipe {
            Some(recipe) if part.of_recipe => &recipe.layer.source,
            _ => &self.file.source,
        };
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
            self.known_secret(part, name);
        }
    }

    fn known_secret(&mut self, part: Part<'_>, name: &str) {
        // Missing secrets of a recipe were already reported.
        if part.of_recipe || self.secret_names.iter().any(|known| **known == *name) {
            return;
        }
        let near = nearest(name, self.secret_names.iter().map(|name| &**name));
        let help = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_else(|| {
            format!("write `[secrets]` and below it `{name} = {{ env = \"{name}\" }}`")
        });
        let message = format!("the listener has no secret `{name}`");
        self.report(part, Diagnostic::new(Code::E0606, part.node.span, message).help(help));
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
        let source = match self.recipe {
            Some(recipe) if part.of_recipe => recipe.layer.source.clone(),
            _ => self.file.source.clone(),
        };
        match self.engine.check_mapper_part(source, part.node) {
            Ok(checked) => {
                for one in checked.warnings.clone() {
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
                self.place(part, text, checked.warnings.clone(), 0);
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

/// Returns true if a name is a request variable.
fn is_root(name: &str) -> bool {
    request_roots().iter().any(|root| *root.name == *name)
}
