//! What a keeper is started with, what it tells, and why it does not start.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::AccountId;
use rustix::fs::FlockOperation;
use vault::{Vault, VaultError, VaultKey, VaultPaths};

use crate::vault_access::open_vault;
use crate::{ClientFiles, Renewer, RuntimeDirectory};

/// What a keeper is started with.
pub struct KeeperOptions {
    /// The vault that it keeps.
    pub paths: VaultPaths,
    /// Its unlocked key, where it is wrapped by a passphrase: there is nobody to ask.
    pub key: Option<VaultKey>,
    /// Where its sessions are.
    pub runtime: RuntimeDirectory,
    /// The user's own files of the client.
    pub files: Option<ClientFiles>,
    /// Makes the requests.
    pub renewer: Arc<Renewer>,
    /// How long it stays after the last session has ended.
    pub linger: Duration,
    /// How long it waits for another keeper that is just leaving.
    pub lock_patience: Duration,
    /// Called with the view directory of an ended session of kind `ConfigDirectory`, to carry back
    /// what the client made there.
    pub on_session_end: Option<SessionEnd>,
}

/// Told the view directory of a session that has ended.
pub type SessionEnd = Box<dyn Fn(&Path)>;

impl KeeperOptions {
    pub(crate) fn open_vault(&self) -> Result<Vault, VaultError> {
        open_vault(&self.paths, self.key.as_ref())
    }
}

/// What a keeper does, for its log. No variant holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeeperEvent {
    /// It has begun.
    Started {
        /// Its process number.
        pid: u32,
    },
    /// It has taken up a session.
    SessionBegan {
        /// The client's process number.
        pid: i32,
        /// Whose login it shows.
        account: AccountId,
    },
    /// A session's client has ended.
    SessionEnded {
        /// The client's process number.
        pid: i32,
        /// Whose login it showed.
        account: AccountId,
    },
    /// It has renewed a login.
    Renewed {
        /// Which.
        account: AccountId,
    },
    /// Somebody else had renewed it already.
    AlreadyRenewed {
        /// Which.
        account: AccountId,
    },
    /// It could not renew a login.
    RenewalFailed {
        /// Which.
        account: AccountId,
        /// Why.
        reason: String,
    },
    /// It has put a view right, or could not.
    ViewWritten {
        /// The client's process number.
        pid: i32,
        /// Whose login it shows.
        account: AccountId,
        /// Why not.
        problem: Option<String>,
    },
    /// Somebody has signed in inside a session.
    SignedIn {
        /// The client's process number.
        pid: i32,
        /// The session's account.
        account: AccountId,
        /// What became of the login.
        kept: super::sign_in::Kept,
    },
    /// Something else failed.
    Trouble {
        /// What, and why.
        what: String,
    },
    /// It has left.
    Left,
}

/// Why a keeper does not run.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// There is one already.
    #[error("a keeper is already running for this vault")]
    AlreadyRunning,
    /// The vault cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The system refused something.
    #[error("the keeper cannot {action}: {source}")]
    System {
        /// What: a verb.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Whether the lock still lies where the next keeper will look for it: a runtime directory goes
/// with the last sign-out of its user, and may come again.
pub(crate) fn is_in_place(lock: &File, runtime: &RuntimeDirectory) -> bool {
    let (Ok(held), Ok(there)) = (lock.metadata(), fs::metadata(runtime.keeper_lock())) else {
        return false;
    };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}

/// Takes the keeper's lock, waiting a little for one that is just leaving.
pub(crate) fn take_lock(
    runtime: &RuntimeDirectory,
    patience: Duration,
) -> Result<File, KeeperError> {
    let system = |source| KeeperError::System {
        action: "lock its directory",
        source,
    };
    let opened = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(runtime.keeper_lock());
    let file = opened.map_err(system)?;
    let deadline = Instant::now() + patience;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() >= deadline => {
                return Err(KeeperError::AlreadyRunning);
            }
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(system(errno.into())),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
