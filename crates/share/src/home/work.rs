//! What a worker does in a home, as its user.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::inotify::{self, WatchFlags};

use super::claude_json_file::Patched;
use super::credentials::{Place, Reclaim};
use super::directory::Directory;
use super::wish::{
    ClaudeJsonWish, Condition, CredentialsWish, HomeReport, HomeRequest, Item, ItemReport, Mended,
    SettingsWish, Task, Watch, WatchedDirectory,
};
use super::{
    authorized_keys, claude_json_file, credentials, links, settings_file, take_back, umask,
};
use crate::claude_json::ClaudeJsonPatch;
use crate::home_processes::HomeConnection;
use crate::paths::shared_copy;

/// The client's directory in a home.
const CLAUDE: &str = ".claude";

/// Another worker of ours in the same home takes milliseconds.
const TURN_PATIENCE: Duration = Duration::from_secs(1);

/// A process that has become the user.
pub(crate) struct Worker {
    uid: u32,
    connection: HomeConnection,
    changes: Option<OwnedFd>,
}

impl Worker {
    pub(crate) fn new(uid: u32, connection: HomeConnection, changes: Option<OwnedFd>) -> Self {
        Self {
            uid,
            connection,
            changes,
        }
    }

    /// Answers one request, and then what follows from its answer.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let Some(request) = self.connection.receive::<HomeRequest>()? else {
            return Ok(());
        };
        let home = match Home::open(self.uid, &request) {
            Ok(home) => home,
            Err(problem) => {
                let report = HomeReport {
                    problem: Some(problem),
                    ..HomeReport::default()
                };
                return self.answer(&report);
            }
        };
        // The keeper has let go of the user meanwhile: what is done now would be done behind its back.
        if self.connection.is_abandoned() {
            return Ok(());
        }
        let watches = self.watch(&home)?;
        let report = HomeReport {
            watches,
            ..home.carry_out()
        };
        self.answer(&report)?;
        if home.is_to_be_merged(&report) {
            self.patch(&home)?;
        }
        Ok(())
    }

    fn answer(&mut self, message: &impl serde::Serialize) -> io::Result<()> {
        self.connection.queue(message);
        self.connection.flush()
    }

    /// Waits for what the merge says, which is nothing for whoever only looks.
    fn patch(&mut self, home: &Home<'_>) -> io::Result<()> {
        let Ok(Some(Some(patch))) = self.connection.receive::<Option<ClaudeJsonPatch>>() else {
            return Ok(());
        };
        let patched: Patched =
            claude_json_file::patch(&home.directory, &patch, &home.request.stamp);
        self.answer(&patched)
    }

    /// Watches the home and what is in it, before anything is looked at.
    fn watch(&self, home: &Home<'_>) -> io::Result<Vec<Watch>> {
        let (Some(changes), true) = (&self.changes, home.request.watch) else {
            return Ok(Vec::new());
        };
        if let (Err(_), true) = (&home.directory.subdirectory(CLAUDE), home.is_mending()) {
            drop(home.make_claude());
        }
        let claude = home.directory.subdirectory(CLAUDE).ok();
        let both = [
            (WatchedDirectory::Home, Some(&home.directory)),
            (WatchedDirectory::Claude, claude.as_ref()),
        ];
        let set = |(directory, place): (WatchedDirectory, Option<&Directory>)| {
            // By the working directory: this process may not look at its own descriptors in /proc.
            rustix::process::fchdir(place?.as_fd()).ok()?;
            let number = inotify::add_watch(changes, ".", events()).ok()?;
            Some(Watch { directory, number })
        };
        let watches = both.into_iter().filter_map(set).collect();
        rustix::process::chdir("/")?;
        Ok(watches)
    }
}

fn events() -> WatchFlags {
    WatchFlags::CLOSE_WRITE
        | WatchFlags::CREATE
        | WatchFlags::MOVED_TO
        | WatchFlags::MOVED_FROM
        | WatchFlags::DELETE
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ATTRIB
        | WatchFlags::ONLYDIR
        | WatchFlags::DONT_FOLLOW
        | WatchFlags::EXCL_UNLINK
}

/// A home and what is asked of it.
pub(super) struct Home<'a> {
    pub(super) directory: Directory,
    pub(super) uid: u32,
    pub(super) request: &'a HomeRequest,
}

impl<'a> Home<'a> {
    fn open(uid: u32, request: &'a HomeRequest) -> Result<Self, String> {
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

    fn carry_out(&self) -> HomeReport {
        if let Task::TakeBack { originals, login } = &self.request.task {
            return HomeReport {
                items: take_back::take_back(self, originals, login.as_deref()),
                ..HomeReport::default()
            };
        }
        if let Task::AuthorizeKey { key } = &self.request.task {
            return HomeReport {
                problem: authorized_keys::add(&self.directory, key).err(),
                ..HomeReport::default()
            };
        }
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
                ClaudeJsonWish::Link(target) => {
                    links::mend(&self.directory, claude_json_file::NAME, target, stamp)
                }
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
            (_, SettingsWish::Link(target)) => links::mend(claude, name, target, stamp),
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

    fn is_mending(&self) -> bool {
        matches!(self.request.task, Task::Mend { .. })
    }

    fn is_to_be_merged(&self, report: &HomeReport) -> bool {
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
    fn make_claude(&self) -> Result<Directory, String> {
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
