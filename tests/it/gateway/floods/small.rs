//! The floods of many addresses and of tenants, with little of each: expectations that do not
//! depend on the machine. Latency is measured by hand.

use std::time::{Duration, Instant};

use super::catalog::{Kind, TENANTS, UNAUTHENTICATED};
use super::measured::MEMORY;
use super::sender::{Flood, LEAST, run};
use super::target::Target;

/// Runs the floods with this text in their names for a moment each.
fn beside(kinds: &[Kind], wanted: &str) {
    let kinds: Vec<&Kind> = kinds.iter().filter(|kind| kind.name.contains(wanted)).collect();
    assert!(!kinds.is_empty(), "unknown flood `{wanted}`");
    for kind in kinds {
        let (name, state) = (kind.name, Flood::small());
        let (target, gateway) = Target::new(kind.listener);
        (kind.prepare)(&target, &state);
        let time = Some(Duration::from_millis(2500));
        let latencies = run(target.senders, &state, time, |state| (kind.flood)(&target, state));
        let report = state.summary();
        let (sent, lost) = (latencies.took.len(), &latencies.lost);
        assert!(lost.is_empty() && sent >= LEAST, "{name}: {sent} sent, lost {lost:?} ({report})");
        let (missing, _) = target.delivered(&latencies, Duration::from_secs(60));
        assert!(missing.is_empty(), "{name}: {missing:?} were not delivered");
        let peak = gateway.peak_mib();
        assert!(peak < MEMORY, "{name}: {peak} MiB");
        let statuses = state.statuses();
        assert!(!statuses.contains(&500), "{name}: {report}");
        assert!(kind.accepted || !statuses.contains(&200), "{name}: {report}");
        let began = Instant::now();
        assert!(gateway.stop().success(), "{name}");
        assert!(began.elapsed() < Duration::from_secs(40), "{name}: {:?}", began.elapsed());
    }
}

#[test]
fn a_sender_loses_no_event_beside_a_flood_of_silent_connections() {
    beside(UNAUTHENTICATED, "silent");
}

#[test]
fn a_sender_loses_no_event_beside_a_flood_of_http2_frames() {
    beside(UNAUTHENTICATED, "HTTP/2");
}

#[test]
fn a_sender_loses_no_event_beside_connections_at_their_resource_limits() {
    beside(UNAUTHENTICATED, "of all kinds");
    beside(UNAUTHENTICATED, "HTTP/1.1");
}

#[test]
fn a_sender_loses_no_event_beside_a_flood_of_forged_requests() {
    beside(UNAUTHENTICATED, "forged");
    beside(UNAUTHENTICATED, "challenges");
    beside(UNAUTHENTICATED, "guesses");
}

#[test]
fn a_sender_loses_no_event_beside_a_flood_of_readiness_probes() {
    beside(UNAUTHENTICATED, "/readyz");
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
