//! The backends of the decoders.

use ticklot_frame::Scan;

/// All of them: they must decode any input alike.
pub(crate) const SCANS: [Scan; 3] = [Scan::Best, Scan::Portable, Scan::Off];
