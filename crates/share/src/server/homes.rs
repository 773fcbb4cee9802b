//! What is asked of the processes that touch homes.

use std::collections::BTreeMap;
use std::path::Path;

use crate::desired::{Provision, home_of, source_home};
use crate::home::{
    ClaudeJsonWish, Condition, CredentialsWish, HomeReport, HomeRequest, HomeWish, Item, Owner,
    SettingsWish, Task,
};
use crate::settings::Settings;
use crate::state::{ServerState, UserRecord};

/// A request about a home.
#[must_use]
pub fn request(
    owner: &Owner,
    shared: &Path,
    wish: HomeWish,
    task: Task,
    stamp: &str,
) -> HomeRequest {
    HomeRequest {
        home: owner.home.clone(),
        shell: owner.shell.clone(),
        shared_directory: shared.to_owned(),
        wish,
        task,
        stamp: stamp.to_owned(),
        watch: false,
        with_contents: false,
    }
}

/// What a managed user's home is to be.
#[must_use]
pub fn managed_wish(
    state: &ServerState,
    record: &UserRecord,
    provision: &Provision,
    key_command: &str,
) -> HomeWish {
    home_of(state, record, provision, key_command)
}

/// What the source user's home is to be.
#[must_use]
pub fn source_wish(settings: &Settings, provision: &Provision) -> HomeWish {
    source_home(settings, provision)
}

/// A wish for nothing: to read a login and settings, or to add a key.
#[must_use]
pub fn no_wish() -> HomeWish {
    HomeWish {
        credentials: CredentialsWish::Absent,
        claude_json: ClaudeJsonWish::Merge,
        settings: SettingsWish::Private(Default::default()),
        settings_local: SettingsWish::Private(Default::default()),
        umask: false,
    }
}

/// What is wrong in a home, for people.
#[must_use]
pub fn wrong(report: &HomeReport) -> Vec<String> {
    let wrong = report.items.iter().filter_map(|item| match &item.found {
        Condition::Wrong(text) => Some(format!("{} {text}", item.item.path())),
        Condition::Good | Condition::OwnLogin | Condition::NotShared => None,
    });
    wrong.collect()
}

/// Whether a login of the user's own stands in the place of what he is to have.
#[must_use]
pub fn has_own_login(report: &HomeReport) -> bool {
    report
        .items
        .iter()
        .any(|item| item.found == Condition::OwnLogin && item.mended.is_none())
}

/// What could not be done in a home, for people.
#[must_use]
pub fn failures(report: &HomeReport) -> Vec<String> {
    let failed = report.items.iter().filter_map(|item| match &item.mended {
        Some(Err(problem)) => Some(format!("{}: {problem}", item.item.path())),
        Some(Ok(_)) | None => None,
    });
    failed.collect()
}

/// The backups that were made, by item.
#[must_use]
pub fn backups(report: &HomeReport) -> BTreeMap<Item, String> {
    let made = report.items.iter().filter_map(|item| match &item.mended {
        Some(Ok(mended)) => Some((item.item, mended.backup.clone()?)),
        Some(Err(_)) | None => None,
    });
    made.collect()
}
