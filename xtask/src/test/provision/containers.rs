//! What an image is built from where no registry of images can be reached: a small Debian, Node, and what npm has fetched.

use std::path::{Path, PathBuf};

use super::{Provisions, REAL_CLIENT, failure};
use crate::process::{self, Echo};
use crate::workspace::Workspace;

/// Of the packages that npm itself comes in.
const NPM: &str = "npm@10";
const NODE: &str = "22";
/// A Debian of this machine's release from where this machine has its packages, with what the image's own stage installs.
/// The links lead to where the tests show Node to the build.
const BOOTSTRAP: &str = "
set -e
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' \"Codename: $VERSION_CODENAME\" 'Component: main' | head -n 1)
[ -n \"$mirror\" ] || { echo \"error: apt knows no source of packages for $ID $VERSION_CODENAME\"; exit 1; }
rm -rf base.new
debootstrap --variant=minbase --include=ca-certificates,git,openssh-client,tini \"$VERSION_CODENAME\" base.new \"$mirror\"
rm -rf base.new/var/cache/apt/archives/*.deb base.new/var/lib/apt/lists/* base.new/usr/share/doc base.new/usr/share/locale
ln -s \"/opt/node/node_modules/$NODE_PACKAGE/bin/node\" base.new/usr/local/bin/node
ln -s /opt/node/node_modules/npm/bin/npm-cli.js base.new/usr/local/bin/npm
mv base.new base
";

/// What npm has fetched for images, and for the real client's tests.
pub(super) fn npm_cache(workspace: &Workspace) -> PathBuf {
    workspace.target.join("containers/npm-cache")
}

/// Fetches into target/containers what is not there: `base`, `node`, and `npm-cache` with Claude Code in it.
pub(super) fn provide(workspace: &Workspace, provisions: &Provisions) -> Result<PathBuf, String> {
    for program in ["podman", "debootstrap", "npm", "node"] {
        if let Some(reason) = provisions.missing(program) {
            return Err(reason.to_owned());
        }
    }
    let directory = workspace.target.join("containers");
    std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => return Err(format!("npm has no Node for {other}")),
    };
    let node = format!("node-linux-{processor}");
    if !directory.join("base").exists() {
        println!("installing a Debian for containers into target/containers (a minute)");
        let mut command = workspace.command("sh", &["-c", BOOTSTRAP]);
        command.current_dir(&directory).env("NODE_PACKAGE", &node);
        let finished = process::run(&mut command, &workspace.log("debootstrap"), Echo::Silent);
        if !finished.succeeded {
            return Err(failure("debootstrap", &finished));
        }
    }
    let packages = [format!("{node}@{NODE}"), NPM.to_owned()];
    install(workspace, &directory, "node", &packages)?;
    // The build installs it again from the cache, and needs nothing else of this.
    install(workspace, &directory, "client", &[REAL_CLIENT.to_owned()])?;
    std::fs::remove_dir_all(directory.join("client")).ok();
    Ok(directory)
}

/// By npm into `prefix`, whose last sign is a mark: an interrupted install is done again.
fn install(
    workspace: &Workspace,
    directory: &Path,
    prefix: &str,
    packages: &[String],
) -> Result<(), String> {
    let mark = directory.join(format!("{prefix}.installed"));
    if std::fs::read_to_string(&mark).is_ok_and(|held| held == packages.join(" ")) {
        return Ok(());
    }
    println!("installing {} into target/containers", packages.join(" "));
    let arguments = [
        "install",
        "--no-save",
        "--ignore-scripts",
        "--prefer-offline",
    ];
    let mut npm = workspace.command("npm", &arguments);
    npm.args(["--no-audit", "--no-fund", "--fetch-retries=1", "--prefix"])
        .arg(directory.join(prefix))
        .arg("--cache")
        .arg(npm_cache(workspace))
        .args(packages);
    let finished = process::run(&mut npm, &workspace.log("npm containers"), Echo::Silent);
    if !finished.succeeded {
        return Err(failure("npm", &finished));
    }
    std::fs::write(&mark, packages.join(" ")).map_err(|error| error.to_string())
}
