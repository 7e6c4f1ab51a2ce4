//! The program `ticklot`. See `ticklot --help`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use ticklot_cli::{Output, run};

fn main() -> ExitCode {
    let mut output = Output {
        out: Box::new(io::stdout()),
        err: Box::new(io::stderr()),
        terminal: io::stdout().is_terminal() && !is_dumb(),
    };
    ExitCode::from(run(std::env::args_os(), &mut output))
}

/// Whether the terminal says that it can do nothing but print.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
