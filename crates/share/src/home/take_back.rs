//! Leaving a home: what is ours goes, what was there before comes back.

use std::collections::BTreeMap;

use super::directory::Directory;
use super::items::{Home, file_name};
use super::wish::{ClaudeJsonWish, Condition, Item, ItemReport, Mended, SettingsWish};
use super::{claude_json_file, credentials, links, settings_file, umask};

/// Takes every item back. What cannot be is told; the rest is done.
pub(super) fn take_back(
    home: &Home<'_>,
    originals: &BTreeMap<Item, String>,
    login: Option<&str>,
) -> Vec<ItemReport> {
    let claude = home.claude();
    let report = |item: Item| {
        let original = originals.get(&item).map(String::as_str);
        let done = match item {
            Item::Umask => umask::take_back(&home.directory, &home.request.stamp),
            Item::ClaudeJson => claude_json(home, original),
            Item::Credentials | Item::Settings | Item::SettingsLocal => match &claude {
                Ok(claude) => in_claude(home, claude, item, original, login),
                // Nothing of ours can be in a directory that is not there.
                Err(_) => Ok(None),
            },
        };
        ItemReport {
            item,
            found: Condition::NotShared,
            mended: done.transpose(),
        }
    };
    Item::ALL.into_iter().map(report).collect()
}

fn in_claude(
    home: &Home<'_>,
    claude: &Directory,
    item: Item,
    original: Option<&str>,
    login: Option<&str>,
) -> Result<Option<Mended>, String> {
    let (name, shared, stamp) = (file_name(item), home.shared(item), &home.request.stamp);
    match (item, home.settings(item)) {
        (Item::Credentials, _) => credentials::take_back(home.place(claude), original, login),
        (_, SettingsWish::KeyHelper { command, .. }) => {
            settings_file::take_back(claude, name, command, &shared, original, stamp)
        }
        (_, SettingsWish::Link(_) | SettingsWish::Private(_)) => {
            links::take_back(claude, name, &shared, original, stamp)
        }
    }
}

/// A file of the user's own is his; a link of ours goes.
fn claude_json(home: &Home<'_>, original: Option<&str>) -> Result<Option<Mended>, String> {
    let name = claude_json_file::NAME;
    match &home.request.wish.claude_json {
        ClaudeJsonWish::Link(target) => {
            links::take_back(&home.directory, name, target, original, &home.request.stamp)
        }
        ClaudeJsonWish::Merge | ClaudeJsonWish::Private => Ok(None),
    }
}
