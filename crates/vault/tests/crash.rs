//! `kill -9` at every durable step: the vault opens, nothing is lost, and every change is either
//! done or not.
//!
//! Two ways to kill. `strace` kills a child at the entry of its N-th call of each system call that
//! changes a file, for every N until the child gets through. And children that change and change
//! are killed at random moments, and what they had acknowledged must be there.

#![allow(
    clippy::print_stdout,
    reason = "children say what they have done; people read how often was killed"
)]
#![allow(
    clippy::unwrap_used,
    reason = "what must not fail in a test ends the test"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "copies whole vaults, which nobody has to recover"
)]

mod support;

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::time::Duration;

use model::Secret;
use rustix::process::Signal;
use support::{Knows, contents, key_account, login, login_account, name};
use testkit::{Process, Ran, TestHome, skip};
use vault::{ConflictPolicy, Protection, Vault, VaultPaths};

const PASSPHRASE: &str = "FAKE passphrase of a test";
const PATIENCE: Duration = Duration::from_secs(60);

/// Every system call by which the vault changes its files, as `strace` names them.
const CALLS: [&str; 10] = [
    "pwrite64",
    "write",
    "fdatasync",
    "fsync",
    "ftruncate",
    "openat",
    "rename",
    "linkat",
    "unlink",
    "mkdir",
];

fn open_knowing(paths: &VaultPaths) -> Vault {
    Vault::open_or_create(paths, Box::new(Knows(PASSPHRASE))).unwrap()
}

/// What a child does to the vault, once.
fn act(verb: &str, paths: &VaultPaths) {
    let vault = open_knowing(paths);
    let id = |account: &str| vault.find(account).unwrap().id;
    match verb {
        "create" | "add" => drop(vault.add(&login_account("added", "added")).unwrap()),
        "import" => {
            let entries = ["work", "new", "newer"].map(|name| login_account(name, "imported"));
            drop(vault.import(&entries, ConflictPolicy::Replace).unwrap());
        }
        "rename" => vault.rename(&id("work"), &name("renamed")).unwrap(),
        "store" => drop(vault.store_login(&id("work"), &login("newest")).unwrap()),
        "remove" => vault.remove(&id("work")).unwrap(),
        "rotate" => vault.rotate_key().unwrap(),
        "protect" => {
            let passphrase = Secret::new(PASSPHRASE);
            vault
                .protect(Protection::Passphrase, Some(&passphrase))
                .unwrap();
        }
        "unprotect" => vault.protect(Protection::File, None).unwrap(),
        "rescue" => {
            let account = vault.find("work").unwrap();
            let mut rescue = vault.prepare_rescue(&account.id).unwrap();
            let login = login("newest");
            vault
                .keep_rescued(&mut rescue, &account.id, account.generation, &login)
                .unwrap();
            drop(rescue);
            drop(open_knowing(paths));
        }
        unknown => panic!("no verb {unknown}"),
    }
}

/// Three accounts, one of them with a past.
fn fill(paths: &VaultPaths) {
    let vault = open_knowing(paths);
    let id = vault.add(&login_account("work", "first")).unwrap();
    for tag in ["second", "third"] {
        vault.store_login(&id, &login(tag)).unwrap();
    }
    vault.add(&key_account("perso", "perso")).unwrap();
    vault.add(&login_account("client", "client")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Does something only as a child of the tests below.
#[test]
fn child() {
    let Some(message) = support::message() else {
        return;
    };
    let (verb, directory) = message.split_once(' ').unwrap();
    let paths = VaultPaths::new(directory);
    match verb.strip_prefix("forever-") {
        None => act(verb, &paths),
        Some(number) => act_forever(number, &paths),
    }
}

fn why_no_strace(home: &TestHome) -> Option<String> {
    if !support::has_program("strace") {
        return Some("needs strace".to_owned());
    }
    let mut command = home.command("strace");
    command.args([
        "-f",
        "-qq",
        "-e",
        "trace=write",
        "-e",
        "inject=write:signal=KILL:when=1",
    ]);
    command.args(["sh", "-c", "echo; exit 0"]);
    let output = command.output().expect("strace to start");
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().next().unwrap_or("nothing was killed");
    output
        .status
        .success()
        .then(|| format!("strace kills nothing here: {reason}"))
}

/// Runs `verb` in a child that is killed when it enters its `number`-th call of `call`; whether it
/// got through before.
fn killed_at(home: &TestHome, verb: &str, directory: &Path, call: &str, number: usize) -> bool {
    let mut command = home.command("strace");
    let inject = format!("inject={call}:signal=KILL:when={number}");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e"]);
    command.args([&format!("trace={call}"), "-e", &inject]);
    let message = format!("{verb} {}", directory.display());
    let ran = Ran::of(support::child_under(command, "child", &message));
    let killed = std::os::unix::process::ExitStatusExt::signal(&ran.status) == Some(9);
    assert!(
        killed || ran.status.success(),
        "{verb} {call} {number}: {ran:#?}"
    );
    !killed
}

/// Everything in the vault, before and after `verb` was done without being killed.
struct Expected {
    before: Vec<String>,
    after: Vec<String>,
}

fn expected(verb: &str, template: &Path, scratch: &Path) -> Expected {
    copy(template, scratch);
    let paths = VaultPaths::new(scratch);
    let before = contents(&open_knowing(&paths));
    act(verb, &paths);
    let after = contents(&open_knowing(&paths));
    Expected { before, after }
}

/// Kills `verb` at each of its steps and looks at the vault after each; the number of kills.
fn kill_at_every_step(verb: &str, prepare: impl Fn(&VaultPaths)) {
    kill_at_steps(verb, &CALLS, prepare, look_at);
}

fn kill_at_steps(
    verb: &str,
    calls: &[&str],
    prepare: impl Fn(&VaultPaths),
    look: impl Fn(&VaultPaths, &Expected, bool, &str),
) {
    let home = TestHome::new();
    if let Some(reason) = why_no_strace(&home) {
        return skip(reason);
    }
    let [template, work] = ["template", "work"].map(|name| home.root().join(name));
    fs::create_dir(&template).unwrap();
    prepare(&VaultPaths::new(&template));
    let expected = expected(verb, &template, &work);
    let mut kills = 0;
    for call in calls {
        for number in 1.. {
            copy(&template, &work);
            let done = killed_at(&home, verb, &work, call, number);
            let place = format!("{verb}, killed at {call} number {number}");
            look(&VaultPaths::new(&work), &expected, done, &place);
            if done {
                break;
            }
            kills += 1;
        }
    }
    println!("{verb}: {kills} kills");
    assert!(kills >= calls.len(), "only {kills} kills");
}

/// Without changing the key again, which takes its time where a passphrase wraps it.
fn look_only(paths: &VaultPaths, expected: &Expected, _done: bool, place: &str) {
    let found = contents(&open_knowing(paths));
    assert_eq!(found, expected.after, "{place}");
}

fn look_at(paths: &VaultPaths, expected: &Expected, done: bool, place: &str) {
    let old_key = fs::read(paths.key()).ok();
    let vault = open_knowing(paths);
    let found = contents(&vault);
    let known = found == expected.after || (!done && found == expected.before);
    assert!(known, "{place}: {found:#?}");
    // It can be written, and its key changed, as if nothing had been.
    vault.add(&key_account("afterwards", "afterwards")).unwrap();
    assert!(
        !paths.next_key().exists(),
        "{place}: a rotation was not ended"
    );
    vault
        .rotate_key()
        .unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(contents(&vault)[..found.len()], found, "{place}");
    assert_eq!(
        contents(&open_knowing(paths)).len(),
        found.len() + 1,
        "{place}"
    );
    for entry in fs::read_dir(paths.directory()).unwrap() {
        let path = entry.unwrap().path();
        let holds_old_key = old_key.as_deref() == fs::read(&path).ok().as_deref();
        assert!(
            !holds_old_key,
            "{place}: {} still has the old key",
            path.display()
        );
    }
}

#[test]
fn killed_while_it_creates() {
    kill_at_every_step("create", |_| {});
}

#[test]
fn killed_while_it_adds() {
    kill_at_every_step("add", fill);
}

#[test]
fn killed_while_it_imports() {
    kill_at_every_step("import", fill);
}

#[test]
fn killed_while_it_renames() {
    kill_at_every_step("rename", fill);
}

#[test]
fn killed_while_it_stores_a_login() {
    kill_at_every_step("store", fill);
}

#[test]
fn killed_while_it_removes() {
    kill_at_every_step("remove", fill);
}

#[test]
fn killed_while_it_rotates() {
    kill_at_every_step("rotate", fill);
}

#[test]
fn killed_while_it_rescues() {
    kill_at_every_step("rescue", fill);
}

/// The calls that a change of the key file consists of.
const KEY_FILE_CALLS: [&str; 2] = ["fsync", "rename"];

#[test]
fn killed_while_it_wraps_the_key() {
    kill_at_steps("protect", &KEY_FILE_CALLS, fill, look_only);
}

#[test]
fn killed_while_it_unwraps_the_key() {
    let protected = |paths: &VaultPaths| {
        fill(paths);
        act("protect", paths);
    };
    kill_at_steps("unprotect", &KEY_FILE_CALLS, protected, look_only);
}

/// The pages of a rotation that was killed while it committed stay in the write-ahead log. They do
/// not count for those who have the database open, and would for the next one to open it.
#[test]
fn killed_while_it_rotates_and_others_have_the_vault_open() {
    let home = TestHome::new();
    if let Some(reason) = why_no_strace(&home) {
        return skip(reason);
    }
    let [template, work] = ["template", "work"].map(|name| home.root().join(name));
    fs::create_dir(&template).unwrap();
    fill(&VaultPaths::new(&template));
    let expected = expected("rotate", &template, &work).before;
    for (call, looks) in ["pwrite64", "fdatasync", "fsync", "rename"]
        .into_iter()
        .flat_map(|call| [(call, true), (call, false)])
    {
        for number in 1.. {
            copy(&template, &work);
            let paths = VaultPaths::new(&work);
            let place = format!("killed at {call} number {number}, the other one looks: {looks}");
            let other = open_knowing(&paths);
            assert_eq!(other.names().unwrap().len(), 3);
            let done = killed_at(&home, "rotate", &work, call, number);
            if looks {
                // Finds the rotation unfinished, and ends it one way or the other.
                assert_eq!(contents(&other), expected, "{place}");
            }
            drop(other);
            assert_eq!(contents(&open_knowing(&paths)), expected, "{place}");
            if done {
                break;
            }
        }
    }
}

/// Adds accounts, stores logins, renames and rotates, and says what is done once it is.
fn act_forever(number: &str, paths: &VaultPaths) {
    let vault = open_knowing(paths);
    for turn in 0.. {
        let before = name(&format!("before-{number}-{turn}"));
        let after = name(&format!("after-{number}-{turn}"));
        let id = vault.add(&login_account(before.as_str(), "first")).unwrap();
        println!("DONE {turn} 1");
        vault.store_login(&id, &login("second")).unwrap();
        println!("DONE {turn} 2");
        vault.rename(&id, &after).unwrap();
        println!("DONE {turn} 3");
        if turn % 3 == 0 {
            vault.rotate_key().unwrap();
            println!("DONE {turn} 4");
        }
    }
}

/// The last turn that a child said it had done, and how far it was in it.
fn last_done(child: &Process) -> (usize, u32) {
    let done = |line: &String| {
        let (_, done) = line.split_once("DONE ")?;
        let (turn, step) = done.split_once(' ')?;
        Some((turn.parse().unwrap(), step.parse().unwrap()))
    };
    child
        .lines()
        .iter()
        .rev()
        .find_map(done)
        .expect("a child that did something")
}

#[test]
fn killed_at_any_moment_what_was_done_stays_done() {
    const ROUNDS: usize = 16;
    const CHILDREN: usize = 3;
    let home = TestHome::new();
    let paths = support::paths(&home);
    let random = RandomState::new();
    let mut kept = 0;
    for round in 0..ROUNDS {
        let start = |child: usize| {
            let message = format!("forever-{round}-{child} {}", paths.directory().display());
            Process::spawn_talking(support::child(&home, "child", &message))
        };
        let mut children: Vec<Process> = (0..CHILDREN).map(start).collect();
        // A line or more, then some part of what the next ones take.
        let lines = random.hash_one(round) % 12;
        for child in &children {
            drop(child.wait_for_line(3 + usize::try_from(lines).unwrap(), PATIENCE));
        }
        for spin in 0..random.hash_one(("spin", round)) % 3_000_000 {
            std::hint::black_box(spin);
        }
        for child in &children {
            child.signal(Signal::KILL);
        }
        for child in &mut children {
            child.wait(PATIENCE);
        }
        let vault = open_knowing(&paths);
        for (number, child) in children.iter().enumerate() {
            kept += look_at_child(&vault, &format!("{round}-{number}"), last_done(child));
        }
        assert_eq!(vault.accounts().unwrap().len(), kept, "round {round}");
    }
    println!("{} kills, {kept} accounts", ROUNDS * CHILDREN);
}

/// Every account of a killed child; the number of them.
fn look_at_child(vault: &Vault, child: &str, (last, step): (usize, u32)) -> usize {
    let find = |state: &str, turn: usize| vault.find(&format!("{state}-{child}-{turn}")).ok();
    let mut turn = 0;
    loop {
        let place = format!("child {child}, turn {turn} of {last}, step {step}");
        let (account, renamed) = match (find("before", turn), find("after", turn)) {
            (Some(account), None) => (account, false),
            (None, Some(account)) => (account, true),
            (None, None) => {
                assert!(turn > last, "{place}: lost");
                return turn;
            }
            (Some(_), Some(_)) => panic!("{place}: there twice"),
        };
        let unsealed = vault.unseal(&account).unwrap();
        let token = unsealed.login().unwrap().access_token();
        let stored = token.expose() == support::access("second");
        assert!(
            stored || token.expose() == support::access("first"),
            "{place}"
        );
        assert!(turn >= last || (stored && renamed), "{place}: undone");
        assert!(
            turn > last || step < 2 || stored,
            "{place}: the login is undone"
        );
        assert!(
            turn > last || step < 3 || renamed,
            "{place}: the name is undone"
        );
        turn += 1;
    }
}
