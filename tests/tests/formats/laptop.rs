//! What `claude-share client` and `cs` keep in the home of a laptop's user.

use std::fs;
use std::path::PathBuf;

use end_to_end::read_json;
use serde_json::Value;
use testkit::{Ran, TestHome, programs};

use crate::{Sample, add_unknown, assert_keeps_unknown};

/// A home with what the sample has of a laptop, and where that is.
fn home_with(sample: &Sample) -> (TestHome, PathBuf) {
    let home = TestHome::new();
    let own = home.home().join(".claude-share");
    sample.copy("laptop", &own);
    (home, own)
}

fn cs(home: &TestHome, words: &[&str]) -> Ran {
    let mut command = home.command(programs::path("cs"));
    command.args(words);
    Ran::of(command)
}

/// The members of a profile that a user set.
fn profile(own: &std::path::Path) -> Value {
    let profiles = read_json(&own.join("client.json"));
    let name = profiles["default"].as_str().unwrap().to_owned();
    profiles["profiles"][name].clone()
}

#[test]
fn profiles_and_lists_open_and_are_changed() {
    for sample in Sample::all() {
        let (home, own) = home_with(&sample);
        let before = profile(&own);
        let shown = cs(&home, &["proxy", "--json"]).success().json();
        let names = |list: &Value| -> Vec<Value> {
            let lines = list["commands"].as_array().unwrap();
            lines.iter().map(|line| line["name"].clone()).collect()
        };
        assert_eq!(names(&shown), names(&sample.contents["laptop"]["commands"]));
        for file in ["client.json", "commands.json", "extras.json"] {
            add_unknown(&own.join(file));
        }
        drop(cs(&home, &["proxy", "add", "hugo"]).success());
        drop(cs(&home, &["proxy", "disagree"]).success());
        let directory = home.home().join("notes");
        fs::create_dir(&directory).unwrap();
        drop(cs(&home, &["add", directory.to_str().unwrap()]).success());
        for file in ["client.json", "commands.json", "extras.json"] {
            assert_keeps_unknown(&own.join(file));
        }
        let mut after = profile(&own);
        assert_eq!(after["commands_agreed_at"], Value::Null);
        after["commands_agreed_at"] = before["commands_agreed_at"].clone();
        assert_eq!(after, before);
        let list = cs(&home, &["proxy", "--json"]).success().json();
        for name in ["hugo", "terraform"] {
            assert!(names(&list).contains(&name.into()), "{list:#}");
        }
    }
}

#[test]
fn the_record_of_a_session_and_its_commands_open() {
    for sample in Sample::all() {
        let (home, _) = home_with(&sample);
        let session = &sample.contents["laptop"]["session"]["session"];
        let session = session.as_str().unwrap();
        let log = cs(&home, &["log", session, "--json"]).success().stdout;
        assert!(log.contains("python3"), "{log}");
        // Its daemon has gone, as after a crash; it is known, and cleaned up after.
        let listed = cs(&home, &["list-sessions", "--json"]).success().stdout;
        assert!(listed.contains(session), "{listed}");
    }
}
