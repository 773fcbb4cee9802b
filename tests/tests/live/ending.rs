//! `cs stop`: nothing is left on either side, whatever happened before.

use end_to_end::LIMIT;
use testkit::wait_until;

use end_to_end::machines::Machines;

#[test]
fn nothing_is_left_after_a_session() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(machines.cs(&["live", "--add", "../data"]).success());
    let running = machines.cs(&["run", "cat", "/proc/self/mounts"]).success();
    assert!(
        running.stdout.contains("/.claude-share/extras/"),
        "{}",
        running.stdout
    );
    let stopped = machines.cs(&["stop"]).success();
    assert!(
        stopped
            .stdout
            .starts_with("[claude-share] stopped project-"),
        "{stopped:?}"
    );
    assert_eq!(stopped.stderr, "");
    machines.wait_until_only(&before);
    drop(machines.cs(&["stop"]).code(3));
    drop(machines.cs(&["stop", "--all"]).success());
}

#[test]
fn a_killed_daemon_is_cleaned_up_after() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(machines.live("sleep 1000"));
    machines.kill_on_laptop("cs");
    let listed = machines.cs(&["list-sessions"]).success().stdout;
    assert!(listed.contains("left behind"), "{listed}");
    drop(machines.cs(&["stop"]).success());
    machines.wait_until_only(&before);
}

#[test]
fn a_daemon_that_does_not_answer_is_told_and_killed_where_that_is_wanted() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    let session = machines.live("sleep 1000");
    let daemon = machines.session()["daemon"].to_string();
    drop(
        machines
            .on_laptop(&format!("kill -STOP {daemon}"))
            .success(),
    );
    let told = machines.cs(&["stop"]).code(10);
    assert!(
        told.stderr.contains(&format!("does not answer: {daemon}"))
            && told.stderr.contains("cs stop --force"),
        "{told:?}"
    );
    let listed = machines.cs(&["list-sessions"]).success().stdout;
    assert!(listed.contains("does not answer"), "{listed}");
    let forced = machines.cs(&["stop", "--force", &session]).success();
    assert_eq!(
        (forced.stdout, forced.stderr.as_str()),
        (format!("[claude-share] stopped {session}\n"), "")
    );
    machines.wait_until_only(&before);
}

#[test]
fn a_killed_agent_takes_its_programs_and_no_more() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(machines.live("sleep 1000"));
    let kill = "for each in /proc/[0-9]*; do tr '\\0' ' ' < $each/cmdline | grep -q '^[^ ]*claude-share agent serve' && kill -KILL ${each#/proc/}; done 2>/dev/null; true";
    drop(machines.on_server(kill).success());
    let has_ended = "! pgrep -x sleep > /dev/null";
    wait_until("the end of its program", LIMIT, || {
        machines.on_server(has_ended).status.success()
    });
    // The daemon connects to a new one, which has the directory mounted again.
    wait_until("the mount again", LIMIT, || {
        machines.cs(&["run", "true"]).status.success()
    });
    let mut terminal = machines.cs_terminal(&["attach"]);
    assert_eq!(
        terminal.wait(LIMIT).code(),
        Some(13),
        "{}",
        terminal.shown()
    );
    drop(machines.cs(&["stop"]).success());
    machines.wait_until_only(&before);
}

#[test]
fn of_several_one_is_named_or_meant_by_where_one_is() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    let before = machines.traces();
    drop(machines.cs(&["live", "--no-claude"]).success());
    drop(machines.cs(&["live", "--no-claude", "../data"]).success());
    let elsewhere = machines.on_laptop("cd /tmp && cs stop").code(4);
    assert!(
        elsewhere.stderr.contains("project-") && elsewhere.stderr.contains("data-"),
        "{elsewhere:?}"
    );
    let there = machines.on_laptop("cd data && cs where").success().stdout;
    assert!(there.contains("  session data-"), "{there}");
    let newest = machines.on_laptop("cd /tmp && cs where").success().stdout;
    assert!(newest.contains("  session data-"), "{newest}");
    let stopped = machines.cs(&["stop"]).success().stdout;
    assert!(stopped.contains("stopped project-"), "{stopped}");
    drop(machines.cs(&["stop", "--all"]).success());
    machines.wait_until_only(&before);
}
