//! Decides field, topic, kind, urgency, level and place of a report, or asks for a person.
