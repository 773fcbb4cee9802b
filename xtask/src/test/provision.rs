//! Installs what the tests need and is not there, saying each thing; what cannot be had becomes a reason to skip.

mod busybox;
mod containers;
mod python;
mod suites;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::environment;
use super::options::{Options, Part};
use super::page;
use super::report::{Report, Verdict};
use crate::process::{self, Echo, Finished};
use crate::workspace::Workspace;

/// The version of the real client that the product is tested against.
const REAL_CLIENT: &str = "@anthropic-ai/claude-code@2.1.330";

/// A program that the checks and tests start, and the Debian package that has it.
const PROGRAMS: [(&str, &str); 41] = [
    // The page of the dashboard shows how a script asks it.
    ("curl", "curl"),
    ("shellcheck", "shellcheck"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("python3", "python3"),
    // Of the lines that are typed on a server and run on the laptop.
    ("pytest", "python3-pytest"),
    ("git", "git"),
    ("c++", "g++"),
    ("npm", "npm"),
    ("node", "nodejs"),
    // The browser that the page's tests drive.
    ("chromium", "chromium"),
    ("strace", "strace"),
    ("faketime", "faketime"),
    ("zsh", "zsh"),
    ("fish", "fish"),
    // It shows the account in its status line, as the two before it do in their prompts.
    ("tmux", "tmux"),
    // The page of CI machines makes its identity by it.
    ("age-keygen", "age"),
    ("dbus-run-session", "dbus-daemon"),
    ("dbus-send", "dbus-bin"),
    ("gnome-keyring-daemon", "gnome-keyring"),
    ("sshd", SSH_SERVER),
    ("ssh", "openssh-client"),
    ("fusermount3", "fuse3"),
    ("sshfs", "sshfs"),
    ("busybox", "busybox"),
    ("setpriv", "util-linux"),
    ("nsenter", "util-linux"),
    ("chattr", "e2fsprogs"),
    ("useradd", "passwd"),
    ("su", "util-linux"),
    // The units are judged by it; it brings the systemd that runs them in machines of the tests.
    ("systemd-analyze", "systemd"),
    // What the Debian package is made and judged with.
    ("strip", "binutils"),
    ("dpkg-shlibdeps", "dpkg-dev"),
    ("lintian", "lintian"),
    // Images of containers are built and run with the first two, from a Debian that the third makes.
    ("podman", "podman"),
    ("crun", "crun"),
    ("debootstrap", "debootstrap"),
    // For Python's reader of YAML, which comes with it.
    ("podman-compose", "podman-compose"),
    ("caddy", "caddy"),
    ("nginx", "nginx-light"),
    // It makes the certificate of the stand-in that the real client renews at.
    ("openssl", "openssl"),
];

/// Tests run its sshd in machines of their own only; this machine is not to begin to let anybody in.
const SSH_SERVER: &str = "openssh-server";

/// Where systemd runs, these would serve from the next start of the machine on.
const SERVICES: [&str; 3] = [SSH_SERVER, "caddy", "nginx-light"];

/// While this is there and refuses, installing a service's package does not start the service.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

/// What is there for the run and what is not.
#[derive(Debug, Default)]
pub(crate) struct Provisions {
    /// Why something is not there, under its name.
    missing: BTreeMap<&'static str, String>,
    real_client: Option<PathBuf>,
    python_path: Option<PathBuf>,
    busybox: Option<PathBuf>,
    containers: Option<PathBuf>,
    page_modules: Option<PathBuf>,
    suites: Option<PathBuf>,
    mdbook: Option<PathBuf>,
}

impl Provisions {
    /// Why `name` is not there; `None` if it is.
    pub(crate) fn missing(&self, name: &str) -> Option<&str> {
        self.missing.get(name).map(String::as_str)
    }

    /// Where npm put what the page is checked and tested with; `None` if it did not.
    pub(crate) fn page_modules(&self) -> Option<&Path> {
        self.page_modules.as_deref()
    }

    /// The generator of the book, or why it is not there.
    pub(crate) fn mdbook(&self) -> std::result::Result<&Path, String> {
        let missing = || self.missing("mdbook").unwrap_or("not asked for").to_owned();
        self.mdbook.as_deref().ok_or_else(missing)
    }

    /// Tells the tests where to find what was installed for them. Called after [`environment::isolate`].
    pub(crate) fn tell(&self, command: &mut Command) {
        if let Some(client) = &self.real_client {
            command.env("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT", client);
        }
        if let Some(reason) = self.missing("real client") {
            command.env("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT_MISSING", reason);
        }
        if let Some(suites) = &self.suites {
            command.env("CLAUDE_ACCOUNTS_TEST_SUITES", suites);
        }
        if let Some(busybox) = &self.busybox {
            command.env("CLAUDE_ACCOUNTS_TEST_BUSYBOX", busybox);
        }
        if let Some(directory) = &self.containers {
            command.env("CLAUDE_ACCOUNTS_TEST_CONTAINERS", directory);
        }
        if let Some(path) = &self.python_path {
            command.env("CLAUDE_ACCOUNTS_TEST_PYTHONPATH", path);
        }
        if let Some(modules) = &self.page_modules {
            command.env("CLAUDE_ACCOUNTS_TEST_WEB_MODULES", modules);
        }
        if let Some(browser) = process::which("chromium") {
            command.env("CLAUDE_ACCOUNTS_TEST_CHROMIUM", browser);
        }
    }

    /// Counts as skipped what is missing and has no check of its own that would say so.
    pub(crate) fn report(&self, report: &mut Report) {
        for (name, reason) in &self.missing {
            if !matches!(
                *name,
                "shellcheck"
                    | "cargo-deny"
                    | "cargo-machete"
                    | "cargo-fuzz"
                    | "c++"
                    | "mdbook"
                    | page::MODULES
            ) {
                report.add(
                    &format!("install {name}"),
                    Verdict::Skipped(reason.clone()),
                    Duration::ZERO,
                );
            }
        }
    }
}

/// Installs what the parts that `options` ask for need. What cargo builds keeps the processors busy while the rest, which is
/// mostly fetched, waits for others.
pub(crate) fn provide(workspace: &Workspace, options: &Options) -> Provisions {
    let mut provisions = Provisions::default();
    debian_packages(workspace, options, &mut provisions);
    let built = thread::scope(|scope| {
        let building = scope.spawn(|| build(workspace, options));
        fetch(workspace, options, &mut provisions);
        building.join()
    });
    let built = built.unwrap_or_else(|panic| resume_unwind(panic));
    provisions.missing.extend(built.missing);
    provisions.mdbook = built.mdbook;
    provisions.suites = built.suites;
    provisions
}

/// What cargo installs.
fn build(workspace: &Workspace, options: &Options) -> Provisions {
    let mut provisions = Provisions::default();
    if options.runs(Part::Checks) && !options.quick {
        cargo_tool(workspace, "deny", "cargo-deny", &[], &mut provisions);
        cargo_tool(workspace, "machete", "cargo-machete", &[], &mut provisions);
        match crate::docs::provide(workspace) {
            Ok(mdbook) => provisions.mdbook = Some(mdbook),
            Err(error) => {
                provisions.missing.insert("mdbook", error.to_string());
            }
        }
    }
    if options.runs(Part::Fuzz) && workspace.root.join("fuzz").exists() {
        cargo_tool(workspace, "fuzz", "cargo-fuzz", &[], &mut provisions);
    }
    if options.runs(Part::Tests) {
        // Without a compressor of its own, which would be built for minutes.
        let flags = ["--no-default-features"];
        cargo_tool(workspace, "deb", "cargo-deb", &flags, &mut provisions);
        provisions.suites = Some(suites::provide(workspace, &mut provisions));
    }
    provisions
}

/// What others install; `provisions` says what there is of Debian's packages.
fn fetch(workspace: &Workspace, options: &Options, provisions: &mut Provisions) {
    let (checks, tests) = (options.runs(Part::Checks), options.runs(Part::Tests));
    if tests && provisions.missing("python3").is_none() {
        python::packages(workspace, provisions);
    }
    if checks || tests {
        match page::install(
            workspace,
            provisions.missing("npm").or(provisions.missing("node")),
        ) {
            Ok(modules) => provisions.page_modules = modules,
            Err(reason) => {
                provisions.missing.insert(page::MODULES, reason);
            }
        }
    }
    if tests {
        real_client(workspace, provisions);
        match containers::provide(workspace, provisions) {
            Ok(directory) => provisions.containers = Some(directory),
            Err(reason) => {
                provisions.missing.insert("images of containers", reason);
            }
        }
        match busybox::provide(workspace) {
            Ok(path) => provisions.busybox = Some(path),
            Err(reason) => {
                provisions.missing.insert("BusyBox user tools", reason);
            }
        }
    }
}

/// Whether `program` is needed by a part that will be run.
fn is_needed(program: &str, options: &Options) -> bool {
    match program {
        "shellcheck" => options.runs(Part::Checks),
        "c++" => options.runs(Part::Fuzz),
        "npm" | "node" => options.runs(Part::Checks) || options.runs(Part::Tests),
        _ => options.runs(Part::Tests),
    }
}

fn debian_packages(workspace: &Workspace, options: &Options, provisions: &mut Provisions) {
    let absent = || {
        let programs = PROGRAMS
            .into_iter()
            .filter(|(program, _)| is_needed(program, options));
        programs.filter(|(program, _)| process::which(program).is_none())
    };
    let mut packages: Vec<&str> = absent().map(|(_, package)| package).collect();
    // Debian's package serves only Debian's Python; another one in PATH gets it from pip.
    let python = process::which("python3");
    let python_is_debians = python.is_none_or(|python| environment::is_system_program(&python));
    if options.runs(Part::Tests) && python_is_debians && !python::has_cryptography(workspace) {
        packages.push("python3-cryptography");
    }
    if packages.is_empty() {
        return;
    }
    // There it would also be started with the machine from now on.
    let has_systemd = Path::new("/run/systemd/system").exists();
    let is_unwanted = |package: &&str| has_systemd && SERVICES.contains(package);
    for package in packages.extract_if(.., |package| is_unwanted(&*package)) {
        println!("missing, and left to you, since systemd would start it: {package}");
    }
    let reason = if packages.is_empty() {
        None
    } else {
        apt_install(workspace, &packages)
    };
    for (program, package) in absent() {
        let reason = Some(format!("needs {package}, which systemd would start here"))
            .filter(|_| is_unwanted(&package))
            .or_else(|| reason.clone())
            .unwrap_or_else(|| format!("{package} was installed, yet {program} is not in PATH"));
        provisions.missing.insert(program, reason);
    }
}

/// Installs Debian packages, or returns why not.
fn apt_install(workspace: &Workspace, packages: &[&str]) -> Option<String> {
    let list = packages.join(" ");
    if process::which("apt-get").is_none() {
        println!(
            "missing: {list} (names of Debian's packages; no apt-get here: install them by this system's means)"
        );
        return Some(format!("needs {list}, and there is no apt-get"));
    }
    if !is_root() {
        println!("missing, and only root can install it: sudo apt-get install {list}");
        return Some(format!("not root; run: sudo apt-get install {list}"));
    }
    println!("installing Debian packages: {list}");
    let apt = |name: &str, arguments: &[&str]| {
        let mut command = workspace.command("apt-get", arguments);
        process::run(
            command.env("DEBIAN_FRONTEND", "noninteractive"),
            &workspace.log(name),
            Echo::Silent,
        )
    };
    let updated = apt("apt-get update", &["update", "--quiet"]);
    let mut arguments = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    let policy = NoServices::new();
    let installed = apt("apt-get install", &arguments);
    drop(policy);
    if installed.succeeded {
        return None;
    }
    // An install after a failed update fails for want of what the update would have told.
    let cause = if updated.succeeded {
        installed
    } else {
        updated
    };
    Some(failure("apt-get", &cause))
}

/// Keeps packages from starting services, where the machine has no policy of its own about that.
struct NoServices {
    made: bool,
}

impl NoServices {
    fn new() -> NoServices {
        let mut options = std::fs::OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o755);
        let made = made
            .open(SERVICE_POLICY)
            .and_then(|mut file| file.write_all(b"#!/bin/sh\nexit 101\n"));
        NoServices { made: made.is_ok() }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made && std::fs::remove_file(SERVICE_POLICY).is_err() {
            println!("could not remove {SERVICE_POLICY}, which keeps services from being started");
        }
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Installs the cargo subcommand `verb` from `package` where it is missing, with `flags` for that.
fn cargo_tool(
    workspace: &Workspace,
    verb: &str,
    package: &'static str,
    flags: &[&str],
    provisions: &mut Provisions,
) {
    if process::succeeds(&mut workspace.cargo(&[verb, "--version"])) {
        return;
    }
    println!("installing {package} with cargo (some minutes)");
    let mut install = workspace.cargo_install(package);
    let finished = process::run(install.args(flags), &workspace.log(package), Echo::Silent);
    if !finished.succeeded {
        provisions
            .missing
            .insert(package, failure("cargo install", &finished));
    }
}

/// Gets the real client into target/. It is never started here: only tests do that, inside a network namespace.
fn real_client(workspace: &Workspace, provisions: &mut Provisions) {
    let Some(platform) = npm_platform() else {
        let reason = "the real client's package has no name that is known for this processor";
        provisions.missing.insert("real client", reason.to_owned());
        return;
    };
    let prefix = workspace.target.join("real-client");
    let client = prefix.join(format!(
        "node_modules/@anthropic-ai/claude-code-{platform}/claude"
    ));
    if !client.exists() {
        println!("installing {REAL_CLIENT} into {}", prefix.display());
        // Its install script would copy the program and may start it: the program is used from where npm puts it.
        let arguments = [
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=1",
        ];
        let mut npm = workspace.command("npm", &arguments);
        let finished = process::run(
            npm.arg("--prefix")
                .arg(&prefix)
                .arg("--cache")
                .arg(containers::npm_cache(workspace))
                .arg(REAL_CLIENT),
            &workspace.log("npm"),
            Echo::Silent,
        );
        if !client.exists() {
            provisions
                .missing
                .insert("real client", failure("npm", &finished));
            return;
        }
    }
    provisions.real_client = Some(client);
}

/// How the real client's packages name this system.
fn npm_platform() -> Option<String> {
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    let system = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        _ => return None,
    };
    Some(format!("{system}-{processor}"))
}

fn failure(tool: &str, finished: &Finished) -> String {
    let reason = finished.reason();
    let reason = if reason.starts_with(tool) {
        reason
    } else {
        format!("{tool}: {reason}")
    };
    println!("  {reason}");
    reason
}
