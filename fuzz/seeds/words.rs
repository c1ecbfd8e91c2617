//! The dictionaries, one for each target: words of the language, functions, configuration keys,
//! HTTP.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use hookgate::builtins;
use hookgate::config::{FieldType, Table};
use hookgate::gateway::GATEWAY;
use hookgate::listener::{LISTENER, RECIPE, recipe_names};
use hookgate::mapper::operators;

use super::{PARTS, Result};

const WORDS: &[&str] = &[
    "AND",
    "OR",
    "NOT",
    "IN",
    "IF",
    "THEN",
    "ELSE",
    "TRUE",
    "FALSE",
    "NULL",
    "==",
    "!=",
    "<=",
    ">=",
    "=>",
    "${",
    "\\u00e9",
    "\\ud83d\\ude42",
    "parsed_body",
    "headers",
    "query_params",
    "raw_body",
    "[0:1]",
    "[-1]",
    "18446744073709551615",
    "1e308",
    PARTS,
];

const FILTER_WORDS: &[&str] = &[
    " and ",
    " or ",
    "not ",
    " eq ",
    " ne ",
    " gt ",
    " ge ",
    " lt ",
    " le ",
    " in (",
    "any(t:t",
    "count(",
    "startswith(",
    "endswith(",
    "substringof(",
    "tolower(",
    "datetime'",
    "guid'",
    "today",
    "+1d",
    "sow",
    "eow",
    "som",
    "eom",
    "now",
    "me.id",
    "null",
    "name",
    "number",
    "createdOn",
    "owner/id",
    "tags/",
    PARTS,
];

const HTTP_WORDS: &[&str] = &[
    "POST ",
    "GET ",
    "HEAD ",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "Content-Length: ",
    "\r\n\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Connection: upgrade\r\n",
    "Upgrade: h2c\r\n",
    "Expect: 100-continue\r\n",
    "Content-Type: ",
    "application/json",
    "application/x-www-form-urlencoded",
    "Authorization: ",
    "Bearer ",
    "Basic ",
    "X-Forwarded-For: ",
    "X-Sig: ",
    "X-Ts: ",
    "v1=",
    "sha256=",
    "/oauth/v1/token",
    "0\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "%00",
    "%2F",
    "?a=1&a=2",
    "payload=",
];

const TIME_WORDS: &[&str] = &[
    "%Y",
    "%m",
    "%d",
    "%H",
    "%M",
    "%S",
    "%z",
    "%:z",
    "%Z",
    "%.f",
    "%3f",
    "%s",
    "%j",
    "%G",
    "%V",
    "%a",
    "%b",
    "%p",
    "%I",
    "%C",
    "%y",
    "%-d",
    "%_H",
    "%+",
    "+00:00",
    "-23:59",
    "+14:00",
    "Z",
    "T",
    "GMT",
    "Asia/Kolkata",
    "60",
    "9999-12-31",
    "0001-01-01",
    "-0001",
    "2016-12-31T23:59:60Z",
    PARTS,
];

/// Writes all dictionaries.
pub(super) fn dictionaries(folder: &Path) -> Result {
    let mut rules: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    rules.extend(builtins::all().map(|function| format!("${}(", function.name)));
    for target in ["lex", "parse", "check_compile", "run", "fold", "differential"] {
        write_dictionary(folder, target, &rules)?;
    }
    let mut mapper = rules.clone();
    mapper.extend(operators().map(|operator| format!("\"{}()\":", operator.name)));
    write_dictionary(folder, "mapper", &mapper)?;
    let mut keys: Vec<String> =
        [&LISTENER, &RECIPE, &GATEWAY].into_iter().flat_map(Table::all).flat_map(keys_of).collect();
    keys.extend(recipe_names().map(ToOwned::to_owned));
    keys.extend(
        ["[[verify]]\n", "[secrets]\n", " = ", "'''", "\"\"\"", "{ env = \"A\" }"]
            .map(ToOwned::to_owned),
    );
    write_dictionary(folder, "config", &keys)?;
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    write_dictionary(folder, "filterby", &owned(FILTER_WORDS))?;
    write_dictionary(folder, "http_request", &owned(HTTP_WORDS))?;
    write_dictionary(folder, "redaction", &owned(HTTP_WORDS))?;
    write_dictionary(folder, "signature_header", &owned(HTTP_WORDS))?;
    write_dictionary(folder, "time_formats", &owned(TIME_WORDS))
}

/// The keys of a table, and their allowed words.
fn keys_of(table: &Table) -> Vec<String> {
    let mut words = Vec::new();
    for field in table.fields {
        words.push(field.name.to_owned());
        if let FieldType::Word(values) = field.takes {
            words.extend(values.iter().map(|value| format!("{value:?}")));
        }
    }
    words
}

/// Writes one word on each line, in quotes, as libFuzzer reads them.
fn write_dictionary(folder: &Path, target: &str, words: &[String]) -> Result {
    let mut words = words.to_vec();
    words.sort();
    words.dedup();
    let mut text = String::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        text.push('"');
        for byte in word.bytes() {
            match byte {
                b'"' | b'\\' => {
                    let _ = write!(text, "\\{}", char::from(byte));
                }
                b' '..=b'~' => text.push(char::from(byte)),
                _ => {
                    let _ = write!(text, "\\x{byte:02x}");
                }
            }
        }
        text.push_str("\"\n");
    }
    Ok(fs::write(folder.join(format!("{target}.dict")), text)?)
}
