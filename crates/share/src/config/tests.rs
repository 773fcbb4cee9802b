use std::process::Command;

use proptest::prelude::*;

use super::*;

fn parse(text: &[u8]) -> Result<ConfigFile, ShareError> {
    ConfigFile::parse(Path::new("/etc/claude-share/config"), text)
}

fn config(text: &str) -> Result<Config, String> {
    let read = parse(text.as_bytes()).and_then(|file| file.config(&Settings::default()));
    read.map_err(|error| error.to_string())
}

fn names(names: &[&str]) -> Vec<UserName> {
    let parse = |name: &&str| UserName::parse_existing(name).unwrap();
    names.iter().map(parse).collect()
}

#[test]
fn every_way_to_write_a_value_is_read() {
    let text = "\
# SHARED_DIR=/commented
  export\tSHARED_DIR='/srv/a' # why
SHARED_GROUP=\"team\"# not a comment for a shell, but in the wrong place only after quotes
";
    assert!(config(text).unwrap_err().contains("line 3"));
    let text = "\
# SHARED_DIR=/commented
  export\tSHARED_DIR='/srv/a' # why
SHARED_GROUP=\"team\"   # \"
SOURCE_USER=Alice\r
SHARE_SETTINGS_LOCAL=No
CREDENTIALS=link
CLAUDE_JSON=PRIVATE
MANAGED_USERS=' usera  first.last usera '
MY_SHARED_DIR=/other
";
    let read = config(text).unwrap();
    let expected = Settings {
        shared_directory: "/srv/a".into(),
        group: "team".to_owned(),
        source_user: "Alice".to_owned(),
        share_settings_local: false,
        credentials: CredentialsMode::Link,
        claude_json: ClaudeJsonMode::Private,
    };
    assert_eq!(read.settings, expected);
    assert_eq!(read.managed_users, Some(names(&["usera", "first.last"])));
}

#[test]
fn what_is_missing_is_as_before_and_the_last_counts() {
    let base = Settings {
        group: "mine".to_owned(),
        ..Settings::default()
    };
    let file = parse(b"CREDENTIALS=link\nCREDENTIALS=view\n\nSHARE_SETTINGS_LOCAL=0").unwrap();
    let read = file.config(&base).unwrap();
    assert_eq!(read.settings.group, "mine");
    assert_eq!(read.settings.credentials, CredentialsMode::View);
    assert!(!read.settings.share_settings_local);
    assert_eq!(read.managed_users, None);
    assert_eq!(
        config("MANAGED_USERS=").unwrap().managed_users,
        Some(vec![])
    );
}

#[test]
fn what_a_shell_would_do_something_with_is_refused_by_line() {
    for line in [
        "SHARED_DIR=$HOME/x",
        "SHARED_DIR=\"$(id)\"",
        "SHARED_DIR='`id`'",
        "SHARED_DIR=/a\\",
        "SHARED_DIR=\"/a",
        "SHARED_DIR='/a",
        "SHARED_DIR=\"/a\"b",
        "SHARED_DIR=/a'b'",
        "SHARED_DIR=/a;id",
        "SHARED_DIR=~/a",
        "SHARED_DIR = /a",
        "SHARED_DIR /a",
        "SHARED_DIR= /a",
        "SHARED_DIR=/a b",
        "SHARED_DIR",
        "SHARED_DIR=",
        "SHARED_DIR=/etc",
        "SHARED_DIR=/a\x01",
        "SHARED_GROUP=Big",
        "SOURCE_USER=a:b",
        "SHARE_SETTINGS_LOCAL=maybe",
        "SHARE_SETTINGS_LOCAL=",
        "CREDENTIALS=links",
        "CLAUDE_JSON=none",
        "MANAGED_USERS=usera userb",
        "MANAGED_USERS='usera,userb'",
    ] {
        let error = config(&format!("OTHER=$(id)\n{line}\n")).unwrap_err();
        assert!(
            error.starts_with("/etc/claude-share/config, line 2: "),
            "{line}: {error}"
        );
        assert!(!error.contains('\x01'));
    }
    let error = parse(b"\nSHARED_DIR=/\xff\n").unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
    assert!(parse(&vec![b'\n'; LIMIT + 1]).is_err());
}

#[test]
fn a_change_goes_in_its_place_and_nothing_else_is_touched() {
    let text = b"# h\xff\nX=\"$(a)\nSHARED_GROUP=first\n export SHARED_GROUP='team' # ours\r\nCREDENTIALS=VIEW\nSHARE_SETTINGS_LOCAL=yes\nMANAGED_USERS='b a'\nY=1";
    let mut file = parse(text).unwrap();
    let settings = Settings {
        group: "other".to_owned(),
        ..Settings::default()
    };
    file.apply(&settings, &names(&["a", "b"])).unwrap();
    let expected = b"# h\xff\nX=\"$(a)\nSHARED_GROUP=first\n export SHARED_GROUP=other # ours\r\nCREDENTIALS=VIEW\nSHARE_SETTINGS_LOCAL=yes\nMANAGED_USERS='b a'\nY=1\nSHARED_DIR=/shared/claude-share\nSOURCE_USER=root\nCLAUDE_JSON=merge\n";
    assert_eq!(file.to_bytes(), expected);
    file.apply(&settings, &names(&["a", "b"])).unwrap();
    assert_eq!(file.to_bytes(), expected);
    file.apply(&settings, &names(&["c"])).unwrap();
    let text = String::from_utf8_lossy(&file.to_bytes()).into_owned();
    assert!(text.contains("\nMANAGED_USERS=c\nY=1\n"), "{text}");
}

#[test]
fn settings_that_could_not_be_read_back_are_not_written() {
    let wrong = Settings {
        group: "a b; id".to_owned(),
        ..Settings::default()
    };
    let mut file = ConfigFile::new(Path::new("config"));
    assert!(matches!(file.apply(&wrong, &[]), Err(ShareError::Name(_))));
    assert_eq!(file.to_bytes(), b"");
}

#[test]
fn a_stored_file_is_read_again_and_a_link_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    assert!(ConfigFile::read(&path).unwrap().is_none());
    let mut file = ConfigFile::new(&path);
    file.apply(&Settings::default(), &names(&["a", "b"]))
        .unwrap();
    file.store().unwrap();
    let read = ConfigFile::read(&path).unwrap().unwrap();
    assert_eq!(read.to_bytes(), file.to_bytes());
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(ConfigFile::read(&link).is_err());
}

/// What `sh` has for our keys after reading the file.
fn in_a_shell(file: &ConfigFile) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    durable::write(&path, &file.to_bytes(), 0o600, Placing::New).unwrap();
    let print = Key::ALL.map(|key| format!("\"${}\"", key.name())).join(" ");
    let output = Command::new("/bin/sh")
        .env_clear()
        .args(["-euc", &format!(". \"$0\"; printf '%s\\n' {print}")])
        .arg(&path)
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let credentials = prop::sample::select(CREDENTIALS.map(|(_, mode)| mode).to_vec());
    let claude_json = prop::sample::select(CLAUDE_JSON.map(|(_, mode)| mode).to_vec());
    let names = (
        "/shared/[a-zA-Z0-9_@+-]{1,9}",
        "[a-z_][a-z0-9_-]{0,31}",
        "[A-Z][a-z.]{0,9}",
    );
    (names, any::<bool>(), credentials, claude_json).prop_map(
        |((directory, group, source_user), share_settings_local, credentials, claude_json)| {
            Settings {
                shared_directory: directory.into(),
                group,
                source_user,
                share_settings_local,
                credentials,
                claude_json,
            }
        },
    )
}

fn any_users() -> impl Strategy<Value = Vec<UserName>> {
    prop::collection::btree_set("[a-zA-Z_][a-zA-Z0-9_.-]{0,31}", 0..5).prop_map(|names| {
        let parse = |name: &String| UserName::parse_existing(name).unwrap();
        names.iter().map(parse).collect()
    })
}

/// Lines as people leave them behind, of ours and of others.
fn any_lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let ours = "( |\t|export )?(SHARED_DIR|CREDENTIALS|MANAGED_USERS|SOURCE_USER)=(['\"]?)[a-z /]{0,9}(['\"]?)( #.*)?";
    let line = prop_oneof![
        ours.prop_map(String::into_bytes),
        "[A-Z_]{1,9}=.{0,9}".prop_map(String::into_bytes),
        "#.{0,9}|".prop_map(String::into_bytes),
        prop::collection::vec(
            any::<u8>().prop_filter("a line", |byte| *byte != b'\n'),
            0..9
        ),
    ];
    prop::collection::vec(line, 0..9)
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(file) = parse(&bytes) {
            prop_assert_eq!(file.to_bytes(), bytes);
        }
    }

    #[test]
    fn lines_that_are_not_ours_survive_any_change(
        lines in any_lines(), settings in any_settings(), users in any_users()) {
        let text = lines.join(&b'\n');
        if let Ok(mut file) = parse(&text) {
            prop_assert_eq!(file.to_bytes(), text);
            file.apply(&settings, &users).unwrap();
            let written = file.to_bytes();
            let read = parse(&written).unwrap().config(&Settings::default()).unwrap();
            prop_assert_eq!(&read.settings, &settings);
            let read: BTreeSet<_> = read.managed_users.unwrap().into_iter().collect();
            prop_assert_eq!(read, users.iter().cloned().collect::<BTreeSet<_>>());
            let after: Vec<&[u8]> = written.split(|&byte| byte == b'\n').collect();
            for line in lines.iter().filter(|line| matches!(line::read(line), Ok(None))) {
                prop_assert!(after.contains(&&line[..]), "{:?} in {:?}", line, written);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_shell_reads_what_we_wrote(settings in any_settings(), users in any_users()) {
        let mut file = ConfigFile::new(Path::new("config"));
        file.apply(&settings, &users).unwrap();
        let wanted = Config { settings, managed_users: Some(users) };
        prop_assert_eq!(in_a_shell(&file), Key::ALL.map(|key| key.text(&wanted)).to_vec());
    }
}
