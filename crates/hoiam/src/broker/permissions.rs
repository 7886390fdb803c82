//! The least that each user of the broker needs: one table, checked by every run of the system.

use contracts::subjects;

/// What a user may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Permissions {
    /// Subjects it may publish to.
    pub(super) publish: Vec<String>,
    /// Subjects it may subscribe to.
    pub(super) subscribe: Vec<String>,
    /// Whether it answers requests, and so may publish to the inbox of whoever asked.
    pub(super) answers: bool,
}

/// The reactors of each service, by the name of their durable on EVENTS.
const REACTORS: [(&str, &[&str]); 4] = [
    (
        "classification",
        &[
            "classification",
            "classification-duplicates",
            "classification-merging",
        ],
    ),
    ("routing", &["routing", "routing-notices"]),
    ("escalation", &["escalation"]),
    ("feedback", &["feedback", "feedback-share", "feedback-outbox"]),
];

/// The services with read models. A projection's consumer is made anew, under a new name, for each session.
const PROJECTORS: [&str; 4] = ["classification", "routing", "escalation", "console"];

/// The table. A user that is in none of its rows may do nothing.
pub(super) fn of_user(user: &str) -> Permissions {
    let mut may = Permissions::default();
    may.subscribe.push(format!("_INBOX_{user}.>"));
    if let Some(gateway) = user.strip_prefix("gw-") {
        may.gateway(gateway);
    } else if let Some(unit) = user.strip_prefix("unit-") {
        may.unit(unit);
    } else {
        match user {
            // The relay: the only publisher of the record, and who makes the streams.
            "ledger" => may.publish(&[subjects::EVENTS_SUBJECTS, subjects::AHEAD_ALL, "$JS.API.>"]),
            // People who run the installation, by the command.
            "admin" => {
                may.publish(&["$JS.API.>", "$JS.ACK.>"]);
            }
            "intake" => {
                may.publish(&[subjects::RECEIPTS_SUBJECTS, &subjects::park("intake")]);
                for durable in ["intake-express", "intake-bulk"] {
                    may.consumer(subjects::INBOX, durable);
                }
                may.subscribe
                    .extend([subjects::SUBMIT_ALL, subjects::INBOX_SUBJECTS].map(str::to_owned));
                may.answers = true;
            }
            "routing" => {
                may.publish(&[subjects::CASES_SUBJECTS]);
                // Whether a notice is there still; only then are those that were lost put there again.
                may.publish(&[&format!(
                    "$JS.API.DIRECT.GET.{}.{}",
                    subjects::CASES,
                    subjects::CASES_SUBJECTS
                )]);
                may.subscribe.push(subjects::DESK_ALL.to_owned());
                may.answers = true;
            }
            _ => {}
        }
        if REACTORS.iter().any(|(service, _)| *service == user) {
            may.subscribe.push(subjects::AHEAD_ALL.to_owned());
        }
        for reactor in REACTORS
            .iter()
            .filter(|(service, _)| *service == user)
            .flat_map(|(_, reactors)| *reactors)
        {
            may.publish(&[&subjects::park(reactor)]);
            for shard in 0..subjects::DEFAULT_SHARDS {
                may.consumer(subjects::EVENTS, &format!("{reactor}-{shard}"));
            }
        }
        if PROJECTORS.contains(&user) {
            may.consumer(subjects::EVENTS, "*");
        }
    }
    may
}

impl Permissions {
    fn publish(&mut self, subjects: &[&str]) {
        self.publish.extend(subjects.iter().map(|s| (*s).to_owned()));
    }

    /// A consumer that the user makes, pulls from and deletes by itself.
    fn consumer(&mut self, stream: &str, durable: &str) {
        self.publish.push(format!("$JS.API.STREAM.INFO.{stream}"));
        self.publish
            .push(format!("$JS.API.CONSUMER.CREATE.{stream}.{durable}"));
        self.publish
            .push(format!("$JS.API.CONSUMER.CREATE.{stream}.{durable}.>"));
        self.publish
            .push(format!("$JS.API.CONSUMER.DELETE.{stream}.{durable}"));
        self.pull(stream, durable);
    }

    /// A consumer that was made for the user: it may read and acknowledge, not change what it is shown.
    fn pull(&mut self, stream: &str, durable: &str) {
        self.publish
            .push(format!("$JS.API.CONSUMER.INFO.{stream}.{durable}"));
        self.publish
            .push(format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"));
        self.publish.push(format!("$JS.ACK.{stream}.{durable}.>"));
    }

    fn gateway(&mut self, gateway: &str) {
        self.publish.push(subjects::inbox_of(gateway));
        self.publish.push(subjects::submit("*", gateway));
        self.pull(subjects::RECEIPTS, &format!("gw-{gateway}"));
    }

    fn unit(&mut self, unit: &str) {
        self.publish.push(subjects::desk(unit, ">"));
        self.pull(subjects::CASES, &subjects::unit_durable(unit));
    }
}

#[cfg(test)]
mod tests {
    use kernel::taxonomy::Channel::Sms;

    use super::*;

    fn may_publish(user: &str, subject: &str) -> bool {
        let matches = |pattern: &str| {
            let mut words = subject.split('.');
            for part in pattern.split('.') {
                match (part, words.next()) {
                    (">", Some(_)) => return true,
                    ("*", Some(_)) => {}
                    (part, Some(word)) if part == word => {}
                    _ => return false,
                }
            }
            words.next().is_none()
        };
        of_user(user).publish.iter().any(|p| matches(p))
    }

    /// A subject of EVENTS.
    fn event() -> String {
        let stream = kernel::StreamId::named("report", "x");
        subjects::event(1, &stream, "report.report_received.v1", None)
    }

    #[test]
    fn only_the_relay_may_publish_the_record() {
        for user in [
            "admin",
            "intake",
            "classification",
            "routing",
            "escalation",
            "feedback",
            "console",
            "unit-so_xd",
            "gw-demo",
            "nobody",
        ] {
            assert!(!may_publish(user, &event()), "{user}");
        }
        assert!(may_publish("ledger", &event()));
    }

    #[test]
    fn a_unit_speaks_for_itself_only() {
        assert!(may_publish("unit-so_xd", &subjects::desk("so_xd", "accept")));
        assert!(!may_publish("unit-so_xd", &subjects::desk("cong_an", "accept")));
        assert!(!may_publish(
            "unit-so_xd",
            "$JS.API.CONSUMER.MSG.NEXT.CASES.unit-cong_an"
        ));
        assert!(!may_publish(
            "unit-so_xd",
            "$JS.API.CONSUMER.CREATE.CASES.unit-so_xd"
        ));
    }

    #[test]
    fn a_gateway_hands_in_under_its_own_name_only() {
        assert!(may_publish("gw-demo", &subjects::inbox(Sms, "demo")));
        assert!(may_publish("gw-demo", &subjects::inbox_express("demo")));
        assert!(!may_publish("gw-demo", &subjects::inbox(Sms, "other")));
        assert!(!may_publish("gw-demo", &subjects::receipts("sms", "demo")));
    }
}
