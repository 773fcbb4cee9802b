//! The keeper's socket, to which everybody may connect.

use std::process::Stdio;

use end_to_end::LIMIT;
use testkit::{Ran, wait_until};

use crate::scene::Scene;

/// Opens 500 connections and says `$1` (a Python expression) on each; keeps them open, and opens those again that were
/// closed.
const CONNECT: &str = r#"
import socket, sys
words = eval(sys.argv[1])
def open_one():
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(5)
    try:
        one.connect('/run/claude-share/keeper.sock')
        one.sendall(words)
    except OSError:
        pass
    return one
held = [open_one() for _ in range(500)]
print('begun', flush=True)
while True:
    for place in range(len(held)):
        held[place].close()
        held[place] = open_one()
"#;

/// What a process of somebody's is told by the keeper.
const ASK: &str = r#"
import socket, sys
one = socket.socket(socket.AF_UNIX)
one.settimeout(20)
one.connect('/run/claude-share/keeper.sock')
one.sendall(sys.argv[1].encode() + b'\n')
answer = b''
while True:
    some = one.recv(65536)
    if not some:
        break
    answer += some
print(answer.decode(), end='')
"#;

const KEY: &str = "sk-ant-api03-FAKE-key-of-bert";

#[test]
fn who_calls_without_end() {
    let Some(scene) = Scene::with(&["mallory"]) else {
        return;
    };
    let server = &scene.server;
    let mut command = server.host.command("claude-accounts");
    command.args([
        "--vault",
        end_to_end::server::VAULT,
        "add",
        "billed",
        "--key-stdin",
    ]);
    drop(Ran::with_input(command, KEY.as_bytes()).success());
    drop(
        server
            .run(&["server", "assign", "anna", "billed"])
            .success(),
    );
    for (what, words) in [
        ("says nothing", "b''"),
        ("says garbage", "bytes(range(256))"),
        ("says no end of a line", "b'x' * 4000000"),
        ("asks for the key and does not listen", r"b'key\n'"),
        ("asks for what is root's", r"b'stop\n'"),
        ("asks a lot", r"b'key\n' * 100000"),
    ] {
        let hostile = scene.script("mallory", CONNECT, &[words]);
        for _renewal in 0..3 {
            server.renew();
            server.wait_for_view("bert");
        }
        let key = server.host.run_quickly_as("anna", &["claude-share", "key"]);
        assert_eq!(key.success().stdout, format!("{KEY}\n"), "{what}");
        scene.assert_keeper_lives(what);
        scene.assert_untouched_outside(what);
        drop(hostile);
    }
    for word in ["key", "status", "reload", "stop", "", "KEY", "key status"] {
        let ran = server
            .host
            .run_quickly_as("mallory", &["python3", "-c", ASK, word]);
        let answer = ran.success().stdout;
        assert!(
            !answer.contains(KEY) && !answer.contains("\"pid\""),
            "{word}: {answer}"
        );
    }
    scene.assert_keeper_lives("has asked for everything");
    server.wait_for_good_home("mallory");
    server.wait_for_good_home("bert");

    // Taken away, it is gone at once.
    drop(
        server
            .run(&["server", "assign", "anna", "--default"])
            .success(),
    );
    wait_until("no key any more", LIMIT, || {
        let mut command = server.host.command_as_user("anna", "claude-share");
        command.arg("key").stdin(Stdio::null());
        !Ran::of(command).status.success()
    });
    server.wait_for_good_home("anna");
    scene.wait_until_all_is_well("calls without end");
}
