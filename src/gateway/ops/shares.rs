//! Fair shares: units that owners share, for running attempts, DNS look-ups, memory and turns. An
//! owner is a tenant, or the address of a sender.
//!
//! A unit cannot be taken back, so fairness is decided before it is given: an owner gets more only
//! while it holds fewer units than are free. If `n` owners want as many as possible, each holds
//! one part in `n + 1`, and the same number stays free for the next owner. Failing or hanging
//! receivers get half of that, so that they leave permits to the healthy receivers of the same
//! owner. The permits do not know what they are used for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The recent behaviour of a receiver or a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Class {
    /// No recent failure.
    Steady,
    /// The last attempts failed or hung.
    Failing,
}

/// Units that owners share.
#[derive(Debug)]
pub(in crate::gateway) struct Shares(Mutex<SharesState>);

#[derive(Debug)]
struct SharesState {
    all: usize,
    free: usize,
    owners: HashMap<Arc<str>, OwnerQueues>,
    /// Owners that wait, in the order of their turns.
    turns: VecDeque<Arc<str>>,
}

/// The permits of an owner, and its waiting callers in order of arrival.
#[derive(Debug, Default)]
struct OwnerQueues {
    steady: OwnerQueue,
    failing: OwnerQueue,
}

#[derive(Debug, Default)]
struct OwnerQueue {
    /// Units that the owner holds in this class.
    held: usize,
    waiting: VecDeque<Waiter>,
}

/// A caller that waits, and the units that it needs.
#[derive(Debug)]
struct Waiter {
    give: oneshot::Sender<Permit>,
    units: usize,
}

/// Units of an owner. Dropping the permit returns them.
#[derive(Debug)]
pub(in crate::gateway) struct Permit {
    shares: Arc<Shares>,
    owner: Arc<str>,
    class: Class,
    units: usize,
}

impl Permit {
    /// Returns all but `units` units.
    pub(in crate::gateway) fn shrink(&mut self, units: usize) {
        let more = self.units.saturating_sub(units);
        self.units -= more;
        self.shares.give_back(&self.owner, self.class, more);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shares.give_back(&self.owner, self.class, self.units);
    }
}

/// A permit, and the caller that waits for it.
type Grant = (oneshot::Sender<Permit>, Permit);

impl Shares {
    /// Returns a number of free units.
    pub(in crate::gateway) fn new(units: usize) -> Arc<Self> {
        let (owners, turns) = (HashMap::new(), VecDeque::new());
        Arc::new(Self(Mutex::new(SharesState { all: units, free: units, owners, turns })))
    }

    /// Returns one unit if the owner may have one and no caller of the owner waits.
    pub(in crate::gateway) fn try_acquire(
        self: &Arc<Self>,
        owner: &str,
        class: Class,
    ) -> Option<Permit> {
        self.try_acquire_many(owner, class, 1)
    }

    fn try_acquire_many(
        self: &Arc<Self>,
        owner: &str,
        class: Class,
        units: usize,
    ) -> Option<Permit> {
        let mut state = self.lock();
        let free = state.free;
        let owner: Arc<str> = match state.owners.get_key_value(owner) {
            Some((name, owner)) if owner.queue(class).may_take_at_once(class, free, units) => {
                Arc::clone(name)
            }
            None if free >= units => owner.into(),
            _ => return None,
        };
        state.take(&owner, class, units);
        drop(state);
        Some(Permit { shares: Arc::clone(self), owner, class, units })
    }

    /// Waits for one unit. A caller that stops waiting loses its position.
    pub(in crate::gateway) async fn acquire(self: &Arc<Self>, owner: &str, class: Class) -> Permit {
        self.acquire_many(owner, class, 1).await
    }

    /// Waits for units, at most half of all.
    pub(in crate::gateway) async fn acquire_many(
        self: &Arc<Self>,
        owner: &str,
        class: Class,
        units: usize,
    ) -> Permit {
        let units = units.min(self.lock().all / 2).max(1);
        loop {
            if let Some(permit) = self.try_acquire_many(owner, class, units) {
                return permit;
            }
            let (give, given) = oneshot::channel();
            self.lock().wait(owner, class, Waiter { give, units });
            // A permit may have become free in between.
            self.serve();
            if let Ok(permit) = given.await {
                return permit;
            }
        }
    }

    fn give_back(self: &Arc<Self>, owner: &Arc<str>, class: Class, units: usize) {
        self.lock().give_back(owner, class, units);
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

    fn next_given(self: &Arc<Self>) -> Option<Grant> {
        let (Waiter { give, units }, owner, class) = self.lock().next()?;
        Some((give, Permit { shares: Arc::clone(self), owner, class, units }))
    }

    fn lock(&self) -> MutexGuard<'_, SharesState> {
        // No code under the lock can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharesState {
    fn take(&mut self, owner: &Arc<str>, class: Class, units: usize) {
        self.free = self.free.saturating_sub(units);
        let owner = self.owners.entry(Arc::clone(owner)).or_default();
        owner.queue_mut(class).held += units;
    }

    fn give_back(&mut self, name: &Arc<str>, class: Class, units: usize) {
        self.free += units;
        let Some(owner) = self.owners.get_mut(name) else {
            return;
        };
        let queue = owner.queue_mut(class);
        queue.held = queue.held.saturating_sub(units);
        if owner.is_idle() {
            self.owners.remove(name);
        }
    }

    fn wait(&mut self, owner: &str, class: Class, waiting: Waiter) {
        let name = match self.owners.get_key_value(owner) {
            Some((name, _)) => Arc::clone(name),
            None => owner.into(),
        };
        let owner = self.owners.entry(Arc::clone(&name)).or_default();
        let waited = owner.waits();
        owner.queue_mut(class).waiting.push_back(waiting);
        if !waited {
            self.turns.push_back(name);
        }
    }

    /// Returns the next caller that gets its units. Owners take turns; within an owner the order is
    /// that of arrival.
    fn next(&mut self) -> Option<(Waiter, Arc<str>, Class)> {
        if self.free == 0 {
            return None;
        }
        for _ in 0..self.turns.len() {
            let name = self.turns.pop_front()?;
            let free = self.free;
            let Some(owner) = self.owners.get_mut(&name) else {
                continue;
            };
            let found = owner.next(free);
            if owner.waits() {
                self.turns.push_back(Arc::clone(&name));
            } else if owner.is_idle() && found.is_none() {
                self.owners.remove(&name);
            }
            if let Some((waiting, class)) = found {
                self.take(&name, class, waiting.units);
                return Some((waiting, name, class));
            }
        }
        None
    }
}

impl OwnerQueues {
    fn queue(&self, class: Class) -> &OwnerQueue {
        match class {
            Class::Steady => &self.steady,
            Class::Failing => &self.failing,
        }
    }

    fn queue_mut(&mut self, class: Class) -> &mut OwnerQueue {
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

    fn next(&mut self, free: usize) -> Option<(Waiter, Class)> {
        for class in [Class::Steady, Class::Failing] {
            let queue = self.queue_mut(class);
            while queue.waiting.front().is_some_and(|waiting| waiting.give.is_closed()) {
                queue.waiting.pop_front();
            }
            let units = queue.waiting.front().map_or(0, |waiting| waiting.units);
            if queue.may_take(class, free, units)
                && let Some(waiting) = queue.waiting.pop_front()
            {
                return Some((waiting, class));
            }
        }
        None
    }
}

impl OwnerQueue {
    /// Returns true if the owner may take units: as many as it then holds, or twice as many for a
    /// failing receiver, have to stay free. The last unit may go. An owner without units may take
    /// all that are free.
    fn may_take(&self, class: Class, free: usize, units: usize) -> bool {
        let is_fair = match class {
            _ if self.held == 0 => true,
            Class::Steady => self.held + 2 * units <= free + 1,
            Class::Failing => 2 * self.held + 3 * units <= free + 2,
        };
        is_fair && units <= free
    }

    fn may_take_at_once(&self, class: Class, free: usize, units: usize) -> bool {
        self.waiting.is_empty() && self.may_take(class, free, units)
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
    fn a_single_tenant_leaves_half_of_the_permits_for_others() {
        let shares = Shares::new(512);
        let first = all(&shares, "a", Class::Steady);
        let second = all(&shares, "b", Class::Steady);
        assert_eq!((first.len(), second.len()), (256, 128));
        assert_eq!(all(&shares, "c", Class::Failing).len(), 43);
        drop((first, second));
        assert_eq!(all(&shares, "c", Class::Steady).len(), 256);
    }

    #[tokio::test]
    async fn tenants_that_acquire_many_permits_leave_some_for_the_next_tenant() {
        let shares = Shares::new(1024);
        let mut held = Vec::new();
        for tenant in ["a", "b", "c", "d", "e"] {
            let before = held.len();
            while let Some(permit) = shares.try_acquire_many(tenant, Class::Steady, 48) {
                held.push(permit);
            }
            assert!(held.len() > before, "{tenant} gets nothing");
        }
        assert!(shares.lock().free > 0);
        let mut one = held.pop().unwrap();
        let before = shares.lock().free;
        one.shrink(16);
        assert_eq!(shares.lock().free, before + 32);
        drop((one, held));
        // Never more than half, so that it can be given at all.
        let most = shares.acquire_many("a", Class::Failing, 5000).await;
        assert_eq!(shares.lock().free, 512);
        drop(most);
        assert!(shares.lock().owners.is_empty());
    }

    #[test]
    fn a_single_permit_goes_to_the_first_caller() {
        let shares = Shares::new(1);
        let one = shares.try_acquire("a", Class::Failing);
        assert!(one.is_some() && shares.try_acquire("b", Class::Steady).is_none());
        drop(one);
        assert!(shares.try_acquire("b", Class::Steady).is_some());
    }

    #[test]
    fn failing_receivers_leave_permits_to_healthy_ones_of_their_tenant() {
        let shares = Shares::new(300);
        let failing = all(&shares, "a", Class::Failing);
        assert_eq!(failing.len(), 100);
        assert_eq!(all(&shares, "a", Class::Steady).len(), 100);
    }

    #[tokio::test]
    async fn permits_are_granted_in_turn_by_tenant_and_in_queue_order() {
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
        assert!(shares.lock().owners.is_empty());
    }
}
