//! A server is set up, changed and taken down as documented: `claude-share server …`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod config;
mod keys;
mod logins;
mod taking_back;
mod users;
mod walkthrough;

use end_to_end::server::Server;
use serde_json::Value;

/// What a home has, as lines of type, mode, owner and name, without times and without what only a login shell leaves.
fn contents_of_home(server: &Server, user: &str) -> Vec<String> {
    let listing = server.host.run(&[
        "find",
        &format!("/home/{user}"),
        // A directory's size tells how many names are in it.
        "(",
        "-type",
        "d",
        "-printf",
        "%y %m %u:%g - %P\\n",
        ")",
        "-o",
        "-printf",
        "%y %m %u:%g %s %P -> %l\\n",
    ]);
    let mut lines: Vec<String> = listing
        .success()
        .stdout
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

fn json_of(server: &Server, path: &str) -> Value {
    serde_json::from_slice(&server.host.read(path)).unwrap()
}

/// The row of a user in `status --json`.
fn row(server: &Server, user: &str) -> Value {
    let status = server.status();
    let rows = status["users"].as_array().unwrap();
    let found = rows.iter().find(|row| row["name"] == user);
    found
        .unwrap_or_else(|| panic!("{user} is not in {status:#}"))
        .clone()
}
