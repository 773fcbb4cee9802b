//! A machine, an ordinary user on it, and archives to install from.

use std::path::Path;
use testkit::{Host, Ran, host_or_skip};

/// The script as the repository has it, on the machine.
pub(crate) const SCRIPT: &str = "/opt/installer/install.sh";
/// What puts archives where the script looks for releases.
pub(crate) const LAY_OUT: &str = "/opt/installer/lay-out";
/// Where archives are made.
pub(crate) const RELEASES: &str = "/opt/releases";
/// Every kind of shell that the script is for.
pub(crate) const SHELLS: [&[&str]; 3] = [&["bash"], &["dash"], &["busybox", "ash"]];
/// An ordinary user.
pub(crate) const USER: &str = "anna";

/// What stands in and below `$@`: type, mode, owner, name, and for files what they are and when they were written.
const LIST: &str = "find \"$@\" -xdev \\( -type f -printf '%y %m %u:%g %p %s %i %T@\\n' \\) -o -printf '%y %m %u:%g %p %l\\n' | sort";
const MAKE_ARCHIVE: &str = include_str!("make-archive.sh");

/// A machine where nothing of ours is installed.
pub(crate) struct Scene {
    pub(crate) host: Host,
}

impl Scene {
    /// `None` after a skip, where there can be no machine.
    pub(crate) fn or_skip() -> Option<Scene> {
        let host = host_or_skip()?;
        for (program, path) in [("busybox", "/bin/busybox"), ("dash", "/bin/dash")] {
            if !host.exists(path) && !host.exists(&format!("/usr{path}")) {
                testkit::skip(format!("needs {program}"));
                return None;
            }
        }
        host.run(&["mkdir", "-p", "/opt/installer", RELEASES])
            .success();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (file, path) in [
            ("install.sh", SCRIPT),
            ("packaging/release/lay-out", LAY_OUT),
        ] {
            host.write(path, std::fs::read(root.join(file)).unwrap(), 0o755);
        }
        host.write("/opt/installer/make-archive.sh", MAKE_ARCHIVE, 0o755);
        host.add_user(USER);
        Some(Scene { host })
    }

    /// Makes an archive with these documents and gives its path.
    pub(crate) fn archive(&self, version: &str, documents: &[&str]) -> String {
        let made = [
            &["/opt/installer/make-archive.sh", version, RELEASES, SCRIPT],
            documents,
        ];
        self.host.run(&made.concat()).success();
        format!("{RELEASES}/{}.tar.gz", directory_name(version))
    }

    /// Unpacks an archive into `/opt/unpacked` and gives its directory.
    pub(crate) fn unpack(&self, archive: &str) -> String {
        let script = "mkdir -p /opt/unpacked && tar -xzf \"$1\" -C /opt/unpacked && chmod -R a+rX /opt/unpacked";
        self.host
            .run(&["sh", "-c", script, "sh", archive])
            .success();
        let name = archive.rsplit('/').next().unwrap();
        format!("/opt/unpacked/{}", name.strip_suffix(".tar.gz").unwrap())
    }

    /// What stands in and below these paths, and in the directories for temporary files.
    pub(crate) fn listing(&self, paths: &[&str]) -> String {
        let words = [
            &["sh", "-c", LIST, "sh", "/tmp", "/var/tmp", "/etc/systemd"],
            paths,
        ];
        self.host.run(&words.concat()).success().stdout
    }

    /// Runs words as the user.
    pub(crate) fn as_user(&self, words: &[&str]) -> Ran {
        self.host.run_quickly_as(USER, words)
    }

    /// Runs a shell's script as root.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> String {
        self.host.run(&["sh", "-c", script]).success().stdout
    }

    /// Whether all programs in `directory` say this version.
    #[track_caller]
    pub(crate) fn assert_version(&self, directory: &str, version: &str) {
        for name in ["claude-accounts", "claude-share", "cs"] {
            let said = self
                .host
                .run(&[&format!("{directory}/{name}"), "--version"]);
            assert_eq!(said.success().stdout, format!("{name} {version}\n"));
        }
    }
}

/// What the directory in an archive for this machine is called.
pub(crate) fn directory_name(version: &str) -> String {
    format!("claude-accounts-{version}-{}-linux", std::env::consts::ARCH)
}

/// Whether `text` has every one of `parts`.
#[track_caller]
pub(crate) fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}
