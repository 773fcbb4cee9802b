//! Renewals.

use std::fs::{self, File, FileTimes};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use end_to_end::{LIMIT, Machine, read_json};
use rustix::process::Signal;
use serde_json::Value;
use testkit::documents::{now_ms, write_private};
use testkit::{Process, Ran, skip};

use crate::kill::{CALLS, MOMENTS, killed_after, killed_at, why_no_strace};
use crate::support::{assert_private, kept_refresh_token, named};

/// A login that is renewed and renewed, by programs that are killed.
struct Renewed {
    machine: Machine,
    /// Whether the user's own `~/.claude` holds the login too.
    in_client_file: bool,
    bystanders: Vec<Value>,
}

/// What became of the login in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    MustSignIn,
}

impl Renewed {
    fn new(in_client_file: bool) -> Renewed {
        let machine = Machine::without_client();
        machine.add_key("perso");
        drop(machine.add_login("client"));
        let mut renewed = Renewed {
            machine,
            in_client_file,
            bystanders: Vec::new(),
        };
        renewed.sign_in();
        renewed.bystanders = renewed.others();
        renewed
    }

    fn sign_in(&self) {
        let login = self.machine.tokens.issue("work");
        let document = login.credentials_expiring_at(now_ms() + end_to_end::HOURS_8);
        let file = match self.in_client_file {
            true => self.machine.own_login_path(),
            false => self.machine.home.home().join("captured.json"),
        };
        write_private(&file, document.to_string());
        drop(
            self.machine
                .run(&["login", "work", "--capture", file.to_str().unwrap()])
                .success(),
        );
    }

    fn others(&self) -> Vec<Value> {
        let export = self.machine.export();
        ["perso", "client"]
            .map(|name| named(&export, name).clone())
            .to_vec()
    }

    fn command(&self) -> Command {
        self.machine
            .home
            .claude_accounts_command(&["refresh", "work"])
    }

    /// Looks at everything after a kill. `before`: how many requests there had been, and the refresh token held.
    #[track_caller]
    fn look(&self, before: &(usize, String), place: &str) -> Fate {
        let list = self.machine.run(&["list", "--json"]);
        assert_eq!(list.status.code(), Some(0), "{place}: {list:#?}");
        assert_eq!(named(&list.json(), "work")["state"], "ok", "{place}");
        assert_eq!(self.others(), self.bystanders, "{place}");
        assert_private(&self.machine.home.vault_dir(), place);
        if self.in_client_file {
            self.look_at_client_file(place);
            self.let_a_minute_pass();
        }
        let ran = self.machine.run(&["refresh", "work"]);
        match ran.status.code() {
            Some(0) => {
                let newest = self.machine.tokens.current("work").1;
                assert_eq!(kept_refresh_token(&self.machine, "work"), newest, "{place}");
                if self.in_client_file {
                    let own = read_json(&self.machine.own_login_path());
                    assert_eq!(own["claudeAiOauth"]["refreshToken"], newest, "{place}");
                }
                Fate::Kept
            }
            Some(7) => {
                self.look_at_lost_login(before, &ran, place);
                Fate::MustSignIn
            }
            _ => panic!("{place}: {ran:#?}"),
        }
    }

    /// Only a token that the server spent for the program that was killed may be lost.
    #[track_caller]
    fn look_at_lost_login(&self, (requests, held): &(usize, String), ran: &Ran, place: &str) {
        let sent = self.machine.tokens.requests().split_off(*requests);
        let spent = sent
            .iter()
            .filter(|request| request.answered_status == Some(200));
        let spent: Vec<&str> = spent
            .map(|request| request.refresh_token.as_str())
            .collect();
        assert_eq!(spent, [held], "{place}: {ran:#?}");
        assert!(
            ran.stderr.contains("claude-accounts login work"),
            "{place}: {ran:#?}"
        );
        assert!(ran.stderr.contains("cut off"), "{place}: {ran:#?}");
        assert_eq!(
            self.machine.status("work")["state"],
            "sign_in_again",
            "{place}"
        );
        assert_eq!(&kept_refresh_token(&self.machine, "work"), held, "{place}");
    }

    #[track_caller]
    fn look_at_client_file(&self, place: &str) {
        let path = self.machine.own_login_path();
        assert_private(&path, place);
        let login = &read_json(&path)["claudeAiOauth"];
        let known = ["accessToken", "refreshToken"]
            .iter()
            .all(|key| login[key].as_str().is_some_and(|text| !text.is_empty()));
        assert!(known, "{place}: {login}");
    }

    /// The locks that a killed program leaves are those of the client, which holds them for stale after a minute.
    fn let_a_minute_pass(&self) {
        let own = self.machine.home.claude_dir();
        let locks = [
            own.join(".oauth_refresh.lock"),
            own.with_extension("lock"),
            own.join(".storage-write.lock"),
        ];
        let earlier = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(120));
        for lock in locks.iter().filter(|lock| lock.exists()) {
            File::open(lock).unwrap().set_times(earlier).unwrap();
        }
    }

    /// The same for the next kill.
    fn mend(&self, fate: Fate) {
        if fate == Fate::MustSignIn {
            self.sign_in();
        }
    }

    fn now(&self) -> (usize, String) {
        (
            self.machine.tokens.request_count(),
            kept_refresh_token(&self.machine, "work"),
        )
    }
}

fn sweep_renewals(in_client_file: bool, at_least: usize) {
    if let Some(reason) = why_no_strace() {
        return skip(reason);
    }
    let renewed = Renewed::new(in_client_file);
    let mut fates = Vec::new();
    for call in CALLS {
        for number in 1.. {
            let before = renewed.now();
            let got_through = killed_at(&renewed.command(), b"", call, number);
            let fate = renewed.look(
                &before,
                &format!("refresh, killed at {call} number {number}"),
            );
            if got_through {
                assert_eq!(fate, Fate::Kept);
                break;
            }
            renewed.mend(fate);
            fates.push(fate);
        }
    }
    let lost = fates
        .iter()
        .filter(|fate| **fate == Fate::MustSignIn)
        .count();
    eprintln!(
        "refresh: {} kills, {lost} of them with the answer on its way",
        fates.len()
    );
    assert!(fates.len() >= at_least && lost > 0, "{fates:?}");
}

#[test]
fn at_each_step_of_a_renewal() {
    sweep_renewals(false, 30);
}

#[test]
fn at_each_step_of_a_renewal_of_the_users_own_login() {
    sweep_renewals(true, 40);
}

#[test]
fn at_many_moments_of_a_renewal() {
    for in_client_file in [false, true] {
        let renewed = Renewed::new(in_client_file);
        let start = Instant::now();
        drop(Ran::of(renewed.command()).success());
        let whole = start.elapsed();
        for moment in 0..MOMENTS {
            let (before, after) = (renewed.now(), whole * moment / MOMENTS);
            killed_after(renewed.command(), b"", after);
            let fate = renewed.look(
                &before,
                &format!("refresh, killed after {after:?} of {whole:?}"),
            );
            renewed.mend(fate);
        }
    }
}

/// Kills a renewal whose request the server holds.
fn kill_while_held(renewed: &Renewed) {
    let requests = renewed.machine.tokens.request_count();
    let mut process = Process::spawn(quiet(renewed.command()));
    renewed.machine.tokens.wait_for_requests(requests + 1);
    process.signal(Signal::KILL);
    assert_eq!(process.wait(LIMIT).signal(), Some(9));
}

fn quiet(mut command: Command) -> Command {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn before_the_token_is_spent() {
    for in_client_file in [false, true] {
        let renewed = Renewed::new(in_client_file);
        let before = renewed.now();
        renewed.machine.tokens.hold();
        kill_while_held(&renewed);
        renewed.machine.tokens.lose_held(1);
        renewed.machine.tokens.release();
        assert_eq!(
            renewed.look(&before, "killed before the token was spent"),
            Fate::Kept
        );
    }
}

#[test]
fn after_the_token_is_spent_and_before_the_answer() {
    for in_client_file in [false, true] {
        let renewed = Renewed::new(in_client_file);
        let before = renewed.now();
        renewed.machine.tokens.hold_answers();
        kill_while_held(&renewed);
        renewed.machine.tokens.wait_for_answers(1);
        renewed.machine.tokens.release();
        let doctor = renewed.machine.run(&["doctor"]);
        assert!(
            doctor.stdout.contains("a renewal was cut off"),
            "{doctor:#?}"
        );
        assert_eq!(
            renewed.look(&before, "killed before the answer"),
            Fate::MustSignIn
        );
        // Signing in again is all that it takes.
        renewed.sign_in();
        assert_eq!(renewed.look(&renewed.now(), "signed in again"), Fate::Kept);
    }
}

/// Ten that wait for the lease of one that is killed, and how they end.
fn ten_that_wait(renewed: &Renewed, once_killed: impl FnOnce()) -> Vec<Ran> {
    let requests = renewed.machine.tokens.request_count();
    let holder = Process::spawn(quiet(renewed.command()));
    renewed.machine.tokens.wait_for_requests(requests + 1);
    std::thread::scope(|scope| {
        let commands = std::iter::repeat_with(|| renewed.command()).take(10);
        let waiting: Vec<_> = commands
            .map(|command| scope.spawn(|| Ran::of(command)))
            .collect();
        testkit::wait_until("ten that have opened the lock", LIMIT, || {
            users_of_locks(renewed) == 11
        });
        drop(holder);
        once_killed();
        waiting
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// How many processes have a lock file of the vault open.
fn users_of_locks(renewed: &Renewed) -> usize {
    let locks = renewed.machine.home.vault_dir().join("locks");
    let holds = |process: &PathBuf| {
        let files = fs::read_dir(process.join("fd"))
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|path| path.starts_with(&locks))
    };
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .map(|process| process.path())
        .filter(holds)
        .count()
}

#[test]
fn those_who_wait_for_the_lease_go_on_with_the_unspent_token() {
    let renewed = Renewed::new(false);
    let tokens = &renewed.machine.tokens;
    tokens.hold();
    let ended = ten_that_wait(&renewed, || {
        // The first of the ten sends the same token.
        tokens.wait_for_requests(2);
        tokens.lose_held(1);
        tokens.release();
    });
    assert!(ended.iter().all(|ran| ran.status.success()), "{ended:#?}");
    assert_eq!(tokens.request_count(), 2);
    assert_eq!(
        kept_refresh_token(&renewed.machine, "work"),
        tokens.current("work").1
    );
}

#[test]
fn those_who_wait_for_the_lease_all_hear_that_the_token_is_spent() {
    let renewed = Renewed::new(false);
    let before = renewed.now();
    let tokens = &renewed.machine.tokens;
    tokens.hold_answers();
    let ended = ten_that_wait(&renewed, || {
        tokens.wait_for_answers(2);
        tokens.release();
    });
    for ran in &ended {
        assert_eq!(ran.status.code(), Some(7), "{ran:#?}");
        renewed.look_at_lost_login(&before, ran, "after waiting");
    }
    assert_eq!(tokens.request_count(), 2);
}
