//! What `start.sh` asks of an engine and makes of its answers. A stand-in for one notes how it was called.

use testkit::{Host, Ran, host_or_skip};

use crate::scene::{USER, root};

/// Has a container whose dashboard has told two codes, of each start one.
const ENGINE: &str = "#!/bin/sh
echo \"${0##*/} $*\" >>/run/calls
case \"$*\" in
--version) cat /run/version ;;
*'healthy /api/auth/status') cat /run/status ;;
logs*) printf 'set-up code, asked for on other machines: %s\\n' FIRST SECOND ;;
esac
";
const DOCKER: &str = "Docker version 28.2.2, build e6534b4\n";
const PODMAN: &str = "podman version 4.3.1\n";

fn host_with_engines() -> Option<Host> {
    let host = host_or_skip()?;
    host.add_user(USER);
    host.install_file(&root().join("start.sh"), "/srv/checkout/start.sh");
    for name in ["docker", "podman"] {
        host.write(&format!("/usr/local/bin/{name}"), ENGINE, 0o755);
    }
    Some(host)
}

/// What `start.sh` says, and how it has called the engine.
fn start(host: &Host, version: &str, setup_done: bool) -> (String, String) {
    host.write("/run/version", version, 0o644);
    let status = format!("{{\"setup_done\":{setup_done},\"authenticated\":false}}");
    host.write("/run/status", status, 0o644);
    host.write("/run/calls", "", 0o644);
    let mut command = host.command("/srv/checkout/start.sh");
    let number = host.uid_of(USER).to_string();
    command.env("SUDO_UID", &number).env("SUDO_GID", &number);
    command.arg("--no-browser");
    let said = Ran::of(command).success().stdout;
    (said, host.read_text("/run/calls"))
}

#[test]
fn a_code_is_told_only_while_it_counts() {
    let Some(host) = host_with_engines() else {
        return;
    };
    let (said, calls) = start(&host, DOCKER, false);
    let told = "set-up code, for the first visit: SECOND\n";
    assert!(said.ends_with(told), "{said}");
    assert!(
        calls.contains("docker compose up --detach --no-build\n"),
        "{calls}"
    );
    // The same container goes on, with what it has said in its log.
    let (said, _) = start(&host, DOCKER, true);
    assert!(
        said.ends_with("dashboard: http://localhost:5111/\n"),
        "{said}"
    );
}

#[test]
fn podman_is_known_under_the_name_of_docker() {
    let Some(host) = host_with_engines() else {
        return;
    };
    let (_, calls) = start(&host, PODMAN, true);
    let build = "podman build --tag claude-accounts --format docker ";
    assert!(calls.contains(build), "{calls}");
    assert!(calls.contains("podman run --detach "), "{calls}");
}
