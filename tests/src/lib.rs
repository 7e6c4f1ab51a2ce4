//! What the end-to-end tests share: the recorded data, a program run in this process, scripts that are real
//! peers, and a count of allocations.

pub mod accept;
pub mod alloc;
pub mod books;
pub mod data;
pub mod delta_venue;
pub mod drive;
pub mod messages;
pub mod mutate;
pub mod peers;
pub mod program;
pub mod raw_recordings;
pub mod simulate;
pub mod soak;
