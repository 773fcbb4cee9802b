//! The archive.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use testkit::host::host_or_skip;
use testkit::{Host, Ran, TestHome};

use crate::{PROGRAMS, built_or_skip};

/// What it promises besides the programs' own files.
const PROMISED: [&str; 6] = [
    "share/doc/claude-accounts/README.md",
    "share/doc/claude-accounts/CHANGELOG.md",
    "share/doc/claude-accounts/SECURITY.md",
    "share/doc/claude-accounts/LICENSE",
    "share/doc/claude-accounts/THIRD-PARTY-LICENSES",
    "share/doc/claude-accounts/docs/server.md",
];

struct Unpacked {
    home: TestHome,
    archive: PathBuf,
    root: PathBuf,
}

fn unpacked_or_skip() -> Option<Unpacked> {
    let archive = built_or_skip("-linux.tar.gz")?;
    let home = TestHome::new();
    let mut tar = home.command("tar");
    tar.args(["--extract", "--directory"])
        .arg(home.root())
        .arg("--file")
        .arg(&archive);
    drop(Ran::of(tar).success());
    let file = archive.file_name().unwrap().to_str().unwrap();
    let root = home.root().join(file.strip_suffix(".tar.gz").unwrap());
    assert!(root.is_dir(), "its one directory is not named as it is");
    Some(Unpacked {
        home,
        archive,
        root,
    })
}

impl Unpacked {
    /// Runs `program` in `directory` to its end.
    fn run_in(&self, directory: &Path, program: &str, arguments: &[&str]) -> Ran {
        let mut command = self.home.command(program);
        command.args(arguments).current_dir(directory);
        Ran::of(command).success()
    }
}

/// All files below `directory`, as seen from `root`.
fn files(root: &Path, directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(root, &entry.path()));
        } else {
            let path = entry.path();
            found.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
    found.sort();
    found
}

#[test]
fn everything_that_is_promised_is_there_with_its_sum() {
    let Some(unpacked) = unpacked_or_skip() else {
        return;
    };
    let root = &unpacked.root;
    let there = files(root, root);
    let mut promised: Vec<String> = PROMISED.map(str::to_owned).to_vec();
    for name in PROGRAMS {
        promised.extend([
            format!("bin/{name}"),
            format!("share/man/man1/{name}.1"),
            format!("share/bash-completion/completions/{name}"),
            format!("share/zsh/site-functions/_{name}"),
            format!("share/fish/vendor_completions.d/{name}.fish"),
        ]);
        let mode = fs::metadata(root.join("bin").join(name)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o755);
    }
    for file in promised {
        assert!(there.contains(&file), "{file} is missing in {there:#?}");
    }
    let sums = fs::read_to_string(root.join("SHA256SUMS")).unwrap();
    let mut summed: Vec<&str> = sums
        .lines()
        .map(|line| line.split_once("  ").unwrap().1)
        .collect();
    summed.push("SHA256SUMS");
    summed.sort_unstable();
    assert_eq!(summed, there, "a sum for each file");
    drop(unpacked.run_in(
        root,
        "sha256sum",
        &["--check", "--strict", "--quiet", "SHA256SUMS"],
    ));
    let sum = format!("{}.sha256", unpacked.archive.display());
    let beside = unpacked.archive.parent().unwrap();
    drop(unpacked.run_in(beside, "sha256sum", &["--check", "--strict", &sum]));
}

#[test]
fn owners_and_times_say_nothing_of_who_packed_it() {
    let Some(archive) = built_or_skip("-linux.tar.gz") else {
        return;
    };
    let home = TestHome::new();
    let mut tar = home.command("tar");
    tar.args([
        "--list",
        "--verbose",
        "--numeric-owner",
        "--full-time",
        "--file",
    ])
    .arg(&archive);
    let list = Ran::of(tar).success().stdout;
    let mut times = Vec::new();
    for line in list.lines() {
        let mut words = line.split_whitespace();
        let (mode, owner) = (words.next().unwrap(), words.next().unwrap());
        assert!(
            ["drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"].contains(&mode),
            "{line}"
        );
        assert_eq!(owner, "0/0", "{line}");
        times.push((words.nth(1).unwrap(), words.next().unwrap()));
    }
    times.dedup();
    assert_eq!(times.len(), 1, "one time for all files: {times:?}");
}

#[test]
fn licences_name_everybody_whose_work_is_in_the_programs() {
    let Some(unpacked) = unpacked_or_skip() else {
        return;
    };
    let file = "share/doc/claude-accounts/THIRD-PARTY-LICENSES";
    let text = fs::read_to_string(unpacked.root.join(file)).unwrap();
    for named in [
        "\nclap 4.",
        "\nring 0.",
        "\npreact ",
        "\nRust standard library ",
    ] {
        assert!(text.contains(named), "{named:?}");
    }
    // What only tests and the compiler run is in no program.
    for absent in ["\nproptest ", "\nserde_derive "] {
        assert!(!text.contains(absent), "{absent:?}");
    }
    let texts = [
        "Apache License",
        "Permission is hereby granted",
        "Mozilla Public License",
    ];
    for licence in texts {
        assert!(text.contains(licence), "{licence}");
    }
}

/// Copies the programs below `root` of `host`, with the loader and the C library if they need one.
const FURNISH: &str = "
set -e
mkdir -p $2/bin $2/home
for program in claude-accounts claude-share cs; do
    cp $1/bin/$program $2/bin/
    needed=$(ldd $1/bin/$program 2>/dev/null | grep -o '/[^ ]*') || continue
    for library in $needed; do
        mkdir -p $2${library%/*}
        cp --dereference $library $2$library
    done
done
";

#[test]
fn the_programs_start_where_nothing_else_is() {
    let Some(unpacked) = unpacked_or_skip() else {
        return;
    };
    let Some(host) = host_or_skip() else { return };
    host.make_directory("/opt/archive", 0o755);
    host.install_directory(&unpacked.root, "/opt/archive");
    drop(
        host.run(&["sh", "-c", FURNISH, "sh", "/opt/archive", "/opt/bare"])
            .success(),
    );
    assert_versions(&host);
    // And do something: a vault is made, and has the account.
    let bare = |words: &[&str]| {
        let clean = ["env", "HOME=/home", "chroot", "/opt/bare"];
        host.run_with_input(&[&clean, words].concat(), b"sk-ant-api03-FAKE-key")
            .success()
            .stdout
    };
    drop(bare(&[
        "/bin/claude-accounts",
        "add",
        "perso",
        "--key-stdin",
    ]));
    assert!(bare(&["/bin/claude-accounts", "list"]).contains("perso"));
}

#[track_caller]
fn assert_versions(host: &Host) {
    for name in PROGRAMS {
        let program = format!("/bin/{name}");
        let words = ["chroot", "/opt/bare", &program, "--version"];
        let version = host.run(&words).success().stdout;
        assert!(version.starts_with(&format!("{name} ")), "{version}");
    }
}
