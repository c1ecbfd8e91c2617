//! `hookgate send`: sends a request as the provider would, to a running gateway.

use std::path::PathBuf;

use clap::Args;

use super::configuration::{ConfigurationArguments, block_on};
use super::http_client::post;
use super::{Error, Exit, input, names, output, values};
use crate::engine::Time;
use crate::gateway::{Clock, Configuration};
use crate::listener::{Listener, Request, find_recipe};

/// The arguments of `send`.
#[derive(Debug, Args)]
pub(super) struct Send {
    /// Listener, by id or name
    listener: String,
    /// File with the body; `-` for standard input
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// Additional header; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Address of the gateway for senders; default: that of the configuration
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Time to sign, RFC 3339; default: the current time
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    now: Option<Time>,
    /// Print the request, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    configuration: ConfigurationArguments,
}

impl Send {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let configuration = self.configuration.read()?;
        let listener = names::listener(&configuration, &self.listener, None)?;
        self.check_address()?;
        let body = input::bytes(&self.body)?;
        let (method, headers) = self.signed(&configuration, listener, &body)?;
        let url = self.url(&configuration, listener);
        if self.dry_run {
            output::print_line(&format!("{} {}", output::field(&method), output::field(&url)))?;
            for (name, value) in &headers {
                output::print_line(&format!("{}: {}", output::field(name), output::field(value)))?;
            }
            return Ok(Exit::Done);
        }
        let ca_file = configuration.ca_file();
        let answer = block_on(post(&url, &method, &headers, body, ca_file.as_deref()))?
            .map_err(|error| Error::Usage(error.to_string()))?;
        output::print_note(&format!("{}", answer.status));
        output::print_text(&String::from_utf8_lossy(&answer.body))?;
        output::print_text("\n")?;
        Ok(if answer.status < 300 { Exit::Done } else { Exit::Fault })
    }

    /// Returns an error for an address without a scheme: `127.0.0.1:8080`.
    fn check_address(&self) -> Result<(), Error> {
        let Some(to) = &self.to else {
            return Ok(());
        };
        if to.starts_with("http://") || to.starts_with("https://") {
            return Ok(());
        }
        let host = to.rsplit_once("://").map_or(to.as_str(), |(_, host)| host);
        Err(Error::Usage(format!("`{to}` is no URL with `http` or `https`: write `http://{host}`")))
    }

    fn headers(&self) -> Result<Vec<(String, String)>, Error> {
        let pair = |text: &String| {
            text.split_once(':')
                .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .ok_or_else(|| Error::Usage(format!("`{text}` is no header: `Name: value`")))
        };
        self.headers.iter().map(pair).collect()
    }

    /// Returns the method and the headers of the request, signed if the listener has a recipe.
    fn signed(
        &self,
        configuration: &Configuration,
        listener: &Listener,
        body: &[u8],
    ) -> Result<(String, Vec<(String, String)>), Error> {
        let given = self.headers()?;
        let Some(recipe) = listener.provider.as_deref().and_then(find_recipe) else {
            output::print_note(
                "the listener has no recipe, so the request is not signed; `-H 'NAME: VALUE'` adds \
                 the headers that it needs",
            );
            let kind = ("Content-Type".to_owned(), "application/json".to_owned());
            let named = given.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            let headers = given.into_iter().chain((!named).then_some(kind)).collect();
            return Ok(("POST".to_owned(), headers));
        };
        let now = self.now.unwrap_or_else(|| Clock::System.now());
        let headers: Vec<(&str, &str)> =
            given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let url = listener.url.as_deref().map_or_else(
            || format!("{}{}", configuration.settings.public_url, path(listener)),
            ToOwned::to_owned,
        );
        let request = Request {
            id: "",
            method: "POST",
            url: &url,
            raw_query: "",
            headers: &headers,
            raw_body: body,
            unpacked: body,
            remote_address: None,
            received_at: now,
        };
        let sent = recipe
            .sign(listener, &request, now)
            .map_err(|error| Error::Usage(error.to_string()))?;
        Ok((sent.method, sent.headers))
    }

    fn url(&self, configuration: &Configuration, listener: &Listener) -> String {
        let scheme = if configuration.settings.tls.is_some() { "https" } else { "http" };
        let here = || format!("{scheme}://{}", configuration.settings.listen);
        let gateway = self.to.clone().unwrap_or_else(here);
        format!("{}{}", gateway.trim_end_matches('/'), path(listener))
    }
}

/// Returns the path for senders.
fn path(listener: &Listener) -> String {
    format!("/webhooks/v1/listeners/{}/notify", listener.id)
}
