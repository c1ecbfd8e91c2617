//! Permits that tenants share: attempts that may run, names that may be looked up.
//!
//! A holder cannot be made to give back, so what is fair is decided before: a tenant gets one more
//! only while it holds fewer than are free. With `n` tenants that want all they can get, each holds
//! one part in `n + 1`, and as many stay free for whoever comes next. Those that fail or hang have
//! half of that, so that they leave something to their own tenant's good ones too.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// What is known of the one who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing bad.
    Steady,
    /// The last attempts failed or hung.
    Failing,
}

/// A number of permits that tenants share.
#[derive(Debug)]
pub(super) struct Shares(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    tenants: HashMap<Arc<str>, Tenant>,
    /// Tenants that wait, in the order of their turns.
    turns: VecDeque<Arc<str>>,
}

/// What a tenant holds, and who of it waits, the first come first.
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

/// One permit; it is given back when it is dropped.
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

/// A permit that was given, and who waits for it.
type Given = (oneshot::Sender<Permit>, Permit);

impl Shares {
    /// So many permits.
    pub(super) fn new(permits: usize) -> Arc<Self> {
        let state = State { free: permits, tenants: HashMap::new(), turns: VecDeque::new() };
        Arc::new(Self(Mutex::new(state)))
    }

    /// A permit, where the tenant may have one and nobody of it waits.
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

    /// Waits for a permit. Whoever stops waiting loses their place.
    pub(super) async fn acquire(self: &Arc<Self>, tenant: &str, class: Class) -> Permit {
        loop {
            if let Some(permit) = self.try_acquire(tenant, class) {
                return permit;
            }
            let (give, given) = oneshot::channel();
            self.lock().wait(tenant, class, give);
            // It may have come free between the two.
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

    /// Gives what is free to those who wait.
    fn serve(self: &Arc<Self>) {
        loop {
            let Some((give, permit)) = self.next_given() else {
                return;
            };
            // Whoever waited may be gone: the permit comes back, is dropped, and so given back.
            drop(give.send(permit));
        }
    }

    fn next_given(self: &Arc<Self>) -> Option<Given> {
        let (give, tenant, class) = self.lock().next()?;
        Some((give, Permit { shares: Arc::clone(self), tenant, class }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in there can panic half way.
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

    /// The next who gets a permit: tenants take turns, and within one the first come is first.
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

    /// As many permits as a tenant gets.
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
