//! The floods of many addresses and of tenants, with little of each: expectations that do not
//! depend on the machine. Latency is measured by hand.

use std::time::{Duration, Instant};

use super::beside::{Flood, LEAST, run};
use super::catalog::{Kind, STRANGERS, TENANTS};
use super::measured::MEMORY;
use super::stage::Stage;

/// Runs the floods with this text in their names for a moment each.
fn beside(kinds: &[Kind], wanted: &str) {
    let kinds: Vec<&Kind> = kinds.iter().filter(|kind| kind.name.contains(wanted)).collect();
    assert!(!kinds.is_empty(), "unknown flood `{wanted}`");
    for kind in kinds {
        let (name, state) = (kind.name, Flood::small());
        let (stage, gateway) = Stage::new(kind.listener);
        (kind.prepare)(&stage, &state);
        let time = Some(Duration::from_millis(2500));
        let latencies = run(stage.senders, &state, time, |state| (kind.flood)(&stage, state));
        let told = state.told();
        let (sent, lost) = (latencies.took.len(), &latencies.lost);
        assert!(lost.is_empty() && sent >= LEAST, "{name}: {sent} sent, lost {lost:?} ({told})");
        let (missing, _) = stage.delivered(&latencies, Duration::from_secs(60));
        assert!(missing.is_empty(), "{name}: {missing:?} were not delivered");
        let peak = gateway.peak();
        assert!(peak < MEMORY, "{name}: {peak} MiB");
        let statuses = state.statuses();
        assert!(!statuses.contains(&500), "{name}: {told}");
        assert!(kind.taken || !statuses.contains(&200), "{name}: {told}");
        let began = Instant::now();
        assert!(gateway.stop().success(), "{name}");
        assert!(began.elapsed() < Duration::from_secs(40), "{name}: {:?}", began.elapsed());
    }
}

#[test]
fn a_sender_loses_no_event_beside_a_flood_of_silent_connections() {
    beside(STRANGERS, "silent");
}

#[test]
fn a_sender_loses_no_event_beside_a_flood_of_http2_frames() {
    beside(STRANGERS, "HTTP/2");
}

#[test]
fn a_sender_loses_no_event_beside_connections_at_their_resource_limits() {
    beside(STRANGERS, "of all kinds");
    beside(STRANGERS, "HTTP/1.1");
}

#[test]
fn a_sender_loses_no_event_beside_a_flood_of_forged_requests() {
    beside(STRANGERS, "forged");
    beside(STRANGERS, "challenges");
    beside(STRANGERS, "guesses");
}

#[test]
fn a_sender_loses_no_event_beside_a_flood_of_readiness_probes() {
    beside(STRANGERS, "/readyz");
}

#[test]
fn a_sender_loses_no_event_beside_a_tenant_that_lists_and_reads_slowly() {
    beside(TENANTS, "lists");
}

#[test]
fn a_sender_loses_no_event_beside_the_fan_out_of_another_tenant() {
    beside(TENANTS, "fan-out");
    beside(TENANTS, "hang");
}

#[test]
fn a_sender_loses_no_event_beside_filters_and_schemas_of_another_tenant() {
    beside(TENANTS, "filters");
    beside(TENANTS, "schemas");
}
