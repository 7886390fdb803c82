//! An error with all its causes on one line: a log line in JSON shows only the outermost, which is the least telling.

use std::error::Error;
use std::fmt::{Display, Formatter, Result};

/// Displays an error and, after colons, what caused it: `error = %chain(&error)`.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Display + 'a {
    Chain(error)
}

struct Chain<'a>(&'a (dyn Error + 'static));

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the database failed")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn every_cause_is_told() {
        let error = Outer(std::io::Error::other("no room"));
        assert_eq!(chain(&error).to_string(), "the database failed: no room");
    }
}
