//! What builds a project in the mount: cargo, and npm.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use testkit::{Ran, wait_until};

use crate::programs::{command, find, run};
use crate::session::{LIMIT, Session, with_session};

const NPM_SCRIPT: &str = include_str!("npm.sh");

/// The compiler and cargo themselves: rustup's would look for toolchains in the home, and get some over the network.
fn cargo(session: &Session) -> Option<Command> {
    let cargo = env::var_os("CARGO").map(PathBuf::from);
    let Some(cargo) = cargo.filter(|cargo| cargo.with_file_name("rustc").is_file()) else {
        testkit::skip("CARGO names no cargo that has a rustc beside it");
        return None;
    };
    let mut command = command(session, &cargo, &session.server("project"));
    command
        .env("RUSTC", cargo.with_file_name("rustc"))
        .env("CARGO_HOME", session.beside("cargo"))
        .env("CARGO_TARGET_DIR", session.server("project/target"))
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TERM_COLOR", "never");
    Some(command)
}

/// A workspace of three packages, one with a build script.
fn make_project(session: &Session) {
    let files = [
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\nexclude = [\"target\"]\n",
        ),
        (
            "one/src/lib.rs",
            "pub fn one() -> u32 { include!(concat!(env!(\"OUT_DIR\"), \"/one.rs\")) }\n",
        ),
        (
            "one/build.rs",
            "fn main() { std::fs::write(std::env::var(\"OUT_DIR\").unwrap() + \"/one.rs\", \"1\").unwrap() }\n",
        ),
        (
            "two/src/lib.rs",
            "pub const TWO: u32 = 2;\n#[test] fn two() { assert_eq!(TWO, 2) }\n",
        ),
        (
            "three/src/main.rs",
            "fn main() { println!(\"{}\", one::one() + two::TWO) }\n",
        ),
    ];
    for (path, contents) in files {
        let path = session.laptop("project").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    for (name, dependencies) in [
        ("one", ""),
        ("two", ""),
        (
            "three",
            "one = { path = \"../one\" }\ntwo = { path = \"../two\" }\n",
        ),
    ] {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n{dependencies}"
        );
        fs::write(
            session.laptop(&format!("project/{name}/Cargo.toml")),
            manifest,
        )
        .unwrap();
    }
}

#[test]
fn cargo_builds_runs_and_builds_again_what_has_changed() {
    with_session(
        "builds::cargo_builds_runs_and_builds_again_what_has_changed",
        |session| {
            make_project(session);
            let Some(mut build) = cargo(session) else {
                return;
            };
            build.args(["build", "--offline"]);
            run(build);
            let built = || {
                run(command(
                    session,
                    session.server("project/target/debug/three"),
                    &session.beside(""),
                ))
            };
            assert_eq!(built(), "3\n");
            let rebuilt = || {
                let mut build = cargo(session).unwrap();
                build.args(["build", "--offline"]);
                Ran::of(build).success().stderr
            };
            let said = rebuilt();
            assert!(!said.contains("Compiling"), "nothing has changed: {said}");
            fs::write(
                session.laptop("project/two/src/lib.rs"),
                "pub const TWO: u32 = 40;\n",
            )
            .unwrap();
            wait_until("a build of what was changed on the laptop", LIMIT, || {
                rebuilt();
                built() == "41\n"
            });
        },
    );
}

#[test]
fn npm_installs_what_its_lock_file_names() {
    with_session("builds::npm_installs_what_its_lock_file_names", |session| {
        for program in ["npm", "node"] {
            if find(program, "apt-get install npm nodejs").is_none() {
                return;
            }
        }
        let mut shell = command(session, "sh", &session.beside(""));
        shell.args(["-euc", NPM_SCRIPT, "sh"]);
        shell
            .arg(session.beside("packages"))
            .arg(session.server("project"));
        run(shell);
        let module = session.laptop("project/node_modules/package-7/lib/5.js");
        assert_eq!(fs::read_to_string(module).unwrap(), "module.exports = 5\n");
    });
}
