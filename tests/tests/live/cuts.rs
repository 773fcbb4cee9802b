//! The wire between laptop and server is cut: for a while, which costs nothing but time, and for good.

use std::time::{Duration, Instant};

use end_to_end::LIMIT;
use testkit::{Process, wait_until};

use crate::work::Work;
use end_to_end::machines::{Machines, USER};

/// Beside the length of a cut: TCP and the daemon wait longer from one attempt to the next.
const RETURN: Duration = Duration::from_secs(120);

#[test]
fn a_cut_of_a_second_costs_nothing_but_time() {
    nothing_is_lost_by_a_cut_of(Duration::from_secs(1), Duration::ZERO);
}

#[test]
fn a_cut_of_a_second_far_away_costs_nothing_but_time() {
    nothing_is_lost_by_a_cut_of(Duration::from_secs(1), Duration::from_millis(80));
}

#[test]
fn a_cut_of_a_minute_costs_nothing_but_time() {
    nothing_is_lost_by_a_cut_of(Duration::from_secs(60), Duration::ZERO);
}

/// Where there is a long way, it is cut behind what stands for that: the laptop's side of it goes on taking what is said.
fn nothing_is_lost_by_a_cut_of(length: Duration, round_trip: Duration) {
    let Some(machines) = Machines::far_apart_or_skip(round_trip) else {
        return;
    };
    let before = machines.traces();
    drop(machines.cs(&["live", "--no-claude"]).success());
    let work = Work::begin(&machines);
    work.wait_until_it_goes_on(LIMIT);
    machines.cut();
    let began = Instant::now();
    let mut standing = None;
    wait_until("the end of the cut", length + RETURN, || {
        // What was answered before the cut is behind everybody by then.
        if standing.is_none() && began.elapsed() >= length / 2 {
            standing = Some(work.written());
        }
        began.elapsed() >= length
    });
    assert_eq!(standing, Some(work.written()), "the wire is cut");
    machines.mend();
    work.wait_until_it_goes_on(RETURN);
    work.assert_whole(&machines);
    machines.wait_until_up();
    let stopped = machines.cs(&["stop"]).success();
    assert_eq!(stopped.stderr, "");
    drop(machines.on_laptop("rm -r project/*").success());
    machines.wait_until_only(&before);
}

#[test]
fn a_session_can_be_stopped_while_the_wire_is_cut() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    machines.have_agents_told("--grace 5");
    let before = machines.traces();
    drop(machines.cs(&["live", "--no-claude"]).success());
    let waiting = machines.cs_terminal(&["run", "sh", "-c", "echo begun; exec sleep 1000"]);
    waiting.wait_for("begun", LIMIT);
    machines.cut();
    let mut writer = write_until_it_fails(&machines);
    let stopped = machines.cs(&["stop"]).success();
    assert!(
        stopped
            .stdout
            .starts_with("[claude-share] stopped project-"),
        "{stopped:?}"
    );
    assert!(
        stopped.stderr.contains("dev@server was not reached"),
        "{stopped:?}"
    );
    drop(waiting);
    machines.wait_until_only_on_laptop(&before);
    // On the server it ends by itself, and nobody waits for a file for ever.
    assert_ne!(writer.wait(LIMIT).code(), Some(0));
    // The processes of sshd have nobody to tell that they are done. With the wire mended some would be told, and be gone.
    machines.server.kill_ssh_connections();
    machines.mend();
    machines.wait_until_only(&before);
}

#[test]
fn a_directory_is_taken_back_while_the_wire_is_cut() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(
        machines
            .cs(&["live", "--no-claude", "--add", "../data"])
            .success(),
    );
    let extra = || machines.session()["directories"][1].clone();
    let mount = extra()["remote"].as_str().unwrap().to_owned();
    machines.cut();
    let removing = Process::spawn(machines.cs_command(&["remove", "../data"]));
    wait_until("the removal to begin", LIMIT, || {
        extra()["remote"].is_null()
    });
    // It goes on when nobody waits for it, and who asks once more waits for the same.
    drop(machines.on_laptop(KILL_REMOVING).success());
    drop(removing);
    let again = machines.cs(&["remove", "../data"]).success();
    assert!(
        again
            .stdout
            .ends_with(": /home/dev/data is not published any more\n")
            && again
                .stderr
                .contains("dev@server has not said that it has unmounted it"),
        "{again:?}"
    );
    assert!(extra().is_null());
    drop(machines.cs(&["remove", "../data"]).code(3));
    machines.mend();
    wait_until("the end of the mount", RETURN, || {
        let is_there = machines.on_server(&format!("mountpoint -q {mount}"));
        !is_there.status.success()
    });
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
    // Which settings have been changed by whom at a time.
    machines.wait_until_only_and(&before, &[".claude-share/settings.lock"]);
}

/// Whoever runs `cs remove` on the laptop is killed.
const KILL_REMOVING: &str = "found=; for each in /proc/[0-9]*; do
        tr '\\0' ' ' 2>/dev/null < $each/cmdline | grep -q '^cs remove' && kill -KILL ${each#/proc/} && found=1
    done; [ \"$found\" ]";

#[test]
fn whoever_waits_for_a_file_is_told_in_the_end() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    machines.have_agents_told("--patience 2");
    let before = machines.traces();
    drop(machines.cs(&["live", "--no-claude"]).success());
    let mount = machines.main_mount();
    machines.cut();
    let mut writer = write_until_it_fails(&machines);
    assert_eq!(writer.wait(LIMIT).code(), Some(5), "{:?}", writer.lines());
    let told = writer.lines().join("\n");
    assert!(told.contains("Input/output error"), "{told}");
    // It is told to whoever comes then, too, and the session goes on when the wire is whole again.
    let asked = machines.on_server(&format!("mkdir {mount}/new"));
    assert!(asked.stderr.contains("Input/output error"), "{asked:?}");
    machines.mend();
    wait_until("the session", RETURN, || {
        machines
            .on_server(&format!("echo back > {mount}/back"))
            .status
            .success()
    });
    let here = machines.on_laptop("cat project/back").success();
    assert_eq!(here.stdout, "back\n");
    drop(machines.on_laptop("rm -r project/*").success());
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
    machines.wait_until_only(&before);
}

/// A program on the server that writes into the mount until it cannot, says why, and ends with 5.
fn write_until_it_fails(machines: &Machines) -> Process {
    let script = "while echo x > \"$1/waits\"; do :; done 2>&1; exit 5";
    let mount = machines.main_mount();
    let mut command = machines.server.command_as_user(USER, "sh");
    command.args(["-c", script, "sh", &mount]);
    Process::spawn_talking(command)
}
