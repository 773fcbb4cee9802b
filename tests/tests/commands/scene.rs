//! A session whose commands run on the laptop, and who asks where they ran.

#![allow(
    clippy::disallowed_methods,
    reason = "the environment says how many rounds a test is to do"
)]

use std::env;
use std::path::Path;
use std::time::Duration;

use end_to_end::machines::{Machines, USER};
use end_to_end::{LIMIT, is_installed};
use testkit::{Host, Process, Ran, skip, wait_until};

/// Says how many rounds the tests do that do a thousand of something, where they are to do more.
const ROUNDS_VARIABLE: &str = "CLAUDE_ACCOUNTS_TEST_ROUNDS";
/// Says which machine runs it, on a line.
pub(crate) const WHERE: &str = "python3 -c 'import os; print(os.uname().nodename)'";

/// Two machines whose user has agreed to commands; `None`, and the test noted as skipped, where there can be none.
#[must_use]
pub(crate) fn agreed_or_skip() -> Option<Machines> {
    agreed_far_apart_or_skip(Duration::ZERO)
}

/// The same with so long a round trip between them.
#[must_use]
pub(crate) fn agreed_far_apart_or_skip(round_trip: Duration) -> Option<Machines> {
    if !is_installed("python3") {
        skip("needs python3");
        return None;
    }
    let machines = Machines::far_apart_or_skip(round_trip)?;
    machines.agree_to_commands();
    Some(machines)
}

/// With a session too.
#[must_use]
pub(crate) fn session_or_skip(options: &[&str]) -> Option<Machines> {
    let machines = agreed_or_skip()?;
    begin(&machines, options);
    Some(machines)
}

/// Begins a session with nothing running in it.
#[track_caller]
pub(crate) fn begin(machines: &Machines, options: &[&str]) {
    let words = [&["live", "--no-claude"], options].concat();
    drop(machines.cs(&words).success());
}

/// What a shell on the server makes of a line in the session's directory.
#[must_use = "check .success() or .code(n)"]
#[track_caller]
pub(crate) fn typed(machines: &Machines, line: &str) -> Ran {
    machines.cs(&["run", "sh", "-c", line])
}

/// The session has not suffered: commands of it run on the laptop.
#[track_caller]
pub(crate) fn assert_goes_on(machines: &Machines) {
    assert_eq!(typed(machines, WHERE).success().stdout, "laptop\n");
}

/// A Python program that runs on the server, in the session's directory, and starts commands there.
#[must_use]
pub(crate) fn driver(machines: &Machines, program: &str, arguments: &[&str]) -> Process {
    machines.server.write("/tmp/driver.py", program, 0o644);
    // By its path: by its name alone it would run on the laptop.
    let words = [
        &["run", "/usr/bin/python3", "-u", "/tmp/driver.py"],
        arguments,
    ]
    .concat();
    Process::spawn_talking(machines.cs_command(&words))
}

/// Has the laptop, and nobody else, the toolchain that this test was built by.
pub(crate) fn install_toolchain(machines: &Machines) -> Result<(), String> {
    let cargo = Path::new(env!("CARGO"));
    let root = cargo
        .ancestors()
        .nth(2)
        .filter(|root| root.join("bin/rustc").is_file());
    let root = root.ok_or_else(|| format!("{} is in no toolchain", cargo.display()))?;
    if !is_installed("cc") {
        return Err("needs cc".to_owned());
    }
    machines.laptop.install_directory(root, "/opt/toolchain");
    let link = "ln -sf /opt/toolchain/bin/cargo /opt/toolchain/bin/rustc /opt/toolchain/bin/rustdoc /usr/local/bin/";
    drop(machines.laptop.run(&["sh", "-c", link]).success());
    Ok(())
}

/// How many rounds a test does: `usual`, or what `CLAUDE_ACCOUNTS_TEST_ROUNDS` says.
#[must_use]
pub(crate) fn rounds(usual: usize) -> usize {
    let told = env::var(ROUNDS_VARIABLE).ok();
    told.map_or(usual, |told| told.parse().expect(ROUNDS_VARIABLE))
}

/// The processes of a machine that have `words` in their command line.
#[must_use]
pub(crate) fn processes_with(host: &Host, words: &str) -> Vec<u32> {
    let has_words = |process: &u32| {
        let path = host.path(&format!("/proc/{process}/cmdline"));
        let line = std::fs::read(path).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(words)
    };
    host.processes().into_iter().filter(has_words).collect()
}

/// Waits until a machine has a process with these words.
#[track_caller]
pub(crate) fn wait_until_there(host: &Host, words: &str) {
    let what = format!("{words} on {}", host.name());
    wait_until(&what, LIMIT, || !processes_with(host, words).is_empty());
}

/// Waits until it has none.
#[track_caller]
pub(crate) fn wait_until_gone(host: &Host, words: &str) {
    let what = format!("no {words} on {}", host.name());
    wait_until(&what, LIMIT, || processes_with(host, words).is_empty());
}

/// A shell script that runs on the server in the session's directory whether there is a connection or not: the session
/// ends when the script does.
#[track_caller]
pub(crate) fn begin_with(machines: &Machines, script: &str) {
    machines.server.write("/tmp/script.sh", script, 0o644);
    drop(machines.live("sh /tmp/script.sh; exec sleep 1000"));
}

/// What stands in a file of the server, once there is one.
#[must_use]
pub(crate) fn server_file(machines: &Machines, path: &str) -> String {
    let words = ["cat", path];
    machines.server.run_quickly_as(USER, &words).stdout
}
