//! Sessions of clients that only know `CLAUDE_CONFIG_DIR`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use launch::{CarriedBack, carry_back, link_config};
use testkit::documents::{credentials, now_ms, write_private};
use testkit::{ApiServer, Ran, TestHome};

struct Machine {
    home: TestHome,
    session: PathBuf,
    claude_dir: PathBuf,
    claude_json: PathBuf,
}

impl Machine {
    fn new() -> Machine {
        let home = TestHome::new();
        let session = home.runtime().join("session");
        fs::create_dir(&session).unwrap();
        let token = credentials("sk-ant-oat01-FAKEsession", "", now_ms() + 3_600_000);
        write_private(&session.join(".credentials.json"), token.to_string());
        let (claude_dir, claude_json) = (home.claude_dir(), home.home().join(".claude.json"));
        Machine {
            home,
            session,
            claude_dir,
            claude_json,
        }
    }

    fn link(&self) {
        link_config(&self.session, &self.claude_dir, &self.claude_json).unwrap();
    }

    fn carry_back(&self) -> CarriedBack {
        carry_back(&self.session, &self.claude_dir).unwrap()
    }
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|found| found.is_symlink())
}

#[test]
fn everything_but_credentials_and_locks_is_linked() {
    let machine = Machine::new();
    for name in [
        "settings.json",
        ".credentials.json",
        "skills/x/SKILL.md",
        "elsewhere/y",
    ] {
        write_private(&machine.claude_dir.join(name), "mine");
    }
    fs::create_dir(machine.claude_dir.join(".oauth_refresh.lock")).unwrap();
    symlink(
        machine.claude_dir.join("elsewhere"),
        machine.claude_dir.join("projects"),
    )
    .unwrap();
    machine.link();
    machine.link();
    let session = |name: &str| machine.session.join(name);
    for name in [
        "settings.json",
        "skills",
        "projects",
        "todos",
        ".claude.json",
        "shell-snapshots",
    ] {
        assert!(is_link(&session(name)), "{name}");
    }
    assert!(!is_link(&session(".credentials.json")) && !session(".oauth_refresh.lock").exists());
    assert_eq!(fs::read_to_string(session("projects/y")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(&machine.claude_json).unwrap(), "{}\n");
    let mode = fs::metadata(machine.claude_dir.join("todos"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    write_private(&session("todos/new"), "x");
    assert!(machine.claude_dir.join("todos/new").exists());
    assert_eq!(machine.carry_back(), CarriedBack::default());
}

#[test]
fn the_client_signs_in_by_the_session_and_keeps_the_rest_shared() {
    let machine = Machine::new();
    let client = machine.home.install_stand_in_client();
    machine
        .home
        .configure_stand_in_client(&serde_json::json!({"supports": ["config-dir"]}));
    write_private(&machine.claude_json, r#"{"numStartups": 3}"#);
    machine.link();
    let api = ApiServer::start();
    let mut command = machine.home.command(client);
    command
        .args(["-p", "hello"])
        .env("CLAUDE_CONFIG_DIR", &machine.session)
        .env("ANTHROPIC_BASE_URL", api.url());
    assert_eq!(Ran::of(command).success().stdout, "pong\n");
    let request = api.message_requests().pop().unwrap();
    assert_eq!(request.bearer(), Some("sk-ant-oat01-FAKEsession"));
    assert!(is_link(&machine.session.join(".claude.json")));
    assert_eq!(machine.carry_back(), CarriedBack::default());
    assert!(!machine.claude_dir.join(".credentials.json").exists());
}

#[test]
fn what_the_session_made_is_carried_back_and_nothing_is_overwritten() {
    let machine = Machine::new();
    machine.link();
    let session = |name: &str| machine.session.join(name);
    write_private(&session("history.jsonl"), "new");
    write_private(&session("tree/deep/file"), "deep");
    symlink("deep/file", session("tree/link")).unwrap();
    write_private(&session("settings.json"), "session's");
    write_private(&machine.claude_dir.join("settings.json"), "mine");
    write_private(&session(".credentials.json.tmp.7"), "sk-ant-oat01-FAKE");
    fs::remove_file(session(".claude.json")).unwrap();
    write_private(&session(".claude.json"), "{}");
    fs::create_dir(session("x.lock")).unwrap();
    let (kind, mode) = (
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
    );
    rustix::fs::mknodat(rustix::fs::CWD, session("fifo"), kind, mode, 0).unwrap();
    let carried = machine.carry_back();
    assert_eq!(carried.moved, ["history.jsonl", "tree"].map(PathBuf::from));
    assert_eq!(
        carried.left,
        [".claude.json", "fifo", "settings.json"].map(PathBuf::from)
    );
    let back = |name: &str| fs::read_to_string(machine.claude_dir.join(name)).unwrap();
    assert_eq!(
        (
            back("history.jsonl"),
            back("tree/link"),
            back("settings.json")
        ),
        ("new".into(), "deep".into(), "mine".into())
    );
    assert!(!session("history.jsonl").exists() && !session("tree").exists());
    let mut names: Vec<_> = fs::read_dir(&machine.claude_dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.retain(|name| name.to_string_lossy().starts_with('.'));
    assert!(names.is_empty(), "{names:?}");
    let mode = fs::metadata(machine.claude_dir.join("history.jsonl"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
