use std::path::Path;
use std::process::Command;

use testkit::skip;

use super::*;

/// Above it `systemd-analyze security` says "OK" with a question mark at best.
const MOST_EXPOSURE: f32 = 3.0;

fn unit() -> String {
    let writable = writable(
        Path::new("/shared/claude-share"),
        [
            Path::new("/home/usera"),
            Path::new("/home/userb"),
            Path::new("/root"),
        ],
    );
    unit_text(
        Path::new("/usr/local/bin/claude-share"),
        &ServerPaths::documented(),
        &writable,
    )
}

/// `systemd-analyze`, or `None` after a skip.
fn analyze(arguments: &[&str], unit: &Path) -> Option<(bool, String)> {
    let Some(program) = run::find("systemd-analyze") else {
        skip("there is no systemd-analyze here");
        return None;
    };
    let ran = Command::new(program)
        .args(arguments)
        .arg(unit)
        .env("PAGER", "")
        .output()
        .unwrap();
    let text = [ran.stdout, ran.stderr].concat();
    Some((
        ran.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

#[test]
fn the_unit_starts_the_keeper_and_lets_it_write_where_it_has_to() {
    let unit = unit();
    for line in [
        "Type=notify",
        "ExecStart=\"/usr/local/bin/claude-share\" server keeper",
        "ReadWritePaths=-\"/var/lib/claude-share\"",
        "ReadWritePaths=-\"/run/claude-share\"",
        "ReadWritePaths=-\"/home\"",
        "ReadWritePaths=-\"/root\"",
        "ReadWritePaths=-\"/shared/claude-share\"",
        "WantedBy=multi-user.target",
    ] {
        assert!(
            unit.lines().any(|found| found == line),
            "{line} is not in\n{unit}"
        );
    }
    assert_eq!(unit.matches("ReadWritePaths").count(), 5, "{unit}");
}

#[test]
fn the_lines_that_are_filled_in_are_in_the_text() {
    for line in [PROGRAM_LINE, WRITABLE_LINE] {
        assert_eq!(UNIT.matches(line).count(), 1, "{line}");
    }
    assert!(!unit().contains("@BINDIR@"));
}

#[test]
fn no_home_opens_everything() {
    let homes = ["/", "/root", "/home/a", "relative", ""].map(Path::new);
    let found = writable(Path::new("/s"), homes);
    assert_eq!(found, ["/home", "/root", "/s"].map(PathBuf::from));
}

#[test]
fn a_path_is_one_word_whatever_is_in_it() {
    let odd = Path::new("/a b/%h\\\"$X/\n[Service]/é");
    assert_eq!(
        quoted(odd),
        "\"/a b/%%h\\\\\\\"$X/\\x0a[Service]/\\xc3\\xa9\""
    );
    let unit = unit_text(odd, &ServerPaths::documented(), &[odd.to_owned()]);
    assert!(
        unit.contains(
            "ExecStart=\"/a b/%%h\\\\\\\"$$X/\\x0a[Service]/\\xc3\\xa9\" server keeper\n"
        )
    );
    assert_eq!(unit.lines().filter(|line| line.starts_with('[')).count(), 3);
}

#[test]
fn systemd_accepts_the_unit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("claude-share-keeper.service");
    // One that is there: what is not installed is complained of.
    let unit = unit().replace("/usr/local/bin/claude-share\"", "/bin/true\"");
    durable::write(&path, unit.as_bytes(), 0o644, Placing::New).unwrap();
    let Some((accepted, said)) = analyze(&["verify", "--man=no", "--recursive-errors=no"], &path)
    else {
        return;
    };
    assert!(accepted && said.trim().is_empty(), "{said}");
}

#[test]
fn the_keeper_is_as_little_exposed_as_it_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("claude-share-keeper.service");
    durable::write(&path, unit().as_bytes(), 0o644, Placing::New).unwrap();
    let Some((_, said)) = analyze(&["security", "--offline=true", "--no-pager"], &path) else {
        return;
    };
    let overall = said
        .lines()
        .find(|line| line.contains("Overall exposure level"));
    let number = |line: &str| {
        line.rsplit_once(": ")?
            .1
            .split(' ')
            .next()?
            .parse::<f32>()
            .ok()
    };
    let exposure = overall.and_then(number).unwrap_or_else(|| panic!("{said}"));
    assert!(exposure < MOST_EXPOSURE, "{said}");
}
