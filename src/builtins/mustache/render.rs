//! Rendering of templates: looks up names from the innermost section outwards. Knows no syntax of
//! tags.

use super::{Part, Stretch, Template};
use crate::value::{Fault, Heap, TextBuilder, Value, write_json_text};

/// Renders a template with a value.
pub(super) fn render<'a>(
    template: &Template,
    heap: &'a Heap,
    root: Value<'a>,
) -> Result<&'a str, Fault> {
    let mut page = Page { template, heap, out: heap.text_builder(), contexts: vec![root] };
    page.parts(&template.parts)?;
    Ok(page.out.finish())
}

struct Page<'t, 'a> {
    template: &'t Template,
    heap: &'a Heap,
    out: TextBuilder<'a>,
    /// The root value, followed by the value of each enclosing section.
    contexts: Vec<Value<'a>>,
}

impl<'a> Page<'_, 'a> {
    /// Renders parts. Recurses once for each nested section; the parser limits the nesting.
    fn parts(&mut self, parts: &[Part]) -> Result<(), Fault> {
        let mut rest = parts;
        while let Some((part, after)) = rest.split_first() {
            self.heap.work(1)?;
            rest = after;
            match *part {
                Part::Text(text) => self.out.push(self.template.words(text))?,
                Part::Value { name, escaped } => self.value(name, escaped)?,
                Part::Section { name, inverted, inside } => {
                    let (body, behind) = after.split_at(after.len().min(inside as usize));
                    rest = behind;
                    self.section(name, inverted, body)?;
                }
            }
        }
        Ok(())
    }

    fn section(&mut self, name: Stretch, inverted: bool, body: &[Part]) -> Result<(), Fault> {
        let value = self.lookup(name)?;
        if inverted {
            return if value.is_truthy() { Ok(()) } else { self.parts(body) };
        }
        match value {
            Value::List(list) => list.iter().try_for_each(|item| self.inside(item, body)),
            value if value.is_truthy() => self.inside(value, body),
            _ => Ok(()),
        }
    }

    fn inside(&mut self, context: Value<'a>, body: &[Part]) -> Result<(), Fault> {
        self.heap.work(1)?;
        self.contexts.push(context);
        self.parts(body)?;
        self.contexts.pop();
        Ok(())
    }

    fn value(&mut self, name: Stretch, escaped: bool) -> Result<(), Fault> {
        let value = self.lookup(name)?;
        let text = written(self.heap, value)?;
        if escaped { push_escaped(&mut self.out, text) } else { self.out.push(text) }
    }

    /// Looks up a name. The first part of the name is searched in every context, innermost first.
    /// The other parts are searched only in the value found, so that a missing member never
    /// resolves to an outer context.
    fn lookup(&self, name: Stretch) -> Result<Value<'a>, Fault> {
        let name = self.template.words(name);
        self.heap.work_on_bytes(name.len())?;
        if name == "." {
            return Ok(self.contexts.last().copied().unwrap_or(Value::Null));
        }
        self.heap.work(self.contexts.len())?;
        let mut keys = name.split('.');
        let first = keys.next().unwrap_or("");
        let mut found = None;
        for context in self.contexts.iter().rev() {
            found = step(self.heap, *context, first)?;
            if found.is_some() {
                break;
            }
        }
        for key in keys {
            found = step(self.heap, found.unwrap_or(Value::Null), key)?;
        }
        Ok(found.unwrap_or(Value::Null))
    }
}

/// Returns the member of an object, or the element of a list by its index.
fn step<'a>(heap: &Heap, value: Value<'a>, key: &str) -> Result<Option<Value<'a>>, Fault> {
    match value {
        Value::Object(object) => object.find(heap, key),
        Value::List(list) if key.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(key.parse().ok().and_then(|at| list.get(at)))
        }
        _ => Ok(None),
    }
}

/// Converts a value to text for a template: null is empty, and any value that is not a string is
/// JSON. Times and bytes have no quotes.
fn written<'a>(heap: &'a Heap, value: Value<'a>) -> Result<&'a str, Fault> {
    let mut text = heap.text_builder();
    match value {
        Value::Null => {}
        Value::Text(text) | Value::Encoded(text) | Value::SecretText(text) => return Ok(text),
        Value::Time(time) => text.push_display(time)?,
        Value::Bytes(bytes) | Value::SecretBytes(bytes) => text.push(&hex::encode(bytes))?,
        other => write_json_text(heap, &mut text, other)?,
    }
    Ok(text.finish())
}

fn push_escaped(out: &mut TextBuilder<'_>, text: &str) -> Result<(), Fault> {
    let mut rest = text;
    while let Some((plain, special)) = rest.find(ESCAPED).and_then(|at| rest.split_at_checked(at)) {
        out.push(plain)?;
        let mut characters = special.chars();
        out.push(characters.next().map_or("", entity))?;
        rest = characters.as_str();
    }
    out.push(rest)
}

/// Characters with a meaning in HTML text or quoted attributes.
const ESCAPED: [char; 5] = ['&', '<', '>', '"', '\''];

fn entity(character: char) -> &'static str {
    match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        _ => "&#39;",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Template;
    use crate::builtins::testing::heap;
    use crate::value::read_json;

    fn rendered(template: &str, root: &str) -> String {
        let root = read_json(root.as_bytes()).unwrap();
        Template::parse(template).unwrap().render(&heap(), root.borrow()).unwrap().to_owned()
    }

    /// Checks a case of the specification, <https://github.com/mustache/spec>.
    #[track_caller]
    fn check(template: &str, root: &str, text: &str) {
        assert_eq!(rendered(template, root), text, "{template}");
    }

    #[test]
    fn template_values_are_escaped_except_in_raw_tags() {
        let forbidden = r#"{"x": "& \" < > '"}"#;
        check("{{x}}", forbidden, "&amp; &quot; &lt; &gt; &#39;");
        check("{{{x}}}|{{&x}}|{{ { x }}}", forbidden, "& \" < > '|& \" < > '|& \" < > '");
        check(
            "{{n}} {{d}} {{b}} {{z}} {{none}}.",
            r#"{"n": 85, "d": 1.210, "b": false, "z": null}"#,
            "85 1.21 false  .",
        );
        check("{{{o}}} {{l}}", r#"{"o": {"a": [1]}, "l": ["x"]}"#, r#"{"a":[1]} [&quot;x&quot;]"#);
        check("  {{x}}\n", r#"{"x": "-"}"#, "  -\n");
    }

    #[test]
    fn dotted_template_names_do_not_fall_back_to_an_outer_scope() {
        check("{{a.b.c}}", r#"{"a": {"b": {"c": "deep"}}}"#, "deep");
        check("{{l.1.id}}{{l.9.id}}{{l.x}}", r#"{"l": [{"id": 1}, {"id": 2}]}"#, "2");
        check("{{#a}}{{b.c}}{{/a}}", r#"{"a": {"b": {}}, "b": {"c": "no"}}"#, "");
        check("{{#a}}{{b}}{{/a}}", r#"{"a": {"b": null}, "b": "no"}"#, "");
        check("{{#a}}{{b}}{{/a}}", r#"{"a": {"x": 1}, "b": "out"}"#, "out");
    }

    #[test]
    fn template_sections_repeat_for_lists_and_skip_falsy_values() {
        check("{{#l}}{{n}}{{/l}}", r#"{"l": [{"n": 1}, {"n": 2}]}"#, "12");
        check("{{#l}}({{#.}}{{.}}{{/.}}){{/l}}", r#"{"l": [[1, 2], [3]]}"#, "(12)(3)");
        check("{{#l}}{{0}}={{1}};{{/l}}", r#"{"l": [["a", 1]]}"#, "a=1;");
        check("{{#t}}{{.}}{{/t}}{{#o}}{{n}}{{/o}}", r#"{"t": "text", "o": {"n": 1}}"#, "text1");
        for falsy in ["false", "null", "0", "\"\"", "[]", "{}"] {
            check("{{#x}}yes{{/x}}{{^x}}no{{/x}}", &format!("{{\"x\": {falsy}}}"), "no");
        }
        check("{{#l}}x{{/l}}", r#"{"l": [0, false, null]}"#, "xxx");
        check("{{#a}}{{#b}}1{{/b}}{{^b}}2{{/b}}{{/a}}3", r#"{"a": 1, "b": 0}"#, "23");
    }

    #[test]
    fn a_standalone_template_tag_removes_its_line() {
        check("| This\n{{#b}}\n|\n{{/b}}\n| Line", r#"{"b": 1}"#, "| This\n|\n| Line");
        check("  {{#b}}  \r\n/\r\n\t{{/b}}", r#"{"b": 1}"#, "/\r\n");
        check("a\n  {{! one\n two }}\nb", "{}", "a\nb");
        check(" | {{#b}}\t|\t{{/b}} | \n", r#"{"b": 1}"#, " | \t|\t | \n");
        check(" {{#b}}YES{{/b}}\n {{#b}}GOOD{{/b}}\n", r#"{"b": 1}"#, " YES\n GOOD\n");
        check("{{#b}}\n\n{{/b}}\n", r#"{"b": 1}"#, "\n");
        check("12 {{! x }}\n", "{}", "12 \n");
    }

    #[test]
    fn template_delimiters_can_be_changed() {
        check("{{=<% %>=}}(<%x%>) {{x}} <%{x}%>", r#"{"x": "&"}"#, "(&amp;) {{x}} &");
        check("({{= | | =}}|x||= {{ }} =|{{x}})", r#"{"x": 1}"#, "(11)");
        check("a\n{{=@ @=}}\nb @x@", r#"{"x": 1}"#, "a\nb 1");
        check("{{#b}}{{=[ ]=}}[x][/b][x]", r#"{"b": 1, "x": 2}"#, "22");
    }

    #[test]
    fn nested_template_sections_meet_the_limits() {
        let root = read_json(br#"{"a": [1,1,1,1,1,1,1,1,1,1]}"#).unwrap();
        for body in ["", "text that is written again and again and again", "{{a}}"] {
            let template = "{{#a}}".repeat(32) + body + &"{{/a}}".repeat(32);
            let template = Template::parse(&template).unwrap();
            let fault = template.render(&heap(), root.borrow()).unwrap_err();
            assert!(fault.kind().is_limit(), "{fault}");
        }
    }
}
