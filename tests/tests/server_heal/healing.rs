//! From damage to healed, one damage at a time.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::LIMIT;
use end_to_end::server::Server;
use testkit::wait_until;

use crate::damage::{DAMAGES, Home};

/// Each is done to this many users, one after the other.
const TIMES: usize = 3;

/// The names in a directory that say that they are backups of `name`.
fn backups(directory: &Path, name: &str) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let wanted = format!("{name}.claude-share-backup-20");
    names.filter(|name| name.starts_with(&wanted)).collect()
}

#[test]
fn damage_of_every_kind_is_healed() {
    let names: Vec<String> = (0..20).map(|number| format!("user{number:02}")).collect();
    let users: Vec<&str> = names.iter().map(String::as_str).collect();
    let Some(server) = Server::with_users(&users) else {
        return;
    };
    let old_view = server.host.read("/home/user00/.claude/.credentials.json");
    server.renew();
    for user in &users {
        server.wait_for_good_home(user);
    }
    let mut took = Vec::new();
    let everybody = users.iter().cycle();
    let damages = (0..TIMES).flat_map(|_| DAMAGES);
    for ((what, damage), user) in damages.zip(everybody) {
        let home = Home::of(&server, user, &old_view);
        damage(&home).unwrap_or_else(|error| panic!("{what}: {error}"));
        let begun = Instant::now();
        while let Some(wrong) = server.wrong_in_home(user) {
            assert!(
                begun.elapsed() < LIMIT,
                "{what}: {wrong}\n{}",
                server.keeper_log()
            );
            thread::sleep(Duration::from_micros(200));
        }
        took.push((begun.elapsed(), what));
        // Of what came in one step: what is still being written may be taken for empty. It gets its name in the end.
        let kept = match what {
            "settings a file" => (home.claude(), "settings.json"),
            "view garbage" => (home.claude(), ".credentials.json"),
            ".claude a file" => (home.root.clone(), ".claude"),
            _ => continue,
        };
        wait_until(&format!("a backup: {what}"), LIMIT, || {
            !backups(&kept.0, kept.1).is_empty()
        });
    }
    took.sort();
    eprintln!(
        "{} damages, {} users: healed after {:?} (p50), {:?} (p99); longest: {:?}",
        took.len(),
        users.len(),
        took[took.len() / 2].0,
        took[took.len() * 99 / 100].0,
        &took[took.len() - 5..]
    );
    wait_until("a status without care", LIMIT, || {
        server.run(&["server", "status"]).status.success()
    });
    // All at once.
    for (user, (_, damage)) in users.iter().zip(DAMAGES) {
        damage(&Home::of(&server, user, &old_view)).unwrap();
    }
    let begun = Instant::now();
    for user in &users {
        server.wait_for_good_home(user);
    }
    eprintln!("20 damages at once: healed after {:?}", begun.elapsed());
    // What no watch tells: another name for the file. The next view is a file of its own again.
    let home = Home::of(&server, "user07", &old_view);
    fs::hard_link(home.view(), home.root.join("another")).unwrap();
    assert!(server.wrong_in_home("user07").is_some());
    server.renew();
    server.wait_for_good_home("user07");
    wait_until("a status without care", LIMIT, || {
        server.run(&["server", "status"]).status.success()
    });
}
