//! How much is moved: a lot, less, or hardly anything.
//!
//! It must not know by whom.

use std::time::Duration;

/// How much each workload moves.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// The length of the large file.
    pub large_bytes: u64,
    /// The length of the file that comes from several servers, some of which are slow.
    pub shared_bytes: u64,
    /// How many small files there are.
    pub small_count: usize,
    /// How many entries a listing has.
    pub entry_count: usize,
    /// Over how many connections requests come.
    pub connection_counts: Vec<usize>,
    /// For how long.
    pub load_time: Duration,
    /// How many connections are idle.
    pub idle_count: usize,
    /// How often everything is measured.
    pub rounds: usize,
    /// So many rounds before do not count.
    pub warm_up_rounds: usize,
}

impl Sizes {
    /// For numbers to publish.
    pub fn full() -> Self {
        Self {
            large_bytes: 4 << 30,
            shared_bytes: 512 << 20,
            small_count: 10_000,
            entry_count: 1_000_000,
            connection_counts: vec![1, 64, 1000],
            load_time: Duration::from_secs(3),
            idle_count: 10_000,
            rounds: 5,
            warm_up_rounds: 1,
        }
    }

    /// Below three minutes.
    pub fn quick() -> Self {
        Self {
            large_bytes: 512 << 20,
            shared_bytes: 128 << 20,
            small_count: 2_000,
            entry_count: 100_000,
            load_time: Duration::from_millis(500),
            idle_count: 2_000,
            rounds: 3,
            ..Self::full()
        }
    }

    /// To see that everything runs.
    pub fn tiny() -> Self {
        Self {
            large_bytes: 3 << 20,
            shared_bytes: 3 << 20,
            small_count: 30,
            entry_count: 100,
            connection_counts: vec![1, 3],
            load_time: Duration::from_millis(20),
            idle_count: 10,
            rounds: 1,
            warm_up_rounds: 0,
        }
    }
}
