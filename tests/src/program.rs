//! The program, run in this process.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ticklot_cli::{Output, run};

/// The result of a run.
#[derive(Debug)]
pub struct Ran {
    /// Its exit status.
    pub status: u8,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Ran {
    /// Checks that the program succeeded and wrote nothing to its standard error.
    ///
    /// # Panics
    /// The status is not 0, or the standard error is not empty.
    #[track_caller]
    pub fn assert_ok(&self) {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{}", self.out);
    }

    /// The standard output as JSON.
    ///
    /// # Panics
    /// The standard output is not JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).expect("JSON")
    }

    /// Checks that the standard output contains a text.
    ///
    /// # Panics
    /// The text is missing.
    #[track_caller]
    pub fn assert_out(&self, text: &str) {
        assert!(self.out.contains(text), "no {text:?} in {}", self.out);
    }

    /// Checks that the standard error contains a text.
    ///
    /// # Panics
    /// The text is missing.
    #[track_caller]
    pub fn assert_err(&self, text: &str) {
        assert!(self.err.contains(text), "no {text:?} in {}", self.err);
    }

    /// Checks that the standard error ends with a text.
    ///
    /// # Panics
    /// The standard error has another end.
    #[track_caller]
    pub fn assert_err_ends(&self, text: &str) {
        assert!(
            self.err.ends_with(text),
            "no {text:?} at the end of {}",
            self.err
        );
    }

    /// Checks the exit status.
    ///
    /// # Panics
    /// The status differs.
    #[track_caller]
    pub fn assert_status(&self, status: u8) {
        assert_eq!(self.status, status, "{}{}", self.out, self.err);
    }

    /// Checks the status of a failure, and that it is reported in one line that contains a text.
    ///
    /// # Panics
    /// The status or the number of lines differs, or the text is missing.
    #[track_caller]
    pub fn assert_failed(&self, status: u8, text: &str) {
        let actual = (self.status, self.err.lines().count());
        assert_eq!(actual, (status, 1), "{}{}", self.out, self.err);
        self.assert_err(text);
    }
}

/// Runs the program with these arguments, which do not include its name.
#[must_use]
pub fn ticklot<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Ran {
    ticklot_with(args, false)
}

/// The same, with a terminal as the standard output.
#[must_use]
pub fn ticklot_on_a_terminal<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Ran {
    ticklot_with(args, true)
}

fn ticklot_with<S: AsRef<str>>(args: impl IntoIterator<Item = S>, terminal: bool) -> Ran {
    let (out, err) = (Captured::default(), Captured::default());
    let mut output = Output {
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        terminal,
    };
    let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
    let status = run(
        std::iter::once("ticklot".to_owned()).chain(args),
        &mut output,
    );
    Ran {
        status,
        out: out.text(),
        err: err.text(),
    }
}

/// A file in the system's temporary folder; removed when dropped.
#[derive(Debug)]
pub struct TempFile(PathBuf);

impl TempFile {
    /// A unique path. The file does not exist yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("ticklot-{}-{number}-{name}", std::process::id());
        Self(std::env::temp_dir().join(unique))
    }

    /// Its path, for a command line.
    ///
    /// # Panics
    /// The path of the temporary folder is not UTF-8.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.to_str().expect("a path that is text")
    }

    /// Its content.
    ///
    /// # Panics
    /// It cannot be read as text.
    #[must_use]
    pub fn text(&self) -> String {
        std::fs::read_to_string(&self.0).expect("the file was written")
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A folder in the system's temporary folder; removed with its content when dropped.
#[derive(Debug)]
pub struct TempFolder(TempFile);

impl TempFolder {
    /// An empty folder.
    ///
    /// # Panics
    /// It cannot be created.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let file = TempFile::new(name);
        std::fs::create_dir(file.path()).expect("a folder");
        Self(file)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// The path of a file in it, for a command line.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.path())
    }

    /// The sorted names of its entries.
    ///
    /// # Panics
    /// It cannot be read, or a name is not UTF-8.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("the folder is there");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("a name that is text")
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.path());
    }
}

#[derive(Clone, Debug, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        let bytes = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
