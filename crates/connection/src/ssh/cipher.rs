//! Which cipher `ssh` is asked to try first.
//!
//! By itself it takes `chacha20-poly1305`, the fastest where a processor cannot do AES. One that can is several times as fast
//! with AES-GCM, and a build's output, or a large file, is what waits for that.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use super::group::Group;
use super::{Ssh, SshStream};
use crate::reconnect::Connector;

/// What is wanted first.
const WANTED: &str = "aes128-gcm@openssh.com";
/// How long `ssh` may take to say how it is configured: a user's `Match exec` may ask the network.
const PATIENCE: Duration = Duration::from_secs(2);

/// An [`Ssh`] that has AES-GCM tried first where this processor is made for that, unless somebody has configured ciphers: the
/// user, or whoever keeps the machine. The server still has to agree to it.
#[derive(Debug)]
pub struct FastCipher {
    ssh: Ssh,
    /// How `ssh` is configured is still to be asked.
    is_to_ask: bool,
}

impl FastCipher {
    /// Asks `ssh` how it is configured before the first connection.
    #[must_use]
    pub fn new(ssh: Ssh) -> Self {
        Self {
            ssh,
            is_to_ask: is_fast_here(),
        }
    }
}

impl Connector for FastCipher {
    type Stream = SshStream;

    async fn connect(&mut self) -> io::Result<SshStream> {
        self.ssh.check_destination()?;
        if self.is_to_ask {
            self.ssh.arguments.extend(cipher_option(&self.ssh).await);
            self.is_to_ask = false;
        }
        self.ssh.start()
    }
}

/// Whether this processor has instructions for AES. The server's is taken to be like it.
fn is_fast_here() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[allow(unreachable_code, reason = "on other processors it is the only line")]
    false
}

/// The words that have it tried first; none if `ssh` is configured to something else than it takes by itself, or does not say.
async fn cipher_option(ssh: &Ssh) -> Vec<std::ffi::OsString> {
    let (configured, own) = tokio::join!(ciphers(ssh, &[]), ciphers(ssh, &["-F", "none"]));
    let first = configured
        .filter(|configured| Some(configured) == own.as_ref())
        .and_then(|list| with_wanted_first(&list));
    first.map_or_else(Vec::new, |list| {
        vec!["-o".into(), format!("Ciphers={list}").into()]
    })
}

/// All of `list`, in this order but for one.
fn with_wanted_first(list: &str) -> Option<String> {
    let rest = list.split(',').filter(|name| *name != WANTED);
    let names: Vec<&str> = std::iter::once(WANTED).chain(rest).collect();
    list.split(',')
        .any(|name| name == WANTED)
        .then(|| names.join(","))
}

/// What `ssh` would offer the server.
async fn ciphers(ssh: &Ssh, options: &[&str]) -> Option<String> {
    let mut command = Command::new(&ssh.program);
    command
        .args(options)
        .args(&ssh.arguments)
        .arg("-G")
        .arg(&ssh.destination)
        .env_clear()
        .envs(ssh.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut group = Group::start(&mut command).ok()?;
    let mut stdout = group.leader.stdout.take()?;
    let mut said = String::new();
    let saying = async {
        stdout.read_to_string(&mut said).await?;
        group.leader.wait().await
    };
    timeout(PATIENCE, saying).await.ok()?.ok()?;
    let mut lines = said.lines();
    let list = lines.find_map(|line| line.strip_prefix("ciphers "))?;
    Some(list.to_owned())
}

#[cfg(test)]
mod tests {
    use super::with_wanted_first;

    #[test]
    fn it_comes_first_and_none_is_left_out_or_added() {
        let list = "chacha20-poly1305@openssh.com,aes128-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com";
        let wanted = "aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com";
        assert_eq!(with_wanted_first(list).as_deref(), Some(wanted));
        assert_eq!(with_wanted_first("chacha20-poly1305@openssh.com"), None);
    }
}
