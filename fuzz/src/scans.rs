//! The ways of scanning.

use ticklot_frame::Scan;

/// All that there are: whatever the input, they must tell the same.
pub(crate) const SCANS: [Scan; 3] = [Scan::Best, Scan::Portable, Scan::Off];
