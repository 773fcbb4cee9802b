//! From nothing to a session and back to nothing, as a developer types it.

use end_to_end::LIMIT;
use testkit::{Terminal, wait_until};

use end_to_end::machines::{Machines, PROJECT, SERVER};

/// What the server's user logs in with.
const PASSWORD: &str = "dev-FAKE-1234";
/// Another key of his, which opens the server for another laptop.
const OTHER_KEY: &str = "ssh-ed25519 AAAAother other";
/// The list of directories that every session has: empty, but there.
const EXTRAS: &str = ".claude-share/extras.json";
/// What stays where `client init` was: settings in which nothing is set, and what ssh knows.
const SETTINGS: [&str; 6] = [
    ".claude-share",
    ".claude-share/client.json",
    ".claude-share/settings.lock",
    EXTRAS,
    ".ssh",
    ".ssh/known_hosts",
];
/// As they are typed.
const DETACH: &str = "\u{1d}d";

#[test]
fn from_nothing_to_a_session_and_back() {
    let Some(machines) = Machines::bare_or_skip() else {
        return;
    };
    prepare(&machines);
    let at_first = machines.traces();
    init(&machines);
    let ready = machines.traces();
    let mut terminal = machines.cs_terminal(&["live"]);
    // Whether commands of the server run here.
    terminal.wait_for("Run them here? [y/N]", LIMIT);
    terminal.type_text("n\r");
    client_is_shown_and_typed_to(&mut terminal);
    let mount = machines.main_mount();
    edits_are_seen_by_the_other_side(&machines, &mount);
    let extra = a_directory_is_added(&machines);
    terminal.type_text(DETACH);
    assert_eq!(terminal.wait(LIMIT).code(), Some(0), "{}", terminal.shown());
    let mut again = machines.cs_terminal(&["attach"]);
    again.wait_for("said hello", LIMIT);
    again.type_text("/say once more\r");
    again.wait_for("said once more", LIMIT);
    it_is_told(&machines, &mount, &extra);
    // A server in use is not forgotten.
    let name = machines.session()["session"].as_str().unwrap().to_owned();
    let refused = machines.client(&["remove", "--from-server"]).code(4);
    assert!(
        refused.stderr.contains(&format!("cs stop {name}")),
        "{refused:?}"
    );
    let stopped = machines.cs(&["stop"]).success();
    assert_eq!(stopped.stdout, format!("[claude-share] stopped {name}\n"));
    again.wait_for("stopped", LIMIT);
    again.wait(LIMIT);
    drop(machines.cs(&["remove", "../data"]).success());
    drop(machines.on_laptop("rm data/* project/*").success());
    machines.wait_until_only_and(&ready, &[EXTRAS]);
    drop(machines.client(&["remove", "--from-server"]).success());
    assert_eq!(
        machines.on_server("cat ~/.ssh/authorized_keys").stdout,
        format!("{OTHER_KEY}\n")
    );
    machines.wait_until_only_and(&at_first, &SETTINGS);
    let settings = machines.client(&["status", "--json"]).success().json();
    assert_eq!(settings["profiles"], serde_json::json!([]));
}

/// The programs as a package has them, an sshd that takes a password, and what the user of the server had before.
fn prepare(machines: &Machines) {
    for name in ["claude-share", "claude-accounts", "cs"] {
        let path = format!("/usr/local/bin/{name}");
        machines.laptop.install_program(name, &path);
        // Quicker to copy without what debuggers need; where there is no `strip`, it only takes longer.
        drop(machines.laptop.run(&["strip", &path]));
    }
    let password = format!("dev:{PASSWORD}\n");
    machines
        .server
        .run_with_input(&["chpasswd"], password.as_bytes())
        .success();
    machines.server.start_sshd_that_takes_passwords();
    // Logins make it, by PAM.
    machines.server.write("/run/motd.dynamic", "", 0o644);
    let script = format!(
        "umask 077 && mkdir -p ~/.ssh ~/.local/bin && echo '{OTHER_KEY}' > ~/.ssh/authorized_keys"
    );
    drop(machines.on_server(&script).success());
}

/// `client init`, with the password typed at ssh's own question.
fn init(machines: &Machines) {
    let arguments = ["client", "init", SERVER];
    let mut terminal = machines.laptop_terminal("claude-share", &arguments);
    terminal.wait_for("continue connecting", LIMIT);
    terminal.type_text("yes\r");
    terminal.wait_for("password:", LIMIT);
    terminal.type_text(&format!("{PASSWORD}\r"));
    // It is the last that is said, and what a terminal shows may come after the end of who said it.
    terminal.wait_for("In a project, type: cs live", LIMIT);
    let status = terminal.wait(LIMIT);
    assert!(status.success(), "{}", terminal.shown());
}

fn client_is_shown_and_typed_to(terminal: &mut Terminal) {
    terminal.wait_for("  stop cs stop", LIMIT);
    terminal.wait_for("ready", LIMIT);
    terminal.type_text("/say hello\r");
    terminal.wait_for("said hello", LIMIT);
}

fn edits_are_seen_by_the_other_side(machines: &Machines, mount: &str) {
    let script = format!("cd {PROJECT} && echo from the laptop > file && echo kept > other");
    drop(machines.on_laptop(&script).success());
    let see = |host: &dyn Fn() -> String, text: &str| {
        wait_until(text, LIMIT, || host() == text);
    };
    see(
        &|| machines.on_server(&format!("cat {mount}/file")).stdout,
        "from the laptop\n",
    );
    // In place, as an editor that replaces the file does, and gone.
    let script = format!(
        "cd {mount} && sed -i s/laptop/server/ file && echo new > made && rm other && sync made"
    );
    drop(machines.on_server(&script).success());
    let here = "cd project && cat file made && ls";
    assert_eq!(
        machines.on_laptop(here).success().stdout,
        "from the server\nnew\nfile\nmade\n"
    );
    drop(
        machines
            .on_laptop("cd project && sed -i s/server/laptop/ file && rm made")
            .success(),
    );
    let there = format!("cd {mount} && cat file && ls");
    see(
        &|| machines.on_server(&there).stdout,
        "from the laptop\nfile\n",
    );
}

/// While the session runs; where it is mounted.
fn a_directory_is_added(machines: &Machines) -> String {
    drop(machines.on_laptop("echo one > data/one").success());
    let told = machines.cs(&["add", "../data"]).success().stdout;
    let session = machines.session();
    let all = session["directories"].as_array().unwrap();
    let extra = all.iter().find(|directory| directory["kind"] == "extra");
    let remote = extra.unwrap()["remote"].as_str().unwrap().to_owned();
    assert!(told.contains(&remote), "{told}");
    let script = format!("cd {remote} && cat one && echo two > two && sync two");
    assert_eq!(machines.on_server(&script).success().stdout, "one\n");
    let two = machines.on_laptop("cat data/two").success();
    assert_eq!(two.stdout, "two\n");
    remote
}

fn it_is_told(machines: &Machines, mount: &str, extra: &str) {
    let listed = machines.cs(&["list"]).success().stdout;
    assert!(
        listed.contains("/home/dev/data  read and write"),
        "{listed}"
    );
    let told = machines.cs(&["where"]).success().stdout;
    assert!(
        told.contains(&format!("  main {mount} <= {PROJECT}\n")),
        "{told}"
    );
    assert!(
        told.contains(&format!("  extra {extra} <= /home/dev/data\n")),
        "{told}"
    );
    let status = machines.cs(&["status", "--json"]).success().json();
    assert_eq!(status["profile"]["destination"], SERVER);
    let sessions = status["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1, "{status:#}");
    assert_eq!(sessions[0]["link"]["state"], "up");
    assert_eq!(sessions[0]["session"], status["active_session"]);
}
