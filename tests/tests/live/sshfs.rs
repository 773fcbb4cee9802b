//! `--mount sshfs`: the program sshfs makes the mounts.

use end_to_end::LIMIT;
use testkit::wait_until;

use end_to_end::machines::Machines;

#[test]
fn what_either_side_writes_the_other_reads_by_sshfs_too() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    if !machines.on_server("command -v sshfs").status.success() {
        return testkit::skip("needs sshfs");
    }
    let before = machines.traces();
    drop(
        machines
            .on_laptop("mkdir -p project/.bin && echo from the laptop > project/file && ln -s ../file project/.bin/link")
            .success(),
    );
    drop(
        machines
            .cs(&["live", "--no-claude", "--mount", "sshfs"])
            .success(),
    );
    let mount = machines.main_mount();
    let read = machines.on_server(&format!(
        "pgrep -x sshfs > /dev/null && cat {mount}/.bin/link"
    ));
    assert_eq!(read.success().stdout, "from the laptop\n");
    let write = format!("echo from the server > {mount}/server.txt && sync {mount}/server.txt");
    drop(machines.on_server(&write).success());
    let read = machines.on_laptop("cat project/server.txt").success();
    assert_eq!(read.stdout, "from the server\n");
    drop(machines.on_laptop("echo again > project/file").success());
    // Nobody tells sshfs: it is seen when what it keeps is too old.
    wait_until("the change on the server", LIMIT, || {
        let read = machines.on_server(&format!("cat {mount}/file"));
        read.success().stdout == "again\n"
    });
    let status = machines.cs(&["status"]).success().stdout;
    assert!(
        status
            .lines()
            .any(|line| line.split_whitespace().eq(["mount", "sshfs"])),
        "{status}"
    );
    let status = machines.cs(&["status", "--json"]).success().json();
    assert_eq!(status["sessions"][0]["mount"], "sshfs");
    drop(machines.cs(&["stop"]).success());
    drop(
        machines
            .on_laptop("rm -r project/.bin project/file project/server.txt")
            .success(),
    );
    machines.wait_until_only(&before);
}

#[test]
fn a_mount_whose_sshfs_is_gone_is_told() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    if !machines.on_server("command -v sshfs").status.success() {
        return testkit::skip("needs sshfs");
    }
    let before = machines.traces();
    drop(
        machines
            .cs(&["live", "--no-claude", "--mount", "sshfs"])
            .success(),
    );
    drop(machines.on_server("kill -KILL $(pgrep -x sshfs)").success());
    wait_until("the failure", LIMIT, || {
        let failure = &machines.session()["directories"][0]["failure"];
        failure
            .as_str()
            .is_some_and(|words| words.contains("sshfs"))
    });
    drop(machines.cs(&["stop"]).success());
    machines.wait_until_only(&before);
}
