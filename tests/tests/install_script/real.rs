//! The archive that a release offers, as `cargo xtask dist` makes it.

use crate::scene::{SCRIPT, Scene, assert_says};
use std::path::{Path, PathBuf};

/// Names the directory that holds what `cargo xtask dist` made.
const DIST: &str = "CLAUDE_ACCOUNTS_TEST_DIST";

/// The newest archive there, and its sum's file.
fn built_archive() -> Result<PathBuf, String> {
    let directory = std::env::var_os(DIST)
        .ok_or_else(|| format!("needs {DIST}, which cargo xtask test sets"))?;
    let suffix = format!("-{}-linux.tar.gz", std::env::consts::ARCH);
    let entries =
        std::fs::read_dir(Path::new(&directory)).map_err(|error| format!("{DIST}: {error}"))?;
    let archives = entries.flatten().map(|entry| entry.path());
    let mut archives: Vec<PathBuf> = archives
        .filter(|path| path.to_string_lossy().ends_with(&suffix))
        .collect();
    archives.sort();
    archives
        .pop()
        .ok_or_else(|| format!("there is no archive in {DIST}"))
}

#[test]
fn the_real_archive_installs_runs_and_goes() {
    let archive = match built_archive() {
        Ok(archive) => archive,
        Err(reason) => return testkit::skip(reason),
    };
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let name = archive.file_name().unwrap().to_str().unwrap().to_owned();
    let here = format!("/opt/releases/{name}");
    scene.host.install_file(&archive, &here);
    let sum = PathBuf::from(format!("{}.sha256", archive.display()));
    scene.host.install_file(&sum, &format!("{here}.sha256"));
    let version = env!("CARGO_PKG_VERSION");
    let before = scene.listing(&["/usr/local", "/home/anna"]);
    drop(
        scene
            .host
            .run(&["busybox", "ash", SCRIPT, "--archive", &here])
            .success(),
    );
    scene.assert_version("/usr/local/bin", version);
    let units = scene.sh("cat /usr/local/lib/systemd/*/*");
    assert_says(&units, &["/usr/local/bin/claude-"]);
    assert!(!units.contains("@BINDIR@"), "{units}");
    for path in [
        "man/man1/claude-accounts.1",
        "bash-completion/completions/cs",
        "zsh/site-functions/_claude-share",
        "fish/vendor_completions.d/cs.fish",
        "doc/claude-accounts/LICENSE",
    ] {
        assert!(
            scene.host.exists(&format!("/usr/local/share/{path}")),
            "{path}"
        );
    }
    let added = scene.host.run_with_input(
        &[
            "env",
            "HOME=/opt/home",
            "claude-accounts",
            "add",
            "work",
            "--key-stdin",
        ],
        b"sk-ant-api03-FAKE-key-of-an-account",
    );
    assert_says(&added.success().stdout, &["added work"]);
    // By the script that came with it.
    let installed = "/usr/local/share/claude-accounts/install.sh";
    drop(
        scene
            .host
            .run(&["bash", installed, "--uninstall"])
            .success(),
    );
    assert_eq!(scene.listing(&["/usr/local", "/home/anna"]), before);
}
