//! The backends of the decoders.

use ticklot_frame::DecodeBackend;

/// All of them: they must decode any input alike.
pub(crate) const SCANS: [DecodeBackend; 3] = [
    DecodeBackend::Best,
    DecodeBackend::Portable,
    DecodeBackend::Off,
];
