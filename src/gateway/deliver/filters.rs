//! The filters of subscriptions, asked together when an event is fanned out: all that may want it
//! share what they read, and for those that do not nothing else has to be done.
//!
//! Lanes tell which filters there are. What is said here holds for one version of a subscription;
//! the transaction that writes the deliveries looks whether that is still the one. A filter that is
//! not asked here is asked by its lane.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::subscribed::Subscribed;
use crate::delivery::{self, engine};
use crate::engine::{Machine, Program};
use crate::gateway::store::Unwanted;

thread_local! {
    /// A machine keeps its memory from event to event.
    static MACHINE: RefCell<Machine> = RefCell::new(engine().machine());
}

/// What all filters of an event may take, since the tenant's next events wait for them. Those that
/// are not asked by then are asked by their lanes.
const LONGEST: Duration = Duration::from_millis(5);

/// Filters that change one after the other are put together once for all of them.
const SETTLED: Duration = Duration::from_millis(200);

/// Bytes of the programs of a tenant that are kept here.
const TENANT_BYTES: usize = 16 << 20;

/// The filters that are known, by tenant. Each tenant has a lock of its own: putting one's filters
/// together keeps no other's senders waiting.
#[derive(Default)]
pub(in crate::gateway) struct Filters(Mutex<HashMap<String, Arc<Mutex<Tenant>>>>);

/// Those of one tenant.
#[derive(Default)]
struct Tenant {
    known: BTreeMap<String, Known>,
    /// The types of events that they name.
    types: BTreeSet<String>,
    /// Those that may want a type of events, as far as it was asked for.
    together: HashMap<String, Arc<Together>>,
    /// Whether what was put together is not what is known, and since when it was.
    stale: bool,
    made: Option<Instant>,
}

/// The filter of one subscription.
struct Known {
    version: i64,
    events: Vec<String>,
    filter: Program,
}

/// Filters that are asked together, and whose they are.
struct Together {
    filters: delivery::Filters,
    whose: Vec<Unwanted>,
}

/// What stands for every type.
const ANY: &str = "*";

impl Filters {
    /// Takes note of a subscription as it is now.
    pub(super) fn learn(&self, subscribed: &Subscribed) {
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
            // Its lane asks it, and holds it only while there is something to deliver.
            tenant.stale |= tenant.known.remove(&record.id).is_some();
            return;
        }
        let known = Known {
            version: record.version,
            events: record.events.clone(),
            filter: filter.clone(),
        };
        tenant.known.insert(record.id.clone(), known);
        tenant.stale = true;
    }

    /// Takes note that a subscription is gone, or has no filter.
    pub(in crate::gateway) fn forget(&self, tenant: &str, subscription: &str) {
        if let Some(tenant) = self.of(tenant) {
            let mut tenant = lock(&tenant);
            tenant.stale |= tenant.known.remove(subscription).is_some();
        }
    }

    /// Whether filters of a tenant are known.
    pub(super) fn any(&self, tenant: &str) -> bool {
        self.of(tenant).is_some_and(|tenant| !lock(&tenant).known.is_empty())
    }

    /// Whose filters do not want an event of a tenant and a type. The event is only made where
    /// there are filters.
    pub(super) fn unwanted(
        &self,
        tenant: &str,
        kind: &str,
        event: impl FnOnce() -> serde_json::Value,
    ) -> Vec<Unwanted> {
        let together = self.of(tenant).map(|tenant| lock(&tenant).asked(kind));
        let Some(together) = together.filter(|together| !together.whose.is_empty()) else {
            return Vec::new();
        };
        let (event, began) = (event(), Instant::now());
        let go_on = || began.elapsed() < LONGEST;
        let places =
            MACHINE.with_borrow_mut(|machine| together.filters.unwanted(machine, &event, go_on));
        places.into_iter().filter_map(|place| together.whose.get(place).cloned()).collect()
    }

    fn of(&self, tenant: &str) -> Option<Arc<Mutex<Tenant>>> {
        lock(&self.0).get(tenant).cloned()
    }
}

/// What is known is whole at any time, so a panic elsewhere leaves nothing half done.
fn lock<T>(known: &Mutex<T>) -> MutexGuard<'_, T> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tenant {
    /// The filters that an event of a type is asked of.
    fn asked(&mut self, kind: &str) -> Arc<Together> {
        if self.stale && self.made.is_none_or(|made| made.elapsed() > SETTLED) {
            self.together.clear();
            let named = self.known.values().flat_map(|known| known.events.iter());
            self.types = named.cloned().collect();
            self.stale = false;
            self.made = Some(Instant::now());
        }
        // A sender may name any number of types; of those that nobody names there is one set.
        let kind = if self.types.contains(kind) { kind } else { ANY };
        if let Some(together) = self.together.get(kind) {
            return Arc::clone(together);
        }
        let together = Arc::new(self.together(kind));
        self.together.insert(kind.to_owned(), Arc::clone(&together));
        together
    }

    fn together(&self, kind: &str) -> Together {
        let wants = |known: &Known| known.events.iter().any(|one| one == kind || one == ANY);
        let those = || self.known.iter().filter(|(_, known)| wants(known));
        let whose = |(id, known): (&String, &Known)| Unwanted {
            subscription: id.clone(),
            version: known.version,
        };
        Together {
            filters: delivery::Filters::of(those().map(|(_, known)| &known.filter)),
            whose: those().map(whose).collect(),
        }
    }
}
