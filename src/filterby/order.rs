//! Sort orders of lists. Knows nothing of the source of the rows.

use std::cmp::Ordering;

use serde_json::Value;

use super::Refused;

/// A sort order: members by priority, each ascending or descending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order(Vec<(String, bool)>);

impl Order {
    /// Parses a sort order over rows with these members, such as `Name desc,CreatedOn`. Member
    /// names are case-insensitive.
    ///
    /// ```
    /// use hookgate::filterby::Order;
    ///
    /// let order = Order::read("Name desc", &["name"])?;
    /// let mut rows = [serde_json::json!({ "name": "a" }), serde_json::json!({ "name": "b" })];
    /// rows.sort_by(|left, right| order.compare(left, right));
    /// assert_eq!(rows[0]["name"], "b");
    /// # Ok::<(), hookgate::filterby::Refused>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the string is no sort order, or if it names an unknown member.
    pub fn read(text: &str, members: &[&str]) -> Result<Self, Refused> {
        let mut keys = Vec::new();
        for part in text.split(',') {
            let mut words = part.split_whitespace();
            let (name, direction) = (words.next().unwrap_or(""), words.next().unwrap_or("asc"));
            let known = members.iter().find(|member| member.eq_ignore_ascii_case(name));
            let known = known.ok_or_else(|| {
                let known = members.join(", ");
                Refused(format!("there is no `{name}` to order by; there are {known}"))
            })?;
            let down = direction.eq_ignore_ascii_case("desc");
            if words.next().is_some() || !(down || direction.eq_ignore_ascii_case("asc")) {
                return Err(Refused(format!("`{}` is no order: `Name desc`", part.trim())));
            }
            keys.push(((*known).to_owned(), down));
        }
        Ok(Self(keys))
    }

    /// Keeps the members of a row that this order compares, and drops the others.
    pub fn project(&self, mut row: Value) -> Value {
        if let Some(members) = row.as_object_mut() {
            members.retain(|member, _| self.0.iter().any(|(key, _)| key == member));
        }
        row
    }

    /// Compares two rows.
    pub fn compare(&self, left: &Value, right: &Value) -> Ordering {
        for (member, down) in &self.0 {
            let order = values(left.get(member), right.get(member));
            let order = if *down { order.reverse() } else { order };
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }
}

fn values(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    match (left, right) {
        (Some(Value::String(left)), Some(Value::String(right))) => left.cmp(right),
        (Some(Value::Bool(left)), Some(Value::Bool(right))) => left.cmp(right),
        (Some(Value::Number(left)), Some(Value::Number(right))) => {
            left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal)
        }
        // Missing and null values come first.
        (left, right) => is_there(left).cmp(&is_there(right)),
    }
}

fn is_there(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null())
}
