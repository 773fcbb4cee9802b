//! What the users' own `.claude.json` files have in common, merged three ways.
//!
//! Each user has a real file of his own. Four keys of it are carried between the users
//! ([`SHARED_KEYS`]); nothing here ever sees another one, except [`ClaudeJsonPatch::apply`], which
//! leaves them as they are. `claude_json` knows no clock, no process and no home: the keeper feeds
//! in what a file has and hands out what it is to have.
//!
//! The three sides are what all agree on ([`Common`]), what the user's file had when it was last
//! seen, and what it has now. Whatever is different from what was last seen is the user's change,
//! and becomes what all agree on; then whatever is different from that is patched into the file.
//! So, for each MCP server by its name:
//! - what different users add is all kept, and what one removes goes away for all;
//! - where two changed (or one changed and another removed) the same one, the change that the
//!   keeper sees later wins;
//! - a user who was never seen, or whose file was begun anew, removes nothing: he gets what is
//!   missing, what only he has is added, and where configurations differ the common one wins.
//!
//! **A patch may fail**, because the client wrote meanwhile. Therefore every [`merge`] records the
//! file as seen: a change is counted once, also if others undo it before the patch arrives. A patch
//! may also be applied and the keeper die before it knows. Therefore what was offered is recorded
//! too, and a file that has it is not taken for changed. This holds if
//! - the keeper has one patch at a time under way for a user, and calls [`confirm`] when it has
//!   been applied, before it merges that user's file again;
//! - [`Common::store`] comes before the patches are handed out, once for any number of merges.
//!
//! What this does not do: a user who undoes by hand a patch that nobody confirmed gets it again.

mod common;
mod mark;
mod patch;
mod servers;
mod who;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use common::Common;
use common::{Base, Mark};
pub use patch::ClaudeJsonPatch;

/// The keys that are carried between the users. `projects`, the history, `userID`, `machineID`,
/// `primaryApiKey`, `customApiKeyResponses` and all others are not.
pub const SHARED_KEYS: [&str; 4] = [ACCOUNT, ONBOARDED, ONBOARDING_VERSION, SERVERS];

const ACCOUNT: &str = "oauthAccount";
const ONBOARDED: &str = "hasCompletedOnboarding";
const ONBOARDING_VERSION: &str = "lastOnboardingVersion";
const SERVERS: &str = "mcpServers";

/// Longest `lastOnboardingVersion` that is carried, in bytes; the client's have about 7.
const LONGEST_VERSION: usize = 64;

/// The shared keys of a file, as they are.
#[must_use]
pub fn extract(file: &Map<String, Value>) -> Map<String, Value> {
    let shared = |key: &&str| {
        file.get(*key)
            .map(|value| ((*key).to_owned(), value.clone()))
    };
    SHARED_KEYS.iter().filter_map(shared).collect()
}

/// What came of a merge.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Merged {
    /// What the user's file is to be changed by, if anything.
    pub patch: Option<ClaudeJsonPatch>,
    /// Whether what all agree on has changed: the other users' files are due for a merge.
    pub common_changed: bool,
    /// Whether [`Common`] is to be stored before the patch is handed out.
    pub store: bool,
    /// Why something of the user's is not carried to the others, for people. It stays in his file.
    pub refused: Option<String>,
}

/// A merge under way.
struct Merge<'a> {
    common: &'a mut Common,
    /// Whether the user was ever seen.
    known: bool,
    /// What was known of the file before.
    before: Base,
    /// What will be known of it.
    after: Base,
    current: &'a Map<String, Value>,
    set: Map<String, Value>,
    merged: Merged,
}

/// Merges what a user's file has now (its [`extract`]; empty if there is no file).
///
/// `account` is the vault's account of the user's view or key, `None` if he has neither, such as a
/// user with a login of his own; then his `oauthAccount` is left alone. `shares_login` is whether it
/// is a view, so that `oauthAccount` is to tell who signed in. With a key it is not shown, and is
/// removed if it is still that of a login which is shared.
pub fn merge(
    common: &mut Common,
    user: &str,
    account: Option<&str>,
    shares_login: bool,
    current: &Map<String, Value>,
) -> Merged {
    let known = common.bases.get(user).cloned();
    let mut merge = Merge {
        known: known.is_some(),
        before: known.clone().unwrap_or_default(),
        after: Base::default(),
        common,
        current,
        set: Map::new(),
        merged: Merged::default(),
    };
    merge.oauth_account(account, shares_login);
    merge.onboarded();
    merge.onboarding_version();
    merge.servers();

    let Merge {
        after,
        set,
        mut merged,
        ..
    } = merge;
    merged.store = merged.common_changed || known.as_ref() != Some(&after);
    common.bases.insert(user.to_owned(), after);
    merged.patch = (!set.is_empty()).then(|| ClaudeJsonPatch {
        expected: current.clone(),
        set,
    });
    merged
}

/// Records that a patch of [`merge`] has been applied to the user's file. Without it, nothing is
/// lost, but a user who undoes the patch is not believed.
///
/// Returns whether [`Common`] has changed; it may be stored at leisure.
pub fn confirm(common: &mut Common, user: &str, patch: &ClaudeJsonPatch) -> bool {
    let Some(base) = common.bases.get_mut(user) else {
        return false;
    };
    let unconfirmed = base.clone();
    for (name, was, is) in patch.changed_marks() {
        // Otherwise the file has been seen since, and what was seen then is the truth.
        if base.seen.get(name) == was {
            base.seen.set(name, is);
            base.offered.forget(name);
        }
    }
    *base != unconfirmed
}

impl Merge<'_> {
    /// Whether the user changed what goes by `name`: the file has neither what was seen last nor
    /// what was offered since.
    fn changed_by_user(&self, name: Mark, now: Option<Mark>) -> bool {
        now != self.before.seen.get(name) && self.before.offered.get(name) != Some(now)
    }

    /// Records what the file has, and what it is offered if that is something else.
    fn record(&mut self, name: Mark, now: Option<Mark>, target: Option<Mark>) {
        self.after.seen.set(name, now);
        if now != target {
            self.after.offered.set(name, target);
        }
    }

    /// Only `true` is carried, and never taken back.
    fn onboarded(&mut self) {
        let yes = Value::Bool(true);
        let value = self.current.get(ONBOARDED);
        if value == Some(&yes) && !self.common.onboarded {
            self.common.onboarded = true;
            self.merged.common_changed = true;
        }
        let target = self.common.onboarded.then_some(yes);
        self.aim(ONBOARDED, target.as_ref().or(value));
    }

    /// The later change wins. A removal is not carried.
    fn onboarding_version(&mut self) {
        let value = self.current.get(ONBOARDING_VERSION);
        let now = value.map(mark::of_value);
        let version = value
            .and_then(Value::as_str)
            .filter(|version| version.len() <= LONGEST_VERSION);
        if let Some(version) = version
            && self.common.onboarding_version.as_deref() != Some(version)
            && (self.known || self.common.onboarding_version.is_none())
            && self.changed_by_user(mark::of_key(ONBOARDING_VERSION), now)
        {
            self.common.onboarding_version = Some(version.to_owned());
            self.merged.common_changed = true;
        }
        let target = self.common.onboarding_version.clone().map(Value::String);
        self.aim(ONBOARDING_VERSION, target.as_ref().or(value));
    }

    /// The file is to have this under a key, or not to have the key.
    fn aim(&mut self, key: &str, target: Option<&Value>) {
        let value = self.current.get(key);
        let mark = |value: Option<&Value>| value.map(mark::of_value);
        self.record(mark::of_key(key), mark(value), mark(target));
        if target != value {
            let target = target.cloned().unwrap_or(Value::Null);
            self.set.insert(key.to_owned(), target);
        }
    }
}
