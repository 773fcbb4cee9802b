//! More of the suites, run by hand in a session:
//!
//! `CONFORMANCE_COMMAND='fsx -N 100000 file' cargo test -p live_session --test conformance -- --ignored --nocapture by_hand`

use std::env;
use std::process::Command;

use live::control::Adapter;

use crate::session::with_adapter;

/// As [`VARIABLE`] says, while the connection breaks if [`CUTS_VARIABLE`] is there, in a mount of sshfs if
/// [`SSHFS_VARIABLE`] is.
const VARIABLE: &str = "CONFORMANCE_COMMAND";
const CUTS_VARIABLE: &str = "CONFORMANCE_CUTS";
const SSHFS_VARIABLE: &str = "CONFORMANCE_SSHFS";

#[test]
#[ignore = "runs the command of CONFORMANCE_COMMAND, in the mount as its working directory"]
fn a_command_succeeds() {
    let Some(script) = env::var_os(VARIABLE) else {
        return testkit::skip(format!("{VARIABLE} names no command"));
    };
    let adapter = env::var_os(SSHFS_VARIABLE).map_or(Adapter::Native, |_| Adapter::Sshfs);
    with_adapter("by_hand::a_command_succeeds", adapter, |session| {
        let _cutting = env::var_os(CUTS_VARIABLE).map(|_| session.cutting());
        let status = Command::new("sh")
            .arg("-c")
            .arg(script)
            .env("LAPTOP", session.laptop(""))
            .env("BESIDE", session.beside(""))
            .current_dir(session.server(""))
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
    });
}
