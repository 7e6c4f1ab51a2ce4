//! Checks the documents and comments: the targets of links, headings, paths and functions exist, and no sentence is too
//! long.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap()
}

/// Folders of other projects and of builds.
const FOREIGN: [&str; 4] = ["target", "node_modules", ".git", ".venv"];

/// Finds every file below `folder` whose name has an ending.
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

/// A document without its code blocks.
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

/// The code spans, which may continue in the next line but not in another paragraph.
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

/// The anchors of a document's headings, as GitHub generates them.
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

/// The path without `.` and `..`.
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

/// The error of a link in the document at `from`, if any.
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
        return Some("is outside the repository".to_owned());
    }
    if !path.exists() {
        return Some("does not exist".to_owned());
    }
    if !anchor.is_empty() && !anchors(&fs::read_to_string(&path).unwrap()).contains(anchor) {
        return Some(format!("has no heading #{anchor}"));
    }
    None
}

/// The first folders of the repository's paths.
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

/// Whether a code span is a path in the repository, without placeholders.
fn is_path(code: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    FOLDERS.iter().any(|folder| code.starts_with(folder)) && code.chars().all(plain)
}

/// Folders that a run creates, which may be missing.
const MADE: [&str; 3] = ["fuzz/artifacts", "fuzz/corpus", "fuzz/coverage"];

/// The error of a path such as `tests/tests/limits.rs`, or of `FILE.rs::a_test`, if any. In a document it may also start from
/// the document's folder.
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
        return Some("does not exist".to_owned());
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
            if let Some(error) = broken_link(document, &target) {
                broken.push(format!("{}: {target} {error}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(documents.len() > 10 && seen > 20, "{seen}");
}

#[test]
fn document_paths_exist() {
    let (mut documents, mut broken, mut seen) = (Vec::new(), Vec::new(), 0);
    files(&root(), ".md", &mut documents);
    for document in &documents {
        let prose = prose(&fs::read_to_string(document).unwrap());
        for code in code(&prose).filter(|code| is_path(code)) {
            seen += 1;
            if let Some(error) = broken_path(document, code) {
                broken.push(format!("{}: {code} {error}", document.display()));
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
        for comment in text.lines().filter_map(comment) {
            for code in code(comment).filter(|code| is_path(code)) {
                seen += 1;
                if let Some(error) = broken_path(source, code) {
                    broken.push(format!("{}: {code} {error}", source.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(seen > 10, "{seen}");
}

/// The text of a line that is a comment.
fn comment(line: &str) -> Option<&str> {
    let comment = line.trim_start().strip_prefix("//")?;
    Some(comment.trim_start_matches(['/', '!']))
}

/// A sentence has fewer words, so that it is easy to read.
const MAX_WORDS: usize = 45;

/// The first line and the number of words of each sentence that is too long. A code span is one word. List items, headings,
/// table cells and code blocks are separate sentences, and so are texts around a line of code (`None`).
fn long_sentences<'a>(lines: impl Iterator<Item = Option<&'a str>>) -> Vec<(usize, usize)> {
    let (mut found, mut start, mut words) = (Vec::new(), 0, 0);
    let (mut in_code, mut fenced) = (false, false);
    let mut end = |words: &mut usize, start| match std::mem::take(words) {
        count if count >= MAX_WORDS => found.push((start, count)),
        _ => {}
    };
    for (number, line) in (1..).zip(lines.chain([None])) {
        let text = line.unwrap_or_default().trim();
        let is_fence = text.starts_with("```");
        fenced = line.is_some() && (fenced != is_fence);
        let is_item =
            text.starts_with(['#', '-', '*', '|', '>', '<']) || text.starts_with(char::is_numeric);
        if fenced || is_fence || is_item || text.is_empty() {
            end(&mut words, start);
            in_code = false;
        }
        for word in text.split_whitespace().filter(|_| !fenced && !is_fence) {
            start = if words == 0 { number } else { start };
            words += usize::from(!in_code);
            in_code ^= word.matches('`').count() % 2 == 1;
            let is_last = word
                .trim_end_matches([')', '"', '*', '_', '`'])
                .ends_with(['.', '?', '!', '|']);
            if is_last && !in_code {
                end(&mut words, start);
            }
        }
    }
    found
}

#[test]
fn sentences_are_short() {
    let (mut paths, mut long) = (Vec::new(), Vec::new());
    files(&root(), ".md", &mut paths);
    files(&root(), ".rs", &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let found = match path.extension().is_some_and(|it| it == "rs") {
            true => long_sentences(text.lines().map(comment)),
            false => long_sentences(text.lines().map(Some)),
        };
        let name = path.strip_prefix(root()).unwrap().display();
        long.extend(
            found
                .iter()
                .map(|(line, words)| format!("{name}:{line}: {words} words")),
        );
    }
    assert!(
        long.is_empty(),
        "sentences of {MAX_WORDS} words or more: {long:#?}"
    );
}

#[test]
fn long_sentences_are_found() {
    let long = |text: &str| long_sentences(text.lines().map(Some));
    let words = |count| "word ".repeat(count);
    let text = format!("A b.\n{}\n`{}`\nend. {}.", words(20), words(9), words(43));
    assert_eq!(long(&text), []);
    assert_eq!(
        long(&format!("{}\n\n{}\n{}", words(44), words(40), words(5))),
        [(3, 45)]
    );
    let parts = [
        format!("- {}", words(40)),
        format!("```\n{}\n```", words(50)),
        words(40),
    ];
    assert_eq!(long(&parts.join("\n")), []);
}

#[test]
fn broken_references_are_found() {
    let text = "# A b\n[x](#a-b) `x](y)` [y](docs/limits.md#the-client) [z](nowhere.md)\n```\n[no](no)\n```\n# A b\n";
    let prose = prose(text);
    let targets = links(&prose);
    assert_eq!(targets, ["#a-b", "docs/limits.md#the-client", "nowhere.md"]);
    assert_eq!(
        anchors(text),
        BTreeSet::from(["a-b", "a-b-1"].map(str::to_owned))
    );
    let readme = root().join("README.md");
    let errors = targets.iter().map(|target| broken_link(&readme, target));
    let expected = [Some("has no heading #a-b"), None, Some("does not exist")];
    assert!(errors.eq(expected.map(|error| error.map(str::to_owned))));
    assert!(broken_link(&readme, "docs/limits.md#nothing").is_some());
    assert!(broken_link(&readme, "../elsewhere.md").is_some());
    assert!(is_path("crates/book/src/lib.rs") && !is_path("crates/*/src") && !is_path("a/b.rs"));
    assert!(broken_path(&readme, "crates/book/src/lib.rs").is_none());
    assert!(broken_path(&readme, "crates/book/src/no.rs").is_some());
    assert!(
        broken_path(
            &readme,
            "tests/tests/documents.rs::broken_references_are_found"
        )
        .is_none()
    );
    assert!(broken_path(&readme, "tests/tests/documents.rs::is_missing").is_some());
}
