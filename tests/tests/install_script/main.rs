//! `install.sh` on disposable machines: everywhere it can install from and to, in every shell, and all that can go wrong.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

mod download;
mod hostile;
mod interrupted;
mod places;
mod real;
mod refused;
mod removal;
mod scene;
