//! Telling by name what has changed while events were lost.
//!
//! The kernel keeps so many events (`fs.inotify.max_queued_events`) and drops the rest. Whoever is told that anything may
//! have changed reads nothing stale; who passes changes on to programs that watch files needs the names. Everything is
//! visited again anyway: what has a time of change (`ctime`) since all events were last read is told by its name then.
//!
//! Nothing else than the times is compared. So what is removed meanwhile is not told by name, except directories; nor is
//! what was changed while the system's clock was set back further than [`SLACK`]. Names told that have not changed are no
//! harm: who is told compares.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use live::RelativePath;
use live::files::Time;
use rustix::fs::AtFlags;

use super::follow::Tree;
use super::visit::Contents;
use crate::stat::statat;

/// By how much a file system's times may be behind the system's clock: the longest tick there is, that of FAT (2 s), and some
/// more.
const SLACK: Duration = Duration::from_millis(2_500);
/// How many names are told. What more has changed is told as anything.
const MOST: usize = 16_384;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Lost {
    /// When all events had been read last.
    read: SystemTime,
    /// Since when events may be lost, on the clock of files; `None` if none are.
    since: Option<Time>,
    names: HashSet<RelativePath>,
}

impl Lost {
    pub(super) fn new() -> Self {
        Self {
            read: SystemTime::now(),
            since: None,
            names: HashSet::new(),
        }
    }

    /// No event was left unread that happened before `began`.
    pub(super) fn all_read(&mut self, began: SystemTime) {
        self.read = began;
    }

    /// Events were lost, perhaps once more before all was told of those before.
    pub(super) fn lose(&mut self) {
        let read = self.read.duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = read.saturating_sub(SLACK);
        self.since.get_or_insert(Time {
            seconds: since.as_secs().try_into().unwrap_or(i64::MAX),
            nanoseconds: since.subsec_nanos(),
        });
    }

    /// How the names in directories are to be taken when everything is visited.
    pub(super) fn contents(&self) -> Contents {
        match self.since {
            Some(_) => Contents::IfChanged,
            None => Contents::Untold,
        }
    }

    /// To be told when everything has been visited, if there is room.
    pub(super) fn note(&mut self, path: RelativePath) {
        if self.since.is_some() && self.names.len() < MOST {
            self.names.insert(path);
        }
    }

    /// Everything has been visited: what is to be told.
    pub(super) fn take(&mut self) -> HashSet<RelativePath> {
        self.since = None;
        std::mem::take(&mut self.names)
    }

    /// Whether that time of change is of then.
    fn may_have_changed(&self, changed: Time) -> bool {
        let order = |time: Time| (time.seconds, time.nanoseconds);
        self.since
            .is_some_and(|since| order(changed) >= order(since))
    }
}

impl Tree {
    /// Whether what has that name may have changed while events were lost.
    pub(super) fn may_have_changed(&self, directory: impl AsFd, name: &OsStr) -> bool {
        let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| self.lost.may_have_changed(stat.changed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(time: SystemTime) -> Time {
        let since = time.duration_since(UNIX_EPOCH).unwrap();
        Time {
            seconds: i64::try_from(since.as_secs()).unwrap(),
            nanoseconds: since.subsec_nanos(),
        }
    }

    #[test]
    fn only_what_changed_since_all_was_read_is_told() {
        let mut lost = Lost::new();
        let began = SystemTime::now();
        assert!(!lost.may_have_changed(time(began)));
        lost.all_read(began);
        lost.lose();
        assert!(lost.may_have_changed(time(began)));
        assert!(lost.may_have_changed(time(began - SLACK)));
        assert!(!lost.may_have_changed(time(began - SLACK - Duration::from_nanos(1))));
        // What was lost first is not told yet.
        lost.all_read(began + SLACK * 2);
        lost.lose();
        assert!(lost.may_have_changed(time(began)));
        lost.take();
        assert!(!lost.may_have_changed(time(began + SLACK * 3)));
    }

    #[test]
    fn no_more_names_are_noted_than_there_is_room_for() {
        let mut lost = Lost::new();
        let name = |number: usize| RelativePath::new(number.to_string().as_bytes()).unwrap();
        lost.note(name(0));
        assert!(lost.take().is_empty());
        lost.lose();
        (0..MOST + 5).for_each(|number| lost.note(name(number)));
        assert_eq!(lost.take().len(), MOST);
    }
}
