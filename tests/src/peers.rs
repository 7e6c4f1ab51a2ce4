//! Peers that share no code with this project: scripts of Node and of Python, in `tests/peers`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long one step of a peer may take.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long all of it may take.
const LONG_PATIENCE: Duration = Duration::from_secs(90);

/// What a peer is written in.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    /// JavaScript, run by Node.
    Node,
    /// Python.
    Python,
}

impl Language {
    /// A script of the peers' folder, ready to be run with arguments; none, with a visible line, when what
    /// it needs is not installed.
    ///
    /// # Panics
    /// It is not, and `TICKLOT_PEERS` is `required`.
    #[must_use]
    pub fn script(self, name: &str, test: &str) -> Option<Command> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let (folder, extension) = match self {
            Self::Node => (folder.join("node"), "mjs"),
            Self::Python => (folder.join("python"), "py"),
        };
        let Some(program) = self.program(&folder) else {
            let why = format!("{self:?}'s peers are not here: tests/peers/install installs them");
            let required = std::env::var("TICKLOT_PEERS").is_ok_and(|it| it == "required");
            assert!(!required, "{why}");
            // Past the capture of the test harness, so that it is seen in every run.
            let _ = writeln!(std::io::stderr(), "skipped {test}: {why}");
            return None;
        };
        let mut command = Command::new(program);
        command.arg(folder.join(format!("{name}.{extension}")));
        Some(command)
    }

    /// What runs the scripts, if it is there with every library of theirs.
    fn program(self, folder: &Path) -> Option<PathBuf> {
        let (program, check) = match self {
            Self::Node => ("node".into(), NODE_CHECK),
            Self::Python => (folder.join(".venv/bin/python"), PYTHON_CHECK),
        };
        let mut run = std::process::Command::new(&program);
        let run = run.args(check).current_dir(folder);
        let status = run.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status
            .is_ok_and(|status| status.success())
            .then_some(program)
    }
}

/// Ends well where every library is installed.
const NODE_CHECK: [&str; 2] = [
    "-e",
    "['ws', 'socket.io', 'socket.io-client'].forEach((it) => require.resolve(it))",
];
const PYTHON_CHECK: [&str; 2] = [
    "-c",
    "import importlib.util as it; \
     assert all(map(it.find_spec, ('websockets', 'socketio', 'aiohttp')))",
];

/// A running script. It is killed when dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    output: Output,
}

/// The output of a script so far.
type Output = Arc<Mutex<String>>;

impl Peer {
    /// Starts it.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the script starts");
        let (sender, lines) = mpsc::unbounded_channel();
        let output = Output::default();
        let out = child.stdout.take().expect("its output");
        let err = child.stderr.take().expect("its errors");
        tokio::spawn(read_lines(out, Arc::clone(&output), Some(sender)));
        tokio::spawn(read_lines(err, Arc::clone(&output), None));
        Self {
            child,
            lines,
            output,
        }
    }

    /// The next line of its standard output; none at its end.
    ///
    /// # Panics
    /// It says nothing for too long.
    pub async fn line(&mut self) -> Option<String> {
        match timeout(PATIENCE, self.lines.recv()).await {
            Ok(line) => line,
            Err(_) => panic!("it says nothing more:\n{}", self.output()),
        }
    }

    /// Waits for a script that ends by itself, or with its input, and well.
    ///
    /// # Panics
    /// It does not.
    pub async fn end(mut self) {
        drop(self.child.stdin.take());
        let Ok(status) = timeout(LONG_PATIENCE, self.child.wait()).await else {
            panic!("it does not end:\n{}", self.output());
        };
        // All that it output is in when its output has ended.
        while self.line().await.is_some() {}
        let status = status.expect("a status");
        assert!(status.success(), "{status}:\n{}", self.output());
    }

    /// The output so far.
    ///
    /// # Panics
    /// Only if the task that reads the output panics.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().expect("no panic while held").clone()
    }
}

/// Reads lines to their end.
async fn read_lines(
    from: impl AsyncRead + Unpin,
    output: Output,
    sender: Option<mpsc::UnboundedSender<String>>,
) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut output = output.lock().expect("no panic while held");
        output.push_str(&line);
        output.push('\n');
        drop(output);
        if let Some(sender) = &sender {
            let _ = sender.send(line);
        }
    }
}
