//! Pages of lists, filtered and ordered (<https://developers.awork.com/pagination>).

use serde::Serialize;
use serde_json::Value;

use crate::filterby::{Filter, Order, Refused, Surroundings};
use crate::gateway::clock::time_of;
use crate::gateway::manage::call::{Answer, Call, Fault};
use crate::gateway::manage::page::JsonPage;

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

    /// Rows that the filter and the order select, none so far.
    pub(super) fn matches<T>(&self) -> Matches<'_, T> {
        Matches { asked: self, rows: Vec::new(), bytes: 0 }
    }

    /// A page that was found, of so many rows.
    pub(super) fn answer(&self, page: JsonPage, total: usize) -> Answer {
        let items = page.items();
        page.answer()
            .with("aw-page", self.page)
            .with("aw-pagesize", self.size)
            .with("aw-items", items)
            .with("aw-totalitems", total)
    }
}

/// Bytes of the rows that are put into an order.
const ORDER_BYTES: usize = 2 << 20;

/// The rows that a filter holds of: what the order compares of each, and what finds it again.
pub(super) struct Matches<'a, T> {
    asked: &'a Asked,
    rows: Vec<(Value, T)>,
    bytes: usize,
}

impl<T> Matches<'_, T> {
    /// Looks at a row as it is shown; `item` stands for it, and takes about `bytes`.
    pub(super) fn look(
        &mut self,
        shown: &impl Serialize,
        item: T,
        bytes: usize,
    ) -> Result<(), Fault> {
        let Asked { filter, order, surroundings, .. } = self.asked;
        let row = serde_json::to_value(shown).map_err(|error| Fault::Server(error.to_string()))?;
        if !filter.as_ref().is_none_or(|filter| filter.holds(&row, surroundings)) {
            return Ok(());
        }
        let key = order.as_ref().map_or(Value::Null, |order| order.project(row));
        self.bytes += bytes + text_bytes(&key);
        if self.bytes > ORDER_BYTES {
            let many = "the filter selects more than can be put into an order: select fewer rows";
            return Err(Fault::Filter(many.to_owned()));
        }
        self.rows.push((key, item));
        Ok(())
    }

    /// The rows of the page that is asked for, and how many there are on all pages.
    pub(super) fn page(mut self) -> (Vec<T>, usize) {
        if let Some(order) = &self.asked.order {
            self.rows.sort_by(|(left, _), (right, _)| order.compare(left, right));
        }
        let total = self.rows.len();
        let page = self.rows.into_iter().skip(self.asked.offset()).take(self.asked.size);
        (page.map(|(_, item)| item).collect(), total)
    }
}

/// About how many bytes a key of an order takes.
fn text_bytes(key: &Value) -> usize {
    const MEMBER: usize = 64;
    let members = key.as_object().into_iter().flatten();
    members.map(|(_, value)| MEMBER + value.as_str().map_or(0, str::len)).sum()
}
