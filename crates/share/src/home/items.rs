//! A home as its worker sees it: every item is looked at, and mended where that is asked.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::credentials::{Place, Reclaim};
use super::directory::Directory;
use super::wish::{
    ClaudeJsonWish, Condition, CredentialsWish, HomeReport, HomeRequest, Item, ItemReport, Mended,
    SettingsWish, Task,
};
use super::{claude_json_file, credentials, links, settings_file, umask};
use crate::paths::shared_copy;

/// The client's directory in a home.
pub(super) const CLAUDE: &str = ".claude";

/// Another worker of ours in the same home takes milliseconds.
const TURN_PATIENCE: Duration = Duration::from_secs(1);

/// A home and what is asked of it.
pub(super) struct Home<'a> {
    pub(super) directory: Directory,
    pub(super) uid: u32,
    pub(super) request: &'a HomeRequest,
}

impl<'a> Home<'a> {
    pub(super) fn open(uid: u32, request: &'a HomeRequest) -> Result<Self, String> {
        let directory = Directory::open_home(&request.home, uid)?;
        let home = Self {
            directory,
            uid,
            request,
        };
        if request.task != Task::Look && !home.directory.lock(TURN_PATIENCE) {
            return Err(format!(
                "somebody holds a lock on {}",
                request.home.display()
            ));
        }
        Ok(home)
    }

    /// Looks at every item, and mends what is wrong where that is asked.
    pub(super) fn look_and_mend(&self) -> HomeReport {
        let mut report = HomeReport::default();
        let claude = self.claude();
        if let (true, Ok(claude)) = (self.request.with_contents, &claude) {
            report.contents = contents(claude);
        }
        for item in Item::ALL {
            let found = self.look(item, claude.as_ref(), &mut report);
            let is_wrong = matches!(found, Condition::Wrong(_)) || self.is_reclaimed(&found);
            let mended = match (self.is_mending() && is_wrong, &claude) {
                (false, _) => None,
                (true, Err(problem)) if item.path().starts_with(".claude/") => {
                    Some(Err(problem.clone()))
                }
                (true, claude) => self.mend(item, claude.as_ref().ok()).transpose(),
            };
            if item == Item::ClaudeJson && mended.is_some() {
                report.claude_json = claude_json_file::look(&self.directory, self.uid).1;
            }
            report.items.push(ItemReport {
                item,
                found,
                mended,
            });
        }
        report
    }

    fn look(
        &self,
        item: Item,
        claude: Result<&Directory, &String>,
        report: &mut HomeReport,
    ) -> Condition {
        let wish = &self.request.wish;
        match item {
            Item::ClaudeJson => self.look_at_claude_json(report),
            Item::Umask if wish.umask => umask::look(&self.directory, &self.request.shell),
            Item::Umask => Condition::NotShared,
            Item::Credentials => match claude {
                Ok(claude) => {
                    let (found, own) = credentials::look(claude, self.uid, &wish.credentials);
                    if own.is_some() {
                        report.signed_in = claude_json_file::signed_in(&self.directory);
                        report.own_login_age = claude.age(credentials::NAME);
                    }
                    report.own_login = own;
                    found
                }
                Err(_) if wish.credentials == CredentialsWish::Absent => Condition::Good,
                Err(_) if wish.credentials == CredentialsWish::Leave => Condition::NotShared,
                Err(problem) => Condition::Wrong(problem.clone()),
            },
            Item::Settings | Item::SettingsLocal => match (claude, self.settings(item)) {
                (Ok(claude), SettingsWish::Link(target)) => {
                    links::look(claude, file_name(item), target)
                }
                (Ok(claude), SettingsWish::KeyHelper { command, .. }) => {
                    settings_file::look(claude, file_name(item), command)
                }
                (Ok(claude), SettingsWish::Private(shared)) => {
                    settings_file::look_private(claude, file_name(item), shared)
                }
                (Err(_), SettingsWish::Private(_)) => Condition::NotShared,
                (Err(problem), _) => Condition::Wrong(problem.clone()),
            },
        }
    }

    fn look_at_claude_json(&self, report: &mut HomeReport) -> Condition {
        match &self.request.wish.claude_json {
            ClaudeJsonWish::Private => Condition::NotShared,
            ClaudeJsonWish::Link(target) => {
                links::look(&self.directory, claude_json_file::NAME, target)
            }
            ClaudeJsonWish::Merge => {
                let (found, shared) = claude_json_file::look(&self.directory, self.uid);
                report.claude_json = shared;
                found
            }
        }
    }

    /// Mends one item; `Ok(None)` if by now there is nothing to mend, or nothing that may be.
    fn mend(&self, item: Item, claude: Option<&Directory>) -> Result<Option<Mended>, String> {
        let (wish, stamp) = (&self.request.wish, self.request.stamp.as_str());
        match item {
            Item::Umask => umask::mend(&self.directory, &self.request.shell, stamp),
            Item::ClaudeJson => match &wish.claude_json {
                ClaudeJsonWish::Private => Ok(None),
                ClaudeJsonWish::Link(target) => links::mend(
                    &self.directory,
                    claude_json_file::NAME,
                    target,
                    stamp,
                    |_, _| false,
                ),
                ClaudeJsonWish::Merge => {
                    let shared = self.shared(Item::ClaudeJson);
                    claude_json_file::mend(&self.directory, self.uid, &shared, stamp)
                }
            },
            Item::Credentials | Item::Settings | Item::SettingsLocal => {
                let Some(claude) = claude else {
                    return Ok(None);
                };
                self.mend_in_claude(item, claude)
            }
        }
    }

    fn mend_in_claude(&self, item: Item, claude: &Directory) -> Result<Option<Mended>, String> {
        let (wish, stamp) = (&self.request.wish, self.request.stamp.as_str());
        let name = file_name(item);
        match (item, self.settings(item)) {
            (Item::Credentials, _) => {
                credentials::mend(self.place(claude), &wish.credentials, &self.reclaim())
            }
            (_, SettingsWish::Link(target)) => {
                let is_ours = |directory: &Directory, there: &str| {
                    settings_file::is_only_ours(directory, there, target)
                };
                links::mend(claude, name, target, stamp, is_ours)
            }
            (_, SettingsWish::KeyHelper { command, shared }) => {
                settings_file::mend(claude, name, command, shared, stamp)
            }
            (_, SettingsWish::Private(shared)) => {
                settings_file::mend_private(claude, name, shared, stamp)
            }
        }
    }

    pub(super) fn place<'b>(&'b self, claude: &'b Directory) -> Place<'b> {
        Place {
            directory: claude,
            uid: self.uid,
            shared_directory: &self.request.shared_directory,
            stamp: &self.request.stamp,
        }
    }

    pub(super) fn settings(&self, item: Item) -> &SettingsWish {
        match item {
            Item::SettingsLocal => &self.request.wish.settings_local,
            _ => &self.request.wish.settings,
        }
    }

    pub(super) fn shared(&self, item: Item) -> PathBuf {
        shared_copy(&self.request.shared_directory, item.path())
    }

    fn reclaim(&self) -> Reclaim {
        match &self.request.task {
            Task::Mend {
                reclaim,
                reclaim_any,
            } => Reclaim {
                any: *reclaim_any,
                exactly: reclaim.clone(),
            },
            Task::Look | Task::TakeBack { .. } | Task::AuthorizeKey { .. } => Reclaim::default(),
        }
    }

    fn is_reclaimed(&self, found: &Condition) -> bool {
        let wanted = !matches!(
            self.request.wish.credentials,
            CredentialsWish::Leave | CredentialsWish::Absent
        );
        *found == Condition::OwnLogin && wanted && self.reclaim() != Reclaim::default()
    }

    pub(super) fn is_mending(&self) -> bool {
        matches!(self.request.task, Task::Mend { .. })
    }

    pub(super) fn is_to_be_merged(&self, report: &HomeReport) -> bool {
        self.is_mending()
            && self.request.wish.claude_json == ClaudeJsonWish::Merge
            && report.claude_json.is_some()
    }

    /// The client's directory; made, or made usable, where that is asked.
    pub(super) fn claude(&self) -> Result<Directory, String> {
        let opened = self.directory.subdirectory(CLAUDE);
        if opened.is_err() && self.is_mending() {
            return self.make_claude();
        }
        let directory = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "~/.claude is missing".to_owned(),
            _ => format!("~/.claude is no directory that can be entered ({error})"),
        })?;
        Ok(directory)
    }

    /// What stands in its place is put aside.
    pub(super) fn make_claude(&self) -> Result<Directory, String> {
        use super::directory::Entry;
        let explain = |error: io::Error| format!("~/.claude: {error}");
        match self.directory.entry(CLAUDE).map_err(explain)? {
            Entry::Missing => {}
            Entry::Directory => self.directory.make_accessible(CLAUDE).map_err(explain)?,
            Entry::Link(_) | Entry::File(_) | Entry::Other(_) => {
                let stamp = &self.request.stamp;
                self.directory
                    .keep(CLAUDE, CLAUDE, stamp)
                    .map_err(explain)?;
            }
        }
        match self.directory.make_subdirectory(CLAUDE) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(explain)?,
        }
        self.directory.subdirectory(CLAUDE).map_err(explain)
    }
}

/// The settings files that can be used as they are.
fn contents(claude: &Directory) -> BTreeMap<Item, String> {
    let items = [Item::Settings, Item::SettingsLocal];
    let usable = |item: Item| Some((item, settings_file::contents(claude, file_name(item))?));
    items.into_iter().filter_map(usable).collect()
}

pub(super) fn file_name(item: Item) -> &'static str {
    match item {
        Item::Credentials => credentials::NAME,
        Item::ClaudeJson => claude_json_file::NAME,
        Item::Settings => "settings.json",
        Item::SettingsLocal => "settings.local.json",
        Item::Umask => "",
    }
}
