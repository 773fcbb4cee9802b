//! What a command may not touch.
//!
//! Landlock only allows: what is allowed for a directory is allowed for all below it. So what is private is left out, by
//! allowing its neighbours one by one where a directory has something private in it: such a directory cannot be listed, and
//! nothing can be made in it. What comes to be there while the command runs is not allowed.

mod cover;
mod places;

use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, PathBeneath, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use serde::{Deserialize, Serialize};

use cover::{Excluded, cover};

/// The newest version of landlock whose rights are given up. A kernel that knows fewer keeps fewer from the command.
const NEWEST: ABI = ABI::V9;

/// What a command may touch, and nothing else. Absolute paths without symbolic links in them.
///
/// It may read and run everything but the homes; the user's own home without what is private in it; and write the published
/// directories, the temporary ones, and the caches of build tools. The network is open to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// The user's home.
    pub home: Bytes,
    /// The published directories. What is private below one stays so; one that is private itself is published all the same.
    pub published: Vec<Bytes>,
    /// Further directories that may be written: caches that are elsewhere, another temporary directory.
    pub caches: Vec<Bytes>,
    /// Further places that are private.
    pub private: Vec<Bytes>,
}

impl Sandbox {
    /// Whether this system can keep anything from a command. Where it cannot, none is run in a sandbox.
    #[must_use]
    pub fn is_possible() -> bool {
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let oldest = ruleset.handle_access(AccessFs::from_all(ABI::V1));
        oldest.and_then(Ruleset::create).is_ok()
    }

    /// Gives up all other rights of this thread and of what it starts from now on, for good.
    ///
    /// # Errors
    /// If the system has no landlock, or does not take it.
    pub(crate) fn enter(&self) -> Result<(), ()> {
        let rules = self.rules().map_err(drop)?;
        let status = rules.restrict_self().map_err(drop)?;
        match status.ruleset {
            RulesetStatus::NotEnforced => Err(()),
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        }
    }

    fn rules(&self) -> Result<RulesetCreated, RulesetError> {
        let mut rules = Rules(
            Ruleset::default()
                .handle_access(AccessFs::from_all(NEWEST))?
                .scope(Scope::from_all(NEWEST))?
                .create()?,
        );
        let home = &resolved(path(&self.home));
        let private = self.private_places(home);
        let homes = [home.as_path()].into_iter();
        let apart = homes.chain(places::APART.map(Path::new)).map(PathBuf::from);
        let outside: Excluded = private.iter().cloned().chain(apart).collect();
        rules.allow(Path::new("/"), &outside, AccessFs::from_read(NEWEST))?;
        rules.allow(home, &private, AccessFs::from_read(NEWEST))?;
        let all = AccessFs::from_all(NEWEST);
        for place in places::SHARED.map(Path::new) {
            rules.allow(&resolved(place.to_owned()), &private, all)?;
        }
        let published: Vec<PathBuf> = self.published.iter().map(path).collect();
        for directory in &published {
            // It can be read from the server as it is, so it is no secret from a command.
            let inside = |place: &&PathBuf| !directory.starts_with(place);
            let private = private.iter().filter(inside).cloned().collect();
            rules.allow(directory, &private, all)?;
        }
        let further = self.caches.iter().map(path).map(resolved);
        for cache in places::caches(home, &private, &published)
            .into_iter()
            .chain(further)
        {
            rules.allow(&cache, &private, all)?;
        }
        Ok(rules.0)
    }

    /// By their names, and what those lead to.
    fn private_places(&self, home: &Path) -> Excluded {
        let further = self.private.iter().map(path);
        let named: Vec<PathBuf> = places::private(home).into_iter().chain(further).collect();
        let resolved = named
            .iter()
            .filter_map(|place| fs::canonicalize(place).ok());
        let resolved: Vec<PathBuf> = resolved.collect();
        named.into_iter().chain(resolved).collect()
    }
}

struct Rules(RulesetCreated);

impl Rules {
    /// Allows it for `place` and all below it that is not `excluded`. What is not there, or cannot be opened, is not allowed.
    fn allow(
        &mut self,
        place: &Path,
        excluded: &Excluded,
        access: BitFlags<AccessFs>,
    ) -> Result<(), RulesetError> {
        for part in cover(place, excluded) {
            let Some((opened, is_directory)) = open(&part) else {
                continue;
            };
            let possible = match is_directory {
                true => access,
                false => access & AccessFs::from_file(NEWEST),
            };
            (&mut self.0).add_rule(PathBeneath::new(opened, possible))?;
        }
        Ok(())
    }
}

/// Whatever it is, but no symbolic link, nor through one: what is behind it is allowed by its own name or not at all.
fn open(path: &Path) -> Option<(OwnedFd, bool)> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let opened = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).ok()?;
    let kind = FileType::from_raw_mode(fstat(&opened).ok()?.st_mode);
    Some((opened, kind.is_dir()))
}

fn path(bytes: &Bytes) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}

/// Without the symbolic links in it; as it is if it is not there.
fn resolved(path: PathBuf) -> PathBuf {
    fs::canonicalize(&path).unwrap_or(path)
}
