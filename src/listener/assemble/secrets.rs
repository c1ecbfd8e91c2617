//! The secrets of a listener: where their values come from, and the names that its programs use.
//! Reads neither files nor the environment itself.

use zeroize::Zeroizing;

use super::Assembly;
use super::part::Part;
use crate::check::Checked;
use crate::config::looks_like_name;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::document::{Content, Entry, Node};
use crate::listener::recipe::usual_encoding;
use crate::listener::secret::{self, Encoding};
use crate::listener::sources::{External, SecretSources};
use crate::source::Span;

/// Maximum number of active secrets with one name. Several are active during a key rotation.
const MAX_ACTIVE_SECRETS: usize = 16;

impl<'a> Assembly<'a> {
    /// Returns the sources of the secrets, for a comparison with those of other listeners.
    pub(super) fn secret_sources(&self) -> SecretSources {
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

    pub(super) fn read_secrets(&mut self) {
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
    pub(super) fn encoding_of(&self, name: &str, given: Option<&str>) -> Encoding {
        let secrets = self.recipe.map(|recipe| recipe.secrets.as_slice()).unwrap_or_default();
        let of_recipe = || {
            let found = secrets.iter().find(|secret| secret.name == name);
            found.map_or_else(usual_encoding, |secret| secret.encoding)
        };
        given.and_then(Encoding::find).unwrap_or_else(of_recipe)
    }

    pub(super) fn take_given_secrets(&mut self) {
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

    pub(super) fn read_secret(&mut self, name: &str, part: Part<'a>) {
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
            return self.unset(at, message, secret::advice(&content));
        }
        let is_stated = self.recipe.is_some() || part.get("encoding").is_some();
        if let Some((message, help)) = secret::doubt(name, &content, encoding, is_stated) {
            let warning = Diagnostic::new(Code::W0613, at.node.span, message).help(help);
            self.report_if_not_allowed(part.of_recipe, warning);
        }
    }

    /// Reads the secret from a source. An error is a message.
    pub(super) fn content_of(&self, external: External<'_>) -> Result<Zeroizing<String>, String> {
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

    pub(super) fn unset(&mut self, part: Part<'_>, message: String, reason: Option<String>) {
        let code = if self.outside.secrets_needed { Code::E0606 } else { Code::W0606 };
        let diagnostic = Diagnostic::new(code, part.node.span, message).maybe_help(reason);
        self.report_if_not_allowed(part.of_recipe, diagnostic);
    }

    /// Reports secrets that the recipe requires and the file does not define.
    pub(super) fn require_secrets(&mut self) {
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

    /// Reports secrets that an expression reads and the file does not define.
    pub(super) fn known_secrets(&mut self, part: Part<'_>, checked: &Checked) {
        let mut names: Vec<&str> = checked.secrets.values().map(|name| &**name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            if !self.reported_secrets.iter().any(|known| **known == *name) {
                self.known_secret(part, name);
            }
        }
    }

    pub(super) fn known_secret(&mut self, part: Part<'_>, name: &str) {
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
    pub(super) fn secret_for_name(&mut self, part: Part<'_>, text: &str) {
        let whole = part.node.span;
        let written = self.file.source.text().get(whole.range()).unwrap_or("");
        let found = written.find(text).map(|at| whole.range().start + at);
        self.hidden.push(found.map_or(whole, |at| Span::new(at, at + text.len())));
        let help = "the secret itself belongs into a variable or a file: write its name here, and \
                    `[secrets]` with `NAME = { env = \"NAME\" }`";
        let message = "the listener has no secret of this name";
        self.report(part, Diagnostic::new(Code::E0606, whole, message).help(help));
    }
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
