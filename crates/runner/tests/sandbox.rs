//! What a command in a sandbox may touch: `examples/runner.rs`.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use landlock::{CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, Scope};
use runner::{Descriptors, Limits, Report, Runner, Sandbox, Spec};
use rustix::process::{Resource, getrlimit};
use tempfile::TempDir;
use testkit::skip;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples/runner")
}

fn bytes(path: &Path) -> Bytes {
    Bytes::copy_from_slice(path.as_os_str().as_bytes())
}

/// A home that is not in a temporary directory, where everything may be written.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let place = fs::canonicalize(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let home = Self(tempfile::tempdir_in(place).unwrap());
        for (name, text) in [
            (".ssh/id", "key"),
            (".claude/.credentials.json", "{}"),
            (".claude.json", "{}"),
            (".aws/credentials", "key"),
            (".config/gh/hosts.yml", "token"),
            (".config/git/config", "[user]"),
            (".config/git/credentials", "token"),
            (".bash_history", "typed"),
            (".bashrc", ":"),
            (".cargo/config.toml", "[build]"),
            (".cargo/credentials.toml", "token"),
            (".cargo/bin/tool", "#!/bin/sh\necho tool\n"),
            (".cache/pip/wheel", "w"),
            (".npm/_cacache/piece", "p"),
            (".local/share/keyrings/login", "secret"),
            (".local/share/applications/one", "a"),
            ("dotfiles/aws/config", "linked"),
            ("project/file", "text"),
            ("other/file", "text"),
        ] {
            let path = home.at(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        symlink(home.at(".ssh/id"), home.at("project/link")).unwrap();
        symlink(home.at("dotfiles/aws"), home.at(".kube")).unwrap();
        home
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn sandbox(&self, published: &[&str]) -> Sandbox {
        Sandbox {
            home: bytes(self.0.path()),
            published: published.iter().map(|name| bytes(&self.at(name))).collect(),
            ..Sandbox::default()
        }
    }

    /// What `script` says; it starts in `project`.
    async fn run(&self, sandbox: impl Into<Option<Sandbox>>, script: &str) -> String {
        let (reads, writes) = std::io::pipe().unwrap();
        let writes = OwnedFd::from(writes);
        let home = self.0.path().to_str().unwrap();
        let spec = Spec {
            program: Bytes::from_static(b"/bin/sh"),
            name: Bytes::from_static(b"sh"),
            arguments: vec!["-c".into(), script.to_owned().into()],
            environment: vec![
                ("PATH".into(), "/usr/bin:/bin".into()),
                ("HOME".into(), home.to_owned().into()),
            ],
            umask: 0o022,
            limits: Limits::default(),
            sandbox: sandbox.into(),
        };
        let descriptors = Descriptors {
            directory: File::open(self.at("project")).unwrap().into(),
            streams: [
                File::open("/dev/null").unwrap().into(),
                writes.try_clone().unwrap(),
                writes,
            ],
            terminal: None,
        };
        let mut command = Command::new(program());
        command.env_clear().current_dir("/");
        let mut runner = Runner::prepare(command).unwrap();
        runner.start(spec, &descriptors).await.unwrap();
        drop(descriptors);
        let mut said = String::new();
        File::from(OwnedFd::from(reads))
            .read_to_string(&mut said)
            .unwrap();
        let first = timeout(LIMIT, runner.next()).await.unwrap().unwrap();
        assert_eq!(first, Some(Report::Started), "{said}");
        let last = timeout(LIMIT, runner.next()).await.unwrap().unwrap();
        assert!(matches!(last, Some(Report::Ended { .. })), "{last:?}");
        said
    }

    /// Which of `lines` succeed, each a command in a shell of its own.
    async fn successes<'a>(&self, sandbox: Sandbox, lines: &[&'a str]) -> Vec<&'a str> {
        let try_one =
            |(number, line)| format!("sh -c {} >/dev/null 2>&1 && echo {number}\n", quoted(line));
        let script: String = lines.iter().copied().enumerate().map(try_one).collect();
        let said = self.run(sandbox, &script).await;
        let numbers = said.lines().map(|line| line.parse::<usize>().unwrap());
        numbers.map(|number| lines[number]).collect()
    }
}

fn quoted(line: &str) -> String {
    format!("'{}'", line.replace('\'', r"'\''"))
}

/// Whether a test of landlock means anything here.
fn can_be_tested() -> bool {
    if !Sandbox::is_possible() {
        skip("this kernel has no landlock");
        return false;
    }
    if Path::new(env!("CARGO_TARGET_TMPDIR")).starts_with("/tmp") {
        skip("the target directory is a temporary one, where everything may be written");
        return false;
    }
    true
}

#[tokio::test]
async fn private_files_are_not_read() {
    if !can_be_tested() {
        return;
    }
    let home = Home::new();
    let refused = [
        "cat ~/.ssh/id",
        "ls ~/.ssh",
        "cat ~/.claude/.credentials.json",
        "cat ~/.claude.json",
        "cat ~/.aws/credentials",
        "cat ~/.config/gh/hosts.yml",
        "cat ~/.config/git/credentials",
        "cat ~/.bash_history",
        "cat ~/.cargo/credentials.toml",
        "cat ~/.local/share/keyrings/login",
        // What a private name leads to is private by its own name too.
        "cat ~/.kube/config",
        "cat ~/dotfiles/aws/config",
        // What was put there before, and what is tried now.
        "cat link",
        "ln -s ~/.ssh/id new && cat new",
        "ln ~/.ssh/id hard",
        "ln ~/.bash_history hard",
        "mv ~/.ssh moved",
        "mv ~/.ssh/id moved",
        "cat /proc/$PPID/root$HOME/.ssh/id",
        "cat /proc/self/cwd/../.ssh/id",
        "cat /proc/self/root$HOME/.ssh/id",
        "setsid -w cat ~/.ssh/id",
        "(cat ~/.ssh/id) | grep .",
    ];
    let none: [&str; 0] = [];
    let sandbox = home.sandbox(&["project"]);
    assert_eq!(home.successes(sandbox, &refused).await, none);
    assert!(home.at(".ssh/id").exists());
}

#[tokio::test]
async fn what_builds_need_is_there() {
    if !can_be_tested() {
        return;
    }
    let home = Home::new();
    let allowed = [
        "cat file",
        "cat ../project/file",
        "cat ~/other/file",
        "cat ~/.bashrc",
        "cat ~/.config/git/config",
        "cat ~/.cargo/config.toml",
        "cat ~/.local/share/applications/one",
        "ls /usr /etc /proc /sys",
        "cat /proc/self/status",
        "test -r /usr/bin/env && env",
        "echo x > file",
        "mkdir -p deep/er && mv file deep/er/ && mv deep/er/file .",
        "ln file hard && rm hard",
        "rm -r deep",
        "echo x > ~/.cache/new && mkdir ~/.cache/tool && echo x > ~/.cache/tool/x",
        "echo x > ~/.cargo/registry/index",
        "echo x >> ~/.npm/_cacache/piece",
        "f=$(mktemp) && echo x > $f && rm $f",
        "echo x > /dev/null",
        "head -c 1 /dev/urandom",
        "f=$(mktemp -p /dev/shm) && rm $f",
        "sleep 60 & kill $!",
    ];
    fs::set_permissions(
        home.at(".cargo/bin/tool"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let sandbox = home.sandbox(&["project"]);
    assert_eq!(home.successes(sandbox.clone(), &allowed).await, allowed);
    assert_eq!(home.run(sandbox, "~/.cargo/bin/tool").await, "tool\n");
}

#[tokio::test]
async fn nothing_else_is_written() {
    if !can_be_tested() {
        return;
    }
    let home = Home::new();
    let refused = [
        "echo x >> ~/.bashrc",
        "echo x > ~/new",
        "echo x > ~/.profile",
        "mkdir -p ~/.config/autostart",
        "echo x > ~/.config/git/config",
        "echo x > ~/.cargo/config.toml",
        "echo x > ~/.cargo/bin/tool",
        "echo x > ~/.npmrc",
        "echo x > ~/other/file",
        "rm ~/other/file",
        "mv ~/other/file .",
        "ln ~/.bashrc hard",
        "echo x > /usr/x",
        "touch /etc/x",
    ];
    let none: [&str; 0] = [];
    let sandbox = home.sandbox(&["project"]);
    assert_eq!(home.successes(sandbox, &refused).await, none);
}

#[tokio::test]
async fn what_is_private_below_a_published_directory_stays_so() {
    if !can_be_tested() {
        return;
    }
    let home = Home::new();
    let lines = [
        "cat ~/.ssh/id",
        "cat ~/.config/gh/hosts.yml",
        "mv ~/.ssh ~/moved",
        "echo x >> ~/.bashrc",
        "echo x > ~/other/file",
    ];
    let published = home.sandbox(&[""]);
    assert_eq!(home.successes(published, &lines).await, lines[3..]);
    // One that is private itself is on the server already.
    let published = home.sandbox(&["project", ".config/gh"]);
    assert_eq!(home.successes(published, &lines).await, lines[1..2]);
}

#[tokio::test]
async fn further_places_are_as_told() {
    if !can_be_tested() {
        return;
    }
    let home = Home::new();
    let mut sandbox = home.sandbox(&["project"]);
    sandbox.caches.push(bytes(&home.at("other")));
    sandbox.private.push(bytes(&home.at(".config/git")));
    let lines = ["echo x > ~/other/file", "cat ~/.config/git/config"];
    assert_eq!(home.successes(sandbox, &lines).await, lines[..1]);
}

#[tokio::test]
async fn a_cache_is_no_way_out() {
    if !can_be_tested() {
        return;
    }
    let home = Home::new();
    // As the server could have made it in a published directory.
    fs::create_dir_all(home.at("go")).unwrap();
    symlink(home.at(".config"), home.at("go/pkg")).unwrap();
    let lines = ["echo x > ~/go/pkg/x", "echo x > ~/go/x"];
    let sandbox = home.sandbox(&["go", "project"]);
    assert_eq!(home.successes(sandbox, &lines).await, lines[1..]);
    // As a command can make it, and as the server could have made it in a session before.
    let commands = ["mkdir ~/.cache/mozilla", "ln -s ~/.config ~/.cache/uv"];
    let sandbox = home.sandbox(&["project"]);
    assert_eq!(home.successes(sandbox.clone(), &commands).await, commands);
    let refused = [
        "echo x > ~/.cache/uv/x",
        "echo x > ~/go/pkg/x",
        "ls ~/.cache/mozilla",
    ];
    let none: [&str; 0] = [];
    assert_eq!(home.successes(sandbox.clone(), &refused).await, none);
    // What a browser has there splits the cache, and tools go on.
    let allowed = ["echo x > ~/.cache/pip/x", "echo x > ~/.cache/go-build/x"];
    assert_eq!(home.successes(sandbox, &allowed).await, allowed);
}

#[tokio::test]
async fn no_more_processes_than_a_machine_bears() {
    if !can_be_tested() {
        return;
    }
    const MOST: u64 = 16_384;
    let script = "grep '^Max processes' /proc/self/limits";
    let limits = |[soft, hard]: [Option<u64>; 2]| {
        let [soft, hard] = [soft, hard]
            .map(|limit| limit.map_or("unlimited".to_owned(), |limit| limit.to_string()));
        format!("Max processes {soft} {hard} processes")
    };
    let words = |said: String| said.split_whitespace().collect::<Vec<_>>().join(" ");
    let own = getrlimit(Resource::Nproc);
    let own = [own.current, own.maximum];
    let home = Home::new();
    let inside = home.run(home.sandbox(&["project"]), script).await;
    let least = own.map(|limit| Some(limit.map_or(MOST, |limit| limit.min(MOST))));
    assert_eq!(words(inside), limits(least));
    // Without one, a user's are his own.
    assert_eq!(words(home.run(None, script).await), limits(own));
}

#[tokio::test]
async fn the_runner_is_out_of_reach() {
    if !can_be_tested() {
        return;
    }
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let scoped = ruleset.scope(Scope::Signal).and_then(Ruleset::create);
    if scoped.is_err() {
        return skip("this kernel's landlock does not know of signals");
    }
    let home = Home::new();
    let script = "kill -9 $PPID; kill -0 $PPID; readlink -v /proc/$PPID/cwd; echo still here";
    let sandbox = home.sandbox(&["project"]);
    let said = home.run(sandbox, script).await;
    assert!(said.ends_with("still here\n"), "{said}");
    assert_eq!(said.matches("not permitted").count(), 2, "{said}");
    assert_eq!(said.matches("ermission denied").count(), 1, "{said}");
}
