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

/// Sees to it that a write beyond the limit of a file's size (`ulimit -f`) fails, and does not kill the program, which
/// would leave the terminal as it is.
#[cfg(unix)]
fn survive_file_size_limit() {
    let noticed = std::sync::Arc::default();
    // Without it the program works as well, below the limit.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, noticed);
}

#[cfg(not(unix))]
fn survive_file_size_limit() {}

/// Whether the terminal says that it can do nothing but print.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
