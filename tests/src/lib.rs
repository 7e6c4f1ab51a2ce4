//! The code that the end-to-end tests share: the recorded data, runs of the program in this process, interop peers, an
//! allocator that counts, and the deterministic simulation.

pub mod accept;
pub mod alloc;
pub mod books;
pub mod data;
pub mod delta_venue;
pub mod drive;
pub mod handler;
pub mod messages;
pub mod mutate;
pub mod peers;
pub mod program;
pub mod raw_recordings;
pub mod simulate;
pub mod soak;

/// The examples of the README and of the guide must compile.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/concepts.md")]
    struct Concepts;
    #[doc = include_str!("../../docs/embedding.md")]
    struct Embedding;
    #[doc = include_str!("../../docs/numbers.md")]
    struct Numbers;
    #[doc = include_str!("../../docs/venue-reference.md")]
    struct VenueReference;
    #[doc = include_str!("../../docs/tuning.md")]
    struct Tuning;
    #[doc = include_str!("../../docs/recording.md")]
    struct Recording;
    #[doc = include_str!("../../docs/strategy.md")]
    struct Strategy;
    #[doc = include_str!("../../docs/venues.md")]
    struct Venues;
}
