//! Readers of levels, compiled once for each backend.
//!
//! A function with AVX2 instructions must not run on a processor without them. Only this module creates and calls
//! pointers to such functions.

use ticklot_book::Level;

use super::backend::SimdBackend;
#[cfg(target_arch = "x86_64")]
use super::lanes::Avx2;
use super::lanes::{Lanes, Portable};

/// A list of levels that can be read with any [`Lanes`].
pub(super) trait ReadLevels {
    /// The expected shapes of the next level's numbers.
    type Expected;
    /// Why and where the reader stopped.
    type Stop;

    /// Reads levels into `levels`, from the first value at `at` on, and returns their number. A level has `MEMBERS`
    /// members. The indices of its price and its quantity are `PRICE` and `QUANTITY`.
    fn levels<const MEMBERS: usize, const PRICE: usize, const QUANTITY: usize>(
        &self,
        lanes: impl Lanes,
        at: usize,
        expected: &mut Self::Expected,
        levels: &mut [Level],
    ) -> (usize, Self::Stop);
}

/// [`ReadLevels::levels`] for one order of members and one backend.
///
/// # Safety
/// The processor must support the target features of the function.
type Reader<L> = unsafe fn(
    &L,
    usize,
    &mut <L as ReadLevels>::Expected,
    &mut [Level],
) -> (usize, <L as ReadLevels>::Stop);

/// A reader whose instructions this processor supports. [`CompiledReader::new`] is the only constructor.
pub(super) struct CompiledReader<L: ReadLevels>(Reader<L>);

impl<L: ReadLevels> CompiledReader<L> {
    /// The reader for an order of members. It is [`with_avx2`] only for [`SimdBackend::Avx2`], which contains an
    /// `Avx2`. Outside of functions with these target features, only [`Avx2::detect`] creates an `Avx2`.
    pub(super) fn new<const MEMBERS: usize, const PRICE: usize, const QUANTITY: usize>(
        backend: SimdBackend,
    ) -> Self {
        Self(match backend {
            #[cfg(target_arch = "x86_64")]
            SimdBackend::Avx2(_) => with_avx2::<MEMBERS, PRICE, QUANTITY, L>,
            SimdBackend::Portable => portable::<MEMBERS, PRICE, QUANTITY, L>,
        })
    }

    /// Reads levels: see [`ReadLevels::levels`].
    #[inline(always)]
    pub(super) fn read(
        &self,
        list: &L,
        at: usize,
        expected: &mut L::Expected,
        levels: &mut [Level],
    ) -> (usize, L::Stop) {
        // SAFETY: `new` selects `with_avx2` only for a value of `Avx2`, which proves that the processor supports AVX2,
        // BMI1, BMI2, LZCNT and POPCNT, the target features of `with_avx2`. `portable` has no target features.
        #[allow(unsafe_code)]
        unsafe {
            (self.0)(list, at, expected, levels)
        }
    }

    /// The address of the code, for prefetching.
    pub(super) fn code(&self) -> *const u8 {
        self.0 as *const u8
    }
}

// These features must be a subset of those that `Avx2::detect` checks.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn with_avx2<const MEMBERS: usize, const PRICE: usize, const QUANTITY: usize, L: ReadLevels>(
    list: &L,
    at: usize,
    expected: &mut L::Expected,
    levels: &mut [Level],
) -> (usize, L::Stop) {
    list.levels::<MEMBERS, PRICE, QUANTITY>(Avx2::here(), at, expected, levels)
}

fn portable<const MEMBERS: usize, const PRICE: usize, const QUANTITY: usize, L: ReadLevels>(
    list: &L,
    at: usize,
    expected: &mut L::Expected,
    levels: &mut [Level],
) -> (usize, L::Stop) {
    list.levels::<MEMBERS, PRICE, QUANTITY>(Portable, at, expected, levels)
}
