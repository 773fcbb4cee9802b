//! Pipes of commands that are written to, or read, late or never.

use end_to_end::{LIMIT, wait_until_stalled};
use rustix::process::Signal;
use testkit::Process;

use crate::scene::{session_or_skip, wait_until_gone};

/// A file of the server's that is larger than all that may be on its way.
const FILL: &str = "head -c 12000000 /dev/urandom > ~/input";
/// On the laptop.
const COPY: &str =
    "python3 -c 'import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)'";

fn is_python(words: &[u8]) -> bool {
    words.starts_with(b"python3\0")
}

#[test]
fn what_is_read_late_holds_up_nothing_for_good() {
    let Some(machines) = session_or_skip(&[]) else {
        return;
    };
    drop(machines.on_server(FILL).success());
    let sent = machines.on_server("sha256sum < ~/input").success();
    let line = format!("{COPY} < ~/input | (until test -e ~/go; do sleep 0.05; done; sha256sum)");
    let mut process = Process::spawn_talking(machines.cs_command(&["run", "sh", "-c", &line]));
    wait_until_stalled(&machines.server, is_python);
    drop(machines.on_server("touch ~/go").success());
    assert_eq!(process.wait_for_line(0, LIMIT), sent.stdout.trim_end());
    assert!(process.wait(LIMIT).success());
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

#[test]
fn signals_reach_a_command_that_reads_nothing() {
    let Some(machines) = session_or_skip(&[]) else {
        return;
    };
    drop(machines.on_server(FILL).success());
    let line =
        "exec python3 -c 'import time; print(\"there\", flush=True); time.sleep(103)' < ~/input";
    let mut process = Process::spawn_talking(machines.cs_command(&["run", "sh", "-c", line]));
    assert_eq!(process.wait_for_line(0, LIMIT), "there");
    wait_until_stalled(&machines.server, is_python);
    machines.laptop.signal(&process, Signal::TERM);
    assert_eq!(process.wait(LIMIT).code(), Some(128 + 15));
    wait_until_gone(&machines.laptop, "time.sleep(103)");
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}
