//! Runs both venues with faults over real sockets, and prints what was seen.
//!
//! ```text
//! soak [--for 10m] [--faults SPEC]
//! ```
//!
//! Exit status 1 when something did not hold, 2 when the arguments were wrong.

use std::process::ExitCode;
use std::time::Duration;

use ticklot_sim::Faults;
use ticklot_tests::soak::{FAULTS, run};

fn main() -> ExitCode {
    let (length, faults) = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("soak: {wrong}\nusage: soak [--for 10m] [--faults SPEC]");
            return ExitCode::from(2);
        }
    };
    match run(length, faults) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("soak: {wrong}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(mut args: impl Iterator<Item = String>) -> Result<(Duration, Faults), String> {
    let (mut length, mut faults) = ("10m".to_owned(), FAULTS.to_owned());
    while let Some(name) = args.next() {
        let value = args.next().ok_or(format!("{name} needs a value"))?;
        match name.as_str() {
            "--for" => length = value,
            "--faults" => faults = value,
            _ => return Err(format!("there is no {name}")),
        }
    }
    let length = humantime::parse_duration(&length).map_err(|it| it.to_string())?;
    Ok((length, faults.parse().map_err(|it| format!("{it}"))?))
}
