//! A machine with Podman, a checkout as far as the image needs it, and a dashboard to talk to.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};

use end_to_end::LIMIT;
use end_to_end::dashboard::PASSWORD;
use end_to_end::socket_io::SocketIo;
use serde_json::{Value, json};
use testkit::http::send;
use testkit::{Host, Ran, host_or_skip, skip};

/// Where the dashboard is published.
pub(crate) const AUTHORITY: &str = "localhost:5111";
/// Who has the two directories.
pub(crate) const USER: &str = "dev";
/// The image that stands for those of a registry.
const BASE: &str = "localhost/base";
/// What makes the image.
const FILES: [&str; 6] = [
    "Dockerfile",
    ".dockerignore",
    "LICENSE",
    "compose.yaml",
    "compose.caddy.yaml",
    "start.sh",
];
/// Podman's stores in memory, and limits that a machine without CAP_SYS_RESOURCE may set. Where both versions of control
/// groups are mounted, crun refuses; the machine has none at all.
const PREPARE: &str = "
set -e
mkdir -p /srv/store
mount -t tmpfs -o size=6g,mode=0711 tmpfs /srv/store
mkdir -p /srv/store/tmp /etc/containers
mount -t tmpfs tmpfs /sys/fs/cgroup
mount -t tmpfs tmpfs /etc/containers
cat > /etc/containers/containers.conf <<'END'
[containers]
cgroups = \"disabled\"
default_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]
[engine]
cgroup_manager = \"cgroupfs\"
events_logger = \"file\"
image_copy_tmp_dir = \"/srv/store/tmp\"
END
cat > /etc/containers/storage.conf <<'END'
[storage]
driver = \"overlay\"
graphroot = \"/srv/store/root\"
runroot = \"/srv/store/run\"
END
echo '{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}' > /etc/containers/policy.json
printf 'offline=true\\ncache=/srv/npm-cache\\nupdate-notifier=false\\n' > /srv/npmrc
tar -C /srv/base --exclude='./dev/*' --create . | TMPDIR=/srv/store/tmp podman import --quiet - \"$1\"
";

/// The machine with what is installed on it. Everything in it ends when this is dropped.
pub(crate) struct Scene {
    pub(crate) host: Host,
}

impl Scene {
    /// `None`, and the test noted as skipped, where there can be none.
    pub(crate) fn or_skip() -> Option<Scene> {
        let provided = provided().map_err(skip).ok()?;
        let host = host_or_skip()?;
        host.add_user(USER);
        host.install_directory(&provided.containers.join("base"), "/srv/base");
        host.install_directory(&provided.containers.join("node"), "/srv/node");
        let cache = provided.containers.join("npm-cache");
        host.install_directory(&cache, "/srv/npm-cache");
        let name = provided.archive.file_name().unwrap().to_str().unwrap();
        let archive = format!("/srv/checkout/target/dist/{name}");
        host.install_file(&provided.archive, &archive);
        for file in FILES {
            host.install_file(&root().join(file), &format!("/srv/checkout/{file}"));
        }
        host.install_directory(&root().join("packaging"), "/srv/checkout/packaging");
        host.run(&["sh", "-c", PREPARE, "sh", BASE]).success();
        Some(Scene { host })
    }

    /// `start.sh` as `sudo` starts it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Ran {
        let mut command = self.host.command("/srv/checkout/start.sh");
        let number = self.host.uid_of(USER).to_string();
        // Layers pass through there, and are bigger than the machine's /tmp.
        command.env("TMPDIR", "/srv/store/tmp");
        command.env("SUDO_UID", &number).env("SUDO_GID", &number);
        Ran::of({
            command.args(arguments);
            command
        })
    }

    /// What stands in for registries of images and of npm.
    pub(crate) fn build_options() -> [&'static str; 12] {
        [
            "--isolation=chroot",
            "--build-arg",
            "NODE_IMAGE=localhost/base",
            "--build-arg",
            "RUNTIME_IMAGE=localhost/base",
            "--volume",
            "/srv/node:/opt/node:ro",
            "--volume",
            "/srv/npm-cache:/srv/npm-cache",
            "--secret",
            "id=npmrc,src=/srv/npmrc",
            "--quiet",
        ]
    }

    /// Runs `podman` on the machine.
    pub(crate) fn podman(&self, arguments: &[&str]) -> Ran {
        self.host.run(&[&["podman"], arguments].concat())
    }
}

/// The status and the JSON of an answer of the dashboard on `host`.
pub(crate) fn ask(
    host: &Host,
    token: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let url = format!("http://127.0.0.1:5111{path}");
    let headers = [("x-auth-token", token)];
    let headers = &headers[usize::from(token.is_empty())..];
    let answer =
        host.in_network(|| send(method, &url, headers, body.to_string().as_bytes(), LIMIT));
    let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    (answer.status, body)
}

/// Sets the password and gives the first API token; with the code, where it is asked for.
pub(crate) fn set_up(host: &Host, code: Option<&str>) -> String {
    let mut body = json!({"password": PASSWORD});
    if let Some(code) = code {
        body["code"] = code.into();
    }
    let (status, answer) = ask(host, "", "POST", "/api/auth/setup", &body);
    assert_eq!(status, 201, "{answer}");
    answer["api_token"].as_str().unwrap().to_owned()
}

/// A connection to the terminals of the dashboard on `host`.
pub(crate) fn terminals(host: &Host, token: &str) -> SocketIo<TcpStream> {
    let connected = host.in_network(|| TcpStream::connect((Ipv4Addr::LOCALHOST, 5111)));
    let stream = connected.unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    SocketIo::connect(stream, AUTHORITY, token)
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// What the run has fetched and built for images.
struct Provided {
    containers: PathBuf,
    archive: PathBuf,
}

fn provided() -> Result<Provided, String> {
    let directory = |variable: &str| {
        let value = std::env::var_os(variable).map(PathBuf::from);
        value.ok_or_else(|| format!("{variable} does not name a directory"))
    };
    let containers = directory("CLAUDE_ACCOUNTS_TEST_CONTAINERS")?;
    let dist = directory("CLAUDE_ACCOUNTS_TEST_DIST")?;
    let entries =
        std::fs::read_dir(&dist).map_err(|error| format!("{}: {error}", dist.display()))?;
    let mut paths = entries.flatten().map(|entry| entry.path());
    let archive = paths.find(|path| {
        path.to_str()
            .is_some_and(|path| path.ends_with("-linux.tar.gz"))
    });
    let archive = archive.ok_or_else(|| format!("no archive in {}", dist.display()))?;
    Ok(Provided {
        containers,
        archive,
    })
}
