//! XML as values: elements become objects. Does not know who reads them.
//!
//! An object has the name of the root element as its only key. Attributes are `@name`, text beside
//! them is `#text`, an element with neither attributes nor elements is a string, and a repeated
//! element is a list. Prefixes of names are kept. Comments and processing instructions are dropped.
//! A document type is refused: entities of a sender can grow without a bound.

use std::convert::Infallible;
use std::fmt;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::build::{Build, OnHeap, Owned, Scalar};
use super::json::MAX_DEPTH;
use super::{Fault, FaultKind, Heap, OwnedValue, Value, quoted};

/// The maximum number of elements and attributes: each one costs far more memory than its bytes.
const MAX_NODES: usize = 50_000;

/// The number of members of an element that are compared one by one.
const SCANNED_MEMBERS: usize = 8;

/// The reason that an XML text is rejected, with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlError {
    /// The message: lower case, no full stop.
    pub message: String,
    /// The offset in bytes.
    pub offset: u64,
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for XmlError {}

/// Parses XML into an owned value.
///
/// # Errors
/// Returns an error if the text is not well-formed, has a document type or an unknown entity, or
/// nests deeper than 128 levels, or has more than 50,000 elements and attributes.
///
/// ```
/// let value = hookgate::value::read_xml(r#"<order id="7"><item>a</item><item>b</item></order>"#)?;
/// assert_eq!(value.to_string(), r#"{"order":{"@id":"7","item":["a","b"]}}"#);
/// # Ok::<(), hookgate::value::XmlError>(())
/// ```
pub fn read_xml(text: &str) -> Result<OwnedValue, XmlError> {
    XmlDocument::new(text, &Owned).read().map_err(|stop: XmlStop<Infallible>| match stop {
        XmlStop::Xml(error) => error,
        XmlStop::Fault(never) => match never {},
    })
}

/// Parses XML into the heap of an evaluation.
///
/// # Errors
/// Returns an error as [`read_xml`] does, or if a limit is exceeded.
pub fn read_xml_into<'a>(heap: &'a Heap, text: &str) -> Result<Value<'a>, Fault> {
    XmlDocument::new(text, &OnHeap(heap)).read().map_err(|stop| match stop {
        XmlStop::Fault(fault) => fault,
        XmlStop::Xml(error) => Fault::new(FaultKind::BadData, format!("this is not XML: {error}")),
    })
}

/// The reason that reading stopped.
enum XmlStop<F> {
    Xml(XmlError),
    Fault(F),
}

/// A document that is being read.
struct XmlDocument<'x, 'b, B: Build> {
    reader: Reader<&'x [u8]>,
    build: &'b B,
    /// The open elements, from the root inwards.
    open: Vec<XmlElement<B::Value>>,
    root: Option<(String, B::Value)>,
    /// The number of elements and attributes so far.
    nodes: usize,
}

/// An element that is not closed yet.
struct XmlElement<V> {
    name: String,
    text: String,
    /// Attributes and child elements. A repeated child has several values.
    members: Vec<(String, Vec<V>)>,
    /// The place of each name in `members`. Empty while there are few.
    places: std::collections::HashMap<String, usize>,
}

impl<V> XmlElement<V> {
    fn new(name: String) -> Self {
        Self { name, text: String::new(), members: Vec::new(), places: Default::default() }
    }

    /// Returns the place of a member.
    fn place(&self, name: &str) -> Option<usize> {
        if self.places.is_empty() {
            return self.members.iter().position(|(known, _)| known == name);
        }
        self.places.get(name).copied()
    }

    fn add(&mut self, name: String, value: V) {
        if let Some((_, values)) = self.place(&name).and_then(|at| self.members.get_mut(at)) {
            return values.push(value);
        }
        if self.members.len() == SCANNED_MEMBERS {
            let names = self.members.iter().enumerate();
            self.places = names.map(|(at, (known, _))| (known.clone(), at)).collect();
        }
        if self.members.len() >= SCANNED_MEMBERS {
            self.places.insert(name.clone(), self.members.len());
        }
        self.members.push((name, vec![value]));
    }
}

impl<'x, 'b, B: Build> XmlDocument<'x, 'b, B> {
    fn new(text: &'x str, build: &'b B) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        Self { reader, build, open: Vec::new(), root: None, nodes: 0 }
    }

    fn read(mut self) -> Result<B::Value, XmlStop<B::Fault>> {
        loop {
            let event = self.reader.read_event().map_err(|error| self.damaged(&error))?;
            match event {
                Event::Start(start) => self.start(&start)?,
                Event::End(_) => self.end()?,
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(text) => self.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    let character = self.entity(&reference.xml10_content())?;
                    self.text(character.encode_utf8(&mut [0; 4]))?;
                }
                Event::DocType(_) => {
                    return Err(self.error("a document type (`<!DOCTYPE`) is refused".to_owned()));
                }
                Event::Eof => return self.finish(),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), XmlStop<B::Fault>> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.error(format!("nested more than {MAX_DEPTH} deep")));
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(self.error("there is more after the root element".to_owned()));
        }
        self.count_node()?;
        let mut element = XmlElement::new(self.name(start.name().as_ref())?);
        // A repeated attribute is found below, in a map with hashes that a sender cannot foresee.
        let mut attributes = start.attributes();
        for attribute in attributes.with_checks(false) {
            let attribute =
                attribute.map_err(|_| self.error("an attribute is damaged".to_owned()))?;
            self.count_node()?;
            let name = format!("@{}", self.name(attribute.key.as_ref())?);
            if element.place(&name).is_some() {
                return Err(self.error("an element has an attribute twice".to_owned()));
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| self.error("the value of an attribute is damaged".to_owned()))?;
            element.add(name, self.scalar(value.into_owned())?);
        }
        self.open.push(element);
        Ok(())
    }

    /// Returns the name of an element or attribute. `@` and `#` would make it equal to the names of
    /// other members.
    fn name(&self, name: &str) -> Result<String, XmlStop<B::Fault>> {
        let is_start = |first: char| first.is_alphabetic() || matches!(first, '_' | ':');
        if name.starts_with(is_start) {
            return Ok(name.to_owned());
        }
        Err(self.error("a name begins with a letter, `_` or `:`".to_owned()))
    }

    fn count_node(&mut self) -> Result<(), XmlStop<B::Fault>> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} elements and attributes");
            return Err(self.error(message));
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlStop<B::Fault>> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(self.error("there is text outside of the root element".to_owned())),
        }
        Ok(())
    }

    /// Returns the character of a reference: one of the five entities of XML, or a number.
    fn entity(&self, name: &str) -> Result<char, XmlStop<B::Fault>> {
        let number = match name.strip_prefix('#') {
            Some(digits) => match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => digits.parse().ok(),
            },
            None => match name {
                "lt" => Some(u32::from('<')),
                "gt" => Some(u32::from('>')),
                "amp" => Some(u32::from('&')),
                "quot" => Some(u32::from('"')),
                "apos" => Some(u32::from('\'')),
                _ => None,
            },
        };
        number
            .and_then(char::from_u32)
            // XML 1.0, section 2.2: other control characters are in no document.
            .filter(|character| *character >= ' ' || matches!(character, '\t' | '\n' | '\r'))
            .ok_or_else(|| self.error(format!("the entity {} is not known", quoted(name))))
    }

    fn end(&mut self) -> Result<(), XmlStop<B::Fault>> {
        let Some(element) = self.open.pop() else {
            return Err(self.error("an element ends that did not begin".to_owned()));
        };
        let name = element.name.clone();
        let value = self.value(element)?;
        match self.open.last_mut() {
            Some(parent) => parent.add(name, value),
            None => self.root = Some((name, value)),
        }
        Ok(())
    }

    fn value(&self, element: XmlElement<B::Value>) -> Result<B::Value, XmlStop<B::Fault>> {
        let XmlElement { text, members, .. } = element;
        if members.is_empty() {
            return self.scalar(text);
        }
        let mut object = self.build.object();
        for (name, values) in members {
            let value = self.one_or_list(values)?;
            self.insert(&mut object, name, value)?;
        }
        // White space between elements is layout.
        let text = text.trim();
        if !text.is_empty() {
            let text = self.scalar(text.to_owned())?;
            self.insert(&mut object, "#text".to_owned(), text)?;
        }
        self.build.end_object(object).map(|(object, _)| object).map_err(XmlStop::Fault)
    }

    fn one_or_list(&self, mut values: Vec<B::Value>) -> Result<B::Value, XmlStop<B::Fault>> {
        if values.len() == 1
            && let Some(only) = values.pop()
        {
            return Ok(only);
        }
        let mut list = self.build.list();
        for value in values {
            self.build.push(&mut list, value).map_err(XmlStop::Fault)?;
        }
        self.build.end_list(list).map_err(XmlStop::Fault)
    }

    fn insert(
        &self,
        object: &mut B::Object,
        name: String,
        value: B::Value,
    ) -> Result<(), XmlStop<B::Fault>> {
        let key = self.build.key(name.into()).map_err(XmlStop::Fault)?;
        self.build.insert(object, key, value).map_err(XmlStop::Fault)
    }

    fn scalar(&self, text: String) -> Result<B::Value, XmlStop<B::Fault>> {
        self.build.scalar(Scalar::Text(text.into())).map_err(XmlStop::Fault)
    }

    fn finish(mut self) -> Result<B::Value, XmlStop<B::Fault>> {
        if !self.open.is_empty() {
            return Err(self.error("the text ends inside an element".to_owned()));
        }
        let Some((name, value)) = self.root.take() else {
            return Err(self.error("there is no element".to_owned()));
        };
        let mut object = self.build.object();
        self.insert(&mut object, name, value)?;
        self.build.end_object(object).map(|(object, _)| object).map_err(XmlStop::Fault)
    }

    /// Returns the error for a text that is not well-formed. The messages of the reader may quote the
    /// text, so they are not used.
    #[cold]
    fn damaged(&self, error: &quick_xml::Error) -> XmlStop<B::Fault> {
        let message = match error {
            quick_xml::Error::IllFormed(_) => "an element is not closed, or closed by another name",
            quick_xml::Error::Syntax(_) => "a tag, comment or section is not closed",
            _ => "the text is not well-formed",
        };
        self.error(message.to_owned())
    }

    #[cold]
    fn error(&self, message: String) -> XmlStop<B::Fault> {
        XmlStop::Xml(XmlError { message, offset: self.reader.buffer_position() })
    }
}

#[cfg(test)]
mod tests {
    use super::read_xml;

    fn read(text: &str) -> String {
        match read_xml(text) {
            Ok(value) => value.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn elements_attributes_and_text_become_members() {
        for (text, wanted) in [
            ("<a>1</a>", r#"{"a":"1"}"#),
            ("<a/>", r#"{"a":""}"#),
            ("<?xml version=\"1.0\"?><!-- c --><a> x </a>", r#"{"a":" x "}"#),
            ("<a b=\"1\">t</a>", r##"{"a":{"@b":"1","#text":"t"}}"##),
            ("<a><b>1</b>\n<b>2</b><c/></a>", r#"{"a":{"b":["1","2"],"c":""}}"#),
            ("<s:a xmlns:s=\"u\"><s:b/></s:a>", r#"{"s:a":{"@xmlns:s":"u","s:b":""}}"#),
            ("<a>&lt;&#65;&#x42;&amp;<![CDATA[<b>]]></a>", r#"{"a":"<AB&<b>"}"#),
            ("\u{feff}<a b='&quot;'/>", r#"{"a":{"@b":"\""}}"#),
        ] {
            assert_eq!(read(text), wanted, "{text}");
        }
    }

    #[test]
    fn xml_that_could_grow_or_is_damaged_is_an_error() {
        for text in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a>&x;</a>",
            "<a b/>",
            "<a b=\"1\" b=\"2\"/>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a/>",
            "<a/>x",
        ] {
            assert!(read(text).starts_with("error"), "{text}: {}", read(text));
        }
        let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        let wide = |children: usize| format!("<a>{}</a>", "<b/>".repeat(children));
        assert!(!read(&wide(49_999)).starts_with("error"));
        assert!(read(&wide(50_000)).starts_with("error"));
        assert!(!read(&deep(128)).starts_with("error"));
        assert!(read(&deep(129)).starts_with("error"));
    }
}
