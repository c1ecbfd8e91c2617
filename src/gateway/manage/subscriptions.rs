//! Operations on subscriptions that both APIs and the command line share: find, create, change and
//! delete, with an entry in the audit log. Knows neither format of the APIs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::call::Call;
use super::caller::Caller;
use super::fault::Fault;
use super::page::{BATCH_BYTES, BATCH_ROWS};
use crate::delivery::{
    Api, Definition, DestinationUrl, Endpoint, MAX_URL_BYTES, Programs, SigningSecret,
    SubscriptionHealth, URL_PATTERN, header_fault,
};
use crate::diagnostic::Diagnostics;
use crate::engine::PatternShare;
use crate::gateway::app::App;
use crate::gateway::ids::SubscriptionId;
use crate::gateway::ops::clock::{Clock, UnixMicros};
use crate::gateway::ops::encryption::{EncryptionError, Keyring};
use crate::gateway::ops::ids::uuid_of;
use crate::gateway::store::{
    AuditAction, AuditRecord, Change, PageRequest, Store, StoreError, SubscriptionFilter,
    SubscriptionRecord,
};
use crate::gateway::subscriptions::patterns::CompileError;
use crate::gateway::subscriptions::subscribed::{UnreadableSubscription, sealed, unsealed};

/// Mask that answers contain instead of secrets. Sending it back keeps the stored value.
pub const MASK: &str = "********";

/// Headers of one endpoint.
pub(super) const HEADERS: usize = 50;

/// Values of one header.
const HEADER_VALUES: usize = 20;

/// Bytes of all headers of an endpoint, with names and values.
const HEADER_BYTES: usize = 32 << 10;

/// Bytes of an encrypted definition. Each definition is held in memory while its subscription has
/// deliveries.
const DEFINITION_BYTES: usize = 64 << 10;

/// Bytes of a filter, and of a transform.
const PROGRAM_BYTES: usize = 64 << 10;

/// Longest time that a change waits for the fan-out of events that were accepted before it.
const FAN_OUT_WAIT: Duration = Duration::from_secs(2);

/// Interval at which a change checks the fan-out.
const FAN_OUT_LOOK: Duration = Duration::from_millis(5);

/// A subscription with its decrypted definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenedSubscription {
    pub record: SubscriptionRecord,
    pub definition: Definition,
}

impl From<UnreadableSubscription> for Fault {
    fn from(error: UnreadableSubscription) -> Self {
        Self::Server(error.to_string())
    }
}

impl From<EncryptionError> for Fault {
    fn from(error: EncryptionError) -> Self {
        Self::Server(error.to_string())
    }
}

impl Call {
    /// Returns the audit record of a change.
    pub(super) fn audit(&self, action: AuditAction, target: &str) -> AuditRecord {
        let detail = serde_json::json!({ "tenant": self.caller.tenant }).to_string();
        let now = self.app.clock.micros();
        AuditRecord { detail, ..AuditRecord::new(now, &self.caller.key, action, target) }
    }

    /// Returns a subscription of the caller's tenant that was created by an API.
    pub(super) async fn subscription(
        &self,
        api: Api,
        id: &str,
    ) -> Result<OpenedSubscription, Fault> {
        let missing = Fault::NotFound("webhook");
        let Some(id) = uuid_of(id) else {
            return Err(missing);
        };
        let record = self.app.store.subscription(&id.into()).await?;
        let ours =
            |record: &SubscriptionRecord| record.tenant == self.caller.tenant && record.api == api;
        let record = record.filter(ours).ok_or(missing)?;
        let definition = unsealed(&self.app.keyring, &record)?;
        Ok(OpenedSubscription { record, definition })
    }

    /// Returns a filter for the subscriptions of the caller's tenant that were created by an API.
    pub(super) fn own_subscriptions(&self, api: Api) -> SubscriptionFilter {
        let tenant = Some(self.caller.tenant.clone());
        SubscriptionFilter { tenant, api: Some(api), ..SubscriptionFilter::default() }
    }

    /// Returns a batch of subscriptions that a filter selects, each with its sequence number. The
    /// batch starts after a sequence number or an offset.
    pub(super) async fn batch(
        &self,
        filter: &SubscriptionFilter,
        after: Option<i64>,
        offset: usize,
    ) -> Result<Vec<(i64, OpenedSubscription)>, Fault> {
        let page = PageRequest { after, offset, limit: BATCH_ROWS, bytes: BATCH_BYTES };
        let records = self.app.store.subscription_page(filter, page).await?;
        let found = records.into_iter().map(|(sequence, record)| {
            let definition = unsealed(&self.app.keyring, &record)?;
            Ok((sequence, OpenedSubscription { record, definition }))
        });
        found.collect()
    }

    /// Creates a subscription.
    pub(super) async fn create(
        &self,
        api: Api,
        enabled: bool,
        definition: Definition,
    ) -> Result<OpenedSubscription, Fault> {
        self.check_programs(&definition).await?;
        let now = self.app.clock.micros();
        let id = SubscriptionId::from(self.app.clock.id());
        let record = SubscriptionRecord {
            id: id.clone(),
            tenant: self.caller.tenant.clone(),
            api,
            enabled,
            health: SubscriptionHealth::default(),
            last_failure: None,
            events: definition.events.clone(),
            sealed: sealed(&self.app.keyring, &self.caller.tenant, &id, &definition)?,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        check_size(&record, 0)?;
        let audit = self.audit(AuditAction::SubscriptionsCreate, &id);
        let most = self.app.configuration().settings.delivery.subscriptions_per_tenant;
        let change = Change { what: record.clone(), audit };
        match self.app.store.create_subscription_within(change, most).await? {
            true => Ok(OpenedSubscription { record, definition }),
            false => Err(Fault::Quota(format!(
                "the tenant has {most} subscriptions, as many as it may; delete some, or raise \
                 `delivery.subscriptions_per_tenant`"
            ))),
        }
    }

    /// Returns an error if the backlog of a subscription or of its tenant is full.
    pub(super) async fn check_backlog(&self, subscription: &SubscriptionId) -> Result<(), Fault> {
        let configuration = self.app.configuration();
        let delivery = &configuration.settings.delivery;
        let backlog = self.app.store.backlog(subscription).await?;
        let full = |setting: &str, most: usize| {
            Err(Fault::Quota(format!(
                "{most} deliveries wait already, as many as may; send it again when fewer do, or \
                 raise `{setting}`"
            )))
        };
        if backlog.rows >= delivery.waiting_rows {
            return full("delivery.waiting_rows", delivery.waiting_rows);
        }
        if backlog.tenant_rows >= delivery.waiting_rows_per_tenant {
            return full("delivery.waiting_rows_per_tenant", delivery.waiting_rows_per_tenant);
        }
        Ok(())
    }

    /// Waits until the events that were accepted before this call have their deliveries, for at
    /// most `FAN_OUT_WAIT`. The change then applies only to later events.
    async fn wait_for_fan_out(&self) -> Result<(), Fault> {
        let (store, tenant) = (&self.app.store, &self.caller.tenant);
        let until = Instant::now() + FAN_OUT_WAIT;
        let mut lag = store.fan_out_lag(tenant, None).await?;
        while lag.is_some() && Instant::now() < until {
            tokio::time::sleep(FAN_OUT_LOOK).await;
            lag = store.fan_out_lag(tenant, lag).await?;
        }
        Ok(())
    }

    /// Changes a subscription, unless the change makes no difference. Repeats the change if another
    /// call was first.
    pub(super) async fn update(
        &self,
        api: Api,
        id: &str,
        action: AuditAction,
        mut change: impl FnMut(&mut OpenedSubscription) -> Result<(), Fault>,
    ) -> Result<OpenedSubscription, Fault> {
        self.wait_for_fan_out().await?;
        for _ in 0..5 {
            let stored = self.subscription(api, id).await?;
            let mut found = stored.clone();
            change(&mut found)?;
            // A client that sends back what it got changes nothing, not even `updatedOn`.
            if found == stored {
                return Ok(found);
            }
            let before = stored.record.sealed.len();
            self.check_programs(&found.definition).await?;
            found.record.events = found.definition.events.clone();
            let OpenedSubscription { record, definition } = &found;
            let sealed = sealed(&self.app.keyring, &record.tenant, &record.id, definition)?;
            found.record.sealed = sealed;
            check_size(&found.record, before)?;
            found.record.updated_at = self.app.clock.micros();
            let audit = self.audit(action, &found.record.id);
            let what = found.record.clone();
            if self.app.store.update_subscription(Change { what, audit }).await? {
                return Ok(found);
            }
        }
        Err(Fault::Changed)
    }

    /// Deletes a subscription with everything that belongs to it.
    pub(super) async fn delete(&self, api: Api, id: &str) -> Result<(), Fault> {
        let found = self.subscription(api, id).await?;
        let audit = self.audit(AuditAction::SubscriptionsDelete, &found.record.id);
        self.app.filters.forget(&found.record.tenant, &found.record.id);
        let what = found.record.id;
        match self.app.store.delete_subscription(Change { what, audit }).await? {
            true => Ok(()),
            false => Err(Fault::NotFound("webhook")),
        }
    }

    /// Checks that a URL is a permitted destination, without resolving its name (SSRF protection).
    pub(super) fn check_url(&self, property: &str, url: &str) -> Result<DestinationUrl, Fault> {
        let allow = &self.app.configuration().settings.delivery.allow;
        DestinationUrl::check(url, allow)
            .map_err(|error| Fault::member(property, error.to_string()))
    }
}

/// Returns an error if an encrypted definition is too large, unless it was as large before.
fn check_size(record: &SubscriptionRecord, before: usize) -> Result<(), Fault> {
    let size = record.sealed.len();
    match size > DEFINITION_BYTES.max(before) {
        true => Err(Fault::Model(format!(
            "the webhook comes to {size} bytes with its types, headers, filter and transform; \
             at most {DEFINITION_BYTES} are kept"
        ))),
        false => Ok(()),
    }
}

/// Returns the schema of destination URLs.
pub(super) fn url(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": MAX_URL_BYTES,
        "pattern": URL_PATTERN,
        "examples": ["https://receiver.example.com/hook"],
    })
}

/// Returns the schema of a destination URL that may be left out.
pub(super) fn url_or_null(schemas: &mut SchemaGenerator) -> Schema {
    let mut schema = url(schemas);
    schema.insert("type".to_owned(), serde_json::json!(["string", "null"]));
    schema
}

/// Generates a signing secret.
pub(super) fn fresh_secret() -> Result<SigningSecret, EncryptionError> {
    let mut random = zeroize::Zeroizing::new([0; 32]);
    SystemRandom::new().fill(random.as_mut()).map_err(|_| EncryptionError::NoRandom)?;
    Ok(SigningSecret::of_random(&random))
}

/// Sets the values of a header. A masked value keeps the stored one.
pub(super) fn put_header(
    endpoint: &mut Endpoint,
    property: &str,
    name: &str,
    values: Vec<String>,
) -> Result<(), Fault> {
    // An empty collection counts as missing (overview of Socotra's API).
    if values.is_empty() {
        return Ok(());
    }
    if values.len() > HEADER_VALUES {
        let many = format!("`{name}` has more than {HEADER_VALUES} values");
        return Err(Fault::member(property, many));
    }
    let at = endpoint.headers.iter().position(|(key, _)| key.eq_ignore_ascii_case(name));
    let old = at.and_then(|at| endpoint.headers.get(at)).map(|(_, old)| old.clone());
    let mut kept = Vec::with_capacity(values.len());
    for (place, value) in values.into_iter().enumerate() {
        let value = match (old.as_ref().and_then(|old| old.get(place)), value == MASK) {
            (Some(old), true) => old.clone(),
            (None, true) => {
                let wrong = format!(
                    "a value of `{name}` is a mask, and none is stored for this destination: \
                     give the value"
                );
                return Err(Fault::member(property, wrong));
            }
            (_, false) => value,
        };
        if let Some(wrong) = header_fault(name, &value) {
            return Err(Fault::member(property, wrong));
        }
        kept.push(value);
    }
    let full = endpoint.headers.len() >= HEADERS;
    match at.and_then(|at| endpoint.headers.get_mut(at)) {
        Some(header) => *header = (name.to_owned(), kept),
        None if full => {
            return Err(Fault::member(property, format!("has more than {HEADERS} headers")));
        }
        None => endpoint.headers.push((name.to_owned(), kept)),
    }
    match header_bytes(endpoint) > HEADER_BYTES {
        true => {
            let large = format!("come to more than {HEADER_BYTES} bytes, with names and values");
            Err(Fault::member(property, large))
        }
        false => Ok(()),
    }
}

fn header_bytes(endpoint: &Endpoint) -> usize {
    let values = |values: &Vec<String>| values.iter().map(String::len).sum::<usize>();
    endpoint.headers.iter().map(|(name, all)| name.len() + values(all)).sum()
}

impl Call {
    /// Compiles the programs of a definition, to see that they can be.
    async fn check_programs(&self, definition: &Definition) -> Result<(), Fault> {
        let (filter, transform) = (definition.filter.as_deref(), definition.transform.as_deref());
        self.compile(None, None, filter, transform).await.map(drop)
    }

    /// Compiles programs outside the runtime threads. The patterns of programs that are to run
    /// count in a share. Errors name the property, or `filter` and `transform` without one.
    pub(super) async fn compile(
        &self,
        share: Option<PatternShare>,
        property: Option<&'static str>,
        filter: Option<&str>,
        transform: Option<&str>,
    ) -> Result<Programs, Fault> {
        if filter.is_none() && transform.is_none() {
            return Ok(Programs::default());
        }
        for (name, text) in [("filter", filter), ("transform", transform)] {
            if text.is_some_and(|text| text.len() > PROGRAM_BYTES) {
                let large = format!("has more than {PROGRAM_BYTES} bytes");
                return Err(Fault::member(property.unwrap_or(name), large));
            }
        }
        let (filter, transform) = (filter.map(str::to_owned), transform.map(str::to_owned));
        let is_new = property.is_none();
        let work = move || {
            let (filter, transform) = (filter.as_deref(), transform.as_deref());
            match share {
                // A stored program runs as it is, also if it was stored by an earlier version.
                Some(share) if !is_new => Programs::compile_in(&share, filter, transform),
                share => Programs::compile_new(share.as_ref(), filter, transform),
            }
        };
        let compiled = self.app.patterns.compile(&self.caller.tenant, work).await?;
        compiled.map_err(|faults| program_fault(property, &faults))
    }
}

impl From<CompileError> for Fault {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Timeout => Self::Many(
                "programs of this tenant are still being compiled; try again later".to_owned(),
            ),
            CompileError::Failed => Self::Server(error.to_string()),
        }
    }
}

/// Returns the errors of a program as errors of a property. The source is named like the program.
fn program_fault(property: Option<&str>, faults: &Diagnostics) -> Fault {
    let property = property.unwrap_or_else(|| faults.source.name());
    let tell = |fault: &crate::diagnostic::Diagnostic| {
        let at = fault.labels.first().map_or(0, |label| label.span.start + 1);
        let help = fault.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        (property.to_owned(), format!("{} at {at}: {}{help}", fault.code, fault.message))
    };
    Fault::Members(faults.list.iter().map(tell).collect())
}

/// Actor of the command line in the audit log.
pub const COMMAND_LINE: &str = "command line";

/// Administration of subscriptions outside a gateway: the command line.
pub struct SubscriptionAdmin<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// Keys that encrypt subscriptions.
    pub keyring: &'a Keyring,
    /// The clock.
    pub clock: Clock,
}

/// The reason why a subscription was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionAdminError {
    /// A subscription that does not exist.
    #[error("there is no subscription `{0}`")]
    Missing(String),
    /// A subscription without an alert endpoint.
    #[error("the subscription `{0}` has no alert endpoint")]
    NoAlert(String),
    /// Concurrent changes by others, in every attempt.
    #[error("the subscription was changed by someone else at the same time; try again")]
    Changed,
    /// A subscription that cannot be decrypted or parsed.
    #[error(transparent)]
    Unreadable(#[from] UnreadableSubscription),
    /// A subscription that cannot be encrypted.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    /// A failure of the store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SubscriptionAdmin<'_> {
    /// Returns a subscription by its id, a UUID or a ULID.
    ///
    /// # Errors
    /// Returns an error if the subscription does not exist or cannot be read.
    pub async fn find(
        &self,
        id: &str,
    ) -> Result<(SubscriptionRecord, Definition), SubscriptionAdminError> {
        let missing = || SubscriptionAdminError::Missing(id.to_owned());
        let uuid = uuid_of(id).ok_or_else(missing)?;
        let record = self.store.subscription(&uuid.into()).await?.ok_or_else(missing)?;
        let definition = unsealed(self.keyring, &record)?;
        Ok((record, definition))
    }

    /// Changes a subscription.
    ///
    /// # Errors
    /// Returns an error if the subscription does not exist, or cannot be read or stored.
    pub async fn change(
        &self,
        id: &str,
        action: AuditAction,
        change: impl Fn(&mut SubscriptionRecord, &mut Definition),
    ) -> Result<(), SubscriptionAdminError> {
        for _ in 0..5 {
            let (mut record, mut definition) = self.find(id).await?;
            change(&mut record, &mut definition);
            record.sealed = sealed(self.keyring, &record.tenant, &record.id, &definition)?;
            record.updated_at = self.clock.micros();
            let audit = AuditRecord::new(self.clock.micros(), COMMAND_LINE, action, &record.id);
            if self.store.update_subscription(Change { what: record, audit }).await? {
                return Ok(());
            }
        }
        Err(SubscriptionAdminError::Changed)
    }

    /// Generates a signing secret for the endpoint or the alert endpoint. The new secret signs from
    /// now on; the old one also signs until `until`, in microseconds. Returns the new secret, which
    /// is shown only once.
    ///
    /// # Errors
    /// Returns an error if the subscription does not exist, or cannot be read or stored.
    pub async fn rotate(
        &self,
        id: &str,
        alert: bool,
        until: UnixMicros,
    ) -> Result<String, SubscriptionAdminError> {
        let secret = fresh_secret()?;
        if alert && self.find(id).await?.1.alert.is_none() {
            return Err(SubscriptionAdminError::NoAlert(id.to_owned()));
        }
        self.change(id, AuditAction::SubscriptionsRotate, |_, definition| {
            match definition.alert.as_mut().filter(|_| alert) {
                Some(alert) => alert.rotate(secret.clone(), until.get()),
                None => definition.endpoint.rotate(secret.clone(), until.get()),
            }
        })
        .await?;
        Ok(secret.reveal().to_owned())
    }
}

/// Returns the event types that the listeners visible to a caller declare.
pub(super) fn declared_types(app: &Arc<App>, caller: &Caller) -> Vec<String> {
    let configuration = app.configuration();
    let listeners = configuration.listeners.values();
    let listeners = listeners.filter(|one| *one.tenant == *caller.tenant && caller.sees(&one.id));
    let mut types: Vec<String> =
        listeners.flat_map(|one| one.event_types.iter().map(ToString::to_string)).collect();
    types.sort_unstable();
    types.dedup();
    types
}
