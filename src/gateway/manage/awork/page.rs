//! Pages of lists, filtered and ordered (<https://developers.awork.com/pagination>).

use serde::Serialize;
use serde_json::Value;

use crate::filterby::{Filter, Order, Refused, Surroundings};
use crate::gateway::clock::time_of;
use crate::gateway::manage::call::{Answer, Call, Fault};

/// What is asked of a list.
pub(super) struct Asked {
    pub page: usize,
    pub size: usize,
    filter: Option<Filter>,
    order: Option<Order>,
    surroundings: Surroundings,
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self::Filter(refused.to_string())
    }
}

impl Asked {
    /// What a call asks of a list whose rows have these members.
    pub(super) fn of(call: &Call, members: &[&str]) -> Result<Self, Fault> {
        let given = |name| call.parameter(name).filter(|text| !text.trim().is_empty());
        let filter = given("filterby").map(|text| Filter::read(text, members)).transpose()?;
        let order = given("orderby").map(|text| Order::read(text, members)).transpose()?;
        let surroundings = Surroundings {
            now: time_of(call.app.clock.micros()).get().to_utc(),
            me: call.app.configuration().settings.delivery.user.to_string(),
        };
        Ok(Self {
            page: call.number("page", 1, 1..=1_000_000)?,
            size: call.number("pageSize", 10, 1..=1000)?,
            filter,
            order,
            surroundings,
        })
    }

    /// Whether the rows are wanted as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.filter.is_none() && self.order.is_none()
    }

    /// How many rows come before the page.
    pub(super) fn offset(&self) -> usize {
        (self.page - 1).saturating_mul(self.size)
    }

    /// The rows that are wanted of some, in order and of this page, and how many are wanted.
    pub(super) fn choose<T, S: Serialize>(
        &self,
        rows: Vec<T>,
        shown: impl Fn(&T) -> S,
    ) -> Result<(Vec<T>, usize), Fault> {
        let mut wanted: Vec<(Value, T)> = Vec::new();
        for row in rows {
            let value = serde_json::to_value(shown(&row))
                .map_err(|error| Fault::Server(error.to_string()))?;
            if self.filter.as_ref().is_none_or(|filter| filter.holds(&value, &self.surroundings)) {
                wanted.push((value, row));
            }
        }
        if let Some(order) = &self.order {
            wanted.sort_by(|(left, _), (right, _)| order.compare(left, right));
        }
        let total = wanted.len();
        let page = wanted.into_iter().skip(self.offset()).take(self.size);
        Ok((page.map(|(_, row)| row).collect(), total))
    }

    /// A page that was found, of so many rows.
    pub(super) fn answer(&self, page: &[impl Serialize], total: usize) -> Result<Answer, Fault> {
        let answer = Answer::json(&page)?;
        Ok(answer
            .with("aw-page", self.page)
            .with("aw-pagesize", self.size)
            .with("aw-items", page.len())
            .with("aw-totalitems", total))
    }
}
