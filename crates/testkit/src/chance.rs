//! Chance that can be repeated: `HOIAM_FAULT_SEED`, and how long a long form runs: `HOIAM_FAULT_ROUNDS`.

/// A generator (splitmix64) whose whole course follows from its seed.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// From `HOIAM_FAULT_SEED`, or 1.
    #[must_use]
    pub fn seeded() -> Self {
        Self(number("HOIAM_FAULT_SEED", 1))
    }

    /// A generator of its own for the n-th of several that run at once.
    #[must_use]
    pub fn branch(&self, n: u64) -> Self {
        let mut branch = Self(self.0 ^ n.wrapping_mul(0xA076_1D64_78BD_642F));
        branch.next();
        branch
    }

    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in `n` on average.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// `HOIAM_FAULT_ROUNDS`, or what the test thinks right.
#[must_use]
pub fn rounds(otherwise: u64) -> u64 {
    number("HOIAM_FAULT_ROUNDS", otherwise)
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}
