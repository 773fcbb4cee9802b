//! Many of something: sessions at once, and files in a directory.

use std::process::Stdio;
use std::time::Instant;

use end_to_end::LIMIT;
use testkit::{Process, Ran};

use end_to_end::machines::{Machines, USER};

const SESSIONS: usize = 10;
const FILES: usize = 100_000;

#[test]
fn ten_sessions_begin_at_once() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let script = format!(
        "for each in $(seq {SESSIONS}); do mkdir many-$each && echo $each > many-$each/name; done"
    );
    drop(machines.on_laptop(&script).success());
    let before = machines.traces();
    let began = Instant::now();
    let starting: Vec<Process> = (1..=SESSIONS)
        .map(|each| {
            let mut command = machines.laptop.command_as_user(USER, "cs");
            command.args(["live", "--no-claude", &format!("many-{each}")]);
            command.stdout(Stdio::null());
            Process::spawn(command)
        })
        .collect();
    for mut started in starting {
        assert!(started.wait(LIMIT).success());
    }
    eprintln!(
        "{SESSIONS} sessions began at once within {:?}",
        began.elapsed()
    );
    let listed = machines.cs(&["list-sessions", "--json"]).success().json();
    assert_eq!(listed.as_array().unwrap().len(), SESSIONS);
    for each in 1..=SESSIONS {
        let script = format!("cd many-{each} && cs run cat name");
        let read = machines.on_laptop(&script).success().stdout;
        assert_eq!(read, format!("{each}\n"));
    }
    let stopped: Ran = machines.cs(&["stop", "--all"]).success();
    assert_eq!(stopped.stderr, "");
    machines.wait_until_only(&before);
}

#[test]
fn a_directory_may_have_very_many_files() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    // A hundred directories of a thousand files, and each says which it is.
    let script = "cd project && for directory in $(seq 100); do
            mkdir $directory && (cd $directory && seq $((directory * 1000)) $((directory * 1000 + 999)) | split -l 1 -a 3 -d - f)
        done";
    drop(machines.on_laptop(script).success());
    let before = machines.traces();
    let began = Instant::now();
    drop(machines.cs(&["live", "--no-claude"]).success());
    eprintln!("{FILES} files: began within {:?}", began.elapsed());
    let mount = machines.main_mount();
    let began = Instant::now();
    let listed = machines
        .on_server(&format!("find {mount} -type f | wc -l"))
        .success();
    eprintln!("{FILES} files: listed within {:?}", began.elapsed());
    assert_eq!(listed.stdout.trim(), FILES.to_string());
    let read = machines
        .on_server(&format!("cat {mount}/57/f123"))
        .success();
    assert_eq!(read.stdout, "57123\n");
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
    machines.wait_until_only(&before);
}
