//! A server with many users: how soon a new token is everywhere, how soon damage is healed, what it costs.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::{Host, Ran, TokenServer, documents, wait_until};

const PATIENCE: Duration = Duration::from_secs(120);
/// Kinds of damage are done in turn.
const DAMAGES: usize = 300;
const STATUS_ROUNDS: usize = 5;
const RENEWAL_ROUNDS: usize = 5;

/// A disposable host with `users` managed users and a keeper.
struct Crowd {
    host: Host,
    tokens: TokenServer,
    users: usize,
}

/// Everything about servers; needs root.
pub(crate) fn server() {
    if let Err(reason) = Host::available() {
        println!("\nserver: left out, {reason}");
        return;
    }
    println!("\na server with many users (ms; medians, and the slowest of {RENEWAL_ROUNDS})");
    for users in [10, 100, 1_000] {
        let crowd = Crowd::new(users);
        let renewals: Vec<Duration> = (0..RENEWAL_ROUNDS).map(|_| crowd.renew()).collect();
        let statuses: Vec<Duration> = (0..STATUS_ROUNDS).map(|_| crowd.status()).collect();
        println!(
            "  {users:>5} users: a new token is in all views after {:.0} (slowest {:.0}); status {:.0}; \
             keeper resident {} KiB, peak {} KiB, with its zygote {} KiB",
            millis(middle(&renewals)),
            millis(slowest(&renewals)),
            millis(middle(&statuses)),
            crowd.memory("VmRSS:"),
            crowd.memory("VmHWM:"),
            crowd.memory("VmRSS:") + crowd.zygote_memory(),
        );
        println!(
            "         each user: {:.3} for a new token, {:.3} for status; keeper idle: {:.1} ms CPU a second",
            millis(middle(&renewals)) / users as f64,
            millis(middle(&statuses)) / users as f64,
            crowd.idle_cpu(),
        );
        if users == 100 {
            crowd.heal();
        }
    }
}

impl Crowd {
    fn new(users: usize) -> Self {
        let host = Host::new();
        let tokens = host.in_network(TokenServer::start);
        for name in ["claude-share", "claude-accounts"] {
            host.install_program(name, &format!("/usr/local/bin/{name}"));
        }
        let login = tokens.issue("shared");
        let document = login.credentials_expiring_at(documents::now_ms() + 8 * 3_600_000);
        host.make_directory("/root/.claude", 0o700);
        host.write(
            "/root/.claude/.credentials.json",
            document.to_string(),
            0o600,
        );
        host.write(
            "/root/.claude.json",
            r#"{"hasCompletedOnboarding":true}"#,
            0o600,
        );
        make_users(&host, users);
        let crowd = Self {
            host,
            tokens,
            users,
        };
        crowd.set_up();
        crowd
    }

    /// Users that are there already are adopted, all at once.
    fn set_up(&self) {
        let _done = Ran::of(self.command("claude-share", &["server", "init", "--yes"])).success();
        let config = self.host.read_text("/etc/claude-share/config");
        let names: Vec<String> = (0..self.users).map(name).collect();
        let config = format!("{config}\nMANAGED_USERS=\"{}\"\n", names.join(" "));
        self.host.write("/etc/claude-share/config", config, 0o644);
        let began = Instant::now();
        let _done = Ran::of(self.command("claude-share", &["server", "sync"])).success();
        println!(
            "  {:>5} users: adopted in {:.0}",
            self.users,
            millis(began.elapsed())
        );
        self.wait_for_all();
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.host.command(format!("/usr/local/bin/{program}"));
        command.args(arguments);
        command.env("CLAUDE_ACCOUNTS_TOKEN_URL", self.tokens.url());
        command
    }

    fn view(&self, user: usize) -> PathBuf {
        self.host
            .path(&format!("/home/{}/.claude/.credentials.json", name(user)))
    }

    fn shows(&self, user: usize, token: &str) -> bool {
        fs::read_to_string(self.view(user)).is_ok_and(|text| text.contains(token))
    }

    fn wait_for_all(&self) {
        let token = self.tokens.current("shared").0;
        let mut waiting: Vec<usize> = (0..self.users).collect();
        wait_until("the token in all views", PATIENCE, || {
            waiting.retain(|user| !self.shows(*user, &token));
            waiting.is_empty()
        });
    }

    /// From the answer of the token server until the token is in every view.
    fn renew(&self) -> Duration {
        let requests = self.tokens.request_count();
        let arguments = [
            "--vault",
            "/var/lib/claude-share/vault",
            "refresh",
            "default",
        ];
        let mut refresh = self.command("claude-accounts", &arguments);
        crate::quiet(&mut refresh);
        let mut refresh = refresh.spawn().unwrap();
        self.tokens.wait_for_answers(requests + 1);
        let began = Instant::now();
        let token = self.tokens.current("shared").0;
        let mut waiting: Vec<usize> = (0..self.users).collect();
        while !waiting.is_empty() {
            assert!(
                began.elapsed() < PATIENCE,
                "{} views lack the token",
                waiting.len()
            );
            waiting.retain(|user| !self.shows(*user, &token));
            // Reading a thousand files takes a processor's time too.
            std::thread::sleep(Duration::from_millis(5));
        }
        let took = began.elapsed();
        assert!(refresh.wait().unwrap().success());
        took
    }

    fn status(&self) -> Duration {
        let mut command = self.command("claude-share", &["server", "status"]);
        let began = Instant::now();
        let status = crate::quiet(&mut command).status().unwrap();
        assert!(status.success(), "status: {status}");
        began.elapsed()
    }

    /// Damages one view after another and waits until each is healed.
    fn heal(&self) {
        let token = self.tokens.current("shared").0;
        let mut times: Vec<Duration> = (0..DAMAGES)
            .map(|number| {
                let view = self.view(number % self.users);
                let began = Instant::now();
                match number % 3 {
                    0 => fs::remove_file(&view).unwrap(),
                    1 => fs::OpenOptions::new()
                        .write(true)
                        .truncate(true)
                        .open(&view)
                        .map(drop)
                        .unwrap(),
                    _ => {
                        let garbage = view.with_file_name("garbage");
                        fs::write(&garbage, "{\"claudeAiOauth\": ").unwrap();
                        fs::rename(&garbage, &view).unwrap();
                    }
                }
                while !fs::read_to_string(&view).is_ok_and(|text| text.contains(&token)) {
                    assert!(
                        began.elapsed() < PATIENCE,
                        "{} is not healed",
                        view.display()
                    );
                    std::thread::yield_now();
                }
                let took = began.elapsed();
                // One user after the other, and none too often: as it happens in life.
                std::thread::sleep(Duration::from_millis(30));
                took
            })
            .collect();
        times.sort_unstable();
        println!(
            "         {DAMAGES} damaged views healed: median {:.1}, 99 of 100 within {:.1}, slowest {:.1}",
            millis(middle(&times)),
            millis(times[times.len() * 99 / 100]),
            millis(slowest(&times)),
        );
    }

    fn keeper(&self) -> u64 {
        let status = Ran::of(self.command("claude-share", &["server", "status", "--json"])).json();
        status["keeper"]["pid"]
            .as_u64()
            .expect("a keeper that runs")
    }

    /// A line of the keeper's status in the host's /proc, in KiB.
    fn memory(&self, line: &str) -> u64 {
        self.memory_of(self.keeper(), line)
    }

    fn memory_of(&self, pid: u64, line: &str) -> u64 {
        let status = self
            .host
            .run(&["cat", &format!("/proc/{pid}/status")])
            .success()
            .stdout;
        let value = status.lines().find_map(|found| found.strip_prefix(line));
        value
            .and_then(|value| value.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }

    fn zygote_memory(&self) -> u64 {
        let children = format!("/proc/{0}/task/{0}/children", self.keeper());
        let children = self.host.run(&["cat", &children]).success().stdout;
        let pids = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        pids.map(|pid| self.memory_of(pid, "VmRSS:")).sum()
    }

    /// Milliseconds of processor time a second, while nothing happens.
    fn idle_cpu(&self) -> f64 {
        const SECONDS: u64 = 5;
        let stat = format!("/proc/{}/stat", self.keeper());
        let ticks = || -> u64 {
            let stat = self.host.run(&["cat", &stat]).success().stdout;
            let fields: Vec<&str> = stat
                .rsplit(')')
                .next()
                .unwrap()
                .split_whitespace()
                .collect();
            // utime, stime, and those of children: fields 14 to 17 of proc(5).
            fields[11..15]
                .iter()
                .map(|field| field.parse::<u64>().unwrap())
                .sum()
        };
        let before = ticks();
        std::thread::sleep(Duration::from_secs(SECONDS));
        (ticks() - before) as f64 * 10.0 / SECONDS as f64
    }
}

/// As `useradd` would make them, but all at once: a thousand calls would take minutes.
fn make_users(host: &Host, users: usize) {
    let (mut passwd, mut group, mut homes) = (String::new(), String::new(), String::new());
    for user in 0..users {
        let (name, uid) = (name(user), 20_000 + user);
        writeln!(passwd, "{name}:x:{uid}:{uid}::/home/{name}:/bin/bash").unwrap();
        writeln!(group, "{name}:x:{uid}:").unwrap();
        writeln!(
            homes,
            "mkdir -m 700 /home/{name} && chown {uid}:{uid} /home/{name}"
        )
        .unwrap();
    }
    for (file, lines) in [("/etc/passwd", passwd), ("/etc/group", group)] {
        let before = host.read_text(file);
        host.write(file, format!("{before}{lines}"), 0o644);
    }
    host.write("/root/homes.sh", homes, 0o700);
    let _done = host.run(&["sh", "/root/homes.sh"]).success();
}

fn name(user: usize) -> String {
    format!("user{user:04}")
}

fn middle(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

fn slowest(times: &[Duration]) -> Duration {
    times.iter().copied().max().unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
