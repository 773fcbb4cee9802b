//! Other people's test suites, run by hand in a mount:
//!
//! `MOUNT_TEST_COMMAND='fsx -N 10000 file' cargo test -p mount --test by_hand -- --ignored --nocapture`

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "started by hand, with a command in the environment"
)]

mod common;

use std::env;
use std::process::Command;
use std::time::Duration;

use common::{Wish, in_mount};

#[test]
#[ignore = "runs the command of MOUNT_TEST_COMMAND, in the mount as its working directory"]
fn a_command_succeeds() {
    let Some(script) = env::var_os("MOUNT_TEST_COMMAND") else {
        return testkit::skip("MOUNT_TEST_COMMAND names no command");
    };
    let wish = Wish {
        for_others: true,
        delay: Duration::from_micros(200),
        ..Wish::default()
    };
    in_mount("a_command_succeeds", wish, |mut world| {
        world.watch();
        let status = Command::new("sh")
            .arg("-c")
            .arg(script)
            .current_dir(world.server(""))
            .status()
            .unwrap();
        println!("asked: {:?}", world.files.counts());
        assert!(status.success(), "{status}");
    });
}
