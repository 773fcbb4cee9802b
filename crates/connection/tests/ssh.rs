//! How `ssh` is started, what is understood of its failures, and its end. With a stand-in for it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it was about"
)]

mod common;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use common::{PATIENCE, Said, end, within};
use connection::reconnect::{Connector as _, Options, Status, keep};
use connection::ssh::{FastCipher, Ssh, SshError, SshProblem, SshStream};
use connection::{Connection, ConnectionError};
use rustix::process::{Pid, getpgid, getpgrp};
use tempfile::TempDir;
use testkit::wait_until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

struct StandIn {
    directory: TempDir,
}

impl StandIn {
    fn new(script: &str) -> StandIn {
        let directory = tempfile::tempdir().unwrap();
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o700);
        let mut file = file.open(directory.path().join("ssh")).unwrap();
        write!(
            file,
            "#!/bin/sh\ncd {}\n{script}",
            directory.path().display()
        )
        .unwrap();
        StandIn { directory }
    }

    fn ssh(&self) -> Ssh {
        Ssh {
            program: self.directory.path().join("ssh"),
            arguments: vec!["-p".into(), "2222".into()],
            destination: "me@server".into(),
            command: "agent --name 'a b'".into(),
            environment: vec![
                ("PATH".into(), "/usr/bin:/bin".into()),
                ("HOME".into(), self.directory.path().into()),
            ],
        }
    }

    /// Another thread that forks at the moment may have the script open for writing still.
    fn start(&self) -> SshStream {
        let mut started = self.ssh().start();
        wait_until("a start", PATIENCE, || {
            let is_busy =
                matches!(&started, Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy);
            if is_busy {
                started = self.ssh().start();
            }
            !is_busy
        });
        started.unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

async fn failure(script: &str) -> SshError {
    let stand_in = StandIn::new(script);
    let mut stream = stand_in.start();
    let mut read = Vec::new();
    let error = within(stream.read_to_end(&mut read)).await.unwrap_err();
    error
        .get_ref()
        .unwrap()
        .downcast_ref::<SshError>()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn it_is_given_these_words_and_this_environment_and_nothing_else() {
    let stand_in = StandIn::new("for word; do echo \"$word\"; done > words; env > variables; cat");
    let mut stream = stand_in.start();
    let group = stream
        .process()
        .and_then(|id| Pid::from_raw(id as i32))
        .unwrap();
    assert_eq!(getpgid(Some(group)).unwrap(), group);
    assert_ne!(group, getpgrp());
    stream.write_all(b"there and back").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = String::new();
    within(stream.read_to_string(&mut back)).await.unwrap();
    assert_eq!(back, "there and back");
    let words = fs::read_to_string(stand_in.path("words")).unwrap();
    let options = [
        "BatchMode=yes",
        "ServerAliveInterval=0",
        "ClearAllForwardings=yes",
        "ForwardAgent=no",
        "ForwardX11=no",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
        "RequestTTY=no",
        "ControlMaster=no",
        "ControlPath=none",
    ];
    let options = options.map(|option| format!("-o\n{option}\n")).concat();
    let rest = "-p\n2222\nme@server\n--\nagent --name 'a b'\n";
    assert_eq!(words, format!("-T\n{options}{rest}"));
    let variables = fs::read_to_string(stand_in.path("variables")).unwrap();
    let names = variables.lines().filter_map(|line| line.split('=').next());
    let unknown: Vec<&str> = names
        .filter(|name| !["PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[tokio::test]
async fn failures_are_recognised() {
    let cases = [
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nHost key verification failed.",
            SshProblem::HostKeyChanged,
        ),
        (
            "No ED25519 host key is known for x and you have requested strict checking.\r\nHost key verification failed.",
            SshProblem::HostKeyUnknown,
        ),
        (
            "me@server: Permission denied (publickey).",
            SshProblem::PermissionDenied,
        ),
        (
            "ssh: Could not resolve hostname server: Name or service not known",
            SshProblem::UnknownHost,
        ),
        (
            "ssh: connect to host server port 22: Connection refused",
            SshProblem::Refused,
        ),
        (
            "ssh: connect to host server port 22: No route to host",
            SshProblem::Unreachable,
        ),
        (
            "ssh: connect to host server port 22: Connection timed out",
            SshProblem::Unreachable,
        ),
        ("Connection closed by 192.0.2.1 port 22", SshProblem::Broken),
        ("something that nobody knows", SshProblem::Other),
    ];
    for (text, problem) in cases {
        let error = failure(&format!("cat >&2 <<'TEXT'\n{text}\nTEXT\nexit 255")).await;
        assert_eq!(error.problem, problem, "{text}");
        assert_eq!(error.code, Some(255));
        let last = text.lines().last().unwrap();
        assert!(error.to_string().contains(last), "{error}");
        assert!(error.to_string().ends_with(problem.hint()), "{error}");
    }
    let missing = failure("echo 'bash: line 1: agent: command not found' >&2; exit 127").await;
    assert_eq!(missing.problem, SshProblem::CommandMissing);
    assert!(missing.needs_somebody());
    let failed = failure("echo 'Connection refused' >&2; exit 1").await;
    assert_eq!(failed.problem, SshProblem::Other);
    let killed = failure("kill -9 $$").await;
    assert_eq!((killed.code, killed.problem), (None, SshProblem::Other));
}

#[tokio::test]
async fn much_that_is_said_neither_blocks_it_nor_is_kept() {
    let script = "i=0; while [ $i -lt 20000 ]; do echo 'line after line, to fill a pipe' >&2; i=$((i+1)); done
        printf '\\033]0;title\\007the end\\n' >&2; exit 255";
    let error = failure(script).await;
    assert!(error.text.len() < 5000, "{}", error.text.len());
    assert!(
        error.text.ends_with("\\u{1b}]0;title\\u{7}the end"),
        "{}",
        error.text
    );
}

#[tokio::test]
async fn one_that_cannot_be_started_says_so() {
    let stand_in = StandIn::new("");
    let mut ssh = stand_in.ssh();
    ssh.destination = "-oProxyCommand=touch x".into();
    assert_eq!(ssh.start().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    ssh.destination = "server".into();
    ssh.program = stand_in.path("nothing");
    let error = ssh.start().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("nothing"));
}

#[tokio::test]
async fn it_and_what_it_started_are_gone_when_the_stream_is() {
    // The second is what a jump host brings about.
    let stand_in = StandIn::new(
        "trap '' TERM HUP; sleep 1000 & echo $! > child.new; mv child.new child; echo ready; wait; sleep 1000",
    );
    let mut stream = stand_in.start();
    let mut ready = [0; 6];
    within(stream.read_exact(&mut ready)).await.unwrap();
    let child = fs::read_to_string(stand_in.path("child")).unwrap();
    let ids = [
        stream.process().unwrap().to_string(),
        child.trim().to_owned(),
    ];
    let proc = |id: &String| PathBuf::from("/proc").join(id);
    assert!(ids.iter().all(|id| proc(id).exists()));
    drop(stream);
    let gone = async {
        // The second is init's, or whoever reaps here; a zombie runs no more.
        let runs = |id: &String| {
            let status = fs::read_to_string(proc(id).join("stat")).unwrap_or_default();
            !status.is_empty() && !status.contains(") Z ")
        };
        while proc(&ids[0]).exists() || runs(&ids[1]) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(gone).await;
}

#[tokio::test]
async fn a_connection_learns_why_it_failed_and_asks_rarely_for_a_refused_key() {
    let stand_in = StandIn::new("echo 'me@server: Permission denied (publickey).' >&2; exit 255");
    drop(stand_in.start());
    let (one, _hears): (Connection<Said>, _) = end();
    let (keeper, kept) = keep(one, stand_in.ssh(), Options::default());
    let running = tokio::spawn(kept);
    let mut status = keeper.status();
    let down = status.wait_for(|status| matches!(status, Status::Down { .. }));
    let down = within(down).await.unwrap().clone();
    let Status::Down {
        retry_at, error, ..
    } = down
    else {
        unreachable!();
    };
    let ConnectionError::Stream(error) = &*error else {
        panic!("{error}");
    };
    let error = error.get_ref().unwrap().downcast_ref::<SshError>().unwrap();
    assert_eq!(error.problem, SshProblem::PermissionDenied);
    assert!(retry_at - tokio::time::Instant::now() > Duration::from_secs(60));
    running.abort();
}

/// Says which ciphers it would offer: those in `CONFIGURED`, or by itself others.
const CONFIGURED: &str = "for word; do case $word in -G) asked=yes;; -F) own=yes;; esac; done
case $asked$own in
yesyes) echo 'ciphers chacha20-poly1305@openssh.com,aes128-gcm@openssh.com'; exit;;
yes) echo \"ciphers CONFIGURED\"; exit;;
esac
for word; do echo \"$word\"; done > words; cat";

async fn words_when(configured: &str) -> String {
    let stand_in = StandIn::new(&CONFIGURED.replace("CONFIGURED", configured));
    // As there: the script may still be open for writing in another thread's child.
    stand_in.start();
    let mut connector = FastCipher::new(stand_in.ssh());
    for _ in 0..2 {
        let mut stream = connector.connect().await.unwrap();
        stream.shutdown().await.unwrap();
        within(stream.read_to_end(&mut Vec::new())).await.unwrap();
    }
    fs::read_to_string(stand_in.path("words")).unwrap()
}

fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[allow(unreachable_code, reason = "on other processors it is the only line")]
    false
}

#[tokio::test]
async fn who_is_not_waited_for_until_it_says_its_ciphers_leaves_nothing_behind() {
    if !has_aes() {
        return testkit::skip("needs a processor with instructions for AES");
    }
    // As a `Match exec` of the user's that hangs.
    let stand_in = StandIn::new("sleep 1000 & echo $! > child.new && mv child.new child; wait");
    let mut connector = FastCipher::new(stand_in.ssh());
    let child = async {
        let child = stand_in.path("child");
        within(tokio::task::spawn_blocking(move || {
            wait_until("a child", PATIENCE, || child.exists());
            fs::read_to_string(child).unwrap()
        }))
        .await
        .unwrap()
    };
    let child = tokio::select! {
        child = child => child,
        _ = connector.connect() => panic!("it has said nothing"),
    };
    let stat = format!("/proc/{}/stat", child.trim());
    // Reaped by whoever is above, at some time.
    wait_until("its end", PATIENCE, || {
        fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[tokio::test]
async fn a_faster_cipher_is_tried_first_unless_somebody_has_configured_some() {
    if !has_aes() {
        return testkit::skip("needs a processor with instructions for AES");
    }
    let own = "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com";
    let words = words_when(own).await;
    let wanted =
        "-p\n2222\n-o\nCiphers=aes128-gcm@openssh.com,chacha20-poly1305@openssh.com\nme@server\n";
    assert!(words.contains(wanted), "{words}");
    let words = words_when("aes256-ctr,aes128-gcm@openssh.com").await;
    assert!(!words.contains("Ciphers"), "{words}");
    let words = words_when("").await;
    assert!(!words.contains("Ciphers"), "{words}");
}
