//! What the client finds when it takes our place. This test starts itself again to be replaced.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use launch::{LaunchError, replace_process};

const NAME: &str = "become_client::the_client_takes_our_place";
const INSIDE: &str = "LAUNCH_TEST_IS_TO_BE_REPLACED";
const CLIENT: &str = r#"echo "pid=$$ arg0=$0 args=$*"; env | sort; grep -E '^Sig(Blk|Ign)' /proc/self/status; ls -l /proc/$$/fd; exit 7"#;

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "how the test knows that it was started by itself"
)]
fn the_client_takes_our_place() {
    if env::var_os(INSIDE).is_some() {
        let arguments = ["-c", CLIENT, "name", "two words", ""].map(OsString::from);
        let environment = vec![
            ("ONLY".into(), "this".into()),
            ("PATH".into(), "/usr/bin:/bin".into()),
        ];
        let _ours = File::open("Cargo.toml").unwrap();
        panic!(
            "{}",
            replace_process(Path::new("/bin/sh"), &arguments, environment)
        );
    }
    let mut command = Command::new("sh");
    // Starts it with one signal ignored that has to stay so, as under nohup, and a descriptor to inherit.
    command.args(["-c", r#"trap "" HUP; exec "$@" 7</dev/null"#, "sh"]);
    command
        .arg(env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"]);
    let child = command
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(
        said.contains(&format!("pid={pid} arg0=name args=two words \n")),
        "{said}"
    );
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.contains('=') && !line.contains("pid="))
        .collect();
    assert_eq!(
        lines
            .iter()
            .filter(|line| !line.starts_with("PWD=") && !line.starts_with("_="))
            .count(),
        2,
        "{said}"
    );
    let mask = |name: &str| {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line[name.len()..].trim(), 16).unwrap()
    };
    let bit = |signal: u64| 1 << (signal - 1);
    assert_eq!(mask("SigBlk:"), 0, "{said}");
    assert_eq!(mask("SigIgn:") & bit(13), 0, "SIGPIPE is ignored: {said}");
    assert_ne!(
        mask("SigIgn:") & bit(1),
        0,
        "SIGHUP is not ignored any more: {said}"
    );
    let descriptors: Vec<&str> = said.lines().filter(|line| line.contains(" -> ")).collect();
    let holds = |end: &str| descriptors.iter().any(|line| line.ends_with(end));
    assert!(holds(" 7 -> /dev/null"), "{said}");
    assert!(
        !holds("Cargo.toml"),
        "a file of ours is open in the client: {said}"
    );
}

#[test]
fn what_cannot_be_started_is_an_error() {
    let error = replace_process(Path::new("/nowhere/claude"), &[], Vec::new());
    assert!(matches!(&error, LaunchError::Start { .. }));
    assert!(
        error
            .to_string()
            .starts_with("cannot start /nowhere/claude: "),
        "{error}"
    );
}
