//! What the keeper does in homes: a worker for each user whose turn it is, and what comes of it.

use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use super::users::{Job, LONGEST_JOB, Role, Stage};
use super::{Keeper, KeeperEvent};
use crate::desired::{home_of, source_home};
use crate::home::{Condition, HomeReport, HomeRequest, Owner, Patched, Task};
use crate::home_processes::HomeProcesses;
use crate::owner::find_owner;
use crate::state::ServerState;
use crate::system_users::SystemUsers;

/// So many homes are worked on at once: two for each of a small server's processors, and two more
/// for those whose disks are slow.
pub(super) const AT_ONCE: usize = 6;

/// A home that cannot be watched is looked at this often.
const UNWATCHED: Duration = Duration::from_secs(10);

/// Who is to be kept: the managed users, and the source user.
pub(super) fn wanted_users(
    state: &ServerState,
    system: &SystemUsers,
) -> Vec<(String, Role, Result<Owner, String>)> {
    let managed = state.users.iter().map(|(name, record)| {
        let owner = find_owner(state, system, name, record.uid);
        (name.clone(), Role::Managed(record.clone()), owner)
    });
    let source = state.source.iter().map(|source| {
        let name = &state.settings.source_user;
        let owner = find_owner(state, system, name, source.uid);
        (name.clone(), Role::Source(source.account.clone()), owner)
    });
    managed.chain(source).collect()
}

impl Keeper {
    /// Starts workers for those whose turn it is, as many as may run at once.
    pub(super) fn start_jobs(&mut self) {
        let now = Instant::now();
        while !self.stopping && self.users.running(now) < AT_ONCE {
            let Some(name) = self.users.next() else {
                return;
            };
            self.start_job(&name, now);
        }
    }

    fn start_job(&mut self, name: &str, now: Instant) {
        let Some(user) = self.users.by_name.get(name) else {
            return;
        };
        let owner = match &user.owner {
            Ok(owner) => owner.clone(),
            Err(problem) => {
                let problem = problem.clone();
                return self.note_trouble(name, problem);
            }
        };
        if let Err(later) = self.users.take_turn(name, now) {
            return self.users.set_due(name, later);
        }
        let user = self.users.by_name.get_mut(name);
        let watch = user.is_some_and(|user| std::mem::take(&mut user.watch));
        if watch {
            self.changes.forget(name);
        }
        let request = self.request(name, &owner, watch);
        let changes = watch.then(|| self.changes.as_fd());
        let opened = self.processes.open(&owner, &request, changes);
        match opened {
            Ok(connection) => {
                let job = Job {
                    connection,
                    started_at: now,
                    stage: Stage::Report,
                    overdue: false,
                };
                self.users.set_due(name, now + LONGEST_JOB);
                self.users.set_job(name, job);
            }
            Err(error) => {
                self.rewatch(name);
                self.note_trouble(name, format!("no process for his home: {error}"));
                // The zygote may have been killed.
                match HomeProcesses::start(&self.options.program) {
                    Ok(processes) => self.processes = processes,
                    Err(error) => self.tell_problem(error.to_string()),
                }
            }
        }
    }

    fn request(&self, name: &str, owner: &Owner, watch: bool) -> HomeRequest {
        let user = &self.users.by_name[name];
        let provision = self.accounts.provision(self.account_of(&user.role));
        let wish = match &user.role {
            Role::Managed(record) => {
                home_of(&self.state, record, provision, &self.options.key_command)
            }
            Role::Source(_) => source_home(&self.state.settings, provision),
        };
        HomeRequest {
            home: owner.home.clone(),
            shell: owner.shell.clone(),
            shared_directory: self.state.settings.shared_directory.clone(),
            wish,
            task: Task::Mend {
                reclaim: user.reclaim.clone(),
                reclaim_any: false,
            },
            stamp: crate::stamp::now(),
            watch,
            with_contents: false,
        }
    }

    /// Reads what workers have answered.
    pub(super) fn note_jobs(&mut self) {
        for name in self.users.working() {
            self.note_job(&name);
        }
    }

    fn note_job(&mut self, name: &str) {
        let now = Instant::now();
        let Some(mut job) = self.users.take_job(name) else {
            return;
        };
        let flushed = job.connection.flush();
        let ended = match &job.stage {
            Stage::Report => match flushed.and_then(|()| job.connection.receive::<HomeReport>()) {
                Ok(Some(report)) => return self.note_report(name, job, report),
                Ok(None) => None,
                Err(error) => Some(error),
            },
            Stage::ToBePatched(_) => None,
            Stage::Patched(patch) => {
                match flushed.and_then(|()| job.connection.receive::<Patched>()) {
                    Ok(Some(patched)) => {
                        let patch = patch.clone();
                        return self.note_patched(name, &patch, patched);
                    }
                    Ok(None) => None,
                    Err(error) => Some(error),
                }
            }
        };
        if let Some(error) = ended {
            let why = match error.kind() {
                ErrorKind::UnexpectedEof if job.overdue => "his home hangs".to_owned(),
                _ => format!("the process for his home has ended: {error}"),
            };
            self.rewatch(name);
            return self.note_trouble(name, why);
        }
        let is_late = now >= job.deadline() && !job.overdue;
        job.overdue |= is_late;
        self.users.set_job(name, job);
        if is_late {
            let seconds = LONGEST_JOB.as_secs();
            self.note_trouble(
                name,
                format!("his home has not answered for {seconds} seconds"),
            );
        }
    }

    fn note_report(&mut self, name: &str, job: Job, report: HomeReport) {
        if self.changes.note(name, &report.watches) {
            // Perhaps after it was looked at.
            self.users.queue(name);
        }
        if let Some(problem) = report.problem {
            self.rewatch(name);
            return self.note_trouble(name, problem);
        }
        for item in &report.items {
            if let (Condition::Wrong(found), Some(Ok(mended))) = (&item.found, &item.mended) {
                self.tell(KeeperEvent::Mended {
                    user: name.to_owned(),
                    item: item.item.path(),
                    found: found.clone(),
                    backup: mended.backup.clone(),
                });
            }
        }
        let failed = report.items.iter().find_map(|item| match &item.mended {
            Some(Err(problem)) => Some(format!("{}: {problem}", item.item.path())),
            _ => None,
        });
        match failed {
            Some(problem) => self.note_trouble(name, problem),
            None => self.note_well(name),
        }
        self.note_own_login(name, &report);
        if let Some(current) = &report.claude_json {
            self.merge(name, job, current);
        }
    }

    pub(super) fn note_trouble(&mut self, name: &str, problem: String) {
        let now = Instant::now();
        self.users.has_failed(name, now);
        let Some(user) = self.users.by_name.get_mut(name) else {
            return;
        };
        if user.trouble.as_ref() != Some(&problem) {
            user.trouble = Some(problem.clone());
            let user = name.to_owned();
            self.tell(KeeperEvent::Trouble { user, problem });
        }
    }

    fn note_well(&mut self, name: &str) {
        self.users.is_well(name, Instant::now());
        let Some(user) = self.users.by_name.get_mut(name) else {
            return;
        };
        if user.trouble.take().is_some() {
            let user = name.to_owned();
            self.tell(KeeperEvent::Recovered { user });
        }
        // A directory that could not be watched is looked at more often.
        if self.changes.count(name) < 2 {
            self.rewatch(name);
            self.users.set_due(name, Instant::now() + UNWATCHED);
        }
    }
}
