//! The program `ticklot`. See `ticklot --help`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use ticklot_cli::{Output, run};

fn main() -> ExitCode {
    survive_file_size_limit();
    let mut output = Output {
        out: Box::new(io::stdout()),
        err: Box::new(io::stderr()),
        terminal: io::stdout().is_terminal() && !is_dumb(),
    };
    ExitCode::from(run(std::env::args_os(), &mut output))
}

/// Makes a write beyond the file size limit (`ulimit -f`) fail. The signal's default action would kill the program and
/// leave the terminal in raw mode.
#[cfg(unix)]
fn survive_file_size_limit() {
    let received = std::sync::Arc::default();
    // If it fails, the program still works below the limit.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, received);
}

#[cfg(not(unix))]
fn survive_file_size_limit() {}

/// Whether `TERM` declares a terminal without cursor movement.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
