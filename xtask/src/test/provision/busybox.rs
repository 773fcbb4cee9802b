//! BusyBox's tools for users and groups, as Alpine has them. Debian's packages of BusyBox leave them out, so they are built
//! from Debian's source: apt checks its signature.

use std::path::{Path, PathBuf};

use super::failure;
use crate::process::{self, Echo};
use crate::workspace::Workspace;

/// What is built in: the applets, and how Alpine has them.
const SWITCHES: &[&str] = &[
    "STATIC",
    "LONG_OPTS",
    "ADDUSER",
    "DELUSER",
    "ADDGROUP",
    "DELGROUP",
    "CHPASSWD",
    "PASSWD",
    "FEATURE_ADDUSER_TO_GROUP",
    "FEATURE_DEL_USER_FROM_GROUP",
    "FEATURE_CHECK_NAMES",
    "FEATURE_SHADOWPASSWDS",
    "USE_BB_CRYPT",
    "USE_BB_CRYPT_SHA",
    "USE_BB_PWD_GRP",
    "USE_BB_SHADOW",
];
const VALUES: &[(&str, &str)] = &[
    ("LAST_ID", "60000"),
    ("FIRST_SYSTEM_ID", "100"),
    ("LAST_SYSTEM_ID", "999"),
    ("FEATURE_DEFAULT_PASSWD_ALGO", "\"sha512\""),
];
/// From where the machine has its packages, with a list of its own: the machine's may leave the sources out, and is not to
/// be changed.
const FETCH: &str = "
set -e
. /etc/os-release
[ \"$ID\" = debian ] || { echo \"error: the source is Debian's, and this is $ID\"; exit 1; }
mkdir -p lists/partial cache/archives/partial
apt-get indextargets --format 'deb-src $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Identifier: Packages' | sort -u > sources.list
[ -s sources.list ] || { echo 'error: apt knows no source of packages'; exit 1; }
apt() {
    apt-get --quiet -o Dir::Etc::SourceList=\"$PWD/sources.list\" -o Dir::Etc::SourceParts=- \\
        -o Dir::State::Lists=\"$PWD/lists\" -o Dir::Cache=\"$PWD/cache\" -o APT::Sandbox::User=root \"$@\"
}
apt update
apt source --download-only busybox
mkdir source
tar --extract --bzip2 --strip-components=1 --directory=source --file busybox_*.orig.tar.bz2
";
const BUILD: &str = "
set -e
cd source
make allnoconfig
for name in $SWITCHES; do sed -i \"s/^# CONFIG_$name is not set/CONFIG_$name=y/\" .config; done
yes '' | make oldconfig
for value in $VALUES; do sed -i \"s/^CONFIG_${value%%=*}=.*/CONFIG_$value/\" .config; done
make -j2
";

/// Where they are built, or why they cannot be.
pub(super) fn provide(workspace: &Workspace) -> Result<PathBuf, String> {
    let directory = workspace.target.join("busybox");
    let built = directory.join("busybox");
    if built.is_file() {
        return Ok(built);
    }
    for (program, package) in [("apt-get", "apt"), ("cc", "gcc"), ("make", "make")] {
        if process::which(program).is_none() {
            return Err(format!("needs {program} (Debian: {package})"));
        }
    }
    println!("building BusyBox's user tools in {}", directory.display());
    let work = directory.join("work");
    // What an interrupted build left would be in the way.
    std::fs::remove_dir_all(&work).ok();
    std::fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
    step(workspace, &work, "busybox source", FETCH)?;
    step(workspace, &work, "busybox build", BUILD)?;
    std::fs::rename(work.join("source/busybox"), &built)
        .and_then(|()| std::fs::remove_dir_all(&work))
        .map_err(|error| format!("{}: {error}", built.display()))?;
    Ok(built)
}

fn step(workspace: &Workspace, work: &Path, name: &str, script: &str) -> Result<(), String> {
    let values: Vec<String> = VALUES
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut command = workspace.command("sh", &["-c", script]);
    command
        .current_dir(work)
        .env("SWITCHES", SWITCHES.join(" "))
        .env("VALUES", values.join(" "));
    let finished = process::run(&mut command, &workspace.log(name), Echo::Silent);
    if finished.succeeded {
        return Ok(());
    }
    Err(failure(name, &finished))
}
