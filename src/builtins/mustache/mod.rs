//! Mustache templates as <https://mustache.github.io/mustache.5.html> defines them, without
//! partials and inheritance. A template is a single text and reads only the value that it is given.
//! Lambdas need no rejection, because no value is a lambda.
//!
//! A parsed template is flat: its text, and parts that refer to ranges of it. A section stores the
//! number of following parts that are inside it. So parsing is one loop, and dropping does not
//! recurse.

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

/// The error of a template that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// The message: lower case, no full stop.
    pub message: String,
    /// The position, in bytes from the start of the template.
    pub offset: usize,
}

/// A name in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateRead<'t> {
    /// The first part of the name, or `.`.
    pub name: &'t str,
    /// The position, in bytes from the start of the template.
    pub offset: usize,
    /// True if the name is inside a section. The value of the section is searched before the root.
    pub in_section: bool,
}

/// Maximum size of a template, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Maximum nesting of sections, in levels. Rendering recurses once for each level.
const MAX_DEPTH: usize = 32;

/// A range of the template's text, in byte offsets; the end is exclusive.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    /// Literal text.
    Text(Stretch),
    /// `{{name}}`, or without escaping `{{{name}}}` and `{{&name}}`.
    Value { name: Stretch, escaped: bool },
    /// `{{#name}}…{{/name}}`, or inverted `{{^name}}…{{/name}}`. The next `inside` parts are its
    /// content.
    Section { name: Stretch, inverted: bool, inside: u32 },
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Returns an error if a tag or a section is not closed, a name or a delimiter is invalid,
    /// sections nest too deeply, or the template uses partials or inheritance.
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

    /// Returns the names that the template may read at the root: the first part of every name in
    /// it. Names in sections are included, because their lookup ends at the root. `{{.}}` is not a
    /// name.
    pub fn names(&self) -> BTreeSet<&str> {
        self.reads().into_iter().map(|read| read.name).filter(|name| *name != ".").collect()
    }

    /// Returns every read in order: the first part of each name, or `.`.
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

    /// Renders the template with a value. If the value contains a secret, the result may contain it
    /// too, and the caller has to treat the result as secret.
    ///
    /// # Errors
    /// Returns a fault if a limit is exceeded.
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
    fn template_names_are_the_variables_that_it_may_read() {
        let template = Template::parse("{{a.b}}{{#c}}{{d}}{{.}}{{/c}}{{^a}}{{& e }}{{/a}}{{!f}}");
        assert_eq!(Vec::from_iter(template.unwrap().names()), ["a", "c", "d", "e"]);
    }

    #[test]
    fn template_names_in_a_section_may_be_members_of_the_section() {
        let template = Template::parse("{{a}}{{#b}}{{c.x}}{{.}}{{/b}}{{^b}}{{d}}{{/b}}").unwrap();
        let inside = template.reads().into_iter().filter(|read| read.in_section);
        assert_eq!(Vec::from_iter(inside.map(|read| read.name)), ["c", "."]);
    }
}
