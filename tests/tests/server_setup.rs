//! From a fresh host to users who need no login: the documented walkthrough.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use end_to_end::server::Server;

#[test]
fn try_it() {
    let Some(server) = Server::or_skip() else { return };
    server.sign_in_as_root(end_to_end::HOURS_8);
    let ran = server.init(&["usera", "userb"], &["--dry-run"]);
    eprintln!("DRY {ran:#?}");
    let ran = server.init(&["usera", "userb"], &[]);
    eprintln!("INIT {}\n{}", ran.stdout, ran.stderr);
    eprintln!("{}", server.host.run(&["cat", "/var/lib/claude-share/keeper.log"]).stdout);
    eprintln!("{}", server.host.run(&["ps", "auxww"]).stdout);
    server.wait_for_keeper();
    server.wait_for_view("usera");
    let ran = server.run(&["server", "status"]);
    eprintln!("STATUS {}\n{}", ran.stdout, ran.stderr);
    for cmd in [&["ls", "-laR", "/home/usera", "/shared", "/var/lib/claude-share", "/run/claude-share", "/etc/claude-share"][..], &["cat","/etc/claude-share/config"], &["cat", "/var/lib/claude-share/keeper.log"], &["cat", "/home/usera/.claude.json"], &["cat", "/root/.claude/.credentials.json"]] {
        eprintln!("{}", server.host.run(cmd).stdout);
    }
    let ran = server.host.run_as("usera", &["claude", "-p", "hello"]);
    eprintln!("CLAUDE {}\n{}", ran.stdout, ran.stderr);
    let ran = server.init(&["usera", "userb"], &[]);
    eprintln!("INIT AGAIN {}\n{}", ran.stdout, ran.stderr);
    let ran = server.run(&["server", "sync"]);
    eprintln!("SYNC {}\n{}", ran.stdout, ran.stderr);
    let ran = server.run(&["server", "uninstall", "-y"]);
    eprintln!("UNINSTALL {}\n{}", ran.stdout, ran.stderr);
    for cmd in [&["ls", "-laR", "/home/usera", "/shared", "/var/lib/claude-share", "/etc/claude-share"][..], &["cat", "/root/.claude/.credentials.json"], &["ps", "aux"]] {
        eprintln!("{}", server.host.run(cmd).stdout);
    }
}
