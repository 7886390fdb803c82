//! The words of a procedure: what a citizen is told, over which way, and why a case is closed or reopened. Codes as in the contracts.

use kernel::words;

words!(
    /// What a citizen is told.
    What, "message" {
        /// The report is on record, with its tracking code.
        Received = "received";
        /// It is handled with other reports of the same matter.
        Merged = "merged";
        /// Where it went.
        Forwarded = "forwarded";
        /// How far the work is, and the date promised.
        Progress = "progress";
        /// The unit asks something; the citizen answers on the tracking page.
        Question = "question";
        /// A part is done, the rest goes on: never the end of a case.
        PartialResult = "partial_result";
        /// What came of it, in the unit's words.
        Result = "result";
        /// Level 1: the guidance.
        Guidance = "guidance";
        /// Level 3: the leaders declined.
        Opinion = "opinion";
        /// Level 4: the dialogue is on record.
        Dialogue = "dialogue";
        /// Level 5: the letter of thanks.
        Thanks = "thanks";
    }
);

words!(
    /// Over which way.
    Way, "way" {
        /// A text message.
        Sms = "sms";
        /// An e-mail.
        Email = "email";
        /// No address: it stands on the page that the tracking code opens.
        TrackingPage = "tracking_page";
    }
);

words!(
    /// The leaders' opinion on a submission.
    Opinion, "opinion" {
        /// Send it to the bodies concerned.
        Agree = "agree";
        /// Do not.
        Decline = "decline";
    }
);

words!(
    /// Why a case is done.
    Closing, "reason" {
        /// Level 1: the citizen was guided.
        Guided = "guided";
        /// The result was told.
        ResultTold = "result_told";
        /// Level 4: the dialogue was held and the result told.
        DialogueHeld = "dialogue_held";
        /// Level 5: the letter of thanks was sent.
        Thanked = "thanked";
        /// The police have it: it leaves the hotline's clock.
        WithPolice = "with_police";
        /// Nothing to answer.
        NotAReport = "not_a_report";
        /// Level 3: the leaders declined, and the citizen was told.
        OpinionDeclined = "opinion_declined";
    }
);

words!(
    /// Why a closed case goes on.
    Reopening, "reason" {
        /// The result is not what is on the ground.
        NotFixed = "not_fixed";
        /// It was fixed and came back.
        CameBack = "came_back";
        /// The wrong unit answered.
        WrongUnit = "wrong_unit";
        /// The citizen disagrees with the answer.
        CitizenDisagrees = "citizen_disagrees";
        /// Something else.
        Other = "other";
    }
);
