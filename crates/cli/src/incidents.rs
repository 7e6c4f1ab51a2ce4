//! Incident files: what preceded each loss of a book's validity.

use std::io::Write;
use std::path::Path;

use ticklot::capture::FlightOptions;
use ticklot::capture::{IncidentReport, Incidents};
use ticklot::{Feed, Handler};

use crate::failure::Failure;
use crate::output::Output;

/// Writes a file to the folder, if one is named, for each book of the feed that becomes invalid.
pub(crate) fn record<H: Handler>(
    feed: &mut Feed<H>,
    folder: Option<&Path>,
) -> Result<Option<Incidents>, Failure> {
    let Some(folder) = folder else {
        return Ok(None);
    };
    let zero = feed.clock().unix_zero();
    let incidents =
        Incidents::create(folder, zero, FlightOptions::default()).map_err(Failure::work)?;
    feed.tap(incidents.clone());
    Ok(Some(incidents))
}

/// Prints where the incidents are, once the last one is written.
pub(crate) fn report(incidents: Option<&Incidents>, output: &mut Output) {
    let Some(incidents) = incidents else { return };
    while let Some(told) = incidents.wait_report() {
        // Standard error may be closed.
        let _ = match told {
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
            "ticklot: {suppressed} losses of trust more, too soon after another to be written"
        );
    }
}
