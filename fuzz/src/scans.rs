//! The ways of scanning.

use ticklot_frame::Scan;

/// All that there are: whatever the input, they must tell the same.
pub(crate) const SCANS: [Scan; 4] = [Scan::Best, Scan::Avx2, Scan::Portable, Scan::Off];
