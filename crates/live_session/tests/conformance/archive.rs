//! Unpacking an archive in the mount, which waits for as little as it can, while the connection breaks.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::programs::{command, run};
use crate::session::with_session;

const FILES: usize = 300;

#[test]
fn an_archive_is_whole_while_the_connection_breaks() {
    let name = "archive::an_archive_is_whole_while_the_connection_breaks";
    with_session(name, |session| {
        let small = session.beside("small");
        for number in 0..FILES {
            let directory = small.join(format!("d{}", number % 10));
            fs::create_dir_all(&directory).unwrap();
            let path = directory.join(format!("file{number}"));
            // Some are larger than what is held of a file.
            let length = if number % 50 == 0 { 40_000 } else { 100 };
            fs::write(&path, format!("{number}\n").repeat(length)).unwrap();
            fs::set_permissions(
                &path,
                fs::Permissions::from_mode([0o600, 0o755][number % 2]),
            )
            .unwrap();
        }
        let tar = |arguments: &[&str], directory: &Path| {
            let mut tar = command(session, "tar", directory);
            tar.args(arguments);
            run(tar)
        };
        tar(&["-cf", "archive", "small"], &session.beside(""));
        let cutting = session.cutting();
        let archive = session.beside("archive");
        tar(&["-xf", archive.to_str().unwrap()], &session.server(""));
        // Nothing is waited for: every file was closed.
        let archive = archive.to_str().unwrap();
        tar(&["-df", archive], &session.laptop(""));
        tar(&["-df", archive], &session.server(""));
        let mut rm = command(session, "rm", &session.server(""));
        rm.args(["-r", "small"]);
        run(rm);
        drop(cutting);
        assert!(session.connections() > 2, "the connection broke");
        assert!(!session.laptop("small").exists());
    });
}
