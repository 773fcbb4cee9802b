//! The thread that follows one published directory.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use live::RelativePath;
use live::files::{Change, Root};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use rustix::io::Errno;

use super::batch::Batch;
use super::directories::Directories;
use super::inotify::{Allowance, Event, Inotify};
use super::lost::Lost;
use super::ticks::Ticks;
use super::visit::{Contents, Lacking, Visit};
use super::{LARGEST_BATCH, Teller};
use crate::Published;
use crate::stat::fstat;

/// How long it is waited for more changes before the first is told, while there are many…
const BATCH: Duration = Duration::from_millis(10);
/// …and when nothing was told for so long: for what comes with it, like the other half of a renaming.
const FIRST: Duration = Duration::from_millis(1);
/// How many directories are visited before it is looked for events again, so that few are lost.
const VISITS: usize = 16;
/// How often it is looked whether the published directory itself is still there: nothing tells of that while it is open.
const CHECK: Duration = Duration::from_secs(2);
/// When it is tried again to watch what could not be watched, and how rarely at last.
const FIRST_RETRY: Duration = Duration::from_secs(60);
const LAST_RETRY: Duration = Duration::from_secs(3600);
/// More directories than this about which nothing certain is known are told as the published directory itself.
const MOST_UNSETTLED: usize = 64;

/// What the thread starts with.
pub(super) struct Follower {
    root: Root,
    published: Published,
    allowance: Arc<Allowance>,
    teller: Teller,
}

impl Follower {
    pub(super) fn new(
        root: Root,
        published: Published,
        allowance: Arc<Allowance>,
        teller: Teller,
    ) -> Self {
        Self {
            root,
            published,
            allowance,
            teller,
        }
    }

    /// Until it is stopped, or the published directory is no more.
    pub(super) fn run(self) {
        let signal = Arc::clone(&self.teller.signal);
        self.follow();
        signal.end();
    }

    fn follow(self) {
        let mut pause = FIRST_RETRY;
        while !self.teller.signal.has_stopped() {
            if let Ok(inotify) = Inotify::new(Arc::clone(&self.allowance)) {
                return Tree::new(self, inotify).follow();
            }
            // There are too many instances already (fs.inotify.max_user_instances).
            let (root, all) = (self.root, false);
            self.teller.tell(vec![Change::Watched { root, all }]);
            self.wait_unwatched(Instant::now() + pause);
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    fn wait_unwatched(&self, until: Instant) {
        let signal = &self.teller.signal;
        while !signal.has_stopped() && Instant::now() < until {
            wait(
                &mut [woken(&self.teller)],
                until.saturating_duration_since(Instant::now()),
            )
            .ok();
            signal.take_up();
            let drainings = signal.drainings();
            if !drainings.is_empty() {
                let (root, path) = (self.root, RelativePath::root());
                self.teller.tell(vec![Change::Anything { root, path }]);
            }
            drop(drainings);
        }
    }
}

/// A published directory and what is known of it.
pub(super) struct Tree {
    pub(super) root: Root,
    pub(super) teller: Teller,
    pub(super) published: Published,
    pub(super) inotify: Inotify,
    pub(super) directories: Directories,
    /// Whether each file system, by its number, tells of everything.
    pub(super) is_local: HashMap<u64, bool>,
    pub(super) lacking: Lacking,
    pub(super) unvisited: VecDeque<Visit>,
    /// How many names the visits have marked since there was last nothing to visit.
    pub(super) visit_marks: usize,
    /// Anything may have been there and gone again before they were watched.
    pub(super) unsettled: Vec<RelativePath>,
    /// Not everything is watched yet, or events were lost: the end of that is told as a change of anything.
    pub(super) is_setting_up: bool,
    /// What was last told of it.
    pub(super) watched: Option<bool>,
    /// What has changed while events were lost.
    pub(super) lost: Lost,
    batch: Batch,
    ticks: Ticks,
    /// When what is waiting must be told.
    due: Option<Instant>,
    /// When something was told last.
    told: Option<Instant>,
    /// When those that have lost their place are taken to have been moved away: the event of their new place comes after
    /// that of the old one.
    strays_due: Option<Instant>,
    retry: Option<Instant>,
    pause: Duration,
}

impl Tree {
    fn new(follower: Follower, inotify: Inotify) -> Self {
        let mut tree = Self {
            root: follower.root,
            teller: follower.teller,
            published: follower.published,
            inotify,
            directories: Directories::default(),
            is_local: HashMap::new(),
            lacking: Lacking::default(),
            unvisited: VecDeque::new(),
            visit_marks: 0,
            unsettled: Vec::new(),
            is_setting_up: true,
            watched: None,
            lost: Lost::new(),
            batch: Batch::default(),
            ticks: Ticks::default(),
            due: None,
            told: None,
            strays_due: None,
            retry: None,
            pause: FIRST_RETRY,
        };
        tree.set_up();
        tree
    }

    fn follow(mut self) {
        while self.wait() {
            let had_events = self.take_up_events() > 0;
            for _ in 0..VISITS {
                let Some(visit) = self.unvisited.pop_front() else {
                    break;
                };
                self.visit(&visit);
            }
            self.settle();
            if self.due.is_some_and(|due| due <= Instant::now()) {
                self.flush();
            }
            if !had_events && self.strays_due.is_some_and(|due| due <= Instant::now()) {
                self.let_strays_go();
            }
            if self.retry.is_some_and(|retry| retry <= Instant::now()) {
                self.set_up();
            }
            if self.is_removed() {
                return self.end();
            }
            self.drain();
        }
    }

    /// Waits for events where there is nothing else to do. Not stopped?
    fn wait(&self) -> bool {
        let now = Instant::now();
        let timeout = if self.unvisited.is_empty() {
            let due = [self.due, self.strays_due].into_iter().flatten().min();
            due.map_or(CHECK, |due| due.saturating_duration_since(now))
        } else {
            Duration::ZERO
        };
        let events = PollFd::from_borrowed_fd(self.inotify.descriptor(), PollFlags::IN);
        // Whatever it says, reading tells what is there.
        wait(&mut [woken(&self.teller), events], timeout).ok();
        self.teller.signal.take_up();
        !self.teller.signal.has_stopped()
    }

    /// How many there were, of about as many as are told at once.
    pub(super) fn take_up_events(&mut self) -> usize {
        let began = SystemTime::now();
        match self.inotify.read(LARGEST_BATCH) {
            Ok(events) => {
                events.iter().for_each(|event| self.take_up(event));
                if events.len() < LARGEST_BATCH {
                    self.lost.all_read(began);
                }
                events.len()
            }
            // What cannot be read is found by looking at everything again.
            Err(_) => {
                self.lose();
                0
            }
        }
    }

    fn take_up(&mut self, event: &Event) {
        if event.is_overflow() {
            return self.lose();
        }
        if event.is_end() {
            return self.end_of(event);
        }
        // Those without a path have been moved away.
        let Some(directory) = self.directories.path(event.watch) else {
            return;
        };
        let Some(name) = &event.name else {
            return self.mark(directory);
        };
        // One that is too long for a path cannot be asked for either.
        if let Ok(path) = directory.join(name) {
            match event.is_written() {
                true => self.mark_written(path),
                false => self.mark(path),
            }
        }
        if event.is_of_names() {
            self.mark(directory);
        }
        if event.is_of_directory() {
            // While it was elsewhere, paths through it have led to other files: even if it is back, all is looked at again.
            let contents = if event.is_move() {
                Contents::Told
            } else {
                Contents::IfNew
            };
            self.visit(&Visit::to(event.watch, name, contents));
        }
    }

    /// A watch has ended: its directory was removed, or a file system unmounted. What is there now?
    fn end_of(&mut self, event: &Event) {
        if !self.directories.contains(event.watch) {
            return;
        }
        self.inotify.forget();
        if self.directories.root() == Some(event.watch) {
            self.directories = Directories::default();
            return self.lose();
        }
        let path = self.directories.path(event.watch);
        let place = self.directories.forget(event.watch);
        self.await_strays();
        if let Some(path) = path {
            self.mark_gone(path);
        }
        if let Some((parent, name)) = place {
            self.visit(&Visit::to(parent, &name, Contents::IfNew));
        }
    }

    /// Events were lost: until everything has been visited, nothing may be kept.
    fn lose(&mut self) {
        self.lost.lose();
        self.tell_watched(false);
        self.set_up();
    }

    fn set_up(&mut self) {
        self.is_setting_up = true;
        self.retry = None;
        self.lacking = Lacking::default();
        self.unvisited.clear();
        let contents = self.lost.contents();
        self.unvisited.push_back(Visit::to_root(contents));
    }

    /// Once everything has been visited.
    pub(super) fn settle(&mut self) {
        if !self.unvisited.is_empty() {
            if !self.is_setting_up && self.lacking.any() {
                self.tell_watched(false);
            }
            return;
        }
        self.visit_marks = 0;
        if std::mem::take(&mut self.is_setting_up) {
            self.unsettled = vec![RelativePath::root()];
            self.pause = if self.lacking.may_pass() {
                self.pause
            } else {
                FIRST_RETRY
            };
        }
        if !self.unsettled.is_empty() {
            self.flush();
            let unsettled = std::mem::take(&mut self.unsettled);
            self.tell_anything(unsettled);
        }
        self.tell_watched(!self.lacking.any());
        self.lost
            .take()
            .into_iter()
            .for_each(|path| self.mark(path));
        if self.lacking.may_pass() && self.retry.is_none() {
            self.retry = Some(Instant::now() + self.pause);
            self.pause = (self.pause * 2).min(LAST_RETRY);
        }
    }

    fn tell_watched(&mut self, all: bool) {
        if self.watched == Some(all) {
            return;
        }
        self.flush();
        self.watched = Some(all);
        let root = self.root;
        self.teller.tell(vec![Change::Watched { root, all }]);
    }

    /// To be looked at and told.
    pub(super) fn mark(&mut self, path: RelativePath) {
        // What changes now is told as a change of anything.
        if self.is_setting_up {
            return self.lost.note(path);
        }
        self.batch.mark(path);
        self.after_marking();
    }

    /// The same of a file whose contents were written.
    fn mark_written(&mut self, path: RelativePath) {
        if self.is_setting_up {
            return self.lost.note(path);
        }
        self.batch.mark_written(path);
        self.after_marking();
    }

    /// A directory is not there any more, at least not as the one that it was.
    pub(super) fn mark_gone(&mut self, path: RelativePath) {
        if self.is_setting_up {
            return self.lost.note(path);
        }
        self.batch.mark_gone(path);
        self.after_marking();
    }

    fn after_marking(&mut self) {
        if self.batch.is_full() {
            self.flush();
        } else {
            let now = Instant::now();
            let is_first = self.told.is_none_or(|told| now > told + BATCH);
            let pause = if is_first { FIRST } else { BATCH };
            self.due.get_or_insert(now + pause);
        }
    }

    /// A directory may have lost its place.
    pub(super) fn await_strays(&mut self) {
        if self.directories.has_strays() {
            self.strays_due = Some(Instant::now() + BATCH);
        }
    }

    /// Something may have been at `path` or below that is not there any more, and was never seen.
    pub(super) fn unsettle(&mut self, path: &RelativePath) {
        if self.unsettled.iter().any(|above| path.starts_with(above)) {
            return;
        }
        self.unsettled.push(path.clone());
        if self.unsettled.len() > MOST_UNSETTLED {
            self.unsettled = vec![RelativePath::root()];
        }
    }

    pub(super) fn flush(&mut self) {
        self.due = None;
        if !self.batch.is_empty() {
            self.told = Some(Instant::now());
            let changes = self.batch.look(self.root, &self.published, &mut self.ticks);
            self.teller.tell(changes);
        }
    }

    /// Directories that have been moved away and not turned up elsewhere are none of ours any more.
    fn let_strays_go(&mut self) {
        for watch in self.directories.forget_strays() {
            self.inotify.remove(watch);
        }
        self.strays_due = None;
    }

    fn is_removed(&self) -> bool {
        fstat(self.published.descriptor()).is_ok_and(|stat| stat.st_nlink == 0)
    }

    fn end(mut self) {
        self.flush();
        let (root, path, attributes) = (self.root, RelativePath::root(), None);
        self.teller.tell(vec![Change::At {
            root,
            path,
            attributes,
        }]);
        self.tell_watched(false);
    }
}

fn woken(teller: &Teller) -> PollFd<'_> {
    PollFd::from_borrowed_fd(teller.signal.descriptor(), PollFlags::IN)
}

fn wait(descriptors: &mut [PollFd<'_>], timeout: Duration) -> Result<usize, Errno> {
    let timeout = Timespec::try_from(timeout).ok();
    poll(descriptors, timeout.as_ref())
}
