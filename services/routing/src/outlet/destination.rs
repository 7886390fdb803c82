//! Where a webhook may go: https, to an address that belongs to the public internet. What is checked is what is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Url};

use super::webhook::Undelivered;

/// Longest URL.
const LONGEST: usize = 2_048;

/// Why a URL is none that we send to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadUrl {
    #[error(
        "this is no URL of at most 2,048 characters with a host: give one like https://unit.example/hoiam"
    )]
    Malformed,
    #[error(
        "a webhook goes to https only (http to this machine itself where the service is told --webhook-allow-private)"
    )]
    NotHttps,
    #[error("the URL holds a user, a password or a fragment: leave them out, the signature says who sends")]
    Extra,
    #[error(
        "the URL names an address that is not of the public internet: give a public one, or have the network allowed (--webhook-allow-private)"
    )]
    Private,
}

/// A connection, with TLS or (to this machine only) without.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// A URL that keeps the rules.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) url: Url,
    host: Host<String>,
}

/// Which addresses may be connected to, although they are not public.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed(pub(crate) Arc<[IpNet]>);

impl Allowed {
    /// Whether we connect to an address. An IPv4 address in an IPv6 one is none of either.
    fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.0.iter().any(|net| net.contains(&address))
    }

    /// Reads a URL. What its name resolves to is checked at each connection.
    pub(crate) fn read(&self, text: &str) -> Result<Destination, BadUrl> {
        if text.len() > LONGEST {
            return Err(BadUrl::Malformed);
        }
        let url = Url::parse(text).map_err(|_| BadUrl::Malformed)?;
        let host = url.host().ok_or(BadUrl::Malformed)?.to_owned();
        let literal = match &host {
            Host::Ipv4(address) => Some(IpAddr::from(*address)),
            Host::Ipv6(address) => Some(IpAddr::from(*address)),
            Host::Domain(_) => None,
        };
        if literal.is_some_and(|address| !self.permits(address)) {
            return Err(BadUrl::Private);
        }
        let this_machine = literal.is_some_and(|address| address.is_loopback());
        if url.scheme() != "https" && !(url.scheme() == "http" && this_machine) {
            return Err(BadUrl::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(BadUrl::Extra);
        }
        Ok(Destination { url, host })
    }

    /// Resolves the name and refuses it if any of its addresses may not be connected to.
    async fn resolve(&self, destination: &Destination) -> Result<Vec<SocketAddr>, Undelivered> {
        let port = destination.url.port_or_known_default().unwrap_or(443);
        let addresses: Vec<SocketAddr> = match &destination.host {
            Host::Ipv4(address) => vec![(*address, port).into()],
            Host::Ipv6(address) => vec![(*address, port).into()],
            Host::Domain(name) => tokio::net::lookup_host((name.as_str(), port))
                .await
                .map_err(|_| Undelivered::failed("unknown_host"))?
                .collect(),
        };
        if addresses.is_empty() {
            return Err(Undelivered::failed("unknown_host"));
        }
        if addresses.iter().all(|address| self.permits(address.ip())) {
            Ok(addresses)
        } else {
            Err(Undelivered::failed("forbidden_address"))
        }
    }

    /// Connects to an address that was checked, whatever the name resolves to a moment later.
    pub(crate) async fn connect(
        &self,
        destination: &Destination,
        tls: &TlsConnector,
    ) -> Result<Box<dyn Connection>, Undelivered> {
        let addresses = self.resolve(destination).await?;
        let stream = TcpStream::connect(addresses.as_slice())
            .await
            .map_err(|_| Undelivered::failed("unreachable"))?;
        if destination.url.scheme() == "http" {
            return Ok(Box::new(stream));
        }
        let name = match &destination.host {
            Host::Domain(name) => {
                ServerName::try_from(name.clone()).map_err(|_| Undelivered::failed("tls"))?
            }
            Host::Ipv4(address) => ServerName::from(IpAddr::from(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::from(*address)),
        };
        let stream = tls.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|_| Undelivered::failed("tls"))?))
    }
}

/// Whether an address belongs to the public internet (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    !(a == 0
        || a >= 224 // multicast, reserved, broadcast
        || v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local() // metadata services among them
        || v4.is_documentation()
        || (a == 100 && b & 0xc0 == 64) // carrier-grade NAT
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && b & 0xfe == 18))
}

/// Only global unicast, 2000::/3; so no IPv4-mapped or NAT64 address, no unique-local, link-local or multicast one. Of it neither
/// protocol assignments with Teredo (2001::/23), nor 6to4 (2002::/16), nor what is for documentation.
fn is_public_v6(v6: Ipv6Addr) -> bool {
    let s = v6.segments();
    s[0] & 0xe000 == 0x2000
        && !(s[0] == 0x2001 && (s[1] < 0x200 || s[1] == 0xdb8))
        && s[0] != 0x2002
        && !(s[0] == 0x3fff && s[1] < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> Allowed {
        Allowed(["127.0.0.0/8".parse().unwrap()].into())
    }

    #[test]
    fn only_addresses_of_the_public_internet_are_connected_to() {
        for inward in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!Allowed::default().permits(inward.parse().unwrap()), "{inward}");
        }
        for outward in [
            "1.1.1.1",
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "203.162.4.190",
            "2606:4700::1111",
            "2405:4800::1",
        ] {
            assert!(Allowed::default().permits(outward.parse().unwrap()), "{outward}");
        }
        assert!(loopback().permits("127.0.0.1".parse().unwrap()));
        assert!(!loopback().permits("10.0.0.1".parse().unwrap()));
        assert!(!loopback().permits("::ffff:127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_url_that_leads_inward_or_says_too_much_is_refused_however_it_is_spelt() {
        let refused = |url: &str| Allowed::default().read(url).unwrap_err();
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://169.254.169.254/latest/meta-data/",
            "http://127.0.0.1/",
            "https://１２７.0.0.1/",
        ] {
            assert_eq!(refused(url), BadUrl::Private, "{url}");
        }
        for url in [
            "http://unit.example/",
            "ftp://unit.example/",
            "file://host/etc/passwd",
            "http://localhost/",
        ] {
            assert_eq!(refused(url), BadUrl::NotHttps, "{url}");
        }
        for url in [
            "https://user@unit.example/",
            "https://user:pass@unit.example/",
            "https://unit.example/#x",
        ] {
            assert_eq!(refused(url), BadUrl::Extra, "{url}");
        }
        for url in [
            "",
            "unit.example",
            "https://",
            "data:text/plain,x",
            &format!("https://unit.example/{}", "x".repeat(2_100)),
        ] {
            assert_eq!(refused(url), BadUrl::Malformed, "{url}");
        }
        assert!(
            Allowed::default()
                .read("https://unit.example:8443/hoiam?x=1")
                .is_ok()
        );
        assert!(loopback().read("http://127.0.0.1:9/").is_ok());
        let elsewhere = Allowed(["10.1.0.0/16".parse().unwrap()].into());
        assert_eq!(elsewhere.read("http://10.1.0.1/").unwrap_err(), BadUrl::NotHttps);
    }

    #[tokio::test]
    async fn a_name_that_resolves_inward_is_not_connected_to() {
        let outlet = Allowed::default().read("https://localhost:1/").unwrap();
        let refused = Allowed::default().resolve(&outlet).await.unwrap_err();
        assert_eq!(refused, Undelivered::failed("forbidden_address"));
    }
}
