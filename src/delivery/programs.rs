//! The programs of a subscription: `filter`, which decides whether an event is wanted, and
//! `transform`, which makes its body.
//!
//! Subscribers write them, so they see the event and nothing else: no secret, no request.

use std::ops::ControlFlow;

use serde_json::{Value as Json, json};

use super::envelope::{Event, locator};
use crate::diagnostic::Diagnostics;
use crate::engine::{
    Context, Engine, Limits, Machine, PatternShare, Program, RootDeclaration, RuleSet, Source,
};

/// How much work one of them may do for one event.
pub const STEPS: u64 = 10_000;

/// Bytes of the compiled regular expressions of one of them.
const PATTERN_BYTES: usize = 1 << 20;

/// The engine that compiles them.
pub fn engine() -> Engine {
    let event = RootDeclaration::new("event");
    let limits =
        Limits { steps: STEPS, memory: 4 << 20, patterns: PATTERN_BYTES, ..Limits::default() };
    Engine::new().roots([event]).without_secrets().limits(limits)
}

/// The programs of a subscription, compiled.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    filter: Option<Program>,
    transform: Option<Program>,
}

/// Why an event is not sent that a filter does not want.
pub const UNWANTED: &str = "the filter does not hold";

/// Whether an event is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// It is.
    Yes,
    /// The filter does not hold.
    No,
    /// The filter failed, for this reason; losing events over that would be worse than sending
    /// too many, so it is.
    Unknown(String),
}

impl Programs {
    /// Compiles them.
    ///
    /// # Errors
    /// What is wrong with them; the sources are named `filter` and `transform`.
    pub fn compile(filter: Option<&str>, transform: Option<&str>) -> Result<Self, Diagnostics> {
        Self::compile_with(&engine(), filter, transform)
    }

    /// Compiles them for a tenant: their regular expressions count in its share of a pool.
    ///
    /// # Errors
    /// What is wrong with them; the sources are named `filter` and `transform`.
    pub fn compile_in(
        share: &PatternShare,
        filter: Option<&str>,
        transform: Option<&str>,
    ) -> Result<Self, Diagnostics> {
        Self::compile_with(&engine().patterns_in(share), filter, transform)
    }

    fn compile_with(
        engine: &Engine,
        filter: Option<&str>,
        transform: Option<&str>,
    ) -> Result<Self, Diagnostics> {
        let compile = |name: &str, text: Option<&str>| {
            text.map(|text| engine.compile_source(Source::new(name, text))).transpose()
        };
        Ok(Self { filter: compile("filter", filter)?, transform: compile("transform", transform)? })
    }

    /// These programs with another one's `transform`.
    #[must_use]
    pub fn with_transform_of(self, other: Self) -> Self {
        Self { transform: other.transform, ..self }
    }

    /// Compiles their regular expressions, which takes time, where that was not done yet.
    pub fn warm(&self) {
        self.filter.iter().chain(&self.transform).for_each(Program::warm);
    }

    /// Whether their regular expressions are compiled.
    pub fn is_warm(&self) -> bool {
        self.filter.iter().chain(&self.transform).all(Program::is_warm)
    }

    /// Whether there is a `filter`.
    pub fn filters(&self) -> bool {
        self.filter.is_some()
    }

    /// The filter, if there is one.
    pub fn filter(&self) -> Option<&Program> {
        self.filter.as_ref()
    }

    /// Whether there is a `transform`.
    pub fn transforms(&self) -> bool {
        self.transform.is_some()
    }

    /// Whether an event is wanted.
    pub fn wants(&self, machine: &mut Machine, event: &Json) -> Wanted {
        let Some(filter) = &self.filter else {
            return Wanted::Yes;
        };
        match machine.test(filter, &context(event)) {
            Ok(true) => Wanted::Yes,
            Ok(false) => Wanted::No,
            Err(trap) => Wanted::Unknown(trap.place_in(filter)),
        }
    }

    /// The body that `transform` makes of an event, if there is one.
    ///
    /// # Errors
    /// Why it failed, without anything that the event says.
    pub fn body(&self, machine: &mut Machine, event: &Json) -> Option<Result<String, String>> {
        let transform = self.transform.as_ref()?;
        Some(match machine.eval(transform, &context(event)) {
            Ok(value) => Ok(value.to_string()),
            Err(trap) => Err(trap.place_in(transform)),
        })
    }
}

/// The filters of many subscriptions: each answers what it answers alone, and what they read of an
/// event is found once.
#[derive(Debug, Clone, Default)]
pub struct Filters(RuleSet);

impl Filters {
    /// The filters, in this order.
    pub fn of<'p>(filters: impl IntoIterator<Item = &'p Program>) -> Self {
        Self(RuleSet::new(filters.into_iter().cloned()))
    }

    /// The places of the filters that do not hold of an event. After each one `go_on` is asked
    /// whether the next is to be asked too. One that failed does not count.
    ///
    /// ```
    /// use hookgate::delivery::{Filters, Programs, engine};
    ///
    /// let filter = |text| Programs::compile(Some(text), None);
    /// let programs = [filter(r#"event.type == "opened""#)?, filter("event.data.urgent")?];
    /// let filters = Filters::of(programs.iter().filter_map(Programs::filter));
    ///
    /// let event = serde_json::json!({ "type": "closed", "data": { "urgent": true } });
    /// assert_eq!(filters.unwanted(&mut engine().machine(), &event, || true), [0]);
    /// # Ok::<(), hookgate::diagnostic::Diagnostics>(())
    /// ```
    pub fn unwanted(
        &self,
        machine: &mut Machine,
        event: &Json,
        mut go_on: impl FnMut() -> bool,
    ) -> Vec<usize> {
        let mut unwanted = Vec::new();
        machine.test_set(&self.0, &context(event), |place, holds| {
            if holds == Ok(false) {
                unwanted.push(place);
            }
            if go_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        unwanted
    }
}

fn context(event: &Json) -> Context<'_> {
    let mut context = Context::new();
    context.set("event", event);
    context
}

impl Event<'_> {
    /// The event as programs see it.
    pub fn to_json(&self) -> Json {
        json!({
            "id": self.id.to_string(),
            "locator": locator(self.id),
            "request_id": self.request.to_string(),
            "type": self.kind,
            "created_at": self.at.to_string(),
            "data": serde_json::from_str::<Json>(self.data).unwrap_or(Json::Null),
        })
    }
}
