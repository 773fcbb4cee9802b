//! How it is with the connection to the server, in words for people.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use connection::Ended;
use connection::reconnect::{Keeper, Status};
use model::printable;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::detached;
use crate::local::LinkState;

/// Tells of the connection. Clones are the same.
#[derive(Clone)]
pub(super) struct LinkTeller {
    status: watch::Receiver<Status>,
    was_up: Arc<AtomicBool>,
}

/// One that tells of `keeper`'s connection, and what has to run so that the log tells too.
pub(super) fn tell(keeper: &Keeper) -> (LinkTeller, impl Future<Output = ()> + use<>) {
    let teller = LinkTeller {
        status: keeper.status(),
        was_up: Arc::default(),
    };
    (teller.clone(), teller.log())
}

impl LinkTeller {
    /// How it is now.
    pub(super) fn now(&self) -> LinkState {
        said(&self.status.borrow())
    }

    /// Whether there has been one.
    pub(super) fn was_up(&self) -> bool {
        self.was_up.load(Ordering::Relaxed)
    }

    /// Whether there will be none any more because the session is ending here.
    pub(super) fn was_stopped(&self) -> bool {
        let status = self.status.borrow();
        matches!(
            &*status,
            Status::Ended {
                why: Ok(Ended::SaidGoodbye)
            }
        )
    }

    /// Waits until there will be none any more.
    pub(super) async fn ended(&self) {
        let mut status = self.status.clone();
        // Fails if nobody makes any, which is the same.
        drop(
            status
                .wait_for(|status| matches!(status, Status::Ended { .. }))
                .await,
        );
    }

    /// How it is after the next change; waits for that. Never returns once there will be none.
    pub(super) async fn changed(&mut self) -> LinkState {
        if self.status.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        said(&self.status.borrow_and_update())
    }

    /// Writes to the log when there is one, or none any more.
    async fn log(mut self) {
        let mut last = String::new();
        loop {
            let now = said(&self.status.borrow_and_update());
            if matches!(now, LinkState::Up { .. }) {
                self.was_up.store(true, Ordering::Relaxed);
            }
            let words = words(now);
            if !words.is_empty() && words != last {
                detached::log(&words);
                last = words;
            }
            if self.status.changed().await.is_err() {
                return;
            }
        }
    }
}

/// What the log says. An attempt alone is not worth a line.
fn words(state: LinkState) -> String {
    match state {
        LinkState::Connecting { .. } => String::new(),
        LinkState::Up { .. } => "connected".to_owned(),
        LinkState::Down { error, .. } => format!("not connected: {error}"),
        LinkState::Ended { reason } => format!("the session has ended: {reason}"),
    }
}

fn said(status: &Status) -> LinkState {
    let words = |error: &dyn std::fmt::Display| printable(&error.to_string());
    match status {
        Status::Connecting { attempt, error } => LinkState::Connecting {
            attempt: *attempt,
            error: error.as_ref().map(|error| words(error)),
        },
        Status::Up { round_trip } => LinkState::Up {
            round_trip_us: round_trip
                .map(|trip| u64::try_from(trip.as_micros()).unwrap_or(u64::MAX)),
        },
        Status::Down {
            since,
            retry_at,
            error,
        } => LinkState::Down {
            since_ms: milliseconds(since.elapsed()),
            retry_in_ms: milliseconds(retry_at.saturating_duration_since(Instant::now())),
            error: words(error),
        },
        Status::Ended { why } => LinkState::Ended {
            reason: match why {
                Ok(Ended::Goodbye(reason)) => printable(reason),
                Ok(Ended::SaidGoodbye) => "it was stopped".to_owned(),
                Ok(Ended::Replaced) => "another connection took its place".to_owned(),
                Err(error) => words(error),
            },
        },
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
