//! What the work is done on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGES: usize = 254;
const LARGE: usize = 100 << 20;

/// About what `npm install` makes, with what made it, in git; a large file, and an archive of small ones beside it.
pub(super) struct Tree {
    directory: PathBuf,
    pub(super) files: usize,
    pub(super) directories: usize,
}

impl Tree {
    pub(super) fn make(directory: &Path) -> Self {
        let mut tree = Self {
            directory: directory.to_owned(),
            files: 0,
            directories: 0,
        };
        let project = tree.project();
        for number in 0..40 {
            tree.file(&project.join(format!("src/file{number}.ts")), number, 3000);
        }
        for package in 0..PACKAGES {
            let path = project.join(format!("node_modules/package-{package}"));
            for below in ["lib", "lib/internal", "dist", "test"] {
                for file in 0..5 + package % 3 {
                    let length = 200 + (package * 37 + file * 911) % 9000;
                    let path = path.join(below).join(format!("module-{file}.js"));
                    tree.file(&path, package + file, length);
                }
            }
            for name in ["package.json", "README.md"] {
                tree.file(&path.join(name), package, 1500);
            }
        }
        for directory in 0..50 {
            for file in 0..20 {
                let path = tree.directory.join(format!("small/d{directory}/{file}.js"));
                write(&path, &text(file, 1000 + file * 300));
            }
        }
        tree.shell("tar -c -C ../small -f ../small.tar .");
        // git trusts no file that is as young as its index.
        tree.shell(
            "git init -q && git add . && git -c user.name=x -c user.email=x@example.org commit -qm first \
             && git gc -q && sleep 2 && git status > /dev/null",
        );
        fs::write(tree.project().join("large"), vec![b'x'; LARGE]).unwrap();
        tree.shell("printf 'large\\nwritten\\nnew-*\\n' >> .git/info/exclude");
        tree.shell("git ls-files | LC_ALL=C sort | awk 'NR % 13 == 0' | head -500 > ../every13th");
        let count = |kind| tree.count(kind);
        (tree.files, tree.directories) = (count("f"), count("d"));
        tree
    }

    /// The published directory.
    pub(super) fn project(&self) -> PathBuf {
        self.directory.join("project")
    }

    /// A new directory beside it.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        let path = self.directory.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Without what was made in it.
    pub(super) fn clear(&self) {
        self.shell("rm -rf written new-*");
    }

    /// What was made is the same, whichever way.
    pub(super) fn check(&self) {
        self.shell("! test -d new-native || ! test -d new-sshfs || diff -r new-native new-sshfs");
    }

    fn file(&self, path: &Path, seed: usize, length: usize) {
        write(path, &text(seed, length));
    }

    fn count(&self, kind: &str) -> usize {
        let find = Command::new("find")
            .arg(self.project())
            .args(["-name", ".git", "-prune", "-o", "-type", kind, "-print"])
            .output();
        let found = find.unwrap().stdout;
        found.iter().filter(|byte| **byte == b'\n').count()
    }

    /// On the laptop, in the published directory.
    pub(super) fn shell(&self, command: &str) {
        let mut shell = Command::new("sh");
        let status = shell
            .args(["-c", command])
            .env("BESIDE", &self.directory)
            .current_dir(self.project())
            .status();
        assert!(status.unwrap().success(), "{command}");
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn text(seed: usize, length: usize) -> String {
    format!("// line of file {seed}\nmodule.exports = {{}};\n").repeat(length / 40 + 1)
}
