//! The links of the built book: those to files of the repository get a page or a copy to lead to, and every one is followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::Result;

/// Files at the root of the repository that are chapters too, and how. Links in them are from the root.
pub(crate) const INCLUDED: [(&str, &str); 5] = [
    ("ARCHITECTURE.md", "project/architecture.html"),
    ("CHANGELOG.md", "project/changelog.html"),
    ("CONTRIBUTING.md", "project/contributing.html"),
    ("README.md", "introduction.html"),
    ("SECURITY.md", "project/security.html"),
];
/// Where copies of other files are put.
const COPIES: &str = "repository";
/// Attributes that hold an address.
const ADDRESSES: [&str; 2] = ["href", "src"];

/// Rewrites what leads out of the book, and returns a line for each link that leads nowhere.
pub(crate) fn settle(repository: &Path, book: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for page in pages(book)? {
        let file = book.join(&page);
        let html = fs::read_to_string(&file)?;
        let mut changed = html.clone();
        for address in addresses(&html) {
            match settled(&address, &page, repository, book)? {
                Settled::AsItIs => {}
                Settled::Leads(there) => {
                    for name in ADDRESSES {
                        let (old, new) = (
                            format!("{name}=\"{address}\""),
                            format!("{name}=\"{there}\""),
                        );
                        changed = changed.replace(&old, &new);
                    }
                }
                Settled::Nowhere(why) => {
                    complaints.push(format!("{}: {address}: {why}", page.display()));
                }
            }
        }
        if changed != html {
            fs::write(&file, changed)?;
        }
    }
    complaints.extend(anchors(book)?);
    Ok(complaints)
}

enum Settled {
    AsItIs,
    Leads(String),
    Nowhere(&'static str),
}

fn settled(address: &str, page: &Path, repository: &Path, book: &Path) -> Result<Settled> {
    let decoded = address.replace("&amp;", "&");
    if let Some((scheme, rest)) = decoded.split_once(':')
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric())
    {
        return Ok(external(scheme, rest));
    }
    let (path, anchor) = decoded
        .split_once('#')
        .map_or((decoded.as_str(), None), |(path, anchor)| {
            (path, Some(anchor))
        });
    if path.is_empty() {
        return Ok(Settled::AsItIs);
    }
    let directory = page.parent().unwrap_or(Path::new(""));
    let inside = normal(&directory.join(path));
    if inside
        .as_ref()
        .is_some_and(|inside| book.join(inside).is_file())
    {
        return Ok(Settled::AsItIs);
    }
    // As the source has it: from where that stands in the repository.
    let included = INCLUDED
        .iter()
        .find(|(_, chapter)| page == Path::new(chapter) && *chapter != "introduction.html");
    let base = if included.is_some() {
        PathBuf::new()
    } else {
        Path::new("docs").join(directory)
    };
    let Some(mut meant) = normal(&base.join(path)) else {
        return Ok(Settled::Nowhere("leads out of the repository"));
    };
    if !repository.join(&meant).exists() && meant.extension().is_some_and(|end| end == "html") {
        // mdBook takes every page for one of the book.
        meant.set_extension("md");
    }
    let Some(target) = chapter(&meant, book) else {
        let source = repository.join(&meant);
        if !source.is_file() {
            return Ok(Settled::Nowhere("no such file"));
        }
        let copy = book.join(COPIES).join(&meant);
        fs::create_dir_all(copy.parent().expect("a directory"))?;
        fs::copy(source, copy)?;
        return Ok(Settled::Leads(relative(
            directory,
            &Path::new(COPIES).join(meant),
            None,
        )));
    };
    Ok(Settled::Leads(relative(directory, &target, anchor)))
}

/// Only its form is looked at: nothing leaves this machine.
fn external(scheme: &str, rest: &str) -> Settled {
    let host = rest
        .strip_prefix("//")
        .and_then(|rest| rest.split(['/', '?', '#']).next());
    let is_name = |host: &str| {
        !host.is_empty()
            && host
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || ".-:[]".contains(letter))
    };
    match scheme {
        "http" | "https" if host.is_some_and(is_name) && !rest.contains(' ') => Settled::AsItIs,
        "mailto" if rest.contains('@') => Settled::AsItIs,
        "data" => Settled::AsItIs,
        _ => Settled::Nowhere("not an address"),
    }
}

/// The book's page of a file of the repository.
fn chapter(file: &Path, book: &Path) -> Option<PathBuf> {
    if let Some((_, chapter)) = INCLUDED.iter().find(|(name, _)| file == Path::new(name)) {
        return Some(PathBuf::from(chapter)).filter(|chapter| book.join(chapter).is_file());
    }
    let mut page = file.strip_prefix("docs").ok()?.to_owned();
    if page.extension().is_some_and(|end| end == "md") {
        page.set_extension("html");
    }
    book.join(&page).is_file().then_some(page)
}

fn relative(from: &Path, to: &Path, anchor: Option<&str>) -> String {
    let up = "../".repeat(from.components().count());
    let anchor = anchor.map_or(String::new(), |anchor| format!("#{anchor}"));
    format!("{up}{}{anchor}", to.display())
}

/// Without `.` and `..`; `None` if it leads out.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::CurDir => {}
            Component::ParentDir if normal.pop() => {}
            _ => return None,
        }
    }
    Some(normal)
}

/// Follows what stands behind `#`.
fn anchors(book: &Path) -> Result<Vec<String>> {
    let mut known: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let mut wanted: Vec<(PathBuf, String)> = Vec::new();
    for page in pages(book)? {
        let html = fs::read_to_string(book.join(&page))?;
        let with_anchor = addresses(&html)
            .into_iter()
            .filter(|address| address.contains('#') && !address.contains(':'));
        wanted.extend(with_anchor.map(|address| (page.clone(), address)));
        known.insert(page, values(&html, "id").into_iter().collect());
    }
    let mut complaints = Vec::new();
    for (page, address) in wanted {
        let (path, anchor) = address.split_once('#').unwrap_or_default();
        let directory = page.parent().unwrap_or(Path::new(""));
        let target = if path.is_empty() {
            Some(page.clone())
        } else {
            normal(&directory.join(path))
        };
        let ids = target.and_then(|target| known.get(&target));
        // What is no page, or not there, was looked at before.
        if !anchor.is_empty() && ids.is_some_and(|ids| !ids.contains(anchor)) {
            complaints.push(format!("{}: {address}: no such heading", page.display()));
        }
    }
    Ok(complaints)
}

fn addresses(html: &str) -> BTreeSet<String> {
    ADDRESSES
        .iter()
        .flat_map(|name| values(html, name))
        .collect()
}

/// Every value of an attribute.
fn values(html: &str, attribute: &str) -> Vec<String> {
    let opening = format!(" {attribute}=\"");
    let after = html.split(&opening).skip(1);
    after
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect()
}

/// Every page of the book, relative to it; copies are none.
fn pages(book: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut waiting) = (Vec::new(), vec![book.to_owned()]);
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() && path != book.join(COPIES) {
                waiting.push(path);
            } else if path.extension().is_some_and(|end| end == "html") {
                found.push(path.strip_prefix(book)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene(PathBuf);

    impl Scene {
        fn new(name: &str) -> Scene {
            let root =
                std::env::temp_dir().join(format!("xtask-links-{name}-{}", std::process::id()));
            for directory in ["docs", "book/project", "bench"] {
                fs::create_dir_all(root.join(directory)).unwrap();
            }
            Scene(root)
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.0.join(path), text).unwrap();
        }

        fn settle(&self) -> Vec<String> {
            settle(&self.0, &self.0.join("book")).unwrap()
        }

        fn read(&self, path: &str) -> String {
            fs::read_to_string(self.0.join(path)).unwrap()
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_told() {
        let scene = Scene::new("nowhere");
        scene.write("book/one.html", "<a href=\"two.html#here\"> <a href=\"two.html#gone\"> <a href=\"gone.html\"> <a href=\"http://\"> <a href=\"#top\">");
        scene.write("book/two.html", "<h2 id=\"here\">");
        let complaints = scene.settle();
        let told = |text: &str| complaints.iter().any(|line| line.contains(text));
        assert_eq!(complaints.len(), 4, "{complaints:?}");
        assert!(
            told("two.html#gone")
                && told("gone.html: no such file")
                && told("http://: not")
                && told("#top")
        );
    }

    #[test]
    fn what_leads_out_of_the_book_leads_to_a_chapter_or_a_copy() {
        let scene = Scene::new("out");
        scene.write("SECURITY.md", "");
        scene.write("bench/README.md", "measured");
        scene.write("docs/live.md", "");
        scene.write(
            "book/live.html",
            "<a href=\"../SECURITY.html#keys\"> <a href=\"../bench/README.html\">",
        );
        scene.write(
            "book/project/security.html",
            "<h2 id=\"keys\"> <a href=\"docs/live.html\">",
        );
        assert_eq!(scene.settle(), Vec::<String>::new());
        assert_eq!(
            scene.read("book/live.html"),
            "<a href=\"project/security.html#keys\"> <a href=\"repository/bench/README.md\">"
        );
        assert!(
            scene
                .read("book/project/security.html")
                .ends_with("<a href=\"../live.html\">")
        );
        assert_eq!(scene.read("book/repository/bench/README.md"), "measured");
    }
}
