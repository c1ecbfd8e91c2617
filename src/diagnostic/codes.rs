//! The codes of diagnostics: one table, with a row for each code. Does not know where they occur.
//!
//! A code is stable and keeps its meaning for ever. To add one, add its row; nothing else changes.
//! The page of a code in `docs/errors/` is generated from the row, and a test verifies the row's example.

use std::fmt;

use super::Severity;

/// Generates the enum, the names and the table from the rows.
macro_rules! codes {
    ($($code:ident { title: $title:literal, explanation: $explanation:literal, example: $example:literal, fixed: $fixed:expr, setting: $setting:ident, })+) => {
        /// The code of a diagnostic. `E` codes prevent or stop a run; `W` codes are warnings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(
                #[doc = $title]
                $code,
            )+
        }

        impl Code {
            /// Returns the code as written: `E0107`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$code => stringify!($code),)+
                }
            }
        }

        const ROWS: &[CodeRow] = &[$(CodeRow {
            code: Code::$code,
            title: $title,
            explanation: $explanation,
            example: $example,
            fixed: $fixed,
            setting: Setting::$setting,
        }),+];
    };
}

impl Code {
    /// Returns the code with a name, in any case.
    pub fn find(name: &str) -> Option<Self> {
        let row = ROWS.iter().find(|row| row.code.name().eq_ignore_ascii_case(name))?;
        Some(row.code)
    }

    /// Returns the severity: codes with `W` are warnings.
    pub fn severity(self) -> Severity {
        if self.name().starts_with('W') { Severity::Warning } else { Severity::Error }
    }

    /// Returns the row of the code.
    pub fn row(self) -> Option<&'static CodeRow> {
        ROWS.iter().find(|row| row.code == self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The row of a code.
#[derive(Debug, Clone, Copy)]
pub struct CodeRow {
    /// The code.
    pub code: Code,
    /// A short description.
    pub title: &'static str,
    /// The cause, and the remedy.
    pub explanation: &'static str,
    /// A source that causes it. Empty if it is too large to show.
    pub example: &'static str,
    /// The corrected example, if the spelling is the cause.
    pub fixed: Option<&'static str>,
    /// The environment that the example needs.
    pub setting: Setting,
}

/// The environment of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// A rule over a request.
    Rule,
    /// A rule over a request, with the secret `NAME` set.
    Secret,
    /// A rule over a request, in a host without secrets.
    NoSecrets,
    /// A rule over a request, in a host without a clock.
    NoClock,
    /// A rule that verifies a request.
    Verification,
    /// A rule over a request whose payload has a sample: `{"issue": {"id": 1}}`.
    Shaped,
    /// A rule over a context without declared variables.
    Open,
    /// A mapper document.
    Mapper,
    /// The file of a listener.
    Listener,
    /// The files of listeners, with a line `# Another file:` between them.
    Listeners,
    /// The file of the gateway.
    Gateway,
    /// A source beyond the size limit.
    Large,
}

/// Returns every row, in order.
pub fn all_codes() -> impl Iterator<Item = &'static CodeRow> {
    ROWS.iter()
}

codes! {
    E0001 {
        title: "a character that means nothing",
        explanation: "The character is not part of the language. Typographic quotes and signs are the usual cause: they come from a word processor or a chat.",
        example: "parsed_body.status == “open”",
        fixed: Some("parsed_body.status == \"open\""),
        setting: Rule,
    }
    E0002 {
        title: "a string that is never closed",
        explanation: "A string begins with a quote and ends with the same one; it may span lines. Where the closing quote is missing, everything after it counts as a string.",
        example: "parsed_body.status == \"open",
        fixed: Some("parsed_body.status == \"open\""),
        setting: Rule,
    }
    E0003 {
        title: "a number that does not read",
        explanation: "Numbers are digits, with a fraction or an exponent: `12`, `2.5`, `1e3`. A digit stands on both sides of the dot. Integers reach from -9223372036854775808 to 18446744073709551615.",
        example: "parsed_body.total > 12abc",
        fixed: Some("parsed_body.total > 12"),
        setting: Rule,
    }
    E0004 {
        title: "an escape that does not read",
        explanation: "`\\u` takes four hexadecimal digits. A character beyond U+FFFF is written as two of them, a surrogate pair, and half a pair is no character. An escape that the language does not know keeps its backslash, so regular expressions can be written as they are.",
        example: "\"\\ud83d\"",
        fixed: Some("\"\\ud83d\\ude00\""),
        setting: Rule,
    }
    E0010 {
        title: "something else was expected here",
        explanation: "The source does not match the grammar here. The message names the token that was found, and the tokens that are possible. Often something is missing just before this position: an operator, a comma, a closing quote.",
        example: "parsed_body.status == == \"open\"",
        fixed: Some("parsed_body.status == \"open\""),
        setting: Rule,
    }
    E0011 {
        title: "a bracket that is never closed",
        explanation: "Every `(`, `[`, `{` and `${` has its closing bracket. The label at the opening shows which one is left over; the one at the end shows where the closing bracket was expected.",
        example: "{ \"verification\": headers['x-okta-verification-challenge']",
        fixed: Some("{ \"verification\": headers['x-okta-verification-challenge'] }"),
        setting: Rule,
    }
    E0012 {
        title: "a closing bracket that nothing opens",
        explanation: "There is a `)`, `]` or `}` too many, or its opening bracket is missing. Where two brackets do not belong together, as in `(a]`, the message shows both.",
        example: "(headers AND raw_body))",
        fixed: Some("(headers AND raw_body)"),
        setting: Rule,
    }
    E0013 {
        title: "nothing to evaluate",
        explanation: "The source is empty, or holds only comments. An expression is one value; to accept everything, write `TRUE`.",
        example: "# nothing here",
        fixed: Some("TRUE"),
        setting: Rule,
    }
    E0014 {
        title: "an operator of another language",
        explanation: "The sign is known from other languages and spelled differently here: `AND`, `OR`, `NOT` for `&&`, `||`, `!`; `==` and `!=` for `=` and `<>`; `IF a THEN b ELSE c` for `a ? b : c`; `#` for a comment.",
        example: "parsed_body.a == 1 && parsed_body.b == 2",
        fixed: Some("parsed_body.a == 1 AND parsed_body.b == 2"),
        setting: Rule,
    }
    E0015 {
        title: "a call without `$`",
        explanation: "Functions are written with a dollar sign: `$LOWERCASE(x)`, or after their first argument, `x.$LOWERCASE()`. A name without it is data, and data is not called.",
        example: "lowercase(raw_body)",
        fixed: Some("$LOWERCASE(raw_body)"),
        setting: Rule,
    }
    E0016 {
        title: "a lambda where no function takes one",
        explanation: "A lambda, `x => …`, is not a value: it stands only as an argument of a function that runs it for each element, such as `$FILTER` or `$MAP`.",
        example: "[x => x]",
        fixed: Some("[1, 2].$MAP(x => x)"),
        setting: Rule,
    }
    E0018 {
        title: "nested too deeply",
        explanation: "Brackets, calls, and operators in one another are bounded, 128 deep by default, so that no rule can exhaust the stack. Long runs of one operator, chains of members and `ELSE IF` ladders do not count as nesting.",
        example: "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))",
        fixed: Some("((1))"),
        setting: Rule,
    }
    E0019 {
        title: "a source that is too large",
        explanation: "A source is at most 64 KiB by default. Rules of that size are usually data: keep the data in the request or in the listener's `vars`, and look it up.",
        example: "",
        fixed: None,
        setting: Large,
    }
    E0101 {
        title: "a function that does not exist",
        explanation: "No function has this name. `hookgate functions` lists them all. Functions that other languages have under another name are shown with their name here.",
        example: "$CONTAINS(raw_body, \"bug\")",
        fixed: Some("\"bug\" IN raw_body"),
        setting: Rule,
    }
    E0102 {
        title: "a name that the host does not offer",
        explanation: "A rule reads the request by names that the host declares: `parsed_body`, `headers`, `query_params` and so on. Any other name is an error, since it would always be null. Inside a lambda, its parameters are names too.",
        example: "parsed_bdy.action == \"opened\"",
        fixed: Some("parsed_body.action == \"opened\""),
        setting: Rule,
    }
    E0104 {
        title: "a secret's name has to be literal",
        explanation: "`$SECRET` and `$SECRETS` take the name as a string in quotes, so that the host knows which secrets a program reads before it runs.",
        example: "$HMAC_SHA256($SECRET(vars.name), raw_body).$HEX()",
        fixed: Some("$HMAC_SHA256($SECRET('NAME'), raw_body).$HEX()"),
        setting: Secret,
    }
    E0105 {
        title: "secrets are not available here",
        explanation: "The host compiles this program without access to secrets, because its author may not read them. Put the part that needs a secret into a program of the host.",
        example: "$SECRET('NAME') == headers[\"x-token\"]",
        fixed: None,
        setting: NoSecrets,
    }
    E0106 {
        title: "a lambda is needed here, or none",
        explanation: "Functions that run something for each element, such as `$MAP` and `$FILTER`, take a lambda, `x => …`. Other parameters take values: a lambda is none, and cannot be kept or passed on.",
        example: "[1, 2].$FILTER(TRUE)",
        fixed: Some("[1, 2].$FILTER(n => n > 1)"),
        setting: Rule,
    }
    E0107 {
        title: "the wrong number of arguments",
        explanation: "The function has another number of parameters. In `x.$F(y)`, the value before the dot is the first argument and counts too. `hookgate functions NAME` shows the parameters.",
        example: "$STARTS_WITH(headers[\"x-jira-event\"])",
        fixed: Some("$STARTS_WITH(headers[\"x-jira-event\"], \"issue\")"),
        setting: Rule,
    }
    E0108 {
        title: "a regular expression that does not compile",
        explanation: "The pattern is literal, so it is compiled with the program, and it has a fault. The syntax is that of the Rust `regex` crate: like Perl's, without look-around and back-references, so that it runs in linear time.",
        example: "$MATCH(raw_body, \"(unclosed\")",
        fixed: Some("$MATCH(raw_body, \"(closed)\")"),
        setting: Rule,
    }
    E0110 {
        title: "a lambda with the wrong parameters",
        explanation: "Each function says how many parameters its lambda has: one for the element, for most a second for the key or the place, and `(acc, x)` for `$REDUCE`. No name comes twice.",
        example: "[1, 2].$REDUCE(0, n => n)",
        fixed: Some("[1, 2].$REDUCE(0, (sum, n) => sum + n)"),
        setting: Rule,
    }
    E0201 {
        title: "an operator on kinds it does not work on",
        explanation: "The operator always fails here, and nothing keeps it from running. Nothing is converted silently: text becomes a number with `$INTEGER` or `$DECIMAL`, anything becomes a string with `$TEXT`.",
        example: "\"7\" - 1",
        fixed: Some("$INTEGER(\"7\") - 1"),
        setting: Rule,
    }
    E0202 {
        title: "an argument of the wrong kind",
        explanation: "The argument is of a kind that the function does not take, and nothing keeps the call from running, so the program would always fail. Nothing is converted silently; the message names the conversion where there is one.",
        example: "$LOWERCASE(12)",
        fixed: Some("$LOWERCASE(\"A\")"),
        setting: Rule,
    }
    E0203 {
        title: "a secret that could leave",
        explanation: "The answer of a program never holds a secret, nor text, lists or objects made with one. Only a digest, a verification or a comparison releases something of it. The digest of secrets alone is a key, and stays secret: what is hashed with the secret is an argument of its own, `$SHA256($SECRET('NAME'), raw_body)`.",
        example: "{ \"token\": $SECRET('NAME') }",
        fixed: Some("{ \"token\": $HMAC_SHA256($SECRET('NAME'), raw_body).$HEX() }"),
        setting: Secret,
    }
    E0204 {
        title: "a digest in a string without an encoding",
        explanation: "A digest is bytes. In a string it has to be written out, and senders differ in how: `.$HEX()` or `.$BASE64()`.",
        example: "\"sha256=${$SHA256(raw_body)}\"",
        fixed: Some("\"sha256=${$SHA256(raw_body).$HEX()}\""),
        setting: Rule,
    }
    E0205 {
        title: "a comparison with the name of no kind",
        explanation: "`$KIND` returns `null`, `boolean`, `number`, `string`, `list`, `object`, `time`, `bytes` or `secret`. A comparison with any other word never holds. In version 1 of the language the name of strings was `text`.",
        example: "$KIND(parsed_body.id) == \"text\"",
        fixed: Some("$KIND(parsed_body.id) == \"string\""),
        setting: Rule,
    }
    E0211 {
        title: "a decryption before a verification",
        explanation: "AES-CBC does not detect changes of the encrypted data. If a sender can see that a decryption fails, it can send many changed copies of a request and learn the plaintext from the failures (a padding oracle). So `$DECRYPT_AES_CBC` is refused in everything that runs before a request is accepted: in verifications, in challenges without `verified = true`, and in a listener without an enforced verification that needs a secret. Verify the encrypted data first, with the sender's signature or with an HMAC, and decrypt it in `[event]`, in the filter or in the response.",
        example: "$DECRYPT_AES_CBC($SECRET('NAME'), raw_body[:16], raw_body[16:]) != NULL",
        fixed: Some("headers[\"x-signature\"] != NULL AND $HMAC_SHA256($SECRET('NAME'), raw_body) == $UNHEX(headers[\"x-signature\"])"),
        setting: Verification,
    }
    E0212 {
        title: "a token that is read and not verified",
        explanation: "`$DECODE_JWT` reads a token that anyone can write. In a verification it is allowed only if the rule cannot hold without `$JWT_VERIFY` of the same token: joined by `AND`, in each branch of an `OR`. Both calls have the same expression as their token.",
        example: "$DECODE_JWT(headers[\"x-jwt\"]).claims.iss == \"acme\"",
        fixed: Some("headers[\"x-jwt\"] != NULL AND $DECODE_JWT(headers[\"x-jwt\"]).header.kid == \"k1\" AND $JWT_VERIFY(headers[\"x-jwt\"], $SECRET('NAME'), \"HS256\").exp > $TIME()"),
        setting: Verification,
    }
    E0301 {
        title: "an operator met a kind it does not work on",
        explanation: "While running, an operand had a kind that the operator does not take. The message names both kinds, and the form that works. Null is not such a kind: arithmetic with null is null, and every comparison of order with null is false.",
        example: "[1, \"2\"].$REDUCE(0, (sum, n) => sum + n)",
        fixed: Some("[1, \"2\"].$REDUCE(0, (sum, n) => sum + $INTEGER(n))"),
        setting: Rule,
    }
    E0302 {
        title: "an argument had the wrong kind",
        explanation: "While running, an argument had a kind that the function does not take: the data is not what the rule expects. Convert it, test its kind first (`$KIND(x) == \"string\"`), or give a fallback with `$TRY`.",
        example: "[1].$MAP(n => $LOWERCASE(n))",
        fixed: Some("[1].$MAP(n => $LOWERCASE($TEXT(n)))"),
        setting: Rule,
    }
    E0303 {
        title: "a number out of range",
        explanation: "Integers are exact from -9223372036854775808 to 18446744073709551615, and an answer beyond that is an error, not a rounded number. `$DECIMAL` calculates approximately.",
        example: "18446744073709551615 + 1",
        fixed: Some("$DECIMAL(18446744073709551615) + 1"),
        setting: Rule,
    }
    E0304 {
        title: "a division by zero",
        explanation: "There is no answer, so the run stops. Test the divisor first; a divisor that is null gives null.",
        example: "10 / $LENGTH(parsed_body.items)",
        fixed: Some("IF parsed_body.items THEN 10 / $LENGTH(parsed_body.items) ELSE 0"),
        setting: Rule,
    }
    E0305 {
        title: "two values that have no order",
        explanation: "`<`, `<=`, `>`, `>=` compare numbers, times, strings, each with its own kind, and a time with a number as seconds since the epoch. Lists that are sorted need keys of one kind.",
        example: "[1, \"2\"].$MAX()",
        fixed: Some("[1, \"2\"].$MAP(n => $INTEGER(n)).$MAX()"),
        setting: Rule,
    }
    E0306 {
        title: "an index that is not an integer",
        explanation: "Places in lists, strings and bytes are whole numbers, negative ones from the end. Objects have text keys.",
        example: "[1, 2, 3][1 / 2]",
        fixed: Some("[1, 2, 3][$INTEGER(1 / 2)]"),
        setting: Rule,
    }
    E0307 {
        title: "text that is no number",
        explanation: "`$INTEGER` and `$DECIMAL` read digits with a sign, a fraction or an exponent, and nothing else: no spaces, no thousands separators, no units. `$TRY` gives a fallback.",
        example: "$INTEGER(\"twelve\")",
        fixed: Some("$TRY($INTEGER(\"twelve\"), 0)"),
        setting: Rule,
    }
    E0308 {
        title: "text that is no time",
        explanation: "`$PARSE_TIME` reads RFC 3339, RFC 2822, ISO dates and Unix times; another form needs its format. 8 or 14 digits that spell a date need one too, because they could be a Unix time. Times lie in the years 0 to 9999.",
        example: "$PARSE_TIME(\"yesterday\")",
        fixed: Some("$PARSE_TIME(\"17.08.2025\", \"%d.%m.%Y\")"),
        setting: Rule,
    }
    E0309 {
        title: "data that does not decode",
        explanation: "The function reads hex, base64, JSON, UTF-8, a URL's escapes or an address, and the string is not written that way. The message says which and where. Where bad data is to be expected, `$TRY` gives a fallback.",
        example: "$UNHEX(\"xyz\")",
        fixed: Some("$UNHEX(\"0a1b\")"),
        setting: Rule,
    }
    E0310 {
        title: "null where a value is needed",
        explanation: "Most functions answer null for null, so that missing data stays missing. Digests and encoders do not: an absent signature must never equal an absent digest. Arguments after the first have to be there too.",
        example: "$SHA256(parsed_body.missing).$HEX()",
        fixed: Some("IF parsed_body.missing THEN $SHA256(parsed_body.missing).$HEX()"),
        setting: Rule,
    }
    E0311 {
        title: "a secret that is not set",
        explanation: "The host has no secret of this name, or an empty one. A signature made with an empty secret would be anyone's, so the run stops instead. On the command line, `--secret NAME=VALUE` gives one.",
        example: "$HMAC_SHA256($SECRET('UNSET'), \"x\").$HEX()",
        fixed: None,
        setting: Rule,
    }
    E0312 {
        title: "a secret on its way out",
        explanation: "While running, a value that was made from a secret would have become part of the result: a value that contains the secret, or a number or time that reveals it. The checker reports the cases that it can see earlier (E0203).",
        example: "IF raw_body THEN $LENGTH($SECRET('NAME')) > 8",
        fixed: Some("IF raw_body THEN $SECRET('NAME') != \"changeme\""),
        setting: Secret,
    }
    E0313 {
        title: "a regular expression made while running that does not compile",
        explanation: "The pattern is not literal, so it was compiled while running, and it has a fault. Part of it may come from a request: then its special characters are read as such. A literal pattern is checked before anything runs (E0108).",
        example: "$MATCH(\"a\", \"(\" + \"\")",
        fixed: None,
        setting: Rule,
    }
    E0314 {
        title: "an argument that means nothing",
        explanation: "The argument has the right kind, and a value that the function cannot work with: an unknown time zone, a time format that no string has, a malformed network, a key that does not read, a step of zero.",
        example: "$TIME().$IN_ZONE(\"Europe/Atlantis\")",
        fixed: Some("$TIME().$IN_ZONE(\"Europe/Berlin\")"),
        setting: Rule,
    }
    E0316 {
        title: "a key repeated in JSON",
        explanation: "An object has the same key twice. Readers disagree on which one counts, so a signature could cover one value and a rule see another; none is taken.",
        example: "$PARSE_JSON(\"{\\\"a\\\":1,\\\"a\\\":2}\")",
        fixed: Some("$PARSE_JSON(\"{\\\"a\\\":1}\")"),
        setting: Rule,
    }
    E0317 {
        title: "no clock",
        explanation: "The program reads the clock with `$TIME()`, and the host gave it no time. The time is an input like any other: embedding programs set it with `Context::set_now`, and ask with `Program::reads_clock` whether one is needed.",
        example: "$TIME()",
        fixed: None,
        setting: NoClock,
    }
    E0401 {
        title: "more work than one evaluation may do",
        explanation: "Work is counted: an element, or 64 bytes of text, hash or pattern input, is a step, and an evaluation has 1,000,000 of them by default. Loops in loops are what uses them up. `$TRY` does not catch this.",
        example: "$RANGE(1000).$MAP(a => $RANGE(1000).$MAP(b => a * b)).$LENGTH()",
        fixed: Some("$RANGE(10).$MAP(a => $RANGE(10).$MAP(b => a * b)).$LENGTH()"),
        setting: Rule,
    }
    E0402 {
        title: "more built than one evaluation may hold",
        explanation: "All strings, lists and objects that an evaluation builds have one size limit, 16 MiB by default. Values that it only reads do not count. `$TRY` does not catch this error.",
        example: "$RANGE(64).$REDUCE(\"x\", (text, i) => text + text)",
        fixed: Some("$RANGE(6).$REDUCE(\"x\", (text, i) => text + text)"),
        setting: Rule,
    }
    E0403 {
        title: "built too deep",
        explanation: "Lists and objects that an evaluation builds nest at most 128 deep, as JSON that it reads does. `$TRY` does not catch this.",
        example: "$RANGE(200).$REDUCE([], (list, i) => [list])",
        fixed: Some("$RANGE(20).$REDUCE([], (list, i) => [list])"),
        setting: Rule,
    }
    E0404 {
        title: "a regular expression that is too large",
        explanation: "A pattern compiles to 1 MiB at most by default, and all patterns of a program to 8 MiB together (1 MiB in the filter or transform of a subscription). Large repetitions are what makes them big.",
        example: "$MATCH(raw_body, \"\\w{5000}\")",
        fixed: Some("$LENGTH(raw_body) > 5000"),
        setting: Rule,
    }
    E0501 {
        title: "a mapper document that does not parse",
        explanation: "A mapper is one JSON, TOML or YAML document. YAML is version 1.2, without anchors, aliases and tags; a date of TOML has no meaning here. A string is an expression, and an expression with `: `, `#` or quotes in it goes into quotes as a whole.",
        example: "{ \"a\": ",
        fixed: None,
        setting: Mapper,
    }
    E0502 {
        title: "an operator that does not exist",
        explanation: "An object whose key ends in `()` is an operator, and there is none of this name. Operators are written in capitals; functions, which begin with `$`, are called inside expressions.",
        example: "{ \"MAPP()\": { \"items\": \"parsed_body.items\" } }",
        fixed: Some("{ \"MAP()\": { \"items\": \"parsed_body.items\", \"converter\": \"item\" } }"),
        setting: Mapper,
    }
    E0503 {
        title: "a parameter that is missing",
        explanation: "The operator does not work without this parameter; the message names it. Parameters are the keys of the object under the operator.",
        example: "{ \"MAP()\": { \"items\": \"parsed_body.items\" } }",
        fixed: Some(
            "{ \"MAP()\": { \"items\": \"parsed_body.items\", \"converter\": \"item.id\" } }",
        ),
        setting: Mapper,
    }
    E0504 {
        title: "a parameter that the operator does not have",
        explanation: "The operator has no parameter of this name; the message lists those it has. `context`, which elsewhere renames `item` and `loop`, was never published in full and is not taken.",
        example: "{ \"MAP()\": { \"items\": \"parsed_body.items\", \"convert\": \"item\" } }",
        fixed: Some("{ \"MAP()\": { \"items\": \"parsed_body.items\", \"converter\": \"item\" } }"),
        setting: Mapper,
    }
    E0505 {
        title: "keys that clash",
        explanation: "Dotted keys nest: `a.b` is the key `b` in an object under `a`. Two keys may not say different things of one place, and no key comes twice. An operator is the only key of its object. `\\.` is a dot in a key.",
        example: "{ \"user\": \"parsed_body.user\", \"user.name\": \"parsed_body.name\" }",
        fixed: Some("{ \"user.id\": \"parsed_body.user\", \"user.name\": \"parsed_body.name\" }"),
        setting: Mapper,
    }
    E0506 {
        title: "a parameter of the wrong shape",
        explanation: "The parameter takes text, a list or an object, and something else stands there; or it is a template that does not read, or an argument whose name no expression can say. A template or a separator is text as it is; conditions and items are mappers.",
        example: "{ \"RENDER()\": { \"template\": 12 } }",
        fixed: Some("{ \"RENDER()\": { \"template\": \"{{ parsed_body.id }}\" } }"),
        setting: Mapper,
    }
    E0600 {
        title: "a configuration that is no TOML",
        explanation: "A configuration is a file in TOML. The place is where reading stopped.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\nmethods = [",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\nmethods = [\"POST\"]"),
        setting: Listener,
    }
    E0601 {
        title: "a key that a configuration does not have",
        explanation: "The table has no key with this name; the message suggests the nearest one. Keys are written in lowercase with underscores.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\nmethod = [\"POST\"]",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\nmethods = [\"POST\"]"),
        setting: Listener,
    }
    E0602 {
        title: "a value of the wrong kind",
        explanation: "The key takes something else; the message says what. An expression stands in quotes: single ones, since expressions have double ones in them.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\nmethods = \"POST\"",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\nmethods = [\"POST\"]"),
        setting: Listener,
    }
    E0603 {
        title: "a key that is missing",
        explanation: "The table does not work without this key.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n"),
        setting: Listener,
    }
    E0604 {
        title: "keys that exclude each other",
        explanation: "A check is one thing: a rule, a signature, a key, a credential or a list of networks. A filter either keeps or drops.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[filter]\nkeep_when = 'parsed_body.a'\ndrop_when = 'parsed_body.b'\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[filter]\nkeep_when = 'parsed_body.a AND NOT parsed_body.b'\n"),
        setting: Listener,
    }
    E0605 {
        title: "a value that means nothing",
        explanation: "The value has the right kind, but it is not one of the allowed names or outside the allowed range. The message shows the allowed values.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\nprovider = \"githup\"",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n"),
        setting: Listener,
    }
    E0606 {
        title: "a secret that is not there",
        explanation: "A listener reads only the secrets that its file lists, each from the environment or a file, and each has to be set: an empty secret is one that everybody knows.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"token\"\nrule = '$SECURE_EQUALS(headers[\"x-token\"], $SECRET(\"TOKEN\"))'\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[secrets]\nTOKEN = { env = \"NAME\" }   # the variable NAME is set\n\n[[verify]]\nname = \"token\"\nrule = '$SECURE_EQUALS(headers[\"x-token\"], $SECRET(\"TOKEN\"))'\n"),
        setting: Listener,
    }
    E0607 {
        title: "a file that cannot be read",
        explanation: "The configuration names a file, relative to its own folder, that is not there, cannot be read, or lacks the certificate or the key that it has to hold.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\nsamples = [\"issue.json\"]",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n"),
        setting: Listener,
    }
    E0608 {
        title: "a challenge that signs for strangers",
        explanation: "The response signs a string that its sender chooses, with the secret that signs deliveries. A stranger could send the text of a delivery and get its signature. Sign one path of the request only: its value must then match `token_pattern`. A `token_pattern` that JSON, a form, white space or 10,000 characters match is refused too, because a delivery could match it. Or verify the challenge itself.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[secrets]\nKEY = { env = \"NAME\" }\n\n[[verify]]\nname = \"signature\"\n[verify.signature]\nsecret = \"KEY\"\nhash = \"sha256\"\npayload = 'raw_body'\nreceived = 'headers[\"x-signature\"]'\nencoding = \"hex\"\n\n[[challenge]]\ndetect = 'parsed_body.challenge != NULL'\nbody = '$HMAC_SHA256($SECRET(\"KEY\"), \"v0:${parsed_body.challenge}\").$HEX()'\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[secrets]\nKEY = { env = \"NAME\" }\n\n[[verify]]\nname = \"signature\"\n[verify.signature]\nsecret = \"KEY\"\nhash = \"sha256\"\npayload = 'raw_body'\nreceived = 'headers[\"x-signature\"]'\nencoding = \"hex\"\n\n[[challenge]]\ndetect = 'parsed_body.challenge != NULL'\nbody = '$HMAC_SHA256($SECRET(\"KEY\"), parsed_body.challenge).$HEX()'\n"),
        setting: Listener,
    }
    E0609 {
        title: "a source that the tenant may not use",
        explanation: "The listener names a secret, or another file, that does not belong to its tenant. `secret_env` and `secret_files` of `[tenants.NAME]` in `hookgate.toml` say which variables and files hold the secrets of a tenant. Without such a list a tenant uses files below the configuration's folder, and variables that do not begin with `HOOKGATE_`; a source in the list of another tenant is refused. The store, its key and the configuration itself are always refused.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[secrets]\nTOKEN = { env = \"HOOKGATE_KEY\" }\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[secrets]\nTOKEN = { env = \"NAME\" }\n"),
        setting: Listener,
    }
    W0101 {
        title: "a name that is not there",
        explanation: "The context has no such name, so it reads as null. On the command line the context is what `--context` gives; a host that declares its names refuses others (E0102).",
        example: "missing == NULL",
        fixed: None,
        setting: Open,
    }
    W0102 {
        title: "a member that the payload does not have",
        explanation: "The schema or sample of the payload has no such member, so it reads as null. A near name is suggested where there is one.",
        example: "parsed_body.isue.id != NULL",
        fixed: Some("parsed_body.issue.id != NULL"),
        setting: Shaped,
    }
    W0103 {
        title: "a comparison that never holds, or always",
        explanation: "Values of different kinds are never equal: `\"7\" == 7` is false. Convert one side: `$INTEGER` and `$DECIMAL` read numbers, `$TEXT` writes any value.",
        example: "$LENGTH(raw_body) == \"7\"",
        fixed: Some("$LENGTH(raw_body) == 7"),
        setting: Rule,
    }
    W0104 {
        title: "a condition that is always true, or always false",
        explanation: "The condition has the same value for every request, so the guarded part always runs, or never runs. A literal `TRUE` or `FALSE` is not reported.",
        example: "IF \"text\" THEN 1 ELSE 2",
        fixed: Some("IF raw_body THEN 1 ELSE 2"),
        setting: Rule,
    }
    W0105 {
        title: "a chained comparison",
        explanation: "Comparisons do not chain: `a == b == c` compares the truth value of `a == b` with `c`. Join two comparisons with `AND`, or set parentheses. `==`, `!=` and `IN` bind tighter than `<`, so `a < b == c` is `a < (b == c)`.",
        example: "parsed_body.a == parsed_body.b == parsed_body.c",
        fixed: Some("parsed_body.a == parsed_body.b AND parsed_body.b == parsed_body.c"),
        setting: Rule,
    }
    W0106 {
        title: "`AND` and `OR` without parentheses",
        explanation: "`AND` binds tighter than `OR`. Parentheses make this visible to the reader.",
        example: "parsed_body.a OR parsed_body.b AND parsed_body.c",
        fixed: Some("parsed_body.a OR (parsed_body.b AND parsed_body.c)"),
        setting: Rule,
    }
    W0107 {
        title: "a bare name as a key",
        explanation: "Keys are expressions: a bare name is read from the context, and its value is the key. A literal key has quotes.",
        example: "{ headers: 1 }",
        fixed: Some("{ \"headers\": 1 }"),
        setting: Rule,
    }
    W0108 {
        title: "this always fails where it runs",
        explanation: "The operation has operands of kinds that it never works on. It does not always run, so this is no error; where it does run, it fails.",
        example: "raw_body AND (\"7\" - 1)",
        fixed: Some("raw_body AND ($INTEGER(\"7\") - 1)"),
        setting: Rule,
    }
    W0109 {
        title: "a member of something that has none",
        explanation: "Only objects have members, and only lists, strings and bytes have places. Of anything else the member is null.",
        example: "raw_body.id",
        fixed: Some("$PARSE_JSON(raw_body).id"),
        setting: Rule,
    }
    W0110 {
        title: "a key that comes twice",
        explanation: "The object has the same key twice; the last value counts.",
        example: "{ \"a\": 1, \"a\": 2 }",
        fixed: Some("{ \"a\": 1, \"b\": 2 }"),
        setting: Rule,
    }
    W0111 {
        title: "both sides may be null",
        explanation: "In a rule that verifies, two absent values are equal, and the request passes without either. Test that one is there.",
        example: "headers[\"x-token\"] == vars.token",
        fixed: Some("vars.token != NULL AND headers[\"x-token\"] == vars.token"),
        setting: Verification,
    }
    W0112 {
        title: "a replay rule that accepts the future",
        explanation: "The difference from now is small for old requests and negative for future ones, so a far future timestamp passes. `$ABS` bounds both sides.",
        example: "$TIME() - $INTEGER(headers[\"x-ts\"]) <= 300",
        fixed: Some("$ABS($TIME() - $INTEGER(headers[\"x-ts\"])) <= 300"),
        setting: Verification,
    }
    W0113 {
        title: "claims whose expiry is not checked",
        explanation: "`$JWT_VERIFY` checks the signature and not the time. Compare `exp` with the clock, or a token is good for ever. Some senders write `iat` and no `exp`: then bound the age, `$ABS($TIME() - $JWT_VERIFY(…).iat) <= 300`.",
        example: "$JWT_VERIFY(headers[\"x-jwt\"], $SECRET('NAME'), \"HS256\").sub == \"a\"",
        fixed: Some("headers[\"x-jwt\"] != NULL AND $JWT_VERIFY(headers[\"x-jwt\"], $SECRET('NAME'), \"HS256\").exp > $TIME()"),
        setting: Secret,
    }
    W0114 {
        title: "a comparison with null",
        explanation: "No order holds with null: `x > NULL` is always false.",
        example: "parsed_body.count > NULL",
        fixed: Some("parsed_body.count != NULL"),
        setting: Rule,
    }
    W0115 {
        title: "a function of null",
        explanation: "The value is always null here, and the function answers null for it.",
        example: "NULL.$LOWERCASE()",
        fixed: Some("\"A\".$LOWERCASE()"),
        setting: Rule,
    }
    W0116 {
        title: "a name that hides another",
        explanation: "The parameter of the lambda has the name of something outside, which the lambda then cannot read.",
        example: "[1].$MAP(headers => headers)",
        fixed: Some("[1].$MAP(n => n)"),
        setting: Rule,
    }
    W0117 {
        title: "letters that look like others",
        explanation: "The string mixes letters of several scripts that look alike, or contains characters that change the direction of writing. The displayed text differs from the compared text.",
        example: "parsed_body.user == \"pаypal\"",
        fixed: Some("parsed_body.user == \"paypal\""),
        setting: Rule,
    }
    W0118 {
        title: "a digest that is searched for",
        explanation: "`==` takes the same time wherever two strings differ. A search does not: `IN` on a string, `$STARTS_WITH`, `$ENDS_WITH` and `$MATCH` stop at the first difference, so their time tells a sender how much of a digest was right. Take the digest out of the header with `$SPLIT` or `$PARSE_PAIRS`, and compare it with `==`.",
        example: "$HMAC_SHA256(\"key\", raw_body).$HEX() IN headers[\"x-sig\"]",
        fixed: Some("$HMAC_SHA256(\"key\", raw_body).$HEX() == headers[\"x-sig\"]"),
        setting: Verification,
    }
    W0131 {
        title: "a token taken apart by hand",
        explanation: "The rule reads a part of a token, decoded from base64, without a verification of the token: anyone can write one. `$JWT_VERIFY` returns the claims of a token with a valid signature. `$DECODE_JWT` reads header and claims before, refuses repeated keys, and in a verification requires `$JWT_VERIFY` of the same token.",
        example: "headers[\"x-jwt\"] != NULL AND $PARSE_JSON($UNBASE64($SPLIT(headers[\"x-jwt\"], \".\")[1])).iss == \"acme\"",
        fixed: Some("headers[\"x-jwt\"] != NULL AND $JWT_VERIFY(headers[\"x-jwt\"], $SECRET('NAME'), \"HS256\").exp > $TIME()"),
        setting: Verification,
    }
    W0601 {
        title: "a rule that verifies no sender",
        explanation: "The rule holds for a request with nothing in it, so it keeps no stranger out. A comparison with something absent is often why.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"agent\"\nrule = '\"curl\" NOT IN $LOWERCASE(headers[\"user-agent\"])'\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"agent\"\nrule = 'headers[\"user-agent\"] != NULL AND \"curl\" NOT IN $LOWERCASE(headers[\"user-agent\"])'\n"),
        setting: Listener,
    }
    W0603 {
        title: "a content type compared as a whole",
        explanation: "Senders may add parameters, `application/json; charset=utf-8`, and then the comparison does not hold.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"json\"\nrule = '$LOWERCASE(headers[\"content-type\"]) == \"application/json\"'\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"json\"\nrule = '$STARTS_WITH($LOWERCASE(headers[\"content-type\"]), \"application/json\")'\n"),
        setting: Listener,
    }
    W0604 {
        title: "a time that no signature covers",
        explanation: "The rule compares a time with the clock, but the signature does not cover that time. An attacker who replays a request can set a new time.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[secrets]\nKEY = { env = \"NAME\" }\n\n[[verify]]\nname = \"signature\"\n[verify.signature]\nsecret = \"KEY\"\nhash = \"sha256\"\npayload = 'raw_body'\nreceived = 'headers[\"x-signature\"]'\nencoding = \"hex\"\n\n[[verify]]\nname = \"recent\"\nrule = '$ABS($TIME() - $INTEGER(headers[\"x-ts\"])) <= 300'\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[secrets]\nKEY = { env = \"NAME\" }\n\n[[verify]]\nname = \"signature\"\n[verify.signature]\nsecret = \"KEY\"\nhash = \"sha256\"\npayload = '\"${headers[\"x-ts\"]}.${raw_body}\"'\nreceived = 'headers[\"x-signature\"]'\nencoding = \"hex\"\n\n[[verify]]\nname = \"recent\"\nrule = '$ABS($TIME() - $INTEGER(headers[\"x-ts\"])) <= 300'\n"),
        setting: Listener,
    }
    W0605 {
        title: "a key that no sample has",
        explanation: "The deduplication key is null in every sample, so it tells no events apart.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"GitHub\"\ntenant = \"acme\"\nprovider = \"github\"\n\n[secrets]\nGITHUB = { env = \"NAME\" }\n\n[deduplicate]\nkeys = [\"event_id\"]\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"GitHub\"\ntenant = \"acme\"\nprovider = \"github\"\n\n[secrets]\nGITHUB = { env = \"NAME\" }\n\n[deduplicate]\nkeys = ['headers[\"x-github-delivery\"]']\n"),
        setting: Listener,
    }
    W0606 {
        title: "a secret that is not set here",
        explanation: "The file lists the secret, and it is not set where the check runs. A gateway does not start without it.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[secrets]\nTOKEN = { env = \"NOT_SET\" }\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[secrets]\nTOKEN = { env = \"NAME\" }   # the variable NAME is set\n"),
        setting: Listener,
    }
    W0607 {
        title: "a source of secrets of two tenants",
        explanation: "Listeners of two tenants name the same variable or file for a secret: each can sign as the other. Where that is meant, `allow = [\"W0607\"]` in the listener's file says so.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\nsecrets = { TOKEN = { env = \"NAME\" } }\n# Another file:\nid = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11\"\nname = \"Jira\"\ntenant = \"other\"\nsecrets = { TOKEN = { env = \"NAME\" } }\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\nsecrets = { TOKEN = { env = \"NAME\" } }\n# Another file:\nid = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11\"\nname = \"Jira\"\ntenant = \"acme\"\nsecrets = { TOKEN = { env = \"NAME\" } }\n"),
        setting: Listeners,
    }
    W0608 {
        title: "a listener without verification",
        explanation: "The listener enforces no verification, so every sender on the network can create events. A `[[verify]]` table, or a `provider` whose recipe has one, verifies senders. Where every sender is welcome, `allow = [\"W0608\"]` in the listener's file says so.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"office\"\naddresses = [\"192.0.2.0/24\"]\n"),
        setting: Listener,
    }
    W0609 {
        title: "a short retention without a unit",
        explanation: "A time span without a unit is in seconds, and the retention is under an hour. Most people mean days: write the unit, `\"14d\"`. A short retention in seconds is written with its unit, `\"60s\"`.",
        example: "public_url = \"https://hooks.example.com\"\n\n[retention]\nevents = 14\n",
        fixed: Some("public_url = \"https://hooks.example.com\"\n\n[retention]\nevents = \"14d\"\n"),
        setting: Gateway,
    }
    W0610 {
        title: "a name of two listeners",
        explanation: "Two listeners of a tenant have the same name. Commands and logs tell them apart by their ids only: `hookgate send NAME` refuses the name. Where that is meant, `allow = [\"W0610\"]` in the listener's file says so.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"office\"\naddresses = [\"192.0.2.0/24\"]\n# Another file:\nid = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"office\"\naddresses = [\"192.0.2.0/24\"]\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"office\"\naddresses = [\"192.0.2.0/24\"]\n# Another file:\nid = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11\"\nname = \"Jira two\"\ntenant = \"acme\"\n[[verify]]\nname = \"office\"\naddresses = [\"192.0.2.0/24\"]\n"),
        setting: Listeners,
    }
    W0611 {
        title: "a low limit of a provider that does not send again",
        explanation: "The provider does not send a delivery again that was refused with 429, and the burst of `[rate_limit]` is small: the deliveries past it are lost. Where that is meant, `allow = [\"W0611\"]` in the listener's file says so.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"GitHub\"\ntenant = \"acme\"\nprovider = \"github\"\n\n[secrets]\nGITHUB = { env = \"NAME\" }\n\n[rate_limit]\nrequests = 5\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"GitHub\"\ntenant = \"acme\"\nprovider = \"github\"\n\n[secrets]\nGITHUB = { env = \"NAME\" }\n\n[rate_limit]\nrequests = 5\nburst = 1000\n"),
        setting: Listener,
    }
    W0612 {
        title: "one request in ten seconds",
        explanation: "No verification of the listener reads a secret, a key or a credential, and no `[rate_limit]` is set. The default limit for such a listener is one request in 10 seconds; the others are refused with 429. Set a limit that fits the sender.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"office\"\naddresses = [\"192.0.2.0/24\"]\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"office\"\naddresses = [\"192.0.2.0/24\"]\n[rate_limit]\nrequests = 10\nburst = 100\n"),
        setting: Listener,
    }
    W0613 {
        title: "a secret of an unusual form",
        explanation: "The secret is set, and its form suggests that it is not the one of the provider: white space or a byte order mark around it, a `whsec_` secret of Standard Webhooks that is read as a string, or one that is shorter than 24 bytes. Signatures then never match. The message never has a part of the secret.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"token\"\nrule = 'headers[\"x-token\"] == $SECRET(\"TOKEN\")'\n[secrets]\nTOKEN = { env = \"PADDED\" }   # the variable has a space at its end\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"token\"\nrule = 'headers[\"x-token\"] == $SECRET(\"TOKEN\")'\n[secrets]\nTOKEN = { env = \"NAME\" }\n"),
        setting: Listener,
    }
    W0614 {
        title: "a sink of a tenant without listeners",
        explanation: "No listener belongs to the tenant of the sink, so it never receives an event. The name of the tenant may be misspelt.",
        example: "public_url = \"https://hooks.example.com\"\n\n[[sink]]\nname = \"archive\"\ntenant = \"acmee\"\npath = \"archive.ndjson\"\n# Another file:\nid = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"office\"\naddresses = [\"192.0.2.0/24\"]\n",
        fixed: Some("public_url = \"https://hooks.example.com\"\n\n[[sink]]\nname = \"archive\"\ntenant = \"acme\"\npath = \"archive.ndjson\"\n# Another file:\nid = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Jira\"\ntenant = \"acme\"\n[[verify]]\nname = \"office\"\naddresses = [\"192.0.2.0/24\"]\n"),
        setting: Gateway,
    }    W0615 {
        title: "a read of a member that the provider's form does not have",
        explanation: "The provider sends a form unless its settings say JSON, and the event is JSON in one field of the form. A rule that reads a member of the JSON body is then null. Choose JSON in the settings of the provider and list only that format, or read both forms.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"GitHub\"\ntenant = \"acme\"\nprovider = \"github\"\n\n[secrets]\nGITHUB = { env = \"NAME\" }\n\n[filter]\nkeep_when = 'parsed_body.action == \"opened\"'\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"GitHub\"\ntenant = \"acme\"\nprovider = \"github\"\n\n[secrets]\nGITHUB = { env = \"NAME\" }\n\n[body]\nformat = \"json\"\n\n[filter]\nkeep_when = 'parsed_body.action == \"opened\"'\n"),
        setting: Listener,
    }    W0616 {
        title: "an empty variable of a recipe",
        explanation: "The recipe needs the variable, and the file of the listener has it empty, as `hookgate init` writes it. The verification compares requests with it, so it accepts none.",
        example: "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Topic\"\ntenant = \"acme\"\nprovider = \"aws-sns\"\n\n[vars]\ntopic_arn = \"\"\n",
        fixed: Some("id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"Topic\"\ntenant = \"acme\"\nprovider = \"aws-sns\"\n\n[vars]\ntopic_arn = \"arn:aws:sns:eu-central-1:123456789012:orders\"\n"),
        setting: Listener,
    }
}
