//! Fair shares: a number of permits that tenants share, for running attempts and DNS look-ups.
//!
//! A permit cannot be taken back, so fairness is decided before it is given: a tenant gets another
//! one only while it holds fewer than are free. If `n` tenants want as many as possible, each holds
//! one part in `n + 1`, and the same number stays free for the next tenant. Failing or hanging
//! receivers get half of that, so that they leave permits to the healthy receivers of their own
//! tenant. The permits do not know what they are used for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The recent behaviour of a receiver or a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// No recent failure.
    Steady,
    /// The last attempts failed or hung.
    Failing,
}

/// Permits that tenants share.
#[derive(Debug)]
pub(super) struct Shares(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    tenants: HashMap<Arc<str>, Tenant>,
    /// Tenants that wait, in the order of their turns.
    turns: VecDeque<Arc<str>>,
}

/// The permits of a tenant, and its waiting callers in order of arrival.
#[derive(Debug, Default)]
struct Tenant {
    steady: Queue,
    failing: Queue,
}

#[derive(Debug, Default)]
struct Queue {
    held: usize,
    waiting: VecDeque<oneshot::Sender<Permit>>,
}

/// One permit. Dropping it returns it.
#[derive(Debug)]
pub(super) struct Permit {
    shares: Arc<Shares>,
    tenant: Arc<str>,
    class: Class,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shares.give_back(&self.tenant, self.class);
    }
}

/// A permit, and the caller that waits for it.
type Given = (oneshot::Sender<Permit>, Permit);

impl Shares {
    /// Returns a number of free permits.
    pub(super) fn new(permits: usize) -> Arc<Self> {
        let state = State { free: permits, tenants: HashMap::new(), turns: VecDeque::new() };
        Arc::new(Self(Mutex::new(state)))
    }

    /// Returns a permit if the tenant may have one and no caller of the tenant waits.
    pub(super) fn try_acquire(self: &Arc<Self>, tenant: &str, class: Class) -> Option<Permit> {
        let mut state = self.lock();
        let free = state.free;
        let tenant: Arc<str> = match state.tenants.get_key_value(tenant) {
            Some((name, tenant)) if tenant.queue(class).may_take_at_once(class, free) => {
                Arc::clone(name)
            }
            None if free > 0 => tenant.into(),
            _ => return None,
        };
        state.take(&tenant, class);
        drop(state);
        Some(Permit { shares: Arc::clone(self), tenant, class })
    }

    /// Waits for a permit. A caller that stops waiting loses its position.
    pub(super) async fn acquire(self: &Arc<Self>, tenant: &str, class: Class) -> Permit {
        loop {
            if let Some(permit) = self.try_acquire(tenant, class) {
                return permit;
            }
            let (give, given) = oneshot::channel();
            self.lock().wait(tenant, class, give);
            // A permit may have become free in between.
            self.serve();
            if let Ok(permit) = given.await {
                return permit;
            }
        }
    }

    fn give_back(self: &Arc<Self>, tenant: &Arc<str>, class: Class) {
        self.lock().give_back(tenant, class);
        self.serve();
    }

    /// Gives free permits to waiting callers.
    fn serve(self: &Arc<Self>) {
        loop {
            let Some((give, permit)) = self.next_given() else {
                return;
            };
            // The caller may have stopped waiting. The permit is then dropped, and so returned.
            drop(give.send(permit));
        }
    }

    fn next_given(self: &Arc<Self>) -> Option<Given> {
        let (give, tenant, class) = self.lock().next()?;
        Some((give, Permit { shares: Arc::clone(self), tenant, class }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code under the lock can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, tenant: &Arc<str>, class: Class) {
        self.free = self.free.saturating_sub(1);
        let tenant = self.tenants.entry(Arc::clone(tenant)).or_default();
        tenant.queue_mut(class).held += 1;
    }

    fn give_back(&mut self, name: &Arc<str>, class: Class) {
        self.free += 1;
        let Some(tenant) = self.tenants.get_mut(name) else {
            return;
        };
        let queue = tenant.queue_mut(class);
        queue.held = queue.held.saturating_sub(1);
        if tenant.is_idle() {
            self.tenants.remove(name);
        }
    }

    fn wait(&mut self, tenant: &str, class: Class, give: oneshot::Sender<Permit>) {
        let name = match self.tenants.get_key_value(tenant) {
            Some((name, _)) => Arc::clone(name),
            None => tenant.into(),
        };
        let tenant = self.tenants.entry(Arc::clone(&name)).or_default();
        let waited = tenant.waits();
        tenant.queue_mut(class).waiting.push_back(give);
        if !waited {
            self.turns.push_back(name);
        }
    }

    /// Returns the next caller that gets a permit. Tenants take turns; within a tenant the order is
    /// that of arrival.
    fn next(&mut self) -> Option<(oneshot::Sender<Permit>, Arc<str>, Class)> {
        for _ in 0..self.turns.len() {
            let name = self.turns.pop_front()?;
            let free = self.free;
            let Some(tenant) = self.tenants.get_mut(&name) else {
                continue;
            };
            let found = tenant.next(free);
            if tenant.waits() {
                self.turns.push_back(Arc::clone(&name));
            } else if tenant.is_idle() && found.is_none() {
                self.tenants.remove(&name);
            }
            if let Some((give, class)) = found {
                self.take(&name, class);
                return Some((give, name, class));
            }
        }
        None
    }
}

impl Tenant {
    fn queue(&self, class: Class) -> &Queue {
        match class {
            Class::Steady => &self.steady,
            Class::Failing => &self.failing,
        }
    }

    fn queue_mut(&mut self, class: Class) -> &mut Queue {
        match class {
            Class::Steady => &mut self.steady,
            Class::Failing => &mut self.failing,
        }
    }

    fn waits(&self) -> bool {
        !self.steady.waiting.is_empty() || !self.failing.waiting.is_empty()
    }

    fn is_idle(&self) -> bool {
        !self.waits() && self.steady.held == 0 && self.failing.held == 0
    }

    fn next(&mut self, free: usize) -> Option<(oneshot::Sender<Permit>, Class)> {
        for class in [Class::Steady, Class::Failing] {
            let queue = self.queue_mut(class);
            while queue.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                queue.waiting.pop_front();
            }
            if queue.may_take(class, free)
                && let Some(give) = queue.waiting.pop_front()
            {
                return Some((give, class));
            }
        }
        None
    }
}

impl Queue {
    fn may_take(&self, class: Class, free: usize) -> bool {
        match class {
            Class::Steady => self.held < free,
            Class::Failing => self.held * 2 < free,
        }
    }

    fn may_take_at_once(&self, class: Class, free: usize) -> bool {
        self.waiting.is_empty() && self.may_take(class, free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as many permits as a tenant gets.
    fn all(shares: &Arc<Shares>, tenant: &str, class: Class) -> Vec<Permit> {
        std::iter::from_fn(|| shares.try_acquire(tenant, class)).collect()
    }

    #[test]
    fn a_tenant_alone_leaves_half_of_the_permits_for_others() {
        let shares = Shares::new(512);
        let first = all(&shares, "a", Class::Steady);
        let second = all(&shares, "b", Class::Steady);
        assert_eq!((first.len(), second.len()), (256, 128));
        assert_eq!(all(&shares, "c", Class::Failing).len(), 43);
        drop((first, second));
        assert_eq!(all(&shares, "c", Class::Steady).len(), 256);
    }

    #[test]
    fn one_permit_is_for_whoever_comes_first() {
        let shares = Shares::new(1);
        let one = shares.try_acquire("a", Class::Failing);
        assert!(one.is_some() && shares.try_acquire("b", Class::Steady).is_none());
        drop(one);
        assert!(shares.try_acquire("b", Class::Steady).is_some());
    }

    #[test]
    fn failing_receivers_leave_permits_to_good_ones_of_their_tenant() {
        let shares = Shares::new(300);
        let failing = all(&shares, "a", Class::Failing);
        assert_eq!(failing.len(), 100);
        assert_eq!(all(&shares, "a", Class::Steady).len(), 100);
    }

    #[tokio::test]
    async fn those_who_wait_are_served_by_tenant_and_the_first_come_first() {
        let shares = Shares::new(2);
        let held =
            [shares.acquire("a", Class::Steady).await, shares.acquire("b", Class::Steady).await];
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        let waits = |tenant: &'static str, number: u32| {
            let (shares, told) = (Arc::clone(&shares), told.clone());
            async move {
                let permit = shares.acquire(tenant, Class::Steady).await;
                told.send((tenant, number)).unwrap();
                drop(permit);
            }
        };
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..3 {
            tasks.spawn(waits("a", number));
        }
        tasks.spawn(waits("c", 0));
        tokio::task::yield_now().await;
        let gone = tokio::spawn(waits("d", 0));
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.is_err());
        drop(held);
        while tasks.join_next().await.is_some() {}
        let mut served = Vec::new();
        while let Ok(one) = order.try_recv() {
            served.push(one);
        }
        assert_eq!(served.len(), 4, "{served:?}");
        let of_a: Vec<u32> = served.iter().filter(|one| one.0 == "a").map(|one| one.1).collect();
        assert_eq!(of_a, [0, 1, 2]);
        assert!(served.iter().position(|one| one.0 == "c").unwrap() <= 1, "{served:?}");
        assert_eq!(shares.lock().free, 2);
        assert!(shares.lock().tenants.is_empty());
    }
}
