//! A machine that restarts, whose disk is full, whose clock is wrong; a token server that is away; a key that is lost.

use std::fs;

use end_to_end::server::{Server, VAULT};
use end_to_end::{HOURS_8, LIMIT};
use testkit::documents::now_ms;
use testkit::token_book::IssuedLogin;
use testkit::{Mode, Process, Ran, skip, wait_until};

const USERS: [&str; 3] = ["anna", "bert", "carol"];

pub(crate) fn stop_the_keeper(server: &Server) {
    let pid = server.status()["keeper"]["pid"].to_string();
    drop(server.host.run(&["kill", "-KILL", &pid]).success());
}

/// Gives the vault another state of the shared login, with `left_ms` milliseconds left.
pub(crate) fn sign_in(server: &Server, left_ms: u64) -> IssuedLogin {
    let login = server.tokens.issue("shared");
    let document = login.credentials_expiring_at(now_ms() + left_ms);
    server
        .host
        .write("/root/captured.json", document.to_string(), 0o600);
    let mut command = server.host.command("claude-accounts");
    command.args([
        "--vault",
        VAULT,
        "login",
        "default",
        "--capture",
        "/root/captured.json",
    ]);
    drop(Ran::of(command).success());
    login
}

#[track_caller]
fn all_is_well(server: &Server, when: &str) {
    for user in USERS {
        server.wait_for_good_home(user);
    }
    wait_until(&format!("a status without care, {when}"), LIMIT, || {
        server.run(&["server", "status"]).status.success()
    });
}

/// Waits until the status needs care and says so in these words.
#[track_caller]
fn wait_for_care(server: &Server, words: &[&str]) {
    wait_until(&format!("{words:?} in the status"), LIMIT, || {
        let ran = server.run(&["server", "status"]);
        ran.status.code() == Some(1) && words.iter().all(|word| ran.stdout.contains(word))
    });
}

#[track_caller]
fn clients_work(server: &Server, when: &str) {
    for user in USERS {
        let ran = server.host.run_as(user, &["claude", "-p", "hello"]);
        assert!(
            ran.status.success() && ran.stdout.contains("pong"),
            "{when}: {ran:#?}"
        );
    }
}

#[test]
fn the_machine_restarts() {
    let Some(server) = Server::with_users(&USERS) else {
        return;
    };
    all_is_well(&server, "before");
    for round in 0..2 {
        server.host.reboot_like();
        wait_for_care(&server, &["keeper: not running"]);
        // What happens while nobody keeps is put right at the start.
        for path in [
            "/home/anna/.claude/.credentials.json",
            "/home/bert/.claude/settings.json",
        ] {
            fs::remove_file(server.host.path(path)).unwrap();
        }
        if round == 0 {
            server.renew();
        }
        let keeper = server.start_keeper();
        all_is_well(&server, "after a restart");
        clients_work(&server, "after a restart");
        server.renew();
        all_is_well(&server, "after a restart and a renewal");
        drop(keeper);
    }
}

#[test]
fn the_disk_is_full_when_a_renewal_is_due() {
    let Some(server) = Server::or_skip() else {
        return;
    };
    server.host.make_directory("/var/lib/claude-share", 0o700);
    server
        .host
        .small_file_system("/var/lib/claude-share", 8 << 20);
    server.sign_in_as_root(HOURS_8);
    drop(server.init(&USERS, &[]).success());
    server.wait_for_keeper();
    all_is_well(&server, "before");
    stop_the_keeper(&server);
    // Ten minutes are less than the time before the end at which it is renewed.
    server.tokens.set_mode(Mode::Status(500, "{}".to_owned()));
    let _ = sign_in(&server, 10 * 60 * 1000);
    server.tokens.set_mode(Mode::Normal);
    let requests = server.tokens.request_count();
    let fill = "head -c 16M /dev/zero > /var/lib/claude-share/fill 2> /dev/null; test -s /var/lib/claude-share/fill";
    drop(server.host.run(&["sh", "-c", fill]).success());
    let keeper = server.start_keeper();
    wait_for_care(&server, &["default: not renewed", "the disk is full"]);
    let told = server.run(&["server", "status"]);
    eprintln!("{}", told.stdout);
    wait_until("a word of the keeper's about the disk", LIMIT, || {
        keeper.lines().iter().any(|line| {
            line.contains("not renewed") || line.contains("space") || line.contains("full")
        })
    });
    // The users have the token that is still good, and damage is healed.
    for user in USERS {
        server.wait_for_view(user);
    }
    fs::remove_file(server.host.path("/home/anna/.claude/.credentials.json")).unwrap();
    server.wait_for_view("anna");
    clients_work(&server, "with a full disk");
    // Nothing was spent that could not have been stored.
    assert_eq!(server.tokens.request_count(), requests);
    fs::remove_file(server.host.path("/var/lib/claude-share/fill")).unwrap();
    server.tokens.wait_for_requests(requests + 1);
    all_is_well(&server, "with room again");
    drop(keeper);
}

#[test]
fn the_clock_is_off_by_a_year() {
    let Some(server) = Server::with_users(&USERS) else {
        return;
    };
    if !server.host.exists("/usr/bin/faketime") {
        return skip("needs faketime");
    }
    all_is_well(&server, "before");
    stop_the_keeper(&server);
    for moved in ["+365d", "-365d"] {
        let program = server.command(&["server", "keeper"]);
        let mut command = server.host.command("faketime");
        command.args([
            "--exclude-monotonic",
            "-f",
            moved,
            end_to_end::server::PROGRAM,
            "server",
            "keeper",
        ]);
        command.envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let requests = server.tokens.request_count();
        let keeper = Process::spawn_talking(command);
        server.wait_for_keeper();
        // As far as it can see the token has ended, or comes from the future.
        server.tokens.wait_for_requests(requests + 1);
        for user in USERS {
            server.wait_for_view(user);
            fs::remove_file(
                server
                    .host
                    .path(&format!("/home/{user}/.claude/.credentials.json")),
            )
            .unwrap();
            server.wait_for_view(user);
        }
        assert!(
            server.tokens.request_count() <= requests + 2,
            "{moved}: it renews all the time"
        );
        let pid = server.status()["keeper"]["pid"].to_string();
        drop(server.host.run(&["kill", "-KILL", &pid]).success());
        drop(keeper);
        // Set right: what was noted under the wrong clock is not believed.
        let keeper = server.start_keeper();
        server.tokens.wait_for_requests(requests + 2);
        all_is_well(&server, "with the clock set right");
        clients_work(&server, "with the clock set right");
        let pid = server.status()["keeper"]["pid"].to_string();
        drop(server.host.run(&["kill", "-KILL", &pid]).success());
        drop(keeper);
    }
}

#[test]
fn the_token_server_is_away() {
    let Some(server) = Server::with_users(&USERS) else {
        return;
    };
    all_is_well(&server, "before");
    for mode in [Mode::Status(500, "{}".to_owned()), Mode::DropConnection] {
        let requests = server.tokens.request_count();
        server.tokens.set_mode(mode);
        let _ = sign_in(&server, 10 * 60 * 1000);
        server.tokens.wait_for_requests(requests + 1);
        wait_for_care(&server, &["default: not renewed", "next try"]);
        eprintln!("{}", server.run(&["server", "status"]).stdout);
        for user in USERS {
            server.wait_for_view(user);
        }
        fs::remove_file(server.host.path("/home/anna/.claude/.credentials.json")).unwrap();
        server.wait_for_view("anna");
        clients_work(&server, "without a token server");
        let before = server.tokens.current("shared");
        server.tokens.set_mode(Mode::Normal);
        wait_until("a renewal", LIMIT, || {
            server.tokens.current("shared") != before
        });
        all_is_well(&server, "with the token server back");
    }
}

#[test]
fn the_key_of_the_vault_is_gone() {
    let Some(server) = Server::with_users(&USERS) else {
        return;
    };
    all_is_well(&server, "before");
    drop(
        server
            .host
            .run(&["mv", &format!("{VAULT}/.key"), "/root/key"])
            .success(),
    );
    wait_for_care(&server, &["key"]);
    eprintln!("{}", server.run(&["server", "status"]).stdout);
    clients_work(&server, "without the vault's key");
    // Also when a keeper has to begin without it.
    stop_the_keeper(&server);
    let mut keeper = Process::spawn_talking(server.command(&["server", "keeper"]));
    assert!(!keeper.wait(LIMIT).success());
    wait_for_care(&server, &["key", "keeper: not running"]);
    clients_work(&server, "without the vault's key");
    drop(
        server
            .host
            .run(&["mv", "/root/key", &format!("{VAULT}/.key")])
            .success(),
    );
    let keeper = server.start_keeper();
    all_is_well(&server, "with the key back");
    server.renew();
    all_is_well(&server, "with the key back");
    drop(keeper);
}

#[test]
fn a_home_that_is_mounted_later_is_kept_like_any_other() {
    let Some(server) = Server::with_users(&USERS) else {
        return;
    };
    server.wait_for_view("anna");
    server.host.small_file_system("/home/anna", 4 * 1024 * 1024);
    server.wait_for_view("anna");
    let view = "/home/anna/.claude/.credentials.json";
    drop(server.host.run(&["rm", view]).success());
    server.wait_for_view("anna");
    server.host.unmount("/home/anna");
    server.renew();
    all_is_well(&server, "after the home below came back");
}
