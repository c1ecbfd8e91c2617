//! Filters of a tenant, evaluated together when an event is fanned out: they share common
//! subexpressions, and a subscription whose filter does not hold needs no further work.
//!
//! Workers register the filters. A result is valid for one version of a subscription; the
//! transaction that writes the deliveries checks the version. A filter that is not evaluated here
//! is evaluated by its worker.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::subscribed::Subscribed;
use crate::delivery::{self, engine};
use crate::engine::{Machine, OwnedValue, Program, Projection};
use crate::gateway::ids::{SubscriptionId, TenantId};
use crate::gateway::store::Unwanted;

thread_local! {
    /// The machine keeps its memory between events.
    static MACHINE: RefCell<Machine> = RefCell::new(engine().machine());
}

/// Time limit for the filters of one event, because the next events of the tenant wait. Workers
/// evaluate the rest.
const FILTER_TIME: Duration = Duration::from_millis(5);

/// Time to wait for further changes before the filters are combined again.
const SETTLED: Duration = Duration::from_millis(200);

/// Maximum bytes of the filter programs of one tenant.
const TENANT_BYTES: usize = 16 << 20;

/// The known filters, by tenant. Each tenant has its own lock, so combining the filters of one
/// tenant does not delay the senders of another.
#[derive(Default)]
pub(in crate::gateway) struct TenantFilterSets(Mutex<HashMap<TenantId, Arc<Mutex<TenantFilters>>>>);

/// The filters of one tenant.
#[derive(Default)]
struct TenantFilters {
    known: BTreeMap<SubscriptionId, KnownFilter>,
    /// The event types that the filters name.
    types: BTreeSet<String>,
    /// The combined filters, by event type. Built on first use.
    together: HashMap<String, Arc<FilterSet>>,
    /// True if the combined filters are out of date. `made` is the time of their last reset.
    stale: bool,
    made: Option<Instant>,
}

/// The filter of one subscription.
struct KnownFilter {
    version: i64,
    events: Vec<String>,
    filter: Program,
}

/// Combined filters, and the subscription of each.
struct FilterSet {
    filters: delivery::Filters,
    whose: Vec<Unwanted>,
}

/// The event type that stands for all types.
const ANY: &str = "*";

impl TenantFilterSets {
    /// Registers the current filter of a subscription.
    pub(in crate::gateway) fn learn(&self, subscribed: &Subscribed) {
        let record = &subscribed.record;
        let Some(filter) = subscribed.programs.filter() else {
            return self.forget(&record.tenant, &record.id);
        };
        let tenant = Arc::clone(lock(&self.0).entry(record.tenant.clone()).or_default());
        let mut tenant = lock(&tenant);
        let known = tenant.known.get(&record.id);
        if known.is_some_and(|known| known.version == record.version) {
            return;
        }
        let others: usize = tenant.known.values().map(|known| known.filter.bytes()).sum();
        let others = others - known.map_or(0, |known| known.filter.bytes());
        if others + filter.bytes() > TENANT_BYTES {
            // The worker evaluates it, and holds the program only while it has deliveries.
            tenant.stale |= tenant.known.remove(&record.id).is_some();
            return;
        }
        let known = KnownFilter {
            version: record.version,
            events: record.events.clone(),
            filter: filter.clone(),
        };
        tenant.known.insert(record.id.clone(), known);
        tenant.stale = true;
    }

    /// Removes the filter of a subscription that was deleted or has no filter.
    pub(in crate::gateway) fn forget(&self, tenant: &TenantId, subscription: &SubscriptionId) {
        if let Some(tenant) = self.of(tenant) {
            let mut tenant = lock(&tenant);
            tenant.stale |= tenant.known.remove(subscription).is_some();
        }
    }

    /// Returns true if a tenant has known filters.
    pub(in crate::gateway) fn any(&self, tenant: &TenantId) -> bool {
        self.of(tenant).is_some_and(|tenant| !lock(&tenant).known.is_empty())
    }

    /// Returns the subscriptions whose filters do not hold for an event. Calls `event` only if
    /// there are filters for its type, with the parts that they read.
    pub(in crate::gateway) fn unwanted(
        &self,
        tenant: &TenantId,
        kind: &str,
        event: impl FnOnce(&Projection) -> Option<OwnedValue>,
    ) -> Vec<Unwanted> {
        let together = self.of(tenant).map(|tenant| lock(&tenant).of_type(kind));
        let Some(together) = together.filter(|together| !together.whose.is_empty()) else {
            return Vec::new();
        };
        // Without the event, the workers evaluate the filters, and report the reason.
        let Some(event) = event(together.filters.wanted()) else {
            return Vec::new();
        };
        let began = Instant::now();
        let go_on = || began.elapsed() < FILTER_TIME;
        let places =
            MACHINE.with_borrow_mut(|machine| together.filters.unwanted(machine, &event, go_on));
        places.into_iter().filter_map(|place| together.whose.get(place).cloned()).collect()
    }

    fn of(&self, tenant: &TenantId) -> Option<Arc<Mutex<TenantFilters>>> {
        lock(&self.0).get(tenant).cloned()
    }
}

/// The state is complete at any time, so a panic elsewhere leaves it usable.
fn lock<T>(known: &Mutex<T>) -> MutexGuard<'_, T> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TenantFilters {
    /// Returns the combined filters for an event type.
    fn of_type(&mut self, kind: &str) -> Arc<FilterSet> {
        if self.stale && self.made.is_none_or(|made| made.elapsed() > SETTLED) {
            self.together.clear();
            let named = self.known.values().flat_map(|known| known.events.iter());
            self.types = named.cloned().collect();
            self.stale = false;
            self.made = Some(Instant::now());
        }
        // A sender can use any number of types. All types that no filter names share one set.
        let kind = if self.types.contains(kind) { kind } else { ANY };
        if let Some(together) = self.together.get(kind) {
            return Arc::clone(together);
        }
        let together = Arc::new(self.together(kind));
        self.together.insert(kind.to_owned(), Arc::clone(&together));
        together
    }

    fn together(&self, kind: &str) -> FilterSet {
        let wants = |known: &KnownFilter| known.events.iter().any(|one| one == kind || one == ANY);
        let those = || self.known.iter().filter(|(_, known)| wants(known));
        let whose = |(id, known): (&SubscriptionId, &KnownFilter)| Unwanted {
            subscription: id.clone(),
            version: known.version,
        };
        FilterSet {
            filters: delivery::Filters::of(those().map(|(_, known)| &known.filter)),
            whose: those().map(whose).collect(),
        }
    }
}
