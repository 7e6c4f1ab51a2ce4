//! Interop peers that share no code with this project: the scripts for Node and Python in `tests/peers`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ticklot_sim::Server;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// The time limit of one step of a peer.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// The time limit of a whole script.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(90);

/// The language of a peer.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    /// JavaScript, run by Node.
    Node,
    /// Python.
    Python,
}

impl Language {
    /// The command of a script in the peers' folder. If the language or a library is not installed, prints a line and
    /// returns `None`.
    ///
    /// # Panics
    /// Something is not installed, and `TICKLOT_PEERS` is `required`.
    #[must_use]
    pub fn script(self, name: &str, test: &str) -> Option<Command> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let (folder, extension) = match self {
            Self::Node => (folder.join("node"), "mjs"),
            Self::Python => (folder.join("python"), "py"),
        };
        let Some(program) = self.program(&folder) else {
            let why = format!("the peers for {self:?} are not installed: run tests/peers/install");
            let required = std::env::var("TICKLOT_PEERS").is_ok_and(|it| it == "required");
            assert!(!required, "{why}");
            // Not captured by the test harness, so that every run shows it.
            let _ = writeln!(std::io::stderr(), "skipped {test}: {why}");
            return None;
        };
        let mut command = Command::new(program);
        command.arg(folder.join(format!("{name}.{extension}")));
        Some(command)
    }

    /// The interpreter, if it and all libraries of the scripts are installed.
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

/// These succeed if every library is installed.
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
    /// It does not write one within [`STEP_TIMEOUT`].
    pub async fn line(&mut self) -> Option<String> {
        match timeout(STEP_TIMEOUT, self.lines.recv()).await {
            Ok(line) => line,
            Err(_) => panic!("no further output:\n{}", self.output()),
        }
    }

    /// The address or addresses in a server's first line, `listening ADDRESS`.
    ///
    /// # Panics
    /// The first line has another format.
    pub async fn listening(&mut self) -> String {
        let line = self.line().await.unwrap_or_default();
        let address = line.strip_prefix("listening ").map(str::to_owned);
        address.unwrap_or_else(|| panic!("no listening address:\n{}", self.output()))
    }

    /// Closes the script's standard input and waits until it succeeds.
    ///
    /// # Panics
    /// It fails, or takes too long.
    pub async fn end(mut self) {
        drop(self.child.stdin.take());
        let Ok(status) = timeout(SCRIPT_TIMEOUT, self.child.wait()).await else {
            panic!("the script is still running:\n{}", self.output());
        };
        // The output is complete once it has ended.
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

/// Waits until servers have noticed that all clients are gone.
///
/// # Panics
/// A connection is still open after [`STEP_TIMEOUT`].
pub async fn all_closed<'a>(servers: impl Iterator<Item = &'a Server> + Clone) {
    let is_open = |server: &Server| server.connections().open > 0;
    let closed = async {
        while servers.clone().any(is_open) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(STEP_TIMEOUT, closed).await.expect("in time");
}

/// Reads all lines.
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
