//! The run-time choice of a decoder's backend: the fast path with AVX2, the portable fast path, or neither.

#[cfg(target_arch = "x86_64")]
use super::lanes::Avx2;
use crate::json::MAX_LINE;

/// How a decoder parses messages. All backends return the same messages and errors. Select one for measurements, and
/// for tests that compare the backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeBackend {
    /// The fastest backend that this processor supports: AVX2 or portable.
    #[default]
    Best,
    /// The fast path with the instructions that all processors support.
    Portable,
    /// Neither the fast path nor the pull parser: every line is parsed to a tape.
    Off,
}

impl DecodeBackend {
    /// The backend that this choice selects on this processor: `AVX2`, `portable` or `off`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match SimdBackend::new(self) {
            None => "off",
            Some(SimdBackend::Portable) => "portable",
            #[cfg(target_arch = "x86_64")]
            Some(SimdBackend::Avx2(_)) => "AVX2",
        }
    }
}

/// The instructions that the fast path uses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SimdBackend {
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    Portable,
}

impl SimdBackend {
    /// `None` disables the fast path.
    pub(crate) fn new(choice: DecodeBackend) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if let (DecodeBackend::Best, Some(avx2)) = (choice, Avx2::detect()) {
            return Some(Self::Avx2(avx2));
        }
        (choice != DecodeBackend::Off).then_some(Self::Portable)
    }

    /// `None` for a text over the limit, which the general path rejects.
    pub(crate) fn within_limit(backend: Option<Self>, text: &[u8]) -> Option<Self> {
        backend.filter(|_| text.len() <= MAX_LINE)
    }
}
