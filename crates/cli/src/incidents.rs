//! Incident files: the messages before a book became invalid.

use std::io::Write;
use std::path::Path;

use ticklot::capture::{FlightOptions, IncidentReport, Incidents};
use ticklot::{Feed, Handler};

use crate::failure::Failure;
use crate::output::Output;

/// Writes a file to the folder, if one is given, whenever a book of the feed becomes invalid.
pub(crate) fn record<H: Handler>(
    feed: &mut Feed<H>,
    folder: Option<&Path>,
) -> Result<Option<Incidents>, Failure> {
    let Some(folder) = folder else {
        return Ok(None);
    };
    let zero = feed.clock().unix_offset();
    let incidents =
        Incidents::create(folder, zero, FlightOptions::default()).map_err(Failure::work)?;
    feed.tap(incidents.clone());
    Ok(Some(incidents))
}

/// Waits until the last incident is written, and prints the paths of all incidents.
pub(crate) fn report(incidents: Option<&Incidents>, output: &mut Output) {
    let Some(incidents) = incidents else { return };
    while let Some(report) = incidents.wait_report() {
        // Standard error may be closed.
        let _ = match report {
            IncidentReport::Written(path) => {
                writeln!(output.err, "ticklot: an incident: {}", path.display())
            }
            IncidentReport::Failed(error) => {
                writeln!(output.err, "ticklot: an incident was lost: {error}")
            }
            _ => Ok(()),
        };
    }
    let suppressed = incidents.suppressed();
    if suppressed > 0 {
        let _ = writeln!(
            output.err,
            "ticklot: {suppressed} further invalidations were too soon after another, and were not written"
        );
    }
}
