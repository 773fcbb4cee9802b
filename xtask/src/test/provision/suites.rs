//! Suites for file systems that are crates: they ask of a session's mount what others expect of one.

use std::path::PathBuf;

use super::{Provisions, failure};
use crate::process::{self, Echo};
use crate::workspace::Workspace;

/// Each with the version whose cases the tests' list of exceptions was made from.
const SUITES: [(&str, &str); 2] = [("fsx", "0.3.2"), ("pjdfstest", "0.2.2")];

/// Gets by cargo, into target/, those that are not there; where they are.
pub(super) fn provide(workspace: &Workspace, provisions: &mut Provisions) -> PathBuf {
    let directory = workspace.target.join("suites");
    for (name, version) in SUITES {
        let mark = directory.join(format!("{name}-{version}.installed"));
        if mark.exists() {
            continue;
        }
        println!("installing {name} {version} with cargo");
        let mut install = workspace.cargo_install(&format!("{name}@{version}"));
        install.arg("--force").arg("--root").arg(&directory);
        let finished = process::run(&mut install, &workspace.log(name), Echo::Silent);
        // The mark of the version comes last: an interrupted install is done again.
        let marked = finished.succeeded && std::fs::write(&mark, "").is_ok();
        if !marked {
            let reason = failure("cargo install", &finished);
            provisions.missing.insert(name, reason);
        }
    }
    directory
}
