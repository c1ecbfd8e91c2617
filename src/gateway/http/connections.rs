//! The connections that are open: how many, of which address, and which of them gives way.
//!
//! There are three bounds: all connections, those of one address, and the memory that all may need
//! whatever their peers do. A connection past a bound takes the place of another one: of the
//! address with the most connections, first the oldest that has not sent a request, then the
//! oldest that is idle, then the oldest whose request has not arrived. A request that arrived is
//! never given up.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::activity::Activity;
use crate::gateway::address::host_network;
use crate::gateway::settings::Limits;

/// Bytes that a connection of HTTP/1.1 may need: its task, its read buffer of 8 KiB.
const PLAIN: usize = 16 << 10;

/// Bytes that TLS may need besides: handshake and records.
pub(super) const TLS: usize = 16 << 10;

/// Bytes that a read buffer of HTTP/1.1 may need besides once a request is longer than 8 KiB.
pub(super) const GROWN: usize = 48 << 10;

/// Bytes that HTTP/2 may need besides: a frame, what is to be written, streams that are closed.
pub(super) const HTTP2: usize = 56 << 10;

/// Bytes that all connections may need, for each that `limits.connections` allows.
const EACH: usize = 24 << 10;

/// Connections that were told to close and have not yet: past that, accepting waits for them.
const CLOSING: usize = 64;

/// Connections of one address that are looked at for one that gives way.
const LOOKS: usize = 256;

/// Requests of one address that may wait for memory at a time: requests of others find a place
/// beside them.
const WAITING: usize = 8;

/// Requests of HTTP/2 that were read and whose tasks do not run yet: past that, no more are read.
/// Each holds what its task holds, and a read of a few KiB may bring many.
const UNSTARTED: usize = 1024;

/// Connections of one address without a request that are a crowd.
const CROWD: usize = 128;

/// Addresses that are looked at.
const ADDRESSES: usize = 16;

/// All connections of one listening address.
#[derive(Debug)]
pub(super) struct Connections {
    state: Mutex<State>,
    closed: Notify,
    unstarted: AtomicUsize,
    bounds: Bounds,
}

/// A request whose task does not run yet.
#[derive(Debug)]
pub(super) struct Unstarted(Arc<Connections>);

impl Drop for Unstarted {
    fn drop(&mut self) {
        self.0.unstarted.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Bounds {
    connections: usize,
    per_address: usize,
    per_proxy: usize,
    memory: usize,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    closing: usize,
    memory: usize,
    addresses: HashMap<IpAddr, Address>,
    /// Addresses by the number of their connections; trusted proxies come last.
    ranking: BTreeSet<(bool, usize, IpAddr)>,
    next: u64,
}

/// The connections of one address, in the order in which they came.
#[derive(Debug, Default)]
struct Address {
    is_proxy: bool,
    /// Requests that wait for memory.
    waiting: usize,
    half_open: BTreeMap<u64, Arc<Entry>>,
    established: BTreeMap<u64, Arc<Entry>>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Entry {
    address: IpAddr,
    number: u64,
    /// What it is doing.
    pub activity: Activity,
    /// Tells it to close.
    pub evicted: Notify,
    charge: Mutex<Charge>,
}

/// The memory that a connection is charged with; changed under the lock of all connections.
#[derive(Debug)]
struct Charge {
    bytes: usize,
    is_evicted: bool,
}

/// The place of an open connection, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    pub entry: Arc<Entry>,
}

impl Connections {
    pub(super) fn new(limits: &Limits) -> Self {
        let bounds = Bounds {
            connections: limits.connections,
            per_address: limits.connections_per_address,
            per_proxy: limits.connections_per_proxy,
            memory: limits.connections.saturating_mul(EACH).max(2 << 20),
        };
        Self {
            state: Mutex::default(),
            closed: Notify::new(),
            unstarted: AtomicUsize::new(0),
            bounds,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the counts are changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a connection; none where no other one gives way.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr, is_proxy: bool) -> Option<Place> {
        let address = if is_proxy { peer.to_canonical() } else { host_network(peer) };
        let mut state = self.lock();
        let most = if is_proxy { self.bounds.per_proxy } else { self.bounds.per_address };
        if state.count(address) >= most && !state.evict_of(address) {
            return None;
        }
        if !self.make_room(&mut state, PLAIN, 1) {
            return None;
        }
        let number = state.next;
        state.next += 1;
        let entry = Arc::new(Entry {
            address,
            number,
            activity: Activity::new(),
            evicted: Notify::new(),
            charge: Mutex::new(Charge { bytes: PLAIN, is_evicted: false }),
        });
        state.insert(&entry, is_proxy);
        drop(state);
        Some(Place { connections: Arc::clone(self), entry })
    }

    /// Closes others until there is room; false where that does not help.
    fn make_room(&self, state: &mut State, bytes: usize, connections: usize) -> bool {
        loop {
            let fits = state.memory + bytes <= self.bounds.memory
                && state.open + connections <= self.bounds.connections;
            if fits {
                return true;
            }
            if !state.evict() {
                return false;
            }
        }
    }

    /// Whether as many connections are open as may be.
    pub(super) fn is_full(&self) -> bool {
        self.lock().open >= self.bounds.connections
    }

    /// Closes one that has not sent a request, where files are short.
    pub(super) fn evict_half_open(&self) -> bool {
        let mut state = self.lock();
        let mut addresses = state.addresses.iter();
        let found = addresses.find(|(_, address)| !address.half_open.is_empty());
        let Some(address) = found.map(|(address, _)| *address) else {
            return false;
        };
        state.evict_of(address)
    }

    /// Waits while too many connections are still closing.
    pub(super) async fn settle(&self) {
        loop {
            let closed = self.closed.notified();
            if self.lock().closing <= CLOSING {
                return;
            }
            closed.await;
        }
    }

    /// Waits until no connection is left.
    pub(super) async fn empty(&self) {
        loop {
            let closed = self.closed.notified();
            {
                let state = self.lock();
                if state.open + state.closing == 0 {
                    return;
                }
            }
            closed.await;
        }
    }
}

impl State {
    fn count(&self, address: IpAddr) -> usize {
        self.addresses.get(&address).map_or(0, Address::count)
    }

    fn insert(&mut self, entry: &Arc<Entry>, is_proxy: bool) {
        self.open += 1;
        self.memory += PLAIN;
        let address = self.addresses.entry(entry.address).or_default();
        let before = address.count();
        if before > 0 {
            self.ranking.remove(&(!address.is_proxy, before, entry.address));
        }
        address.is_proxy = is_proxy;
        address.half_open.insert(entry.number, Arc::clone(entry));
        self.ranking.insert((!is_proxy, before + 1, entry.address));
    }

    /// Takes out a connection that ended or is told to; its memory is free.
    fn remove(&mut self, entry: &Entry, bytes: usize) {
        let Some(address) = self.addresses.get_mut(&entry.address) else {
            return;
        };
        let before = address.count();
        let found = address.half_open.remove(&entry.number).is_some()
            || address.established.remove(&entry.number).is_some();
        if !found {
            return;
        }
        self.ranking.remove(&(!address.is_proxy, before, entry.address));
        match before - 1 {
            0 => drop(self.addresses.remove(&entry.address)),
            left => drop(self.ranking.insert((!address.is_proxy, left, entry.address))),
        }
        self.open -= 1;
        self.memory -= bytes;
    }

    /// Tells one connection to close: of the address with the most.
    fn evict(&mut self) -> bool {
        let addresses: Vec<IpAddr> =
            self.ranking.iter().rev().take(ADDRESSES).map(|(_, _, address)| *address).collect();
        addresses.into_iter().any(|address| self.evict_of(address))
    }

    /// Tells one connection of an address to close.
    fn evict_of(&mut self, address: IpAddr) -> bool {
        let victim = self.addresses.get(&address).and_then(Address::victim);
        let Some(victim) = victim else {
            return false;
        };
        let bytes = {
            let mut charge = victim.charge();
            charge.is_evicted = true;
            charge.bytes
        };
        self.remove(&victim, bytes);
        self.closing += 1;
        victim.evicted.notify_one();
        true
    }
}

impl Address {
    fn count(&self) -> usize {
        self.half_open.len() + self.established.len()
    }

    /// The connection that gives way first.
    fn victim(&self) -> Option<Arc<Entry>> {
        if let Some((_, oldest)) = self.half_open.first_key_value() {
            return Some(Arc::clone(oldest));
        }
        let oldest = || self.established.values().take(LOOKS);
        let idle = oldest().find(|entry| entry.activity.is_idle());
        idle.or_else(|| oldest().find(|entry| !entry.activity.is_working())).map(Arc::clone)
    }
}

impl Entry {
    fn charge(&self) -> MutexGuard<'_, Charge> {
        self.charge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Notes that a request begins.
    pub(super) fn begin(&self) {
        if !self.entry.activity.begin() {
            return;
        }
        let mut state = self.connections.lock();
        if let Some(address) = state.addresses.get_mut(&self.entry.address)
            && let Some(entry) = address.half_open.remove(&self.entry.number)
        {
            address.established.insert(entry.number, entry);
        }
    }

    /// Notes that a request waits for memory; false where too many of its address do.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.connections.lock();
        let Some(address) = state.addresses.get_mut(&self.entry.address) else {
            return false;
        };
        if address.waiting >= WAITING && !address.is_proxy {
            return false;
        }
        address.waiting += 1;
        true
    }

    /// Notes that a request waits no longer.
    pub(super) fn go_on(&self) {
        let mut state = self.connections.lock();
        // An address whose connections all gave way is counted anew.
        if let Some(address) = state.addresses.get_mut(&self.entry.address) {
            address.waiting = address.waiting.saturating_sub(1);
        }
    }

    /// Counts a request whose task does not run yet.
    pub(super) fn unstarted(&self) -> Unstarted {
        self.connections.unstarted.fetch_add(1, Ordering::Relaxed);
        Unstarted(Arc::clone(&self.connections))
    }

    /// Whether the tasks of requests that were read have to run before more are read.
    pub(super) fn is_backed_up(&self) -> bool {
        self.connections.unstarted.load(Ordering::Relaxed) >= UNSTARTED
    }

    /// Whether its address has many connections that have not sent a request.
    pub(super) fn is_crowded(&self) -> bool {
        let state = self.connections.lock();
        state
            .addresses
            .get(&self.entry.address)
            .is_some_and(|address| !address.is_proxy && address.half_open.len() > CROWD)
    }

    /// Charges the connection with more memory; false where there is none, or it has to close.
    pub(super) fn charge(&self, bytes: usize) -> bool {
        let mut state = self.connections.lock();
        if self.entry.charge().is_evicted {
            return false;
        }
        if !self.connections.make_room(&mut state, bytes, 0) {
            return false;
        }
        let mut charge = self.entry.charge();
        // It may be the one that gave way.
        if charge.is_evicted {
            return false;
        }
        charge.bytes += bytes;
        state.memory += bytes;
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        let charge = self.entry.charge();
        match charge.is_evicted {
            true => state.closing -= 1,
            false => state.remove(&self.entry, charge.bytes),
        }
        drop(charge);
        drop(state);
        self.connections.closed.notify_one();
    }
}
