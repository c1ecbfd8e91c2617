//! Time formats in strftime notation, for reading and writing. Knows no zone database.
//!
//! `%f` is the digits after the point in both directions: it writes nine, and reads up to nine as a
//! fraction of a second. chrono reads them as a number of nanoseconds.

use std::fmt::Write;

use chrono::format::{
    Fixed, Item, Numeric, ParseError, ParseErrorKind, Parsed, StrftimeItems, parse,
    parse_and_remainder,
};
use chrono::{DateTime, FixedOffset, NaiveTime, TimeZone};

use super::parse::read_fraction;
use super::zone::Zone;
use crate::builtins::{Args, Env};
use crate::value::{Fault, FaultKind, Time, Value, quoted, shortened};

/// A format with only supported specifiers.
pub(super) struct Format<'a> {
    text: &'a str,
    items: Vec<Item<'a>>,
}

/// The purpose of a format. Each purpose has a specifier that it does not support.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// To read. `%Z` is rejected: zone abbreviations are ambiguous, and it would be read and
    /// ignored.
    Reading,
    /// To write. `%#z` is rejected: it reads an offset in any notation, so it defines none for
    /// writing.
    Writing,
}

/// Maximum length of a format, in bytes. A specifier may write twenty times its own length.
const MAX_FORMAT_BYTES: usize = 1000;

impl<'a> Format<'a> {
    /// Returns the format in an argument, or `None` if it is omitted.
    pub(super) fn argument(
        args: Args<'_, 'a>,
        at: usize,
        purpose: Purpose,
    ) -> Result<Option<Self>, Fault> {
        match args.optional_text(at)? {
            Some(text) => Self::new(args, at, text, purpose).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the format that a text spells, which is an argument.
    pub(super) fn new(
        args: Args<'_, '_>,
        at: usize,
        text: &'a str,
        purpose: Purpose,
    ) -> Result<Self, Fault> {
        if text.len() > MAX_FORMAT_BYTES {
            return Err(args.meaningless(at, format!("at most {MAX_FORMAT_BYTES} bytes long")));
        }
        if let Some(wrong) = wrong_specifier(text, purpose) {
            return Err(args
                .meaningless(at, format!("a strftime format, and `{wrong}` has no meaning in it"))
                .help(advice(wrong)));
        }
        Ok(Self { text, items: StrftimeItems::new(text).collect() })
    }

    /// Reads a text in this format. A text without an offset is in `zone`, or in UTC if that is
    /// `None`.
    pub(super) fn read(&self, text: &str, zone: Option<Zone>) -> Result<Time, Fault> {
        let mut parsed = Parsed::new();
        match read_items(&mut parsed, text, &self.items).and_then(|()| local_time(&mut parsed)) {
            Ok(ParsedTime::Instant(at)) => Time::new(at).ok_or_else(|| self.mismatch(text)),
            Ok(ParsedTime::Local(local)) => self.zone_in(&parsed, text, zone)?.at_local(local),
            Err(ReadError::Incomplete) => Err(self.incomplete()),
            Err(ReadError::Mismatch) => {
                self.can_match()?;
                Err(self.mismatch(text))
            }
        }
    }

    /// Checks that a text can have this format, and that it gives a whole time.
    ///
    /// # Errors
    /// Returns a fault that explains the missing or contradictory parts.
    pub(super) fn can_match(&self) -> Result<(), Fault> {
        for sample in SAMPLES {
            let mut parsed = Parsed::new();
            let read = self.written(sample).ok_or(ReadError::Mismatch).and_then(|text| {
                read_items(&mut parsed, &text, &self.items)?;
                local_time(&mut parsed)
            });
            match read {
                Ok(_) => return Ok(()),
                Err(ReadError::Incomplete) => return Err(self.incomplete()),
                Err(ReadError::Mismatch) => {}
            }
        }
        Err(self.unreadable())
    }

    /// Writes a time as a text that this format reads.
    fn written(&self, rfc3339: &str) -> Option<String> {
        let at = DateTime::parse_from_rfc3339(rfc3339).ok()?;
        let mut text = String::new();
        write!(text, "{}", at.format_with_items(self.items.iter().map(readable))).ok()?;
        Some(text)
    }

    fn zone_in(&self, parsed: &Parsed, text: &str, zone: Option<Zone>) -> Result<Zone, Fault> {
        match parsed.offset() {
            Some(_) => {
                let offset = parsed.to_fixed_offset().map_err(|_| self.mismatch(text))?;
                Ok(Zone::Fixed(offset))
            }
            None => Ok(zone.unwrap_or(Zone::UTC)),
        }
    }

    fn mismatch(&self, text: &str) -> Fault {
        let (text, format) = (quoted(text), shortened(self.text));
        Fault::new(FaultKind::NotATime, format!("{text} is no time of the form `{format}`"))
    }

    fn incomplete(&self) -> Fault {
        Fault::new(
            FaultKind::BadArgument,
            format!("the format `{}` does not tell a whole date and hour", shortened(self.text)),
        )
        .help("a time needs its year, month and day (`%Y-%m-%d`), or `%s`; the hour is `%H`, or `%I` with `%p`")
    }

    fn unreadable(&self) -> Fault {
        let text = format!("no time can be read by the format `{}`", shortened(self.text));
        let is_unix = |item: &Item<'_>| matches!(item, Item::Numeric(Numeric::Timestamp, _));
        let takes_all = self.items.iter().rev().skip(1).any(is_unix);
        Fault::new(FaultKind::BadArgument, text).help(if takes_all {
            "`%s` takes all digits, so no digits can follow it; without a format, `$PARSE_TIME` reads Unix times in seconds, milliseconds, microseconds and nanoseconds"
        } else {
            "two parts of it exclude each other"
        })
    }

    /// Writes a time in the local time of a zone.
    pub(super) fn write<'h>(
        &self,
        env: &Env<'h>,
        time: Time,
        zone: Zone,
    ) -> Result<Value<'h>, Fault> {
        // Fails if the year in that zone is outside 0 to 9999.
        let shown = zone.show(time)?.get();
        match zone {
            Zone::Named(zone) => self.write_at(env, shown.with_timezone(&zone)),
            Zone::Fixed(_) => self.write_at(env, shown),
        }
    }

    fn write_at<'h, Z: TimeZone>(&self, env: &Env<'h>, at: DateTime<Z>) -> Result<Value<'h>, Fault>
    where
        Z::Offset: std::fmt::Display,
    {
        env.heap.work(self.items.len())?;
        let mut text = env.heap.text_builder();
        text.push_display(at.format_with_items(self.items.iter()))?;
        Ok(Value::Text(text.finish()))
    }
}

/// Times that a format has to read if it can read any: with two digits in each part, with an
/// offset, and in UTC, in which a Unix time agrees with the other parts of a format without one.
const SAMPLES: [&str; 2] =
    ["2025-12-27T22:51:40.123456789+05:30", "1998-10-13T11:45:59.987654321Z"];

/// Returns an item that writes what another one reads. Offsets are read with hours and minutes, and
/// chrono can only read `%#z`.
fn readable<'a>(item: &Item<'a>) -> Item<'a> {
    let is_offset = matches!(
        item,
        Item::Fixed(Fixed::TimezoneOffsetDoubleColon | Fixed::TimezoneOffsetTripleColon)
    );
    if is_offset || StrftimeItems::new("%#z").next().as_ref() == Some(item) {
        return Item::Fixed(Fixed::TimezoneOffsetColon);
    }
    item.clone()
}

/// The result of reading: an instant, or a local time.
enum ParsedTime {
    Instant(DateTime<FixedOffset>),
    Local(chrono::NaiveDateTime),
}

/// The reasons why a text is not read.
enum ReadError {
    /// The format has too few parts for a time.
    Incomplete,
    /// The text does not have the format, or its parts contradict each other.
    Mismatch,
}

impl From<ParseError> for ReadError {
    fn from(error: ParseError) -> Self {
        match error.kind() {
            ParseErrorKind::NotEnough => Self::Incomplete,
            _ => Self::Mismatch,
        }
    }
}

/// Reads the parts of a whole text.
fn read_items(parsed: &mut Parsed, text: &str, items: &[Item<'_>]) -> Result<(), ReadError> {
    let (mut text, mut items) = (text, items);
    while let Some(at) = items.iter().position(is_fraction) {
        let (before, after) = items.split_at_checked(at).unwrap_or_default();
        text = parse_and_remainder(parsed, text, before.iter())?;
        items = after.get(1..).unwrap_or_default();
        let digits_follow = matches!(items.first(), Some(Item::Numeric(..)));
        let (fraction, rest) = split_fraction(text, digits_follow);
        let nanos = read_fraction(fraction).ok_or(ReadError::Mismatch)?;
        parsed.set_nanosecond(i64::from(nanos))?;
        text = rest;
    }
    Ok(parse(parsed, text, items.iter())?)
}

fn is_fraction(item: &Item<'_>) -> bool {
    matches!(item, Item::Numeric(Numeric::Nanosecond, _))
}

/// Splits a text after its leading digits: all of them, or nine if digits of another part follow.
fn split_fraction(text: &str, digits_follow: bool) -> (&str, &str) {
    let all = text.bytes().take_while(u8::is_ascii_digit).count();
    let end = if digits_follow { all.min(9) } else { all };
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn local_time(parsed: &mut Parsed) -> Result<ParsedTime, ReadError> {
    if parsed.timestamp().is_some() {
        // Without an offset in the text, the Unix time is shown in UTC.
        return Ok(ParsedTime::Instant(parsed.to_datetime()?));
    }
    let date = parsed.to_naive_date()?;
    Ok(ParsedTime::Local(date.and_time(clock(parsed)?)))
}

/// Returns the time of day: midnight if the format has only a date, and the full hour if it has no
/// minutes.
fn clock(parsed: &mut Parsed) -> chrono::ParseResult<NaiveTime> {
    let hour = parsed.hour_div_12().or(parsed.hour_mod_12());
    let finer = parsed.minute().or(parsed.second()).or(parsed.nanosecond());
    match (hour, finer) {
        (None, None) => return Ok(NaiveTime::MIN),
        (Some(_), None) => parsed.set_minute(0)?,
        _ => {}
    }
    parsed.to_naive_time()
}

/// Returns the first unsupported specifier of a format.
fn wrong_specifier(format: &str, purpose: Purpose) -> Option<&str> {
    // A fraction without its zeros on the left is another fraction.
    let refused = match purpose {
        Purpose::Reading => ["%Z", "%-f", "%_f"],
        Purpose::Writing => ["%#z", "%-f", "%_f"],
    };
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let from = rest.get(at..)?;
        match specifier(from) {
            Some(known) if !refused.contains(&known) => rest = from.get(known.len()..)?,
            Some(refused) => return Some(refused),
            None => return Some(unknown(from)),
        }
    }
    None
}

/// Returns the specifier at the start of a text: `%` and up to four more characters (`%:::z`).
fn specifier(from: &str) -> Option<&str> {
    let starts = (2..=5).filter_map(|length| from.get(..length));
    let mut known = starts.filter(|part| StrftimeItems::new(part).all(|item| item != Item::Error));
    known.next()
}

/// Returns the part of an unknown specifier to show: up to its letter.
fn unknown(from: &str) -> &str {
    let after = from.char_indices().skip(1);
    let letter = after.take(4).find(|(_, character)| character.is_alphabetic());
    let end = letter.map_or(1, |(at, character)| at + character.len_utf8());
    from.get(..end).unwrap_or("%")
}

fn advice(wrong: &str) -> &'static str {
    match wrong {
        "%Z" => {
            "abbreviations of zones are ambiguous: give the zone as an argument, or write the abbreviation itself into the format"
        }
        "%#z" => "an offset is written with `%z` or `%:z`",
        "%-f" | "%_f" => {
            "the digits of a fraction are `%3f`, `%6f` or `%9f`; `%f` reads any number of digits"
        }
        _ => "a format is such as `%Y-%m-%dT%H:%M:%S`; a percent sign of its own is `%%`",
    }
}
