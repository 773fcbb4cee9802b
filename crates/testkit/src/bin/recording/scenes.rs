//! The three jobs, each as somebody would do it the first time.

use super::player::{Recording, Shell, prompt, shell_words};
use serde_json::json;
use testkit::{ApiServer, Host, TokenServer, documents};

const USER: &str = "dev";
/// Typed where it is not shown.
const KEY: &str = "sk-ant-api03-FAKE-recorded-0000000000";
const PASSWORDS: &str = "usera:usera-FAKE-1234\nuserb:userb-FAKE-1234\n";
const MAKEFILE: &str = "test:\n\t@echo \"tests run on the $$(hostname)\"\n";
const HOURS_8: u64 = 8 * 3_600_000;

/// A laptop and a server that it reaches, with the programs, the stand-in client and a user on both.
pub(crate) fn hosts() -> (Host, Host) {
    let (laptop, server) = (Host::named("laptop"), Host::named("server"));
    for host in [&laptop, &server] {
        host.add_user(USER);
        for name in ["claude-accounts", "claude-share", "cs"] {
            host.install_program(name, &format!("/usr/local/bin/{name}"));
        }
        host.install_program("stand-in-claude", "/usr/local/bin/claude");
    }
    let (_, address) = Host::join(&laptop, &server);
    let port = server.start_sshd();
    laptop.write(
        "/etc/hosts",
        format!("127.0.0.1 localhost\n{address} server\n"),
        0o644,
    );
    on(
        &laptop,
        "mkdir -m 0700 ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519",
    );
    let public = on(&laptop, "cat ~/.ssh/id_ed25519.pub");
    on(
        &server,
        &format!("mkdir -m 0700 ~/.ssh && echo '{public}' > ~/.ssh/authorized_keys"),
    );
    laptop.write("/etc/ssh/ssh_config", format!("Port {port}\n"), 0o644);
    on(
        &laptop,
        "ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes dev@server true",
    );
    (laptop, server)
}

/// What a script of the user's prints.
fn on(host: &Host, script: &str) -> String {
    let ran = host.run_quickly_as(USER, &["sh", "-c", script]);
    ran.success().stdout
}

/// Where logins are renewed and messages go, for programs on the host alone.
struct Vendor {
    tokens: TokenServer,
    api: ApiServer,
}

impl Vendor {
    fn of(host: &Host) -> Self {
        let tokens = host.in_network(TokenServer::start);
        let api = host.in_network(ApiServer::start);
        Self { tokens, api }
    }

    /// Puts a login into a home, with who it is.
    fn sign_in(&self, host: &Host, home: &str, subject: &str) {
        let login = self.tokens.issue(subject);
        let document = login.credentials_expiring_at(documents::now_ms() + HOURS_8);
        let about = json!({
            "hasCompletedOnboarding": true,
            "oauthAccount": {"emailAddress": "me@work.example", "organizationName": "Work"},
        });
        host.make_directory(&format!("{home}/.claude"), 0o700);
        let credentials = format!("{home}/.claude/.credentials.json");
        host.write(&credentials, document.to_string(), 0o600);
        host.write(&format!("{home}/.claude.json"), about.to_string(), 0o600);
    }

    fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("CLAUDE_ACCOUNTS_TOKEN_URL", self.tokens.url()),
            ("CLAUDE_CODE_TOKEN_URL_FOR_STAND_IN", self.tokens.url()),
            ("ANTHROPIC_BASE_URL", self.api.url()),
        ]
    }
}

/// The words of a shell in which the programs find these servers.
fn shell_with(vendor: &Vendor, place: &str, directory: &str) -> Vec<String> {
    let variables = vendor.variables();
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    shell_words(place, directory, &variables)
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

pub(crate) fn several_accounts(recording: &mut Recording, laptop: &Host) {
    let vendor = Vendor::of(laptop);
    vendor.sign_in(laptop, "/home/dev", "work");
    let own = ["chown", "-R", "dev:dev", "/home/dev"];
    drop(laptop.run(&own).success());
    let words = shell_with(&vendor, "laptop", "~");
    let terminal = laptop.terminal_as_user(USER, "sh", &borrowed(&words));
    let mut shell = Shell::begin(recording, "1. Several accounts on one machine", terminal);
    shell.run_until("claude-accounts add perso", "not shown", 1.2);
    shell.answer_hidden(KEY, 1.5);
    shell.run_until("claude-accounts login work", "[Y/n]", 1.5);
    shell.answer("y", 1.8);
    shell.run("claude-accounts list", 2.5);
    shell.run("claude-accounts launch work -- -p \"say ping\"", 1.2);
    shell.run("claude-accounts launch perso -- -p \"say ping\"", 1.5);
    shell.run("claude-accounts refresh work", 1.2);
    shell.end();
    let stop = ["claude-accounts", "keeper", "stop"];
    drop(laptop.run_quickly_as(USER, &stop));
}

pub(crate) fn several_users(recording: &mut Recording, server: &Host) {
    let vendor = Vendor::of(server);
    vendor.sign_in(server, "/root", "shared");
    server.write("/root/users.txt", PASSWORDS, 0o600);
    let exports: String = vendor
        .variables()
        .iter()
        .map(|(name, value)| format!("export {name}={value}\n"))
        .collect();
    // What a login shell of a user's gets.
    server.write("/etc/profile.d/stand-ins.sh", exports, 0o644);
    let words = shell_with(&vendor, "server", "~");
    let terminal = server.terminal("sh", &borrowed(&words));
    let mut shell = Shell::begin(recording, "2. Several Linux users on one server", terminal);
    shell.run(
        "claude-share server init --yes --users-from-file users.txt",
        3.5,
    );
    shell.run("clear", 0.2);
    shell.run("su - usera -c 'claude -p \"say ping\"'", 1.2);
    shell.run("su - userb -c 'claude -p \"say ping\"'", 1.2);
    shell.run("claude-share status --user usera", 2.5);
    shell.end();
    drop(server.run(&["claude-share", "server", "uninstall", "--yes"]));
}

pub(crate) fn live_session(recording: &mut Recording, laptop: &Host, server: &Host) {
    let profile = json!({
        "destination": "dev@server",
        "identity": "/home/dev/.ssh/id_ed25519",
        "program": "/usr/local/bin/claude-share",
        "added_at": 0,
        "commands_agreed_at": 0,
    });
    let profiles = json!({"format": 1, "default": "server", "profiles": {"server": profile}});
    let prepare = format!(
        "umask 077 && mkdir -p ~/.claude-share ~/project/src && echo '{profiles}' > ~/.claude-share/client.json"
    );
    on(laptop, &prepare);
    laptop.write("/home/dev/project/Makefile", MAKEFILE, 0o644);
    on(laptop, "echo 'fn main() {}' > ~/project/src/main.rs");
    // What stands for Claude Code is a shell, which shows more of where it is.
    let profile = format!("PS1='{}'\n", prompt("server"));
    server.write("/home/dev/.bashrc", profile, 0o644);
    let words = shell_words("laptop", "~/project", &[]);
    let terminal = laptop.terminal_as_user(USER, "sh", &borrowed(&words));
    let title = "3. A session on the server, in the laptop's own directory";
    let mut shell = Shell::begin(recording, title, terminal);
    shell.run("cs live --command bash", 2.0);
    shell.run("hostname", 1.0);
    shell.run("ls", 1.0);
    shell.run("make test", 1.8);
    shell.run("echo from the server > NOTES.md", 0.8);
    shell.run("exit", 1.2);
    shell.run("cat NOTES.md", 2.5);
    shell.end();
}
