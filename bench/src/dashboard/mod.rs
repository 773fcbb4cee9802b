//! The dashboard: requests, terminals, what it costs to be there.

mod requests;
mod server;
mod socket;
mod terminals;

/// Everything about the dashboard.
pub(crate) fn dashboard() {
    requests::requests();
    terminals::terminals();
    terminals::standing();
}
