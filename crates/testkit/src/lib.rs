//! What the tests, demonstrations and benchmarks stand on: private homes, a token server with strictly single-use refresh
//! tokens, a stand-in for the Messages API, a stand-in for the Claude Code client, network and mount isolation.
//!
//! Never part of a release: nothing here is hardened, and every token it makes is made up and says `FAKE`.
//! It never reaches a network beyond loopback.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "dev only: reads the environment that the runner sets, writes files that nobody has to recover, prints for people"
)]

pub mod api_server;
pub mod delaying_relay;
pub mod documents;
pub mod home;
pub mod host;
pub mod http;
pub mod namespace;
pub mod planted;
pub mod poll;
pub mod programs;
pub mod skip;
pub mod stand_in;
pub mod terminal;
pub mod tls_front;
pub mod token_book;
mod token_exchange;
pub mod token_server;

pub use api_server::ApiServer;
pub use delaying_relay::DelayingRelay;
pub use home::{ClientCall, Ran, TestHome};
pub use host::{Host, host_or_skip};
pub use namespace::{
    Isolation, in_loopback_only, isolated, loopback_only_available, read_only, small_tmpfs,
};
pub use planted::PlantedSecrets;
pub use poll::{Process, wait_until};
pub use skip::skip;
pub use terminal::Terminal;
pub use tls_front::TlsFront;
pub use token_server::{Mode, TokenServer};
