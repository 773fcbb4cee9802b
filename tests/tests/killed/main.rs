//! `kill -9` at every durable step: the vault opens, no account is lost or damaged, and the newest refresh token that the
//! server handed out is the one that is kept, or the account says that it must sign in again.
//!
//! Three ways to kill. `strace` kills a program as it enters its N-th call of each system call that changes a file or
//! sends something, for every N until the program gets through. The token server holds a request, so that the program is
//! killed exactly before or after its token is spent. And programs are killed at many moments of their run.

#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, File, FileTimes};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use end_to_end::{LIMIT, Machine, is_installed, read_json};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::{assert_private, copy_tree, kept_refresh_token, named};
use testkit::documents::{now_ms, write_private};
use testkit::{Process, Ran, skip};

const PASSPHRASE: &[u8] = b"FAKE passphrase of a test\n";
const NEW_KEY: &[u8] = b"sk-ant-api03-FAKE-key-that-is-added\n";
/// Kills at moments of its run that a verb goes through.
const MOMENTS: u32 = 25;

/// Every system call by which a program changes files or sends something. A question mark: not every machine has it.
const CALLS: [&str; 21] = [
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "?rename",
    "renameat",
    "renameat2",
    "?link",
    "linkat",
    "?unlink",
    "unlinkat",
    "?mkdir",
    "mkdirat",
    "?rmdir",
    "socket",
    "connect",
    "sendto",
    "recvfrom",
    "flock",
];

/// What is done, and by what arguments and input.
#[derive(Clone, Copy)]
struct Deed {
    arguments: &'static [&'static str],
    input: &'static [u8],
}

/// A home that is put back into the same state before each kill, and what its vault holds before and after the deed.
struct Scene {
    machine: Machine,
    deed: Deed,
    before: Vec<Value>,
    after: Vec<Value>,
}

impl Scene {
    fn new(deed: Deed, prepare: fn(&Machine)) -> Scene {
        let mut machine = Machine::without_client();
        machine.home.set("CLAUDE_ACCOUNTS_PASSPHRASE_FD", "0");
        prepare(&machine);
        let mut scene = Scene {
            machine,
            deed,
            before: Vec::new(),
            after: Vec::new(),
        };
        if scene.machine.home.vault_dir().exists() {
            copy_tree(&scene.machine.home.vault_dir(), &scene.template());
        }
        scene.before = scene.contents("before");
        drop(scene.do_it().success());
        scene.after = scene.contents("after");
        scene
    }

    fn template(&self) -> PathBuf {
        self.machine.home.root().join("template")
    }

    fn put_back(&self) {
        let vault = self.machine.home.vault_dir();
        if self.template().exists() {
            copy_tree(&self.template(), &vault);
        } else if vault.exists() {
            fs::remove_dir_all(vault).unwrap();
        }
    }

    fn command(&self) -> Command {
        self.machine
            .home
            .claude_accounts_command(self.deed.arguments)
    }

    fn do_it(&self) -> Ran {
        Ran::with_input(self.command(), self.deed.input)
    }

    /// Every account with its secrets, its generation and its state.
    #[track_caller]
    fn contents(&self, place: &str) -> Vec<Value> {
        let ask = |arguments: &[&str]| {
            let ran = self
                .machine
                .home
                .claude_accounts_with_input(arguments, PASSPHRASE);
            assert_eq!(ran.status.code(), Some(0), "{place}: {ran:#?}");
            ran.json()
        };
        let listed = ask(&["list", "--json"]);
        if listed == json!([]) {
            return Vec::new();
        }
        let secrets = ask(&["export"]);
        let part = |account: &Value| {
            let name = account["name"].as_str().unwrap();
            json!([
                named(&secrets, name),
                account["generation"],
                account["state"],
                account["default"]
            ])
        };
        listed.as_array().unwrap().iter().map(part).collect()
    }

    /// Done or not done, nothing in between; and the vault can be used and changed as if nothing had been.
    #[track_caller]
    fn look(&self, got_through: bool, place: &str) {
        let found = self.contents(place);
        let known = found == self.after || (!got_through && found == self.before);
        assert!(known, "{place}: {found:#?}");
        assert_private(&self.machine.home.vault_dir(), place);
        let key = |name: &str| fs::read(self.machine.home.vault_dir().join(name));
        assert!(
            key(".key.next").is_err(),
            "{place}: a rotation was not ended"
        );
        // A wrapped key takes its time at each opening, as it is meant to.
        if !key(".key").is_ok_and(|bytes| bytes.starts_with(b"{")) {
            drop(
                self.machine
                    .run(&["add", "afterwards", "--oauth"])
                    .success(),
            );
            assert_eq!(self.contents(place)[..found.len()], found, "{place}");
        }
    }

    fn kill_at_every_step(&self) -> usize {
        let verb = self.deed.arguments.join(" ");
        let mut kills = 0;
        for (call, number) in steps() {
            loop {
                self.put_back();
                let number = number.next();
                let place = format!("{verb}, killed at {call} number {number}");
                let got_through = killed_at(self.command(), self.deed.input, call, number);
                self.look(got_through, &place);
                if got_through {
                    break;
                }
                kills += 1;
            }
        }
        kills
    }

    fn kill_at_many_moments(&self) {
        self.put_back();
        let start = Instant::now();
        drop(self.do_it().success());
        let whole = start.elapsed();
        for moment in 0..MOMENTS {
            self.put_back();
            let after = whole * moment / MOMENTS;
            let got_through = killed_after(self.command(), self.deed.input, after);
            let verb = self.deed.arguments.join(" ");
            self.look(
                got_through,
                &format!("{verb}, killed after {after:?} of {whole:?}"),
            );
        }
    }
}

/// Counts from 1.
struct Counter(std::cell::Cell<usize>);

impl Counter {
    fn next(&self) -> usize {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

fn steps() -> impl Iterator<Item = (&'static str, Counter)> {
    CALLS
        .into_iter()
        .map(|call| (call, Counter(std::cell::Cell::new(0))))
}

/// Whether `command` got through before it entered its `number`-th call of `call`, where it is killed.
#[track_caller]
fn killed_at(command: Command, input: &[u8], call: &str, number: usize) -> bool {
    let ran = Ran::with_input(traced(&command, call, number), input);
    // strace ends as the program that it watched did.
    let was_killed = ran.status.signal() == Some(9);
    assert!(
        was_killed || ran.status.code().is_some_and(|code| code < 101),
        "{ran:#?}"
    );
    !was_killed
}

fn traced(command: &Command, call: &str, number: usize) -> Command {
    let mut traced = Command::new("strace");
    traced.env_clear();
    traced.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    traced.current_dir(command.get_current_dir().unwrap());
    traced.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={call}"),
        "-e",
    ]);
    traced.arg(format!("inject={call}:signal=KILL:when={number}"));
    traced.arg(command.get_program()).args(command.get_args());
    traced
}

/// Whether `command` got through before it was killed by its handle.
#[track_caller]
fn killed_after(mut command: Command, input: &[u8], after: Duration) -> bool {
    use std::io::Write as _;
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut process = Process::spawn(command);
    // It may be killed before it has read everything, and it may read nothing.
    drop(process.take_stdin().write_all(input));
    std::thread::sleep(after);
    process.signal(Signal::KILL);
    let status = process.wait(LIMIT);
    assert!(status.success() || status.signal() == Some(9), "{status}");
    status.success()
}

fn why_no_strace() -> Option<String> {
    if !is_installed("strace") {
        return Some("needs strace".to_owned());
    }
    let mut command = Command::new("sh");
    command
        .args(["-c", "echo; exit 0"])
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/");
    let ran = Ran::with_input(traced(&command, "write", 1), b"");
    let reason = ran
        .stderr
        .lines()
        .next()
        .unwrap_or("nothing was killed")
        .to_owned();
    (ran.status.signal() != Some(9)).then(|| format!("strace kills nothing here: {reason}"))
}

fn fill(machine: &Machine) {
    machine.add_key("perso");
    drop(machine.add_login("work"));
    drop(machine.add_login("client"));
    drop(machine.run(&["refresh", "work"]).success());
    drop(machine.run(&["default", "client"]).success());
}

fn nothing(_: &Machine) {}

fn fill_and_wrap(machine: &Machine) {
    fill(machine);
    let wrap = [
        "key",
        "protect",
        "--with",
        "passphrase",
        "--passphrase-fd",
        "0",
    ];
    drop(
        machine
            .home
            .claude_accounts_with_input(&wrap, PASSPHRASE)
            .success(),
    );
}

/// An export of another machine: one account that is there, two that are not.
fn fill_and_write_import(machine: &Machine) {
    fill(machine);
    let login = |name: &str| {
        json!({"name": name, "auth_type": "oauth", "access_token": format!("sk-ant-oat01-FAKE-imported-{name}"),
            "refresh_token": format!("sk-ant-ort01-FAKE-imported-{name}"), "expires_at": 4_000_000_000_000_u64})
    };
    let key =
        json!({"name": "keyed", "auth_type": "api_key", "api_key": "sk-ant-api03-FAKE-imported"});
    let entries = json!([login("work"), login("new"), key]);
    write_private(
        &machine.home.home().join("import.json"),
        entries.to_string(),
    );
}

const ADD: Deed = Deed {
    arguments: &["add", "added", "--key-stdin"],
    input: NEW_KEY,
};
const IMPORT: Deed = Deed {
    arguments: &["import", "--on-conflict", "replace", "import.json"],
    input: b"",
};
const RENAME: Deed = Deed {
    arguments: &["rename", "work", "renamed"],
    input: b"",
};
const REMOVE: Deed = Deed {
    arguments: &["remove", "-y", "work"],
    input: b"",
};
const RESTORE: Deed = Deed {
    arguments: &["restore", "-y", "work", "1"],
    input: b"",
};
const ROTATE: Deed = Deed {
    arguments: &["key", "rotate"],
    input: b"",
};
const WRAP: Deed = Deed {
    arguments: &[
        "key",
        "protect",
        "--with",
        "passphrase",
        "--passphrase-fd",
        "0",
    ],
    input: PASSPHRASE,
};
const UNWRAP: Deed = Deed {
    arguments: &["key", "protect", "--with", "file"],
    input: PASSPHRASE,
};

fn sweep(deed: Deed, prepare: fn(&Machine), at_least: usize) {
    if let Some(reason) = why_no_strace() {
        return skip(reason);
    }
    let kills = Scene::new(deed, prepare).kill_at_every_step();
    println!("{}: {kills} kills", deed.arguments.join(" "));
    assert!(kills >= at_least, "only {kills} kills");
}

#[test]
fn at_each_step_of_the_first_add() {
    sweep(ADD, nothing, 40);
}

#[test]
fn at_each_step_of_an_add() {
    sweep(ADD, fill, 8);
}

#[test]
fn at_each_step_of_an_import() {
    sweep(IMPORT, fill_and_write_import, 12);
}

#[test]
fn at_each_step_of_a_rename() {
    sweep(RENAME, fill, 5);
}

#[test]
fn at_each_step_of_a_removal() {
    sweep(REMOVE, fill, 5);
}

#[test]
fn at_each_step_of_a_restore() {
    sweep(RESTORE, fill, 8);
}

#[test]
fn at_each_step_of_a_rotation_of_the_key() {
    sweep(ROTATE, fill, 20);
}

#[test]
fn at_each_step_of_a_rotation_of_a_wrapped_key() {
    sweep(
        Deed {
            input: PASSPHRASE,
            ..ROTATE
        },
        fill_and_wrap,
        20,
    );
}

#[test]
fn at_each_step_of_wrapping_the_key() {
    sweep(WRAP, fill, 5);
}

#[test]
fn at_each_step_of_unwrapping_the_key() {
    sweep(UNWRAP, fill_and_wrap, 5);
}

#[test]
fn at_many_moments() {
    let scenes: [(Deed, fn(&Machine)); 6] = [
        (ADD, nothing),
        (ADD, fill),
        (IMPORT, fill_and_write_import),
        (RENAME, fill),
        (ROTATE, fill),
        (WRAP, fill),
    ];
    for (deed, prepare) in scenes {
        Scene::new(deed, prepare).kill_at_many_moments();
    }
}

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
    for (call, number) in steps() {
        loop {
            let before = renewed.now();
            let number = number.next();
            let got_through = killed_at(renewed.command(), b"", call, number);
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
    println!(
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
