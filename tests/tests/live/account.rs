//! `cs live --account`: an account of the laptop's vault for one session. The server gets what runs out, keeps it in memory,
//! and has nothing of it when the session has ended.

use end_to_end::{KEY, LIMIT, STREAM, Session};
use serde_json::Value;
use testkit::api_server::ApiRequest;
use testkit::token_server::Mode;
use testkit::{ApiServer, Ran, TokenServer, wait_until};

use end_to_end::machines::{Machines, PROJECT};

/// Where a login in the environment of the server's user would be taken from.
const THEIRS: &str = "sk-ant-api03-FAKE-of-the-server";
const PASSPHRASE: &str = "correct horse battery staple";

/// A laptop with a vault, its token server and the server's API.
struct Scene {
    machines: Machines,
    tokens: TokenServer,
    api: ApiServer,
}

impl Scene {
    fn or_skip() -> Option<Self> {
        let machines = Machines::or_skip()?;
        let laptop = &machines.laptop;
        laptop.install_program("claude-accounts", "/usr/local/bin/claude-accounts");
        Some(Self {
            tokens: laptop.in_network(TokenServer::start),
            api: machines.server.in_network(ApiServer::start),
            machines,
        })
    }

    /// A script in the project, with a token server and keepers that do not stay.
    fn on_laptop(&self, script: &str) -> Ran {
        let url = self.tokens.url();
        self.machines.on_laptop(&format!(
            "export CLAUDE_ACCOUNTS_TOKEN_URL={url} CLAUDE_ACCOUNTS_KEEPER_LINGER=0
            cd {PROJECT} && {script}"
        ))
    }

    fn add_key(&self, name: &str) {
        let script = format!("echo {KEY} | claude-accounts add {name} --key-stdin");
        drop(self.on_laptop(&script).success());
    }

    /// Signs `name` in to a login whose access token has run out.
    fn add_login(&self, name: &str) {
        let login = self.tokens.issue(name).credentials_expiring_at(1);
        let script = format!(
            "umask 077; echo '{login}' > ~/login.json; claude-accounts login {name} --capture ~/login.json; rm ~/login.json"
        );
        drop(self.on_laptop(&script).success());
    }

    /// The account of the one session, as `cs status --json` has it.
    #[track_caller]
    fn account(&self) -> Value {
        let status = self.on_laptop("cs status --json").success().json();
        status["sessions"][0]["account"].clone()
    }

    /// What programs in the session have in their environment.
    #[track_caller]
    fn variable(&self, name: &str) -> String {
        let script = format!("cs run printenv {name} || true");
        self.on_laptop(&script).success().stdout.trim().to_owned()
    }

    /// The view on the server.
    #[track_caller]
    fn view(&self) -> String {
        let directory = self.variable("CLAUDE_SECURESTORAGE_CONFIG_DIR");
        assert!(directory.starts_with('/'), "{directory:?}");
        format!("{directory}/.credentials.json")
    }

    /// Every file of the server, where anybody keeps or the user may write any, that has `secret` in it, and every process
    /// that has it in its environment.
    #[track_caller]
    fn on_server_with(&self, secret: &str) -> String {
        let script = format!(
            "for place in /dev/shm /run /tmp /var /etc /home /root; do
                find $place -xdev -type f -exec grep -laF -e {secret} {{}} + 2>/dev/null
            done
            for each in /proc/[0-9]*; do
                tr '\\0' '\\n' < $each/environ 2>/dev/null | grep -qF -e {secret} && echo $each
            done
            true"
        );
        let found = self.machines.server.run(&["sh", "-c", &script]);
        found.success().stdout
    }

    /// Every token that was ever handed out for `name`; those of the first kind have been spent, or may be.
    fn refresh_tokens(&self, name: &str) -> Vec<String> {
        let spent = self.tokens.requests().into_iter();
        let spent = spent.map(|request| request.refresh_token);
        spent.chain([self.tokens.current(name).1]).collect()
    }

    fn agent_ends(&self) {
        let kill = "for each in /proc/[0-9]*; do tr '\\0' ' ' < $each/cmdline | grep -q '^[^ ]*claude-share agent serve' && kill -KILL ${each#/proc/}; done 2>/dev/null; true";
        drop(self.machines.on_server(kill).success());
    }
}

#[test]
fn a_key_is_in_the_environment_of_programs_and_nowhere_else() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    scene.add_key("work");
    let before = scene.machines.traces();
    let live = "cs live --account WORK --command 'echo $$ > pid; exec sleep 1000'";
    drop(scene.on_laptop(live).success());
    assert_eq!(scene.variable("ANTHROPIC_API_KEY"), KEY);
    let account = scene.account();
    assert_eq!(
        (&account["name"], &account["state"]),
        (&"work".into(), &"ok".into())
    );
    let status = scene.on_laptop("cs status").success().stdout;
    assert!(status.contains("\n  account      work\n"), "{status}");
    // What the laptop says for one program comes after it; what the server's login says, before.
    let own = format!("cs run env ANTHROPIC_API_KEY={THEIRS} printenv ANTHROPIC_API_KEY");
    assert_eq!(scene.on_laptop(&own).success().stdout.trim(), THEIRS);
    wait_until("the program's number", LIMIT, || {
        scene.on_laptop("test -s pid").status.success()
    });
    let pid = scene.on_laptop("cat pid").success().stdout;
    let environment = format!("/proc/{}/environ", pid.trim());
    let shown = scene
        .machines
        .on_server(&format!("tr '\\0' '\\n' < {environment}"));
    assert!(shown.success().stdout.contains(KEY));
    scene.machines.server.add_user("eve");
    let other = scene
        .machines
        .server
        .run_quickly_as("eve", &["cat", &environment]);
    assert!(
        !other.status.success() && !other.stdout.contains(KEY),
        "{other:?}"
    );
    let with_key = scene.on_server_with(KEY);
    assert!(
        with_key.lines().all(|line| line.starts_with("/proc/")),
        "on a disk, or in a file in memory: {with_key}"
    );
    drop(scene.on_laptop("rm pid; cs stop").success());
    assert_eq!(scene.on_server_with(KEY), "");
    scene.machines.wait_until_only(&before);
}

#[test]
fn a_login_is_renewed_on_the_laptop_and_shown_on_the_server() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    scene.add_login("work");
    let protect = format!(
        "echo '{PASSPHRASE}' > ~/passphrase && claude-accounts key protect --with passphrase --passphrase-fd 3 3< ~/passphrase"
    );
    drop(scene.on_laptop(&protect).success());
    // Renewed before it starts, and some seconds later by the keeper.
    scene.tokens.set_mode(Mode::WithExpiresIn(6));
    let live = "CLAUDE_ACCOUNTS_PASSPHRASE_FD=3 cs live --account work --no-claude 3< ~/passphrase";
    drop(scene.on_laptop(live).success());
    let view = scene.view();
    let mut command = scene.machines.cs_command(&["run", "env"]);
    command.arg(format!("ANTHROPIC_BASE_URL={}", scene.api.url()));
    command.arg("claude").args(STREAM);
    let mut client = Session::start(command);
    client.hello();
    let bearers = || {
        let requests = scene.api.message_requests();
        let bearer = |request: &ApiRequest| request.bearer().map(str::to_owned);
        requests.iter().filter_map(bearer).collect::<Vec<_>>()
    };
    let first = bearers().remove(0);
    scene.tokens.set_mode(Mode::Normal);
    // One that came before that is renewed once more.
    let read = || {
        scene
            .machines
            .on_server(&format!("cat {view}"))
            .success()
            .stdout
    };
    let shows_new = || {
        let current = scene.tokens.current("work").0;
        current != first && read().contains(&current)
    };
    wait_until("the renewed login on the server", LIMIT, shows_new);
    client.hello();
    let bearers = bearers();
    assert_eq!(bearers.len(), 2);
    assert_ne!(bearers[1], first);
    assert!(client.end().success());
    wait_until("the newest login in that file", LIMIT, || {
        let access = scene.tokens.current("work").0;
        scene.on_server_with(&access).contains(&view)
    });
    for token in scene.refresh_tokens("work") {
        assert_eq!(scene.on_server_with(&token), "", "a refresh token is there");
    }
    let facts =
        format!("stat -f -c %T {view} && stat -c '%a %U' {view} && stat -c '%a %U' ${{0%/*}}");
    let facts = scene.machines.server.run(&["sh", "-c", &facts, &view]);
    assert_eq!(facts.success().stdout, "tmpfs\n600 dev\n700 dev\n");
    scene.machines.server.add_user("eve");
    let other = scene.machines.server.run_quickly_as("eve", &["cat", &view]);
    assert!(
        !other.status.success() && other.stdout.is_empty(),
        "{other:?}"
    );

    drop(scene.on_laptop("cs stop").success());
    for secret in bearers.iter().chain([&scene.tokens.current("work").0]) {
        assert_eq!(scene.on_server_with(secret), "");
    }
    let is_over = || {
        scene
            .on_laptop("claude-accounts keeper status --json")
            .success()
            .json()["running"]
            == false
    };
    wait_until(
        "the end of the keeper, which has no session",
        LIMIT,
        is_over,
    );
}

#[test]
fn a_killed_agent_leaves_a_login_that_is_cleaned_up() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    scene.add_login("work");
    drop(
        scene
            .on_laptop("cs live --account work --no-claude")
            .success(),
    );
    let access = scene.tokens.current("work").0;
    let view = scene.view();
    scene.agent_ends();
    // The daemon connects to a new one, which has the login shown again.
    wait_until("the login again", LIMIT, || {
        scene.on_laptop("cs run true").status.success() && scene.machines.server.exists(&view)
    });
    // Of all who might clean up, only the command is left.
    scene.machines.kill_on_laptop("cs");
    scene.agent_ends();
    assert!(scene.on_server_with(&access).contains(&view));
    drop(scene.on_laptop("cs stop").success());
    assert_eq!(scene.on_server_with(&access), "");
    assert!(!scene.machines.server.exists(&view));
}

#[test]
fn a_login_that_has_ended_is_told() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    scene.add_login("work");
    scene.tokens.set_mode(Mode::WithExpiresIn(6));
    drop(
        scene
            .on_laptop("cs live --account work --no-claude")
            .success(),
    );
    scene.tokens.revoke("work");
    wait_until("the end of the login", LIMIT, || {
        scene.account()["state"] == "sign_in_again"
    });
    let status = scene.on_laptop("cs status").success().stdout;
    assert!(
        status.contains("  account      work (sign in again: claude-accounts login work;"),
        "{status}"
    );
    drop(scene.on_laptop("cs stop").success());
}

#[test]
fn a_sign_in_on_the_server_is_kept_until_the_session_ends() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    scene.add_login("work");
    drop(
        scene
            .on_laptop("cs live --account work --no-claude")
            .success(),
    );
    let view = scene.view();
    let own = scene.tokens.issue("own").credentials().to_string();
    let sign_in = format!("umask 077; echo '{own}' > {view}.new; mv {view}.new {view}");
    drop(scene.machines.on_server(&sign_in).success());
    drop(scene.on_laptop("claude-accounts refresh work").success());
    wait_until("what the server says of it", LIMIT, || {
        scene.account()["state"] == "signed_in"
    });
    let there = scene.machines.server.read_text(&view);
    assert_eq!(there.trim(), own);
    drop(scene.on_laptop("cs run true").success());
    drop(scene.on_laptop("cs stop").success());
    assert!(!scene.machines.server.exists(&view));
}

#[test]
fn an_account_that_is_not_there_is_an_error_and_nothing_is_begun() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let none = scene
        .on_laptop("cs live --account work --no-claude")
        .code(3);
    assert!(none.stderr.contains("no vault"), "{none:?}");
    scene.add_key("work");
    let before = scene.machines.traces();
    let wrong = scene
        .on_laptop("cs live --account wrok --no-claude")
        .code(3);
    let launched = scene.on_laptop("claude-accounts launch wrok").code(3);
    assert_eq!(wrong.stderr, launched.stderr);
    assert!(wrong.stderr.contains("work"), "{wrong:?}");
    scene.machines.wait_until_only(&before);
    // A login that the token server knows no more.
    scene.add_login("gone");
    scene.tokens.revoke("gone");
    let gone = scene.on_laptop("cs live --account gone --no-claude");
    let gone = gone.code(7);
    assert!(
        gone.stderr.contains("claude-accounts login gone"),
        "{gone:?}"
    );
    drop(scene.on_laptop("cs where").code(3));
}
