//! A token server that is away for an hour, which passes in moments: the keeper's clock is ours.

use std::fs;
use std::time::Duration;

use end_to_end::LIMIT;
use end_to_end::server::{PROGRAM, Server};
use rustix::process::Signal;
use serde_json::Value;
use testkit::documents::now_ms;
use testkit::{Mode, Process, Ran, skip, wait_until};

use crate::machine::{sign_in, stop_the_keeper};

const USERS: [&str; 3] = ["anna", "bert", "carol"];

/// By how much programs on this host are ahead of us, as `libfaketime` reads it.
const CLOCK: &str = "/root/clock";
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

const HOUR_MS: u64 = 60 * 60 * 1000;
/// Of life when the server goes away. Less than the time before the end at which it is renewed.
const LEFT_MS: u64 = 10 * 60 * 1000;

/// As the keeper is to wait: 5 s after the first failure, then twice as long each time, up to 5 minutes.
fn longest_wait_ms(failures: u64) -> u64 {
    (5_000 << (failures - 1).min(10)).min(300_000)
}

/// After its half nobody waits less: so many can there be in an hour.
const MOST_REQUESTS: usize = 30;

struct Hour {
    server: Server,
    keeper: Process,
    /// Of our clock, in milliseconds.
    ahead: u64,
}

impl Hour {
    /// A command that believes the clock of this test.
    fn command(server: &Server, arguments: &[&str]) -> std::process::Command {
        let mut command = server.host.command("env");
        command.arg(format!("LD_PRELOAD={LIBRARY}"));
        command.arg(format!("FAKETIME_TIMESTAMP_FILE={CLOCK}"));
        command.args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
        command.arg(PROGRAM).args(arguments);
        command.env("CLAUDE_ACCOUNTS_TOKEN_URL", server.tokens.url());
        command
    }

    fn now(&self) -> u64 {
        now_ms() + self.ahead
    }

    /// Lets the clock show `at`, if that is to come, and has the keeper look at it.
    fn advance_to(&mut self, at: u64) {
        self.ahead = at.saturating_sub(now_ms()).max(self.ahead);
        set_clock(&self.server, self.ahead);
        self.server.host.signal(&self.keeper, Signal::HUP);
    }

    fn account(&self) -> Value {
        self.server.status()["accounts"][0].clone()
    }

    /// What the vault says of the `number`-th failure in a row: when it was, and when the next attempt is.
    fn failure(&self, number: u64) -> (u64, u64) {
        let mut failure = Value::Null;
        wait_until("the failure on record", LIMIT, || {
            failure = self.account()["failure"].clone();
            failure["failures"] == number
        });
        let millis = |key: &str| failure[key].as_u64().unwrap();
        (millis("at"), millis("retry_at"))
    }

    fn status(&self) -> Ran {
        Ran::of(Self::command(&self.server, &["server", "status"]))
    }

    #[track_caller]
    fn wait_for_status(&self, code: i32, words: &[&str]) {
        wait_until(&format!("{words:?} in the status"), LIMIT, || {
            let ran = self.status();
            ran.status.code() == Some(code) && words.iter().all(|word| ran.stdout.contains(word))
        });
    }

    /// Everybody has the token, also who loses it, and can work with it.
    fn token_is_of_use(&self, token: &str) {
        let view = "/home/anna/.claude/.credentials.json";
        fs::remove_file(self.server.host.path(view)).unwrap();
        for user in USERS {
            wait_until("the token in every view", LIMIT, || {
                self.server.shown_to(user).as_deref() == Some(token)
            });
            let ran = self.server.host.run_as(user, &["claude", "-p", "hello"]);
            assert!(ran.stdout.contains("pong"), "{ran:#?}");
        }
    }
}

fn set_clock(server: &Server, ahead: u64) {
    let new = format!("{CLOCK}.new");
    let text = format!("+{}.{:03}\n", ahead / 1000, ahead % 1000);
    server.host.write(&new, text, 0o644);
    fs::rename(server.host.path(&new), server.host.path(CLOCK)).unwrap();
}

#[test]
fn the_token_server_is_away_for_an_hour() {
    let Some(server) = Server::with_users(&USERS) else {
        return;
    };
    if !server.host.exists(LIBRARY) {
        return skip("needs faketime");
    }
    stop_the_keeper(&server);
    set_clock(&server, 0);
    server.tokens.set_mode(Mode::Status(503, "{}".to_owned()));
    let login = sign_in(&server, LEFT_MS);
    let (began, ends) = (now_ms(), now_ms() + LEFT_MS);
    let requests = server.tokens.request_count();
    let keeper = Process::spawn_talking(Hour::command(&server, &["server", "keeper"]));
    let mut hour = Hour {
        server,
        keeper,
        ahead: 0,
    };
    let mut failures = 0;
    loop {
        failures += 1;
        hour.server.tokens.wait_for_requests(requests + failures);
        let number = u64::try_from(failures).unwrap();
        let (at, retry_at) = hour.failure(number);
        let (wait, longest) = (retry_at - at, longest_wait_ms(number));
        assert!(
            wait >= longest / 2 && wait <= longest,
            "after {number} failures it waits {wait} ms"
        );
        if hour.now() < ends {
            hour.wait_for_status(1, &["default: not renewed", "next try"]);
            hour.token_is_of_use(&login.access_token);
        } else {
            hour.wait_for_status(1, &["default: its token ended"]);
        }
        if retry_at > began + HOUR_MS {
            hour.server.tokens.set_mode(Mode::Normal);
        } else if wait > 60_000 {
            // Not a moment before: with half a minute to go it is told twice what time it is.
            hour.advance_to(retry_at - 30_000);
            let _looked = (hour.account(), hour.account());
            assert!(hour.now() < retry_at, "this machine is too slow");
            assert_eq!(hour.server.tokens.request_count(), requests + failures);
        }
        hour.advance_to(retry_at + 1);
        if retry_at > began + HOUR_MS {
            break;
        }
    }
    assert!(failures <= MOST_REQUESTS, "{failures} requests in an hour");
    eprintln!("{failures} requests in an hour");
    // The first attempt once the server is there again.
    for user in USERS {
        hour.server.wait_for_good_home(user);
    }
    hour.wait_for_status(0, &["default: renewed"]);
    assert_eq!(hour.server.tokens.request_count(), requests + failures + 1);
    let token = hour.server.tokens.current("shared").0;
    assert_ne!(token, login.access_token);
    hour.token_is_of_use(&token);
    assert!(hour.now() < began + HOUR_MS + Duration::from_secs(600).as_millis() as u64);
}
