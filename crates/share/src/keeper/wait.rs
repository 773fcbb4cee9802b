//! What the keeper waits for: changes, callers, workers, finished renewals, signals, and time.

use std::io;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Keeper;
use crate::ShareError;

impl Keeper {
    /// Waits for any of it, at most `limit`, and deals with it.
    pub(super) fn wait(&mut self, limit: Duration) -> Result<(), ShareError> {
        let now = Instant::now();
        let next_user = self.users.queue_due(now);
        let has_waiting = self.users.has_waiting();
        let jobs = self.users.jobs().filter(|job| !job.overdue);
        let deadlines = jobs.map(|job| match has_waiting && now < job.slow_at() {
            true => job.slow_at(),
            false => job.deadline(),
        });
        let deadlines = deadlines.chain(self.callers.deadline());
        let deadlines = deadlines.chain(self.mounts.due(now));
        let nearest = deadlines.fold(next_user, Instant::min);
        let until = nearest.saturating_duration_since(now);
        let can_start =
            has_waiting && !self.stopping && self.users.running(now) < super::homes::AT_ONCE;
        let limit = match can_start {
            true => Duration::ZERO,
            false => limit.min(until),
        };
        let woken = self.poll(limit).map_err(ShareError::system("wait"))?;
        if woken.signals {
            self.note_signal();
        }
        if woken.mounts {
            self.mounts.note_change();
        }
        if self.mounts.take_turn(Instant::now()) {
            self.users.watch_all_anew();
        }
        // All of them are quick to look at, and each can have something since.
        self.note_renewals();
        self.answer_calls();
        self.note_jobs();
        self.note_changes();
        Ok(())
    }

    fn poll(&self, limit: Duration) -> io::Result<Woken> {
        let readable = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        let mut descriptors = vec![
            readable(self.options.signals.as_fd()),
            readable(self.changes.as_fd()),
            readable(self.schedule.as_fd()),
        ];
        let mounts = self.mounts.descriptor();
        descriptors.extend(mounts.map(|table| PollFd::from_borrowed_fd(table, PollFlags::PRI)));
        descriptors.extend(self.callers.descriptors().map(readable));
        descriptors.extend(self.users.jobs().map(|job| {
            let flags = match job.connection.has_more_to_send() {
                true => PollFlags::IN | PollFlags::OUT,
                false => PollFlags::IN,
            };
            PollFd::from_borrowed_fd(job.connection.as_fd(), flags)
        }));
        let limit = Timespec::try_from(limit).expect("seconds");
        match poll(&mut descriptors, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(Woken {
            signals: !descriptors[0].revents().is_empty(),
            mounts: mounts.is_some() && !descriptors[3].revents().is_empty(),
        })
    }

    /// A byte `r` is a wish to read anew; anything else, also an end, is one to leave.
    fn note_signal(&mut self) {
        let mut byte = [0];
        match rustix::io::read(&self.options.signals, &mut byte) {
            Ok(1) if byte == *b"r" => {
                self.reload();
                self.users.queue_all();
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            _ => self.stopping = true,
        }
    }
}

struct Woken {
    signals: bool,
    mounts: bool,
}
