//! The units of systemd in `packaging/systemd`: that systemd takes them, how exposed it rates them, that what they start
//! works as they say, and, where a systemd can be started in a machine of a test, all of it under a real one.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; files that nobody has to recover"
)]

mod booted;
mod probe;
mod rated;
mod started;
mod under_systemd;

use std::fs;
use std::path::{Path, PathBuf};

/// What stands in a unit for the directory of the programs.
const BIN_DIRECTORY: &str = "@BINDIR@";

/// Whose manager runs a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    User,
    System,
}

impl Scope {
    /// The directory of its units, and the option of `systemd-analyze` and `systemctl`.
    fn name(self) -> &'static str {
        match self {
            Scope::User => "user",
            Scope::System => "system",
        }
    }
}

/// A unit as it is in the repository.
struct Unit {
    scope: Scope,
    name: String,
    text: String,
}

impl Unit {
    /// That of the name.
    #[track_caller]
    fn named(scope: Scope, name: &str) -> Unit {
        let path = directory(scope).join(name);
        let text = fs::read_to_string(&path);
        Unit {
            scope,
            name: name.to_owned(),
            text: text.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        }
    }

    /// All of them.
    fn all() -> Vec<Unit> {
        let mut units = Vec::new();
        for scope in [Scope::User, Scope::System] {
            for entry in fs::read_dir(directory(scope)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                units.push(Unit::named(scope, &name));
            }
        }
        units
    }

    /// As it is installed where the programs are in `programs`.
    fn installed(&self, programs: &str) -> String {
        self.text.replace(BIN_DIRECTORY, programs)
    }

    /// The values of a setting, in order.
    fn values<'unit>(&'unit self, setting: &str) -> Vec<&'unit str> {
        let lines = self.text.lines();
        let values = lines.filter_map(|line| line.strip_prefix(setting)?.strip_prefix('='));
        values.collect()
    }

    /// The value of a setting that is there once.
    #[track_caller]
    fn value(&self, setting: &str) -> &str {
        let [value] = self.values(setting)[..] else {
            panic!("{setting} is not there once in {}", self.name);
        };
        value
    }
}

fn directory(scope: Scope) -> PathBuf {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd");
    packaging.join(scope.name())
}
