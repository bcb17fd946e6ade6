//! What a simulation is told, and the scenarios that have a name. Must not know how any of it is carried out.

use super::graph::Shape;
use core::fmt::Write as _;
use core::ops::RangeInclusive;

/// The names that [`Options::scenario`] knows.
pub const SCENARIOS: [&str; 8] =
    ["calm", "dialled", "slow", "churn", "partition", "liars", "flooders", "everything"];

/// How a peer misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vice {
    /// Takes everything and sends nothing.
    Silent,
    /// Begins thousands of searches.
    Flooding,
    /// Answers what it did not find, also to those who did not ask.
    Inventing,
    /// Sends again what it heard, everywhere, at once and later.
    Replaying,
    /// Passes everything on as if it had crossed no link and might cross all.
    Inflating,
}

impl Vice {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Silent, Self::Flooding, Self::Inventing, Self::Replaying, Self::Inflating];
}

/// All that decides a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The scenario that these come from; none where they stand for themselves.
    pub scenario: Option<&'static str>,
    /// Peers.
    pub peers: usize,
    /// How they are linked.
    pub shape: Shape,
    /// Links of each peer, where the shape is random.
    pub degree: usize,
    /// How far searches go.
    pub ttl: u8,
    /// How many peers hold what is searched.
    pub copies: usize,
    /// Searches, one after another.
    pub searches: usize,
    /// Milliseconds between two searches.
    pub pause: u64,
    /// Discovers, in between.
    pub discovers: usize,
    /// Milliseconds that a message takes: drawn for each link, the same in both directions.
    pub latency: RangeInclusive<u32>,
    /// Whether the peers dial each other and keep their links; otherwise the links simply stand.
    pub dialled: bool,
    /// Messages that a link takes a second in each direction; as many as there are if none.
    pub messages_per_second: Option<u32>,
    /// Links that break.
    pub cuts: usize,
    /// Peers that crash, and come back without memory and with another id.
    pub crashes: usize,
    /// How often the network falls apart in two, and heals.
    pub partitions: usize,
    /// Peers that misbehave, one for each entry.
    pub liars: Vec<Vice>,
    /// Whether the invariants are checked after every event.
    pub check: bool,
    /// Where all chance begins.
    pub seed: u64,
}

impl Default for Options {
    /// The network of the benchmark, with few peers.
    fn default() -> Self {
        Self {
            scenario: None,
            peers: 1000,
            shape: Shape::Random,
            degree: 6,
            ttl: 7,
            copies: 1,
            searches: 20,
            pause: 2000,
            discovers: 0,
            latency: 10..=100,
            dialled: false,
            messages_per_second: None,
            cuts: 0,
            crashes: 0,
            partitions: 0,
            liars: Vec::new(),
            check: true,
            seed: 1,
        }
    }
}

impl Options {
    /// The scenario of that name; the seed decides its size and shape too.
    #[must_use]
    pub fn scenario(name: &str, seed: u64) -> Option<Self> {
        let name = *SCENARIOS.iter().find(|known| **known == name)?;
        let small = Self {
            scenario: Some(name),
            peers: 12 + usize::try_from(seed % 5).unwrap_or_default() * 6,
            shape: *Shape::ALL.get(usize::try_from(seed % 6).unwrap_or_default())?,
            degree: 4,
            ttl: 1 + u8::try_from(seed % 7).unwrap_or_default(),
            copies: 5,
            searches: 12,
            discovers: 4,
            latency: 1..=200,
            seed,
            ..Self::default()
        };
        let dialled = Self { dialled: true, pause: 10_000, ..small.clone() };
        let all_vices = Vice::ALL.to_vec();
        Some(match name {
            "calm" => small,
            "dialled" => dialled,
            "slow" => Self { messages_per_second: Some(20), latency: 1..=2000, pause: 50, ..small },
            "churn" => Self { cuts: 15, crashes: 10, ..dialled },
            "partition" => Self { partitions: 2, ..dialled },
            "liars" => Self { liars: all_vices, ..small },
            "flooders" => Self { liars: vec![Vice::Flooding; 2], messages_per_second: Some(500), ..small },
            _ => Self { cuts: 10, crashes: 8, partitions: 1, liars: all_vices, ..dialled },
        })
    }

    /// The one command that does the same again.
    #[must_use]
    pub fn command(&self) -> String {
        let mut command = "cargo run --release -p integration-tests --bin simulate --".to_owned();
        // Writing into a text does not fail.
        let _ = match self.scenario {
            Some(name) => write!(command, " --scenario {name} --seed {}", self.seed),
            None => write!(command, "{}", self.flags()),
        };
        command
    }

    fn flags(&self) -> String {
        let mut flags = format!(
            " --peers {} --shape {} --degree {} --ttl {} --copies {} --searches {} --pause {} --latency {}..{} --seed {}",
            self.peers,
            self.shape.name(),
            self.degree,
            self.ttl,
            self.copies,
            self.searches,
            self.pause,
            self.latency.start(),
            self.latency.end(),
            self.seed
        );
        for (name, count) in [
            ("discovers", self.discovers),
            ("cuts", self.cuts),
            ("crashes", self.crashes),
            ("partitions", self.partitions),
            ("messages-per-second", self.messages_per_second.map_or(0, |rate| rate as usize)),
        ] {
            if count > 0 {
                let _ = write!(flags, " --{name} {count}");
            }
        }
        for vice in &self.liars {
            let _ = write!(flags, " --liar {}", vice.name());
        }
        flags.push_str(if self.dialled { " --dialled" } else { "" });
        flags.push_str(if self.check { "" } else { " --check off" });
        flags
    }
}

impl Vice {
    /// As it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Flooding => "flooding",
            Self::Inventing => "inventing",
            Self::Replaying => "replaying",
            Self::Inflating => "inflating",
        }
    }
}
