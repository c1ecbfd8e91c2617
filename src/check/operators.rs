//! The result kinds of operators. Does not know values.

use crate::syntax::Operator;
use crate::value::{Kind, Kinds};

/// Returns the kinds that an operator may return for operands of these kinds. Empty if it always
/// fails.
pub(super) fn answers(operator: Operator, left: Kinds, right: Kinds) -> Kinds {
    // Most comparisons are equalities, which have a result for any two values.
    if matches!(operator, Operator::Equal | Operator::NotEqual) {
        let both = !left.is_empty() && !right.is_empty();
        return if both { Kinds::BOOLEAN } else { Kinds::NONE };
    }
    let mut answers = Kinds::NONE;
    for a in left.iter() {
        for b in right.iter() {
            answers = answers | answer(operator, a, b);
        }
    }
    answers
}

/// Returns true if an operator fails for every pair of non-null kinds, and such a pair exists.
pub(super) fn fails_unless_null(operator: Operator, left: Kinds, right: Kinds) -> bool {
    let (left, right) = (left.without(Kinds::NULL), right.without(Kinds::NULL));
    !left.is_empty() && !right.is_empty() && answers(operator, left, right).is_empty()
}

/// Returns true if values of these kinds may be equal. Two nulls count only if one side is always
/// null: that comparison is a null test.
pub(super) fn may_be_equal(left: Kinds, right: Kinds) -> bool {
    if left == Kinds::NULL || right == Kinds::NULL {
        return left.contains(Kind::Null) && right.contains(Kind::Null);
    }
    if left.and(right).meets(Kinds::ALL.without(Kinds::NULL)) {
        return true;
    }
    let pairs = left.iter().flat_map(|a| right.iter().map(move |b| (a, b)));
    pairs.filter(|pair| *pair != (Kind::Null, Kind::Null)).any(|(a, b)| comparable(a, b))
}

fn comparable(left: Kind, right: Kind) -> bool {
    left == right
        || matches!(
            (left, right),
            (Kind::Time, Kind::Number)
                | (Kind::Number, Kind::Time)
                | (Kind::Secret, Kind::Text | Kind::Bytes)
                | (Kind::Text | Kind::Bytes, Kind::Secret)
        )
}

fn answer(operator: Operator, left: Kind, right: Kind) -> Kinds {
    match operator {
        Operator::Equal | Operator::NotEqual => Kinds::BOOLEAN,
        Operator::In | Operator::NotIn => contains(left, right),
        Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
            ordered(left, right)
        }
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide => {
            arithmetic(operator, left, right)
        }
    }
}

fn contains(needle: Kind, haystack: Kind) -> Kinds {
    match (needle, haystack) {
        (_, Kind::Null | Kind::List) => Kinds::BOOLEAN,
        (Kind::Null | Kind::Text, Kind::Text | Kind::Object) => Kinds::BOOLEAN,
        _ => Kinds::NONE,
    }
}

fn ordered(left: Kind, right: Kind) -> Kinds {
    match (left, right) {
        (Kind::Null, _) | (_, Kind::Null) => Kinds::BOOLEAN,
        (Kind::Number | Kind::Time, Kind::Number | Kind::Time) => Kinds::BOOLEAN,
        (Kind::Text, Kind::Text) => Kinds::BOOLEAN,
        _ => Kinds::NONE,
    }
}

fn arithmetic(operator: Operator, left: Kind, right: Kind) -> Kinds {
    match (operator, left, right) {
        (_, Kind::Null, _) | (_, _, Kind::Null) => Kinds::NULL,
        (_, Kind::Number, Kind::Number) => Kinds::NUMBER,
        (Operator::Add, Kind::Time, Kind::Number) | (Operator::Add, Kind::Number, Kind::Time) => {
            Kinds::TIME
        }
        (Operator::Subtract, Kind::Time, Kind::Number) => Kinds::TIME,
        (Operator::Subtract, Kind::Time, Kind::Time) => Kinds::NUMBER,
        (Operator::Add, Kind::Text, Kind::Text) => Kinds::TEXT,
        (Operator::Add, Kind::Secret, Kind::Text | Kind::Secret)
        | (Operator::Add, Kind::Text, Kind::Secret) => Kinds::SECRET,
        _ => Kinds::NONE,
    }
}
