//! Where a page's commands are run: a private home, a disposable host, or a laptop and a server; with stand-ins for the client,
//! the token server and the API.

use end_to_end::machines::Machines;
use end_to_end::{HOURS_8, LIMIT};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use testkit::documents::now_ms;
use testkit::{ApiServer, Host, Terminal, TestHome, TokenServer, programs, wait_until};

use crate::page::Seat;

/// Where the archive and the Debian package are; `cargo xtask test` makes them.
const PACKAGES_VARIABLE: &str = "CLAUDE_ACCOUNTS_TEST_DIST";
/// Logins that the token server has issued, for scripts that readers do not see.
const LOGINS: [&str; 6] = ["default", "work", "client", "team", "mine", "shared"];
/// Of the product.
const PROGRAMS: [&str; 3] = ["claude-accounts", "claude-share", "cs"];
/// Where the stand-ins are on a host.
const STAND_INS: &str = "/run/stand-ins";
/// Of the server of a laptop that has nothing of ours yet.
const PASSWORD: &str = "dev:dev-FAKE-1234\n";

/// Runs `$2` as a line typed at a shell that has done what was typed before, which `$1` remembers, and says how it ended in
/// what a terminal takes for its title. `$3` remembers a shell to take the directory from, which is `$4` before it does.
const SHELL: &str = r#"stty rows 40 cols 110
shopt -s expand_aliases
[ -e "$1" ] && . "$1" >/dev/null 2>&1
[ -n "$4" ] && cd "$4"
[ -e "$3" ] && eval "$(head -n 1 "$3")"
__typed=$2 __memory=$1
eval "$__typed"
__status=$?
{ printf 'cd %q\n' "$PWD"; declare -p | grep -vE '^declare -[aAilntux]*r'; declare -f; alias -p; } > "$__memory"
printf '\033]0;ended %s.\007' "$__status"
"#;
/// What it says then begins so.
const ENDED: &str = "\u{1b}]0;ended ";

/// The place of one page.
pub(crate) struct Place {
    kind: Kind,
    /// Every command is told.
    variables: Vec<(String, String)>,
    tokens: TokenServer,
    _api: ApiServer,
}

enum Kind {
    Home(Box<TestHome>),
    Host(Host),
    Pair(Box<Machines>),
}

impl Place {
    /// What a page's first comment names; `None`, and the test noted as skipped, where it cannot be had.
    pub(crate) fn or_skip(name: &str) -> Option<Place> {
        let packages = if name.starts_with("bare") {
            Some(packages_or_skip()?)
        } else {
            None
        };
        let kind = match name {
            "" | "home" => Kind::Home(Box::new(TestHome::new())),
            "host" | "bare host" => Kind::Host(testkit::host_or_skip()?),
            "laptop and server" => Kind::Pair(Box::new(Machines::or_skip()?)),
            "bare laptop and server" => Kind::Pair(Box::new(Machines::bare_or_skip()?)),
            unknown => panic!("no such place: {unknown}"),
        };
        let mut place = match &kind {
            Kind::Home(_) => Place::with(TokenServer::start(), ApiServer::start(), kind),
            Kind::Host(host) => {
                let servers = (
                    host.in_network(TokenServer::start),
                    host.in_network(ApiServer::start),
                );
                Place::with(servers.0, servers.1, kind)
            }
            Kind::Pair(machines) => {
                let tokens = machines.laptop.in_network(TokenServer::start);
                let api = machines.server.in_network(ApiServer::start);
                Place::with(tokens, api, kind)
            }
        };
        place.furnish(packages.is_none());
        for package in packages.into_iter().flatten() {
            place.deliver(&package);
        }
        Some(place)
    }

    fn with(tokens: TokenServer, api: ApiServer, kind: Kind) -> Place {
        let is_login = tokens.access_check();
        // And the keys of pages, which are made up.
        api.accept_only(Arc::new(move |sent| {
            sent.starts_with("sk-ant-api03-FAKE") || is_login(sent)
        }));
        let url = tokens.url();
        let variables = [
            ("CLAUDE_ACCOUNTS_TOKEN_URL", url.as_str()),
            ("NO_COLOR", "1"),
            ("TERM", "xterm"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let stand_in = format!(
            "#!/bin/sh\nexport ANTHROPIC_BASE_URL=${{ANTHROPIC_BASE_URL:-{}}}\nexport CLAUDE_CODE_TOKEN_URL_FOR_STAND_IN={url}\n",
            api.url()
        );
        let mut place = Place {
            kind,
            variables: variables.into(),
            tokens,
            _api: api,
        };
        place.install_client(&stand_in);
        place
    }

    /// Not the stand-in itself: what it has to be told is in no shell's environment then, as nothing of the kind is in a reader's.
    fn install_client(&mut self, script: &str) {
        let write = |host: &Host| {
            host.install_program("stand-in-claude", "/usr/local/lib/claude/claude");
            let script = format!("{script}exec /usr/local/lib/claude/claude \"$@\"\n");
            host.write("/usr/local/bin/claude", script, 0o755);
            host.write("/usr/local/lib/claude/claude.stand-in.json", "{}", 0o666);
        };
        match &self.kind {
            Kind::Home(home) => {
                let directory = home.root().join("client");
                fs::create_dir(&directory).unwrap();
                install("stand-in-claude", &directory.join("claude"));
                let script = format!("{script}exec {}/claude \"$@\"\n", directory.display());
                write_program(&home.bin().join("claude"), &script);
            }
            Kind::Host(host) => write(host),
            Kind::Pair(machines) => write(&machines.server),
        }
    }

    /// The programs, unless the page installs them; and the logins.
    fn furnish(&mut self, with_programs: bool) {
        let logins = self.logins();
        if let Kind::Home(home) = &self.kind {
            let directory = home.root().join("stand-ins");
            fs::create_dir(&directory).unwrap();
            for (name, text) in logins {
                write_program(&directory.join(name), &text);
            }
            for name in PROGRAMS {
                install(name, &home.bin().join(name));
            }
            let directory = directory.display().to_string();
            self.variables.push(("STAND_INS".to_owned(), directory));
            return;
        }
        self.variables
            .push(("STAND_INS".to_owned(), STAND_INS.to_owned()));
        for host in self.hosts() {
            host.make_directory(STAND_INS, 0o755);
            for (name, text) in &logins {
                host.write(&format!("{STAND_INS}/{name}"), text, 0o755);
            }
            for name in PROGRAMS.into_iter().filter(|_| with_programs) {
                host.install_program(name, &format!("/usr/local/bin/{name}"));
            }
        }
        match &self.kind {
            Kind::Host(host) => {
                host.add_user("me");
                runtime_directory(host, "me");
            }
            Kind::Pair(machines) => {
                runtime_directory(&machines.laptop, "dev");
                if !with_programs {
                    let words = ["chpasswd"];
                    machines
                        .server
                        .run_with_input(&words, PASSWORD.as_bytes())
                        .success();
                    machines.server.start_sshd_that_takes_passwords();
                }
            }
            Kind::Home(_) => {}
        }
    }

    /// Names and contents of what stands in `$STAND_INS`.
    fn logins(&self) -> Vec<(String, String)> {
        let client = match &self.kind {
            Kind::Home(home) => home.root().join("client").display().to_string(),
            _ => "/usr/local/lib/claude".to_owned(),
        };
        let sign_in = format!(
            "#!/bin/sh\ncat \"${{0%/*}}/$1.settings.json\" > {client}/claude.stand-in.json\n"
        );
        let mut files = vec![("sign-in-as".to_owned(), sign_in)];
        for name in LOGINS {
            let login = self.tokens.issue(name);
            let document = login.credentials_expiring_at(now_ms() + HOURS_8);
            let account = json!({
                "accountUuid": format!("account-of-{name}"),
                "organizationUuid": format!("organization-of-{name}"),
                "organizationName": capitalised(name),
                "emailAddress": format!("me@{name}.example"),
            });
            let about = json!({"hasCompletedOnboarding": true, "oauthAccount": account});
            let settings = json!({"login": {"credentials": document, "oauthAccount": account}});
            let expired = login.credentials_expiring_at(now_ms() - 1000);
            files.push((format!("{name}.json"), document.to_string()));
            files.push((format!("{name}.expired.json"), expired.to_string()));
            files.push((format!("{name}.claude.json"), about.to_string()));
            files.push((format!("{name}.settings.json"), settings.to_string()));
        }
        files
    }

    /// Shows a package where a reader has downloaded it to. It is too big to be copied for each page.
    fn deliver(&self, package: &Path) {
        let name = package.file_name().unwrap().to_str().unwrap();
        let user = self.user();
        for host in self.hosts() {
            for directory in ["/root".to_owned(), format!("/home/{user}")] {
                host.install_file(package, &format!("{directory}/{name}"));
            }
        }
    }

    /// Puts a file of the repository where a reader who stands in a checkout has it, with his home as the checkout.
    pub(crate) fn copy(&self, path: &str) {
        let original = crate::run::root().join(path);
        if let Kind::Home(home) = &self.kind {
            let copy = home.home().join(path);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(&original, copy).unwrap();
        }
        let user = self.user();
        for host in self.hosts() {
            host.install_file(&original, &format!("/home/{user}/{path}"));
        }
    }

    /// Those that are machines of their own, the first one first.
    fn hosts(&self) -> Vec<&Host> {
        match &self.kind {
            Kind::Home(_) => Vec::new(),
            Kind::Host(host) => vec![host],
            Kind::Pair(machines) => vec![&machines.laptop, &machines.server],
        }
    }

    /// Who types if a page does not say.
    fn user(&self) -> &'static str {
        match self.kind {
            Kind::Home(_) | Kind::Host(_) => "me",
            Kind::Pair(_) => "dev",
        }
    }

    /// The token server forgets a login.
    pub(crate) fn revoke(&self, name: &str) {
        self.tokens.revoke(name);
    }

    /// Has somebody type `line` at his shell.
    pub(crate) fn start(&self, seat: &Seat, line: &str) -> Terminal {
        let user = seat.user.as_deref().unwrap_or(self.user());
        match line.strip_prefix("sudo ") {
            Some(line) => self.start_as(seat, "root", line, Some(user)),
            None => self.start_as(seat, user, line, None),
        }
    }

    fn start_as(&self, seat: &Seat, user: &str, line: &str, beside: Option<&str>) -> Terminal {
        if let Kind::Home(home) = &self.kind {
            assert!(
                user == "me",
                "there is no {user} in a home: this page needs `run: host`"
            );
            let memory = home.root().join("shell").display().to_string();
            let mut command = home.command("setsid");
            command.args(["--ctty", "bash", "-c", SHELL, "bash", &memory, line]);
            command.envs(self.variables.iter().map(|(name, value)| (name, value)));
            return Terminal::of(command);
        }
        let wanted = seat.machine.as_deref();
        let hosts = self.hosts();
        let host = hosts
            .iter()
            .find(|host| wanted.is_none_or(|name| name == host.name()));
        let host = host.unwrap_or_else(|| panic!("no machine is called {wanted:?}"));
        let memory = |user: &str| format!("/tmp/.shell-{user}");
        let variables = self.variables.iter();
        let mut words: Vec<String> = variables
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if user == self.user() && host.exists(&format!("/run/user/{}", host.uid_of(user))) {
            words.push(format!("XDG_RUNTIME_DIR=/run/user/{}", host.uid_of(user)));
        }
        words.extend(["bash", "-c", SHELL, "bash", &memory(user), line].map(str::to_owned));
        let beside = beside.map(|user| [memory(user), format!("/home/{user}")]);
        words.extend(beside.into_iter().flatten());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if user == "root" {
            host.terminal("env", &words)
        } else {
            host.terminal_as_user(user, "env", &words)
        }
    }

    /// What was sent to a terminal, as the page has it: a private home is shown as `/home/me`.
    pub(crate) fn as_shown(&self, sent: &str) -> String {
        let text = crate::likeness::as_text(sent);
        let Kind::Home(home) = &self.kind else {
            return text;
        };
        let root = home.root().display().to_string();
        let places = [
            ("/home", "/home/me"),
            ("/bin", "/usr/local/bin"),
            ("/config", "/home/me/.config"),
            ("/state", "/home/me/.local/state"),
            ("/data", "/home/me/.local/share"),
            ("/cache", "/home/me/.cache"),
            ("/runtime", "/run/user/1000"),
            ("/tmp", "/tmp"),
        ];
        let replace = |text: String, (inside, shown): (&str, &str)| {
            text.replace(&format!("{root}{inside}"), shown)
        };
        places.into_iter().fold(text, replace)
    }
}

/// The status with which what was typed has ended; `None` while it goes on.
pub(crate) fn ended(sent: &str) -> Option<i32> {
    let (_, after) = sent.rsplit_once(ENDED)?;
    after.split_once('.')?.0.parse().ok()
}

/// Waits until what was typed has ended, and gives how.
pub(crate) fn wait_for_end(terminal: &mut Terminal, line: &str) -> i32 {
    let deadline = Instant::now() + LIMIT * 2;
    loop {
        let sent = terminal.shown();
        if let Some(status) = ended(&sent) {
            terminal.wait(LIMIT);
            return status;
        }
        assert!(
            Instant::now() < deadline,
            "{line}: has not ended; shown: {sent}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

/// A user who has logged in has one, by PAM and systemd.
fn runtime_directory(host: &Host, user: &str) {
    let script = "install -d -m 0755 /run/user && install -d -m 0700 -o \"$1\" \"/run/user/$(id -u \"$1\")\"";
    host.run(&["sh", "-c", script, "sh", user]).success();
}

fn capitalised(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

/// By a link where it can be; a copy is made by another process, as one that this one has written could not be started while
/// another thread forks.
fn install(built: &str, at: &Path) {
    let built = programs::path(built);
    if fs::hard_link(&built, at).is_err() {
        let copied = Command::new("cp").args([&built, at]).status().unwrap();
        assert!(copied.success(), "cp {} {}", built.display(), at.display());
    }
}

/// For the same reason.
fn write_program(at: &Path, script: &str) {
    use std::io::Write as _;
    let mut writer = Command::new("sh");
    writer
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(at);
    let mut writer = writer.stdin(std::process::Stdio::piped()).spawn().unwrap();
    writer
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(writer.wait().unwrap().success());
}

/// The archive, its checksum and the Debian package; `None`, and the test noted as skipped, where they were not built.
fn packages_or_skip() -> Option<Vec<PathBuf>> {
    let Some(directory) = std::env::var_os(PACKAGES_VARIABLE).map(PathBuf::from) else {
        testkit::skip(format!(
            "needs the packages ({PACKAGES_VARIABLE} names no directory)"
        ));
        return None;
    };
    let entries =
        fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let is_package = |path: &PathBuf| {
        let name = path.to_string_lossy();
        [".deb", ".tar.gz", ".sha256"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let packages: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(is_package)
        .collect();
    if !packages
        .iter()
        .any(|path| path.extension().is_some_and(|end| end == "deb"))
    {
        testkit::skip("needs the Debian package, which was not built");
        return None;
    }
    Some(packages)
}

/// Waits until what stays has shown `text`.
pub(crate) fn wait_for_text(terminal: &Terminal, text: &str) {
    wait_until(&format!("{text:?} on a terminal"), LIMIT, || {
        terminal.shown().contains(text)
    });
}
