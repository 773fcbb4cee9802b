//! Whatever happens to what the users have, to the keeper or to the machine: it comes right again without any command, and
//! no login is lost.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests, which tell how long things took; files that nobody has to recover"
)]

mod damage;
mod healing;
mod hour;
mod keeper_killed;
mod machine;
mod merging;
