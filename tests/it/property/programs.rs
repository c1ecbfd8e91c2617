//! Generated programs as text, directed by a wanted kind, and sometimes of another kind.
//!
//! Functions and their arguments come from the registry, so a new row is covered automatically.

use hookgate::builtins::{self, Code, Form, Function, LoopKind, Mode, ParamRole};
use hookgate::engine::{Kind, Kinds};

use super::choices::Choices;
use super::contexts::{KEYS, NUMBERS, TEXTS};

/// The precedence of an expression, to decide if it needs parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grip {
    Loose,
    Or,
    And,
    Not,
    Relation,
    Equality,
    Sum,
    Product,
    Sign,
    Chain,
    Atom,
}

struct Text {
    text: String,
    grip: Grip,
}

fn atom(text: impl Into<String>) -> Text {
    Text { text: text.into(), grip: Grip::Atom }
}

pub(super) struct Program<'c> {
    choices: &'c mut Choices,
    locals: Vec<String>,
    /// The number of nodes that may still be generated.
    left: usize,
    /// The wanted kind is ignored once in this number of times.
    astray: usize,
}

/// Returns the text of a program.
pub(super) fn program(choices: &mut Choices) -> String {
    // Every third program mostly ignores kinds.
    let astray = if choices.once_in(3) { 3 } else { 30 };
    let left = 6 + choices.pick(120);
    let mut program = Program { choices, locals: Vec::new(), left, astray };
    let wanted = program.any_kind();
    program.expr(wanted, 7).text
}

impl Program<'_> {
    fn any_kind(&mut self) -> Kind {
        *self.choices.one(&[
            Kind::Boolean,
            Kind::Number,
            Kind::Text,
            Kind::List,
            Kind::Object,
            Kind::Time,
            Kind::Bytes,
            Kind::Null,
            Kind::Secret,
        ])
    }

    /// Generates an expression, probably of the wanted kind.
    fn expr(&mut self, wanted: Kind, depth: usize) -> Text {
        let wanted = if self.choices.once_in(self.astray) { self.any_kind() } else { wanted };
        self.left = self.left.saturating_sub(1);
        if depth == 0 || self.left == 0 || self.choices.spent() {
            return self.leaf(wanted);
        }
        let depth = depth - 1;
        match self.choices.pick(20) {
            0..=2 => self.leaf(wanted),
            3 => self.conditional(wanted, depth),
            4 => self.short(wanted, depth),
            5 => self.coalesce(wanted, depth),
            6 => self.attempt(wanted, depth),
            7 => self.part(depth),
            8 if self.choices.once_in(3) => self.with(wanted, depth),
            8 => self.find_or_reduce(wanted, depth),
            9 if self.choices.once_in(4) => self.fault(),
            9 => self.example(),
            10..=12 => self.native(wanted, depth),
            _ => self.own(wanted, depth),
        }
    }

    /// Generates an expression, in parentheses if it needs them, and sometimes if not.
    fn at_least(&mut self, grip: Grip, wanted: Kind, depth: usize) -> String {
        let Text { text, grip: has } = self.expr(wanted, depth);
        if has < grip || self.choices.once_in(12) { format!("({text})") } else { text }
    }

    fn loose(&mut self, wanted: Kind, depth: usize) -> String {
        self.at_least(Grip::Loose, wanted, depth)
    }

    fn leaf(&mut self, wanted: Kind) -> Text {
        if !self.locals.is_empty() && self.choices.pick(3) == 0 {
            let local = self.choices.pick(self.locals.len());
            let step = *self.choices.one(&["", "", "", ".id", ".a", "[0]", ".items", "[\"name\"]"]);
            return Text { text: format!("{}{step}", self.locals[local]), grip: Grip::Chain };
        }
        match wanted {
            Kind::Null => atom(*self.choices.one(&["NULL", "missing", "o.gone", "null"])),
            Kind::Boolean => atom(*self.choices.one(&["TRUE", "FALSE", "x", "true", "o.a"])),
            Kind::Number => match self.choices.pick(4) {
                0 => atom(*self.choices.one(&["n", "o.n", "l[0]", "l[-1]", "x", "lo[0].id"])),
                _ => self.number(),
            },
            Kind::Text => match self.choices.pick(4) {
                0 => atom(*self.choices.one(&[
                    "s",
                    "ls[0]",
                    "o.name",
                    "x",
                    "raw_body",
                    "headers[\"X-A\"]",
                    "headers.[\"x-B\"]",
                    "headers[s]",
                    "query_params.a",
                    "parsed_body.name",
                    "\"${s}\"",
                ])),
                _ => {
                    let text = *self.choices.one(TEXTS);
                    atom(self.quoted(text))
                }
            },
            Kind::List => atom(*self.choices.one(&[
                "l",
                "ls",
                "lo",
                "[]",
                "[1, 2, 3]",
                "[NULL, 1, \"a\"]",
                "o.items",
                "x",
                "[[1], [2, [3]]]",
                "parsed_body.items",
                "query_params.a",
            ])),
            Kind::Object => atom(*self.choices.one(&[
                "o",
                "{}",
                "{ \"a\": 1, \"b\": [2] }",
                "lo[0]",
                "x",
                "headers",
                "parsed_body",
                "{ \"X-A\": \"a\" }",
                "query_params",
                "vars",
            ])),
            Kind::Time => atom(*self.choices.one(&[
                "$TIME()",
                "tm",
                "$PARSE_TIME(\"2025-02-29T00:00:00.000000001Z\")",
                "$PARSE_TIME(\"9999-12-31T23:59:59.999999999Z\")",
                "$PARSE_TIME(\"0000-01-01T00:00:00Z\")",
                "$PARSE_TIME(1755648000.25)",
                "$TIME().$IN_ZONE(\"Europe/Berlin\")",
                "$PARSE_TIME(\"2025-10-26T02:30\", NULL, \"Europe/Berlin\")",
            ])),
            Kind::Bytes => atom(*self.choices.one(&[
                "bin",
                "$UNHEX(\"00ff61\")",
                "$BYTES(s)",
                "$SHA256(s)",
                "$BYTES(\"\")",
                "$HMAC_SHA256($SECRET('ZOOM'), s)",
                "$MD5(\"a\")",
            ])),
            Kind::Secret => atom(*self.choices.one(&[
                "$SECRET('ZOOM')",
                "$SECRET('RAW')",
                "$SECRET('EMPTY')",
                "\"ZOOM\".$SECRET()",
                "$SECRETS('ZOOM')",
                "\"key ${$SECRET('ZOOM')}\"",
                "{ \"a\": $SECRET('ZOOM') }",
            ])),
        }
    }

    fn number(&mut self) -> Text {
        let number = *self.choices.one(NUMBERS);
        match number.strip_prefix('-') {
            Some(_) => Text { text: number.to_owned(), grip: Grip::Sign },
            None => atom(number),
        }
    }

    /// Returns a string in quotes of either kind, escaped as necessary.
    fn quoted(&mut self, text: &str) -> String {
        let quote = *self.choices.one(&['"', '\'']);
        let mut out = String::from(quote);
        for character in text.chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\u{0}' => out.push_str("\\u0000"),
                other if other == quote => {
                    out.push('\\');
                    out.push(other);
                }
                other => out.push(other),
            }
        }
        out.push(quote);
        out
    }

    fn conditional(&mut self, wanted: Kind, depth: usize) -> Text {
        let mut text = String::new();
        for at in 0..1 + self.choices.pick(2) {
            let otherwise = if at > 0 { " ELSE " } else { "" };
            let condition = self.loose(Kind::Boolean, depth);
            // An `IF` without `ELSE` before an `ELSE` would take it.
            let answer = self.at_least(Grip::Or, wanted, depth);
            text.push_str(&format!("{otherwise}IF {condition} THEN {answer}"));
        }
        if self.choices.pick(3) > 0 {
            let otherwise = self.loose(wanted, depth);
            text.push_str(&format!(" ELSE {otherwise}"));
        }
        Text { text, grip: Grip::Loose }
    }

    fn short(&mut self, wanted: Kind, depth: usize) -> Text {
        let (word, grip) = *self.choices.one(&[(" AND ", Grip::And), (" OR ", Grip::Or)]);
        let inner = if grip == Grip::And { Grip::Not } else { Grip::And };
        let operands: Vec<String> =
            (0..2 + self.choices.pick(2)).map(|_| self.at_least(inner, wanted, depth)).collect();
        Text { text: operands.join(word), grip }
    }

    fn coalesce(&mut self, wanted: Kind, depth: usize) -> Text {
        let args: Vec<String> =
            (0..1 + self.choices.pick(3)).map(|_| self.loose(wanted, depth)).collect();
        self.call("COALESCE", args)
    }

    fn attempt(&mut self, wanted: Kind, depth: usize) -> Text {
        let value = match self.choices.pick(4) {
            0 => self.loose(wanted, depth),
            1 => {
                let kind = self.any_kind();
                self.loose(kind, depth)
            }
            2 => self.failing_loop(depth).text,
            _ => self.fault().text,
        };
        let args = vec![value, self.loose(wanted, depth)];
        self.call("TRY", args)
    }

    /// Generates an expression that fails in nearly every context.
    fn fault(&mut self) -> Text {
        atom(*self.choices.one(&[
            "(1 / 0)",
            "$INTEGER(\"x\")",
            "(-s)",
            "(o < o)",
            "$SHA256(missing)",
            "$SECRET('EMPTY')",
            "[1][0.5]",
        ]))
    }

    /// Generates a loop that fails in its body, possibly not for the first element.
    fn failing_loop(&mut self, depth: usize) -> Text {
        let list = self.loose(Kind::List, depth);
        let condition = self.loose(Kind::Boolean, depth);
        let fault = self.fault().text;
        let (name, lambda) = *self.choices.one(&[
            ("MAP", "f"),
            ("FILTER", "f"),
            ("ALL", "f"),
            ("SORT", "f"),
            ("ANY", "(f, g)"),
        ]);
        let lambda = format!("{lambda} => IF {condition} THEN f ELSE {fault}");
        self.call(name, vec![list, lambda])
    }

    /// Generates a call in either form.
    fn call(&mut self, name: &str, mut args: Vec<String>) -> Text {
        let name = if self.choices.once_in(10) { name.to_lowercase() } else { name.to_owned() };
        if args.is_empty() || self.choices.pick(2) == 0 {
            let comma = if self.choices.once_in(20) && !args.is_empty() { "," } else { "" };
            return atom(format!("${name}({}{comma})", args.join(", ")));
        }
        let subject = args.remove(0);
        let subject = chainable(&subject);
        Text { text: format!("{subject}.${name}({})", args.join(", ")), grip: Grip::Chain }
    }

    /// Generates a member, an index or a slice.
    fn part(&mut self, depth: usize) -> Text {
        let wanted = *self.choices.one(&[
            Kind::Object,
            Kind::List,
            Kind::Text,
            Kind::Bytes,
            Kind::Object,
            Kind::Null,
            Kind::Secret,
        ]);
        let mut text = self.at_least(Grip::Chain, wanted, depth);
        for _ in 0..1 + self.choices.pick(2) {
            let step = match self.choices.pick(7) {
                0 => format!(".{}", self.choices.one(KEYS)),
                1 => format!("[\"{}\"]", self.choices.one(KEYS)),
                2 => format!("[{}]", self.choices.pick(5) as i64 - 2),
                3 => format!("[{}]", self.loose(Kind::Number, depth)),
                4 => format!(".[{}]", self.loose(Kind::Text, depth)),
                5 => {
                    let from = self.choices.pick(7) as i64 - 3;
                    let to = self.choices.pick(7) as i64 - 3;
                    self.choices
                        .one(&[
                            format!("[{from}:{to}]"),
                            format!("[{from}:]"),
                            format!("[:{to}]"),
                            "[:]".to_owned(),
                        ])
                        .clone()
                }
                _ => format!(
                    "[{}:{}]",
                    self.loose(Kind::Number, depth),
                    self.loose(Kind::Number, depth)
                ),
            };
            text = format!("{}{step}", chainable(&text));
        }
        Text { text, grip: Grip::Chain }
    }

    fn find_or_reduce(&mut self, wanted: Kind, depth: usize) -> Text {
        let list = self.loose(Kind::List, depth);
        if self.choices.pick(2) == 0 {
            let lambda = self.lambda(Kind::Boolean, 1, 2, depth);
            return self.call("FIND", vec![list, lambda]);
        }
        let start = self.loose(wanted, depth);
        let lambda = self.lambda(wanted, 2, 2, depth);
        self.call("REDUCE", vec![list, start, lambda])
    }

    /// Generates `$WITH`, rarely with one name too few or too many.
    fn with(&mut self, wanted: Kind, depth: usize) -> Text {
        let count = 1 + self.choices.pick(3);
        let mut args: Vec<String> = (0..count)
            .map(|_| {
                let kind = self.any_kind();
                self.loose(kind, depth)
            })
            .collect();
        let names = if self.choices.once_in(40) { count % 3 + 1 } else { count };
        let names = u8::try_from(names).unwrap();
        args.push(self.lambda(wanted, names, names, depth));
        self.call("WITH", args)
    }

    fn lambda(&mut self, answer: Kind, least: u8, most: u8, depth: usize) -> String {
        let count = usize::from(least) + self.choices.pick(usize::from(most - least) + 1);
        let height = self.locals.len();
        let mut names = Vec::new();
        for at in 0..count {
            // Some names hide outer ones.
            let fresh = ["e", "k", "acc"][at % 3];
            let name = match self.choices.pick(4) {
                0 => format!("{fresh}{}", height + at),
                1 => fresh.to_owned(),
                2 => ["n", "o", "s"][at % 3].to_owned(),
                _ => format!("{fresh}{height}"),
            };
            names.push(name);
        }
        if names.len() == 2 && names[0] == names[1] {
            names[1].push('_');
        }
        self.locals.extend(names.iter().cloned());
        let body = self.loose(answer, depth);
        self.locals.truncate(height);
        match names.as_slice() {
            [one] if self.choices.pick(3) > 0 => format!("{one} => {body}"),
            names => format!("({}) => {body}", names.join(", ")),
        }
    }

    /// Generates an example of a row, as part of a larger expression.
    fn example(&mut self) -> Text {
        let function = self.function(|_| true);
        match function.examples {
            [] => atom("NULL"),
            examples => atom(format!("({})", self.choices.one(examples).source)),
        }
    }

    fn function(&mut self, suits: impl Fn(&Function) -> bool) -> &'static Function {
        let suiting: Vec<&Function> = builtins::all().filter(|function| suits(function)).collect();
        suiting[self.choices.pick(suiting.len())]
    }

    /// Generates a call of any function that may return the kind.
    fn native(&mut self, wanted: Kind, depth: usize) -> Text {
        let suits = builtins::all().any(|function| function.result.contains(wanted));
        let function = self.function(|function| !suits || function.result.contains(wanted));
        self.call_of(function, depth)
    }

    fn call_of(&mut self, function: &Function, depth: usize) -> Text {
        if matches!(function.code, Code::Form(Form::Secret | Form::Secrets)) {
            return atom(format!("${}('{}')", function.name, self.choices.one(&["ZOOM", "RAW"])));
        }
        if matches!(function.code, Code::Form(Form::With)) {
            let wanted = self.any_kind();
            return self.with(wanted, depth);
        }
        let mut args = Vec::new();
        for param in function.params {
            let times = match param.mode {
                Mode::Required => 1,
                Mode::Optional => self.choices.pick(2),
                Mode::Rest => self.choices.pick(3),
            };
            if times == 0 && param.mode == Mode::Optional {
                break;
            }
            for _ in 0..times {
                let arg = match param.role {
                    ParamRole::Lambda { least, most } => {
                        self.lambda_for(function, least, most, depth)
                    }
                    _ => {
                        let wanted = self.kind_of(param.kinds);
                        self.loose(wanted, depth)
                    }
                };
                args.push(arg);
            }
        }
        if self.choices.once_in(25) && args.len() > 1 && !matches!(function.code, Code::Loop(_)) {
            args.pop();
        }
        self.call(function.name, args)
    }

    fn lambda_for(&mut self, function: &Function, least: u8, most: u8, depth: usize) -> String {
        let answer = match function.code {
            Code::Loop(LoopKind::Map | LoopKind::Reduce) => self.any_kind(),
            Code::Loop(LoopKind::Sort) => {
                *self.choices.one(&[Kind::Number, Kind::Text, Kind::List])
            }
            Code::Loop(LoopKind::Group) => Kind::Text,
            // A key for each element.
            Code::Native(_) => *self.choices.one(&[Kind::Number, Kind::Text, Kind::Null]),
            _ => Kind::Boolean,
        };
        let is_optional =
            function.params.iter().any(|one| one.is_lambda() && one.mode == Mode::Optional);
        if is_optional && self.choices.once_in(4) {
            return "NULL".to_owned();
        }
        self.lambda(answer, least, most, depth)
    }

    /// Returns one of the kinds, rarely null.
    fn kind_of(&mut self, kinds: Kinds) -> Kind {
        let present: Vec<Kind> = kinds.without(Kinds::NULL).iter().collect();
        if present.is_empty() || self.choices.once_in(12) {
            return Kind::Null;
        }
        *self.choices.one(&present)
    }

    /// Generates an expression specific to this kind: its operators and literals.
    fn own(&mut self, wanted: Kind, depth: usize) -> Text {
        match wanted {
            Kind::Boolean => self.condition(depth),
            Kind::Number => self.arithmetic(depth),
            Kind::Text => self.joined(depth),
            Kind::List => self.list(depth),
            Kind::Object => self.object(depth),
            Kind::Time => self.time(depth),
            Kind::Null | Kind::Bytes | Kind::Secret => self.native(wanted, depth),
        }
    }

    fn condition(&mut self, depth: usize) -> Text {
        match self.choices.pick(8) {
            0 => {
                let text = format!("NOT {}", self.at_least(Grip::Not, Kind::Boolean, depth));
                Text { text, grip: Grip::Not }
            }
            1 => self.quantified(depth),
            2..=4 => self.equality(depth),
            _ => self.relation(depth),
        }
    }

    fn quantified(&mut self, depth: usize) -> Text {
        let subject = *self.choices.one(&[Kind::List, Kind::Object]);
        let list = self.loose(subject, depth);
        let lambda = self.lambda(Kind::Boolean, 1, 2, depth);
        let name = *self.choices.one(&["ANY", "ALL"]);
        self.call(name, vec![list, lambda])
    }

    fn equality(&mut self, depth: usize) -> Text {
        if self.choices.pick(5) == 0 {
            let kind = self.any_kind();
            let sign = *self.choices.one(&["==", "!="]);
            let text = format!("{} {sign} NULL", self.at_least(Grip::Sum, kind, depth / 2));
            return Text { text, grip: Grip::Equality };
        }
        let sign = *self.choices.one(&["==", "!=", "IN", "NOT IN"]);
        let kind = self.any_kind();
        let (left, right) = match (sign, self.choices.pick(3)) {
            ("==" | "!=", 0) => (kind, self.any_kind()),
            ("==" | "!=", 1) => (Kind::Time, Kind::Number),
            ("==" | "!=", _) => (kind, kind),
            (_, 0) => (Kind::Text, Kind::Text),
            (_, 1) => (kind, Kind::List),
            _ => (Kind::Text, Kind::Object),
        };
        self.run(&[sign], Grip::Equality, Grip::Sum, &[left, right], depth)
    }

    fn relation(&mut self, depth: usize) -> Text {
        let signs = ["<", "<=", ">", ">="];
        let kind = *self.choices.one(&[Kind::Number, Kind::Text, Kind::Time, Kind::Null]);
        let other = match self.choices.pick(4) {
            0 => self.any_kind(),
            1 if kind == Kind::Number => Kind::Time,
            1 if kind == Kind::Time => Kind::Number,
            _ => kind,
        };
        self.run(&signs, Grip::Relation, Grip::Equality, &[kind, other], depth)
    }

    fn arithmetic(&mut self, depth: usize) -> Text {
        match self.choices.pick(7) {
            0 => {
                let text = format!("-{}", self.at_least(Grip::Sign, Kind::Number, depth));
                Text { text, grip: Grip::Sign }
            }
            1 => self.run(&["-"], Grip::Sum, Grip::Product, &[Kind::Time, Kind::Time], depth),
            2 | 3 => {
                let operands = [Kind::Number; 3];
                let count = 2 + self.choices.pick(2);
                self.run(&["+", "-"], Grip::Sum, Grip::Product, &operands[..count], depth)
            }
            _ => {
                let operands = [Kind::Number; 3];
                let count = 2 + self.choices.pick(2);
                self.run(&["*", "/"], Grip::Product, Grip::Sign, &operands[..count], depth)
            }
        }
    }

    /// Generates operands of these kinds with operators between them.
    fn run(
        &mut self,
        signs: &[&str],
        grip: Grip,
        inner: Grip,
        operands: &[Kind],
        depth: usize,
    ) -> Text {
        let mut text = String::new();
        for (at, operand) in operands.iter().enumerate() {
            if at > 0 {
                text.push_str(&format!(" {} ", self.choices.one(signs)));
            }
            text.push_str(&self.at_least(inner, *operand, depth));
        }
        Text { text, grip }
    }

    fn joined(&mut self, depth: usize) -> Text {
        if self.choices.pick(3) == 0 {
            let operands = [Kind::Text; 2];
            return self.run(&["+"], Grip::Sum, Grip::Product, &operands, depth);
        }
        let quote = *self.choices.one(&['"', '\'']);
        let mut text = String::from(quote);
        for _ in 0..1 + self.choices.pick(3) {
            let between = *self.choices.one(&["", "v0:", " é ", "\\n", "$", "\\${"]);
            text.push_str(between);
            let wanted = if self.choices.pick(2) == 0 { Kind::Text } else { self.any_kind() };
            text.push_str(&format!("${{{}}}", self.loose(wanted, depth)));
        }
        text.push(quote);
        atom(text)
    }

    fn list(&mut self, depth: usize) -> Text {
        match self.choices.pick(5) {
            4 => {
                // A loop that continues after a loop inside it failed and was caught.
                let list = self.loose(Kind::List, depth);
                self.locals.push("c".to_owned());
                let failing = self.failing_loop(depth).text;
                let fallback = self.loose(Kind::Number, depth);
                self.locals.pop();
                self.call("MAP", vec![list, format!("c => $TRY({failing}, {fallback})")])
            }
            0 => {
                let items: Vec<String> = (0..self.choices.pick(4))
                    .map(|_| {
                        let kind = self.any_kind();
                        self.loose(kind, depth)
                    })
                    .collect();
                atom(format!("[{}]", items.join(", ")))
            }
            1 => {
                let list = self.loose(Kind::List, depth);
                self.sort(list, depth)
            }
            _ => self.gathered(Kind::List, depth),
        }
    }

    fn sort(&mut self, list: String, depth: usize) -> Text {
        let mut args = vec![list];
        let ways = self.choices.pick(4);
        if ways > 0 {
            let key = *self.choices.one(&[Kind::Number, Kind::Text]);
            let lambda = self.lambda(key, 1, 1, depth);
            args.push(if ways == 1 { "NULL".to_owned() } else { lambda });
        }
        if ways == 3 || ways == 1 {
            args.push(self.loose(Kind::Boolean, depth));
        }
        self.call("SORT", args)
    }

    /// Generates `MAP` or `FILTER` over a list or object.
    fn gathered(&mut self, over: Kind, depth: usize) -> Text {
        let subject = self.loose(over, depth);
        if self.choices.pick(2) == 0 {
            let lambda = self.lambda(Kind::Boolean, 1, 2, depth);
            return self.call("FILTER", vec![subject, lambda]);
        }
        let answer = self.any_kind();
        let lambda = self.lambda(answer, 1, 2, depth);
        self.call("MAP", vec![subject, lambda])
    }

    fn object(&mut self, depth: usize) -> Text {
        if self.choices.pick(3) == 0 {
            return self.gathered(Kind::Object, depth);
        }
        let mut entries = Vec::new();
        for _ in 0..self.choices.pick(4) {
            let key = match self.choices.pick(6) {
                0 => self.loose(Kind::Text, depth),
                1 => "s".to_owned(),
                _ => format!("\"{}\"", self.choices.one(KEYS)),
            };
            let kind = self.any_kind();
            entries.push(format!("{key}: {}", self.loose(kind, depth)));
        }
        atom(format!("{{{}}}", entries.join(", ")))
    }

    fn time(&mut self, depth: usize) -> Text {
        match self.choices.pick(3) {
            0 => self.native(Kind::Time, depth),
            1 => {
                let operands = [Kind::Number, Kind::Time];
                self.run(&["+"], Grip::Sum, Grip::Product, &operands, depth)
            }
            _ => {
                let operands = [Kind::Time, Kind::Number];
                self.run(&["+", "-"], Grip::Sum, Grip::Product, &operands, depth)
            }
        }
    }
}

/// Returns the text in parentheses, unless it is a word or a chain that starts with one.
fn chainable(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_alphanumeric() || "_.$".contains(c));
    let starts = text.starts_with(|c: char| c.is_alphabetic() && c.is_lowercase());
    if plain && starts { text.to_owned() } else { format!("({text})") }
}
