//! A report as people read it: the documented table of links, then how things come to be so.

use std::path::PathBuf;
use std::time::Duration;

use model::{Timestamp, printable};
use share::status::{
    AccountReport, AccountState, CredentialReport, How, ItemState, Report, UserReport,
};

use crate::table::details;
use crate::time;

/// What a report does not say.
pub(crate) struct Surroundings {
    pub(crate) now: Timestamp,
    /// Whether systemd was told to run the keeper.
    pub(crate) has_unit: bool,
    /// The vault's directory.
    pub(crate) vault: PathBuf,
}

/// The whole of it.
pub(crate) fn text(report: &Report, surroundings: &Surroundings) -> String {
    let group = &report.group.name;
    let mut text = String::new();
    if !report.users.is_empty() {
        text.push_str(&heading("Per-user links"));
        text.extend(report.users.iter().map(|user| links(user, group)));
    }
    if let Some(source) = &report.source {
        text.push_str(&heading("Source user"));
        text.push_str(&links(source, group));
    }
    text.push_str(&heading("Credentials"));
    text.push_str(&credentials(report));
    text.push_str(&heading("Accounts"));
    text.extend(
        report
            .accounts
            .iter()
            .map(|account| account_row(account, surroundings)),
    );
    text.push_str(&heading("Server"));
    text.push_str(&server(report, surroundings));
    text
}

fn heading(words: &str) -> String {
    format!("[claude-share] {words}\n")
}

fn mark(ok: bool) -> char {
    if ok { '✓' } else { '✗' }
}

fn row(ok: bool, words: &str) -> String {
    format!("  {} {}\n", mark(ok), printable(words))
}

fn remark(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(" ({})", printable(reason)))
        .unwrap_or_default()
}

/// One user, as documented.
fn links(user: &UserReport, group: &str) -> String {
    let mut text = format!("user: {}\n", printable(&user.name));
    if let Some(is_member) = user.group {
        let reason = (!is_member).then_some("not a member");
        text.push_str(&format!(
            "  group {group}: {}{}\n",
            mark(is_member),
            remark(reason)
        ));
    }
    let item = |item: &ItemState| {
        format!(
            "  {} {}{}\n",
            mark(item.ok),
            item.path,
            remark(item.reason.as_deref())
        )
    };
    text.extend(user.items.iter().map(item));
    text.extend(user.problem.iter().map(|problem| row(false, problem)));
    text
}

fn credentials(report: &Report) -> String {
    let users = report.users.iter().chain(&report.source);
    let pairs: Vec<(&str, String)> = users
        .map(|user| (user.name.as_str(), credential(&user.credential)))
        .collect();
    let lines = details(&pairs);
    lines.lines().map(|line| format!("  {line}\n")).collect()
}

fn credential(credential: &CredentialReport) -> String {
    let account = credential.account.as_deref().unwrap_or("?");
    let left = match credential.seconds_left {
        None => String::new(),
        Some(0) => ", ended".to_owned(),
        Some(seconds) => format!(", {} left", time::duration(Duration::from_secs(seconds))),
    };
    match credential.how {
        How::View => format!("view of {account}{left}"),
        How::Link => format!("link to the login of {account}{left}"),
        How::Key => format!("key of {account}"),
        How::OwnLogin => "own login".to_owned(),
        How::Nothing => "nothing".to_owned(),
    }
}

fn account_row(account: &AccountReport, surroundings: &Surroundings) -> String {
    let now = surroundings.now;
    let age = |millis: i64| time::age(Timestamp::from_millis(millis), now);
    let name = &account.name;
    let reason = remark(account.reason.as_deref());
    let login = format!(
        "sudo claude-accounts --vault {} login {name}",
        surroundings.vault.display()
    );
    let words = match (account.state, account.auth_type) {
        (AccountState::Ok, Some("api_key")) => "API key".to_owned(),
        (AccountState::Ok, _) => match account.renewed_at {
            Some(at) => format!("renewed {}", age(at)),
            None => "not renewed yet".to_owned(),
        },
        (AccountState::Failing, _) => format!("not renewed{reason}{}", next_try(account, now)),
        (AccountState::Ended, _) => {
            let ended = account.expires_at.map(age).unwrap_or_default();
            format!("its token ended {ended}{reason}{}", next_try(account, now))
        }
        (AccountState::SignInAgain, _) => format!("sign in again{reason}: {login}"),
        (AccountState::NeverSignedIn, _) => format!("nobody has signed in to it: {login}"),
        (AccountState::Unusable, _) => format!("cannot be used{reason}"),
    };
    row(!account.needs_care, &format!("{name}: {words}"))
}

fn next_try(account: &AccountReport, now: Timestamp) -> String {
    let Some(failure) = &account.failure else {
        return String::new();
    };
    let times = match failure.failures {
        1 => String::new(),
        count => format!(", {count} times in a row"),
    };
    match now.until(Timestamp::from_millis(failure.retry_at)) {
        Duration::ZERO => format!("{times}; the next try is due"),
        wait => format!("{times}; next try in {}", time::duration(wait)),
    }
}

fn server(report: &Report, surroundings: &Surroundings) -> String {
    let keeper = &report.keeper;
    let words = match (keeper.started_at, keeper.pid) {
        (Some(started), Some(pid)) => {
            let started = Timestamp::from_millis(started);
            let age = time::age(started, surroundings.now);
            format!(
                "keeper: running since {} ({age}), process {pid}",
                time::local(started)
            )
        }
        _ => format!(
            "keeper: {}",
            what_to_do(keeper.listens, surroundings.has_unit)
        ),
    };
    let (group, directory) = (&report.group, &report.shared_directory);
    let reason = remark(directory.reason.as_deref());
    let mut text = row(keeper.running, &words);
    text.push_str(&row(
        directory.ok,
        &format!("shared directory {}{reason}", directory.path),
    ));
    if !group.ok {
        let reason = remark(group.reason.as_deref());
        text.push_str(&row(false, &format!("group {}{reason}", group.name)));
    }
    text
}

/// About a keeper that is not there, or hangs.
fn what_to_do(listens: bool, has_unit: bool) -> &'static str {
    match (listens, has_unit) {
        (false, true) => {
            "not running; start it: sudo systemctl start claude-share-keeper \
             (journalctl -u claude-share-keeper says why it ended)"
        }
        (false, false) => "not running; have your supervisor run: claude-share server keeper",
        (true, true) => {
            "does not answer; start it anew: sudo systemctl restart claude-share-keeper"
        }
        (true, false) => "does not answer; have your supervisor start it anew",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use share::status::{DirectoryReport, FailureReport, GroupReport, KeeperReport};

    const NOW: i64 = 1_790_000_000_000;

    fn item(path: &'static str, ok: bool, reason: Option<&str>) -> ItemState {
        ItemState {
            path,
            ok,
            reason: reason.map(str::to_owned),
        }
    }

    fn user(name: &str) -> UserReport {
        UserReport {
            name: name.to_owned(),
            group: Some(true),
            problem: None,
            credential: CredentialReport {
                how: How::View,
                account: Some("team".to_owned()),
                expires_at: Some(NOW),
                seconds_left: Some(7 * 3600 + 12 * 60),
            },
            items: vec![
                item(".claude/.credentials.json", true, None),
                item(".claude.json", true, None),
                item(".claude/settings.json", true, None),
                item(".claude/settings.local.json", true, None),
            ],
            needs_care: false,
        }
    }

    fn account(name: &str, state: AccountState) -> AccountReport {
        AccountReport {
            name: name.to_owned(),
            auth_type: Some("oauth"),
            state,
            reason: None,
            expires_at: Some(NOW - 60_000),
            renewed_at: Some(NOW - 300_000),
            failure: None,
            needs_care: state != AccountState::Ok,
        }
    }

    fn report() -> Report {
        Report {
            keeper: KeeperReport::default(),
            group: GroupReport {
                name: "claudeshare".to_owned(),
                ok: true,
                reason: None,
            },
            shared_directory: DirectoryReport {
                path: "/shared/claude-share".to_owned(),
                ok: true,
                reason: None,
            },
            accounts: vec![account("team", AccountState::Ok)],
            source: None,
            users: vec![user("usera"), user("userb")],
            needs_care: true,
        }
    }

    fn surroundings() -> Surroundings {
        Surroundings {
            now: Timestamp::from_millis(NOW),
            has_unit: true,
            vault: "/var/lib/claude-share/vault".into(),
        }
    }

    #[test]
    fn the_table_is_as_documented() {
        let text = text(&report(), &surroundings());
        let expected = "\
[claude-share] Per-user links
user: usera
  group claudeshare: ✓
  ✓ .claude/.credentials.json
  ✓ .claude.json
  ✓ .claude/settings.json
  ✓ .claude/settings.local.json
user: userb
  group claudeshare: ✓
  ✓ .claude/.credentials.json
  ✓ .claude.json
  ✓ .claude/settings.json
  ✓ .claude/settings.local.json
[claude-share] Credentials
  usera  view of team, 7h12m left
  userb  view of team, 7h12m left
[claude-share] Accounts
  ✓ team: renewed 5 minutes ago
[claude-share] Server
  ✗ keeper: not running; start it: sudo systemctl start claude-share-keeper (journalctl -u claude-share-keeper says why it ended)
  ✓ shared directory /shared/claude-share
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_wrong_stands_behind_it() {
        let mut report = report();
        let own = CredentialReport {
            how: How::OwnLogin,
            account: None,
            expires_at: None,
            seconds_left: None,
        };
        report.users = vec![UserReport {
            group: Some(false),
            credential: own.clone(),
            items: vec![
                item(".claude.json", false, Some("lacks shared keys")),
                item("umask 002", false, Some("is missing\nin .bashrc")),
            ],
            ..user("usera")
        }];
        report.source = Some(UserReport {
            group: None,
            credential: own,
            items: Vec::new(),
            problem: Some("/root does not exist".to_owned()),
            ..user("root")
        });
        report.group.ok = false;
        report.group.reason = Some("does not exist".to_owned());
        report.accounts.clear();
        let expected = "\
[claude-share] Per-user links
user: usera
  group claudeshare: ✗ (not a member)
  ✗ .claude.json (lacks shared keys)
  ✗ umask 002 (is missing\\nin .bashrc)
[claude-share] Source user
user: root
  ✗ /root does not exist
[claude-share] Credentials
  usera  own login
  root   own login
[claude-share] Accounts
[claude-share] Server
";
        let text = text(&report, &surroundings());
        assert!(text.starts_with(expected), "{text}");
        assert!(
            text.ends_with("  ✗ group claudeshare (does not exist)\n"),
            "{text}"
        );
    }

    #[test]
    fn accounts_say_what_to_do() {
        let shown = |account: &AccountReport| account_row(account, &surroundings());
        let failing = AccountReport {
            reason: Some("the token server cannot be reached".to_owned()),
            failure: Some(FailureReport {
                reason: String::new(),
                failures: 3,
                at: NOW,
                retry_at: NOW + 65_000,
            }),
            ..account("team", AccountState::Failing)
        };
        assert_eq!(
            shown(&failing),
            "  ✗ team: not renewed (the token server cannot be reached), 3 times in a row; next try in 1m5s\n"
        );
        let ended = AccountReport {
            state: AccountState::Ended,
            ..failing
        };
        assert!(
            shown(&ended).starts_with("  ✗ team: its token ended 1 minute ago (the token server")
        );
        let again = AccountReport {
            reason: Some("refused".to_owned()),
            ..account("team", AccountState::SignInAgain)
        };
        assert_eq!(
            shown(&again),
            "  ✗ team: sign in again (refused): sudo claude-accounts --vault /var/lib/claude-share/vault login team\n"
        );
        let key = AccountReport {
            auth_type: Some("api_key"),
            ..account("k", AccountState::Ok)
        };
        assert_eq!(shown(&key), "  ✓ k: API key\n");
    }

    #[test]
    fn the_keeper_is_told_of_with_its_time() {
        let mut report = report();
        report.keeper = KeeperReport {
            running: true,
            listens: true,
            pid: Some(12),
            started_at: Some(NOW - 7_200_000),
            users: Some(2),
            waiting: Some(0),
        };
        let text = text(&report, &surroundings());
        let keeper = text.lines().find(|line| line.contains("keeper")).unwrap();
        assert!(
            keeper.starts_with("  ✓ keeper: running since 2026-09-21 "),
            "{keeper}"
        );
        assert!(keeper.ends_with("(2 hours ago), process 12"), "{keeper}");
    }
}
