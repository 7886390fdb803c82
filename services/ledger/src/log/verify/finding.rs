//! What may be found when a log or its ledger is not what was signed.

/// What kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The checkpoint, or a cosignature of it, is not to be believed.
    Checkpoint,
    /// A file of the log is not there.
    Missing,
    /// A bundle is cut, or holds too much.
    Damaged,
    /// An entry is not the one that was signed.
    Entry,
    /// An entry stands where another belongs: reordered, doubled, or one before it dropped.
    Moved,
    /// A tile is not what the entries lead to.
    Tile,
    /// Entries and tiles agree with each other and not with what was signed.
    Rewritten,
    /// A row is not what the log holds.
    Row,
    /// A row is not there.
    RowMissing,
    /// A row's data is not what its hash says.
    Data,
    /// Rows that no checkpoint covers yet do not lead to the ledger's own root.
    Root,
}

impl Change {
    /// A word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Missing => "file_missing",
            Self::Damaged => "bundle_damaged",
            Self::Entry => "entry_changed",
            Self::Moved => "entry_moved",
            Self::Tile => "tile_changed",
            Self::Rewritten => "log_rewritten",
            Self::Row => "row_changed",
            Self::RowMissing => "row_missing",
            Self::Data => "data_changed",
            Self::Root => "root_differs",
        }
    }
}

/// Something that is not as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, if it is one position.
    pub position: Option<u64>,
    /// What kind.
    pub change: Change,
    /// In words.
    pub says: String,
}

impl Finding {
    /// Of one position.
    #[must_use]
    pub fn at(position: u64, change: Change, says: impl Into<String>) -> Self {
        Self {
            position: Some(position),
            change,
            says: says.into(),
        }
    }

    /// Of the whole.
    #[must_use]
    pub fn whole(change: Change, says: impl Into<String>) -> Self {
        Self {
            position: None,
            change,
            says: says.into(),
        }
    }
}
