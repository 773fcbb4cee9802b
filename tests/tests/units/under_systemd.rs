//! The units under a real systemd: socket activation, what the hardening lets programs do, and the keeper of a server.

use std::fs;
use std::path::Path;

use end_to_end::LIMIT;
use end_to_end::server::Server;
use testkit::{Host, host_or_skip, skip, wait_until};

use crate::booted::Booted;
use crate::probe::{IN_KEEPER, IN_TERMINALS, PROBE};
use crate::{Scope, Unit};

const PROGRAMS: &str = "/usr/local/bin";
const SERVE: &str = "claude-accounts-serve.service";
const SOCKET: &str = "claude-accounts-serve.socket";
const KEEPER: &str = "claude-accounts-keeper.service";
const ANNA: &str = "anna";

/// Asks the dashboard how it is.
const VISIT: &str = "exec 3<>/dev/tcp/127.0.0.1/5111
printf 'GET /healthz HTTP/1.1\\r\\nHost: localhost:5111\\r\\nConnection: close\\r\\n\\r\\n' >&3
cat <&3";

/// Sets it up, as the user's own browser would.
const SET_UP: &str = "exec 3<>/dev/tcp/127.0.0.1/5111
body='{\"password\": \"correct horse battery staple\"}'
printf 'POST /api/auth/setup HTTP/1.1\\r\\nHost: localhost:5111\\r\\nConnection: close\\r\\n' >&3
printf 'Content-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n%s' \"${#body}\" \"$body\" >&3
cat <&3";

/// Has the host everything that a package brings, and users.
fn install(host: &Host) {
    host.install_program("claude-accounts", "/usr/local/bin/claude-accounts");
    host.write("/usr/local/bin/probe", PROBE, 0o755);
    host.make_directory("/srv/shared", 0o1777);
    for unit in Unit::all() {
        if unit.scope == Scope::User {
            let path = format!("/usr/lib/systemd/user/{}", unit.name);
            host.write(&path, unit.installed(PROGRAMS), 0o644);
        }
    }
    for (service, probe) in [(SERVE, "probe-serve"), (KEEPER, "probe-keeper")] {
        let path = format!("/usr/lib/systemd/user/{probe}.service");
        host.write(&path, probing(&Unit::named(Scope::User, service)), 0o644);
    }
    for user in [ANNA, "bert"] {
        host.add_user(user);
    }
}

/// The unit with another program, which is waited for, and whose output can be read.
fn probing(unit: &Unit) -> String {
    let settings = unit.text.split_once("[Service]").unwrap().1;
    let settings = settings.split_once("[Install]").unwrap().0;
    let kept = settings.lines().filter(|line| {
        let changed = ["Type=", "ExecStart=", "ExecReload=", "Restart"];
        !changed.iter().any(|setting| line.starts_with(setting))
    });
    let kept: Vec<&str> = kept.collect();
    format!(
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c '/usr/local/bin/probe > %h/probed'\n{}\n",
        kept.join("\n")
    )
}

/// The commands that the page shows, a block each.
fn shown() -> [String; 4] {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/how-to/systemd.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().to_owned());
    let blocks: Vec<String> = blocks.collect();
    blocks.try_into().expect("four blocks")
}

/// `sudo` of a user who may do everything.
fn without_sudo(commands: &str) -> String {
    commands.replace("sudo ", "")
}

/// With everything installed, and a manager of anna's that runs.
fn booted(host: &Host) -> Option<Booted<'_>> {
    let systemd = Booted::or_skip(host)?;
    install(host);
    let manager = format!("user@{}.service", host.uid_of(ANNA));
    let started = systemd.run(&["systemctl", "start", &manager]);
    if started.status.success() {
        return Some(systemd);
    }
    skip(format!(
        "no manager of a user here: {}",
        started.stderr.trim()
    ));
    None
}

#[test]
fn the_dashboard_starts_with_the_first_visit_and_hardening_leaves_what_work_needs() {
    let Some(host) = host_or_skip() else { return };
    let Some(systemd) = booted(&host) else { return };
    let account =
        "echo sk-ant-api03-FAKE-key-of-an-account | claude-accounts add perso --key-stdin";
    drop(systemd.run_as(ANNA, &["sh", "-c", account]).success());

    let [enable, linger, look, _] = shown();
    drop(systemd.run_as(ANNA, &["sh", "-ec", &enable]).success());
    let linger = format!("USER={ANNA}; {}", without_sudo(&linger));
    drop(systemd.run(&["sh", "-ec", &linger]).success());
    assert!(host.exists("/var/lib/systemd/linger/anna"));
    let states = |unit| systemd.property(ANNA, unit, "ActiveState");
    assert_eq!(
        [SOCKET, KEEPER, SERVE].map(states),
        ["active", "active", "inactive"]
    );
    let answer = systemd.run_as(ANNA, &["bash", "-c", VISIT]).success();
    assert!(
        answer.stdout.starts_with("HTTP/1.1 200"),
        "{}",
        answer.stdout
    );
    // It answers as soon as it has told systemd, which may still be reading that.
    wait_until("the dashboard's service", LIMIT, || {
        states(SERVE) == "active"
    });
    let status = ["claude-accounts", "keeper", "status", "--json"];
    let keeper = systemd.run_as(ANNA, &status).success().json();
    let main = systemd.property(ANNA, KEEPER, "MainPID");
    assert_eq!(keeper["pid"].to_string(), main);

    let said = systemd.run_as(ANNA, &["sh", "-ec", &look]).success();
    assert!(said.stdout.contains("set-up code"), "{}", said.stdout);
    // The user namespace does not keep it from knowing its user, who is asked for no code.
    let set_up = systemd.run_as(ANNA, &["bash", "-c", SET_UP]).success();
    assert!(
        set_up.stdout.starts_with("HTTP/1.1 201"),
        "{}",
        set_up.stdout
    );

    for unit in [SERVE, KEEPER] {
        drop(
            systemd
                .run_as(ANNA, &["systemctl", "--user", "stop", unit])
                .success(),
        );
        assert_eq!(systemd.property(ANNA, unit, "Result"), "success", "{unit}");
    }
    // The socket is still there, and the next visit starts it again.
    let answer = systemd.run_as(ANNA, &["bash", "-c", VISIT]).success();
    assert!(
        answer.stdout.starts_with("HTTP/1.1 200"),
        "{}",
        answer.stdout
    );

    host.write("/tmp/outer", "", 0o644);
    for (unit, expected) in [
        ("probe-serve.service", &IN_TERMINALS[..]),
        ("probe-keeper.service", &IN_KEEPER[..]),
    ] {
        let start = ["systemctl", "--user", "start", unit];
        drop(systemd.run_as(ANNA, &start).success());
        let probed = host.read_text("/home/anna/probed");
        assert_eq!(probed.lines().collect::<Vec<_>>(), expected, "{unit}");
    }
}

#[test]
fn the_keeper_of_a_server_is_set_up_by_init_and_does_its_work() {
    let Some(server) = Server::or_skip() else {
        return;
    };
    server.sign_in_as_root(end_to_end::HOURS_8);
    let lines = "usera:usera-FAKE-1234\n";
    server.host.write("/root/users.txt", lines, 0o600);
    let Some(systemd) = Booted::or_skip(&server.host) else {
        return;
    };
    let init = "claude-share server init --yes --users-from-file /root/users.txt";
    drop(systemd.run(&["sh", "-c", init]).success());
    let unit = "claude-share-keeper.service";
    let state = || systemd.run(&["systemctl", "is-active", unit]).stdout;
    assert_eq!(state(), "active\n");
    let view = "/home/usera/.claude/.credentials.json";
    wait_until("a user's view", LIMIT, || server.host.exists(view));
    // A worker mends what the user does to it.
    let remove = format!("rm {view}");
    drop(systemd.run_as("usera", &["sh", "-c", &remove]).success());
    wait_until("a view that is mended", LIMIT, || server.host.exists(view));
    let [.., look] = shown();
    let said = systemd
        .run(&["sh", "-ec", &without_sudo(&look)])
        .success()
        .stdout;
    assert!(said.contains("active (running)"), "{said}");
    drop(systemd.run(&["systemctl", "stop", unit]).success());
    let show = ["systemctl", "show", "--value", "-p", "Result", unit];
    assert_eq!(systemd.run(&show).success().stdout, "success\n");
    drop(
        systemd
            .run(&["claude-share", "server", "uninstall", "--yes"])
            .success(),
    );
    assert!(
        !server
            .host
            .exists("/etc/systemd/system/claude-share-keeper.service")
    );
}
