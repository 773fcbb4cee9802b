//! What `systemd-analyze` says of the units, without a systemd that runs.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use end_to_end::is_installed;
use testkit::{Ran, TestHome, programs, skip};

use crate::{Scope, Unit};

/// What every service is rated below.
const MOST_EXPOSURE: f32 = 3.0;

/// A home with `systemd-analyze`, the programs, and the units as they are installed; or `None` after a skip.
fn home_with_units() -> Option<TestHome> {
    if !is_installed("systemd-analyze") {
        skip("there is no systemd-analyze here");
        return None;
    }
    let home = TestHome::new();
    let bin = home.root().join("programs");
    fs::create_dir(&bin).unwrap();
    for name in ["claude-accounts", "claude-share"] {
        symlink(programs::path(name), bin.join(name)).unwrap();
    }
    for unit in Unit::all() {
        let directory = home.root().join(unit.scope.name());
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join(&unit.name);
        fs::write(&path, unit.installed(bin.to_str().unwrap())).unwrap();
        // The mode of an installed one; others are complained of.
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    Some(home)
}

fn analyze(home: &TestHome, scope: Scope, arguments: &[&str]) -> Command {
    let mut command = home.command("systemd-analyze");
    command
        .args(arguments)
        .arg("--no-pager")
        .current_dir(home.root().join(scope.name()));
    command
}

#[test]
fn systemd_accepts_each_unit() {
    let Some(home) = home_with_units() else {
        return;
    };
    for scope in [Scope::User, Scope::System] {
        let units = Unit::all().into_iter().filter(|unit| unit.scope == scope);
        // All at once, since they name each other.
        let units = units.map(|unit| format!("./{}", unit.name));
        let option = format!("--{}", scope.name());
        let words = [&option, "verify", "--man=no", "--recursive-errors=no"];
        let mut command = analyze(&home, scope, &words);
        command.args(units);
        let ran = Ran::of(command).success();
        assert_eq!((ran.stdout.trim(), ran.stderr.trim()), ("", ""));
    }
}

#[test]
fn no_service_is_rated_as_exposed() {
    let Some(home) = home_with_units() else {
        return;
    };
    let services = Unit::all().into_iter();
    let services: Vec<_> = services
        .filter(|unit| unit.name.ends_with(".service"))
        .collect();
    assert_eq!(services.len(), 3);
    for unit in services {
        let mut command = analyze(&home, unit.scope, &["security", "--offline=true"]);
        command.arg(format!("./{}", unit.name));
        let ran = Ran::of(command).success();
        let overall = ran.stdout.lines().last().unwrap_or_default();
        let exposure = overall.rsplit_once(": ").and_then(|(_, rest)| {
            let number = rest.split(' ').next()?;
            number.parse::<f32>().ok()
        });
        let exposure = exposure.unwrap_or_else(|| panic!("{ran:#?}"));
        assert!(exposure < MOST_EXPOSURE, "{}: {}", unit.name, ran.stdout);
    }
}

#[test]
fn each_unit_names_a_manual_page_that_the_programs_make() {
    let home = TestHome::new();
    let pages = home.root().join("pages");
    fs::create_dir(&pages).unwrap();
    for program in ["claude-accounts", "claude-share"] {
        let mut command = home.command(programs::path(program));
        command.arg("man").arg(&pages);
        drop(Ran::of(command).success());
    }
    for unit in Unit::all() {
        for page in unit.value("Documentation").split(' ') {
            let name = page
                .strip_prefix("man:")
                .and_then(|page| page.strip_suffix("(1)"));
            let file = pages.join(format!("{}.1", name.expect("a page of section 1")));
            assert!(file.exists(), "{}: {page}", unit.name);
        }
    }
}
