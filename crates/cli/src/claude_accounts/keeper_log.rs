//! What a keeper tells: one line per event, on standard error or in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use renew::{KeeperEvent, Kept};

use super::context::Context;
use crate::error::{CliError, redacted};
use crate::time;

/// A file larger than this, in bytes, is put aside as `keeper.log.1` when a keeper starts.
const LIMIT: u64 = 1024 * 1024;

pub(crate) struct KeeperLog {
    file: Option<File>,
}

impl KeeperLog {
    pub(crate) fn open(context: &Context, to_file: bool) -> Result<Self, CliError> {
        if !to_file {
            return Ok(Self { file: None });
        }
        let path = context.paths()?.directory().join("keeper.log");
        if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.len() > LIMIT) {
            // One that cannot be put aside goes on growing, which the next keeper tries to mend.
            drop(fs::rename(&path, path.with_extension("log.1")));
        }
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        // Nor does a disk that is full or read-only keep a keeper from keeping.
        Ok(Self { file: opened.ok() })
    }

    /// A keeper whose log cannot be written goes on keeping.
    pub(crate) fn write(&mut self, event: &KeeperEvent) {
        let at = time::rfc3339(time::now()).unwrap_or_default();
        let line = format!("{at} {}\n", model::printable(&redacted(&words(event))));
        drop(match &mut self.file {
            Some(file) => file.write_all(line.as_bytes()),
            None => io::stderr().write_all(line.as_bytes()),
        });
    }
}

fn words(event: &KeeperEvent) -> String {
    match event {
        KeeperEvent::Started { pid } => format!("started as process {pid}"),
        KeeperEvent::SessionBegan { pid, account } => format!("session {pid} of {account} began"),
        KeeperEvent::SessionEnded { pid, account } => format!("session {pid} of {account} ended"),
        KeeperEvent::Renewed { account } => format!("renewed {account}"),
        KeeperEvent::AlreadyRenewed { account } => format!("{account} was renewed already"),
        KeeperEvent::RenewalFailed { account, reason } => {
            format!("could not renew {account}: {reason}")
        }
        KeeperEvent::ViewWritten {
            pid,
            account,
            problem: None,
        } => format!("mended the view of session {pid} of {account}"),
        KeeperEvent::ViewWritten {
            pid,
            account,
            problem: Some(problem),
        } => {
            format!("could not mend the view of session {pid} of {account}: {problem}")
        }
        KeeperEvent::SignedIn {
            pid,
            account,
            kept: Kept::AsLogin,
        } => {
            format!("somebody signed in in session {pid}: that is the login of {account} now")
        }
        KeeperEvent::SignedIn {
            pid,
            account,
            kept: Kept::InHistory,
        } => {
            format!(
                "somebody signed in in session {pid} of {account}: that login is in the history of the account"
            )
        }
        KeeperEvent::Trouble { what } => format!("trouble: {what}"),
        KeeperEvent::Left => "left".to_owned(),
    }
}
