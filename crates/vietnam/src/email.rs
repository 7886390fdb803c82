//! E-mail addresses that an answer can go to.

/// The plain shape that every carrier takes (`local@domain.tld`: no quotes, no spaces, no comments), the domain in lower case; `None` for
/// anything else. Stricter than RFC 5322, so that what passes can stand in a header as it is.
#[must_use]
pub fn plain_address(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let local_good = (1..=64).contains(&local.len())
        && local
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let label_good = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let domain_good = domain.contains('.') && domain.len() <= 253 && domain.split('.').all(label_good);
    (local_good && domain_good).then(|| format!("{local}@{}", domain.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_address_passes_with_its_domain_in_lower_case() {
        assert_eq!(
            plain_address(" Lan.Le+1@Example.VN ").as_deref(),
            Some("Lan.Le+1@example.vn")
        );
    }

    #[test]
    fn what_could_break_a_header_or_reach_nobody_does_not_pass() {
        for bad in [
            "",
            "lan",
            "lan@",
            "@example.vn",
            "lan@example",
            "la n@example.vn",
            "lan@-example.vn",
            "a..b@c.vn",
            ".a@c.vn",
        ] {
            assert_eq!(plain_address(bad), None, "{bad}");
        }
        assert_eq!(plain_address("lan@example.vn\r\nBcc: x@y.z"), None);
        assert_eq!(plain_address("\"lan\"@example.vn"), None);
        assert_eq!(plain_address(&format!("{}@example.vn", "a".repeat(65))), None);
    }
}
