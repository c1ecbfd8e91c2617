//! The parts of a URL (URL Standard). Knows no requests.

use url::{Host, Url};

use super::form::Grouped;
use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, FaultKind, Heap, Kinds, Value};

pub(super) const PARSE_URL: Function = Function {
    name: "PARSE_URL",
    family: Family::Encoding,
    params: &[Param::new("url", Kinds::TEXT)],
    result: Kinds::OBJECT,
    doc: "The parts of an absolute URL: `scheme`, `host`, `port` (also the usual one of the scheme), `path`, `query`, `fragment` and `user`. A part that is not there is null. Scheme and host are in lower case, an IPv6 address has no brackets. `query` is an object of decoded values, where a repeated key gives a list; the other parts stay percent-encoded.",
    examples: &[
        example(
            r#"$PARSE_URL("https://Example.com/a%20b?q=x+y&tag=1&tag=2#top")"#,
            r#"{"scheme":"https","host":"example.com","port":443,"path":"/a%20b","query":{"q":"x y","tag":["1","2"]},"fragment":"top","user":null}"#,
        ),
        example(
            r#""http://me:pw@[::1]:8080".$PARSE_URL().$PICK(["host", "port", "path", "user"])"#,
            r#"{"host":"::1","port":8080,"path":"/","user":"me"}"#,
        ),
        example(r#"$PARSE_URL("mailto:a@b.c").path"#, r#""a@b.c""#),
        example(r#"$PARSE_URL("https://example.com").query.missing"#, "null"),
        example(r#"$PARSE_URL("/only/a/path")"#, "E0309"),
        example("$PARSE_URL(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(parse_url),
};

/// Maximum length of a URL in bytes. Longer ones do not occur, and a long host is slow to read.
const MAX_BYTES: usize = 64 << 10;

fn parse_url<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    if text.len() > MAX_BYTES {
        let message = format!("this is not a URL: it has more than {MAX_BYTES} bytes");
        return Err(Fault::new(FaultKind::BadData, message));
    }
    // Each part is copied at most once.
    env.heap.work_on_bytes(text.len().saturating_mul(2))?;
    let url = Url::parse(text).map_err(no_url)?;
    let text = |part: Option<&str>| match part {
        Some(part) => env.heap.text(part).map(Value::Text),
        None => Ok(Value::Null),
    };
    let mut parts = env.heap.object_builder();
    parts.push("scheme", text(Some(url.scheme()))?)?;
    parts.push("host", text(host(&url).as_deref())?)?;
    let port = url.port_or_known_default();
    parts.push("port", port.map_or(Value::Null, |port| Value::count(usize::from(port))))?;
    parts.push("path", text(Some(url.path()))?)?;
    parts.push("query", query(env.heap, &url)?)?;
    parts.push("fragment", text(url.fragment())?)?;
    parts.push("user", text(Some(url.username()).filter(|user| !user.is_empty()))?)?;
    parts.finish()
}

/// Returns the host: a domain, or an address without brackets.
fn host(url: &Url) -> Option<String> {
    Some(match url.host()? {
        Host::Domain(domain) => domain.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    })
}

fn query<'a>(heap: &'a Heap, url: &Url) -> Result<Value<'a>, Fault> {
    let mut fields = Grouped::new(heap);
    for (key, value) in url.query_pairs() {
        let value = heap.text(&value)?;
        fields.push(heap.text(&key)?, Value::Text(value))?;
    }
    fields.finish()
}

fn no_url(error: url::ParseError) -> Fault {
    let fault = Fault::new(FaultKind::BadData, format!("this is not a URL: {error}"));
    match error {
        url::ParseError::RelativeUrlWithoutBase => {
            fault.help("a URL begins with its scheme: `https://example.com/path`; of a path alone, `$CONCAT([\"https://host\", path])` makes one")
        }
        _ => fault,
    }
}
