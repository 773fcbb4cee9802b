//! The two ends of a live session, each put together.
//!
//! - [`laptop::Publisher`] answers what the server asks of the published directories, and tells what changes there;
//!   [`laptop::Programs`] starts programs on the server and looks at them.
//! - [`server::Agent`] mounts those directories, runs those programs, and outlives the connection that it was started by.
//!
//! Both are given a [`connection::Connection`]; neither knows what carries it.

pub mod laptop;
pub mod server;

/// A number that no other process has begun with.
fn random() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn failure(message: &str, hint: &str) -> live::control::Failure {
    live::control::Failure {
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}
