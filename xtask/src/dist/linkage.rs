//! How the programs are linked: as static as the installed toolchain can.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::PROGRAMS;
use crate::Result;
use crate::process::{self, must};
use crate::workspace::Workspace;

/// What the programs of the archive need of the system that they are started on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Linkage {
    /// Nothing: linked with musl, for this target.
    Musl(String),
    /// Nothing to start; the C library is glibc's static one, built for this target.
    StaticGlibc(String),
    /// The shared C library of this machine, or a newer one.
    Dynamic(String),
    /// The debug build, dynamic.
    Debug,
}

/// What decides, as it is on this machine.
#[derive(Debug, Default)]
struct Toolchain {
    /// The target that is this machine, `x86_64-unknown-linux-gnu`.
    host: String,
    /// The standard library for its sibling with musl is installed, and so is musl's C compiler: SQLite is in C.
    has_musl: bool,
    /// The C compiler finds `libc.a`.
    has_static_glibc: bool,
}

impl Toolchain {
    fn find() -> Result<Self> {
        let rustc = |arguments: &[&str]| -> Result<String> {
            let output = must(Command::new("rustc").args(arguments))?;
            Ok(String::from_utf8(output)?.trim().to_owned())
        };
        let verbose = rustc(&["-vV"])?;
        let host = verbose.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or("`rustc -vV` names no host")?.to_owned();
        let targets = Path::new(&rustc(&["--print", "sysroot"])?).join("lib/rustlib");
        let has_musl = musl_of(&host).is_some_and(|musl| targets.join(musl).exists())
            && process::which("musl-gcc").is_some();
        Ok(Self {
            has_musl,
            has_static_glibc: host.ends_with("-gnu") && finds_static_libc(),
            host,
        })
    }

    fn linkage(self) -> Linkage {
        match musl_of(&self.host) {
            Some(musl) if self.has_musl => Linkage::Musl(musl),
            _ if self.has_static_glibc => Linkage::StaticGlibc(self.host),
            _ => Linkage::Dynamic(self.host),
        }
    }
}

/// The target with musl instead of glibc.
fn musl_of(host: &str) -> Option<String> {
    Some(format!("{}-musl", host.strip_suffix("-gnu")?))
}

/// Whether the C compiler knows where `libc.a` is: of a file that it does not find it prints the name alone.
fn finds_static_libc() -> bool {
    let output = Command::new("cc").arg("-print-file-name=libc.a").output();
    output.is_ok_and(|output| output.stdout.starts_with(b"/"))
}

impl Linkage {
    /// The best that there is for a release.
    pub(super) fn of_release() -> Result<Self> {
        Ok(Toolchain::find()?.linkage())
    }

    /// Builds the programs and returns where they are.
    pub(super) fn build(&self, workspace: &Workspace) -> Result<Vec<PathBuf>> {
        let mut cargo = workspace.cargo(&["build", "--bins"]);
        let directory = match self.target() {
            None => {
                // As the tests build them: of one crate alone they would be built anew with fewer features.
                cargo.arg("--workspace");
                workspace.target.join("debug")
            }
            Some(target) => {
                // What is released is what was tested.
                cargo.args(["--locked", "--package", "cli"]);
                // With a target of its own the flags are for the programs alone, not for macros and build scripts.
                cargo.args(["--release", "--target", target]);
                cargo.env(
                    "CARGO_ENCODED_RUSTFLAGS",
                    self.flags(workspace).join("\x1f"),
                );
                workspace.target.join(target).join("release")
            }
        };
        must(&mut cargo)?;
        Ok(PROGRAMS.map(|name| directory.join(name)).to_vec())
    }

    /// The target that is named to cargo; `None` for a debug build.
    pub(super) fn target(&self) -> Option<&str> {
        match self {
            Linkage::Musl(target) | Linkage::StaticGlibc(target) | Linkage::Dynamic(target) => {
                Some(target)
            }
            Linkage::Debug => None,
        }
    }

    /// The compiler's flags: also what keeps this machine's directories out of the programs' messages.
    fn flags(&self, workspace: &Workspace) -> Vec<String> {
        let is_static = !matches!(self, Linkage::Dynamic(_) | Linkage::Debug);
        let mut flags = Vec::new();
        if is_static {
            flags.push("-Ctarget-feature=+crt-static".to_owned());
        }
        if let Linkage::StaticGlibc(_) = self {
            // What a program moves by itself when it starts takes half a megabyte less so. glibc understands it since 2.36;
            // an older linker takes no notice.
            flags.push("-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned());
        }
        let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(
            || std::env::home_dir().unwrap_or_default().join(".cargo"),
            PathBuf::from,
        );
        for (from, to) in [
            (cargo_home.as_path(), "/cargo"),
            (&workspace.root, "/claude-accounts"),
        ] {
            flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        }
        flags
    }
}

impl fmt::Display for Linkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Linkage::Musl(target) => write!(f, "static, with musl ({target})"),
            Linkage::StaticGlibc(target) => write!(f, "static, with glibc ({target})"),
            Linkage::Dynamic(target) => write!(
                f,
                "dynamic ({target}): neither musl's target and compiler nor glibc's libc.a is here"
            ),
            Linkage::Debug => f.write_str("the debug build's, dynamic"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(has_musl: bool, has_static_glibc: bool) -> Toolchain {
        Toolchain {
            host: "x86_64-unknown-linux-gnu".to_owned(),
            has_musl,
            has_static_glibc,
        }
    }

    #[test]
    fn musl_is_preferred_then_a_static_glibc() {
        let musl = "x86_64-unknown-linux-musl".to_owned();
        let gnu = "x86_64-unknown-linux-gnu".to_owned();
        assert_eq!(toolchain(true, true).linkage(), Linkage::Musl(musl));
        assert_eq!(
            toolchain(false, true).linkage(),
            Linkage::StaticGlibc(gnu.clone())
        );
        assert_eq!(toolchain(false, false).linkage(), Linkage::Dynamic(gnu));
    }

    #[test]
    fn a_host_that_is_musl_or_no_linux_has_no_sibling() {
        assert_eq!(musl_of("x86_64-unknown-linux-musl"), None);
        assert_eq!(musl_of("aarch64-apple-darwin"), None);
    }
}
