//! The programs of a subscription: `filter`, which selects events, and `transform`, which builds
//! the body.
//!
//! Subscribers write them. So they can read the event and nothing else: no secret, no request
//! (sandbox).

use std::ops::ControlFlow;
use std::sync::LazyLock;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::engine::{
    Context, Engine, Limits, Machine, PatternShare, Program, Projection, RootDeclaration, RuleSet,
    Source, Type, Value,
};
use crate::value::read_json;

/// Maximum steps of one program for one event.
pub const STEPS: u64 = 10_000;

/// Maximum bytes of the compiled regular expressions of one program.
const PATTERN_BYTES: usize = 1 << 20;

/// Returns the engine that compiles the programs.
pub fn engine() -> Engine {
    let event = RootDeclaration::new("event").of(EVENT_TYPE.clone());
    let limits =
        Limits { steps: STEPS, memory: 4 << 20, patterns: PATTERN_BYTES, ..Limits::default() };
    Engine::new().roots([event]).without_secrets().limits(limits)
}

/// The schema of an event, as [`Event::to_json`] writes it. Its data may be anything.
const EVENT: &str = r#"{
    "type": "object",
    "properties": {
        "id": { "type": "string" },
        "locator": { "type": "string" },
        "request_id": { "type": "string" },
        "type": { "type": ["string", "null"] },
        "created_at": { "type": "string" },
        "data": {}
    },
    "required": ["id", "locator", "request_id", "type", "created_at", "data"],
    "additionalProperties": false
}"#;

static EVENT_TYPE: LazyLock<Type> = LazyLock::new(|| {
    let schema = read_json(EVENT.as_bytes());
    schema.map_or_else(|_| Type::any(), |schema| Type::of_schema(&schema).not_null())
});

/// The compiled programs of a subscription.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    filter: Option<Program>,
    transform: Option<Program>,
    /// The parts of the event that they read.
    wanted: Projection,
}

/// The reason of a delivery that the filter ended.
pub const UNWANTED: &str = "the filter does not hold";

/// The result of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The event is sent.
    Yes,
    /// The filter does not hold.
    No,
    /// The filter failed, for this reason. The event is sent: a lost event is worse than an
    /// unwanted one.
    Unknown(String),
}

impl Programs {
    /// Compiles the programs.
    ///
    /// # Errors
    /// Returns the diagnostics of the programs. The sources are named `filter` and `transform`.
    pub fn compile(filter: Option<&str>, transform: Option<&str>) -> Result<Self, Diagnostics> {
        Self::compile_with(&engine(), filter, transform)
    }

    /// Compiles the programs for a tenant. Their regular expressions count in its share of a pool.
    ///
    /// # Errors
    /// Returns the diagnostics of the programs. The sources are named `filter` and `transform`.
    pub fn compile_in(
        share: &PatternShare,
        filter: Option<&str>,
        transform: Option<&str>,
    ) -> Result<Self, Diagnostics> {
        Self::compile_with(&engine().patterns_in(share), filter, transform)
    }

    /// Compiles new programs. A member that no event has is an error: it is null, so the program
    /// does not do what its author wants, and the author sees no warning.
    ///
    /// # Errors
    /// Returns the diagnostics of the programs. The sources are named `filter` and `transform`.
    pub fn compile_new(
        share: Option<&PatternShare>,
        filter: Option<&str>,
        transform: Option<&str>,
    ) -> Result<Self, Diagnostics> {
        let engine = share.map_or_else(engine, |share| engine().patterns_in(share));
        let compile = |name: &str, text: Option<&str>| {
            let Some(text) = text else {
                return Ok(None);
            };
            let checked = engine.check(Source::new(name, text))?;
            let is_unknown = |one: &&Diagnostic| one.code == Code::W0102;
            let unknown: Vec<Diagnostic> =
                checked.warnings.iter().filter(is_unknown).cloned().collect();
            match unknown.is_empty() {
                true => engine.lower(&checked).map(Some),
                false => Err(Diagnostics::new(checked.parsed.source, unknown)),
            }
        };
        Ok(Self::of(compile("filter", filter)?, compile("transform", transform)?))
    }

    fn compile_with(
        engine: &Engine,
        filter: Option<&str>,
        transform: Option<&str>,
    ) -> Result<Self, Diagnostics> {
        let compile = |name: &str, text: Option<&str>| {
            text.map(|text| engine.compile_source(Source::new(name, text))).transpose()
        };
        Ok(Self::of(compile("filter", filter)?, compile("transform", transform)?))
    }

    fn of(filter: Option<Program>, transform: Option<Program>) -> Self {
        let wanted = wanted_by(filter.iter().chain(&transform));
        Self { filter, transform, wanted }
    }

    /// Returns the parts of the event that the programs read.
    pub fn wanted(&self) -> &Projection {
        &self.wanted
    }

    /// Returns the errors and the warnings of a program.
    pub fn diagnose(name: &str, text: &str) -> Diagnostics {
        engine().diagnose(Source::new(name, text))
    }

    /// Compiles the regular expressions that are not compiled yet. This takes time.
    pub fn warm(&self) {
        self.filter.iter().chain(&self.transform).for_each(Program::warm);
    }

    /// Returns true if all regular expressions are compiled.
    pub fn is_warm(&self) -> bool {
        self.filter.iter().chain(&self.transform).all(Program::is_warm)
    }

    /// Returns true if there is a `filter`.
    pub fn filters(&self) -> bool {
        self.filter.is_some()
    }

    /// Returns the `filter`.
    pub fn filter(&self) -> Option<&Program> {
        self.filter.as_ref()
    }

    /// Returns true if there is a `transform`.
    pub fn transforms(&self) -> bool {
        self.transform.is_some()
    }

    /// Evaluates the filter for an event.
    pub fn wants<'e>(&self, machine: &mut Machine, event: impl Into<Value<'e>>) -> Wanted {
        let Some(filter) = &self.filter else {
            return Wanted::Yes;
        };
        match machine.test(filter, &context(event)) {
            Ok(true) => Wanted::Yes,
            Ok(false) => Wanted::No,
            Err(trap) => Wanted::Unknown(trap.place_in(filter)),
        }
    }

    /// Returns the body that `transform` builds from an event. `None` without a `transform`.
    ///
    /// # Errors
    /// Returns the reason of the failure, without data of the event.
    pub fn body<'e>(
        &self,
        machine: &mut Machine,
        event: impl Into<Value<'e>>,
    ) -> Option<Result<String, String>> {
        let transform = self.transform.as_ref()?;
        Some(match machine.eval(transform, &context(event)) {
            Ok(value) => Ok(value.to_string()),
            Err(trap) => Err(trap.place_in(transform)),
        })
    }
}

/// The filters of many subscriptions. Each gives the same result as alone, but common
/// subexpressions are evaluated once for an event.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    filters: RuleSet,
    /// The parts of the event that they read.
    wanted: Projection,
}

impl Filters {
    /// Returns a set of filters in this order.
    pub fn of<'p>(filters: impl IntoIterator<Item = &'p Program>) -> Self {
        let filters: Vec<Program> = filters.into_iter().cloned().collect();
        Self { wanted: wanted_by(&filters), filters: RuleSet::new(filters) }
    }

    /// Returns the parts of the event that the filters read.
    pub fn wanted(&self) -> &Projection {
        &self.wanted
    }

    /// Returns the indexes of the filters that do not hold for an event. A filter that failed is
    /// not included. Calls `go_on` after each filter, and stops if it returns false.
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
    pub fn unwanted<'e>(
        &self,
        machine: &mut Machine,
        event: impl Into<Value<'e>>,
        mut go_on: impl FnMut() -> bool,
    ) -> Vec<usize> {
        let mut unwanted = Vec::new();
        machine.test_set(&self.filters, &context(event), |place, holds| {
            if holds == Ok(false) {
                unwanted.push(place);
            }
            if go_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        unwanted
    }
}

fn wanted_by<'p>(programs: impl IntoIterator<Item = &'p Program>) -> Projection {
    let mut wanted = Projection::default();
    for program in programs {
        program.add_reads("event", &mut wanted);
    }
    wanted
}

fn context<'e>(event: impl Into<Value<'e>>) -> Context<'e> {
    let mut context = Context::new();
    context.set("event", event);
    context
}
