//! `hookgate init`: writes a listener for a provider, ready to be completed.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::configuration::folder_option;
use super::names::hint_or;
use super::output::{self, Format};
use super::tenants::tenant_id;
use super::{Error, Exit, providers};
use crate::gateway::{SETTINGS_FILE, Settings};
use crate::listener::rate::Policy;
use crate::listener::{Recipe, find_recipe, recipe_names};

/// The arguments of `init`.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Provider; without it, lists all providers
    provider: Option<String>,
    /// Folder with `hookgate.toml` and `listeners/`; missing ones are created
    #[arg(long, short = 'C', value_name = "FOLDER", default_value = ".")]
    config: PathBuf,
    /// Name of the listener and of its file
    #[arg(long)]
    name: Option<String>,
    /// Tenant that the events belong to
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Write only the listener's file, to standard output
    #[arg(long)]
    print: bool,
    /// Write the page of all providers: the signed and the unsigned parts of their requests
    #[arg(long, conflicts_with = "provider")]
    markdown: bool,
}

const PUBLIC_URL: &str = "https://hooks.example.com";

impl Init {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let Some(provider) = &self.provider else {
            output::print_text(&if self.markdown { providers::page() } else { list() })?;
            return Ok(Exit::Done);
        };
        let recipe = find_recipe(&provider.to_lowercase()).ok_or_else(|| unknown(provider))?;
        let name = self.name.clone().unwrap_or_else(|| recipe.name.to_owned());
        if name.contains(['/', '\\', '"', '\n']) || name.starts_with('.') || name.is_empty() {
            return Err(Error::Usage(format!("`{name}` is no name of a file")));
        }
        tenant_id(&self.tenant)?;
        let id = uuid::Uuid::new_v4().to_string();
        let file = listener_file(recipe, &id, &name, &self.tenant);
        if self.print {
            output::print_text(&file)?;
            return Ok(Exit::Done);
        }
        let public_url = self.gateway_file()?;
        let path = self.config.join("listeners").join(format!("{name}.toml"));
        write_new(&path, &file)?;
        let url = format!("{public_url}/webhooks/v1/listeners/{id}/notify");
        let steps = steps(recipe, &url, &path.display().to_string(), &self.config);
        output::print_text(&steps)?;
        Ok(Exit::Done)
    }

    /// Creates `hookgate.toml` if it is missing. Returns the public URL.
    fn gateway_file(&self) -> Result<String, Error> {
        let folder = self.config.join("listeners");
        std::fs::create_dir_all(&folder).map_err(|error| Error::Write {
            name: folder.display().to_string(),
            reason: error.to_string(),
        })?;
        let path = self.config.join(SETTINGS_FILE);
        if !path.exists() {
            write_new(&path, &gateway_file())?;
            output::print_note(&format!("wrote {}; set its `public_url`", path.display()));
            return Ok(PUBLIC_URL.to_owned());
        }
        let text = std::fs::read_to_string(&path).map_err(|error| Error::Read {
            name: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Settings::read(SETTINGS_FILE, &text).map(|settings| settings.public_url).map_err(|faults| {
            output::print_diagnostics(&faults, Format::Text);
            Error::Usage(format!("{SETTINGS_FILE} has faults"))
        })
    }
}

fn unknown(provider: &str) -> Error {
    let advice = "`hookgate init` lists all recipes";
    let hint = hint_or(&provider.to_lowercase(), recipe_names(), advice);
    Error::Usage(format!("there is no recipe `{provider}`{hint}"))
}

fn list() -> String {
    let mut out = String::new();
    for recipe in recipe_names().filter_map(find_recipe) {
        let _ = writeln!(out, "{:<28}{}", recipe.name, recipe.title);
    }
    out
}

fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::Write {
        name: path.display().to_string(),
        reason: match error.kind() {
            std::io::ErrorKind::AlreadyExists => "it is there already".to_owned(),
            _ => error.to_string(),
        },
    };
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
}

fn gateway_file() -> String {
    format!(
        "# The URL that providers reach this gateway by. Signed URLs are compared with it.\n\
         public_url = \"{PUBLIC_URL}\"\n\n\
         [server]\n\
         listen = \"127.0.0.1:8080\"\n\
         management = \"127.0.0.1:8081\"\n"
    )
}

/// Returns the file of a listener, with the optional keys as comments.
fn listener_file(recipe: &Recipe, id: &str, name: &str, tenant: &str) -> String {
    let mut out = format!(
        "# {}: {}\n\
         id = \"{id}\"\n\
         name = \"{name}\"\n\
         tenant = \"{tenant}\"\n\
         provider = \"{}\"\n",
        recipe.title, recipe.documentation, recipe.name
    );
    if !recipe.unsigned.is_empty() {
        let _ = writeln!(
            out,
            "\n# Not signed, so anyone who has a request can change it: {}.",
            recipe.unsigned.join(", ")
        );
    }
    if !recipe.secrets.is_empty() {
        out.push_str("\n[secrets]\n");
    }
    for secret in &recipe.secrets {
        let mark = if secret.optional { "# " } else { "" };
        let _ = writeln!(out, "# {}", capitalised(&secret.what));
        let _ = writeln!(out, "{mark}{0} = {{ env = \"{0}\" }}", secret.name);
    }
    if !recipe.vars.is_empty() {
        out.push_str("\n[vars]\n");
    }
    for var in &recipe.vars {
        let _ = writeln!(out, "# {}", capitalised(&var.what));
        match &var.default {
            Some(default) => {
                let _ = writeln!(out, "# {} = {default}", var.name);
            }
            None => {
                let _ = writeln!(out, "{} = \"\"", var.name);
            }
        }
    }
    out.push_str(&rate_limit(recipe));
    let kind = in_parentheses(recipe.event_type().unwrap_or("parsed_body.type"));
    let _ = write!(
        out,
        "\n# Which requests become events; without it all do.\n\
         # [filter]\n\
         # keep_when = '{kind} IN [\"TYPE\"]'\n\
         \n\
         # What an event holds; without it the whole body.\n\
         # [event]\n\
         # data = '{{ \"id\": parsed_body.id }}'\n\
         \n\
         # Values that must not be written to any log.\n\
         # [redact]\n\
         # paths = [\"parsed_body.user.email\"]\n",
    );
    if !recipe.scaffold.is_empty() {
        out.push_str(
            "\n# If the sender signs in another way, remove `provider` and write the verification here. Its\n\
             # `[event]` and `[deduplicate]` go with it: write them too.\n",
        );
    }
    for line in recipe.scaffold.lines() {
        let _ = writeln!(out, "{}", format!("# {line}").trim_end());
    }
    out
}

/// Returns the rate limit of a listener: a wide one if the provider does not send a refused delivery
/// again, otherwise the default as a comment.
fn rate_limit(recipe: &Recipe) -> String {
    let Policy { requests, burst, .. } = Policy::usual(true, recipe.retries);
    if recipe.retries == Some(false) {
        return format!(
            "\n# {} does not send a delivery again that was refused with 429, so a burst of them\n\
             # has to pass: {requests} requests a second, and {burst} at once.\n\
             [rate_limit]\n\
             requests = {requests}\n\
             burst = {burst}\n",
            recipe.title
        );
    }
    let known = match recipe.retries {
        Some(true) => format!(", and {} sends it again later", recipe.title),
        _ => String::new(),
    };
    format!(
        "\n# A request past the limit is answered with 429{known}. Without this table:\n\
         # [rate_limit]\n\
         # requests = {requests}\n\
         # burst = {burst}\n"
    )
}

/// Returns the next steps, here and at the provider.
fn steps(recipe: &Recipe, url: &str, path: &str, folder: &Path) -> String {
    let main = recipe.secrets.first().map_or("", |secret| &secret.name);
    let setup = recipe.setup.replace("{url}", url).replace("{secret}", main);
    // A recipe with a scaffold is for a sender of one's own, and has no provider.
    let place = if recipe.scaffold.is_empty() { &recipe.title } else { "the sender" };
    let mut out = format!("wrote {path}\n\nAt {place}:\n");
    for (at, step) in setup.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let _ = writeln!(out, "  {}. {}", at + 1, step.trim());
    }
    out.push_str("\nHere:\n");
    for secret in recipe.secrets.iter().filter(|secret| !secret.optional) {
        let _ = writeln!(out, "  set {} in the environment: {}", secret.name, secret.what);
    }
    let option = folder_option(folder);
    let _ = writeln!(out, "  hookgate check {}\n  hookgate serve{option}", folder.display());
    out
}

/// Returns an operand of `IN`. `IN` binds tighter than `OR` and than `IF`.
fn in_parentheses(expression: &str) -> Cow<'_, str> {
    match expression.contains(' ') {
        true => Cow::Owned(format!("({expression})")),
        false => Cow::Borrowed(expression),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
