//! Evaluation of filters against rows. Knows no sources and no lists.

use std::cmp::Ordering;

use chrono::{DateTime, Datelike, Days, Months, NaiveDateTime, Utc};
use serde_json::Value;

use super::tree::{Comparison, Filter, Literal, Operand};

/// The context of an evaluation, apart from the row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilterContext {
    /// The current time.
    pub now: DateTime<Utc>,
    /// The id of the user who sent the request.
    pub me: String,
}

/// A value to compare.
enum Comparable<'v> {
    Null,
    Boolean(bool),
    Number(f64),
    Text(std::borrow::Cow<'v, str>),
    Time(DateTime<Utc>),
    /// A list, an object or an invalid literal. It equals nothing.
    Nothing,
}

/// A row, with the named elements of its lists.
struct Row<'r> {
    row: &'r Value,
    elements: Vec<(&'r str, &'r Value)>,
    surroundings: &'r FilterContext,
}

impl Filter {
    /// Returns true if the filter holds for a row.
    pub fn holds(&self, row: &Value, surroundings: &FilterContext) -> bool {
        Row { row, elements: Vec::new(), surroundings }.holds(self)
    }
}

impl<'r> Row<'r> {
    fn holds(&mut self, filter: &'r Filter) -> bool {
        match filter {
            Filter::And(all) => all.iter().all(|one| self.holds(one)),
            Filter::Or(all) => all.iter().any(|one| self.holds(one)),
            Filter::Not(one) => !self.holds(one),
            Filter::Compare(left, by, right) => {
                let (left, right) = (self.operand(left), self.operand(right));
                by.holds(compare(&left, &right))
            }
            Filter::In(path, values) => {
                let member = self.member(path);
                let is = |value| compare(&member, &self.literal(value)) == Some(Ordering::Equal);
                values.iter().any(is)
            }
            Filter::StartsWith(of, start) => self.text(of, |text| text.starts_with(&**start)),
            Filter::EndsWith(of, end) => self.text(of, |text| text.ends_with(&**end)),
            Filter::Contains(of, part) => self.text(of, |text| text.contains(&**part)),
            Filter::Any(path, name, of) => {
                self.list(path).iter().any(|element| self.with(name, element, of))
            }
            Filter::Count(path, of, by, number) => {
                let list = self.list(path);
                let such = list.iter().filter(|element| match of {
                    Some((name, of)) => self.with(name, element, of),
                    None => true,
                });
                let such = u32::try_from(such.count()).map_or(f64::MAX, f64::from);
                by.holds(such.partial_cmp(number))
            }
        }
    }

    fn with(&mut self, name: &'r str, element: &'r Value, filter: &'r Filter) -> bool {
        self.elements.push((name, element));
        let holds = self.holds(filter);
        self.elements.pop();
        holds
    }

    fn value(&self, path: &[String]) -> &'r Value {
        let Some((first, rest)) = path.split_first() else {
            return &Value::Null;
        };
        let element = self.elements.iter().rev().find(|(name, _)| name == first);
        let value = match element {
            Some((_, element)) => Some(*element),
            None => self.row.get(first),
        };
        rest.iter().fold(value.unwrap_or(&Value::Null), |value, name| {
            let members = value.as_object().into_iter().flatten();
            let found = members.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map_or(&Value::Null, |(_, value)| value)
        })
    }

    fn list(&self, path: &[String]) -> &'r [Value] {
        self.value(path).as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn member(&self, path: &[String]) -> Comparable<'r> {
        match self.value(path) {
            Value::Null => Comparable::Null,
            Value::Bool(boolean) => Comparable::Boolean(*boolean),
            Value::Number(number) => Comparable::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Comparable::Text(text.as_str().into()),
            Value::Array(_) | Value::Object(_) => Comparable::Nothing,
        }
    }

    fn operand(&self, operand: &'r Operand) -> Comparable<'r> {
        match operand {
            Operand::Path(path) => self.member(path),
            Operand::Lower(path) => match self.member(path) {
                Comparable::Text(text) => Comparable::Text(text.to_lowercase().into()),
                other => other,
            },
            Operand::Literal(literal) => self.literal(literal),
        }
    }

    fn text(&self, operand: &'r Operand, test: impl FnOnce(&str) -> bool) -> bool {
        matches!(self.operand(operand), Comparable::Text(text) if test(&text))
    }

    fn literal(&self, literal: &'r Literal) -> Comparable<'r> {
        let now = self.surroundings.now;
        let midnight = now.date_naive();
        let day = |date: Option<chrono::NaiveDate>| {
            let start = date.and_then(|date| date.and_hms_opt(0, 0, 0));
            start.map_or(Comparable::Nothing, |start| Comparable::Time(start.and_utc()))
        };
        let later = |date: chrono::NaiveDate, days: i64| match u64::try_from(days) {
            Ok(days) => date.checked_add_days(Days::new(days)),
            Err(_) => date.checked_sub_days(Days::new(days.unsigned_abs())),
        };
        match literal {
            Literal::Null => Comparable::Null,
            Literal::Boolean(boolean) => Comparable::Boolean(*boolean),
            Literal::Text(text) => Comparable::Text(text.as_str().into()),
            Literal::Number(number) => Comparable::Number(*number),
            Literal::Time(text) => time(text).map_or(Comparable::Nothing, Comparable::Time),
            Literal::Guid(text) => Comparable::Text(text.to_ascii_lowercase().into()),
            Literal::Me => Comparable::Text(self.surroundings.me.as_str().into()),
            Literal::Now => Comparable::Time(now),
            Literal::Today(days) => day(later(midnight, *days)),
            Literal::Week(days) => {
                let since_monday = i64::from(midnight.weekday().num_days_from_monday());
                day(later(midnight, days - since_monday))
            }
            Literal::Month(months) => {
                let first = midnight.with_day(1);
                day(first.and_then(|first| first.checked_add_months(Months::new(*months))))
            }
        }
    }
}

/// Parses a time in the formats of filters and rows. Without an offset it is UTC.
fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let times = formats.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let date = || chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    times.or_else(date).map(|time| time.and_utc())
}

/// Compares two values. Values of different kinds have no order, and differ from each other. A time
/// and a string compare as times.
fn compare(left: &Comparable<'_>, right: &Comparable<'_>) -> Option<Ordering> {
    match (left, right) {
        (Comparable::Null, Comparable::Null) => Some(Ordering::Equal),
        (Comparable::Boolean(left), Comparable::Boolean(right)) => Some(left.cmp(right)),
        (Comparable::Number(left), Comparable::Number(right)) => left.partial_cmp(right),
        (Comparable::Text(left), Comparable::Text(right)) => Some(left.cmp(right)),
        (Comparable::Time(left), Comparable::Time(right)) => Some(left.cmp(right)),
        (Comparable::Time(left), Comparable::Text(right)) => {
            time(right).map(|right| left.cmp(&right))
        }
        (Comparable::Text(left), Comparable::Time(right)) => time(left).map(|left| left.cmp(right)),
        _ => None,
    }
}

impl Comparison {
    fn holds(self, order: Option<Ordering>) -> bool {
        match (self, order) {
            (Self::NotEqual, order) => order != Some(Ordering::Equal),
            (_, None) => false,
            (Self::Equal, Some(order)) => order.is_eq(),
            (Self::Greater, Some(order)) => order.is_gt(),
            (Self::GreaterEqual, Some(order)) => order.is_ge(),
            (Self::Less, Some(order)) => order.is_lt(),
            (Self::LessEqual, Some(order)) => order.is_le(),
        }
    }
}
