//! Releases that are downloaded, from a server on the machine's own loopback.

use crate::scene::{LAY_OUT, RELEASES, SCRIPT, SHELLS, Scene, assert_says, directory_name};
use std::collections::BTreeMap;
use testkit::Ran;
use testkit::http::{Answer, Response, Server};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Where releases are on GitHub.
const GITHUB: &str = "/github.com/somebody/claude-accounts/releases";

/// Where a server's files are.
const SITE: &str = "/opt/site";

/// Puts the release `$1` below [`SITE`], of the commit `$2` if that is given.
const RELEASE: &str = "set -e; version=$1; shift
mkdir -p /opt/dist; cp /opt/releases/claude-accounts-$version-*-linux.tar.gz* /opt/dist
/opt/installer/lay-out /opt/dist /opt/site \"$@\"
rm -r /opt/dist";

/// What a server of releases offers, by path, and the server.
struct Releases {
    server: Server,
    sum: String,
}

impl Releases {
    /// As `packaging/release/lay-out` lays them out: version 0.1.0 under its number and under a commit; 0.2.0 is the latest.
    /// Of 0.0.3 the sum is another's, and of 0.0.4 there is none. GitHub has all of them too, but for the commit.
    fn serve(scene: &Scene) -> Releases {
        for release in [
            &["0.1.0", COMMIT][..],
            &["0.2.0"],
            &["0.0.3"],
            &["0.0.4"],
            &["0.3.0-rc.1"],
        ] {
            drop(scene.archive(release[0], &[]));
            let words = [&["sh", "-c", RELEASE, "sh"], release].concat();
            scene.host.run(&words).success();
        }
        let mut offered = BTreeMap::new();
        let files = scene.sh(&format!("cd {SITE} && find . -type f"));
        for file in files.lines().map(|file| file.trim_start_matches("./")) {
            let bytes = scene.host.read(&format!("{SITE}/{file}"));
            if file.starts_with('v') {
                offered.insert(format!("{GITHUB}/download/{file}"), bytes.clone());
            }
            offered.insert(format!("/releases/{file}"), bytes);
        }
        let latest = offered["/releases/latest/VERSION"].clone();
        offered.insert(format!("{GITHUB}/latest/download/VERSION"), latest);
        let sum_of = |version: &str| {
            let name = directory_name(version);
            format!("/releases/v{version}/{name}.tar.gz.sha256")
        };
        let wrong = format!("{}  {}.tar.gz\n", "0".repeat(64), directory_name("0.0.3"));
        offered.insert(sum_of("0.0.3"), wrong.into());
        offered.remove(&sum_of("0.0.4"));
        let sum = String::from_utf8(offered[&sum_of("0.1.0")].clone()).unwrap();
        let server = scene.host.in_network(|| {
            Server::start(move |request| {
                let found = offered.get(&request.path).cloned();
                let status = if found.is_some() { 200 } else { 404 };
                let body = found.unwrap_or_default();
                Answer::Response(Response::text(status, "application/octet-stream", body))
            })
        });
        Releases {
            server,
            sum: sum[..64].to_owned(),
        }
    }

    fn address(&self) -> String {
        format!("CLAUDE_ACCOUNTS_BASE_URL={}/releases", self.server.url())
    }

    /// The same, as if the server were GitHub.
    fn address_on_github(&self) -> String {
        let server = self.server.url();
        format!("CLAUDE_ACCOUNTS_BASE_URL={server}{GITHUB}/download")
    }
}

/// The script comes from a pipe, as from `curl … | sh`.
fn piped(scene: &Scene, shell: &[&str], environment: &[&str], options: &[&str]) -> Ran {
    let words = [&["env"], environment, shell, &["-s", "--"], options].concat();
    let (program, arguments) = words.split_first().unwrap();
    let mut command = scene.host.command_as_user("anna", program);
    command.args(arguments);
    Ran::with_input(command, &scene.host.read(SCRIPT))
}

#[test]
fn a_pinned_release_is_downloaded_and_checked() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let releases = Releases::serve(&scene);
    let address = releases.address();
    let before = scene.listing(&["/home/anna"]);
    let bin = "/home/anna/.local/bin";
    for shell in SHELLS {
        let pin = format!("SHA256={}", releases.sum.to_uppercase());
        for (reference, version) in [
            ("v0.1.0", "0.1.0"),
            ("0.1.0", "0.1.0"),
            (COMMIT, "0.1.0"),
            ("latest", "0.2.0"),
        ] {
            let reference = format!("REF={reference}");
            let ran = piped(&scene, shell, &[&address, &reference], &["--user"]).success();
            assert_says(
                &ran.stdout,
                &[
                    "from the release http://127.0.0.1:",
                    &directory_name(version),
                ],
            );
            scene.assert_version(bin, version);
        }
        drop(piped(&scene, shell, &[&address, "REF=v0.1.0", &pin], &[]).success());
        scene.assert_version(bin, "0.1.0");
        let github = releases.address_on_github();
        for (reference, version) in [("REF=latest", "0.2.0"), ("REF=v0.1.0", "0.1.0")] {
            drop(piped(&scene, shell, &[&github, reference], &[]).success());
            scene.assert_version(bin, version);
        }
        drop(piped(&scene, shell, &[], &["--uninstall"]).success());
        assert_eq!(scene.listing(&["/home/anna"]), before, "{shell:?}");
    }
}

#[test]
fn what_is_wrong_with_a_download_is_said_and_nothing_is_installed() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let releases = Releases::serve(&scene);
    let address = releases.address();
    let other_sum = format!("SHA256={}", "1".repeat(64));
    let before = scene.listing(&["/home/anna"]);
    let evil = "CLAUDE_ACCOUNTS_BASE_URL=http://127.0.0.1:80@releases.example/x";
    let cases: [(&[&str], i32, &str); 14] = [
        (&[&address], 2, "which release?"),
        (&["REF=v0.1.0"], 2, "no public address for releases yet"),
        (
            &[&address, "REF=main"],
            2,
            "no version, no full hash of a commit",
        ),
        (&[&address, "REF=0123456"], 2, "no full hash of a commit"),
        (&[&address, "REF=v0.1.0/../../x"], 2, "not a version"),
        (
            &[&address, "REF=v9.9.9"],
            8,
            "could not download http://127.0.0.1:",
        ),
        (&[&address, "REF=v0.0.4"], 8, ".sha256"),
        (&[&address, "REF=v0.0.3"], 9, "and not 000000"),
        (&[&address, "REF=v0.1.0", &other_sum], 9, "and not 111111"),
        (
            &[&address, "REF=v0.1.0", "SHA256=abc"],
            2,
            "SHA256 is not the 64",
        ),
        (
            &[
                "CLAUDE_ACCOUNTS_BASE_URL=http://releases.example",
                "REF=v0.1.0",
            ],
            2,
            "over https only",
        ),
        (&[evil, "REF=v0.1.0"], 2, "over https only"),
        (
            &["CLAUDE_ACCOUNTS_BASE_URL=file:///opt", "REF=v0.1.0"],
            2,
            "over https only",
        ),
        (
            &["CLAUDE_ACCOUNTS_BASE_URL=http://127.0.0.1:1", "REF=v0.1.0"],
            8,
            "could not download",
        ),
    ];
    for (environment, code, message) in cases {
        let ran = piped(&scene, &["dash"], environment, &[]).code(code);
        assert_says(&ran.stderr, &["error: ", "hint: ", message]);
        assert_eq!(scene.listing(&["/home/anna"]), before, "{environment:?}");
    }
    // What is asked for is not what the script lies in.
    let unpacked = scene.unpack(&format!("{RELEASES}/{}.tar.gz", directory_name("0.1.0")));
    let script = format!("{unpacked}/install.sh");
    let ran = scene
        .as_user(&["env", "REF=v0.2.0", "dash", &script])
        .code(2);
    assert_says(
        &ran.stderr,
        &["REF asks for v0.2.0, but this script lies in release 0.1.0"],
    );
    drop(
        scene
            .as_user(&["env", "REF=v0.1.0", "dash", &script, "--dry-run"])
            .success(),
    );
}

#[test]
fn each_downloader_there_is_does() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let releases = Releases::serve(&scene);
    let tools = "mkdir -p /opt/tools && for tool in $(busybox --list); do ln -s \"$(command -v busybox)\" /opt/tools/$tool; done";
    scene.sh(tools);
    let address = releases.address();
    let mut tried = Vec::new();
    for (name, path) in [
        ("curl", "/usr/bin/curl"),
        ("wget", "/usr/bin/wget"),
        ("busybox", ""),
    ] {
        if !path.is_empty() && !scene.host.exists(path) {
            continue;
        }
        scene.sh("rm -f /opt/tools/curl /opt/tools/wget");
        let (tool, target) = if name == "busybox" {
            ("wget", "\"$(command -v busybox)\"")
        } else {
            (name, path)
        };
        scene.sh(&format!("ln -s {target} /opt/tools/{tool}"));
        // The machine's own ash, so that no tool is built in.
        let words = [
            "env",
            "PATH=/opt/tools",
            &address,
            "REF=v0.1.0",
            "/bin/dash",
            SCRIPT,
        ];
        drop(scene.as_user(&words).success());
        scene.assert_version("/home/anna/.local/bin", "0.1.0");
        drop(scene.as_user(&["dash", SCRIPT, "--uninstall"]).success());
        tried.push(name);
    }
    assert!(tried.contains(&"busybox"), "{tried:?}");
    // BusyBox's does not look who answers: over https only what is pinned is taken.
    let secure = "CLAUDE_ACCOUNTS_BASE_URL=https://releases.invalid";
    let words = [
        "env",
        "PATH=/opt/tools",
        secure,
        "REF=v0.1.0",
        "/bin/dash",
        SCRIPT,
    ];
    let ran = scene.as_user(&words).code(13);
    assert_says(
        &ran.stderr,
        &["does not check who it downloads from", "SHA256="],
    );
    scene.sh("rm /opt/tools/wget");
    let ran = scene.as_user(&words).code(13);
    assert_says(&ran.stderr, &["downloading needs curl or wget"]);
}

/// Who has pinned a release gets the same one for ever, and who asks for the latest never an older one.
#[test]
fn what_is_published_stays_as_it_is() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let lay_out = |words: &[&str]| {
        scene
            .host
            .run(&[&[LAY_OUT, "/opt/releases"], words].concat())
    };
    let fails = |words: &[&str], message: &str| {
        let ran = lay_out(words).code(1);
        assert_says(&ran.stderr, &["error: ", message]);
    };
    fails(&[SITE], "there is no archive in /opt/releases");
    drop(scene.archive("0.2.0", &[]));
    fails(&[SITE, "0123456"], "not the full hash of a commit");
    fails(&[SITE, "main"], "not the hash of a commit");
    assert_eq!(lay_out(&[SITE]).success().stdout, "v0.2.0\n");
    let latest = || scene.host.read_text(&format!("{SITE}/latest/VERSION"));
    assert_eq!(latest(), "0.2.0\n");
    fails(&[SITE], "v0.2.0 is there already");
    drop(scene.archive("0.10.0", &[]));
    fails(&[SITE], "has archives of");
    scene.sh(&format!(
        "rm {RELEASES}/*-0.2.0-*; echo >> {RELEASES}/{}.tar.gz",
        directory_name("0.10.0")
    ));
    fails(&[SITE], "sha256 says");
    assert_eq!(scene.sh(&format!("ls -A {SITE}")), "latest\nv0.2.0\n");
    assert_eq!(latest(), "0.2.0\n");
    for (version, newest) in [
        ("0.10.0", "0.10.0"),
        ("0.9.0", "0.10.0"),
        ("1.0.0-rc.1", "0.10.0"),
    ] {
        scene.sh(&format!("rm -f {RELEASES}/*"));
        drop(scene.archive(version, &[]));
        assert_eq!(lay_out(&[SITE]).success().stdout, format!("v{version}\n"));
        assert_eq!(latest(), format!("{newest}\n"), "after {version}");
    }
}
