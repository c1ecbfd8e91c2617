//! DNS resolver for the names of receivers: does not block threads, has a time limit, shares its
//! look-ups fairly among tenants, and caches results. Does not decide which addresses are allowed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use crate::delivery::ends_in_number;
use crate::gateway::config::settings::Delivery;
use crate::gateway::ops::shares::{Class, Shares};

/// The resolver with its cache.
pub(super) struct Resolver {
    dns: TokioResolver,
    shares: Arc<Shares>,
    /// Time limit of one look-up.
    time: Duration,
    known: Mutex<HashMap<String, CachedName>>,
}

/// A cached result of a name.
#[derive(Clone)]
struct CachedName {
    found: Result<Arc<[IpAddr]>, String>,
    until: Instant,
}

/// An error of a look-up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LookupError {
    /// No look-up could begin: others use all of them. This is no fault of the name.
    #[error("too many names are looked up already; `delivery.lookups` says how many may be")]
    Busy,
    /// The name does not resolve, or its server does not respond.
    #[error("{0}")]
    Failed(String),
    /// The last label is a number, so the host is an address in a form that is not accepted.
    #[error("a host that ends in a number must be an IPv4 address: four numbers with dots between")]
    Number,
}

/// Maximum wait for other look-ups.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// Minimum lifetime of a cached address, so that the attempt after a look-up finds it in the cache.
const MIN_TTL: Duration = Duration::from_secs(15);

/// Maximum lifetime of a cached address, even if the TTL is longer.
const MAX_TTL: Duration = Duration::from_secs(60);

/// Lifetime of a cached failure.
const NEGATIVE: Duration = Duration::from_secs(5);

/// Maximum number of cached names.
const NAMES: usize = 10_000;

/// Maximum number of addresses that are tried for one name.
const ADDRESSES: usize = 16;

impl Resolver {
    /// Creates the resolver. Uses the name servers of the settings, or those of the system.
    pub(super) fn new(settings: &Delivery) -> Result<Self, NetError> {
        let (config, mut options) = match settings.name_servers.is_empty() {
            true => system(),
            false => (named(&settings.name_servers), ResolverOpts::default()),
        };
        // Two tries fit into the time of a look-up, so one lost packet is no failure.
        options.timeout = settings.resolve_timeout.mul_f64(0.45).min(options.timeout);
        options.attempts = 1;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.max_active_requests = settings.lookups.saturating_mul(4).max(64);
        // Results are cached here, failures too.
        options.cache_size = 0;
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        Ok(Self {
            dns: builder.build()?,
            shares: Shares::new(settings.lookups),
            time: settings.resolve_timeout,
            known: Mutex::default(),
        })
    }

    /// Returns the addresses of a name, for a tenant. An IP address needs no look-up.
    ///
    /// # Errors
    /// Returns an error if the name does not resolve, or if no look-up could begin.
    pub(super) async fn resolve(
        &self,
        tenant: &str,
        host: &str,
    ) -> Result<Arc<[IpAddr]>, LookupError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok([address].into());
        }
        if ends_in_number(host) {
            return Err(LookupError::Number);
        }
        let mut class = Class::Steady;
        if let Some(known) = self.known(host) {
            if known.until > Instant::now() {
                return known.found.map_err(LookupError::Failed);
            }
            class = if known.found.is_ok() { Class::Steady } else { Class::Failing };
        }
        let permit = tokio::time::timeout(MAX_WAIT, self.shares.acquire(tenant, class)).await;
        let Ok(_permit) = permit else {
            return Err(LookupError::Busy);
        };
        // Another caller may have looked the name up meanwhile.
        match self.known(host).filter(|known| known.until > Instant::now()) {
            Some(known) => known.found.map_err(LookupError::Failed),
            None => self.look_up(host).await,
        }
    }

    async fn look_up(&self, host: &str) -> Result<Arc<[IpAddr]>, LookupError> {
        let answer = tokio::time::timeout(self.time, self.dns.lookup_ip(host)).await;
        let now = Instant::now();
        let (found, until) = match answer.unwrap_or(Err(NetError::Timeout)) {
            Ok(answer) => {
                let addresses: Arc<[IpAddr]> = answer.iter().take(ADDRESSES).collect();
                let until = answer.valid_until().clamp(now + MIN_TTL, now + MAX_TTL);
                (Ok(addresses), until)
            }
            // The resolver is busy; the name is not at fault.
            Err(NetError::Busy) => return Err(LookupError::Busy),
            Err(error) => (Err(self.reason(&error)), now + NEGATIVE),
        };
        self.remember(host, CachedName { found: found.clone(), until });
        found.map_err(LookupError::Failed)
    }

    /// Returns the reason of a failed look-up, in words for the subscriber.
    fn reason(&self, error: &NetError) -> String {
        match error {
            error if error.is_nx_domain() => "there is no such name".to_owned(),
            error if error.is_no_records_found() => "it has no address".to_owned(),
            NetError::Timeout | NetError::NoConnections => {
                format!("no name server answered within {} s", self.time.as_secs_f32())
            }
            error => error.to_string(),
        }
    }

    fn known(&self, host: &str) -> Option<CachedName> {
        self.lock().get(host).cloned()
    }

    fn remember(&self, host: &str, known: CachedName) {
        let mut all = self.lock();
        if all.len() >= NAMES && !all.contains_key(host) {
            let now = Instant::now();
            all.retain(|_, known| known.until > now);
        }
        if all.len() < NAMES || all.contains_key(host) {
            all.insert(host.to_owned(), known);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, CachedName>> {
        // The map is complete at any time, so a panic elsewhere leaves it usable.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the name servers of the system. Without any, uses one on this machine, as the system
/// does.
fn system() -> (ResolverConfig, ResolverOpts) {
    match hickory_resolver::system_conf::read_system_conf() {
        Ok((config, options)) if !config.name_servers().is_empty() => (config, options),
        Ok(_) | Err(_) => {
            let local = [SocketAddr::from(([127, 0, 0, 1], 53))];
            (named(&local), ResolverOpts::default())
        }
    }
}

fn named(servers: &[SocketAddr]) -> ResolverConfig {
    let server = |address: &SocketAddr| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut one| {
            one.port = address.port();
            one
        });
        NameServerConfig::new(address.ip(), true, connections.to_vec())
    };
    ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(server).collect())
}
