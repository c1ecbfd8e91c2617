//! Parsing of templates: finds the tags, and removes lines that contain only a tag. Knows no
//! values.

use super::{MAX_BYTES, MAX_DEPTH, Part, Stretch, TemplateError};
use crate::value::shortened;

/// Parses a template into its parts.
pub(super) fn parts(source: &str) -> Result<Vec<Part>, TemplateError> {
    if source.len() > MAX_BYTES {
        return error(MAX_BYTES, format!("a template is at most {MAX_BYTES} bytes long"));
    }
    let mut parser = Parser::new(source);
    while let Some(tag) = parser.next_tag()? {
        parser.take(&tag)?;
    }
    parser.finish()
}

fn error<T>(offset: usize, message: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError { message: message.into(), offset })
}

struct Parser<'s> {
    source: &'s str,
    /// The offset up to which the source was parsed.
    at: usize,
    delimiters: (&'s str, &'s str),
    parts: Vec<Part>,
    /// The open sections.
    sections: Vec<Open<'s>>,
}

/// A section without its closing tag so far.
struct Open<'s> {
    name: &'s str,
    /// The index of its part.
    part: usize,
    /// The offset of its tag.
    offset: usize,
}

/// A tag with its position, including the delimiters.
struct Tag<'s> {
    start: usize,
    end: usize,
    kind: Kind<'s>,
}

enum Kind<'s> {
    Value { name: &'s str, escaped: bool },
    Section { name: &'s str, inverted: bool },
    Close { name: &'s str },
    Comment,
    Delimiters(&'s str, &'s str),
}

impl<'s> Parser<'s> {
    fn new(source: &'s str) -> Self {
        let delimiters = ("{{", "}}");
        Self { source, at: 0, delimiters, parts: Vec::new(), sections: Vec::new() }
    }

    fn after(&self, at: usize) -> &'s str {
        self.source.get(at..).unwrap_or("")
    }

    fn next_tag(&mut self) -> Result<Option<Tag<'s>>, TemplateError> {
        let (open, close) = self.delimiters;
        let Some(found) = self.after(self.at).find(open) else {
            return Ok(None);
        };
        let start = self.at + found;
        let inside = self.after(start + open.len());
        let end_mark = match inside.trim_start().chars().next() {
            Some('{') => format!("}}{close}"),
            Some('=') => format!("={close}"),
            _ => close.to_owned(),
        };
        let Some((content, _)) = inside.split_once(&end_mark) else {
            return error(start, format!("this tag is not closed by `{}`", shortened(&end_mark)));
        };
        let end = start + open.len() + content.len() + end_mark.len();
        Ok(Some(Tag { start, end, kind: Kind::read(start, content.trim())? }))
    }

    fn take(&mut self, tag: &Tag<'s>) -> Result<(), TemplateError> {
        let (before, after) = self.own_lines(tag).unwrap_or((tag.start, tag.end));
        self.push_text(before);
        self.at = after;
        match tag.kind {
            Kind::Comment => {}
            Kind::Delimiters(open, close) => self.delimiters = (open, close),
            Kind::Value { name, escaped } => {
                let name = self.stretch(name);
                self.parts.push(Part::Value { name, escaped });
            }
            Kind::Section { name, inverted } => self.open(name, inverted, tag.start)?,
            Kind::Close { name } => self.close(name, tag.start)?,
        }
        Ok(())
    }

    /// Returns the end of the text before a tag and the start of the text after it, if the tag is
    /// alone on its lines. These lines are removed with the tag. Returns `None` for a value, which
    /// stays in its line.
    fn own_lines(&self, tag: &Tag<'_>) -> Option<(usize, usize)> {
        if matches!(tag.kind, Kind::Value { .. }) {
            return None;
        }
        let blank = [' ', '\t'];
        let before = self.source.get(..tag.start)?.trim_end_matches(blank);
        if !before.is_empty() && !before.ends_with('\n') {
            return None;
        }
        let line_end = self.after(tag.end).trim_start_matches(blank);
        let rest = line_end.strip_prefix("\r\n").or_else(|| line_end.strip_prefix('\n'));
        let rest = rest.or(line_end.is_empty().then_some(""))?;
        Some((before.len(), self.source.len() - rest.len()))
    }

    fn open(&mut self, name: &'s str, inverted: bool, offset: usize) -> Result<(), TemplateError> {
        if self.sections.len() == MAX_DEPTH {
            return error(offset, format!("sections nest at most {MAX_DEPTH} deep"));
        }
        self.sections.push(Open { name, part: self.parts.len(), offset });
        let name = self.stretch(name);
        self.parts.push(Part::Section { name, inverted, inside: 0 });
        Ok(())
    }

    fn close(&mut self, name: &str, offset: usize) -> Result<(), TemplateError> {
        let Some(section) = self.sections.pop() else {
            return error(offset, format!("no section `{}` is open here", shortened(name)));
        };
        if section.name != name {
            let (open, name) = (shortened(section.name), shortened(name));
            return error(offset, format!("the section `{open}` is closed as `{name}`"));
        }
        let after = self.parts.len() - section.part - 1;
        if let Some(Part::Section { inside, .. }) = self.parts.get_mut(section.part) {
            *inside = short(after);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Part>, TemplateError> {
        if let Some(section) = self.sections.last() {
            let name = shortened(section.name);
            return error(section.offset, format!("the section `{name}` is not closed"));
        }
        self.push_text(self.source.len());
        Ok(self.parts)
    }

    fn push_text(&mut self, end: usize) {
        if end > self.at {
            self.parts.push(Part::Text(Stretch { start: short(self.at), end: short(end) }));
        }
    }

    /// Returns the range of a name in the source.
    fn stretch(&self, name: &str) -> Stretch {
        let start = name.as_ptr() as usize - self.source.as_ptr() as usize;
        Stretch { start: short(start), end: short(start + name.len()) }
    }
}

/// Converts an offset or a count in a template, which [`MAX_BYTES`] bounds.
fn short(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

impl<'s> Kind<'s> {
    /// Parses the content between the delimiters.
    fn read(offset: usize, content: &'s str) -> Result<Self, TemplateError> {
        let mut characters = content.chars();
        let sign = characters.next();
        let rest = characters.as_str();
        Ok(match sign {
            Some('!') => Self::Comment,
            Some('=') => Self::read_delimiters(offset, rest)?,
            Some('#') => Self::Section { name: name(offset, rest)?, inverted: false },
            Some('^') => Self::Section { name: name(offset, rest)?, inverted: true },
            Some('/') => Self::Close { name: name(offset, rest)? },
            Some('&' | '{') => Self::Value { name: name(offset, rest)?, escaped: false },
            Some('>') => return error(offset, "a template has no partials: `{{>…}}`"),
            Some('<' | '$') => {
                return error(offset, "a template has no inheritance: `{{<…}}` and `{{$…}}`");
            }
            _ => Self::Value { name: name(offset, content)?, escaped: true },
        })
    }

    fn read_delimiters(offset: usize, content: &'s str) -> Result<Self, TemplateError> {
        let mut words = content.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(open), Some(close), None) if !content.contains('=') => {
                Ok(Self::Delimiters(open, close))
            }
            _ => error(offset, "delimiters are two words without `=`: `{{=<% %>=}}`"),
        }
    }
}

/// Parses a name: `.`, or parts separated by dots.
fn name(offset: usize, text: &str) -> Result<&str, TemplateError> {
    let name = text.trim();
    if name.is_empty() {
        return error(offset, "this tag has no name in it");
    }
    if name != "." && name.split('.').any(str::is_empty) {
        return error(
            offset,
            format!("the name `{}` has nothing before, between or after its dots", shortened(name)),
        );
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::super::Template;

    #[track_caller]
    fn refused(template: &str, message: &str, offset: usize) {
        let error = Template::parse(template).unwrap_err();
        assert_eq!((error.message.as_str(), error.offset), (message, offset));
    }

    #[test]
    fn unclosed_template_tags_and_sections_are_refused() {
        refused("a {{b", "this tag is not closed by `}}`", 2);
        refused("{{{b}}", "this tag is not closed by `}}}`", 0);
        refused("é{{#b}}x", "the section `b` is not closed", 2);
        refused("{{#a}}{{#b}}{{/a}}{{/b}}", "the section `b` is closed as `a`", 12);
        refused("{{/a}}", "no section `a` is open here", 0);
    }

    #[test]
    fn malformed_template_names_and_delimiters_are_refused() {
        refused("{{}}", "this tag has no name in it", 0);
        refused("{{# }}", "this tag has no name in it", 0);
        refused("{{a..b}}", "the name `a..b` has nothing before, between or after its dots", 0);
        refused("{{=a=}}", "delimiters are two words without `=`: `{{=<% %>=}}`", 0);
    }

    #[test]
    fn template_partials_and_inheritance_are_refused_by_name() {
        refused("x{{> p}}", "a template has no partials: `{{>…}}`", 1);
        refused("{{<p}}{{/p}}", "a template has no inheritance: `{{<…}}` and `{{$…}}`", 0);
    }

    #[test]
    fn template_sections_nest_to_a_limit() {
        let nested = |depth: usize| "{{#a}}".repeat(depth) + &"{{/a}}".repeat(depth);
        assert!(Template::parse(&nested(32)).is_ok());
        refused(&nested(33), "sections nest at most 32 deep", 32 * 6);
    }
}
