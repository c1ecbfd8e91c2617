//! Pages of lists with filter and order (<https://developers.awork.com/pagination>). Does not know
//! the rows' types.

use serde::Serialize;
use serde_json::Value;

use crate::filterby::{Filter, FilterContext, Order, Refused};
use crate::gateway::manage::call::{Answer, Call};
use crate::gateway::manage::fault::Fault;
use crate::gateway::manage::page::JsonPage;
use crate::gateway::ops::clock::time_of;

/// The page, filter and order of a list request.
pub(super) struct Asked {
    pub page: usize,
    pub size: usize,
    filter: Option<Filter>,
    order: Option<Order>,
    surroundings: FilterContext,
}

impl Asked {
    /// Reads the list request from a call. `members` are the members of its rows.
    pub(super) fn of(call: &Call, members: &[&str]) -> Result<Self, Fault> {
        let given = |name| call.parameter(name).filter(|text| !text.trim().is_empty());
        let filter = given("filterby").map(|text| Filter::read(text, members)).transpose();
        let order = given("orderby").map(|text| Order::read(text, members)).transpose();
        let surroundings = FilterContext {
            now: time_of(call.app.clock.micros()).get().to_utc(),
            me: call.app.configuration().settings.delivery.actor_id.to_string(),
        };
        Ok(Self {
            page: call.number("page", 1, 1..=1_000_000)?,
            size: call.number("pageSize", 10, 1..=1000)?,
            filter: filter.map_err(|refused| fault("filterby", &refused))?,
            order: order.map_err(|refused| fault("orderby", &refused))?,
            surroundings,
        })
    }

    /// Returns true if the request has no filter and no order.
    pub(super) fn is_plain(&self) -> bool {
        self.filter.is_none() && self.order.is_none()
    }

    /// Returns the number of rows before the page.
    pub(super) fn offset(&self) -> usize {
        (self.page - 1).saturating_mul(self.size)
    }

    /// Returns an empty collector for the rows that filter and order select.
    pub(super) fn matches<T>(&self) -> Matches<'_, T> {
        Matches { asked: self, rows: Vec::new(), bytes: 0 }
    }

    /// Returns the answer with a page, and the total number of rows.
    pub(super) fn answer(&self, page: JsonPage, total: usize) -> Answer {
        let items = page.items();
        page.answer()
            .with("aw-page", self.page)
            .with("aw-pagesize", self.size)
            .with("aw-items", items)
            .with("aw-totalitems", total)
    }
}

/// Returns the fault of a filter or an order, with the name of its parameter.
fn fault(parameter: &str, refused: &Refused) -> Fault {
    Fault::Filter(format!("{parameter}: {refused}"))
}

/// Bytes of the rows that are sorted in memory.
const ORDER_BYTES: usize = 2 << 20;

/// The rows that match a filter: for each, its sort key and an item that identifies the row.
pub(super) struct Matches<'a, T> {
    asked: &'a Asked,
    rows: Vec<(Value, T)>,
    bytes: usize,
}

impl<T> Matches<'_, T> {
    /// Examines a row in the form of the answer. `item` identifies the row and takes about `bytes`
    /// bytes.
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

    /// Returns the rows of the requested page, and the number of rows on all pages.
    pub(super) fn page(mut self) -> (Vec<T>, usize) {
        if let Some(order) = &self.asked.order {
            self.rows.sort_by(|(left, _), (right, _)| order.compare(left, right));
        }
        let total = self.rows.len();
        let page = self.rows.into_iter().skip(self.asked.offset()).take(self.asked.size);
        (page.map(|(_, item)| item).collect(), total)
    }
}

/// Returns the approximate bytes of a sort key.
fn text_bytes(key: &Value) -> usize {
    const MEMBER: usize = 64;
    let members = key.as_object().into_iter().flatten();
    members.map(|(_, value)| MEMBER + value.as_str().map_or(0, str::len)).sum()
}
