//! What `claude-share server init` leaves on a server.

use std::fs;
use std::path::Path;

use end_to_end::server::{Server, VAULT};
use serde_json::Value;
use testkit::Host;

use crate::{Sample, UNKNOWN};

/// Puts the files of a directory of the sample into one of the host, as root's alone.
fn put(host: &Host, from: &Path, to: &str) {
    host.run(&["mkdir", "-p", "-m", "700", to]).success();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = format!("{to}/{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => put(host, &entry.path(), &target),
            false => host.write(&target, fs::read(entry.path()).unwrap(), 0o600),
        }
    }
}

/// Which account each user has.
fn assigned(status: &Value) -> Vec<(Value, Value, Value)> {
    let users = status["users"].as_array().unwrap().iter();
    let users = users.map(|user| {
        let account = user["credential"]["account"].clone();
        (
            user["name"].clone(),
            account,
            user["credential"]["how"].clone(),
        )
    });
    users.collect()
}

#[test]
fn a_server_goes_on_with_its_users_and_accounts() {
    for sample in Sample::all() {
        let Some(server) = Server::or_skip() else {
            return;
        };
        let host = &server.host;
        // Users have the numbers that they had there: those of the first two.
        for user in ["usera", "userb"] {
            host.add_user(user);
        }
        host.run(&["groupadd", "claudeshare"]).success();
        put(host, &sample.path("server/data"), "/var/lib/claude-share");
        put(
            host,
            &sample.path("server/configuration"),
            "/etc/claude-share",
        );
        let config = host.read_text("/etc/claude-share/config");
        host.write(
            "/etc/claude-share/config",
            format!("{config}{UNKNOWN}=kept\n"),
            0o644,
        );

        drop(server.run(&["server", "sync"]).success());
        let _keeper = server.start_keeper();
        server.wait_for_keeper();
        testkit::wait_until("credentials as they were", end_to_end::LIMIT, || {
            assigned(&server.status()) == assigned(&sample.contents["server"])
        });
        let config = host.read_text("/etc/claude-share/config");
        assert!(config.contains(UNKNOWN), "{config}");
        let list = [
            "/usr/local/bin/claude-accounts",
            "--vault",
            VAULT,
            "list",
            "--json",
        ];
        let accounts = host.run(&list).success().json();
        let names = |list: &Value| -> Vec<Value> {
            let accounts = list.as_array().unwrap().iter();
            accounts.map(|account| account["name"].clone()).collect()
        };
        assert_eq!(
            names(&accounts),
            names(&sample.contents["server"]["accounts"])
        );
    }
}
