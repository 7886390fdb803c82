//! The words a dispatch, a return and a result are stated in: stable codes.

use kernel::words;

words!(
    /// Why a case is put before a unit now.
    Basis, "basis" {
        /// A clear matter and a clear unit.
        Level2 = "level_2";
        /// The leaders agreed.
        OpinionAgreed = "opinion_agreed";
        /// The office ordered it.
        OfficeOrder = "office_order";
        /// A crime report goes to the police at once.
        CrimeReport = "crime_report";
        /// Life is in danger.
        Emergency = "emergency";
        /// It came back after the answer.
        Reopened = "reopened";
        /// The first unit said whose it is.
        BetterUnit = "better_unit";
        /// The report is about the unit that had it.
        LevelAbove = "level_above";
        /// The offices' dispute gave it to the other office.
        Dispute = "dispute";
    }
);

words!(
    /// Why a case is the other office's.
    DisputeReason, "reason" {
        /// What it is about belongs to the other field.
        Matter = "matter";
        /// Whom it is about answers to the other side.
        Person = "person";
        /// Of several matters, the main one belongs to the other field.
        MainMatter = "main_matter";
        /// Something came to light after it was decided.
        NewFacts = "new_facts";
        /// As the words beside it say.
        Other = "other";
    }
);

words!(
    /// Why a unit gives a case back.
    ReturnReason, "reason" {
        /// Another body's task.
        NotOurs = "not_ours";
        /// Nobody can act on it without asking back.
        Incomplete = "incomplete";
        /// The same matter is on record already.
        Duplicate = "duplicate";
        /// It is about the unit itself.
        Conflict = "conflict";
        /// As the words beside it say.
        Other = "other";
    }
);

words!(
    /// Why a case is taken back from a unit.
    RecallReason, "reason" {
        /// The office puts it before another.
        Elsewhere = "elsewhere";
        /// Its content was lawfully erased.
        Erased = "erased";
    }
);

words!(
    /// What came of it.
    Outcome, "outcome" {
        /// Settled.
        Done = "done";
        /// Settled in part.
        PartlyDone = "partly_done";
        /// Cannot be settled.
        NotPossible = "not_possible";
        /// Looked into; there are no grounds.
        NoGrounds = "no_grounds";
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_is_named_in_the_refusal_of_another() {
        for word in Basis::ALL {
            assert_eq!(word.code().parse(), Ok(*word));
            assert!("x".parse::<Basis>().unwrap_err().known.contains(word.code()));
        }
        for word in ReturnReason::ALL {
            assert_eq!(word.code().parse(), Ok(*word));
            assert!(
                "x".parse::<ReturnReason>()
                    .unwrap_err()
                    .known
                    .contains(word.code())
            );
        }
        for word in RecallReason::ALL {
            assert_eq!(word.code().parse(), Ok(*word));
            assert!(
                "x".parse::<RecallReason>()
                    .unwrap_err()
                    .known
                    .contains(word.code())
            );
        }
        for word in Outcome::ALL {
            assert_eq!(word.code().parse(), Ok(*word));
            assert!("x".parse::<Outcome>().unwrap_err().known.contains(word.code()));
        }
    }
}
