//! What is where on a developer's machine.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::cover::{Excluded, has_below};

/// What is not read with everything else. The user's home is allowed by itself; devices one by one.
pub(super) const APART: [&str; 4] = ["/home", "/root", "/dev", "/run/user"];

/// What every program may write.
pub(super) const SHARED: [&str; 11] = [
    "/tmp",
    "/var/tmp",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
];

/// What is private in a home: keys, credentials, mail, what browsers keep.
///
/// Not among them: the files that tell package managers where packages come from (`.npmrc`, `.yarnrc.yml`,
/// `.m2/settings.xml`, `pip.conf`), although there may be a token in one. Without them a build would not fail, but silently
/// take a package of the same name from the public registry.
const PRIVATE: [&str; 83] = [
    ".authinfo",
    ".authinfo.gpg",
    ".aws",
    ".azure",
    ".bitcoin",
    ".boto",
    ".cache/BraveSoftware",
    ".cache/chromium",
    ".cache/google-chrome",
    ".cache/keyring-1",
    ".cache/microsoft-edge",
    ".cache/mozilla",
    ".cache/thunderbird",
    ".cache/vivaldi",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".composer/auth.json",
    ".config/1Password",
    ".config/Bitwarden",
    ".config/Bitwarden CLI",
    ".config/BraveSoftware",
    ".config/Claude",
    ".config/Element",
    ".config/Signal",
    ".config/Slack",
    ".config/age",
    ".config/chromium",
    ".config/claude",
    ".config/composer/auth.json",
    ".config/discord",
    ".config/doctl",
    ".config/evolution",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/github-copilot",
    ".config/glab-cli",
    ".config/google-chrome",
    ".config/google-chrome-beta",
    ".config/google-chrome-unstable",
    ".config/heroku",
    ".config/hub",
    ".config/keepassxc",
    ".config/microsoft-edge",
    ".config/op",
    ".config/opera",
    ".config/rclone",
    ".config/sops",
    ".config/vivaldi",
    ".docker/config.json",
    ".ecryptfs",
    ".electrum",
    ".ethereum",
    ".gem/credentials",
    ".git-credentials",
    ".gnupg",
    ".histfile",
    ".kube",
    ".local/share/TelegramDesktop",
    ".local/share/evolution",
    ".local/share/fish/fish_history",
    ".local/share/gnupg",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".local/share/password-store",
    ".mozilla",
    ".netrc",
    ".oci",
    ".password-store",
    ".pgpass",
    ".pki",
    ".private",
    ".pypirc",
    ".s3cfg",
    ".ssh",
    ".terraform.d/credentials.tfrc.json",
    ".thunderbird",
    ".var/app",
    ".vault-token",
    ".viminfo",
    "snap/chromium",
    "snap/firefox",
    "snap/thunderbird",
];

/// The caches of tools in a home that may be written. None that says what is run: `.cargo/config.toml` names wrappers,
/// `.gradle/init.gradle` and `go/bin` are run by the next build outside.
const CACHES: [&str; 34] = [
    ".bun/install/cache",
    ".bundle/cache",
    ".cache",
    ".cargo/.package-cache",
    ".cargo/.package-cache-mutate",
    ".cargo/git",
    ".cargo/registry",
    ".gem/ruby",
    ".gradle/.tmp",
    ".gradle/caches",
    ".gradle/daemon",
    ".gradle/jdks",
    ".gradle/native",
    ".gradle/notifications",
    ".gradle/workers",
    ".gradle/wrapper/dists",
    ".ivy2/cache",
    ".local/share/NuGet",
    ".local/share/pnpm/store",
    ".local/share/uv",
    ".local/share/virtualenv",
    ".local/state/pnpm",
    ".m2/repository",
    ".node-gyp",
    ".npm/_cacache",
    ".npm/_logs",
    ".npm/_npx",
    ".npm/_prebuilds",
    ".nuget/packages",
    ".pnpm-store",
    ".yarn/berry",
    ".yarn/cache",
    ".ccache",
    "go/pkg",
];

/// In `.cache`, where that cannot be allowed as one as a browser has its own there.
const IN_CACHE: [&str; 13] = [
    "Cypress",
    "bazel",
    "ccache",
    "deno",
    "go-build",
    "ms-playwright",
    "node",
    "node-gyp",
    "pip",
    "pnpm",
    "pypoetry",
    "uv",
    "yarn",
];

/// What is private in `home`.
pub(super) fn private(home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(home).into_iter().flatten().flatten();
    let by_name = entries.filter_map(|entry| {
        let name = entry.file_name();
        let name = name.as_bytes();
        let is_private =
            name.starts_with(b".claude") || (name.starts_with(b".") && name.ends_with(b"_history"));
        is_private.then(|| entry.path())
    });
    let always = PRIVATE.map(|place| home.join(place)).into_iter();
    let cache = home.join(".cache");
    // Nothing could be made in that because of what is not there.
    always
        .filter(|place| !place.starts_with(&cache) || place.exists())
        .chain(by_name)
        .collect()
}

/// The caches in `home`, without symbolic links. They are made where the directory that they are in is there: a command
/// cannot make them.
///
/// One that is a link to another place in the home is none: a command, or a server that had the directory once, could have
/// made it.
pub(super) fn caches(home: &Path, private: &Excluded, published: &[PathBuf]) -> Vec<PathBuf> {
    let whole = home.join(".cache");
    let parts = IN_CACHE.map(|name| whole.join(name));
    let parts = parts.iter().filter(|_| has_below(&whole, private));
    let named = CACHES.map(|place| home.join(place));
    let beneath = named
        .iter()
        .filter(|cache| !is_file(cache) && cache.parent() != Some(home));
    for made in [&whole].into_iter().chain(parts).chain(beneath) {
        // Fails if it is there, and if nothing is that it would be in.
        fs::create_dir(made).ok();
    }
    let is_published = |cache: &PathBuf| published.iter().any(|root| cache.starts_with(root));
    let own = named.into_iter().filter(|cache| !is_published(cache));
    let found = own.filter_map(|cache| Some((fs::canonicalize(&cache).ok()?, cache)));
    let is_elsewhere = |found: &Path| !found.starts_with(home) && !home.starts_with(found);
    found
        .filter(|(found, cache)| found == cache || is_elsewhere(found))
        .map(|(found, _)| found)
        .collect()
}

fn is_file(cache: &Path) -> bool {
    let name = cache.file_name();
    name.is_some_and(|name| name.as_bytes().starts_with(b".package-cache"))
}
