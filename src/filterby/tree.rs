//! Filters as trees.

use super::Refused;

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them hold.
    And(Vec<Filter>),
    /// One of them holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// Two values compare so.
    Compare(Operand, Comparison, Operand),
    /// A member is one of these values.
    In(Vec<String>, Vec<Literal>),
    /// A text starts so.
    StartsWith(Operand, String),
    /// A text ends so.
    EndsWith(Operand, String),
    /// A text has this in it.
    Contains(Operand, String),
    /// Of a list one element is such, by the name that it has there.
    Any(Vec<String>, String, Box<Filter>),
    /// So many elements of a list are such.
    Count(Vec<String>, Option<(String, Box<Filter>)>, Comparison, f64),
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A member of the row.
    Path(Vec<String>),
    /// The same in small letters.
    Lower(Vec<String>),
    /// A value as it is written.
    Literal(Literal),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Boolean(bool),
    Text(String),
    Number(f64),
    /// A time, as text.
    Time(String),
    /// A UUID, as text.
    Guid(String),
    /// The user.
    Me,
    Now,
    /// The start of today, and so many days.
    Today(i64),
    /// The start of this week, and so many days.
    Week(i64),
    /// The start of this month, and so many months.
    Month(u32),
}

impl Filter {
    /// All of some hold; of one, it does.
    pub(super) fn and(mut all: Vec<Self>) -> Self {
        match (all.len(), all.pop()) {
            (1, Some(one)) => one,
            (_, last) => Self::And(all.into_iter().chain(last).collect()),
        }
    }

    /// One of some holds; of one, it does.
    pub(super) fn or(mut all: Vec<Self>) -> Self {
        match (all.len(), all.pop()) {
            (1, Some(one)) => one,
            (_, last) => Self::Or(all.into_iter().chain(last).collect()),
        }
    }

    /// Gives every member the name that rows have for it; `bound` are the names of elements.
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
