//! Which commands are proxied.

use std::collections::{BTreeMap, BTreeSet};

use crate::Name;

/// What is proxied unless the laptop says otherwise: what builds, tests and runs projects.
pub const DEFAULTS: [&str; 29] = [
    "bun", "bundle", "cargo", "cmake", "deno", "docker", "dotnet", "go", "gradle", "make", "meson",
    "mvn", "ninja", "node", "npm", "npx", "pip", "pnpm", "poetry", "pytest", "python", "python3",
    "rake", "ruby", "rustc", "swift", "tox", "uv", "yarn",
];

/// Why a command is proxied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is one of [`DEFAULTS`].
    Default,
    /// The laptop's settings name it.
    Added,
    /// It was named for this session.
    Session,
}

/// The commands that are proxied in a session, and why. Only the laptop makes this list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<Name, Why>);

impl Names {
    /// [`DEFAULTS`] and what was `added`, without what was `removed`; and, whatever was removed, what was named for this
    /// `session`.
    #[must_use]
    pub fn new(added: &[Name], removed: &BTreeSet<Name>, session: &[Name]) -> Self {
        let defaults = DEFAULTS.iter().filter_map(|name| Name::new(name).ok());
        let defaults = defaults.map(|name| (name, Why::Default));
        let added = added.iter().map(|name| (name.clone(), Why::Added));
        let kept = defaults
            .chain(added)
            .filter(|(name, _)| !removed.contains(name));
        let mut names = Self(BTreeMap::new());
        let session = session.iter().map(|name| (name.clone(), Why::Session));
        for (name, why) in kept.chain(session) {
            // A default that was added too stays a default.
            names.0.entry(name).or_insert(why);
        }
        names
    }

    /// The name, if `called` is one of these. Byte for byte: what is called otherwise is another command.
    #[must_use]
    pub fn find(&self, called: &[u8]) -> Option<&Name> {
        let called = Name::new(std::str::from_utf8(called).ok()?).ok()?;
        self.0.get_key_value(&called).map(|(name, _)| name)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, Why)> {
        self.0.iter().map(|(name, why)| (name, *why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn every_default_is_a_name_and_stands_once() {
        let names = Names::new(&[], &BTreeSet::new(), &[]);
        assert_eq!(names.iter().count(), DEFAULTS.len());
        assert!(names.iter().all(|(_, why)| why == Why::Default));
        assert!(DEFAULTS.is_sorted());
    }

    #[test]
    fn the_laptop_adds_and_removes_and_a_session_names_its_own() {
        let removed = BTreeSet::from([name("docker"), name("just")]);
        let names = Names::new(
            &[name("just"), name("npm"), name("hugo")],
            &removed,
            &[name("just")],
        );
        let why = |text: &str| {
            names
                .iter()
                .find(|(found, _)| found.as_str() == text)
                .map(|(_, why)| why)
        };
        assert_eq!(why("docker"), None);
        assert_eq!(why("hugo"), Some(Why::Added));
        assert_eq!(why("npm"), Some(Why::Default));
        assert_eq!(why("just"), Some(Why::Session));
    }

    #[test]
    fn nothing_else_is_found() {
        let names = Names::new(&[], &BTreeSet::new(), &[]);
        assert_eq!(names.find(b"npm"), Some(&name("npm")));
        for called in [
            &b"NPM"[..],
            b"npm ",
            b"./npm",
            b"/usr/bin/npm",
            b"../npm",
            b"",
            b"npm\xff",
            b"sh",
            b"claude",
        ] {
            assert_eq!(names.find(called), None, "{}", called.escape_ascii());
        }
    }
}
