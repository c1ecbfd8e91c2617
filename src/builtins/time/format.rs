//! Time formats in strftime notation, for reading and writing. Knows no zone database.

use chrono::format::{Item, ParseErrorKind, Parsed, StrftimeItems, parse};
use chrono::{DateTime, NaiveTime, TimeZone};

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
        let Some(text) = args.optional_text(at)? else {
            return Ok(None);
        };
        if text.len() > MAX_FORMAT_BYTES {
            return Err(args.meaningless(at, format!("at most {MAX_FORMAT_BYTES} bytes long")));
        }
        if let Some(wrong) = wrong_specifier(text, purpose) {
            return Err(args
                .meaningless(at, format!("a strftime format, and `{wrong}` has no meaning in it"))
                .help(advice(wrong)));
        }
        Ok(Some(Self { text, items: StrftimeItems::new(text).collect() }))
    }

    /// Reads a text in this format. A text without an offset is in `zone`, or in UTC if that is
    /// `None`.
    pub(super) fn read(&self, text: &str, zone: Option<Zone>) -> Result<Time, Fault> {
        let mut parsed = Parsed::new();
        let read = parse(&mut parsed, text, self.items.iter());
        let time = read.and_then(|()| local_time(&mut parsed));
        match time {
            Ok(ParsedTime::Instant(at)) => Time::new(at.into()).ok_or_else(|| self.mismatch(text)),
            Ok(ParsedTime::Local(local)) => self.zone_in(&parsed, text, zone)?.at_local(local),
            Err(error) if error.kind() == ParseErrorKind::NotEnough => Err(self.incomplete()),
            Err(_) => Err(self.mismatch(text)),
        }
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

/// The result of reading: an instant, or a local time.
enum ParsedTime {
    Instant(DateTime<chrono::Utc>),
    Local(chrono::NaiveDateTime),
}

fn local_time(parsed: &mut Parsed) -> chrono::ParseResult<ParsedTime> {
    if parsed.timestamp().is_some() {
        return parsed.to_datetime_with_timezone(&chrono::Utc).map(ParsedTime::Instant);
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
    let refused = match purpose {
        Purpose::Reading => "%Z",
        Purpose::Writing => "%#z",
    };
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let from = rest.get(at..)?;
        match specifier(from) {
            Some(known) if known != refused => rest = from.get(known.len()..)?,
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
        _ => "a format is such as `%Y-%m-%dT%H:%M:%S`; a percent sign of its own is `%%`",
    }
}
