//! From a fresh host to users who need no login, typed and with `--yes`.

use end_to_end::server::{PROGRAM, Server};
use end_to_end::{HOURS_8, LIMIT};
use testkit::Ran;

const DOCUMENTED: [&str; 13] = [
    "[claude-share] Creating shared group and directory...",
    "[claude-share] ✓ Created group: claudeshare",
    "[claude-share] ✓ Added root to group claudeshare",
    "[claude-share] ✓ Shared dir ready: /shared/claude-share",
    "[claude-share] ✓ Created user: usera",
    "[claude-share] ✓ Set password for usera",
    "[claude-share] ✓ Added usera to group claudeshare",
    "[claude-share] ✓ Linked usera to shared auth",
    "[claude-share] ✓ Created user: userb",
    "[claude-share] ✓ Set password for userb",
    "[claude-share] ✓ Added userb to group claudeshare",
    "[claude-share] ✓ Linked userb to shared auth",
    "[claude-share] ✓ Wrote config: /etc/claude-share/config",
];

const STATUS: &str = "\
[claude-share] Per-user links
user: usera
  group claudeshare: ✓
  ✓ .claude/.credentials.json
  ✓ .claude.json
  ✓ .claude/settings.json
  ✓ .claude/settings.local.json
user: userb
  group claudeshare: ✓
  ✓ .claude/.credentials.json
  ✓ .claude.json
  ✓ .claude/settings.json
  ✓ .claude/settings.local.json
";

/// The documented lines come in their order; others may stand between them.
#[track_caller]
fn assert_documented(shown: &str) {
    let mut lines = shown.lines().map(str::trim_end);
    for documented in DOCUMENTED {
        assert!(
            lines.any(|line| line == documented),
            "{documented:?} is missing, or not in its place:\n{shown}"
        );
    }
    assert!(
        lines.any(|line| line == "[claude-share] Done. Managed users: usera userb"),
        "{shown}"
    );
}

#[track_caller]
fn assert_all_is_well(server: &Server) {
    server.wait_for_keeper();
    let status = server.run(&["status"]).success();
    assert!(status.stdout.starts_with(STATUS), "{}", status.stdout);
    for user in ["usera", "userb"] {
        let answer = server
            .host
            .run_as(user, &["claude", "-p", "hello"])
            .success();
        assert_eq!(answer.stdout, "pong\n", "{user}");
        let login = server.host.run_as(user, &["id", "-nG"]).success();
        assert!(login.stdout.contains("claudeshare"), "{}", login.stdout);
    }
}

#[test]
fn with_yes_and_a_file_of_users() {
    let Some(server) = Server::or_skip() else {
        return;
    };
    let login = server.sign_in_as_root(HOURS_8);
    let ran = server.init(&["usera", "userb"], &[]).success();
    assert_documented(&ran.stdout);
    assert!(
        ran.stdout.contains("person who bought it"),
        "whose credentials: {}",
        ran.stdout
    );
    assert_all_is_well(&server);
    let view = server
        .host
        .read_text("/home/usera/.claude/.credentials.json");
    assert!(view.contains(&login.access_token) && !view.contains(&login.refresh_token));
    let modes = server.host.run(&[
        "stat",
        "-c",
        "%a %U:%G %n",
        "/home/usera/.claude/.credentials.json",
        "/shared/claude-share",
        "/shared/claude-share/home",
        "/shared/claude-share/home/.claude",
        "/shared/claude-share/home/.claude/settings.json",
        "/var/lib/claude-share",
        "/var/lib/claude-share/vault/accounts.db",
    ]);
    assert_eq!(
        modes.success().stdout,
        "600 usera:usera /home/usera/.claude/.credentials.json\n\
         2770 root:claudeshare /shared/claude-share\n\
         2770 root:claudeshare /shared/claude-share/home\n\
         2770 root:claudeshare /shared/claude-share/home/.claude\n\
         660 root:claudeshare /shared/claude-share/home/.claude/settings.json\n\
         700 root:root /var/lib/claude-share\n\
         600 root:root /var/lib/claude-share/vault/accounts.db\n"
    );
    let umask = server
        .host
        .run_as("usera", &["sh", "-c", "umask"])
        .success();
    assert_eq!(umask.stdout.trim(), "0002");
    let source = server.host.read_text("/root/.claude/.credentials.json");
    assert!(
        !source.contains(&login.refresh_token),
        "the keeper alone renews"
    );
    let shared = server.host.read_text("/home/usera/.claude.json");
    assert!(
        !shared.contains("secret-project"),
        "projects are private: {shared}"
    );
}

#[test]
fn typed_on_a_terminal() {
    let Some(server) = Server::or_skip() else {
        return;
    };
    server.sign_in_as_root(HOURS_8);
    let url = format!("CLAUDE_ACCOUNTS_TOKEN_URL={}", server.tokens.url());
    let mut terminal = server.host.terminal("env", &[&url, PROGRAM, "init"]);
    let answers = [
        ("Shared directory [/shared/claude-share]:", "\r"),
        ("Shared group [claudeshare]:", "\r"),
        ("Source user (holds current ~/.claude auth) [root]:", "\r"),
        ("How many users to create now? [2]:", "\r"),
        ("  user 1 name:", "Not A Name\r"),
        ("user 1 name:", "usera\r"),
        ("  user 1 password:", "usera1234-FAKE\r"),
        ("Confirm user 1 password:", "something else\r"),
        ("the two passwords differ", ""),
        ("user 1 password:", "usera1234-FAKE\r"),
        ("Confirm user 1 password:", "usera1234-FAKE\r"),
        ("  user 2 name:", "userb\r"),
        ("  user 2 password:", "userb1234-FAKE\r"),
        ("Confirm user 2 password:", "userb1234-FAKE\r"),
    ];
    let mut seen = 0;
    for (question, answer) in answers {
        seen = wait_for_next(&terminal, seen, question);
        terminal.type_text(answer);
    }
    assert!(terminal.wait(LIMIT).success(), "{}", terminal.shown());
    let shown = terminal.shown();
    assert_documented(&shown.replace('\r', ""));
    assert!(
        !shown.contains("1234-FAKE"),
        "a password was shown: {shown}"
    );
    assert_all_is_well(&server);
    let shadow = server.host.read_text("/etc/shadow");
    let hash = shadow
        .lines()
        .find_map(|line| line.strip_prefix("usera:"))
        .unwrap();
    assert!(hash.starts_with('$'), "{hash}");
}

/// Waits until `text` is shown after what was seen already; gives where it ends.
#[track_caller]
fn wait_for_next(terminal: &testkit::Terminal, seen: usize, text: &str) -> usize {
    let mut end = None;
    testkit::wait_until(&format!("{text:?} on the terminal"), LIMIT, || {
        let shown = terminal.shown();
        end = shown
            .get(seen..)
            .and_then(|rest| Some(seen + rest.find(text)? + text.len()));
        end.is_some()
    });
    end.unwrap()
}

#[test]
fn a_second_time_nothing_changes() {
    let Some(server) = Server::with_users(&["usera", "userb"]) else {
        return;
    };
    let everything = || {
        let paths = [
            "/etc",
            "/home",
            "/shared",
            "/root",
            "/var/lib/claude-share/state.json",
        ];
        let mut command = vec!["find"];
        command.extend(paths);
        command.extend([
            "-not",
            "-name",
            "users.txt",
            "-not",
            "-path",
            "/root",
            "-printf",
            "%y %m %u:%g %s %T@ %p -> %l\\n",
        ]);
        server.host.run(&command).success().stdout
    };
    server.wait_for_view("userb");
    let before = everything();
    for arguments in [
        &["sync"][..],
        &["server", "sync"],
        &["server", "add-user", "usera", "--no-password"],
    ] {
        let ran = server.run(arguments).success();
        assert!(
            ran.stdout.contains("Nothing to do"),
            "{arguments:?}: {}",
            ran.stdout
        );
    }
    let again = server.init(&["usera", "userb"], &[]).success();
    assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);
    let after = everything();
    let changed: Vec<&str> = after
        .lines()
        .filter(|line| !before.contains(line))
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
    assert_eq!(before.len(), after.len());
}

#[test]
fn a_dry_run_says_all_and_does_nothing() {
    let Some(server) = Server::or_skip() else {
        return;
    };
    server.sign_in_as_root(HOURS_8);
    let everything = || {
        let find = [
            "find",
            "/etc",
            "/home",
            "/root",
            "/var/lib",
            "-printf",
            "%p %m %s %T@\\n",
        ];
        server.host.run(&find).success().stdout
    };
    server
        .host
        .write("/root/users.txt", "usera:FAKE-secret\n", 0o600);
    let before = everything();
    let arguments = [
        "init",
        "--yes",
        "--dry-run",
        "--users-from-file",
        "/root/users.txt",
    ];
    let ran = server.run(&arguments).success();
    for step in [
        "create the group claudeshare",
        "create the Linux user usera",
        "undone by",
    ] {
        assert!(ran.stdout.contains(step), "{step}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("FAKE-secret"));
    assert_eq!(everything(), before);
    assert!(!server.host.exists("/shared"));
}

#[test]
fn without_root_or_a_login_it_says_what_to_do() {
    let Some(server) = Server::or_skip() else {
        return;
    };
    let ran = server.init(&["usera"], &[]);
    assert!(!ran.status.success());
    assert!(ran.stderr.contains("claude auth login"), "{}", ran.stderr);
    assert!(!server.host.has_user("usera"), "nothing was changed");
    server.host.add_user("somebody");
    for arguments in [&["init"][..], &["status"], &["sync"], &["server", "keeper"]] {
        let mut command = server.host.command_as_user("somebody", PROGRAM);
        command.args(arguments);
        let ran = Ran::of(command);
        assert!(
            !ran.status.success() && ran.stderr.contains("root"),
            "{arguments:?}: {ran:?}"
        );
    }
    let version = server.run(&["version"]).success();
    assert_eq!(version.stdout, "claude-share 0.1.0\n");
}

#[test]
fn with_the_user_tools_of_busybox() {
    let Some(server) = Server::or_skip() else {
        return;
    };
    if let Err(reason) = server.host.use_busybox_user_tools() {
        return testkit::skip(reason);
    }
    server.sign_in_as_root(HOURS_8);
    let ran = server.init(&["usera", "userb"], &[]).success();
    assert_documented(&ran.stdout);
    server.wait_for_keeper();
    drop(server.run(&["status"]).success());
    server.wait_for_view("userb");
    drop(
        server
            .run(&["server", "remove-user", "userb", "--delete-user", "-y"])
            .success(),
    );
    assert!(!server.host.has_user("userb"));
    drop(server.run(&["server", "uninstall", "-y"]).success());
    assert!(!server.host.read_text("/etc/group").contains("claudeshare"));
}
