//! The real ssh and the real sshd, on a machine of its own.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it was about"
)]

mod common;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use common::{PATIENCE, Said, ends, message, within};
use connection::Ended;
use connection::reconnect::{Options, Status, keep};
use connection::relay::Socket;
use connection::ssh::{Ssh, SshError, SshProblem};
use testkit::{Host, host_or_skip, wait_until};
use tokio::io::AsyncReadExt as _;

/// Makes `ssh` that is started inside `host`, with a key for it.
fn ssh(host: &Host, directory: &std::path::Path, command: &str) -> Ssh {
    host.start_sshd();
    let key = host.make_key_for(host, "root");
    let ssh = host.ssh_command("root", &key);
    let mut words: Vec<_> = ssh.get_args().map(ToOwned::to_owned).collect();
    let destination = words.pop().unwrap();
    // `host-enter PID ssh`, then ours.
    let script = format!(
        "#!/bin/sh\nexec '{}' {} ssh \"$@\"\n",
        ssh.get_program().display(),
        host.pid()
    );
    let program = directory.join("ssh");
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o700);
    file.open(&program)
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    Ssh {
        program,
        arguments: words.split_off(2),
        destination,
        command: command.into(),
        environment: vec![
            ("PATH".into(), testkit::host::PATH.into()),
            ("HOME".into(), "/root".into()),
        ],
    }
}

fn connector() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/connector")
}

/// Numbers inside of the processes of sshd that serve a login.
fn sessions(host: &Host) -> Vec<u32> {
    let is_session = |number: &u32| {
        let line = std::fs::read(host.path(&format!("/proc/{number}/cmdline")));
        let line = String::from_utf8_lossy(&line.unwrap_or_default()).into_owned();
        line.starts_with("sshd") && line.contains("root@notty")
    };
    host.processes().into_iter().filter(is_session).collect()
}

#[tokio::test]
async fn what_is_said_survives_the_end_of_sshd_s_session() {
    let Some(host) = host_or_skip() else { return };
    let directory = tempfile::tempdir().unwrap();
    host.install_file(&connector(), "/opt/connector");
    let ssh = ssh(
        &host,
        directory.path(),
        "exec /opt/connector /run/agent agent",
    );
    let socket = Socket::bind(&host.path("/run/agent"), "agent").unwrap();
    let ((agent, mut agent_hears), (laptop, mut laptop_hears)) = ends();
    let served = agent.clone();
    let serving = tokio::spawn(async move { socket.serve(&served).await });
    let options = Options {
        longest: Duration::from_millis(200),
        ..Options::default()
    };
    let (keeper, kept) = keep(laptop.clone(), ssh, options);
    let running = tokio::spawn(kept);
    let mut status = keeper.status();
    for number in 0..6 {
        let filler = vec![number as u8; 300_000];
        let said = Said {
            lane: 3,
            number,
            filler,
        };
        laptop.send(&said).unwrap();
        agent.send(&said).unwrap();
        if number % 2 == 0 {
            assert_eq!(message(&mut agent_hears).await, said);
            assert_eq!(message(&mut laptop_hears).await, said);
            let sessions = sessions(&host);
            assert_eq!(sessions.len(), 1);
            status.mark_unchanged();
            let session = sessions[0].to_string();
            host.run(&["kill", "-KILL", &session]).success();
            let down = status.wait_for(|status| !matches!(status, Status::Up { .. }));
            drop(within(down).await.unwrap());
        } else {
            assert_eq!(message(&mut agent_hears).await, said);
            assert_eq!(message(&mut laptop_hears).await, said);
        }
    }
    laptop.say_goodbye("done");
    assert_eq!(within(running).await.unwrap().unwrap(), Ended::SaidGoodbye);
    assert!(matches!(
        within(serving).await.unwrap(),
        Ok(Ended::Goodbye(_))
    ));
    wait_until("the end of the login", PATIENCE, || {
        sessions(&host).is_empty()
    });
}

#[tokio::test]
async fn real_failures_are_recognised() {
    let Some(host) = host_or_skip() else { return };
    let directory = tempfile::tempdir().unwrap();
    let good = ssh(&host, directory.path(), "/opt/nothing-is-here");
    let with = |change: &dyn Fn(&mut Ssh)| {
        let mut ssh = good.clone();
        change(&mut ssh);
        ssh
    };
    let cases = [
        (SshProblem::CommandMissing, with(&|_| {})),
        (
            SshProblem::PermissionDenied,
            with(&|ssh| ssh.destination = "nobody@127.0.0.1".into()),
        ),
        (
            SshProblem::Refused,
            with(&|ssh| {
                // The last of two ports does not count.
                ssh.arguments.insert(0, "-p2".into());
            }),
        ),
        (
            SshProblem::UnknownHost,
            with(&|ssh| ssh.destination = "no-such-host.invalid".into()),
        ),
        (
            SshProblem::HostKeyUnknown,
            with(&|ssh| {
                ssh.arguments
                    .insert(0, "-oStrictHostKeyChecking=yes".into());
            }),
        ),
    ];
    for (problem, ssh) in cases {
        let mut stream = ssh.start().unwrap();
        let mut read = Vec::new();
        let error = within(stream.read_to_end(&mut read)).await.unwrap_err();
        let error = error.get_ref().unwrap().downcast_ref::<SshError>().unwrap();
        assert_eq!(error.problem, problem, "{error}\n{}", error.text);
    }
}
