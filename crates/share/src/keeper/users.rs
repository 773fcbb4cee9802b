//! The users as the keeper goes through them: who is to be looked at, who is being, who cannot be.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::pace::Pace;
use crate::claude_json::ClaudeJsonPatch;
use crate::home::Owner;
use crate::home_processes::HomeConnection;
use crate::state::UserRecord;

/// Everybody is looked at this often even if nothing seems to have changed: a file written through
/// another name of it, a file system without events.
const EVERY: Duration = Duration::from_secs(300);

/// A worker that has not answered by then is not waited for any more; the zygote ends it.
pub(super) const LONGEST_JOB: Duration = Duration::from_secs(5);

/// The client writes tokens and identity one after the other, in an order that we do not know. Before
/// this time has passed, either may be that of the login before.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// A worker in a usual home has ended long before.
const SLOW_JOB: Duration = Duration::from_millis(200);

/// What the keeper is to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Managed(UserRecord),
    /// The source user: his account.
    Source(String),
}

/// One user.
pub(super) struct User {
    pub(super) role: Role,
    /// Who he is on this system; or why nothing can be done for him.
    pub(super) owner: Result<Owner, String>,
    /// When he is to be looked at next.
    due: Instant,
    queued: bool,
    /// Whether his turn comes of something that is not his doing.
    ours: bool,
    job: Option<Job>,
    pub(super) pace: Pace,
    /// Whether his directories are to be watched anew.
    pub(super) watch: bool,
    /// What cannot be done for him, as told.
    pub(super) trouble: Option<String>,
    failures: u32,
    /// Who signed in, as his file said when it was last looked at, and since when.
    pub(super) identity: Option<(Value, Instant)>,
    /// The fingerprint of a login of his own that stays.
    pub(super) own_login: Option<String>,
    /// The fingerprint of a login of his own that may be replaced.
    pub(super) reclaim: Option<String>,
    /// Before then no login is taken over from him: the last one could not be proved.
    pub(super) distrusted_until: Option<Instant>,
}

/// A worker in a home.
pub(super) struct Job {
    pub(super) connection: HomeConnection,
    pub(super) started_at: Instant,
    pub(super) stage: Stage,
    /// Whether it was told that it takes too long.
    pub(super) overdue: bool,
}

impl Job {
    /// When it is not waited for any more.
    pub(super) fn deadline(&self) -> Instant {
        self.started_at + LONGEST_JOB
    }

    /// Until when it counts among those that may run at once: a worker that takes longer waits for
    /// something, and the others do not wait for it.
    pub(super) fn slow_at(&self) -> Instant {
        self.started_at + SLOW_JOB
    }
}

/// What a worker is to answer next.
pub(super) enum Stage {
    Report,
    /// The merge's patch is to be stored before it is handed out.
    ToBePatched(ClaudeJsonPatch),
    Patched(ClaudeJsonPatch),
}

impl User {
    /// Notes who has signed in; how long that has been so.
    pub(super) fn note_identity(&mut self, identity: Option<&Value>, now: Instant) -> Duration {
        let Some(identity) = identity else {
            self.identity = None;
            return Duration::MAX;
        };
        match &self.identity {
            Some((known, since)) if known == identity => now.saturating_duration_since(*since),
            _ => {
                self.identity = Some((identity.clone(), now));
                Duration::ZERO
            }
        }
    }

    fn new(role: Role, owner: Result<Owner, String>, now: Instant) -> Self {
        Self {
            role,
            owner,
            due: now,
            queued: false,
            ours: true,
            job: None,
            pace: Pace::new(now),
            watch: true,
            trouble: None,
            failures: 0,
            identity: None,
            own_login: None,
            reclaim: None,
            distrusted_until: None,
        }
    }

    pub(super) fn job(&self) -> Option<&Job> {
        self.job.as_ref()
    }
}

/// All of them.
pub(super) struct Users {
    pub(super) by_name: BTreeMap<String, User>,
    queue: VecDeque<String>,
    /// Those for whom a worker is at work.
    working: BTreeSet<String>,
    /// Nobody is due before.
    next_due: Instant,
}

impl Users {
    pub(super) fn new() -> Self {
        Self {
            by_name: BTreeMap::new(),
            queue: VecDeque::new(),
            working: BTreeSet::new(),
            next_due: Instant::now(),
        }
    }

    /// When a user is to be looked at, if nothing happens before.
    pub(super) fn set_due(&mut self, name: &str, at: Instant) {
        if let Some(user) = self.by_name.get_mut(name) {
            user.due = at;
            self.next_due = self.next_due.min(at);
        }
    }

    /// Notes that all is well: the next look is the usual one.
    pub(super) fn is_well(&mut self, name: &str, now: Instant) {
        if let Some(user) = self.by_name.get_mut(name) {
            user.failures = 0;
            user.due = user.due.max(now + EVERY);
        }
    }

    /// Notes a failure: the next attempt comes later with each.
    pub(super) fn has_failed(&mut self, name: &str, now: Instant) {
        const LONGEST: u32 = 4;
        if let Some(user) = self.by_name.get_mut(name) {
            user.failures = user.failures.saturating_add(1);
            let pause = Duration::from_secs(1 << user.failures.min(LONGEST));
            self.set_due(name, now + pause);
        }
    }

    pub(super) fn set_job(&mut self, name: &str, job: Job) {
        if let Some(user) = self.by_name.get_mut(name) {
            user.job = Some(job);
            self.working.insert(name.to_owned());
        }
    }

    pub(super) fn take_job(&mut self, name: &str) -> Option<Job> {
        self.working.remove(name);
        let user = self.by_name.get_mut(name)?;
        // Nobody could be due as long as there was a worker.
        self.next_due = self.next_due.min(user.due);
        user.job.take()
    }

    /// Those for whom a worker is at work.
    pub(super) fn working(&self) -> Vec<String> {
        self.working.iter().cloned().collect()
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.working
            .iter()
            .filter_map(|name| self.by_name.get(name)?.job.as_ref())
    }

    /// Takes over who is to be kept; those who stay keep what is known of them.
    pub(super) fn replace(
        &mut self,
        wanted: Vec<(String, Role, Result<Owner, String>)>,
        now: Instant,
    ) -> Vec<String> {
        let mut before = std::mem::take(&mut self.by_name);
        for (name, role, owner) in wanted {
            let user = match before.remove(&name) {
                Some(mut user) if user.owner == owner => {
                    user.role = role;
                    user
                }
                _ => User::new(role, owner, now),
            };
            self.by_name.insert(name, user);
        }
        let by_name = &self.by_name;
        let has_job = |name: &String| by_name.get(name).is_some_and(|user| user.job.is_some());
        self.working.retain(has_job);
        self.next_due = now;
        before.into_keys().collect()
    }

    /// The same for what is not his doing: it is not counted against him.
    pub(super) fn queue_for_us(&mut self, name: &str) {
        if let Some(user) = self.by_name.get_mut(name) {
            user.ours = true;
        }
        self.queue(name);
    }

    /// Has a user looked at as soon as it is his turn.
    pub(super) fn queue(&mut self, name: &str) {
        if let Some(user) = self.by_name.get_mut(name)
            && !user.queued
        {
            user.queued = true;
            self.queue.push_back(name.to_owned());
        }
    }

    pub(super) fn queue_all(&mut self) {
        let names: Vec<String> = self.by_name.keys().cloned().collect();
        for name in names {
            self.queue_for_us(&name);
        }
    }

    /// Has everybody's directories watched anew, which may be others by now.
    pub(super) fn watch_all_anew(&mut self) {
        for user in self.by_name.values_mut() {
            user.watch = true;
        }
        self.queue_all();
    }

    /// Queues those whose time has come; gives the time of the next.
    pub(super) fn queue_due(&mut self, now: Instant) -> Instant {
        if now < self.next_due {
            return self.next_due;
        }
        let idle = |user: &User| !user.queued && user.job.is_none();
        let due: Vec<String> = self
            .by_name
            .iter()
            .filter(|(_, user)| user.due <= now && idle(user))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            self.queue(&name);
        }
        let idle = self.by_name.values().filter(|user| idle(user));
        self.next_due = idle.map(|user| user.due).min().unwrap_or(now + EVERY);
        self.next_due
    }

    /// Takes a user's turn; or says when there is one to take.
    pub(super) fn take_turn(&mut self, name: &str, now: Instant) -> Result<(), Instant> {
        let Some(user) = self.by_name.get_mut(name) else {
            return Ok(());
        };
        match std::mem::take(&mut user.ours) {
            true => Ok(()),
            false => user.pace.take_turn(now),
        }
    }

    /// The next user in the queue who is not being worked for; others keep their places.
    pub(super) fn next(&mut self) -> Option<String> {
        for _ in 0..self.queue.len() {
            let name = self.queue.pop_front()?;
            let Some(user) = self.by_name.get_mut(&name) else {
                continue;
            };
            if user.job.is_some() {
                self.queue.push_back(name);
                continue;
            }
            user.queued = false;
            return Some(name);
        }
        None
    }

    /// How many wait or are being worked for, but for those whose homes hang.
    pub(super) fn busy(&self) -> usize {
        self.queue.len() + self.jobs().filter(|job| !job.overdue).count()
    }

    /// How many workers are at work and have not shown to be slow.
    pub(super) fn running(&self, now: Instant) -> usize {
        self.jobs().filter(|job| now < job.slow_at()).count()
    }

    /// Whether anybody waits whose turn could be now.
    pub(super) fn has_waiting(&self) -> bool {
        self.queue.iter().any(|name| !self.working.contains(name))
    }
}
