//! The keeper killed at any moment, while it heals and renews.

use std::thread;
use std::time::Duration;

use end_to_end::LIMIT;
use end_to_end::server::{Server, VAULT};
use rustix::process::Signal;
use testkit::documents::now_ms;
use testkit::{Mode, Process, Ran, wait_until};

use crate::damage::{DAMAGES, Home};

const KILLS: usize = 30;
const USERS: [&str; 6] = ["anna", "bert", "carol", "dora", "emil", "fred"];

fn account_state(server: &Server) -> String {
    let status = server.status();
    status["accounts"][0]["state"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// As somebody at the machine would.
fn sign_in_again(server: &Server) {
    let login = server.tokens.issue("shared");
    let document = login.credentials_expiring_at(now_ms() + end_to_end::HOURS_8);
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
}

fn stop_the_one_in_the_background(server: &Server) {
    let pid = server.status()["keeper"]["pid"].to_string();
    drop(server.host.run(&["kill", "-KILL", &pid]).success());
}

#[test]
fn killed_at_any_moment() {
    let Some(server) = Server::with_users(&USERS) else {
        return;
    };
    for user in USERS {
        server.wait_for_good_home(user);
    }
    let old_view = server.host.read("/home/anna/.claude/.credentials.json");
    stop_the_one_in_the_background(&server);
    // Every token is good for a second, so that there is always one to renew.
    server.tokens.set_mode(Mode::WithExpiresIn(1));
    server.renew();
    let mut keeper = server.start_keeper();
    let (mut lost, mut damages) = (0, DAMAGES.iter().cycle());
    for round in 0..KILLS {
        for user in USERS {
            // What the next damage wants may just not be there; then it is damaged already.
            let home = Home::of(&server, user, &old_view);
            let damage = damages.next().unwrap().1;
            if server.wrong_in_home(user).is_none() {
                drop(damage(&home));
            }
        }
        // Spread over a second, in which it does everything that it ever does.
        thread::sleep(Duration::from_millis((round as u64 * 379) % 997));
        server.host.signal(&keeper, Signal::KILL);
        keeper.wait(LIMIT);
        keeper = Process::spawn_talking(server.command(&["server", "keeper"]));
        wait_until("all homes, or a login that is lost", LIMIT, || {
            if USERS
                .iter()
                .all(|user| server.wrong_in_home(user).is_none())
            {
                return true;
            }
            if account_state(&server) == "sign-in-again" {
                // Killed between the request and its answer: the new token is lost on the way, and that is told.
                lost += 1;
                sign_in_again(&server);
            }
            false
        });
    }
    eprintln!("killed {KILLS} times, {lost} times just between a renewal's request and its answer");
    assert!(lost <= KILLS / 5, "{lost} logins lost");
    server.tokens.set_mode(Mode::Normal);
    server.renew();
    for user in USERS {
        server.wait_for_good_home(user);
    }
    wait_until("a status without care", LIMIT, || {
        server.run(&["server", "status"]).status.success()
    });
    let left = server
        .host
        .run(&["find", "/home", "-name", "*on-its-way*"])
        .success();
    assert_eq!(left.stdout, "");
    for line in keeper.lines() {
        assert!(!line.contains("FAKE"), "{line}");
    }
}
