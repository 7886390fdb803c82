//! What is asked of a ledger and its model: random commands that shrink.

use proptest::prelude::*;

pub(super) const CATEGORIES: [&str; 2] = ["routing", "routing-policy"];

#[derive(Clone, Debug)]
pub(super) enum Command {
    Append(Append),
    /// The same, by a ledger that dies at this step if it comes there, and is asked again after it has started anew.
    DieAt(&'static str, Append),
    ReadStream {
        stream: u8,
        from: u64,
        limit: u64,
    },
    ReadCase {
        case: u8,
        from: u64,
    },
    ReadAll {
        from: u64,
        to: u64,
        limit: u64,
        category: Option<u8>,
    },
    Kill,
    Restart,
}

#[derive(Clone, Debug)]
pub(super) struct Append {
    /// Few, so that they repeat.
    pub(super) request: u8,
    pub(super) client: bool,
    pub(super) case: Option<u8>,
    pub(super) parts: Vec<Part>,
    pub(super) guard: Option<Guard>,
    pub(super) express: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) stream: u8,
    pub(super) expected: Expected,
    pub(super) events: usize,
    pub(super) sealed: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    Any,
    None,
    /// Its version, and so much more.
    Off(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) case: u8,
    /// So far behind the head.
    pub(super) back: u64,
    pub(super) category: Option<u8>,
}

pub(super) fn commands() -> impl Strategy<Value = Vec<Command>> {
    let expected = prop_oneof![
        3 => Just(Expected::Any),
        2 => Just(Expected::None),
        4 => Just(Expected::Off(0)),
        1 => (1..3_u64).prop_map(Expected::Off),
    ];
    let part =
        (0..5_u8, expected, 0..4_usize, any::<bool>()).prop_map(|(stream, expected, events, sealed)| Part {
            stream,
            expected,
            events,
            sealed,
        });
    let guard = (0..3_u8, 0..4_u64, prop::option::of(0..2_u8)).prop_map(|(case, back, category)| Guard {
        case,
        back,
        category,
    });
    let append = (
        0..24_u8,
        any::<bool>(),
        prop::option::weighted(0.9, 0..3_u8),
        prop::collection::vec(part, 0..4),
        prop::option::weighted(0.3, guard),
        any::<bool>(),
    )
        .prop_map(|(request, client, case, parts, guard, express)| Append {
            request,
            client,
            case,
            parts,
            guard,
            express,
        });
    let step = prop::sample::select(vec![
        "ledger.before_lock",
        "ledger.after_lock",
        "ledger.after_keys",
        "ledger.before_commit",
        "ledger.after_commit_before_reply",
    ]);
    let command = prop_oneof![
        20 => append.clone().prop_map(Command::Append),
        2 => (step, append).prop_map(|(step, append)| Command::DieAt(step, append)),
        3 => (0..5_u8, 0..6_u64, 0..4_u64).prop_map(|(stream, from, limit)| Command::ReadStream { stream, from, limit }),
        2 => (0..3_u8, 0..20_u64).prop_map(|(case, from)| Command::ReadCase { case, from }),
        3 => (0..40_u64, 0..40_u64, 0..6_u64, prop::option::of(0..2_u8))
            .prop_map(|(from, to, limit, category)| Command::ReadAll { from, to, limit, category }),
        1 => Just(Command::Kill),
        1 => Just(Command::Restart),
    ];
    prop::collection::vec(command, 1..60)
}
