//! Names of receivers: looked up by a resolver that does not block threads, within a time, a few at
//! a time that tenants share, and remembered for a while.

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

use super::shares::{Class, Shares};
use crate::gateway::settings::Delivery;

/// Looks names up.
pub(super) struct Resolver {
    dns: TokioResolver,
    shares: Arc<Shares>,
    /// How long one look-up may take.
    time: Duration,
    known: Mutex<HashMap<String, Known>>,
}

/// What was found of a name.
#[derive(Clone)]
struct Known {
    found: Result<Arc<[IpAddr]>, String>,
    until: Instant,
}

/// Why a name has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LookupError {
    /// No look-up could begin: others have all of them. It says nothing of the name.
    #[error("too many names are looked up already; `delivery.lookups` says how many may be")]
    Busy,
    /// It leads nowhere, or its server does not answer.
    #[error("{0}")]
    Failed(String),
    /// It ends in a number, so it is an address, in a form that is not taken.
    #[error("it is not resolved: an address is written as four numbers with dots between")]
    Number,
}

/// How long a look-up may wait for others.
const WAIT: Duration = Duration::from_secs(20);

/// What is found is good for so long at least: an attempt begins with it.
const SHORTEST: Duration = Duration::from_secs(15);

/// What is found is good for so long at most, whatever its server says.
const LONGEST: Duration = Duration::from_secs(60);

/// A name that leads nowhere is not looked up again for so long.
const NEGATIVE: Duration = Duration::from_secs(5);

/// So many names are remembered.
const NAMES: usize = 10_000;

/// Addresses of one name that are tried.
const ADDRESSES: usize = 16;

impl Resolver {
    /// The resolver of the settings: the system's name servers, unless they name others.
    pub(super) fn new(settings: &Delivery) -> Result<Self, NetError> {
        let (config, mut options) = match settings.name_servers.is_empty() {
            true => system(),
            false => (named(&settings.name_servers), ResolverOpts::default()),
        };
        // Twice in the time of a look-up, so that one lost packet is no failure.
        options.timeout = settings.resolve_time.mul_f64(0.45).min(options.timeout);
        options.attempts = 1;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.max_active_requests = settings.lookups.saturating_mul(4).max(64);
        // What is found is remembered here, with what fails.
        options.cache_size = 0;
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        Ok(Self {
            dns: builder.build()?,
            shares: Shares::new(settings.lookups),
            time: settings.resolve_time,
            known: Mutex::default(),
        })
    }

    /// The addresses of a name, for a tenant. Addresses themselves need no look-up.
    ///
    /// # Errors
    /// Where the name leads nowhere, or no look-up could begin.
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
        let permit = tokio::time::timeout(WAIT, self.shares.acquire(tenant, class)).await;
        let Ok(_permit) = permit else {
            return Err(LookupError::Busy);
        };
        // Someone else may have looked it up meanwhile.
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
                let until = answer.valid_until().clamp(now + SHORTEST, now + LONGEST);
                (Ok(addresses), until)
            }
            // So is the resolver itself, not the name.
            Err(NetError::Busy) => return Err(LookupError::Busy),
            Err(error) => (Err(self.reason(&error)), now + NEGATIVE),
        };
        self.remember(host, Known { found: found.clone(), until });
        found.map_err(LookupError::Failed)
    }

    /// Why a name was not resolved, in words for its subscriber.
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

    fn known(&self, host: &str) -> Option<Known> {
        self.lock().get(host).cloned()
    }

    fn remember(&self, host: &str, known: Known) {
        let mut all = self.lock();
        if all.len() >= NAMES && !all.contains_key(host) {
            let now = Instant::now();
            all.retain(|_, known| known.until > now);
        }
        if all.len() < NAMES || all.contains_key(host) {
            all.insert(host.to_owned(), known);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        // A map is whole at any time, so a panic elsewhere leaves nothing half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the last label of a host is a number, as in `0x7f.1`: other resolvers read an address in
/// that, and no name ends so.
fn ends_in_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or("");
    match last.strip_prefix("0x").or_else(|| last.strip_prefix("0X")) {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// The system's name servers; where it names none, one on this machine, as the system does.
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
