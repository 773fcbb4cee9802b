//! A server with honest and hostile users, and things that no work for one of them may touch.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::time::Instant;

use end_to_end::LIMIT;
use end_to_end::server::Server;
use rustix::fs::OFlags;
use serde_json::Value;
use testkit::{Host, Process, skip, wait_until};

/// Who gets every new token, whatever the others do.
pub(crate) const HONEST: [&str; 2] = ["anna", "bert"];

/// Honest too, but everybody may write in her home.
pub(crate) const CARELESS: &str = "carol";

/// Everybody may write in it, and nobody has.
pub(crate) const OPEN: &str = "/srv/open";

/// Root's alone, on the same file system as the homes.
pub(crate) const OF_ROOT: &str = "/home/of-root";

/// What must stay as it is.
const OUTSIDE: [&str; 5] = [
    "/etc/shadow",
    OF_ROOT,
    "/root/private",
    "/home/carol/notes",
    "/home/carol/.claude/notes",
];

const SET_UP: &str = r#"
    mkdir -m 0777 "$1" && chmod 0777 "$1"
    for file in "$2" /root/private; do
        printf '{"claudeAiOauth": {"accessToken": "a", "refreshToken": "of root", "expiresAt": 9999999999999, "scopes": []}}' > "$file"
        chmod 0600 "$file"
    done
    chmod 0777 /home/carol /home/carol/.claude
    for file in /home/carol/notes /home/carol/.claude/notes; do
        printf '{"mine": true}' > "$file"
        chown carol: "$file"
        chmod 0666 "$file"
    done
    find "$1" /srv /usr/local -newer "$2" -exec touch -r "$2" {} +"#;

/// So old that every reading of a file is noted.
const UNREAD: &str = "touch -a -d 2001-01-01 \"$@\"";

#[derive(Debug, PartialEq, Eq)]
struct Facts {
    /// Of the content.
    hash: u64,
    mode: u32,
    owner: (u32, u32),
    written: (i64, i64),
    read: (i64, i64),
}

/// The server, what is outside of the hostile homes, and the keeper that must live on.
pub(crate) struct Scene {
    pub(crate) server: Server,
    outside: Vec<Facts>,
    keeper: Value,
}

impl Scene {
    /// With the honest users, the careless one and these.
    pub(crate) fn with(hostile: &[&str]) -> Option<Scene> {
        let users = [&HONEST, &[CARELESS][..], hostile].concat();
        let server = Server::with_users(&users)?;
        if !server.host.exists("/usr/bin/python3") {
            skip("needs python3");
            return None;
        }
        for user in users {
            server.wait_for_good_home(user);
        }
        server
            .host
            .run(&["sh", "-ec", SET_UP, "sh", OPEN, OF_ROOT])
            .success();
        let mut scene = Scene {
            outside: Vec::new(),
            keeper: server.status()["keeper"]["pid"].clone(),
            server,
        };
        scene.note_outside();
        Some(scene)
    }

    /// Takes what is outside now for what it is to be.
    pub(crate) fn note_outside(&mut self) {
        let words = [&["sh", "-c", UNREAD, "sh"][..], &OUTSIDE].concat();
        self.host().run(&words).success();
        self.outside = self.look_outside();
    }

    /// The keeper's process number inside.
    pub(crate) fn keeper_pid(&self) -> String {
        self.keeper.to_string()
    }

    pub(crate) fn host(&self) -> &Host {
        &self.server.host
    }

    fn look_outside(&self) -> Vec<Facts> {
        let facts = |path: &&str| {
            let path = self.host().path(path);
            let flags = i32::try_from(OFlags::NOATIME.bits()).unwrap();
            let mut file: File = OpenOptions::new()
                .read(true)
                .custom_flags(flags)
                .open(&path)
                .unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            let found = fs::symlink_metadata(&path).unwrap();
            Facts {
                hash: BuildHasherDefault::<DefaultHasher>::default().hash_one(content),
                mode: found.mode(),
                owner: (found.uid(), found.gid()),
                written: (found.mtime(), found.mtime_nsec()),
                read: (found.atime(), found.atime_nsec()),
            }
        };
        OUTSIDE.iter().map(facts).collect()
    }

    /// Fails if something outside of the hostile homes was read or written.
    #[track_caller]
    pub(crate) fn assert_untouched_outside(&self, what: &str) {
        for ((path, before), now) in OUTSIDE.iter().zip(&self.outside).zip(self.look_outside()) {
            assert!(
                *before == now,
                "{what}: {path} was {before:?} and is {now:?}"
            );
        }
        let script = "ls -A \"$1\"; find /srv /usr/local -newer \"$2\"; find /home/carol ! -user carol -printf '%u %p\\n'";
        let ran = self
            .host()
            .run(&["sh", "-c", script, "sh", OPEN, OF_ROOT])
            .success();
        assert_eq!(ran.stdout, "", "{what}");
    }

    /// Renews, and waits until everybody honest has the new token.
    #[track_caller]
    pub(crate) fn serve_the_honest(&self, what: &str) {
        self.server.renew();
        let begun = Instant::now();
        for user in HONEST.into_iter().chain([CARELESS]) {
            self.server.wait_for_view(user);
        }
        eprintln!(
            "{what}: all honest users have the new token after {:?}",
            begun.elapsed()
        );
    }

    /// Fails if the keeper has ended or does not answer.
    #[track_caller]
    pub(crate) fn assert_keeper_lives(&self, what: &str) {
        let status = self.server.status();
        assert_eq!(status["keeper"]["pid"], self.keeper, "{what}: {status}");
        assert!(!self.server.keeper_log().contains("panicked"), "{what}");
    }

    /// All that must hold while somebody is hostile.
    #[track_caller]
    pub(crate) fn assert_harmless(&self, what: &str) {
        self.serve_the_honest(what);
        self.assert_untouched_outside(what);
        self.assert_keeper_lives(what);
    }

    /// Waits until `status` finds nothing that needs care.
    #[track_caller]
    pub(crate) fn wait_until_all_is_well(&self, what: &str) {
        wait_until(
            &format!("a status without care after {what}"),
            LIMIT,
            || self.server.run(&["server", "status"]).status.success(),
        );
    }

    /// Waits until `status` needs care because of `user`, and gives everything that it says of him.
    #[track_caller]
    pub(crate) fn wait_for_trouble(&self, user: &str) -> String {
        let mut told = String::new();
        wait_until(&format!("trouble of {user} in the status"), LIMIT, || {
            let ran = self.server.run(&["server", "status", "--json"]);
            let status = ran.json();
            let found = user_of(&status, user);
            told = found.to_string();
            assert_eq!(ran.status.code() == Some(1), status["needs_care"] == true);
            found["needs_care"] == true
        });
        told
    }

    /// Starts a Python script as `user`, and waits until it says that it has begun.
    #[track_caller]
    pub(crate) fn script(&self, user: &str, script: &str, arguments: &[&str]) -> Process {
        let mut command = self.host().command_as_user(user, "python3");
        command.args(["-c", script]).args(arguments);
        let process = Process::spawn_talking(command);
        assert_eq!(process.wait_for_line(0, LIMIT), "begun");
        process
    }

    /// A shell script that root runs to its end.
    #[track_caller]
    pub(crate) fn as_root(&self, script: &str) -> String {
        self.host().run(&["sh", "-ec", script]).success().stdout
    }
}

/// What a status says of a user.
pub(crate) fn user_of<'a>(status: &'a Value, name: &str) -> &'a Value {
    let users = status["users"].as_array().expect("users");
    let found = users.iter().find(|user| user["name"] == name);
    found.unwrap_or(&Value::Null)
}
