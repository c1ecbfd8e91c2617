//! Conversion of HTML to the plain text that a reader sees. It runs in one pass and accepts any
//! input.
//!
//! Knows tags and entities, but no element tree: an unclosed tag, or a tag closed twice, affects
//! only line breaks.

use html_escape::decode_html_entities;

use crate::value::{Fault, Heap, TextBuilder};

/// Converts an HTML fragment to text. Removes tags, comments, scripts and styles. Starts a new line
/// at the start and end of a block and for `<br>`. Collapses white space, decodes entities and
/// trims the result.
///
/// # Errors
/// Returns a fault if a limit is exceeded.
pub(super) fn strip<'a>(heap: &'a Heap, html: &str) -> Result<&'a str, Fault> {
    heap.work_on_bytes(html.len())?;
    let mut page = Page { out: heap.text_builder(), gap: Gap::None };
    let mut rest = html;
    while let Some((text, markup)) = rest.find('<').and_then(|at| rest.split_at_checked(at)) {
        page.text(text)?;
        let (found, after) = Markup::read(markup);
        page.markup(found)?;
        rest = after;
    }
    page.text(rest)?;
    Ok(page.out.finish())
}

/// The separator before the next word. The larger one wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
    Blank,
}

/// The output and the pending gap before the next word. A gap at either end is never written, so
/// the output is trimmed.
struct Page<'a> {
    out: TextBuilder<'a>,
    gap: Gap,
}

impl Page<'_> {
    fn text(&mut self, html: &str) -> Result<(), Fault> {
        for (at, word) in decode_html_entities(html).split(is_space).enumerate() {
            if at > 0 {
                self.widen(Gap::Space);
            }
            if !word.is_empty() {
                self.word(word)?;
            }
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        if !self.out.is_empty() {
            self.out.push(match self.gap {
                Gap::None => "",
                Gap::Space => " ",
                Gap::Line => "\n",
                Gap::Blank => "\n\n",
            })?;
        }
        self.gap = Gap::None;
        self.out.push(word)
    }

    fn widen(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    fn markup(&mut self, markup: Markup<'_>) -> Result<(), Fault> {
        match markup {
            Markup::Nothing => {}
            Markup::LessThan => self.word("<")?,
            Markup::Tag(name) if name.eq_ignore_ascii_case("br") => {
                let next = if self.gap < Gap::Line { Gap::Line } else { Gap::Blank };
                self.widen(next);
            }
            Markup::Tag(name) if is_one_of(name, BLOCKS) => self.widen(Gap::Line),
            Markup::Tag(name) if is_one_of(name, CELLS) => self.widen(Gap::Space),
            Markup::Tag(_) => {}
        }
        Ok(())
    }
}

/// Returns true for white space that collapses. A no-break space collapses too: it serves only the
/// layout, and in text that rules compare it would be an invisible difference.
fn is_space(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\u{a0}'
}

/// Block elements: each starts and ends a line.
const BLOCKS: &str = "address article aside blockquote body caption center dd details dialog div \
    dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html legend li \
    main menu nav ol option p pre section summary table tbody tfoot thead title tr ul";

/// Table cells: a space separates them.
const CELLS: &str = "td th";

/// Elements whose content is neither visible nor markup.
const HIDDEN: &str = "script style";

fn is_one_of(name: &str, names: &str) -> bool {
    names.split(' ').any(|other| other.eq_ignore_ascii_case(name))
}

/// The result of reading markup from a `<`.
enum Markup<'h> {
    /// Nothing to output: a comment, a declaration, or a hidden element.
    Nothing,
    /// A literal `<`.
    LessThan,
    /// A start or end tag with this name.
    Tag(&'h str),
}

impl<'h> Markup<'h> {
    /// Reads the markup at the start of the text, which is a `<`. Returns it with the remaining
    /// text. Markup without an end extends to the end of the text, as in a browser.
    fn read(html: &'h str) -> (Self, &'h str) {
        let inside = html.strip_prefix('<').unwrap_or(html);
        if let Some(comment) = inside.strip_prefix("!").filter(|rest| rest.starts_with("--")) {
            return (Self::Nothing, after(comment, "-->"));
        }
        let name = inside.strip_prefix('/').unwrap_or(inside);
        match name.chars().next() {
            Some(letter) if letter.is_ascii_alphabetic() => Self::read_tag(inside, name),
            _ if inside.starts_with(['!', '?', '/']) => (Self::Nothing, after(inside, ">")),
            _ => (Self::LessThan, inside),
        }
    }

    fn read_tag(inside: &'h str, from_name: &'h str) -> (Self, &'h str) {
        let ends = |character: char| character.is_ascii_whitespace() || "/>".contains(character);
        let name = from_name.split(ends).next().unwrap_or("");
        let rest = after_tag(from_name);
        if is_one_of(name, HIDDEN) && !inside.starts_with('/') {
            return (Self::Nothing, after_element(rest, name));
        }
        (Self::Tag(name), rest)
    }
}

fn after<'h>(html: &'h str, end: &str) -> &'h str {
    html.split_once(end).map_or("", |(_, rest)| rest)
}

/// Returns the text after the `>` of a tag. A `>` in a quoted attribute does not end the tag.
fn after_tag(tag: &str) -> &str {
    let mut quote = None;
    let mut value_next = false;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'>') => return tag.get(at + 1..).unwrap_or(""),
            (None, b'"' | b'\'') if value_next => quote = Some(byte),
            (None, _) => {}
        }
        if !byte.is_ascii_whitespace() {
            value_next = byte == b'=';
        }
    }
    ""
}

/// Returns the text after the end tag of an element whose content is not markup.
fn after_element<'h>(content: &'h str, name: &str) -> &'h str {
    let mut rest = content;
    while let Some((_, tag)) = rest.split_once("</") {
        if let Some((found, end)) = tag.split_at_checked(name.len())
            && found.eq_ignore_ascii_case(name)
            && end.starts_with(|next: char| next.is_ascii_whitespace() || "/>".contains(next))
        {
            return after_tag(tag);
        }
        rest = tag;
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::strip;
    use crate::builtins::testing::heap;

    #[track_caller]
    fn check(html: &str, text: &str) {
        assert_eq!(strip(&heap(), html).unwrap(), text, "{html}");
    }

    #[test]
    fn html_blocks_and_breaks_become_lines_with_at_most_one_blank_line() {
        check("a<div>b</div>c", "a\nb\nc");
        check("<p>a</p>\n\n<p>b</p>", "a\nb");
        check("<ul><li>a<li>b</ul>", "a\nb");
        check("a<br>b<BR/>c", "a\nb\nc");
        check("a<br><br>\n<br><br />b", "a\n\nb");
        check("<br>a<br>", "a");
        check("<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\nc");
    }

    #[test]
    fn html_white_space_collapses_and_inline_tags_add_none() {
        check("  a \n\t b  ", "a b");
        check("a<b>b</b> <i>c</i>", "ab c");
        check("a&nbsp;&nbsp; b<p>&nbsp;</p>c", "a b\nc");
        check("", "");
        check(" <p> </p> ", "");
    }

    #[test]
    fn html_entities_are_decoded_after_tags_are_removed() {
        check("&lt;b&gt; &amp;amp; &#233;&#xe9; &hearts;", "<b> &amp; éé ♥");
        check("&unknown; & &#; &amp", "&unknown; & &#; &amp");
    }

    #[test]
    fn html_comments_scripts_and_styles_are_removed() {
        check("a<!-- <b>x</b> -->b<!-->c<!--->d", "abcd");
        check("a<script>if (1 < 2) '</p>'</script >b", "ab");
        check("<STYLE type='x'>p{}</scripted></Style>b", "b");
        check("<!DOCTYPE html><?xml?>a</>b</ x>c", "abc");
    }

    #[test]
    fn malformed_html_never_fails() {
        check("1 < 2 and 3 > 2, a<", "1 < 2 and 3 > 2, a<");
        check("a<b title='>'>b</b title=\">\">c", "abc");
        check("<p don't>a</p>", "a");
        check("a<img src=\"never closed>b", "a");
        check("a<!-- never closed", "a");
        check("a<script>never closed", "a");
        check("é<ß>ü</é>", "é<ß>ü");
    }

    #[test]
    fn hostile_html_takes_linear_time() {
        for part in ["<", "</", "<!--", "<a <", "<script></", "&", "<a title='", "<br>"] {
            let html = part.repeat((1 << 20) / part.len());
            assert!(strip(&heap(), &html).is_ok(), "{part}");
        }
    }
}
