//! Parsing of bodies: the formats that a listener reads, and the choice of one. Knows no listeners.

mod charset;
mod form;
mod format;
mod multipart;

pub(super) use form::{MAX_FORM_FIELDS, query};
pub(super) use format::{Format, Formats};

use self::charset::Charset;
use self::form::form;
use self::format::parameter;
use self::multipart::{FileContent, multipart};
use crate::engine::OwnedValue;
use crate::value::{
    JsonError, OwnedObject, Projection, RepeatedKeys, XmlError, compact_json, read_json_part,
    read_xml,
};

/// The settings by which a listener reads bodies.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyReader {
    /// The formats that it reads.
    pub(super) formats: Formats,
    /// The meaning of repeated keys in JSON.
    pub(super) repeated: RepeatedKeys,
}

/// A parsed body.
#[derive(Debug)]
pub(super) struct Body {
    /// The value of `parsed_body`. Null if there is nothing to parse or the body is not valid.
    pub(super) parsed: OwnedValue,
    /// The format that the body was read in.
    pub(super) format: Option<Format>,
    /// True if the text of a JSON body can be handed on as it was sent: it has no byte order mark
    /// and repeats no key.
    pub(super) as_sent: bool,
    /// True if there is a body, and no format that the listener reads fits it.
    pub(super) not_parsed: bool,
    /// The error of a body that is not in its format.
    pub(super) malformed: Option<Malformed>,
}

/// The error of a body that cannot be parsed.
#[derive(Debug)]
pub(super) enum Malformed {
    /// A body that is not valid JSON.
    Json(JsonError),
    /// A body that is not well-formed XML.
    Xml(XmlError),
    /// A body that is not `multipart/form-data`.
    Multipart,
    /// A form with more than `MAX_FORM_FIELDS` fields.
    TooManyFields,
    /// More than `MAX_LINES` lines of JSON.
    TooManyLines,
}

impl Malformed {
    fn is_repeated_key(&self) -> bool {
        matches!(self, Self::Json(error) if error.is_repeated_key())
    }
}

impl Body {
    const NONE: Self = Self {
        parsed: OwnedValue::Null,
        format: None,
        as_sent: false,
        not_parsed: false,
        malformed: None,
    };
    const NOT_PARSED: Self = Self { not_parsed: true, ..Self::NONE };

    fn malformed(error: Malformed) -> Self {
        Self { malformed: Some(error), ..Self::NONE }
    }

    fn of(format: Format, parsed: OwnedValue) -> Self {
        Self { parsed, format: Some(format), ..Self::NONE }
    }

    /// Returns true if the body was read as JSON.
    pub(super) fn is_json(&self) -> bool {
        self.format == Some(Format::Json)
    }
}

/// Maximum number of lines of JSON.
pub(super) const MAX_LINES: usize = 10_000;

/// The byte order mark of UTF-8. Some senders write it before their text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The parts of a body to build.
#[derive(Debug, Clone, Copy)]
struct WantedParts<'w> {
    json: &'w Projection,
    files: FileContent,
}

type ReadResult = Result<Body, Malformed>;

impl BodyReader {
    /// Parses a body. Builds only the wanted parts of a JSON body.
    pub(super) fn parse(
        self,
        content_type: Option<&str>,
        bytes: &[u8],
        wanted: &Projection,
    ) -> Body {
        self.read(content_type, bytes, WantedParts { json: wanted, files: FileContent::Kept })
    }

    fn read(self, content_type: Option<&str>, bytes: &[u8], wanted: WantedParts<'_>) -> Body {
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        if text.is_empty() {
            return Body::NONE;
        }
        let sent = SentBody { content_type, bytes, text, wanted };
        let read = match self.formats {
            Formats::Auto => self.auto(&sent),
            Formats::Listed(_) => self.listed(&sent),
        };
        read.unwrap_or_else(Body::malformed)
    }

    /// Reads JSON and XML by their bytes, and other bodies by their content type.
    fn auto(self, sent: &SentBody<'_>) -> ReadResult {
        if Format::Json.may_be(sent.text) {
            match self.in_format(Format::Json, sent) {
                Err(error) if !error.is_repeated_key() => {}
                read => return read,
            }
        }
        if Format::Xml.may_be(sent.text)
            && let Ok(body) = self.in_format(Format::Xml, sent)
        {
            return Ok(body);
        }
        match Format::declared(sent.content_type) {
            Some(format @ (Format::Json | Format::JsonLines | Format::Form | Format::Text)) => {
                self.in_format(format, sent)
            }
            // A body that is not what it declares to be, and that no program reads, is no error.
            Some(Format::Multipart) => {
                Ok(self.in_format(Format::Multipart, sent).unwrap_or(Body::NOT_PARSED))
            }
            Some(Format::Xml) | None => Ok(Body::NOT_PARSED),
        }
    }

    /// Reads a body in the first listed format that its bytes can be of. A body that begins like a
    /// format and is damaged is an error; a body in no listed format is not read.
    fn listed(self, sent: &SentBody<'_>) -> ReadResult {
        let mut last = Ok(Body::NOT_PARSED);
        let is_only = self.formats.iter().nth(1).is_none();
        for format in self.formats.iter().filter(|format| is_only || format.may_be(sent.text)) {
            // JSON lines begin like JSON; no other format does.
            if last.is_err() && format != Format::JsonLines {
                break;
            }
            match self.in_format(format, sent) {
                Ok(body) => return Ok(body),
                Err(error) if error.is_repeated_key() => return Err(error),
                Err(error) if format.may_be(sent.text) => last = Err(error),
                Err(_) => {}
            }
        }
        last
    }

    fn in_format(self, format: Format, sent: &SentBody<'_>) -> ReadResult {
        match format {
            Format::Json => self.json(sent),
            Format::JsonLines => self.json_lines(sent),
            Format::Form => self.form(sent),
            Format::Multipart => {
                let parsed = multipart(sent.text, sent.charset(), sent.wanted.files);
                parsed.map(|parsed| Body::of(format, parsed)).ok_or(Malformed::Multipart)
            }
            Format::Xml => {
                // The declaration is part of the body, which a signature covers; the header is not.
                let charset = Charset::of_xml(sent.text).unwrap_or_else(|| sent.charset());
                let parsed = read_xml(&charset.decode(sent.text));
                parsed.map(|parsed| Body::of(format, parsed)).map_err(Malformed::Xml)
            }
            Format::Text => {
                let text = sent.charset().decode(sent.text);
                Ok(Body::of(format, OwnedValue::Text(text.into())))
            }
        }
    }

    fn json(self, sent: &SentBody<'_>) -> ReadResult {
        let read = read_json_part(sent.bytes, sent.wanted.json, RepeatedKeys::Refuse);
        let (parsed, has_repeats) = match (read, self.repeated) {
            (Err(error), RepeatedKeys::LastCounts) if error.is_repeated_key() => {
                // The event is written from the whole, so a part that is not read counts too.
                let whole = Projection::whole();
                (read_json_part(sent.bytes, &whole, RepeatedKeys::LastCounts), true)
            }
            (parsed, _) => (parsed, false),
        };
        let parsed = parsed.map_err(Malformed::Json)?;
        let as_sent = !has_repeats && sent.bytes.len() == sent.text.len();
        Ok(Body { as_sent, ..Body::of(Format::Json, parsed) })
    }

    /// Reads a JSON value on each line (<https://github.com/ndjson/ndjson-spec>), as a list.
    fn json_lines(self, sent: &SentBody<'_>) -> ReadResult {
        let lines = sent.text.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.trim_ascii().is_empty()).take(MAX_LINES + 1);
        let values = lines.map(|line| read_json_part(line, &Projection::whole(), self.repeated));
        let values = values.collect::<Result<Vec<_>, _>>().map_err(Malformed::Json)?;
        if values.len() > MAX_LINES {
            return Err(Malformed::TooManyLines);
        }
        Ok(Body::of(Format::JsonLines, OwnedValue::List(values)))
    }

    fn form(self, sent: &SentBody<'_>) -> ReadResult {
        let form = form(sent.text, sent.charset()).ok_or(Malformed::TooManyFields)?;
        let parsed = self.with_payload(form).map_err(Malformed::Json)?;
        Ok(Body::of(Format::Form, parsed))
    }

    /// Parses JSON in the form field `payload`, which Slack and others send, so that rules can read
    /// its content.
    fn with_payload(self, form: OwnedValue) -> Result<OwnedValue, JsonError> {
        let OwnedValue::Object(object) = &form else {
            return Ok(form);
        };
        let Some(OwnedValue::Text(payload)) = object.get("payload") else {
            return Ok(form);
        };
        let parsed = match read_json_part(payload.as_bytes(), &Projection::whole(), self.repeated) {
            Ok(parsed) => parsed,
            Err(error) if error.is_repeated_key() => return Err(error),
            Err(_) => return Ok(form),
        };
        let entries = object.iter().map(|(key, value)| match &**key {
            "payload" => (key.clone(), parsed.clone()),
            _ => (key.clone(), value.clone()),
        });
        Ok(OwnedValue::Object(OwnedObject::new(entries.collect()).0))
    }

    /// Returns the whole body as JSON text: JSON as it was sent, without white space, and other
    /// formats as the value that programs read, without the content of files. `null` if there is
    /// nothing to parse.
    pub(super) fn to_json(self, content_type: Option<&str>, bytes: &[u8]) -> String {
        if self.parse(content_type, bytes, &Projection::default()).is_json()
            && let Ok(text) = compact_json(bytes, self.repeated)
        {
            return text;
        }
        self.without_files(content_type, bytes).to_string()
    }

    /// Returns the whole parsed body without the content of files, for logs and events.
    pub(super) fn without_files(self, content_type: Option<&str>, bytes: &[u8]) -> OwnedValue {
        let whole = Projection::whole();
        let wanted = WantedParts { json: &whole, files: FileContent::LeftOut };
        self.read(content_type, bytes, wanted).parsed
    }
}

/// A body as it was sent.
struct SentBody<'s> {
    content_type: Option<&'s str>,
    bytes: &'s [u8],
    /// The body without its byte order mark.
    text: &'s [u8],
    wanted: WantedParts<'s>,
}

impl SentBody<'_> {
    fn charset(&self) -> Charset {
        Charset::of(parameter(self.content_type, "charset"))
    }
}

/// Parses a body for a log that has no listener. The last of repeated keys counts.
pub(super) fn parse_as(content_type: Option<&str>, bytes: &[u8]) -> OwnedValue {
    let reader = BodyReader { formats: Formats::Auto, repeated: RepeatedKeys::LastCounts };
    reader.without_files(content_type, bytes)
}
