//! The open connections: their number, their addresses, and the choice of the connection to close
//! when a limit is reached. Does not know HTTP.
//!
//! Three limits apply: the number of connections in total, the number for each address, and the
//! memory that all connections may need whatever their peers do. A connection beyond a limit evicts
//! another one: of the same address if its own limit is reached, otherwise of the address with the
//! most connections. The order of eviction is: the oldest that has not sent a request, the oldest
//! that is idle, the oldest whose request has not arrived completely. A request that has arrived
//! is never given up.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::activity::Activity;
use super::client_address::host_network;
use crate::gateway::config::settings::Limits;

/// Bytes that an HTTP/1.1 connection may need: its task and its read buffer of 8 KiB.
const PLAIN: usize = 16 << 10;

/// Additional bytes that TLS may need: handshake and records.
pub(super) const TLS: usize = 16 << 10;

/// Additional bytes that the read buffer of HTTP/1.1 may need once a request is longer than 8 KiB.
pub(super) const GROWN: usize = 48 << 10;

/// Additional bytes that HTTP/2 may need: a frame, the write buffer, open and closed streams.
pub(super) const HTTP2: usize = 56 << 10;

/// Bytes in the memory budget of all connections, for each connection that `limits.connections`
/// allows.
const EACH: usize = 24 << 10;

/// Evicted connections that are not closed yet. Beyond this number, accepting waits.
const MAX_CLOSING: usize = 64;

/// Connections of one address that are examined in the search for one to evict.
const MAX_EXAMINED: usize = 256;

/// Maximum requests of one address that wait for memory at a time. The limit leaves places in the
/// queue for other addresses.
const WAITING: usize = 8;

/// Maximum HTTP/2 requests that are read but whose tasks have not started. Beyond this number no
/// HTTP/2 connection is read: one read of a few KiB can contain many requests.
const UNSTARTED: usize = 1024;

/// Connections of one address without a request, above which the address counts as crowded.
const CROWD: usize = 128;

/// Addresses that are examined in the search for a connection to evict.
const ADDRESSES: usize = 16;

/// All connections of one listening address.
#[derive(Debug)]
pub(super) struct Connections {
    state: Mutex<State>,
    closed: Notify,
    unstarted: AtomicUsize,
    bounds: ConnectionBounds,
}

/// A request that is read but whose task has not started.
#[derive(Debug)]
pub(super) struct Unstarted(Arc<Connections>);

impl Drop for Unstarted {
    fn drop(&mut self) {
        self.0.unstarted.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct ConnectionBounds {
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
    /// Addresses by their number of connections. Trusted proxies are the last to be evicted.
    ranking: BTreeSet<(bool, usize, IpAddr)>,
    next: u64,
}

/// The connections of one address, oldest first.
#[derive(Debug, Default)]
struct Address {
    is_proxy: bool,
    /// Requests that wait for memory.
    waiting: usize,
    half_open: BTreeMap<u64, Arc<ConnectionEntry>>,
    established: BTreeMap<u64, Arc<ConnectionEntry>>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct ConnectionEntry {
    address: IpAddr,
    number: u64,
    /// Current activity of the connection.
    pub activity: Activity,
    /// Signal to close the connection.
    pub evicted: Notify,
    charge: Mutex<Charge>,
}

/// The memory that a connection is charged with. Changes only under the lock of all connections.
#[derive(Debug)]
struct Charge {
    bytes: usize,
    is_evicted: bool,
}

/// The place of an open connection. Dropping the value frees the place.
#[derive(Debug)]
pub(super) struct ConnectionPlace {
    connections: Arc<Connections>,
    pub entry: Arc<ConnectionEntry>,
}

impl Connections {
    pub(super) fn new(limits: &Limits) -> Self {
        let bounds = ConnectionBounds {
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
        // No code panics while the counts are changed, so a poisoned lock is safe to use.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a connection. Returns `None` if a limit is reached and no other connection can be
    /// evicted.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr, is_proxy: bool) -> Option<ConnectionPlace> {
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
        let entry = Arc::new(ConnectionEntry {
            address,
            number,
            activity: Activity::new(),
            evicted: Notify::new(),
            charge: Mutex::new(Charge { bytes: PLAIN, is_evicted: false }),
        });
        state.insert(&entry, is_proxy);
        drop(state);
        Some(ConnectionPlace { connections: Arc::clone(self), entry })
    }

    /// Evicts connections until there is room. Returns false if no more can be evicted.
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

    /// Returns true if the limit on open connections is reached.
    pub(super) fn is_full(&self) -> bool {
        self.lock().open >= self.bounds.connections
    }

    /// Evicts a connection that has not sent a request. Called when file descriptors run out.
    pub(super) fn evict_half_open(&self) -> bool {
        let mut state = self.lock();
        let mut addresses = state.addresses.iter();
        let found = addresses.find(|(_, address)| !address.half_open.is_empty());
        let Some(address) = found.map(|(address, _)| *address) else {
            return false;
        };
        state.evict_of(address)
    }

    /// Waits while too many evicted connections are not closed yet.
    pub(super) async fn settle(&self) {
        loop {
            let closed = self.closed.notified();
            if self.lock().closing <= MAX_CLOSING {
                return;
            }
            closed.await;
        }
    }

    /// Waits until all connections are closed.
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

    fn insert(&mut self, entry: &Arc<ConnectionEntry>, is_proxy: bool) {
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

    /// Removes a connection that ended or is evicted, and frees its memory.
    fn remove(&mut self, entry: &ConnectionEntry, bytes: usize) {
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

    /// Evicts a connection of the address with the most connections.
    fn evict(&mut self) -> bool {
        let addresses: Vec<IpAddr> =
            self.ranking.iter().rev().take(ADDRESSES).map(|(_, _, address)| *address).collect();
        addresses.into_iter().any(|address| self.evict_of(address))
    }

    /// Evicts one connection of an address.
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

    /// Returns the connection to evict first.
    fn victim(&self) -> Option<Arc<ConnectionEntry>> {
        if let Some((_, oldest)) = self.half_open.first_key_value() {
            return Some(Arc::clone(oldest));
        }
        let oldest = || self.established.values().take(MAX_EXAMINED);
        let idle = oldest().find(|entry| entry.activity.is_idle());
        idle.or_else(|| oldest().find(|entry| !entry.activity.is_working())).map(Arc::clone)
    }
}

impl ConnectionEntry {
    fn charge(&self) -> MutexGuard<'_, Charge> {
        self.charge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionPlace {
    /// Records that a request begins.
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

    /// Records that a request waits for memory. Returns false if too many requests of its address
    /// wait already.
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

    /// Records that a request no longer waits.
    pub(super) fn go_on(&self) {
        let mut state = self.connections.lock();
        // The entry is new if all connections of the address were evicted meanwhile.
        if let Some(address) = state.addresses.get_mut(&self.entry.address) {
            address.waiting = address.waiting.saturating_sub(1);
        }
    }

    /// Counts a request as read but not started, until the result is dropped.
    pub(super) fn unstarted(&self) -> Unstarted {
        self.connections.unstarted.fetch_add(1, Ordering::Relaxed);
        Unstarted(Arc::clone(&self.connections))
    }

    /// Returns true if too many HTTP/2 requests are read but not started.
    pub(super) fn is_backed_up(&self) -> bool {
        self.connections.unstarted.load(Ordering::Relaxed) >= UNSTARTED
    }

    /// Returns true if the address has many connections without a request. Always false for a
    /// trusted proxy.
    pub(super) fn is_crowded(&self) -> bool {
        let state = self.connections.lock();
        state
            .addresses
            .get(&self.entry.address)
            .is_some_and(|address| !address.is_proxy && address.half_open.len() > CROWD)
    }

    /// Charges the connection with more memory. Returns false if none is free, or the connection
    /// is evicted.
    pub(super) fn charge(&self, bytes: usize) -> bool {
        let mut state = self.connections.lock();
        if self.entry.charge().is_evicted {
            return false;
        }
        if !self.connections.make_room(&mut state, bytes, 0) {
            return false;
        }
        let mut charge = self.entry.charge();
        // `make_room` may have evicted this connection.
        if charge.is_evicted {
            return false;
        }
        charge.bytes += bytes;
        state.memory += bytes;
        true
    }
}

impl Drop for ConnectionPlace {
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
