//! The syntax tree of filters. Member names are resolved here; values are compared elsewhere.

use super::Refused;

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// True if all filters hold.
    And(Vec<Filter>),
    /// True if one of the filters holds.
    Or(Vec<Filter>),
    /// True if the filter does not hold.
    Not(Box<Filter>),
    /// A comparison of two operands.
    Compare(Operand, Comparison, Operand),
    /// True if a member equals one of the values.
    In(Vec<String>, Vec<Literal>),
    /// True if a string starts with another.
    StartsWith(Operand, String),
    /// True if a string ends with another.
    EndsWith(Operand, String),
    /// True if a string contains another.
    Contains(Operand, String),
    /// True if the filter holds for one element of a list, which has this name in the filter.
    Any(Vec<String>, String, Box<Filter>),
    /// A comparison of a number with the number of elements of a list, or of those for which a
    /// filter holds.
    Count(Vec<String>, Option<(String, Box<Filter>)>, Comparison, f64),
}

/// An operand of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A member of the row.
    Path(Vec<String>),
    /// A member in lower case.
    Lower(Vec<String>),
    /// A literal.
    Literal(Literal),
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Boolean(bool),
    Text(String),
    Number(f64),
    /// A time, as written.
    Time(String),
    /// A UUID, as written.
    Guid(String),
    /// The id of the user.
    Me,
    Now,
    /// The start of today, plus a number of days.
    Today(i64),
    /// The start of this week, plus a number of days.
    Week(i64),
    /// The start of this month, plus a number of months.
    Month(u32),
}

impl Filter {
    /// Returns a filter that holds if all filters hold. A single filter is returned unchanged.
    pub(super) fn and(mut all: Vec<Self>) -> Self {
        match (all.len(), all.pop()) {
            (1, Some(one)) => one,
            (_, last) => Self::And(all.into_iter().chain(last).collect()),
        }
    }

    /// Returns a filter that holds if one of the filters holds. A single filter is returned
    /// unchanged.
    pub(super) fn or(mut all: Vec<Self>) -> Self {
        match (all.len(), all.pop()) {
            (1, Some(one)) => one,
            (_, last) => Self::Or(all.into_iter().chain(last).collect()),
        }
    }

    /// Replaces each member name with its spelling in the rows. `bound` has the names of list
    /// elements.
    pub(super) fn resolve(
        &mut self,
        members: &[&str],
        bound: &mut Vec<String>,
    ) -> Result<(), Refused> {
        match self {
            Self::And(all) | Self::Or(all) => {
                all.iter_mut().try_for_each(|one| one.resolve(members, bound))
            }
            Self::Not(one) => one.resolve(members, bound),
            Self::Compare(left, _, right) => {
                left.resolve(members, bound)?;
                right.resolve(members, bound)
            }
            Self::In(path, _) => resolve(path, members, bound),
            Self::StartsWith(of, _) | Self::EndsWith(of, _) | Self::Contains(of, _) => {
                of.resolve(members, bound)
            }
            Self::Any(path, name, of) => {
                resolve(path, members, bound)?;
                within(name, of, members, bound)
            }
            Self::Count(path, of, ..) => {
                resolve(path, members, bound)?;
                of.as_mut().map_or(Ok(()), |(name, of)| within(name, of, members, bound))
            }
        }
    }
}

fn within(
    name: &str,
    of: &mut Filter,
    members: &[&str],
    bound: &mut Vec<String>,
) -> Result<(), Refused> {
    bound.push(name.to_owned());
    let resolved = of.resolve(members, bound);
    bound.pop();
    resolved
}

impl Operand {
    fn resolve(&mut self, members: &[&str], bound: &[String]) -> Result<(), Refused> {
        match self {
            Self::Path(path) | Self::Lower(path) => resolve(path, members, bound),
            Self::Literal(_) => Ok(()),
        }
    }
}

fn resolve(path: &mut [String], members: &[&str], bound: &[String]) -> Result<(), Refused> {
    let Some(first) = path.first_mut() else {
        return Ok(());
    };
    if bound.contains(first) {
        return Ok(());
    }
    let known = members.iter().find(|member| member.eq_ignore_ascii_case(first));
    let known = known.ok_or_else(|| {
        Refused(format!("there is no `{first}` to filter by; there are {}", members.join(", ")))
    })?;
    (*known).clone_into(first);
    Ok(())
}
