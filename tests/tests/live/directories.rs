//! What is published is on the server, and changes on either side are seen by the other.

use end_to_end::LIMIT;
use testkit::wait_until;

use end_to_end::machines::{Machines, PROJECT, SERVER};

#[test]
fn what_either_side_writes_the_other_reads() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(
        machines
            .on_laptop("echo from the laptop > project/laptop.txt")
            .success(),
    );
    let told = machines.cs(&["live", "--no-claude"]).success().stdout;
    let session = machines.session();
    let (name, mount) = (session["session"].as_str().unwrap(), machines.main_mount());
    assert_eq!(mount, format!("/home/dev/.claude-share/mounts/{name}"));
    let summary = format!(
        "[claude-share] connecting to {SERVER}
[claude-share] Live mount paths
  server {SERVER}
  session {name}
  main {mount} <= {PROJECT}
  stop cs stop
"
    );
    assert_eq!(told, summary);
    let read = machines
        .on_server(&format!("cat {mount}/laptop.txt"))
        .success();
    assert_eq!(read.stdout, "from the laptop\n");
    let write = format!("echo from the server > {mount}/server.txt && sync {mount}/server.txt");
    drop(machines.on_server(&write).success());
    let read = machines.on_laptop("cat project/server.txt").success();
    assert_eq!(read.stdout, "from the server\n");
    drop(
        machines
            .on_laptop("echo again > project/laptop.txt")
            .success(),
    );
    wait_until("the change on the server", LIMIT, || {
        machines
            .on_server(&format!("cat {mount}/laptop.txt"))
            .success()
            .stdout
            == "again\n"
    });
}

#[test]
fn directories_come_and_go_while_a_session_runs() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(
        machines
            .on_laptop("echo one > data/one && mkdir more named")
            .success(),
    );
    drop(
        machines
            .cs(&["live", "--no-claude", "--add", "../named"])
            .success(),
    );
    let name = machines.session()["session"].as_str().unwrap().to_owned();
    let added = machines
        .cs(&["add", "../data", "--read-only"])
        .success()
        .stdout;
    let remote = format!("/home/dev/.claude-share/extras/{name}/2-data");
    assert_eq!(
        added,
        format!(
            "[claude-share] /home/dev/data is published in sessions to come
[claude-share] {name}: extra {remote} <= /home/dev/data\n"
        )
    );
    let told = machines.cs(&["where"]).success().stdout;
    assert!(
        told.contains(&format!("  extra {remote} <= /home/dev/data (read-only)\n")),
        "{told}"
    );
    assert!(told.contains("/1-named <= /home/dev/named\n"), "{told}");
    let read = machines.on_server(&format!("cat {remote}/one; echo x > {remote}/two"));
    assert!(
        read.stdout.starts_with("one\n") && read.stderr.contains("Read-only"),
        "{read:?}"
    );
    assert!(
        machines
            .cs(&["list"])
            .success()
            .stdout
            .contains("/home/dev/data")
    );
    assert_eq!(
        machines.cs(&["list", "--json"]).success().json()[0]["read_only"],
        true
    );
    drop(machines.cs(&["remove", "../data"]).success());
    drop(
        machines
            .on_server(&format!("! mountpoint -q {remote}"))
            .success(),
    );
    assert_eq!(
        machines.cs(&["list", "--json"]).success().json(),
        serde_json::json!([])
    );
    drop(machines.cs(&["remove", "../data"]).code(3));
    // What is within the main directory is on the server already.
    drop(machines.on_laptop("mkdir project/inner").success());
    let inner = machines.cs(&["add", "inner"]).success();
    assert!(inner.stderr.contains("overlaps"), "{inner:?}");
}

#[test]
fn what_is_published_for_reading_stays_as_it_is() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(
        machines
            .on_laptop("echo from the laptop > project/file")
            .success(),
    );
    drop(
        machines
            .cs(&["live", "--no-claude", "--read-only"])
            .success(),
    );
    let mount = machines.main_mount();
    let read = machines.on_server(&format!("cat {mount}/file")).success();
    assert_eq!(read.stdout, "from the laptop\n");
    for change in [
        "echo more >> file",
        "echo new > new",
        "rm file",
        "mkdir new",
    ] {
        let refused = machines.on_server(&format!("cd {mount} && {change}"));
        assert!(
            !refused.status.success() && refused.stderr.contains("Read-only file system"),
            "{change}: {refused:?}"
        );
    }
    let here = machines.on_laptop("ls project && cat project/file");
    assert_eq!(here.success().stdout, "file\nfrom the laptop\n");
}

#[test]
fn another_server_is_named_by_its_profile() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    // Where the usual one leads, nobody listens.
    let edit =
        "sed -i 's/\"default\":\"server\"/\"default\":\"closed\"/' .claude-share/client.json";
    drop(machines.on_laptop(edit).success());
    drop(machines.cs(&["live", "--no-claude"]).code(8));
    let live = ["live", "--no-claude", "--server", "server"];
    let told = machines.cs(&live).success().stdout;
    assert!(told.contains(&format!("\n  server {SERVER}\n")), "{told}");
    let status = machines.cs(&["status", "--json"]).success().json();
    assert_eq!(status["profile"]["name"], "closed");
    assert_eq!(status["sessions"][0]["server"], SERVER);
    let ran = machines.cs(&["run", "uname", "-n"]).success();
    assert_eq!(ran.stdout, "server\n");
}

#[test]
fn a_session_is_told_as_json_for_programs() {
    let Some(machines) = Machines::or_skip() else {
        return;
    };
    drop(
        machines
            .cs(&["live", "--no-claude", "--read-only"])
            .success(),
    );
    machines.wait_until_up();
    let status = machines.cs(&["status", "--json"]).success().json();
    assert_eq!(status["profile"]["destination"], SERVER);
    let session = &status["sessions"][0];
    assert_eq!(status["active_session"], session["session"]);
    assert_eq!(session["server"], SERVER);
    assert_eq!(session["directories"][0]["local"], PROJECT);
    assert_eq!(session["directories"][0]["read_only"], true);
    assert!(session["bytes_sent"].as_u64().unwrap() > 0);
    assert!(session["bytes_received"].as_u64().unwrap() > 0);
    wait_until("a round trip", LIMIT, || {
        machines.session()["link"]["round_trip_us"]
            .as_u64()
            .is_some()
    });
    let text = machines.cs(&["status"]).success().stdout;
    assert!(
        text.contains("connection   up, round trip ")
            && text.contains("\nprofile  server\n") | text.starts_with("profile  server\n"),
        "{text}"
    );
    let listed = machines.cs(&["list-sessions", "--json"]).success().json();
    assert_eq!(listed[0]["running"], true);
}
