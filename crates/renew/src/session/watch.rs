//! Who shows a session's view elsewhere, and is told when it changes.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use model::CredentialDocument;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use super::NewSession;
use super::view::read_document;

/// Tells of changes of a view: readable when there was one. A view whose directory was replaced is not watched any more, so
/// look now and then also if nothing is told.
#[derive(Debug)]
pub struct ViewWatch {
    changes: OwnedFd,
    view: PathBuf,
}

impl ViewWatch {
    /// Of the view of `session`.
    ///
    /// # Errors
    /// If the system watches no more.
    pub fn new(session: &NewSession) -> io::Result<Self> {
        let changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let flags = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO;
        let flags = flags | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW;
        inotify::add_watch(&changes, session.view_directory(), flags)?;
        Ok(Self {
            changes,
            view: session.session.view(),
        })
    }

    /// The view as it is now, and nothing is readable until it changes; `None` if it is missing or no view.
    #[must_use]
    pub fn read(&self) -> Option<CredentialDocument> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut told = inotify::Reader::new(&self.changes, &mut buffer);
        // Until it would wait.
        while told.next().is_ok() {}
        read_document(&self.view)
    }
}

impl AsFd for ViewWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{RuntimeDirectory, SessionKind, write_view};
    use model::{AccountId, Secret};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use vault::VaultPaths;

    fn login(access: &str) -> CredentialDocument {
        let refresh = Secret::new("sk-ant-ort01-FAKE");
        CredentialDocument::from_tokens(&Secret::new(access), &refresh, None)
    }

    fn is_told(watch: &ViewWatch, patience: Duration) -> bool {
        let mut told = [PollFd::new(watch, PollFlags::IN)];
        poll(&mut told, Timespec::try_from(patience).ok().as_ref()).unwrap() > 0
    }

    #[test]
    fn a_view_that_was_replaced_is_told_of_and_read() {
        let home = tempfile::tempdir().unwrap();
        let runtime = RuntimeDirectory::locate(None, &VaultPaths::new(home.path()));
        let id = AccountId::from_stored("acc_a");
        let kind = SessionKind::SecureStorage;
        let session =
            NewSession::create(&runtime, &id, kind, &login("sk-ant-oat01-FAKEfirst")).unwrap();
        let watch = ViewWatch::new(&session).unwrap();
        let shown = watch.read().unwrap();
        assert!(shown.refresh_token().is_empty());
        assert!(!is_told(&watch, Duration::ZERO));
        let next = login("sk-ant-oat01-FAKEnext");
        assert_eq!(
            write_view(&session.session.view(), &next).unwrap(),
            crate::Written::Shown
        );
        assert!(is_told(&watch, Duration::from_secs(60)));
        assert_eq!(
            watch.read().unwrap().access_token(),
            Secret::new("sk-ant-oat01-FAKEnext")
        );
    }
}
