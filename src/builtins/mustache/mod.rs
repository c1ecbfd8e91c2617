//! Mustache templates, as <https://mustache.github.io/mustache.5.html> has them, without partials
//! and inheritance: a template is one text and reads nothing but the value it is given. Lambdas
//! need no refusal, since no value is one.
//!
//! A parsed template is flat: its text, and parts that point into it. A section says how many of
//! the parts after it are inside, so parsing is one loop and dropping is free.

mod parse;
mod render;

use std::collections::BTreeSet;

use crate::value::{Fault, Heap, Value};

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template {
    source: Box<str>,
    parts: Vec<Part>,
}

/// Why a template does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Where, in bytes from the start of the template.
    pub offset: usize,
}

/// A name in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateRead<'t> {
    /// The first part of the name, or `.`.
    pub name: &'t str,
    /// Where it stands, in bytes from the start of the template.
    pub offset: usize,
    /// Whether it stands in a section, whose value may have it before the root is asked.
    pub in_section: bool,
}

/// How long a template may be, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// How deep sections may nest. Rendering recurses once for each.
const MAX_DEPTH: usize = 32;

/// A stretch of the template's text, from one byte offset up to another.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    /// Text as it is.
    Text(Stretch),
    /// `{{name}}` or, not escaped, `{{{name}}}` and `{{&name}}`.
    Value { name: Stretch, escaped: bool },
    /// `{{#name}}…{{/name}}` or, inverted, `{{^name}}…{{/name}}`; the next `inside` parts are
    /// what it holds.
    Section { name: Stretch, inverted: bool, inside: u32 },
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Where a tag or a section is not closed, a name or a delimiter is none, sections nest too
    /// deeply, or the template asks for partials or inheritance.
    ///
    /// ```
    /// use hookgate::builtins::Template;
    ///
    /// let template = Template::parse("Hey {{ user.name }}")?;
    /// assert!(template.names().contains("user"));
    /// # Ok::<(), hookgate::builtins::TemplateError>(())
    /// ```
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let parts = parse::parts(source)?;
        Ok(Self { source: source.into(), parts })
    }

    /// The names it may read at the root: the first part of every name in it, those inside
    /// sections too, which look there last. `{{.}}` is no name.
    pub fn names(&self) -> BTreeSet<&str> {
        self.reads().into_iter().map(|read| read.name).filter(|name| *name != ".").collect()
    }

    /// Every name in it, in order: the first part of each, and `.`.
    pub fn reads(&self) -> Vec<TemplateRead<'_>> {
        let mut reads = Vec::new();
        let mut section_end = 0;
        for (at, part) in self.parts.iter().enumerate() {
            let (Part::Value { name, .. } | Part::Section { name, .. }) = *part else {
                continue;
            };
            let words = self.words(name);
            let first = if words == "." { words } else { words.split('.').next().unwrap_or("") };
            let in_section = at < section_end;
            reads.push(TemplateRead { name: first, offset: name.start as usize, in_section });
            if let Part::Section { inverted: false, inside, .. } = *part {
                section_end = section_end.max(at + 1 + inside as usize);
            }
        }
        reads
    }

    /// The template filled from a value. Where a secret is in the value, its content may be in
    /// the text, and the caller has to treat that as a secret.
    ///
    /// # Errors
    /// A fault where a limit is passed.
    pub fn render<'a>(&self, heap: &'a Heap, root: Value<'a>) -> Result<&'a str, Fault> {
        render::render(self, heap, root)
    }

    fn words(&self, stretch: Stretch) -> &str {
        self.source.get(stretch.start as usize..stretch.end as usize).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::Template;

    #[test]
    fn the_names_are_the_roots_that_a_template_may_read() {
        let template = Template::parse("{{a.b}}{{#c}}{{d}}{{.}}{{/c}}{{^a}}{{& e }}{{/a}}{{!f}}");
        assert_eq!(Vec::from_iter(template.unwrap().names()), ["a", "c", "d", "e"]);
    }

    #[test]
    fn what_stands_in_a_section_may_be_found_there() {
        let template = Template::parse("{{a}}{{#b}}{{c.x}}{{.}}{{/b}}{{^b}}{{d}}{{/b}}").unwrap();
        let inside = template.reads().into_iter().filter(|read| read.in_section);
        assert_eq!(Vec::from_iter(inside.map(|read| read.name)), ["c", "."]);
    }
}
