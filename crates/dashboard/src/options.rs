//! What the dashboard is told by the program that starts it.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use launch::Shell;
use renew::{ClientFiles, Renewer, RuntimeDirectory};
use vault::{VaultKey, VaultPaths};

/// Everything from outside.
#[derive(Clone)]
pub struct Options {
    /// The vault; made if it is not there.
    pub vault: VaultPaths,
    /// The vault's key, where a passphrase wraps it.
    pub key: Option<VaultKey>,
    /// `claude-accounts` by its absolute path: what terminals run, and aliases call.
    pub program: PathBuf,
    /// Directories of the user.
    pub directories: Directories,
    /// The user's own files of the client.
    pub client_files: ClientFiles,
    /// Claude Code, if it was found.
    pub client: Option<PathBuf>,
    /// Where sessions and the keeper meet.
    pub runtime: RuntimeDirectory,
    /// Who renews logins.
    pub renewer: Arc<Renewer>,
    /// What programs in terminals inherit. Holds no credential of another account.
    pub terminal_environment: Vec<(OsString, OsString)>,
    /// Called after accounts were added, renamed or removed, for aliases to follow. May block.
    pub accounts_changed: Arc<dyn Fn() + Send + Sync>,
    /// Where it listens, and whom it believes.
    pub network: Network,
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("vault", &self.vault)
            .field("program", &self.program)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

/// Directories of the user, all absolute.
#[derive(Clone, Debug)]
pub struct Directories {
    /// Home.
    pub home: PathBuf,
    /// `~/.config`, or what the environment says.
    pub config_home: PathBuf,
    /// Where `.zshrc` is.
    pub zsh_directory: PathBuf,
    /// The shell that aliases are written for.
    pub login_shell: Option<Shell>,
}

/// Where the dashboard listens, and whom it believes.
#[derive(Clone, Debug)]
pub struct Network {
    /// Addresses to listen on; unused where systemd hands a socket over.
    pub addresses: Vec<SocketAddr>,
    /// Whether machines other than this one may come: then any host name is answered, and the first
    /// set-up needs the code.
    pub remote: bool,
    /// Whether this server speaks TLS itself.
    pub tls: bool,
    /// Proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.
    pub proxies: Vec<IpNet>,
}
