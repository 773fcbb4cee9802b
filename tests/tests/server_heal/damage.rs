//! Damage to what a user has, done in a moment, as he or a client of his would.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::PathBuf;

use end_to_end::server::Server;
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};
use serde_json::json;

/// A home as the test sees it.
pub(crate) struct Home {
    pub(crate) root: PathBuf,
    uid: u32,
    /// A view from before the last renewal.
    old_view: Vec<u8>,
}

/// It fails where what it damages is not there.
pub(crate) type Damage = (&'static str, fn(&Home) -> io::Result<()>);

impl Home {
    pub(crate) fn of(server: &Server, user: &str, old_view: &[u8]) -> Home {
        Home {
            root: server.host.path(&format!("/home/{user}")),
            uid: server.host.uid_of(user),
            old_view: old_view.to_owned(),
        }
    }

    pub(crate) fn claude(&self) -> PathBuf {
        self.root.join(".claude")
    }

    pub(crate) fn view(&self) -> PathBuf {
        self.claude().join(".credentials.json")
    }

    fn settings(&self) -> PathBuf {
        self.claude().join("settings.json")
    }

    pub(crate) fn about(&self) -> PathBuf {
        self.root.join(".claude.json")
    }

    /// Puts something in the place of another thing in one step, made by `make` and given to the user.
    fn exchange(
        &self,
        place: &PathBuf,
        make: impl Fn(&PathBuf) -> io::Result<()>,
    ) -> io::Result<()> {
        let new = self.root.join("made");
        remove(&new);
        make(&new)?;
        if !new.is_symlink() {
            chown(&new, Some(self.uid), None)?;
        }
        renameat_with(CWD, &new, CWD, place, RenameFlags::EXCHANGE)?;
        remove(&new);
        Ok(())
    }
}

/// Whatever it is, if it is there.
fn remove(path: &PathBuf) {
    if fs::remove_file(path).is_err() {
        fs::remove_dir_all(path).ok();
    }
}

fn mode(path: PathBuf, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn fifo(path: &PathBuf) -> io::Result<()> {
    Ok(mknodat(
        CWD,
        path,
        FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )?)
}

/// What the client leaves of a login that it takes for lost.
pub(crate) fn blanked() -> Vec<u8> {
    let login = json!({"accessToken": "", "refreshToken": "", "expiresAt": 0, "scopes": []});
    json!({"claudeAiOauth": login}).to_string().into_bytes()
}

pub(crate) const DAMAGES: [Damage; 32] = [
    ("view deleted", |home| fs::remove_file(home.view())),
    ("view empty", |home| fs::write(home.view(), "")),
    ("view garbage", |home| {
        home.exchange(&home.view(), |new| fs::write(new, "\0\u{1}garbage"))
    }),
    ("view cut in half", |home| {
        let whole = fs::read(home.view())?;
        fs::write(home.view(), &whole[..whole.len() / 2])
    }),
    ("view of before", |home| {
        fs::write(home.view(), &home.old_view)
    }),
    ("view of before by a rename", |home| {
        home.exchange(&home.view(), |new| fs::write(new, &home.old_view))
    }),
    ("view blanked", |home| fs::write(home.view(), blanked())),
    ("view 0644", |home| mode(home.view(), 0o644)),
    ("view 0400", |home| mode(home.view(), 0o400)),
    ("view 0000", |home| mode(home.view(), 0)),
    ("view a link", |home| {
        home.exchange(&home.view(), |new| symlink("/etc/passwd", new))
    }),
    ("view a directory", |home| {
        home.exchange(&home.view(), |new| fs::create_dir(new))
    }),
    ("view a FIFO", |home| home.exchange(&home.view(), fifo)),
    (".claude removed", |home| {
        fs::symlink_metadata(home.claude())?;
        // Something may come back while it is removed.
        while fs::remove_dir_all(home.claude()).is_err() {}
        Ok(())
    }),
    (".claude moved", |home| {
        let away = home.root.join("away");
        remove(&away);
        fs::rename(home.claude(), away)
    }),
    (".claude another one", |home| {
        home.exchange(&home.claude(), |new| fs::create_dir(new))
    }),
    (".claude a file", |home| {
        home.exchange(&home.claude(), |new| fs::write(new, "x"))
    }),
    (".claude a link", |home| {
        home.exchange(&home.claude(), |new| symlink("/tmp", new))
    }),
    (".claude 0000", |home| mode(home.claude(), 0)),
    ("settings removed", |home| fs::remove_file(home.settings())),
    ("settings a file", |home| {
        home.exchange(&home.settings(), |new| {
            fs::write(new, "{\"model\": \"mine\"}")
        })
    }),
    ("settings a link to elsewhere", |home| {
        home.exchange(&home.settings(), |new| symlink("elsewhere", new))
    }),
    ("local settings removed", |home| {
        fs::remove_file(home.claude().join("settings.local.json"))
    }),
    (".claude.json removed", |home| fs::remove_file(home.about())),
    (".claude.json garbage", |home| {
        fs::write(home.about(), "garbage")
    }),
    (".claude.json empty", |home| fs::write(home.about(), "")),
    (".claude.json cut in half", |home| {
        let whole = fs::read(home.about())?;
        fs::write(home.about(), &whole[..whole.len() / 2])
    }),
    (".claude.json new", |home| {
        home.exchange(&home.about(), |new| fs::write(new, "{}"))
    }),
    (".claude.json a link", |home| {
        home.exchange(&home.about(), |new| symlink("/etc/passwd", new))
    }),
    (".claude.json a directory", |home| {
        home.exchange(&home.about(), |new| fs::create_dir(new))
    }),
    (".claude.json a FIFO", |home| {
        home.exchange(&home.about(), fifo)
    }),
    (".claude.json 0000", |home| mode(home.about(), 0)),
];
