//! The shutdown signal of the delivery tasks. Knows no task.

use tokio::sync::watch;

/// Waits for the shutdown.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a shutdown too.
    let _ = stop.wait_for(|stop| *stop).await;
}
