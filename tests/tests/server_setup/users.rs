//! Users are added in every way that is offered, and bad ones are refused before anything runs.

use end_to_end::server::Server;
use testkit::Ran;

use super::row;

#[test]
fn with_a_password_from_a_file() {
    let Some(server) = Server::with_users(&["usera"]) else {
        return;
    };
    server.host.write("/root/alice.pw", "alice-FAKE-1\n", 0o600);
    let arguments = [
        "add-user",
        "alice",
        "--password-from-file",
        "/root/alice.pw",
    ];
    let ran = server.run(&arguments).success();
    assert!(
        ran.stdout
            .contains("[claude-share] ✓ Linked alice to shared auth"),
        "{}",
        ran.stdout
    );
    server.wait_for_view("alice");
    assert_eq!(row(&server, "alice")["needs_care"], false);
    let answer = server
        .host
        .run_as("alice", &["claude", "-p", "hello"])
        .success();
    assert_eq!(answer.stdout, "pong\n");
}

#[test]
fn with_a_password_as_an_argument_and_a_warning() {
    let Some(server) = Server::with_users(&["usera"]) else {
        return;
    };
    let ran = server
        .run(&[
            "server",
            "add-user",
            "charlie",
            "--password",
            "charlie-FAKE-1",
        ])
        .success();
    assert!(ran.stderr.contains("warning"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("charlie-FAKE-1") && !ran.stdout.contains("charlie-FAKE-1"));
    server.wait_for_view("charlie");
}

#[test]
fn with_an_ssh_key_and_no_password() {
    let Some(server) = Server::with_users(&["usera"]) else {
        return;
    };
    let _made = server
        .host
        .run(&[
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-f",
            "/root/key",
        ])
        .success();
    let arguments = [
        "server",
        "add-user",
        "dora",
        "--no-password",
        "--ssh-key",
        "/root/key.pub",
    ];
    drop(server.run(&arguments).success());
    server.wait_for_view("dora");
    server.host.start_sshd();
    let mut command = server.host.ssh_command("dora", "/root/key");
    command.arg("bash -lc 'claude -p hello; umask'");
    let ran = Ran::of(command).success();
    assert_eq!(ran.stdout, "pong\n0002\n", "{}", ran.stderr);
    // A private key in its place is not put anywhere.
    let arguments = [
        "server",
        "add-user",
        "emil",
        "--no-password",
        "--ssh-key",
        "/root/key",
    ];
    let refused = server.run(&arguments);
    assert!(
        !refused.status.success() && refused.stderr.contains("private"),
        "{}",
        refused.stderr
    );
    assert!(!server.host.has_user("emil"));
}

#[test]
fn who_is_there_already_is_adopted_when_asked_and_gets_back_what_he_had() {
    let Some(server) = Server::with_users(&["usera"]) else {
        return;
    };
    server.host.add_user("frida");
    let as_frida = |script: &str| server.host.run_as("frida", &["sh", "-c", script]).success();
    let _made = as_frida(
        "umask 077; mkdir ~/.claude; echo '{\"model\":\"mine\"}' > ~/.claude/settings.json; \
         echo '{\"projects\":{\"/x\":{}},\"numStartups\":7}' > ~/.claude.json; printf 'alias x=y' >> ~/.bashrc",
    );
    let before = super::contents_of_home(&server, "frida");
    let refused = server.run(&["add-user", "frida", "--no-password"]);
    assert!(
        !refused.status.success() && refused.stderr.contains("--existing"),
        "{}",
        refused.stderr
    );
    assert_eq!(super::contents_of_home(&server, "frida"), before);

    drop(server.run(&["add-user", "frida", "--existing"]).success());
    server.wait_for_view("frida");
    assert_eq!(row(&server, "frida")["needs_care"], false);
    let link = server
        .host
        .run(&["readlink", "/home/frida/.claude/settings.json"])
        .success();
    assert_eq!(
        link.stdout.trim(),
        "/shared/claude-share/home/.claude/settings.json"
    );
    let merged = super::json_of(&server, "/home/frida/.claude.json");
    assert_eq!(merged["numStartups"], 7);
    assert_eq!(merged["hasCompletedOnboarding"], true);

    drop(
        server
            .run(&["server", "remove-user", "frida", "-y"])
            .success(),
    );
    let rest: Vec<String> = super::contents_of_home(&server, "frida");
    let but_claude_json = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .filter(|line| !line.contains(".claude.json "))
            .cloned()
            .collect()
    };
    assert_eq!(
        but_claude_json(&rest),
        but_claude_json(&before),
        "as it was, to the byte"
    );
    assert!(server.host.has_user("frida"));
    let groups = server.host.run(&["id", "-nG", "frida"]).success();
    assert!(!groups.stdout.contains("claudeshare"));
}

#[test]
fn bad_names_and_files_are_refused_before_anything_runs() {
    let Some(server) = Server::with_users(&["usera"]) else {
        return;
    };
    let passwd = server.host.read_text("/etc/passwd");
    for name in [
        "root",
        "-x",
        "a b",
        "a;id",
        "../x",
        "A",
        "",
        "usera:x",
        "ä",
        "x\ny",
        &"a".repeat(40),
    ] {
        let ran = server.run(&["server", "add-user", "--no-password", "--", name]);
        assert!(!ran.status.success(), "{name:?} was taken");
        assert!(
            ran.stderr.contains("error:") && ran.stderr.contains("hint:"),
            "{name:?}: {}",
            ran.stderr
        );
    }
    let users = [
        ("/root/wide.txt", "x:y\n", 0o644),
        ("/root/bad.txt", "no password here\n", 0o600),
        ("/root/twice.txt", "x:1-FAKE\nx:2-FAKE\n", 0o600),
        ("/root/empty-password.txt", "x:\n", 0o600),
    ];
    for (path, text, mode) in users {
        server.host.write(path, text, mode);
        let ran = server.run(&["init", "--yes", "--users-from-file", path]);
        assert!(!ran.status.success(), "{path} was taken");
        assert!(
            !ran.stderr.contains("-FAKE"),
            "a password was printed: {}",
            ran.stderr
        );
    }
    let _foreign = server
        .host
        .run(&[
            "install",
            "-m",
            "600",
            "-o",
            "usera",
            "/root/twice.txt",
            "/root/foreign.txt",
        ])
        .success();
    let ran = server.run(&["init", "--yes", "--users-from-file", "/root/foreign.txt"]);
    assert!(ran.stderr.contains("root"), "{}", ran.stderr);
    assert_eq!(server.host.read_text("/etc/passwd"), passwd);
}

#[test]
fn a_user_who_is_taken_off_leaves_nothing_of_ours() {
    let Some(server) = Server::with_users(&["usera", "userb"]) else {
        return;
    };
    drop(
        server
            .run(&["server", "remove-user", "usera", "--delete-user", "-y"])
            .success(),
    );
    assert!(!server.host.has_user("usera") && !server.host.exists("/home/usera"));
    let status = server.status();
    assert_eq!(status["users"].as_array().unwrap().len(), 1);
    let config = server.host.read_text("/etc/claude-share/config");
    assert!(
        config.contains("userb") && !config.contains("usera"),
        "{config}"
    );
    for path in [
        "/var/lib/claude-share/state.json",
        "/var/lib/claude-share/claude-json.json",
    ] {
        testkit::wait_until(&format!("no usera in {path}"), end_to_end::LIMIT, || {
            !server.host.read_text(path).contains("usera")
        });
    }
    // Without -y and without a terminal nothing is done.
    let ran = server.run(&["server", "remove-user", "userb"]);
    assert!(!ran.status.success());
    assert!(server.shown_to("userb").is_some());
}
