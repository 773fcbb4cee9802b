//! The Debian package.

use std::collections::BTreeSet;
use std::path::Path;

use end_to_end::HOURS_8;
use end_to_end::server::{Server, VAULT};
use testkit::Host;
use testkit::host::host_or_skip;

use crate::{PROGRAMS, built_or_skip};

/// Where the package is on a machine.
const PACKAGE: &str = "/root/claude-accounts.deb";
/// The same with another version's number, as an earlier release was.
const EARLIER: &str = "/root/earlier.deb";
const EARLIER_VERSION: &str = "0.0.9-1";

/// Packs [`EARLIER`]: it differs in its number, and in one file.
const MAKE_EARLIER: &str = "
set -e
dpkg-deb --raw-extract $1 /root/earlier
sed -i 's/^Version: .*/Version: 0.0.9-1/' /root/earlier/DEBIAN/control
echo 'the earlier version' >/root/earlier/usr/share/doc/claude-accounts/README.Debian
dpkg-deb -Znone --build /root/earlier $2
rm -r /root/earlier
";

/// What packages may bring and leave; their own records and logs aside.
const EVERYTHING: &str = "find /etc /usr /var /opt /root /home -xdev \
    \\( -path /var/lib/dpkg -o -path /var/log -o -path /var/cache -o -path /root/claude-accounts.deb \\) -prune \
    -o -printf '%y %m %u %p %l\\n'";

/// A machine that has the package's file; `None`, and the test noted as skipped, where there can be none.
fn host_with_package() -> Option<Host> {
    let package = built_or_skip(".deb")?;
    let host = host_or_skip()?;
    prepare(&host, &package);
    Some(host)
}

/// Puts the package's file there. The index of man pages is not made anew each time: that takes seconds.
fn prepare(host: &Host, package: &Path) {
    host.install_file(package, PACKAGE);
    drop(
        host.run(&["rm", "-f", "/var/lib/man-db/auto-update"])
            .success(),
    );
}

/// A server that has nothing but the package's programs; the tests' own stand-ins aside.
fn server_with_package() -> Option<Server> {
    let package = built_or_skip(".deb")?;
    let server = Server::or_skip()?;
    prepare(&server.host, &package);
    for name in ["claude-share", "claude-accounts"] {
        server.host.remove_program(name);
        let (installed, link) = (format!("/usr/bin/{name}"), format!("/usr/local/bin/{name}"));
        drop(server.host.run(&["ln", "-s", &installed, &link]).success());
    }
    Some(server)
}

#[track_caller]
fn install(host: &Host, package: &str) -> String {
    let ran = host.run(&["dpkg", "--install", package]).success();
    format!("{}{}", ran.stdout, ran.stderr)
}

#[track_caller]
fn make_earlier(host: &Host) {
    let words = ["sh", "-c", MAKE_EARLIER, "sh", PACKAGE, EARLIER];
    drop(host.run(&words).success());
}

/// As dpkg has it, with the version; nothing of a package that is not known to it.
fn state(host: &Host) -> String {
    let words = [
        "dpkg-query",
        "-W",
        "-f",
        "${db:Status-Status} ${Version}",
        "claude-accounts",
    ];
    host.run(&words).stdout
}

fn everything(host: &Host) -> BTreeSet<String> {
    let list = host.run(&["sh", "-c", EVERYTHING]).success().stdout;
    list.lines().map(str::to_owned).collect()
}

#[test]
fn lintian_finds_nothing() {
    let Some(host) = host_with_package() else {
        return;
    };
    if !host.exists("/usr/bin/lintian") {
        return testkit::skip("needs lintian");
    }
    let arguments = [
        "--allow-root",
        "--no-tag-display-limit",
        "--fail-on",
        "error,warning",
    ];
    let ran = host.run(&[&["lintian"], &arguments[..], &[PACKAGE]].concat());
    assert_eq!(ran.success().stdout, "");
}

#[test]
fn it_comes_whole_and_goes_without_a_trace_but_for_what_users_made() {
    let Some(host) = host_with_package() else {
        return;
    };
    host.add_user("anna");
    let as_anna = |script: &str| host.run_as("anna", &["sh", "-c", script]).success().stdout;
    let before = everything(&host);
    install(&host, PACKAGE);
    for name in PROGRAMS {
        let version = host
            .run(&[&format!("/usr/bin/{name}"), "--version"])
            .success();
        assert!(version.stdout.starts_with(name), "{}", version.stdout);
        let page = format!("/usr/share/man/man1/{name}.1.gz");
        drop(host.run(&["gzip", "--test", &page]).success());
    }
    let units = host.run(&["grep", "-r", "@BINDIR@", "/usr/lib/systemd"]);
    assert_eq!(
        units.code(1).stdout,
        "",
        "units that do not know their programs"
    );
    let damaged = host.run(&["dpkg", "--verify", "claude-accounts"]).success();
    assert_eq!(damaged.stdout, "");
    let readme = "/usr/share/doc/claude-accounts/README.Debian";
    let damage = format!("echo >> {readme} && dpkg --verify claude-accounts; sed -i '$d' {readme}");
    let damaged = host.run(&["sh", "-c", &damage]).success();
    assert!(damaged.stdout.contains(readme), "{}", damaged.stdout);
    as_anna("printf sk-ant-api03-FAKE-key | claude-accounts add perso --key-stdin");
    let hers = as_anna("find ~ | sort");

    drop(host.run(&["dpkg", "--remove", "claude-accounts"]).success());
    drop(host.run(&["dpkg", "--purge", "claude-accounts"]).success());
    assert_eq!(as_anna("find ~ | sort"), hers, "her vault stays");
    as_anna("rm -r ~/.claude-accounts");
    assert_eq!(state(&host), "");
    let after = everything(&host);
    let left: Vec<&String> = after.difference(&before).collect();
    assert!(left.is_empty(), "left: {left:#?}");
    let lost: Vec<&String> = before.difference(&after).collect();
    assert!(lost.is_empty(), "lost: {lost:#?}");
}

#[test]
fn over_an_upgrade_the_keeper_goes_on_keeping() {
    let Some(server) = server_with_package() else {
        return;
    };
    let host = &server.host;
    make_earlier(host);
    install(host, EARLIER);
    assert_eq!(state(host), format!("installed {EARLIER_VERSION}"));
    server.sign_in_as_root(HOURS_8);
    drop(server.init(&["usera"], &[]).success());
    server.wait_for_keeper();
    server.wait_for_view("usera");
    let before = server.shown_to("usera");

    let said = install(host, PACKAGE);
    assert!(
        said.contains("The keeper of claude-share goes on with version 0.0.9-1"),
        "{said}"
    );
    let readme = host.read_text("/usr/share/doc/claude-accounts/README.Debian");
    assert!(readme.starts_with("claude-accounts on Debian"), "{readme}");
    assert_eq!(server.status()["keeper"]["running"], true);
    server.renew();
    server.wait_for_view("usera");
    assert_ne!(server.shown_to("usera"), before, "the newest token");

    // As README.Debian says: the keeper of the new version takes over.
    let keeper = server.status()["keeper"]["pid"].to_string();
    drop(host.run(&["kill", &keeper]).success());
    testkit::wait_until("the end of the earlier keeper", end_to_end::LIMIT, || {
        server.status()["keeper"]["running"] != true
    });
    drop(server.run(&["sync"]).success());
    server.wait_for_keeper();
    server.wait_for_good_home("usera");
}

#[test]
fn it_does_not_go_while_users_would_be_logged_out() {
    let Some(server) = server_with_package() else {
        return;
    };
    let host = &server.host;
    install(host, PACKAGE);
    let installed = state(host);
    server.sign_in_as_root(HOURS_8);
    drop(server.init(&["usera"], &[]).success());
    server.wait_for_keeper();
    for verb in ["--remove", "--purge"] {
        let refused = host.run(&["dpkg", verb, "claude-accounts"]);
        assert!(!refused.status.success());
        assert!(
            refused.stderr.contains("claude-share server uninstall"),
            "{}",
            refused.stderr
        );
        assert_eq!(state(host), installed);
    }
    assert_eq!(server.status()["keeper"]["running"], true);
    server.renew();
    server.wait_for_view("usera");

    drop(server.run(&["server", "uninstall", "-y"]).success());
    let purged = host.run(&["dpkg", "--purge", "claude-accounts"]).success();
    assert!(purged.stdout.contains(VAULT), "{}", purged.stdout);
    assert!(
        host.exists(&format!("{VAULT}/accounts.db")),
        "the vault stays"
    );
    assert_eq!(state(host), "");
    let left = host.run(&[
        "find",
        "/var/lib/claude-share",
        "/etc/claude-share",
        "-maxdepth",
        "1",
    ]);
    assert_eq!(left.stdout, format!("/var/lib/claude-share\n{VAULT}\n"));
}

#[test]
fn under_systemd_an_upgrade_starts_the_keeper_anew_and_an_installation_nothing() {
    let Some(host) = host_with_package() else {
        return;
    };
    make_earlier(&host);
    // Stand-ins that note what they are asked for: the machine itself runs no systemd.
    for name in ["systemctl", "deb-systemd-invoke"] {
        host.remove_program(name);
        let script = format!("#!/bin/sh\necho {name} \"$@\" >>/root/asked\n");
        host.write(&format!("/usr/bin/{name}"), script, 0o755);
    }
    host.make_directory("/run/systemd/system", 0o755);
    install(&host, EARLIER);
    let reload = "systemctl --system daemon-reload\n";
    assert_eq!(host.read_text("/root/asked"), reload);
    install(&host, PACKAGE);
    assert!(
        host.read_text("/root/asked")
            .ends_with("deb-systemd-invoke try-restart claude-share-keeper.service\n")
    );
    drop(host.run(&["dpkg", "--purge", "claude-accounts"]).success());
    assert!(host.read_text("/root/asked").ends_with(reload));
}
