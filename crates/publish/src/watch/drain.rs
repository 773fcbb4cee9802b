//! Telling at once, and to the end, what has happened until somebody asks for that.
//!
//! What lost its place in a move needs no waiting for: it was told to be gone when that was read, and the system has said
//! where it is now before whoever moved it went on.

use live::RelativePath;
use live::files::Change;

use super::follow::Tree;

/// How many directories are visited at once: what would be found in more of them is told as anything.
const MOST_VISITS: usize = 512;
/// The least that an event takes in the kernel's queue, in bytes.
const SMALLEST_EVENT: u64 = 16;

impl Tree {
    /// Tells all that has happened, if somebody waits for that.
    pub(super) fn drain(&mut self) {
        let drainings = self.teller.signal.drainings();
        if drainings.is_empty() {
            return;
        }
        self.take_up_all_events();
        self.visit_at_once();
        self.settle();
        self.flush();
        self.tell_unseen();
        drop(drainings);
    }

    /// Those that are there now. More may come all the time.
    fn take_up_all_events(&mut self) {
        let queued = rustix::io::ioctl_fionread(self.inotify.descriptor());
        let mut left = queued.unwrap_or(u64::MAX).div_ceil(SMALLEST_EVENT);
        while left > 0 {
            match self.take_up_events() {
                0 => return,
                count => left = left.saturating_sub(count as u64),
            }
        }
    }

    fn visit_at_once(&mut self) {
        // Of a whole tree there is nothing to be told but that anything may be in it.
        let most = if self.is_setting_up { 0 } else { MOST_VISITS };
        for _ in 0..most {
            let Some(visit) = self.unvisited.pop_front() else {
                return;
            };
            self.visit(&visit);
        }
    }

    /// Where it has not been looked, or is not watched, there may be anything.
    fn tell_unseen(&mut self) {
        let is_seen = self.watched == Some(true) && !self.is_setting_up;
        if !is_seen {
            return self.tell_anything(vec![RelativePath::root()]);
        }
        for path in self.unvisited_paths() {
            self.unsettle(&path);
        }
        // Told once more when everything has been visited. If it has, there is none.
        self.tell_anything(self.unsettled.clone());
    }

    fn unvisited_paths(&self) -> Vec<RelativePath> {
        let unvisited = self.unvisited.iter();
        let paths = unvisited.filter_map(|visit| self.path_of(visit));
        paths.collect()
    }

    pub(super) fn tell_anything(&self, paths: Vec<RelativePath>) {
        let root = self.root;
        let anything = paths.into_iter();
        let anything = anything.map(|path| Change::Anything { root, path });
        let anything: Vec<_> = anything.collect();
        if !anything.is_empty() {
            self.teller.tell(anything);
        }
    }
}
