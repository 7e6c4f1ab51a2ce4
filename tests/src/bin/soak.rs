//! Runs both venues with faults over real sockets, and prints a report.
//!
//! ```text
//! soak [--duration 10m] [--faults SPEC] [--spin]
//! ```
//!
//! `--spin` runs the feed turn by turn with keep-warm replays, instead of on the runtime.
//!
//! The exit status is 1 if a check failed, and 2 for invalid arguments.

use std::process::ExitCode;
use std::time::Duration;

use ticklot_sim::FaultConfig;
use ticklot_tests::soak::{Driver, FAULTS, run};

fn main() -> ExitCode {
    let (length, faults, driver) = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("soak: {error}\nusage: soak [--duration 10m] [--faults SPEC] [--spin]");
            return ExitCode::from(2);
        }
    };
    match run(length, faults, driver) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(
    mut args: impl Iterator<Item = String>,
) -> Result<(Duration, FaultConfig, Driver), String> {
    let (mut length, mut faults) = ("10m".to_owned(), FAULTS.to_owned());
    let mut driver = Driver::Runtime;
    while let Some(name) = args.next() {
        let mut value = || args.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--duration" | "--for" => length = value()?,
            "--faults" => faults = value()?,
            "--spin" => driver = Driver::Spinning,
            _ => return Err(format!("unknown option {name}")),
        }
    }
    let length = humantime::parse_duration(&length).map_err(|it| it.to_string())?;
    let faults = faults.parse().map_err(|it| format!("{it}"))?;
    Ok((length, faults, driver))
}
