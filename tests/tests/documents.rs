//! What the documents point at is there: links between them, their headings, files of the code, and functions
//! in them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap()
}

/// Not ours, or made by a build.
const FOREIGN: [&str; 4] = ["target", "node_modules", ".git", ".venv"];

/// Every file below `folder` whose name ends so.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !FOREIGN.contains(&name) {
                files(&path, ending, found);
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

/// A document without what stands in fences.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// What stands between backticks, which may run on into the next line but not into another paragraph.
fn code(prose: &str) -> impl Iterator<Item = &str> {
    prose
        .split("\n\n")
        .flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2))
}

/// The targets of `[text](target)`, outside of code.
fn links(prose: &str) -> Vec<String> {
    let plain: String = prose
        .split("\n\n")
        .flat_map(|paragraph| paragraph.split('`').step_by(2).chain(["\n"]))
        .collect();
    let mut targets = Vec::new();
    for part in plain.split("](").skip(1) {
        let target = part.split(')').next().unwrap();
        targets.push(target.to_owned());
    }
    targets
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let mut anchors = BTreeSet::new();
    for heading in headings {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let anchor: String = title.chars().filter(kept).collect();
        let anchor = anchor.replace(' ', "-");
        let count = counts.entry(anchor.clone()).or_default();
        anchors.insert(match *count {
            0 => anchor,
            n => format!("{anchor}-{n}"),
        });
        *count += 1;
    }
    anchors
}

/// The path, without `..` in it.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

/// What is wrong with a link of the document at `from`, if anything.
fn broken_link(from: &Path, target: &str) -> Option<String> {
    if target.starts_with("http://") || target.starts_with("https://") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => from.to_owned(),
        file => normal(&from.parent().unwrap().join(file)),
    };
    if !path.starts_with(root()) {
        return Some("leads out of the repository".to_owned());
    }
    if !path.exists() {
        return Some("is not there".to_owned());
    }
    if !anchor.is_empty() && !anchors(&fs::read_to_string(&path).unwrap()).contains(anchor) {
        return Some(format!("has no heading #{anchor}"));
    }
    None
}

/// Folders of the repository that paths begin with.
const FOLDERS: [&str; 8] = [
    "crates/",
    "docs/",
    "tests/",
    "benches/",
    "fuzz/",
    "examples/",
    ".ci/",
    ".github/",
];

/// Whether this is meant as a file or a folder of the repository: a path with nothing to fill in.
fn is_path(code: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    FOLDERS.iter().any(|folder| code.starts_with(folder)) && code.chars().all(plain)
}

/// Made by a run: they need not be there.
const MADE: [&str; 3] = ["fuzz/artifacts", "fuzz/corpus", "fuzz/coverage"];

/// What is wrong with a path such as `tests/tests/limits.rs`, or with `FILE.rs::a_test`, if
/// anything. In a document it may also start from the document's own folder.
fn broken_path(from: &Path, code: &str) -> Option<String> {
    if MADE.iter().any(|made| code.starts_with(made)) {
        return None;
    }
    let (file, item) = code.split_once("::").unwrap_or((code, ""));
    let folders = [root(), from.parent().unwrap().to_owned()];
    let found = folders
        .iter()
        .map(|folder| folder.join(file))
        .find(|path| path.exists());
    let Some(path) = found else {
        return Some("is not there".to_owned());
    };
    if !item.is_empty() {
        let text = fs::read_to_string(path).unwrap();
        if !text.contains(&format!("fn {item}")) {
            return Some(format!("has no function {item}"));
        }
    }
    None
}

#[test]
fn document_links_resolve() {
    let (mut documents, mut broken, mut seen) = (Vec::new(), Vec::new(), 0);
    files(&root(), ".md", &mut documents);
    for document in &documents {
        let prose = prose(&fs::read_to_string(document).unwrap());
        for target in links(&prose) {
            seen += 1;
            if let Some(what) = broken_link(document, &target) {
                broken.push(format!("{}: {target} {what}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(
        documents.len() > 10 && seen > 20,
        "{} {seen}",
        documents.len()
    );
}

#[test]
fn document_paths_exist() {
    let (mut documents, mut broken, mut seen) = (Vec::new(), Vec::new(), 0);
    files(&root(), ".md", &mut documents);
    for document in &documents {
        let prose = prose(&fs::read_to_string(document).unwrap());
        for code in code(&prose).filter(|code| is_path(code)) {
            seen += 1;
            if let Some(what) = broken_path(document, code) {
                broken.push(format!("{}: {code} {what}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(seen > 50, "{seen}");
}

#[test]
fn comment_paths_exist() {
    let (mut sources, mut broken, mut seen) = (Vec::new(), Vec::new(), 0);
    files(&root(), ".rs", &mut sources);
    for source in &sources {
        let text = fs::read_to_string(source).unwrap();
        let comments = text
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with("//"));
        for comment in comments {
            for code in code(comment).filter(|code| is_path(code)) {
                seen += 1;
                if let Some(what) = broken_path(source, code) {
                    broken.push(format!("{}: {code} {what}", source.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(seen > 10, "{seen}");
}

#[test]
fn what_is_broken_is_found() {
    let text = "# A b\n[x](#a-b) `x](y)` [y](docs/limits.md#the-client) [z](nowhere.md)\n```\n[no](no)\n```\n# A b\n";
    let prose = prose(text);
    let targets = links(&prose);
    assert_eq!(targets, ["#a-b", "docs/limits.md#the-client", "nowhere.md"]);
    assert_eq!(
        anchors(text),
        BTreeSet::from(["a-b", "a-b-1"].map(str::to_owned))
    );
    let readme = root().join("README.md");
    let what: Vec<_> = targets
        .iter()
        .map(|target| broken_link(&readme, target))
        .collect();
    assert!(
        what[0].as_deref().is_some_and(|it| it.contains("#a-b")),
        "{what:?}"
    );
    assert_eq!(
        (&what[1], what[2].as_deref()),
        (&None, Some("is not there"))
    );
    assert!(broken_link(&readme, "docs/limits.md#nothing").is_some());
    assert!(broken_link(&readme, "../elsewhere.md").is_some());
    assert!(is_path("crates/book/src/lib.rs") && !is_path("crates/*/src") && !is_path("a/b.rs"));
    assert!(broken_path(&readme, "crates/book/src/lib.rs").is_none());
    assert!(broken_path(&readme, "crates/book/src/no.rs").is_some());
    assert!(broken_path(&readme, "tests/tests/documents.rs::what_is_broken_is_found").is_none());
    assert!(broken_path(&readme, "tests/tests/documents.rs::what_is_not").is_some());
}
