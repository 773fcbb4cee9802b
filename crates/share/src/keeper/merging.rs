//! What the users' `.claude.json` files share, carried between them.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::Keeper;
use super::users::{Job, Role, SETTLED_AFTER, Stage};
use crate::ClaudeJsonMode;
use crate::claude_json::{ClaudeJsonPatch, confirm, merge};
use crate::desired::Provision;
use crate::home::Patched;

/// A client that holds its lock, or has just written, is done by then.
const MOMENTS: Duration = Duration::from_millis(100);

impl Keeper {
    pub(super) fn merge(&mut self, name: &str, mut job: Job, current: &Map<String, Value>) {
        let now = Instant::now();
        let Some(user) = self.users.by_name.get_mut(name) else {
            return;
        };
        let settled = user.note_identity(current.get("oauthAccount"), now) >= SETTLED_AFTER;
        if !matches!(user.role, Role::Managed(_))
            || self.state.settings.claude_json != ClaudeJsonMode::Merge
        {
            return;
        }
        let has_own = user.own_login.is_some();
        let account = match &user.role {
            Role::Managed(record) if !has_own => Some(self.state.account_of(record).to_owned()),
            _ => None,
        };
        // Somebody may just be signing in: who it is must not be overwritten before it is judged.
        let is_ours = current
            .get("oauthAccount")
            .is_some_and(|told| self.common.is_shared(told));
        let account = account.filter(|_| settled || is_ours);
        if !has_own && account.is_none() {
            self.users.set_due(name, now + SETTLED_AFTER);
        }
        let shares_login = account
            .as_deref()
            .is_some_and(|id| matches!(self.accounts.provision(id), Provision::Login(_)));
        let merged = merge(
            &mut self.common,
            name,
            account.as_deref(),
            shares_login,
            current,
        );
        self.common_is_new |= merged.store;
        if let Some(patch) = merged.patch {
            job.stage = Stage::ToBePatched(patch);
            self.users.set_job(name, job);
        }
        if let Some(refused) = merged.refused {
            self.tell_problem(format!("{name}: {refused}"));
        }
        if merged.common_changed {
            self.users.queue_all();
        }
    }

    /// Hands out what was merged in this round, once it is stored.
    pub(super) fn hand_out_patches(&mut self) {
        if !self
            .users
            .working()
            .iter()
            .any(|name| self.is_to_be_patched(name))
        {
            return;
        }
        let is_stored = self.store_common();
        for name in self.users.working() {
            if !self.is_to_be_patched(&name) {
                continue;
            }
            let Some(mut job) = self.users.take_job(&name) else {
                continue;
            };
            if !is_stored {
                // The worker leaves; it is tried again.
                self.users.has_failed(&name, Instant::now());
                continue;
            }
            if let Stage::ToBePatched(patch) = job.stage {
                job.connection.queue(&Some(&patch));
                // What cannot be sent shows when the answer is read.
                drop(job.connection.flush());
                job.stage = Stage::Patched(patch);
                self.users.set_job(&name, job);
            }
        }
    }

    fn is_to_be_patched(&self, name: &str) -> bool {
        let job = self.users.by_name.get(name).and_then(|user| user.job());
        job.is_some_and(|job| matches!(job.stage, Stage::ToBePatched(_)))
    }

    pub(super) fn note_patched(&mut self, name: &str, patch: &ClaudeJsonPatch, patched: Patched) {
        match patched {
            Patched::Done => {
                self.common_is_new |= confirm(&mut self.common, name, patch);
            }
            Patched::Later => {
                self.users.set_due(name, Instant::now() + MOMENTS);
            }
            Patched::Failed(problem) => self.note_trouble(name, format!(".claude.json: {problem}")),
        }
    }
}
